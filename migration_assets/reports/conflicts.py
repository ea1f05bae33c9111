"""Conflicts as people decide about them: a page and JSON for programs with the values, counts for a terminal.

Page and JSON hold patients' values and are readable by their owner only. What a conflict is stands in
``migration/conflicts``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.conflict_deciding import list_hash
from migration_assets.migration.conflict_store import DECIDED, Standing
from migration_assets.migration.conflicts import CRM, OPEN, SOURCE, WHOLE_RECORD
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.reports.files import write_document, write_private
from migration_assets.reports.page import render

PAGE, DOCUMENT = "conflicts.html", "conflicts.json"
_SAID: Mapping[str, str] = {
    OPEN: "open",
    CRM: "stays as it is there",
    SOURCE: "overwritten by the source",
}
_WHOLE: Final = "the whole record: deleted there"


def write_conflicts(
    standing: Sequence[Standing], target: Target, head: Head, directory: Path
) -> tuple[Path, Path]:
    """``conflicts.html`` and ``conflicts.json``."""
    made_at = datetime.now(UTC)
    document = {
        "practice": target.practice,
        "destination": target.destination,
        "environment": target.environment,
        "made_at": made_at.isoformat(),
        "list_hash": list_hash(standing),
        "counts": counts(standing),
        "conflicts": [_row(each) for each in standing],
        AUDIT_LOG: head.described(),
    }
    page = render(
        "conflicts.html.j2",
        title=f"{target.practice}: conflicts of {target.destination}/{target.environment}",
        head=head,
        made_at=made_at,
        counts=counts(standing),
        said=_SAID,
        conflicts=[_row(each) for each in standing],
        images=_images(standing),
    )
    return (
        write_private(directory / PAGE, page.encode()),
        write_document(directory / DOCUMENT, document),
    )


def counts(standing: Sequence[Standing]) -> dict[str, dict[str, int]]:
    """Object -> conflicts by what becomes of them."""
    found: dict[str, Counter[str]] = {}
    for each in standing:
        found.setdefault(each.object, Counter())[each.resolution] += 1
    return {name: {said: number[said] for said in _SAID} for name, number in sorted(found.items())}


def render_conflicts(target: Target, standing: Sequence[Standing], page: Path) -> RenderableType:
    """Counts, where the page is, and how to decide; no value."""
    if not standing:
        return Text(f"{target}: no conflicts")
    lines: list[RenderableType] = [
        Text(f"\n{target}: edited there since we wrote", style="bold"),
        _table(standing),
    ]
    lines.append(Text(f"both values of each, side by side: {page}"))
    if any(each.resolution == OPEN for each in standing):
        lines.append(
            Text(
                f"read it, then decide: migration-assets decide-conflicts {target.practice} "
                f"{target.destination} --take source|crm --decided-by 'YOUR NAME' "
                "[--record OBJECT:KEY[:FIELD]]"
            )
        )
    return Group(*lines)


def render_decided(target: Target, take: str, decided: Sequence[Standing]) -> RenderableType:
    """What a decision was about, in counts."""
    if not decided:
        return Text(f"{target}: no conflict is open, nothing was decided")
    after = "the next delta sends them" if take == SOURCE else "they stay as they are there"
    return Text(f"{target}: decided about {len(decided):,} conflicts, {take} is taken: {after}")


def _table(standing: Sequence[Standing]) -> Table:
    table = Table("object", *_SAID.values())
    for name, number in counts(standing).items():
        table.add_row(name, *(f"{number[each]:,}" for each in _SAID))
    return table


def _row(each: Standing) -> dict[str, Any]:
    conflict = each.conflict
    whole = conflict.field == WHOLE_RECORD
    return {
        "name": each.name,
        "object": each.object,
        "key": conflict.key,
        "field": None if whole else conflict.field,
        "what": _WHOLE if whole else conflict.field,
        "former": conflict.former,
        "source": conflict.source,
        "crm": conflict.crm,
        "resolution": each.resolution,
        "policy": each.policy,
        "decided_by": each.decided_by if each.event == DECIDED else None,
        "at": each.at.isoformat(timespec="seconds"),
    }


def _images(standing: Sequence[Standing]) -> dict[str, dict[str, Any]]:
    """Object and key -> the record as it stood there, its fields that hold something."""
    return {
        f"{each.object}:{each.conflict.key}": {
            name: value for name, value in each.record.items() if value is not None
        }
        for each in standing
        if each.record is not None
    }
