"""The reconciliation as a file (a contract, see docs/) and as a table for a terminal."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migration_assets.errors import ConfigurationError
from migration_assets.migration.reconciliation import ObjectReconciliation, Reconciliation

FILE_NAME = "reconciliation.json"


def write_reconciliation(reconciliation: Reconciliation, directory: Path) -> Path:
    """Write ``reconciliation.json`` readable by its owner only, whole or not at all."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path, part = directory / FILE_NAME, directory / f".{FILE_NAME}.part"
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(reconciliation.model_dump_json(indent=2) + "\n")
    part.replace(path)
    return path


def read_reconciliation(directory: Path) -> Reconciliation:
    """Raises ConfigurationError where nothing was reconciled yet, or by another version."""
    path = directory / FILE_NAME
    if not path.exists():
        raise ConfigurationError(f"{path} isn't there; materialise the environment's reconciliation first")
    try:
        return Reconciliation.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ConfigurationError(f"{path} can't be read by this version; reconcile again") from None


def render(reconciliation: Reconciliation) -> RenderableType:
    """Three equations, then a line an object; counts only."""
    title = f"{reconciliation.practice} -> {reconciliation.destination}/{reconciliation.environment}"
    verdict = Text("balanced, nothing differs" if reconciliation.clean else "NOT CLEAN", style="bold")
    verdict.stylize("green" if reconciliation.clean else "red")
    return Group(
        Text(
            f"\n{title}  (plan {reconciliation.plan_hash[:12]}, scope {reconciliation.scope})", style="bold"
        ),
        _sources(reconciliation),
        _objects(reconciliation.objects),
        verdict,
    )


def _sources(reconciliation: Reconciliation) -> Table:
    table = Table(title="Source rows: extracted = staged + rejected", title_justify="left")
    for heading in (
        "table",
        "extracted",
        "staged",
        "rejected",
        "corrected",
        "not in a payload",
        "accounted for",
    ):
        table.add_column(heading, justify="left" if heading == "table" else "right")
    for source in reconciliation.sources:
        excused = sum(
            sum(each.excused.values()) for each in reconciliation.lineage if each.source_table == source.table
        )
        total = all(each.total for each in reconciliation.lineage if each.source_table == source.table)
        table.add_row(
            source.table,
            f"{source.extracted:,}",
            f"{source.staged:,}",
            f"{source.rejected:,}",
            f"{source.corrected:,}",
            f"{excused:,}",
            _yes(source.balanced and total),
        )
    return table


def _objects(objects: list[ObjectReconciliation]) -> Table:
    table = Table(title="Records: in scope = loaded + failed + held back", title_justify="left")
    headings = (
        "object",
        "in scope",
        "loaded",
        "failed",
        "held back",
        "found there",
        "sent this run",
        "fields compared",
        "different",
        "meaning compared",
        "different",
        "accounted for",
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "object" else "right")
    for each in objects:
        counts = (
            each.state.in_scope,
            each.state.loaded,
            each.state.failed,
            each.state.held_back,
            each.state.in_destination,
            each.this_run.sent,
            each.fields_compared,
            each.fields_different,
            each.meaning_compared,
            each.meaning_different,
        )
        balanced = each.state.scope_balanced and each.state.destination_balanced
        table.add_row(each.object, *(f"{count:,}" for count in counts), _yes(balanced))
    return table


def _yes(passed: bool) -> Text:
    return Text("yes", style="green") if passed else Text("NO", style="bold red")
