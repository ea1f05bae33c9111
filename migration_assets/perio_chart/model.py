"""One exam's periodontal chart as a picture's model: what was charted, and where two charts differ.

Built from staged rows or from the records that a destination returned, in the same words, so that the two
compare. How it is drawn is ``svg``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import polars as pl

from migration_assets.errors import DestinationError
from migration_assets.perio import charting
from migration_assets.perio.charting import ANSWERS, Measure, Per, Place, Site
from migration_assets.perio.teeth import TEETH, Entrance, NumberingSystem, parse_numbering_system

Value = float | bool | str
SITE_MEASURES = tuple(measure for measure in charting.MEASURES if measure.per is Per.SITE)
_TOOTH_FIELD, _SYSTEM_FIELD = "ToothNumber__c", "ToothNumberingSystem__c"
_YES, _NO = ANSWERS
_SITE_COLUMNS = tuple(
    (site, tuple((each.name, charting.column(each, site)) for each in SITE_MEASURES)) for site in Site
)
_FURCATION_COLUMNS = tuple((each, charting.column(charting.FURCATION, each)) for each in Entrance)
CHART_COLUMNS = ("universal", *(column for measure in charting.MEASURES for column in measure.columns))
"""Columns of ``staged.charting`` that a chart is made of."""


@dataclass(frozen=True, slots=True)
class SiteFindings:
    """What was charted at one site; None is not charted. Depth and recession in mm, recession positive where
    the margin lies apical of the CEJ. The names are those of the measures."""

    pocket_depth: float | None = None
    recession: float | None = None
    bleeding: bool | None = None
    suppuration: bool | None = None
    plaque: bool | None = None


@dataclass(frozen=True, slots=True)
class Tooth:
    """What was charted on one tooth; ``sites`` and ``furcation`` hold only places with a finding."""

    status: str | None = None
    mobility: float | None = None
    sites: Mapping[Site, SiteFindings] = field(default_factory=dict)
    furcation: Mapping[Entrance, float] = field(default_factory=dict)

    def value(self, measure: Measure, place: Place | None) -> Value | None:
        """None where nothing was charted."""
        found: Value | None
        if measure.per is Per.TOOTH:
            found = getattr(self, measure.name)
        elif isinstance(place, Entrance):
            found = self.furcation.get(place)
        else:
            found = getattr(self.sites.get(Site(place or ""), NOTHING_AT_SITE), measure.name)
        return found


NOTHING_AT_SITE = SiteFindings()
NOTHING_CHARTED = Tooth()


@dataclass(frozen=True, slots=True)
class Chart:
    """``teeth``: Universal code -> tooth, only those with a finding, and each primary or supernumerary one
    that has a row. ``system`` is the one that the exam was charted in, None where it isn't told.

    ``told_twice``: values that two records of a destination hold differently; the first is in ``teeth``.
    """

    system: NumberingSystem | None = None
    teeth: Mapping[str, Tooth] = field(default_factory=dict)
    told_twice: int = 0

    def tooth(self, universal: str) -> Tooth:
        return self.teeth.get(universal, NOTHING_CHARTED)


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that two charts don't share: Universal code, measure, place (None for the whole tooth)."""

    tooth: str
    measure: Measure
    place: Place | None
    before: Value | None
    after: Value | None


def differences(before: Chart, after: Chart) -> tuple[Difference, ...]:
    """Every value that differs, 0 and nothing too; by tooth in Universal's order, measure, place."""
    order = {code: place for place, code in enumerate(TEETH)}
    codes = sorted({*before.teeth, *after.teeth}, key=lambda code: (order.get(code, len(order)), code))
    return tuple(
        Difference(code, measure, place, was, becomes)
        for code in codes
        if before.tooth(code) != after.tooth(code)
        for measure in charting.MEASURES
        for place in measure.places or (None,)
        if (was := before.tooth(code).value(measure, place))
        != (becomes := after.tooth(code).value(measure, place))
    )


def from_staged(rows: pl.DataFrame, system: str | None) -> Chart:
    """The chart of rows of ``staged.charting`` that belong to one exam; ``system`` is the exam's
    ``numbering_system``."""
    return from_rows(rows.iter_rows(named=True), system)


def from_rows(rows: Iterable[Mapping[str, Any]], system: str | None) -> Chart:
    """``from_staged`` of rows that are plain values by column, those of CHART_COLUMNS at least."""
    return _chart(system, {row["universal"]: row for row in rows}, 0)


def from_record(
    record: Mapping[str, Any],
    teeth_records: Iterable[Mapping[str, Any]] = (),
    companions: Iterable[Mapping[str, Any]] = (),
) -> Chart:
    """The chart that a destination returned: the exam's record, those of its single teeth, and the companions
    that hold the measures for which the exam's object has no room.

    Fields as ``perio.charting`` names them, numbers as numbers or text, Yes and No; others are left alone. A
    tooth may stand in wide fields and in a record of its own. Raises DestinationError for a value that its
    field can't mean; the message names the field.
    """
    told: dict[str, dict[str, Any]] = {}
    told_twice = 0
    for each in (record, *companions):
        for name in each.keys() & _wide_fields().keys():
            universal, column = _wide_fields()[name]
            told_twice += _tell(told.setdefault(universal, {}), column, _read(each[name], column, name))
    for each in teeth_records:
        tooth = told.setdefault(str(each.get(_TOOTH_FIELD) or ""), {})
        for name, column in _tooth_fields().items():
            told_twice += _tell(tooth, column, _read(each.get(name), column, name))
    return _chart(record.get(_SYSTEM_FIELD), told, told_twice)


def _tell(tooth: dict[str, Any], column: str, value: Value | None) -> bool:
    """Whether the tooth has another value there already, which stays."""
    if tooth.get(column) is None:
        tooth[column] = value
    return value is not None and tooth[column] != value


def _chart(system: str | None, told: Mapping[str, Mapping[str, Any]], told_twice: int) -> Chart:
    teeth = {code: _tooth(values) for code, values in told.items()}
    kept = {code: tooth for code, tooth in teeth.items() if tooth != NOTHING_CHARTED or not _permanent(code)}
    return Chart(parse_numbering_system(system) if system else None, kept, told_twice)


def _permanent(universal: str) -> bool:
    tooth = TEETH.get(universal)
    return tooth is not None and tooth.slot is not None


def _tooth(values: Mapping[str, Any]) -> Tooth:
    """A tooth by its canonical columns."""
    sites = {}
    for site, columns in _SITE_COLUMNS:
        found = {name: _plain(value) for name, at in columns if (value := values.get(at)) is not None}
        if found:
            sites[site] = SiteFindings(**found)
    furcation = ((each, values.get(at)) for each, at in _FURCATION_COLUMNS)
    return Tooth(
        status=values.get(charting.STATUS.name),
        mobility=_plain(values.get(charting.MOBILITY.name)),
        sites=sites,
        furcation={each: float(grade) for each, grade in furcation if grade is not None},
    )


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else float(value)


def _read(value: Any, column: str, name: str) -> Value | None:
    if value is None or value == "":
        return None
    if column == charting.STATUS.name:
        return str(value)
    try:
        if column in _flags():
            return {_YES: True, _NO: False}[value]
        return float(value)
    except (KeyError, TypeError, ValueError):
        raise DestinationError(
            f"the destination holds a value in {name} that is none of a chart's; see who changed the field's "
            "type or values there, then compare again"
        ) from None


@cache
def _flags() -> frozenset[str]:
    return frozenset(column for each in SITE_MEASURES if each.low is None for column in each.columns)


@cache
def _wide_fields() -> dict[str, tuple[str, str]]:
    """Field of a full chart -> Universal code and canonical column."""
    fields = (each for measure in charting.MEASURES for each in charting.chart_fields(measure))
    return {
        charting.field_name(each.measure, each.place, each.slot): (
            str(each.slot),
            charting.column(each.measure, each.place),
        )
        for each in fields
    }


@cache
def _tooth_fields() -> dict[str, str]:
    """Field of a record that is one tooth -> canonical column."""
    return dict(_one_tooth())


def _one_tooth() -> Iterator[tuple[str, str]]:
    for measure in charting.MEASURES:
        for place in measure.places or (None,):
            yield charting.field_name(measure, place, None), charting.column(measure, place)
