"""The go-live checklist as a page, as JSON and as a table for a terminal; and the facts that it is made from.

Counts and names of settings; nothing of a patient's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text

from migration_assets.errors import ConfigurationError
from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.checklist import Facts, Preflight, Row, ready
from migration_assets.migration.conflict_store import ConflictStore, open_conflicts
from migration_assets.migration.data_findings import WITHIN_THE_LIMIT
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.reports import destination_preflight
from migration_assets.reports.files import write_document, write_private
from migration_assets.reports.page import render
from migration_assets.reports.reconciliation import read_reconciliation

PAGE, DOCUMENT = "checklist.html", "checklist.json"
_SAID = {"met": "met", "missing": "MISSING", "not_applicable": "does not apply"}
_STYLES = {"met": "green", "missing": "bold red", "not_applicable": "dim"}


def read_facts(migration: Migration) -> Facts:
    """Of a live target, from its reports, its stored plan and the audit log; nothing is connected to."""
    directory = migration.platform.report_directory(migration.target)
    try:
        reconciliation = read_reconciliation(directory)
    except ConfigurationError:
        reconciliation = None
    window, conflicts = migration.practice.cutover, None
    ahead = window is not None and window.phase(datetime.now(UTC)) == "before"
    if window is not None and not ahead:
        standing = ConflictStore.of(migration.ledger(migration.practice)).standing()
        conflicts = sum(open_conflicts(standing).values())
    return Facts(
        target=migration.target,
        plan=migration.plan_facts(),
        decisions=migration.decisions.entries(),
        failure_limit=migration.practice.policies.failure_limit,
        preflight=read_preflight(directory),
        reconciliation=reconciliation,
        open_conflicts=conflicts,
        ahead=ahead,
    )


def read_preflight(directory: Path) -> Preflight | None:
    """What ``preflight.json`` says of findings that still stand; None where there is none."""
    path = directory / destination_preflight.FILE_NAME
    if not path.exists():
        return None
    document = json.loads(path.read_text(encoding="utf-8"))
    severities = [
        each["severity"]
        for each in document["findings"]
        if not each["mended_by_deploying"] and each["code"] not in WITHIN_THE_LIMIT
    ]
    return Preflight(
        plan_hash=document["plan_hash"],
        made_at=document["made_at"],
        errors=severities.count("error"),
        warnings=severities.count("warning"),
    )


def write_checklist(
    rows: Sequence[Row], target: Target, name: str, head: Head, made_at: datetime, directory: Path
) -> tuple[Path, Path]:
    """The page and the JSON document; for their owner only.

    The document has practice, destination, environment, made_at, ready, rows (requirement, state, remedy,
    evidence) and audit_log.
    """
    document = {
        "practice": target.practice,
        "destination": target.destination,
        "environment": target.environment,
        "made_at": made_at.isoformat(),
        "ready": ready(rows),
        "rows": [asdict(row) for row in rows],
        AUDIT_LOG: head.described(),
    }
    page = render(
        "checklist.html.j2",
        title=f"Go-live checklist of {name}",
        target=target,
        made_at=made_at,
        ready=ready(rows),
        rows=rows,
        said=_SAID,
        head=head,
    )
    return (
        write_private(directory / PAGE, page.encode()),
        write_document(directory / DOCUMENT, document),
    )


def render_checklist(rows: Sequence[Row], target: Target) -> Table:
    title = f"\n{target}: {'ready to go live' if ready(rows) else 'NOT ready to go live'}"
    table = Table(
        "requirement", "state", "evidence", "what to do", title=title, title_justify="left", box=None
    )
    for row in rows:
        state = Text(_SAID[row.state], style=_STYLES[row.state])
        table.add_row(Text(row.requirement), state, Text(row.evidence), Text(row.remedy))
    return table
