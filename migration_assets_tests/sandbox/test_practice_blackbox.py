"""The blackbox check's comparison: silent over a faithful org, loud about each way an org can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest

from migration_assets_tests.blackbox.compare import Org, compare
from migration_assets_tests.blackbox.report import Announced, Report
from migration_assets_tests.sandbox.blackbox_world import (
    CHART2,
    CHART3,
    EXAM,
    LARGE,
    LINE,
    PLAN,
    SITES,
    SMALL,
    TOOTH,
    ZONE,
    Tables,
    announced_by,
    chart_row,
    faithful_org,
    put,
    small_org,
    small_source,
    tables_of,
    wide_names,
)
from migration_sandbox.practice.generator import generate

Found = set[tuple[str, str, str]]


def check(source: Tables, org: Org, announced: Announced | None = None, *other: str) -> Report:
    name = "Maple Periodontics" if org.records["Account"][0].get("Name") else None
    return compare(source, org, "maple", ZONE, announced or Announced(), other, name, groups=())


def found(report: Report) -> Found:
    return {(difference.kind, difference.field, difference.key) for difference in report.differences}


def test_a_faithful_org_has_no_difference() -> None:
    report = check(small_source(), small_org())

    assert report.differences == []
    assert {name: count for name, count in report.counts.items() if "fields" not in name} == {
        "providers compared": 1,
        "patients compared": 2,
        "exams compared": 2,
        "chart companions compared": 4,
        "tooth records compared": 2,
        "plans compared": 1,
        "plan lines compared": 2,
        "chart cells looked for": 18 + 8 + 7 + 12,
        "line breaks written differently": 2,
    }


def _swap(record: dict[str, Any], one: str, other: str) -> None:
    record[one], record[other] = record[other], record[one]


def _move(record: dict[str, Any], one: str, other: str) -> None:
    record[other] = record.pop(one)


def _differ(key: str, *names: str) -> Found:
    return {("differs", name, f"maple:{key}") for name in names}


_PROVIDER, _ANNA, _BEN = 0, 1, 2
_DAMAGES: dict[str, tuple[str, int, str, Any]] = {
    "a character of a name": ("Contact", _ANNA, "FirstName", "Zoe"),
    "a blank at a text's end": ("Contact", _ANNA, "LastName", "𠮷野 "),
    "another account": ("Contact", _ANNA, "AccountId", "001Z"),
    "another provider": ("Contact", _ANNA, "Primary_Provider__c", "003B"),
    "no provider": ("Contact", _ANNA, "Primary_Provider__c", None),
    "a patient's NPI": ("Contact", _ANNA, "NPI__c", "1234567893"),
    "a skipped hour moved back": ("Contact", _BEN, "Original_Create_Date__c", "2024-03-10T06:30:00.000+0000"),
    "a character of credentials": ("Contact", _PROVIDER, "Credentials_Text__c", "D.D.S., ms; FXQC"),
    "a credential less": ("Contact", _PROVIDER, "Credentials__c", "DDS"),
    "a provider who is none": ("Contact", _PROVIDER, "Provider__c", False),
    "a provider's birthday": ("Contact", _PROVIDER, "Birthdate", "1961-05-02"),
    "inactive for active": ("Contact", _PROVIDER, "Inactive__c", True),
    "another name of the practice": ("Account", 0, "Name", "Oak"),
    "another patient's exam": (EXAM, 0, "Contact__c", "003B"),
    "a day later": (EXAM, 0, "Exam_Date__c", "2024-01-16"),
    "a forgotten zone": (EXAM, 0, "Exam_Time__c", "2024-01-15T23:30:00.000Z"),
    "a line break less": (EXAM, 0, "Exam_Notes__c", "Line one. Line two."),
    "a whole chart flagged": (EXAM, 0, "Chart_Incomplete__c", "true"),
    "a tooth too many rejected": (EXAM, 0, "Rejected_Teeth__c", "1"),
    "a number's last digit": (EXAM, 0, "Plaque_Index__c", "33.34"),
    "a turned sign": (EXAM, 0, "Recession_DL_UR6__c", "-3"),
    "nought for nothing": (EXAM, 0, "PocketDepth_DL_UR6__c", "0"),
    "nothing for nought": (EXAM, 0, "PocketDepth_L_UR6__c", None),
    "a tooth that nobody charted": (EXAM, 1, "PocketDepth_B_LR32__c", "3"),
    "a whole grade for a half": (EXAM, 0, "Mobility_UR6__c", "2"),
    "a companion's yes for no": (CHART3, 1, "Plaque_DB_UR6__c", "Yes"),
    "a companion's no for nothing": (CHART2, 0, "BleedingOnProbing_DB_UR6__c", "No"),
    "a companion's status": (CHART2, 0, "ToothStatus_UR6__c", "implant"),
    "another exam's companion": (CHART2, 0, EXAM, "a00B"),
    "a tooth record's cell": (TOOTH, 1, "Plaque_MB__c", "No"),
    "a tooth record's number": (TOOTH, 1, "ToothNumber__c", "B"),
    "a tooth record's entrance": (TOOTH, 0, "Furcation_M__c", None),
    "a note cut at its first line break": (PLAN, 0, "Treatment_Notes__c", "First."),
    "another status": (PLAN, 0, "Status__c", "accepted"),
    "a title without its end": (PLAN, 0, "Name", "Implant"),
    "a cent": (PLAN, 0, "EstimatedCost__c", 4200.51),
    "a code as written": (LINE, 0, "ADA_Code__c", "d7210"),
    "another plan's line": (LINE, 0, "TreatmentPlan__c", "a05Z"),
}
"""Object, place of the record, field, and what it holds instead."""


@pytest.mark.parametrize("kind", _DAMAGES)
def test_a_damaged_field_is_found_and_nothing_else(kind: str) -> None:
    obj, place, field, value = _DAMAGES[kind]
    org = small_org()
    record = org.records[obj][place]
    assert record.get(field) != value

    record[field] = value

    assert found(check(small_source(), org)) == {("differs", field, record["PANDA_Key__c"])}


def _swap_mesial_and_distal(org: Org) -> Found:
    _swap(org.records[EXAM][0], "PocketDepth_MB_LL19__c", "PocketDepth_DB_LL19__c")
    return _differ("exam:10", "PocketDepth_MB_LL19__c", "PocketDepth_DB_LL19__c")


def _swap_two_dates(org: Org) -> Found:
    _swap(org.records[PLAN][0], "Proposed_Date__c", "Accepted_Date__c")
    return _differ("plan:20", "Proposed_Date__c", "Accepted_Date__c")


def _take_palmer_for_universal(org: Org) -> Found:
    for site in SITES:
        _move(org.records[EXAM][1], f"PocketDepth_{site}_UR6__c", f"PocketDepth_{site}_UR3__c")
    return _differ(
        "exam:11", *(f"PocketDepth_{site}_{tooth}__c" for site in SITES for tooth in ("UR3", "UR6"))
    )


def _delete_a_patient(org: Org) -> Found:
    del org.records["Contact"][2]
    return {("missing", "PANDA_Key__c", "maple:patient:2"), *_differ("exam:11", "Contact__c")}


def _delete_a_plan_line(org: Org) -> Found:
    del org.records[LINE][1]
    return {("missing", "PANDA_Key__c", "maple:plan_line:31")}


def _delete_a_companion(org: Org) -> Found:
    del org.records[CHART2][1]
    return {("missing", "PANDA_Key__c", "maple:exam_chart2:11")}


def _delete_a_tooth(org: Org) -> Found:
    del org.records[TOOTH][1]
    return {("missing", "PANDA_Key__c", "maple:exam_tooth:102")}


def _double_an_exam(org: Org) -> Found:
    org.records[EXAM].append(org.records[EXAM][0] | {"Id": "a00X"})
    return {("doubled", "PANDA_Key__c", "maple:exam:10")}


def _add_a_stranger(org: Org) -> Found:
    org.records["Contact"].append(org.records["Contact"][1] | {"PANDA_Key__c": "maple:patient:999"})
    return {("extra", "PANDA_Key__c", "maple:patient:999")}


def _give_a_permanent_tooth_a_record(org: Org) -> Found:
    org.records[TOOTH].append(org.records[TOOTH][0] | {"PANDA_Key__c": "maple:exam_tooth:100"})
    return {("extra", "PANDA_Key__c", "maple:exam_tooth:100")}


def _chart_a_cell_on_two_objects(org: Org) -> Found:
    name = "Plaque_B_UR6__c"
    org.described[EXAM] |= {name}
    org.records[EXAM][1][name] = "No"
    return _differ("exam_chart3:11", name)


def _fill_a_field_of_no_cell(org: Org) -> Found:
    org.described[EXAM] |= {"PocketDepth_MB_UL6__c"}
    org.records[EXAM][0]["PocketDepth_MB_UL6__c"] = "3"
    return _differ("exam:10", "PocketDepth_MB_UL6__c")


@pytest.mark.parametrize(
    "damage",
    [
        _swap_mesial_and_distal,
        _swap_two_dates,
        _take_palmer_for_universal,
        _delete_a_patient,
        _delete_a_plan_line,
        _delete_a_companion,
        _delete_a_tooth,
        _double_an_exam,
        _add_a_stranger,
        _give_a_permanent_tooth_a_record,
        _chart_a_cell_on_two_objects,
        _fill_a_field_of_no_cell,
    ],
)
def test_each_damage_to_several_fields_or_records_is_found(damage: Callable[[Org], Found]) -> None:
    org = small_org()
    expected = damage(org)

    assert found(check(small_source(), org)) == expected


def test_an_object_that_the_org_lacks_misses_every_record() -> None:
    org = small_org()
    del org.records[LINE]

    assert found(check(small_source(), org)) == {
        ("missing", "PANDA_Key__c", f"maple:plan_line:{line}") for line in (30, 31)
    }


def test_kinds_of_keys_that_are_left_out_are_not_compared() -> None:
    org = small_org()
    del org.records["Contact"][0], org.records[LINE]

    assert found(check(small_source(), org, None, "provider", "plan_line")) == set()


def defect(table: str, key: int, outcome: str, column: str = "", code: str = "") -> dict[str, str]:
    return {"table": table, "source_key": str(key), "outcome": outcome, "column": column, "code": code}


def test_an_announced_reject_must_be_absent_with_all_of_its_chart() -> None:
    announced = Announced([defect("Patient", 2, "rejected"), defect("ClinicalExam", 11, "held_back")])
    org = small_org()
    left = {"patient:2", "exam:11", "exam_chart2:11", "exam_chart3:11"}
    assert found(check(small_source(), org, announced)) == {
        ("extra", "PANDA_Key__c", f"maple:{key}") for key in left
    }

    for obj in ("Contact", EXAM, CHART2, CHART3):
        del org.records[obj][-1]
    assert found(check(small_source(), org, announced)) == set()


def test_records_go_without_a_provider_that_is_rejected() -> None:
    announced, org = Announced([defect("Provider", 3, "rejected")]), small_org()
    del org.records["Contact"][0]
    assert found(check(small_source(), org, announced)) == {
        *_differ("patient:1", "Primary_Provider__c"),
        *_differ("exam:10", "Provider__c"),
        *_differ("plan:20", "Provider__c"),
    }

    org.records["Contact"][0]["Primary_Provider__c"] = None
    for record in (org.records[EXAM][0], org.records[PLAN][0]):
        record["Provider__c"] = None
    assert found(check(small_source(), org, announced)) == set()


def test_an_announced_correction_is_expected_in_the_org() -> None:
    source, org = small_source(), small_org()
    source["Patient"][0] |= {"Email": "nobody at home", "City": "San_Jose"}
    source["Provider"][0]["NPI"] = "1234567890"
    source["TreatmentPlanLine"][0]["ProcedureCode"] = "7210"
    org.records["Contact"][0]["NPI__c"] = None
    org.records["Contact"][1] |= {"Email": None, "MailingCity": "San Jose"}
    org.records[LINE][0]["ADA_Code__c"] = None
    announced = Announced(
        [
            defect("Patient", 1, "corrected", "Email", "invalid_email"),
            defect("Patient", 1, "corrected", "City", "bridge_underscore"),
            defect("Provider", 3, "corrected", "NPI", "invalid_npi"),
            defect("TreatmentPlanLine", 30, "corrected", "ProcedureCode", "invalid_procedure_code"),
        ]
    )

    assert found(check(source, org, announced)) == set()
    assert len(check(source, org).differences) == 4


def test_a_value_that_no_field_may_hold_must_be_announced_even_where_the_org_holds_it() -> None:
    source, org = small_source(), small_org()
    source["Provider"][0]["NPI"] = org.records["Contact"][0]["NPI__c"] = "1234567890"
    source["PeriodontalCharting"][0]["PocketDepth_MB"] = org.records[EXAM][0]["PocketDepth_MB_UR6__c"] = "55"

    assert found(check(source, org)) == {
        ("not announced", "NPI__c", "maple:provider:3"),
        ("not announced", "PocketDepth_MB_UR6__c", "maple:exam:10"),
    }


def test_a_tooth_charted_twice_is_left_out_and_flagged() -> None:
    source, org = small_source(), small_org()
    source["PeriodontalCharting"].append(chart_row(104, 11, "13", PocketDepth=[9] * 6))
    assert ("tooth charted twice", "Tooth", "104") in found(check(source, org))

    put(org.records[EXAM][1], "PocketDepth", "_UR6", [None] * 6)
    put(org.records[CHART3][1], "Plaque", "_UR6", [None] * 6)
    org.records[EXAM][1] |= {"Chart_Incomplete__c": "true", "Rejected_Teeth__c": "2"}
    announced = Announced(
        [
            defect("PeriodontalCharting", 103, "rejected"),
            defect("PeriodontalCharting", 104, "rejected"),
            defect("ClinicalExam", 11, "flagged"),
        ]
    )
    assert found(check(source, org, announced)) == set()


def test_a_row_without_a_known_tooth_or_exam_is_reported() -> None:
    source = small_source()
    source["ClinicalExam"][0]["ToothNumberingSystem"] = None
    source["PeriodontalCharting"].append(chart_row(105, 99, "6"))

    assert {
        *(("unknown tooth", "Tooth", str(charting)) for charting in (100, 101, 102)),
        ("without exam", "ExamID", "105"),
    } <= found(check(source, small_org()))


@pytest.mark.parametrize("layout", [LARGE, SMALL])
def test_the_manifest_of_a_generated_practice_explains_every_difference(
    layout: Mapping[str, tuple[str, ...]],
) -> None:
    practice = generate(7, 120, exams_per_patient=2, tables="all")
    source, announced = tables_of(practice), announced_by(practice)
    org = faithful_org(practice, announced, layout)
    report = check(source, org, announced)
    assert report.differences == []
    assert report.counts["tooth records compared"] > (4000 if layout == SMALL else 0)

    named = {each.source_key for each in practice.manifest.defects}
    unexplained = check(source, org).differences
    by_themselves = {each.key.split(":")[-1] for each in unexplained}
    assert len(by_themselves) > 60
    assert not {key for key in by_themselves - named if not _of_a_rejected_chart(key, source, named)}


def _of_a_rejected_chart(key: str, source: Tables, named: set[str]) -> bool:
    return any(
        str(row["ChartingID"]) == key and str(row["ExamID"]) in named for row in source["PeriodontalCharting"]
    )


def test_a_thousand_exams_are_compared_quickly() -> None:
    source, org = small_source(), small_org()
    exam, record = source["ClinicalExam"][0], org.records[EXAM][0]
    cells: dict[str, Any] = dict.fromkeys(("PocketDepth", "Recession"), [3] * 6)
    cells |= dict.fromkeys(("BOP", "Suppuration", "Plaque"), [True] * 6)
    cells |= {"Mobility": Decimal("1.0"), "ToothStatus": "present"}
    empty = {name: None for measures in LARGE.values() for each in measures for name in wide_names(each)}
    full = {
        name: "present" if name.startswith("ToothStatus") else "1.0" if name.startswith("Mobility")
        else "3" if name.startswith(("Pocket", "Recession")) else "Yes"
        for name in empty if not name.startswith("Furcation")
    }  # fmt: skip
    for number in range(1000, 2000):
        source["ClinicalExam"].append(exam | {"ExamID": number})
        source["PeriodontalCharting"] += [
            chart_row(number * 32 + tooth, number, str(tooth), **cells) for tooth in range(1, 33)
        ]
        plain = {name: value for name, value in record.items() if name not in empty}
        org.records[EXAM].append(plain | full | {"PANDA_Key__c": f"maple:exam:{number}", "Id": f"a{number}"})
        for obj, space in ((CHART2, "exam_chart2"), (CHART3, "exam_chart3")):
            org.records[obj].append(full | {"PANDA_Key__c": f"maple:{space}:{number}", EXAM: f"a{number}"})

    started = perf_counter()
    report = check(source, org)

    assert perf_counter() - started < 15
    assert len(report.differences) == 0
    assert report.counts["chart cells looked for"] == 1000 * 1024 + 45


def test_times_that_the_clocks_showed_twice_are_the_earlier_ones() -> None:
    source, org = small_source(), small_org()
    source["Patient"][0]["CreatedAt"] = datetime(2024, 11, 3, 1, 30)
    org.records["Contact"][1]["Original_Create_Date__c"] = "2024-11-03T06:30:00.000+0000"
    assert found(check(source, org)) == _differ("patient:1", "Original_Create_Date__c")

    org.records["Contact"][1]["Original_Create_Date__c"] = "2024-11-03T05:30:00.000+0000"
    assert found(check(source, org)) == set()
