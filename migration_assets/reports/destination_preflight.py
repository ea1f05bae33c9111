"""What a preflight found, as ``preflight.json``, and its scoping summary as a table for a terminal.

Counts, names, and what to do. Of what the practice wrote, only the texts of procedures with several of them
and the names of dentists' offices stand in the file, and nothing in the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migration_assets.destinations.base import Finding
from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.scoping import Scope
from migration_assets.migration.survey import Survey
from migration_assets.reports.files import write_document

FILE_NAME = "preflight.json"
_WORST_FIRST = ("error", "warning", "note")


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda each: _WORST_FIRST.index(each.severity))


def write_preflight(
    target: Target,
    plan_hash: str,
    made_at: datetime,
    head: Head,
    findings: Sequence[Finding],
    survey: Survey | None,
    directory: Path,
) -> Path:
    """practice, destination, environment, plan_hash, made_at, volumes (null where nothing is staged yet),
    scope (null until everything is), procedure_texts, letters_otherwise (source ids), files_too_large,
    dentists_of_several_offices (by the names of these), findings, the worst first, audit_log; for its owner
    only."""
    document = {
        "practice": target.practice,
        "destination": target.destination,
        "environment": target.environment,
        "plan_hash": plan_hash,
        "made_at": made_at.isoformat(),
        "volumes": None if survey is None else asdict(survey.volumes),
        "scope": None if survey is None or survey.scope is None else _described(survey.scope),
        "procedure_texts": [] if survey is None else [asdict(each) for each in survey.procedures],
        "letters_otherwise": [] if survey is None else list(survey.letters),
        "files_too_large": [] if survey is None else [asdict(each) for each in survey.files_too_large],
        "dentists_of_several_offices": [] if survey is None else [asdict(each) for each in survey.untied],
        "findings": [asdict(each) for each in worst_first(findings)],
        AUDIT_LOG: head.described(),
    }
    return write_document(directory / FILE_NAME, document)


def _described(scope: Scope) -> dict[str, Any]:
    return {"grade": scope.grade, "expected_seconds": scope.expected_seconds, **asdict(scope)}


def scope_rows(scope: Scope) -> list[dict[str, str | int]]:
    """object, source_rows, records, grade, why, seconds; a row an object."""
    return [
        {
            "object": each.object,
            "source_rows": each.source_rows,
            "records": each.records,
            "grade": each.grade,
            "why": ", ".join(each.reasons),
            "seconds": round(each.seconds),
        }
        for each in scope.objects
    ]


def render_scope(target: Target, plan_hash: str, scope: Scope) -> RenderableType:
    """A line an object, a line a stage, and what the whole is; counts only."""
    title = f"\n{target.practice} -> {target.destination}/{target.environment}  (plan {plan_hash[:12]})"
    objects = _table(
        "Objects: rows that their records are made from, records at most, and their upload",
        ("object", "source rows", "records", "seconds", "grade", "why"),
        left=("object", "grade", "why"),
    )
    for row in scope_rows(scope):
        counts = (f"{row[name]:,}" for name in ("source_rows", "records", "seconds"))
        objects.add_row(str(row["object"]), *counts, str(row["grade"]), str(row["why"]))
    stages = _table("Expected duration", ("stage", "seconds"), left=("stage",))
    for stage, seconds in scope.seconds.items():
        stages.add_row(stage, f"{seconds:,.0f}")
    measured = sum(each.measured_by == "ledger" for each in scope.objects)
    whole = (
        f"\n{scope.grade}: {scope.source_rows:,} source rows, {scope.records:,} records, about "
        f"{scope.expected_seconds:,.0f} seconds"
    )
    basis = (
        f"rates of {measured} of {len(scope.objects)} objects are this organisation's own, by their latest "
        "upload; the others are those of docs/benchmarks.md, and a real organisation is slower"
    )
    return Group(Text(title, style="bold"), objects, stages, Text(whole, style="bold"), Text(basis))


def _table(title: str, headings: Sequence[str], left: Sequence[str]) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="left" if heading in left else "right")
    return table
