"""Which object holds which measures of a chart, and their fields; planned once, then stored.

Pure: the destination's limits are arguments, names and ranges come from ``perio.charting``. Filling the
fields is ``chart_gather``'s. Raising for a lack of room is the caller's, since only it knows whether
records of single teeth may take what is left.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import get_args

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectCapacity
from migration_assets.destinations.kind import LayoutKind
from migration_assets.errors import ConfigurationError
from migration_assets.perio import charting
from migration_assets.perio.charting import ANSWERS, ChartField, Measure, Per
from migration_assets.perio.vocabulary import TOOTH_STATUSES

FREE_FIELDS = 25
"""Custom fields of an object that the migration leaves to the practice."""

SLOT_COLUMN = "slot"
MEASURES = {measure.name: measure for measure in charting.MEASURES}
"""By name, in the order in which they are given room."""

_FORMAT = 2
_FORMAT_OF_ONE_OBJECT = 1


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """One chart field: its API name, the staged column and the slot (1-32) that it is filled from.

    ``slot`` is None for a field of a record that is one tooth.
    """

    field: str
    column: str
    slot: int | None


@dataclass(frozen=True, slots=True)
class ObjectMeasures:
    """Measures by name that have wide fields on one object, in the order of their fields."""

    object: str
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChartLayout:
    """The exam's object first, then those companions that hold any measure; each measure on one of them.

    ``unplaced`` measures have wide fields nowhere: their values go to records of single teeth.
    """

    objects: tuple[ObjectMeasures, ...]
    unplaced: tuple[str, ...] = ()
    kind: LayoutKind = "wide"

    def measures_on(self, object_name: str) -> tuple[str, ...]:
        """Empty for an object without wide fields."""
        return next((each.measures for each in self.objects if each.object == object_name), ())

    @property
    def measures(self) -> tuple[str, ...]:
        """Those that have wide fields anywhere."""
        return tuple(name for each in self.objects for name in each.measures)

    def to_json(self) -> str:
        """Canonical text: equal layouts give equal text, whatever version wrote it."""
        return json.dumps(
            {
                "format": _FORMAT,
                "kind": self.kind,
                "objects": [[each.object, list(each.measures)] for each in self.objects],
                "unplaced": list(self.unplaced),
            },
            sort_keys=True,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str, charted: str) -> ChartLayout:
        """A stored layout; ``charted`` is the exam's object, which the format before companions left out.

        Raises ConfigurationError where the text isn't a layout that this version can resolve.
        """
        try:
            stored = json.loads(text)
            if stored["kind"] not in get_args(LayoutKind):
                raise ValueError
            if stored["format"] == _FORMAT_OF_ONE_OBJECT:
                stored["objects"] = [[charted, stored["measures"]]]
            elif stored["format"] != _FORMAT:
                raise ValueError
            objects = tuple(ObjectMeasures(name, tuple(measures)) for name, measures in stored["objects"])
            layout = cls(objects, tuple(stored["unplaced"]), stored["kind"])
            named = layout.measures + layout.unplaced
            if not set(named) <= MEASURES.keys() or len(set(named)) < len(named):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(
                "the stored chart layout can't be read by this version; plan the layout again and approve it"
            ) from None
        return layout

    def content_hash(self) -> str:
        """SHA-256 of the layout and of every field that it resolves to; part of the plan hash."""
        described = [
            (each.name, each.type, each.precision, each.scale, each.values)
            for placed in self.objects
            for each in fields(placed.measures)
        ]
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


def plan(measures: Collection[str], rooms: Mapping[str, int], kind: LayoutKind = "wide") -> ChartLayout:
    """Give ``measures`` room in the fixed order, each whole to the first object that can hold it.

    ``rooms``: object -> chart fields that it can hold, the exam's object first. A measure that fits
    nowhere is ``unplaced``, and a smaller one after it may still fit: on an org that can't hold a site
    measure, mobility and furcation stay visible. In ``per_tooth`` every measure is unplaced. Raises
    ConfigurationError for a name that is no measure.
    """
    if unknown := sorted(set(measures) - MEASURES.keys()):
        raise ConfigurationError(
            f"no such measure of a chart: {', '.join(unknown)}; known: {', '.join(MEASURES)}"
        )
    left = dict(rooms) if kind == "wide" else dict.fromkeys(rooms, 0)
    placed: dict[str, list[str]] = {name: [] for name in rooms}
    unplaced: list[str] = []
    for name in (each for each in MEASURES if each in set(measures)):
        size = field_count(name)
        home = next((each for each, room in left.items() if size <= room), None)
        if home is None:
            unplaced.append(name)
        else:
            placed[home].append(name)
            left[home] -= size
    exam = next(iter(rooms), None)
    used = (ObjectMeasures(name, tuple(held)) for name, held in placed.items() if held or name == exam)
    return ChartLayout(tuple(used), tuple(unplaced), kind)


def field_count(measure: str) -> int:
    """Wide fields of one measure on 32 teeth: 192 a site measure, 32 a tooth's, 34 furcation entrances."""
    return sum(1 for _ in charting.chart_fields(MEASURES[measure]))


def wide_columns(measures: Iterable[str]) -> tuple[ChartColumn, ...]:
    """The wide fields of ``measures`` in the payload's order: by measure, slot, place."""
    return _wide_columns(tuple(measures))


@cache
def _wide_columns(measures: tuple[str, ...]) -> tuple[ChartColumn, ...]:
    return tuple(
        ChartColumn(_api_name(each), charting.column(each.measure, each.place), slot)
        for each, slot in _slotted(measures)
    )


def fields(measures: Iterable[str]) -> tuple[FieldSchema, ...]:
    """The wide fields in the order of ``wide_columns``."""
    return _fields(tuple(measures))


@cache
def _fields(measures: tuple[str, ...]) -> tuple[FieldSchema, ...]:
    return tuple(_schema(each) for each, _ in _slotted(measures))


def tooth_columns(measures: Iterable[str]) -> tuple[ChartColumn, ...]:
    """The fields of a record that is one tooth, ``PocketDepth_MB__c``: by measure, place."""
    return tuple(
        ChartColumn(_api_name(each), charting.column(each.measure, each.place), None)
        for each in _of_one_tooth(measures)
    )


def tooth_fields(measures: Iterable[str]) -> tuple[FieldSchema, ...]:
    """The fields of a record that is one tooth in the order of ``tooth_columns``."""
    return tuple(_schema(each) for each in _of_one_tooth(measures))


def _slotted(measures: Iterable[str]) -> Iterator[tuple[ChartField, int]]:
    for name in measures:
        for each in charting.chart_fields(MEASURES[name]):
            if each.slot is not None:
                yield each, each.slot


def _of_one_tooth(measures: Iterable[str]) -> Iterator[ChartField]:
    for measure in (MEASURES[name] for name in measures):
        for place in measure.places or (None,):
            yield ChartField(measure, place, None)


def _api_name(each: ChartField) -> str:
    return charting.field_name(each.measure, each.place, each.slot)


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
