"""Compares a reconciliation with a generated practice's manifest: did every planted defect end as expected,
and was nothing else rejected, corrected or held back?

Reads the two files as the contracts that they are and knows nothing of what wrote them. Defects in tables
that the reconciliation has no source of are nobody's: the migration doesn't read them.
"""

import json
import re
from pathlib import Path
from typing import Any

Cell = tuple[str, str, str, str]
"""Table, source key, column ('' where the whole row is meant), code."""

_TABLES = {
    "patient": "Patient",
    "provider": "Provider",
    "exam": "ClinicalExam",
    "exam_chart2": "ClinicalExam",
    "exam_chart3": "ClinicalExam",
    "plan": "TreatmentPlan",
    "plan_line": "TreatmentPlanLine",
    "exam_finding": "ExamFinding",
    "note": "ClinicalNote",
    "appointment": "Appointment",
    "referral": "Referral",
    "document": "Document",
    "radiograph": "Radiograph",
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
"""Key space of a record -> the table of the row that it is; records of other spaces are never held back."""
_GO_WITH_ANOTHER = {
    "salesforce": ("PeriodontalClassification", "Insurance", "Letter"),
    "freshsales": ("PeriodontalClassification", "Insurance", "ExamFinding"),
}
"""By destination, tables whose rows are fields or lines of another row's record: what holds that one back is
listed for it alone."""
_FURTHER = re.compile(r"-part\d+$")
"""A text that goes on in further records."""
_FOLLOW = ("exam_tooth", "file_link", "attendee", "account_tie")
"""Key spaces that no manifest lists: rows of a chart, which are records of their own where the layout says
so, and links, which go with the two records that they join."""


def unexpected(manifest_file: Path, reconciliation_file: Path) -> list[str]:
    """A line for each outcome that is missing or that nobody planted; source keys only, no values."""
    manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
    reconciliation = json.loads(reconciliation_file.read_text(encoding="utf-8"))
    tables = {each["table"] for each in reconciliation["sources"]}
    lines: list[str] = []
    for outcome, listed in (("rejected", "rejects"), ("corrected", "corrections")):
        planted = _planted(manifest, outcome, tables)
        found = {_cell(each) for each in reconciliation[listed]}
        lines += [f"planted, but not {outcome}: {_words(cell)}" for cell in sorted(planted - found)]
        lines += [f"{outcome}, but not planted: {_words(cell)}" for cell in sorted(found - planted)]
    with_records = tables.difference(_GO_WITH_ANOTHER[reconciliation["destination"]])
    # A column says of which other record the row is fields: what holds that one back is listed for it, and
    # for the row itself only where it has a record of its own besides (a note).
    planted_back = _planted(manifest, "held_back", with_records)
    kept_back = {(table, key) for table, key, column, _ in planted_back if not column}
    with_another = {(table, key) for table, key, column, _ in planted_back if column}
    held = {
        row
        for each in reconciliation["held_back"]
        if (row := _source_row(each["key"])) is not None
        and not (_is_note(each["key"]) and row in with_another)
    }
    lines += [f"planted, but not held back: {table} {key}" for table, key in sorted(kept_back - held)]
    lines += [f"held back, but not planted: {table} {key}" for table, key in sorted(held - kept_back)]
    kept = {(table, key) for table, key, _, _ in _planted(manifest, "kept", tables)}
    rejected = {(each["table"], each["source_key"]) for each in reconciliation["rejects"]}
    lines += [f"meant to be kept, but rejected: {table} {key}" for table, key in sorted(kept & rejected)]
    lines += [
        f"refused by the destination: {each['object']} {each['key']}" for each in reconciliation["failures"]
    ]
    return lines


def _planted(manifest: dict[str, Any], outcome: str, tables: set[str]) -> set[Cell]:
    return {
        (defect["table"], defect["source_key"], defect["column"] or "", defect["code"])
        for defect in manifest["defects"]
        if defect["outcome"] == outcome and defect["table"] in tables
    }


def _source_row(key: str) -> tuple[str, str] | None:
    """Table and source key of a record's key; None for one that follows another row's fate."""
    _, space, source_key = key.split(":", 2)
    return None if space in _FOLLOW else (_TABLES.get(space, space), _FURTHER.sub("", source_key))


def _is_note(key: str) -> bool:
    return key.split(":", 2)[1].endswith("_note")


def _cell(listed: dict[str, Any]) -> Cell:
    return listed["table"], listed["source_key"], listed["column"] or "", listed["code"]


def _words(cell: Cell) -> str:
    table, key, column, code = cell
    return f"{table} {key}{'.' + column if column else ''} ({code})"
