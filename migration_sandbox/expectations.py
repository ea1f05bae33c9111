"""Compares a reconciliation with a generated practice's manifest: did every planted defect end as expected,
and was nothing else rejected, corrected or held back?

Reads the two files as the contracts that they are and knows nothing of what wrote them.
"""

import json
from pathlib import Path
from typing import Any

Cell = tuple[str, str, str, str]
"""Table, source key, column ('' where the whole row is meant), code."""


def unexpected(manifest_file: Path, reconciliation_file: Path) -> list[str]:
    """A line for each outcome that is missing or that nobody planted; source keys only, no values."""
    manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
    reconciliation = json.loads(reconciliation_file.read_text(encoding="utf-8"))
    lines: list[str] = []
    for outcome, listed in (("rejected", "rejects"), ("corrected", "corrections")):
        planted = _planted(manifest, outcome)
        found = {_cell(each) for each in reconciliation[listed]}
        lines += [f"planted, but not {outcome}: {_words(cell)}" for cell in sorted(planted - found)]
        lines += [f"{outcome}, but not planted: {_words(cell)}" for cell in sorted(found - planted)]
    planted_keys = {key for _, key, _, _ in _planted(manifest, "held_back")}
    held = {each["key"].rpartition(":")[2] for each in reconciliation["held_back"]}
    lines += [f"planted, but not held back: ClinicalExam {key}" for key in sorted(planted_keys - held)]
    lines += [f"held back, but not planted: ClinicalExam {key}" for key in sorted(held - planted_keys)]
    kept = {(table, key) for table, key, _, _ in _planted(manifest, "kept")}
    rejected = {(each["table"], each["source_key"]) for each in reconciliation["rejects"]}
    lines += [f"meant to be kept, but rejected: {table} {key}" for table, key in sorted(kept & rejected)]
    lines += [
        f"refused by the destination: {each['object']} {each['key']}" for each in reconciliation["failures"]
    ]
    return lines


def _planted(manifest: dict[str, Any], outcome: str) -> set[Cell]:
    return {
        (defect["table"], defect["source_key"], defect["column"] or "", defect["code"])
        for defect in manifest["defects"]
        if defect["outcome"] == outcome
    }


def _cell(listed: dict[str, Any]) -> Cell:
    return listed["table"], listed["source_key"], listed["column"] or "", listed["code"]


def _words(cell: Cell) -> str:
    table, key, column, code = cell
    return f"{table} {key}{'.' + column if column else ''} ({code})"
