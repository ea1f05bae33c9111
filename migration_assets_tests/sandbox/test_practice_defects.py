"""What the manifest says of a practice is true of its tables: defects, expected outcomes, canaries."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_sandbox.practice.generator import Practice, generate
from migration_sandbox.practice.manifest import Expectation
from migration_sandbox.practice.schema import key_column

NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def practice() -> Practice:
    return generate(7, 200)


def row(practice: Practice, defect: Expectation) -> dict[str, object]:
    frame = practice.tables[defect.table]
    found: dict[str, object] = frame.row(
        by_predicate=pl.col(key_column(defect.table)) == int(defect.source_key), named=True
    )
    return found


def coded(practice: Practice, code: str) -> list[dict[str, object]]:
    """The rows with that defect, each with the value of the defective column under ``value``."""
    rows = []
    for defect in practice.manifest.defects:
        if defect.code == code:
            found = row(practice, defect)
            rows.append(found | {"value": found.get(defect.column)})
    assert rows
    return rows


def values(practice: Practice, code: str) -> set[object]:
    return {found["value"] for found in coded(practice, code)}


def text(value: object) -> str:
    assert isinstance(value, str)
    return value


def number(value: object) -> float:
    return float(str(value))


def test_no_table_has_two_percent_rejects(practice: Practice) -> None:
    rejected = Counter(defect.table for defect in practice.manifest.expected("rejected"))
    assert rejected["Patient"] == 2
    for table, count in practice.manifest.counts.items():
        assert rejected[table] / count < 0.02


def test_rows_have_one_expectation_each(practice: Practice) -> None:
    keys = Counter((defect.table, defect.source_key) for defect in practice.manifest.defects)
    assert max(keys.values()) == 1


def test_exams_of_rejected_patients_are_held_back(practice: Practice) -> None:
    patients = {found["PatientID"] for found in coded(practice, "missing_last_name")}
    assert all(text(value or "").strip() == "" for value in values(practice, "missing_last_name"))
    exams = practice.tables["ClinicalExam"].filter(pl.col("PatientID").is_in(list(patients)))
    held_back = {found["ExamID"] for found in coded(practice, "parent_rejected")}
    assert held_back == set(exams["ExamID"])


def test_corrections_are_what_they_are_called(practice: Practice) -> None:
    assert values(practice, "bridge_placeholder") == {"NA"}
    assert all(found["BridgeID"] for found in coded(practice, "bridge_placeholder"))
    assert all("_" in text(value) for value in values(practice, "bridge_underscore"))
    assert all(found["BridgeID"] for found in coded(practice, "bridge_underscore"))
    assert all("@" not in text(value) for value in values(practice, "invalid_email"))
    (called_na,) = coded(practice, "genuine_na")
    assert (called_na["LastName"], called_na["BridgeID"]) == ("Na", None)
    assert {str(value) for value in values(practice, "birth_date_implausible")} == {
        "1753-01-01",
        "1899-12-31",
    }
    assert all(str(value) > "2080" for value in values(practice, "birth_date_in_future"))


def test_placeholders_and_bad_addresses_occur_only_where_planted(practice: Practice) -> None:
    people = practice.tables["Patient"]
    planted = {found["PatientID"] for found in coded(practice, "bridge_placeholder")}
    holds_na = pl.any_horizontal(pl.col(pl.String).str.to_uppercase() == "NA")
    assert set(people.filter(holds_na, pl.col("BridgeID").is_not_null())["PatientID"]) == planted
    # Underscores in the e-mail addresses of bridge patients are their own.
    bridged = people.filter(pl.col("BridgeID").is_not_null())
    assert bridged["Email"].str.contains("_").sum() > 0
    named = people.filter(pl.col("LastName").str.contains("_") | pl.col("City").str.contains("_"))
    assert named.height == len(coded(practice, "bridge_underscore"))


def test_exam_dates_are_impossible(practice: Practice) -> None:
    years = sorted(str(value)[:4] for value in values(practice, "exam_date_implausible"))
    assert years == ["1899", "2087"]
    (exam,) = coded(practice, "exam_before_birth")
    people = practice.tables["Patient"]
    born = people.filter(pl.col("PatientID") == exam["PatientID"])["DateOfBirth"].item()
    assert exam["ExamDate"].date() < born  # type: ignore[attr-defined]
    assert str(exam["ExamDate"]) > "1900"


def test_clock_changes_are_real(practice: Practice) -> None:
    def offsets(at: object) -> tuple[object, object]:
        assert isinstance(at, datetime)
        return tuple(at.replace(tzinfo=NEW_YORK, fold=fold).utcoffset() for fold in (0, 1))  # type: ignore[return-value]

    for code in ("time_gap", "time_fold"):
        for at in values(practice, code):
            first, second = offsets(at)
            assert first != second
            assert (first < second) == (code == "time_gap")  # type: ignore[operator]


def test_no_other_time_is_skipped_or_doubled(practice: Practice) -> None:
    planted = {
        (d.table, int(d.source_key)) for d in practice.manifest.defects if d.code in ("time_gap", "time_fold")
    }
    for table, column in (("Patient", "CreatedAt"), ("ClinicalExam", "ExamDate")):
        frame = practice.tables[table]
        for key, at in frame.select(key_column(table), column).iter_rows():
            both = {at.replace(tzinfo=NEW_YORK, fold=fold).utcoffset() for fold in (0, 1)}
            assert (len(both) == 2) == ((table, key) in planted)


def test_chart_rows_are_out_of_range_or_unknown(practice: Practice) -> None:
    assert values(practice, "invalid_tooth") == {"33", "X9"}
    assert {number(value) for value in values(practice, "pocket_depth_out_of_range")} == {20, 55}
    assert {number(value) for value in values(practice, "recession_out_of_range")} == {-10, 21}
    assert {number(value) for value in values(practice, "furcation_out_of_range")} == {5}
    assert {number(value) for value in values(practice, "mobility_out_of_range")} == {1.3, 3.5}
    assert {number(value) for value in values(practice, "half_grade_mobility")} == {1.5}
    for found in coded(practice, "furcation_without_entrance"):
        assert int(text(found["Tooth"])) not in (1, 2, 3, 5, 12, 14, 15, 16, 17, 18, 19, 30, 31, 32)
    (missing,) = coded(practice, "measures_on_missing_tooth")
    assert missing["ToothStatus"] == "missing" and missing["PocketDepth_B"] is not None


def test_doubled_teeth_are_doubled_nowhere_else(practice: Practice) -> None:
    chart = practice.tables["PeriodontalCharting"]
    doubled = chart.filter(chart.select("ExamID", "Tooth").is_duplicated())
    assert set(doubled["ChartingID"]) == {found["ChartingID"] for found in coded(practice, "duplicate_tooth")}


def test_an_exam_without_numbering_system_rejects_all_its_teeth(practice: Practice) -> None:
    exams = practice.tables["ClinicalExam"]
    (exam,) = exams.filter(pl.col("ToothNumberingSystem").is_null())["ExamID"]
    rows = practice.tables["PeriodontalCharting"].filter(pl.col("ExamID") == exam)
    assert set(rows["ChartingID"]) == {f["ChartingID"] for f in coded(practice, "no_numbering_system")}


def test_flagged_exams_are_those_with_rejected_rows(practice: Practice) -> None:
    rejected = {
        row(practice, defect)["ExamID"]
        for defect in practice.manifest.expected("rejected")
        if defect.table == "PeriodontalCharting" and defect.code != "orphan_chart_row"
    }
    assert rejected == {int(defect.source_key) for defect in practice.manifest.expected("flagged")}


def test_orphans_have_no_parent(practice: Practice) -> None:
    exams = practice.tables["ClinicalExam"]
    lonely = exams.join(practice.tables["Patient"], on="PatientID", how="anti")
    assert set(lonely["ExamID"]) == {found["ExamID"] for found in coded(practice, "parent_missing")}
    chart = practice.tables["PeriodontalCharting"].join(exams, on="ExamID", how="anti")
    assert set(chart["ChartingID"]) == {found["ChartingID"] for found in coded(practice, "orphan_chart_row")}


def test_every_canary_stands_in_its_cell_and_nowhere_else(practice: Practice) -> None:
    everything = "\n".join(frame.write_csv() for frame in practice.tables.values())
    tokens = practice.manifest.tokens()
    assert len(tokens) == len(set(tokens)) > 60
    assert {token: everything.count(token) for token in tokens} == dict.fromkeys(tokens, 1)


def test_canaries_fill_every_identifying_column_and_reach_the_defects(practice: Practice) -> None:
    columns = {canary.column for canary in practice.manifest.canaries}
    assert columns == {
        *("ChartNumber", "FirstName", "MiddleName", "LastName", "PreferredName", "DateOfBirth", "Email"),
        *(
            "HomePhone",
            "WorkPhone",
            "MobilePhone",
            "Address1",
            "Address2",
            "City",
            "Zip",
            "BridgeID",
            "Notes",
        ),
    }
    canaries = {canary.source_key for canary in practice.manifest.canaries if canary.table == "Patient"}
    exams = practice.tables["ClinicalExam"].filter(
        pl.col("PatientID").is_in([int(patient) for patient in canaries])
    )
    chart = practice.tables["PeriodontalCharting"].filter(pl.col("ExamID").is_in(list(exams["ExamID"])))
    theirs = {
        "Patient": canaries,
        "ClinicalExam": set(exams["ExamID"].cast(pl.String)),
        "PeriodontalCharting": set(chart["ChartingID"].cast(pl.String)),
    }
    hit = {d.code for d in practice.manifest.defects if d.source_key in theirs[d.table]}
    assert hit >= {
        *("missing_last_name", "invalid_email", "bridge_placeholder"),
        *("exam_date_implausible", "pocket_depth_out_of_range", "parent_rejected", "chart_incomplete"),
    }


def test_the_manifest_is_written_as_plain_json(practice: Practice, tmp_path: Path) -> None:
    practice.manifest.write(tmp_path / "manifest.json")
    written = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert written["seed"] == 7 and written["counts"] == practice.manifest.counts
    assert written["defects"][0].keys() == {"table", "source_key", "column", "code", "outcome"}
    assert json.loads((tmp_path / "canaries.json").read_text()) == practice.manifest.tokens()


def test_defects_can_be_planted_more_than_once() -> None:
    once, twice = generate(7, 400, planted=1), generate(7, 400, planted=2)
    count = Counter(defect.code for defect in once.manifest.defects)
    doubled = Counter(defect.code for defect in twice.manifest.defects)
    assert doubled["invalid_email"] == 2 * count["invalid_email"]
    assert doubled["duplicate_tooth"] == 2 * count["duplicate_tooth"]


def test_a_practice_too_small_for_its_defects_is_refused() -> None:
    with pytest.raises(ValueError, match="too few patients"):
        generate(7, 20)
    assert generate(7, 20, planted=0, canaries=0).manifest.defects == ()
