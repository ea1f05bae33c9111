"""How many records a plan makes of a practice's staged rows, at most, and how many the other chart layout
would make. Counts only; what they cost is the destination's to say."""

from __future__ import annotations

from collections.abc import Mapping

from migration_assets.destinations.base import Volumes
from migration_assets.mapping.chart_layout import ChartLayout
from migration_assets.mapping.declarations import ChartPart
from migration_assets.mapping.spec import PRACTICE_TABLE, MappingSet, ObjectSpec


def volumes(
    mapping: MappingSet,
    layout: ChartLayout | None,
    rows: Mapping[str, int],
    teeth_without_slot: int,
    *,
    kept: Mapping[tuple[str, str], int] | None = None,
    wide: ChartLayout | None = None,
    files: int = 0,
    file_bytes: int = 0,
) -> Volumes:
    """``rows`` by staged table; ``kept``, by object and key space, those of them that a source makes records
    of, where it leaves some out; ``teeth_without_slot`` counts charted primary and supernumerary teeth; files
    are the same in any layout.

    A wide layout makes records of single teeth of those, and of every tooth where a measure had no room;
    ``per_tooth`` makes one of every charted tooth and no companion. Each is told beside the other: a wide one
    beside ``per_tooth`` where it is given, since it depends on the organisation's room.
    """
    if layout is None:
        return Volumes(_records(mapping, None, rows, kept or {}, 0), files, file_bytes)
    charted = mapping.charted.chart if mapping.charted is not None else None
    teeth = rows.get(charted.declaration.staged, 0) if charted is not None else 0

    def records(of: ChartLayout) -> dict[str, int]:
        every_tooth = of.kind == "per_tooth" or of.unplaced
        return _records(mapping, of, rows, kept or {}, teeth if every_tooth else teeth_without_slot)

    if layout.kind == "per_tooth":
        others = {} if wide is None else {"wide": records(wide)}
    else:
        others = {"per_tooth": records(ChartLayout((), layout.unplaced, "per_tooth"))}
    return Volumes(records(layout), files, file_bytes, others)


def _records(
    mapping: MappingSet,
    layout: ChartLayout | None,
    rows: Mapping[str, int],
    kept: Mapping[tuple[str, str], int],
    teeth: int,
) -> dict[str, int]:
    return {
        spec.name: teeth if _holds_teeth(spec) else _rows_of(spec, rows, kept)
        for spec in mapping
        if spec.is_used(layout)
    }


def _holds_teeth(spec: ObjectSpec) -> bool:
    return spec.chart is not None and spec.chart.holds is ChartPart.TEETH


def _rows_of(spec: ObjectSpec, rows: Mapping[str, int], kept: Mapping[tuple[str, str], int]) -> int:
    of_source = (
        1
        if each.staged == PRACTICE_TABLE
        else kept.get((spec.name, each.key_space), rows.get(each.staged, 0))
        for each in spec.sources
    )
    return sum(of_source)
