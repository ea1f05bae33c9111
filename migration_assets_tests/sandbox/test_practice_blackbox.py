"""The blackbox check's comparison: silent over a faithful org, loud about each way an org can be wrong."""

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from migration_assets_tests import blackbox
from migration_assets_tests.blackbox_compare import (
    CONTACT_FIELDS,
    EXAM_FIELDS,
    SITE_FIELDS,
    Announced,
    Org,
    Report,
    Source,
    compare,
    universal,
)
from migration_sandbox.practice.generator import generate

ZONE = ZoneInfo("America/New_York")
SITES = ("MB", "B", "DB", "ML", "L", "DL")


def chart_row(
    charting: int, exam: int, tooth: str, depths: list[int | None], recessions: list[int]
) -> dict[str, Any]:
    row: dict[str, Any] = {"ChartingID": charting, "ExamID": exam, "Tooth": tooth}
    row |= {f"PocketDepth_{site}": depth for site, depth in zip(SITES, depths, strict=True)}
    return row | {f"Recession_{site}": margin for site, margin in zip(SITES, recessions, strict=True)}


def small_source() -> Source:
    """Two patients; one exam in Universal with teeth 6 and 19, one in FDI with tooth 13 (Universal 6)."""
    blank = dict.fromkeys(("MiddleName", "PreferredName", "WorkPhone", "MobilePhone", "Address2", "BridgeID"))
    anna = blank | {
        "PatientID": 1, "ChartNumber": "P-1", "FirstName": "Zoë", "LastName": "𠮷野", "Sex": "F",
        "DateOfBirth": datetime(1961, 5, 2).date(), "Email": "zoe@mail.example",
        "HomePhone": "(212) 555-0100",
        "Address1": "12 Elm Street ", "City": "Newark", "State": "NJ", "Zip": "07102", "Inactive": False,
        "CreatedAt": datetime(2024, 7, 1, 9, 0, 0, 250_000),
    }  # fmt: skip
    ben = anna | {
        "PatientID": 2,
        "FirstName": "Ben",
        "Address2": "Apt 4B",
        "CreatedAt": datetime(2024, 3, 10, 2, 30),
    }
    exam = {
        "ExamID": 10, "PatientID": 1, "ExamDate": datetime(2024, 1, 15, 23, 30), "ChartingType": "Limited",
        "ToothNumberingSystem": "Universal", "PlaqueIndex": "33.33", "BleedingIndex": None,
        "Notes": "Line one.\r\nLine two.",
    }  # fmt: skip
    other = exam | {"ExamID": 11, "PatientID": 2, "ToothNumberingSystem": "FDI", "Notes": None}
    chart = [
        chart_row(100, 10, "6", [3, 2, 4, 3, 0, None], [1, 0, -1, 2, 0, 3]),
        chart_row(101, 10, "19", [5, 4, 6, 5, 4, 7], [0, 0, 0, 0, 0, 0]),
        chart_row(102, 11, "13", [2, 1, 3, 2, 1, 2], [0, 1, 0, 0, 0, 0]),
    ]
    return Source([anna, ben], [exam, other], chart)


def utc(local: datetime) -> str:
    return local.replace(tzinfo=ZONE).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def small_org() -> Org:
    """What a faithful migration of ``small_source`` leaves behind, as Salesforce would return it."""
    anna: dict[str, Any] = {
        "Id": "003A", "PANDA_Key__c": "maple:patient:1", "AccountId": "001A", "LastName": "𠮷野",
        "FirstName": "Zoë", "MiddleName": None, "Birthdate": "1961-05-02", "Email": "zoe@mail.example",
        "HomePhone": "(212) 555-0100",
        "Phone": None, "MobilePhone": None, "MailingStreet": "12 Elm Street", "MailingCity": "Newark",
        "MailingState": "NJ", "MailingPostalCode": "07102", "PANDA_Chart_Number__c": "P-1", "Sex__c": "F",
        "Preferred_Name__c": None, "PANDA_Bridge_ID__c": None, "Inactive__c": False,
        "Original_Create_Date__c": utc(datetime(2024, 7, 1, 9, 0)),
    }  # fmt: skip
    ben = anna | {
        "Id": "003B", "PANDA_Key__c": "maple:patient:2", "FirstName": "Ben",
        "MailingStreet": "12 Elm Street\nApt 4B",
        "Original_Create_Date__c": "2024-03-10T07:30:00.000+0000",
    }  # fmt: skip
    exam: dict[str, Any] = dict.fromkeys(SITE_FIELDS) | {
        "Id": "a00A", "PANDA_Key__c": "maple:exam:10", "Contact__c": "003A", "Exam_Date__c": "2024-01-15",
        "Exam_Time__c": "2024-01-16T04:30:00.000Z", "Charting_Type__c": "Limited",
        "Chart_Incomplete__c": "false",
        "ToothNumberingSystem__c": "Universal", "Plaque_Index__c": "33.33", "Bleeding_Index__c": None,
        "Exam_Notes__c": "Line one.\nLine two.", "Rejected_Teeth__c": "0.0",
    }  # fmt: skip
    other = exam | {
        "Id": "a00B", "PANDA_Key__c": "maple:exam:11", "Contact__c": "003B", "ToothNumberingSystem__c": "FDI",
        "Exam_Notes__c": None,
    }  # fmt: skip
    put(exam, "UR6", ["3", "2.0", "4", "3", "0", None], ["1", "0", "-1", "2", "0", "3"])
    put(exam, "LL19", ["5", "4", "6", "5", "4", "7"], ["0"] * 6)
    put(other, "UR6", ["2", "1", "3", "2", "1", "2"], ["0", "1", "0", "0", "0", "0"])
    return Org([{"Id": "001A", "PANDA_Key__c": "maple:practice:maple"}], [anna, ben], [exam, other])


def put(exam: dict[str, Any], tooth: str, depths: list[str | None], recessions: list[str]) -> None:
    for measure, values in (("PocketDepth", depths), ("Recession", recessions)):
        exam.update(
            {f"{measure}_{site}_{tooth}__c": value for site, value in zip(SITES, values, strict=True)}
        )


def check(source: Source, org: Org, announced: Announced | None = None) -> Report:
    return compare(source, org, "maple", ZONE, announced or Announced())


def found(report: Report) -> set[tuple[str, str, str]]:
    return {(difference.kind, difference.field, difference.key) for difference in report.differences}


def test_a_faithful_org_has_no_difference() -> None:
    report = check(small_source(), small_org())
    assert report.differences == []
    assert report.counts["patients compared"] == 2 and report.counts["exams compared"] == 2
    assert report.counts["sites compared"] == 35
    assert report.counts["line breaks written differently"] == 1


def swap_mesial_and_distal(org: Org) -> None:
    exam = org.exams[0]
    one, two = "PocketDepth_MB_LL19__c", "PocketDepth_DB_LL19__c"
    exam[one], exam[two] = exam[two], exam[one]


def turn_the_sign(org: Org) -> None:
    org.exams[0]["Recession_DL_UR6__c"] = "-3"


def change_one_character(org: Org) -> None:
    org.contacts[0]["FirstName"] = "Zoe"


def change_a_note(org: Org) -> None:
    org.exams[0]["Exam_Notes__c"] = "Line one. Line two."


def make_nought_of_nothing(org: Org) -> None:
    org.exams[0]["PocketDepth_DL_UR6__c"] = "0"


def make_nothing_of_nought(org: Org) -> None:
    org.exams[0]["PocketDepth_L_UR6__c"] = None


def fill_a_tooth_nobody_charted(org: Org) -> None:
    org.exams[1]["PocketDepth_B_LR32__c"] = "3"


def take_palmer_for_universal(org: Org) -> None:
    exam = org.exams[1]
    for site in SITES:
        exam[f"PocketDepth_{site}_UR3__c"], exam[f"PocketDepth_{site}_UR6__c"] = (
            exam[f"PocketDepth_{site}_UR6__c"],
            None,
        )


def delete_a_patient(org: Org) -> None:
    del org.contacts[1]


def delete_an_exam(org: Org) -> None:
    del org.exams[0]


def double_an_exam(org: Org) -> None:
    org.exams.append(org.exams[0] | {"Id": "a00X"})


def add_a_stranger(org: Org) -> None:
    org.contacts.append(org.contacts[0] | {"PANDA_Key__c": "maple:patient:999"})


def give_an_exam_to_another_patient(org: Org) -> None:
    org.exams[0]["Contact__c"] = "003B"


def move_to_another_account(org: Org) -> None:
    org.contacts[0]["AccountId"] = "001Z"


def shift_a_day(org: Org) -> None:
    org.exams[0]["Exam_Date__c"] = "2024-01-16"


def forget_the_zone(org: Org) -> None:
    org.exams[0]["Exam_Time__c"] = "2024-01-15T23:30:00.000Z"


def flag_a_whole_chart(org: Org) -> None:
    org.exams[0]["Chart_Incomplete__c"] = "true"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (
            swap_mesial_and_distal,
            {("differs", f"PocketDepth_{site}_LL19__c", "maple:exam:10") for site in ("MB", "DB")},
        ),
        (turn_the_sign, {("differs", "Recession_DL_UR6__c", "maple:exam:10")}),
        (change_one_character, {("differs", "FirstName", "maple:patient:1")}),
        (change_a_note, {("differs", "Exam_Notes__c", "maple:exam:10")}),
        (make_nought_of_nothing, {("differs", "PocketDepth_DL_UR6__c", "maple:exam:10")}),
        (make_nothing_of_nought, {("differs", "PocketDepth_L_UR6__c", "maple:exam:10")}),
        (fill_a_tooth_nobody_charted, {("differs", "PocketDepth_B_LR32__c", "maple:exam:11")}),
        (
            take_palmer_for_universal,
            {
                ("differs", f"PocketDepth_{site}_{tooth}__c", "maple:exam:11")
                for site in SITES
                for tooth in ("UR3", "UR6")
            },
        ),
        (
            delete_a_patient,
            {("missing", "PANDA_Key__c", "maple:patient:2"), ("differs", "Contact__c", "maple:exam:11")},
        ),
        (delete_an_exam, {("missing", "PANDA_Key__c", "maple:exam:10")}),
        (double_an_exam, {("doubled", "PANDA_Key__c", "maple:exam:10")}),
        (add_a_stranger, {("extra", "PANDA_Key__c", "maple:patient:999")}),
        (give_an_exam_to_another_patient, {("differs", "Contact__c", "maple:exam:10")}),
        (move_to_another_account, {("differs", "AccountId", "maple:patient:1")}),
        (shift_a_day, {("differs", "Exam_Date__c", "maple:exam:10")}),
        (forget_the_zone, {("differs", "Exam_Time__c", "maple:exam:10")}),
        (flag_a_whole_chart, {("differs", "Chart_Incomplete__c", "maple:exam:10")}),
    ],
)
def test_each_damage_is_found(damage: Callable[[Org], None], expected: set[tuple[str, str, str]]) -> None:
    org = deepcopy(small_org())
    damage(org)
    assert found(check(small_source(), org)) == expected


def defect(table: str, key: int, outcome: str, column: str = "", code: str = "") -> dict[str, str]:
    return {"table": table, "source_key": str(key), "outcome": outcome, "column": column, "code": code}


def test_an_announced_reject_must_be_absent() -> None:
    announced = Announced([defect("Patient", 2, "rejected"), defect("ClinicalExam", 11, "held_back")])
    org = small_org()
    assert found(check(small_source(), org, announced)) == {
        ("extra", "PANDA_Key__c", "maple:patient:2"),
        ("extra", "PANDA_Key__c", "maple:exam:11"),
    }
    del org.contacts[1], org.exams[1]
    assert found(check(small_source(), org, announced)) == set()


def test_an_announced_correction_is_expected_in_the_org() -> None:
    source, org = small_source(), small_org()
    source.patients[0] |= {"Email": "nobody at home", "City": "San_Jose"}
    org.contacts[0] |= {"Email": None, "MailingCity": "San Jose"}
    announced = Announced(
        [
            defect("Patient", 1, "corrected", "Email", "invalid_email"),
            defect("Patient", 1, "corrected", "City", "bridge_underscore"),
        ]
    )
    assert found(check(source, org, announced)) == set()
    assert len(check(source, org).differences) == 2


def test_a_tooth_charted_twice_is_left_out_and_flagged() -> None:
    source, org = small_source(), small_org()
    source.chart.append(chart_row(103, 10, "6", [9] * 6, [0] * 6))
    assert ("tooth charted twice", "Tooth", "103") in found(check(source, org))
    put(org.exams[0], "UR6", [None] * 6, [None] * 6)  # type: ignore[list-item]
    org.exams[0] |= {"Chart_Incomplete__c": "true", "Rejected_Teeth__c": "1"}
    announced = Announced(
        [
            defect("PeriodontalCharting", 100, "rejected"),
            defect("PeriodontalCharting", 103, "rejected"),
            defect("ClinicalExam", 10, "flagged"),
        ]
    )
    assert found(check(source, org, announced)) == set()


def test_a_tooth_without_a_known_number_is_reported() -> None:
    source = small_source()
    source.exams[0]["ToothNumberingSystem"] = None
    assert {("unknown tooth", "Tooth", "100"), ("unknown tooth", "Tooth", "101")} <= found(
        check(source, small_org())
    )


@pytest.mark.parametrize(
    ("tooth", "system", "expected"),
    [
        ("6", "Universal", 6), ("32", "universal", 32), ("33", "Universal", None), ("A", "Universal", None),
        ("18", "FDI", 1), ("11", "FDI", 8), ("21", "FDI", 9), ("28", "FDI", 16), ("38", "FDI", 17),
        ("31", "FDI", 24), ("41", "FDI", 25), ("48", "FDI", 32), ("19", "FDI", None), ("55", "FDI", None),
        ("UR8", "Palmer", 1), ("UL-1", "Palmer", 9), ("LL8", "Palmer", 17), ("LR1", "Palmer", 25),
        ("UR9", "Palmer", None), ("URE", "Palmer", None), ("11", None, None),
    ],
)  # fmt: skip
def test_teeth_are_renumbered_by_formula(tooth: str, system: str | None, expected: int | None) -> None:
    assert universal(tooth, system) == expected


def test_output_holds_no_value_unless_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    org = small_org()
    org.contacts[0]["FirstName"] = "Zoe"
    report = check(small_source(), org)
    blackbox.print_report(report, show_values=False)
    silent = capsys.readouterr().out
    assert "Contact.FirstName differs: 1 (maple:patient:1)" in silent and "Zo" not in silent
    blackbox.print_report(report, show_values=True)
    assert "Zoë" in capsys.readouterr().out


def test_options_come_from_the_line_then_the_file_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "blackbox.json"
    config.write_text('{"practice": "oak", "instance_url": "https://file"}')
    monkeypatch.setenv("BLACKBOX_TOKEN", "secret")
    monkeypatch.setenv("BLACKBOX_PRACTICE", "elm")
    monkeypatch.setenv("BLACKBOX_ODBC_SERVER", "127.0.0.1,1433")
    monkeypatch.setenv("BLACKBOX_ODBC_PWD", "a}b")
    chosen = blackbox.options(["--config", str(config), "--instance-url", "https://line"])
    assert (chosen.practice, chosen.instance_url, chosen.token) == ("oak", "https://line", "secret")
    assert chosen.odbc == "PWD={a}}b};SERVER={127.0.0.1,1433}"


def test_it_imports_neither_the_platform_nor_its_stand_ins() -> None:
    code = (
        "import sys, migration_assets_tests.blackbox; "
        "assert not [m for m in sys.modules if m.split('.')[0] in ('migration_assets', 'migration_sandbox')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def faithful_org(source: Source, announced: Announced) -> Org:
    """An org that a migration would leave which obeys the manifest, for exams in Universal numbers."""
    contacts, exams = [], []
    for row in source.patients:
        patient = announced.corrected("Patient", row["PatientID"], row)
        record = {name: read(value(patient)) for name, read, value in CONTACT_FIELDS}
        record |= {"Id": f"003{row['PatientID']}", "PANDA_Key__c": f"maple:patient:{row['PatientID']}"}
        contacts.append(record | {"AccountId": "001A", "Original_Create_Date__c": utc(row["CreatedAt"])})
    rows = {
        row["ExamID"]: [other for other in source.chart if other["ExamID"] == row["ExamID"]]
        for row in source.exams
    }
    for row in source.exams:
        record = {name: read(value(row)) for name, read, value in EXAM_FIELDS}
        record |= {"Id": f"a00{row['ExamID']}", "PANDA_Key__c": f"maple:exam:{row['ExamID']}"}
        record |= {"Contact__c": f"003{row['PatientID']}", "Exam_Time__c": utc(row["ExamDate"])}
        kept = [
            tooth
            for tooth in rows[row["ExamID"]]
            if not announced.absent("PeriodontalCharting", tooth["ChartingID"])
        ]
        record["Rejected_Teeth__c"] = len(rows[row["ExamID"]]) - len(kept)
        record["Chart_Incomplete__c"] = announced.flagged(row["ExamID"])
        for tooth in kept:
            quadrant = ("UR", "UL", "LL", "LR")[(int(tooth["Tooth"]) - 1) // 8]
            for column in (f"{measure}_{site}" for measure in ("PocketDepth", "Recession") for site in SITES):
                record[f"{column}_{quadrant}{tooth['Tooth']}__c"] = tooth[column]
        exams.append(record)
    return Org(
        [{"Id": "001A", "PANDA_Key__c": "maple:practice:maple"}],
        [row for row in contacts if not announced.absent("Patient", row["PANDA_Key__c"].split(":")[2])],
        [row for row in exams if not announced.absent("ClinicalExam", row["PANDA_Key__c"].split(":")[2])],
    )


def test_the_manifest_of_a_generated_practice_explains_every_difference() -> None:
    practice = generate(7, 120, exams_per_patient=2)
    tables = {table: frame.to_dicts() for table, frame in practice.tables.items()}
    source = Source(tables["Patient"], tables["ClinicalExam"], tables["PeriodontalCharting"])
    announced = Announced(asdict(defect) for defect in practice.manifest.defects)
    org = faithful_org(source, announced)
    assert check(source, org, announced).differences == []

    named = {defect.source_key for defect in practice.manifest.defects}
    unexplained = {difference.key.split(":")[-1] for difference in check(source, org).differences}
    assert len(unexplained) > 30 and unexplained <= named


def test_a_thousand_exams_are_compared_quickly() -> None:
    source, org = small_source(), small_org()
    template_exam, template_record = source.exams[0], org.exams[0]
    for number in range(1000, 2000):
        source.exams.append(template_exam | {"ExamID": number})
        source.chart.extend(
            chart_row(number * 32 + tooth, number, str(tooth), [3] * 6, [1] * 6) for tooth in range(1, 33)
        )
        filled = {name: "3" if name.startswith("Pocket") else "1" for name in SITE_FIELDS}
        org.exams.append(template_record | filled | {"PANDA_Key__c": f"maple:exam:{number}"})
    started = perf_counter()
    report = check(source, org)
    assert report.differences == []
    assert report.counts["sites compared"] == 1000 * 384 + 35
    assert perf_counter() - started < 15
