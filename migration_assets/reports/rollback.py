"""A rollback as people read it, before (what would be done) and after (what was): page, JSON, terminal.

Pages and JSON name records by key and id, fields by name; no value of a patient's. Both are private all the
same. What is done and why a record is left stands in ``migration/rollback_plan``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.rollback import Outcome
from migration_assets.migration.rollback_plan import (
    DELETE,
    GONE,
    LEAVE,
    REASONS,
    RESTORE,
    Record,
    RollbackPlan,
)
from migration_assets.reports.files import write_document, write_private
from migration_assets.reports.page import render
from migration_assets.reports.wording import wording

FINDINGS = {
    "still_there": "a record of the practice that should be gone is still there",
    "not_restored": "a field doesn't have its former value",
    "restored_missing": "a record that was restored isn't there",
}
_PLANNED = {DELETE: "to delete", RESTORE: "to restore", LEAVE: "left", GONE: "gone already"}
_DONE = {
    "deleted": "deleted",
    "restored": "restored",
    "gone": "gone already",
    "left": "left",
    "refused": "refused",
}


def write_plan(planned: RollbackPlan, target: Target, head: Head, directory: Path) -> tuple[Path, Path]:
    """``rollback_plan.html`` and ``rollback_plan.json``."""
    document = {
        **_about(target, head),
        "plan": planned.hash,
        "also": list(planned.also),
        "counts": planned.counts,
        "calls_expected": planned.calls_expected,
        "not_in_the_mapping": dict(planned.unknown),
        "records": [_row(each) for each in planned.records],
    }
    content = {"rows": plan_counts(planned), "columns": _PLANNED, "done": False, "outcome": None}
    return _write("rollback_plan", document, _page(planned, target, head, content), directory)


def write_outcome(outcome: Outcome, target: Target, head: Head, directory: Path) -> tuple[Path, Path]:
    """``rollback.html`` and ``rollback.json``."""
    document = {
        **_about(target, head),
        "plan": outcome.plan.hash,
        "also": list(outcome.plan.also),
        "counts": dict(outcome.counts),
        "clean": outcome.clean,
        "left": [_row(each) for each in _of(outcome.plan, LEAVE)],
        "kept_values": [_row(each) for each in _with_kept_values(outcome.plan)],
        "refused": outcome.refused.to_dicts(),
        "findings": outcome.findings.to_dicts(),
        "system_fields": list(wording(target.destination).destination.system_fields),
        "not_in_the_mapping": dict(outcome.plan.unknown),
        "schema": None
        if outcome.schema is None
        else {
            "removed": list(outcome.schema.removed),
            "kept": [{"name": name, "reason": reason} for name, reason in outcome.schema.kept],
            "counts_still": list(outcome.schema.counts_still),
        },
    }
    content = {"rows": outcome_counts(outcome), "columns": _DONE, "done": True, "outcome": outcome}
    return _write("rollback", document, _page(outcome.plan, target, head, content), directory)


def plan_counts(planned: RollbackPlan) -> list[dict[str, str | int]]:
    """A row an object, in the order in which they are taken back: object, and records by action."""
    return [
        {"object": name}
        | {
            action: sum(each.action == action for each in planned.records if each.object == name)
            for action in _PLANNED
        }
        for name in dict.fromkeys(each.object for each in planned.records)
    ]


def outcome_counts(outcome: Outcome) -> list[dict[str, str | int]]:
    """As ``plan_counts``, by what was done."""
    return [
        {"object": name} | {what: outcome.counts.get(f"{name}.{what}", 0) for what in _DONE}
        for name in dict.fromkeys(each.object for each in outcome.plan.records)
    ]


def render_plan(target: Target, planned: RollbackPlan, page: Path) -> RenderableType:
    """Counts, where the page is, and what to run; nothing is done yet."""
    if not planned.has_work:
        return Group(Text(f"\n{target}: nothing to roll back", style="bold"), _reasons(planned))
    also = "".join(f" --also {code}" for code in planned.also)
    return Group(
        Text(f"\n{target}: what a rollback would do", style="bold"),
        _table(plan_counts(planned), _PLANNED),
        _reasons(planned),
        Text(f"about {planned.calls_expected:,} requests; every record that is left is listed in {page}"),
        Text(
            f"read it, then do it: migration-assets rollback {target.practice} {target.destination} "
            f"--environment {target.environment} --plan {planned.hash[:12]}{also} --decide 'YOUR NAME'"
        ),
    )


def render_outcome(target: Target, outcome: Outcome, page: Path) -> RenderableType:
    """What was done, in counts, and whether everything was found so."""
    parts: list[RenderableType] = [Text(f"\n{target}: rolled back", style="bold")]
    if outcome.plan.has_work:
        parts += [_table(outcome_counts(outcome), _DONE), _reasons(outcome.plan)]
        verdict = "everything was found as planned" if outcome.clean else "NOT as planned: read the page"
        parts.append(Text(verdict, style="green" if outcome.clean else "red"))
    else:
        parts.append(Text("there was nothing to do"))
    if outcome.schema is not None:
        parts.append(
            Text(
                f"schema: {len(outcome.schema.removed):,} parts removed, {len(outcome.schema.kept):,} kept, "
                f"{len(outcome.schema.counts_still):,} removed fields still count against the limit"
            )
        )
    return Group(*parts, Text(f"report: {page}"))


def _reasons(planned: RollbackPlan) -> Text:
    lines = []
    for reason, sentence in REASONS.items():
        count = sum(each.reason == reason for each in planned.records)
        if count:
            lines.append(f"{count:,} left, {reason}: {sentence}")
    kept = sum(len(each.stays) for each in _with_kept_values(planned))
    if kept:
        lines.append(f"{kept:,} values of restored records stay, since somebody has changed them")
    lines += [
        f"{count:,} records of {name} were written by an earlier mapping and aren't looked at"
        for name, count in planned.unknown.items()
    ]
    return Text("\n".join(lines))


def _table(rows: Sequence[dict[str, str | int]], columns: dict[str, str]) -> Table:
    table = Table("object", *columns.values())
    for row in rows:
        table.add_row(str(row["object"]), *(f"{row[name]:,}" for name in columns))
    return table


def _of(planned: RollbackPlan, action: str) -> list[Record]:
    return [each for each in planned.records if each.action == action]


def _with_kept_values(planned: RollbackPlan) -> list[Record]:
    return [each for each in _of(planned, RESTORE) if each.stays]


def _row(record: Record) -> dict[str, Any]:
    return {
        "object": record.object,
        "key": record.key,
        "record_id": record.record_id,
        "action": record.action,
        "reason": record.reason,
        "detail": record.detail,
        "restored": list(record.restored),
        "stays": list(record.stays),
    }


def _about(target: Target, head: Head) -> dict[str, Any]:
    return {
        "practice": target.practice,
        "destination": target.destination,
        "environment": target.environment,
        "made_at": datetime.now(UTC).isoformat(),
        AUDIT_LOG: head.described(),
    }


def _page(planned: RollbackPlan, target: Target, head: Head, content: dict[str, Any]) -> str:
    return render(
        "rollback.html.j2",
        title=f"{target.practice}: rollback of {target.destination}/{target.environment}",
        head=head,
        plan=planned,
        left=_of(planned, LEAVE),
        kept=_with_kept_values(planned),
        restored=_of(planned, RESTORE),
        reasons=REASONS,
        finding_words=FINDINGS,
        words=wording(target.destination).destination,
        made_at=datetime.now(UTC),
        **content,
    )


def _write(name: str, document: dict[str, Any], page: str, directory: Path) -> tuple[Path, Path]:
    return (
        write_private(directory / f"{name}.html", page.encode()),
        write_document(directory / f"{name}.json", document),
    )
