"""Where a chart's measures stand on the exam's record, and the chart gathered into that layout.

Pure: the destination's limits are arguments, names and ranges come from ``perio.charting``. Raising for a
lack of room is the caller's, since only it knows whether companions may take what is left.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectCapacity
from migration_assets.errors import ConfigurationError
from migration_assets.mapping.problems import PayloadRefused
from migration_assets.perio import charting
from migration_assets.perio.charting import ChartField, Measure, Per
from migration_assets.perio.teeth import SLOTS
from migration_assets.perio.vocabulary import TOOTH_STATUSES

FREE_FIELDS = 25
"""Custom fields of an object that the migration leaves to the practice."""

ANSWERS = ("Yes", "No")
"""A yes/no finding is a picklist: a checkbox has no third state for a site that wasn't charted."""

SLOT_COLUMN = "slot"
MEASURES = {measure.name: measure for measure in charting.MEASURES}
"""By name, in the order in which they are given room."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """One wide field: its API name, the staged column and the slot (1-32) that it is filled from."""

    field: str
    column: str
    slot: int


@dataclass(frozen=True, slots=True)
class ChartLayout:
    """Measures by name that have fields on the exam's record, and those for which it has no room."""

    measures: tuple[str, ...]
    unplaced: tuple[str, ...] = ()
    kind: Literal["wide"] = "wide"

    @property
    def columns(self) -> tuple[ChartColumn, ...]:
        """Every wide field in the payload's order: by measure, slot, place."""
        return tuple(
            ChartColumn(_api_name(each), charting.column(each.measure, each.place), slot)
            for each, slot in _slotted(self.measures)
        )

    def to_json(self) -> str:
        """Canonical text: equal layouts give equal text, whatever version wrote it."""
        return json.dumps(
            {
                "format": _FORMAT,
                "kind": self.kind,
                "measures": list(self.measures),
                "unplaced": list(self.unplaced),
            },
            sort_keys=True,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> ChartLayout:
        """Raises ConfigurationError where the text isn't a layout that this version can resolve."""
        try:
            stored = json.loads(text)
            if stored["format"] != _FORMAT or stored["kind"] != "wide":
                raise ValueError
            layout = cls(tuple(stored["measures"]), tuple(stored["unplaced"]))
            if not set(layout.measures + layout.unplaced) <= MEASURES.keys():
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(
                "the stored chart layout can't be read by this version; plan the layout again and approve it"
            ) from None
        return layout

    def content_hash(self) -> str:
        """SHA-256 of the layout and of every field that it resolves to; part of the plan hash."""
        described = [(each.name, each.type, each.precision, each.scale, each.values) for each in fields(self)]
        return hashlib.sha256((self.to_json() + json.dumps(described)).encode()).hexdigest()


def room_for_chart(
    capacity: ObjectCapacity, own_fields: Iterable[FieldSchema], free: int = FREE_FIELDS
) -> int:
    """How many chart fields the object can hold besides the spec's own fields and ``free`` ones.

    Chart fields that are there from an earlier deployment take no room: they are what is being placed.
    """
    chart = {_api_name(each) for each, _ in _slotted(MEASURES)}
    own = {each.name for each in own_fields if each.custom}
    taken = len((capacity.custom_fields - chart) | own)
    return max(0, capacity.custom_field_limit - free - taken)


def plan(measures: Collection[str], room: int) -> ChartLayout:
    """Give ``room`` fields to ``measures`` in the fixed order, whole measures only.

    A measure that doesn't fit is ``unplaced``, and a smaller one after it may still fit: on an org that
    can't hold a site measure, mobility and furcation stay visible. Raises ConfigurationError for a name
    that is no measure.
    """
    if unknown := sorted(set(measures) - MEASURES.keys()):
        raise ConfigurationError(
            f"no such measure of a chart: {', '.join(unknown)}; known: {', '.join(MEASURES)}"
        )
    placed: list[str] = []
    unplaced: list[str] = []
    for name in (each for each in MEASURES if each in set(measures)):
        size = field_count(name)
        if size <= room:
            placed.append(name)
            room -= size
        else:
            unplaced.append(name)
    return ChartLayout(tuple(placed), tuple(unplaced))


def field_count(measure: str) -> int:
    """Wide fields of one measure on 32 teeth: 192 a site measure, 32 a tooth's, 34 furcation entrances."""
    return sum(1 for _ in charting.chart_fields(MEASURES[measure]))


def fields(layout: ChartLayout) -> tuple[FieldSchema, ...]:
    """The wide fields in the order of ``layout.columns``."""
    return tuple(_schema(each) for each, _ in _slotted(layout.measures))


def gather(chart: pl.DataFrame, exam_ids: pl.Series, layout: ChartLayout, exam_column: str) -> pl.DataFrame:
    """The wide columns of ``layout`` for each of ``exam_ids``, one row an exam in their order.

    ``chart`` holds one row a tooth: ``exam_column`` (typed as ``exam_ids``), ``slot`` 1-32 or null, and the
    staged measure columns. Rows of other exams and rows without a slot are left out. Null stays null and 0
    stays 0; a tooth without a row is null. By position instead of by pivot, since a pivot of 1,022 columns
    takes five times as long. Raises PayloadRefused where an exam has two rows for a slot.
    """
    height = exam_ids.len()
    exams = pl.DataFrame({exam_column: exam_ids}).with_row_index("__exam")
    places = (
        chart.select(exam_column, pl.col(SLOT_COLUMN).cast(pl.UInt32))
        .with_row_index("__row")
        .filter(pl.col(SLOT_COLUMN).is_not_null())
        .join(exams, on=exam_column, how="inner")
        .select("__row", place=pl.col("__exam") * len(SLOTS) + pl.col(SLOT_COLUMN) - SLOTS.start)
    )
    if places["place"].is_duplicated().any():
        raise PayloadRefused(
            "an exam has two staged chart rows for the same tooth; stage the practice again "
            "(staging turns a tooth charted twice into rejects)"
        )
    table = pl.Series(values=[None], dtype=pl.UInt32).new_from_index(0, height * len(SLOTS))
    if places.height:
        table = table.scatter(places["place"], places["__row"])
    by_slot = {slot: table.gather_every(len(SLOTS), slot - SLOTS.start) for slot in SLOTS}
    columns = layout.columns
    values = {name: _as_payload(chart[name]) for name in dict.fromkeys(each.column for each in columns)}
    return pl.DataFrame(
        [values[each.column].gather(by_slot[each.slot]).alias(each.field) for each in columns]
    )


def _slotted(measures: Iterable[str]) -> Iterator[tuple[ChartField, int]]:
    for name in measures:
        for each in charting.chart_fields(MEASURES[name]):
            if each.slot is not None:
                yield each, each.slot


def _api_name(each: ChartField) -> str:
    return charting.field_name(each.measure, each.place, each.slot)


def _as_payload(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Boolean:
        yes, no = ANSWERS
        return column.replace_strict({True: yes, False: no}, return_dtype=pl.String)
    return column


def _schema(each: ChartField) -> FieldSchema:
    kind, precision, scale, values = _storage(each.measure)
    return FieldSchema(
        name=_api_name(each),
        label=charting.label(each.measure, each.place, each.slot),
        type=kind,
        custom=True,
        precision=precision,
        scale=scale,
        values=values,
        help_text=charting.help_text(each.measure, each.place, each.slot),
    )


def _storage(measure: Measure) -> tuple[FieldType, int | None, int | None, tuple[str, ...]]:
    """Type, precision, scale and values of a measure's fields; three whole digits leave room for dirt."""
    if measure.low is not None:
        scale = max(0, -int(measure.step.as_tuple().exponent))
        return FieldType.NUMBER, 3 + scale, scale, ()
    return FieldType.PICKLIST, None, None, ANSWERS if measure.per is Per.SITE else TOOTH_STATUSES
