"""The reconciliation as a file (a contract, see docs/) and as a table for a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migration_assets.errors import ConfigurationError
from migration_assets.migration.reconcile import Reconciled
from migration_assets.migration.reconciliation import ObjectReconciliation, Reconciliation
from migration_assets.migration.recording import RECONCILIATION_FILE
from migration_assets.reports.files import write_private


def write_reconciliation(reconciliation: Reconciliation | Reconciled, directory: Path) -> Path:
    """Write ``reconciliation.json`` readable by its owner only, whole or not at all."""
    return write_private(directory / RECONCILIATION_FILE, reconciliation.as_json())


def read_reconciliation(directory: Path) -> Reconciliation:
    """Raises ConfigurationError where nothing was reconciled yet, or by another version."""
    path = directory / RECONCILIATION_FILE
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
        _records(reconciliation.objects),
        _comparisons(reconciliation.objects),
        verdict,
    )


def _sources(reconciliation: Reconciliation) -> Table:
    table = _table(
        "Source rows: extracted = staged + rejected",
        ("table", "extracted", "staged", "rejected", "corrected", "excused", "adds up"),
    )
    for source in reconciliation.sources:
        lineage = [each for each in reconciliation.lineage if each.source_table == source.table]
        excused = sum(sum(each.excused.values()) for each in lineage)
        counts = (source.extracted, source.staged, source.rejected, source.corrected, excused)
        total = source.balanced and all(each.total for each in lineage)
        table.add_row(source.table, *(f"{count:,}" for count in counts), _yes(total))
    return table


def _records(objects: list[ObjectReconciliation]) -> Table:
    table = _table(
        "Records: in scope = loaded + failed + held back",
        ("object", "in scope", "loaded", "failed", "held back", "there", "sent now", "adds up"),
    )
    for each in objects:
        state = each.state
        counts = (state.in_scope, state.loaded, state.failed, state.held_back, state.in_destination)
        balanced = state.scope_balanced and state.destination_balanced
        table.add_row(each.object, *(f"{count:,}" for count in (*counts, each.this_run.sent)), _yes(balanced))
    return table


def _comparisons(objects: list[ObjectReconciliation]) -> Table:
    table = _table(
        "Fields: as sent, and as PANDA means them",
        ("object", "compared", "different", "compared with PANDA", "different"),
    )
    for each in objects:
        counts = (
            each.fields_compared,
            each.fields_different,
            each.meaning_compared,
            each.meaning_different,
        )
        table.add_row(each.object, *(f"{count:,}" for count in counts))
    return table


def _table(title: str, headings: tuple[str, ...]) -> Table:
    """Fits 80 columns."""
    table = Table(title=f"\n{title}", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for position, heading in enumerate(headings):
        table.add_column(heading, justify="right" if position else "left", no_wrap=True)
    return table


def _yes(passed: bool) -> Text:
    return Text("yes", style="green") if passed else Text("NO", style="bold red")
