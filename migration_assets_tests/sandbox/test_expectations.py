"""A reconciliation against a manifest: a line for each outcome that is missing or that nobody planted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from migration_sandbox.expectations import unexpected

_RECORDS = {
    "exam_finding": "ExamFinding",
    "note": "ClinicalNote",
    "appointment": "Appointment",
    "referral": "Referral",
    "document": "Document",
    "radiograph": "Radiograph",
}
_NOTES = {
    "exam_note": "ClinicalExam",
    "chart": "ClinicalExam",
    "appointment_note": "Appointment",
    "plan_note": "TreatmentPlan",
    "plan_line_note": "TreatmentPlanLine",
    "referral_note": "Referral",
    "letter_note": "Letter",
    "radiograph_note": "Radiograph",
    "document_note": "Document",
}


def defect(table: str, key: str, column: str, code: str, outcome: str) -> dict[str, str]:
    return {"table": table, "source_key": key, "column": column, "code": code, "outcome": outcome}


def lines(
    folder: Path,
    defects: list[dict[str, str]],
    tables: list[str],
    destination: str = "salesforce",
    **listed: Any,
) -> list[str]:
    """``listed``: rejects, corrections, held_back, failures of the reconciliation; the others are empty."""
    manifest, reconciliation = folder / "manifest.json", folder / "reconciliation.json"
    manifest.write_text(json.dumps({"defects": defects}), encoding="utf-8")
    empty: dict[str, list[Any]] = {"rejects": [], "corrections": [], "held_back": [], "failures": []}
    sources = [{"table": table} for table in tables]
    reconciliation.write_text(
        json.dumps({"destination": destination, "sources": sources, **empty, **listed}), encoding="utf-8"
    )
    return unexpected(manifest, reconciliation)


@pytest.mark.parametrize(("space", "table"), _RECORDS.items())
def test_a_record_held_back_is_known_by_its_key_space(tmp_path: Path, space: str, table: str) -> None:
    planted = [defect(table, "7", "", "parent_rejected", "held_back")]
    held = [{"key": f"maple:{space}:7"}]

    assert lines(tmp_path, planted, [table], held_back=held) == []
    assert lines(tmp_path, planted, [table]) == [f"planted, but not held back: {table} 7"]
    assert lines(tmp_path, [], [table], held_back=held) == [f"held back, but not planted: {table} 7"]


@pytest.mark.parametrize(("space", "table"), _NOTES.items())
def test_a_note_held_back_is_its_row_s_with_all_its_parts(tmp_path: Path, space: str, table: str) -> None:
    planted = [defect(table, "7", "", "parent_rejected", "held_back")]
    held = [{"key": f"maple:{space}:7"}, {"key": f"maple:{space}:7-part2"}]

    assert lines(tmp_path, planted, [table], "freshsales", held_back=held) == []
    told = lines(tmp_path, planted, [table], "freshsales")
    assert told == [f"planted, but not held back: {table} 7"]


def test_a_row_that_another_s_record_holds_may_have_a_note_that_is_held_back(tmp_path: Path) -> None:
    planted = [defect("Radiograph", "7", "DocumentID", "parent_rejected", "held_back")]
    held = [{"key": "maple:radiograph_note:7"}]

    assert lines(tmp_path, planted, ["Radiograph"], "freshsales", held_back=held) == []
    assert lines(tmp_path, planted, ["Radiograph"]) == []


@pytest.mark.parametrize("table", ["PeriodontalClassification", "Insurance", "Letter"])
def test_rows_that_are_fields_of_another_record_are_held_back_with_it(tmp_path: Path, table: str) -> None:
    planted = [
        defect(table, "7", "", "parent_rejected", "held_back"),
        defect(table, "8", "Grade", "unknown_grade", "corrected"),
    ]
    corrected = [{"table": table, "source_key": "8", "column": "Grade", "code": "unknown_grade"}]

    assert lines(tmp_path, planted, [table], corrections=corrected) == []
    assert lines(tmp_path, planted, [table]) == [
        f"planted, but not corrected: {table} 8.Grade (unknown_grade)"
    ]


def test_a_row_that_names_the_record_it_is_fields_of_must_not_be_held_back_itself(tmp_path: Path) -> None:
    planted = [
        defect("Radiograph", "7", "DocumentID", "parent_rejected", "held_back"),
        defect("Radiograph", "8", "", "parent_rejected", "held_back"),
    ]
    held = [{"key": f"maple:radiograph:{number}"} for number in (7, 8)]

    assert lines(tmp_path, planted, ["Radiograph"], held_back=held[1:]) == []
    assert lines(tmp_path, planted, ["Radiograph"], held_back=held) == [
        "held back, but not planted: Radiograph 7"
    ]


def test_a_link_goes_with_the_records_that_it_joins(tmp_path: Path) -> None:
    held = [{"key": "maple:file_link:document:7+patient:1"}]
    assert lines(tmp_path, [], ["Document", "Patient"], held_back=held) == []


def test_a_table_that_the_migration_does_not_read_is_nobody_s(tmp_path: Path) -> None:
    planted = [
        defect("Referral", "7", "Direction", "unknown_direction", "rejected"),
        defect("Referral", "8", "", "parent_missing", "held_back"),
    ]

    assert lines(tmp_path, planted, ["Patient"]) == []
    assert len(lines(tmp_path, planted, ["Patient", "Referral"])) == 2


def test_no_referrer_is_ever_held_back(tmp_path: Path) -> None:
    held = [{"key": "maple:referrer:r7"}]
    assert lines(tmp_path, [], ["Referral"], held_back=held) == ["held back, but not planted: referrer r7"]


def test_what_is_meant_to_be_kept_must_not_be_rejected(tmp_path: Path) -> None:
    planted = [defect("ClinicalNote", "7", "Body", "rtf_unreadable", "kept")]
    rejects = [{"table": "ClinicalNote", "source_key": "7", "column": "Body", "code": "rtf_unreadable"}]

    assert "meant to be kept, but rejected: ClinicalNote 7" in lines(
        tmp_path, planted, ["ClinicalNote"], rejects=rejects
    )
