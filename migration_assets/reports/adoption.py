"""Who is in a destination already, side by side for a person to judge: a workbook, and JSON for programs.

Both hold patients' values and are readable by their owner only. What a terminal shows are counts.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter
from rich.console import Group, RenderableType
from rich.text import Text

from migration_assets.migration.adopting import Adopted, GivenBack, Look
from migration_assets.migration.adoption import ADOPTED, AMBIGUOUS, APART, MATCHED, NO, REASONS
from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.reports.files import write_document, write_private

WORKBOOK, DOCUMENT = "adoptions.xlsx", "adoptions.json"
_NAMED_FIRST = ("state", "reason", "rule", "key", "destination_id")
_WIDTH, _WIDEST = 18, 30
_STATES = {
    MATCHED: "One of theirs and one of ours: a decision gives the record there our key.",
    AMBIGUOUS: (
        "Not certain, and never merged: a decision makes ours a record of its own. Where they are the same, "
        "settle it in the destination before (complete or merge what is there) and look again."
    ),
}


def write_adoptions(
    found: Look, target: Target, made_at: datetime, head: Head, directory: Path
) -> tuple[Path, Path]:
    """The workbook and the JSON document; for their owner only.

    The document has practice, destination, environment, made_at, list_hash, counts (records by state) and
    pairs: object, key, destination_id, state, rule, reason, and each compared field ours and there; and
    audit_log.
    """
    document = {
        "practice": target.practice,
        "destination": target.destination,
        "environment": target.environment,
        "made_at": made_at.isoformat(),
        "list_hash": found.list_hash,
        "counts": counts(found),
        "pairs": [row for side in found.sides.values() for row in side.to_dicts()],
        AUDIT_LOG: head.described(),
    }
    return (
        write_private(directory / WORKBOOK, _workbook(found, target, made_at, head)),
        write_document(directory / DOCUMENT, document),
    )


def counts(found: Look) -> dict[str, int]:
    """Records of ours by state; ``no`` is not in the destination and like nobody there."""
    return {state: found.records(state) for state in (MATCHED, AMBIGUOUS, APART, NO)}


def _workbook(found: Look, target: Target, made_at: datetime, head: Head) -> bytes:
    content = io.BytesIO()
    # Text stays text: a value that begins with "=" is somebody's name, not a formula.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        heading = book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1, "valign": "top"})
        differing = book.add_format({"bg_color": "#FFF2CC"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        _explain(book.add_worksheet("About"), found, target, made_at, head, wrapped)
        for name, pairs in found.sides.items():
            _write_pairs(book.add_worksheet(name[:31]), pairs, heading, differing)
    return content.getvalue()


def _explain(sheet: Any, found: Look, target: Target, made_at: datetime, head: Head, wrapped: Any) -> None:
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 1, 100)
    lines = {
        "Practice": target.practice,
        "Destination": f"{target.destination}, {target.environment}",
        "Made at": f"{made_at:%Y-%m-%d %H:%M} UTC",
        "List": found.list_hash,
        "Audit log": str(head),
        **{f"{state}: {count:,}": _STATES.get(state, "") for state, count in counts(found).items()},
        **REASONS,
    }
    for row, (name, value) in enumerate(lines.items()):
        sheet.write_string(row, 0, name)
        sheet.write_string(row, 1, value, wrapped)


def _write_pairs(sheet: Any, pairs: pl.DataFrame, heading: Any, differing: Any) -> None:
    compared = [name for name in pairs.columns if name not in (*_NAMED_FIRST, "object")]
    names = [*_NAMED_FIRST, *compared]
    sheet.set_column(0, len(names) - 1, _WIDTH)
    sheet.set_column(3, 3, _WIDEST)
    for column, name in enumerate(names):
        sheet.write_string(0, column, name, heading)
    for number, row in enumerate(pairs.iter_rows(named=True), start=1):
        for column, name in enumerate(names):
            other = row.get(name.removesuffix(" there"))
            unlike = name.endswith(" there") and row[name] != other
            if row[name] is not None:
                sheet.write_string(number, column, row[name], differing if unlike else None)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(pairs.height, 1), len(names) - 1)


def render_look(target: Target, found: Look, workbook: Path) -> RenderableType:
    """Counts, where the report is, and what to do; no value."""
    number = counts(found)
    lines = [
        Text(f"\n{target}: who is there already", style="bold"),
        Text(
            f"{number[MATCHED]:,} matched, {number[AMBIGUOUS]:,} ambiguous, {number[NO]:,} like nobody there"
        ),
        Text(f"side by side in {workbook}"),
    ]
    if number[MATCHED] or number[AMBIGUOUS]:
        lines.append(
            Text(
                f"judge them, then adopt the matched ones: migration-assets adopt {target.practice} "
                f"{target.destination} --environment {target.environment} --list {found.list_hash[:12]} "
                "--decide 'YOUR NAME'"
            )
        )
    return Group(*lines)


def render_adopted(target: Target, done: Adopted) -> RenderableType:
    """What a decision did, in counts."""
    text = f"{target}: {done.adopted:,} {ADOPTED}, {done.apart:,} of ours become records of their own"
    return Text(text + _refused(done.refused))


def render_given_back(target: Target, done: GivenBack) -> RenderableType:
    """What the way back did, in counts."""
    text = f"{target}: {done.given_back:,} records given back as they were"
    if done.left:
        text += f"; {done.left:,} values that somebody has changed since stay"
    return Text(text + _refused(done.refused))


def _refused(codes: Mapping[str, int]) -> str:
    listed = ", ".join(f"{count:,} {code}" for code, count in codes.items())
    return f"; not written: {listed}; look again" if listed else ""
