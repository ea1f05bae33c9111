"""What a periodontal chart measures, where, in which range, and the name of the field that holds it.

A field is called measure, site, quadrant and UNIVERSAL number: ``PocketDepth_MB_UR6__c`` is the mesio-buccal
site of Universal tooth 6 (Palmer UR3), so label and help text say all three numbers. Without a tooth
(``PocketDepth_MB__c``) it is the field of a record that is one tooth. Which fields an organisation has room
for isn't decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from migration_assets.perio.errors import UnknownChartField
from migration_assets.perio.teeth import SLOTS, Entrance, furcation_entrances, tooth_of_slot

LABEL_LENGTH = 40


class Site(StrEnum):
    """The six probing sites of a tooth: three buccal (facial), three lingual (palatal)."""

    MESIO_BUCCAL = "MB"
    BUCCAL = "B"
    DISTO_BUCCAL = "DB"
    MESIO_LINGUAL = "ML"
    LINGUAL = "L"
    DISTO_LINGUAL = "DL"


class Per(StrEnum):
    """What a measure is taken of."""

    SITE = "site"
    TOOTH = "tooth"
    ENTRANCE = "entrance"


class FurcationScale(StrEnum):
    """Glickman 1953, grades 0-4, or Hamp 1975, degrees 0-3; the same digit means different things."""

    GLICKMAN = "glickman"
    HAMP = "hamp"


Place = Site | Entrance
"""Where on a tooth; the furcation entrances B and L are other places than the sites B and L."""

_SITES, _ENTRANCES = tuple(Site), tuple(Entrance)


@dataclass(frozen=True)
class Measure:
    """A measure: ``name`` prefixes canonical columns, ``prefix`` names fields, ``title`` begins labels.

    ``low`` and ``high`` bound a number, inclusive, in ``unit``; None for yes/no and words. ``step`` is the
    smallest difference between two values, ``long_title`` the title where there is room for it.
    """

    name: str
    prefix: str
    title: str
    per: Per
    unit: str = ""
    low: int | None = None
    high: int | None = None
    step: Decimal = Decimal(1)
    long_title: str = ""

    @property
    def places(self) -> tuple[Place, ...]:
        """All its places on a tooth; empty for a measure of the whole tooth."""
        if self.per is Per.TOOTH:
            return ()
        return _SITES if self.per is Per.SITE else _ENTRANCES

    def places_on(self, slot: int) -> tuple[Place, ...]:
        """Its places on the tooth of slot 1-32: an entrance only where the tooth has that furcation."""
        return furcation_entrances(str(slot)) if self.per is Per.ENTRANCE else self.places

    @property
    def columns(self) -> tuple[str, ...]:
        """Its canonical columns, one a place: ``pocket_depth_mb``, or ``mobility``."""
        return tuple(f"{self.name}_{place.lower()}" for place in self.places) or (self.name,)


POCKET_DEPTH = Measure("pocket_depth", "PocketDepth", "Pocket depth", Per.SITE, "mm", 0, 19)
# Positive where the margin lies apical of the cemento-enamel junction, negative where it is overgrown.
RECESSION = Measure("recession", "Recession", "Recession", Per.SITE, "mm", -9, 20)
MOBILITY = Measure("mobility", "Mobility", "Mobility", Per.TOOTH, "Miller grade", 0, 3, Decimal("0.5"))
FURCATION = Measure("furcation", "Furcation", "Furcation", Per.ENTRANCE, "grade", 0, 4)
STATUS = Measure("status", "ToothStatus", "Tooth status", Per.TOOTH)
BLEEDING = Measure("bleeding", "BleedingOnProbing", "Bleeding", Per.SITE, long_title="Bleeding on probing")
SUPPURATION = Measure("suppuration", "Suppuration", "Suppuration", Per.SITE)
PLAQUE = Measure("plaque", "Plaque", "Plaque", Per.SITE)

MEASURES = (POCKET_DEPTH, RECESSION, MOBILITY, FURCATION, STATUS, BLEEDING, SUPPURATION, PLAQUE)
"""In the order in which they are given room where an object can't hold all their fields."""

ANSWERS = ("Yes", "No")
"""What the field of a yes/no finding holds: a checkbox has no third state for a site that wasn't charted."""

_BY_PREFIX = MappingProxyType({measure.prefix: measure for measure in MEASURES})

# By letters, since a site and an entrance with the same letters are equal as strings.
_PLACE_NAMES = MappingProxyType(
    {
        "MB": "mesio-buccal",
        "B": "buccal",
        "DB": "disto-buccal",
        "ML": "mesio-lingual",
        "L": "lingual",
        "DL": "disto-lingual",
        "M": "mesial",
        "D": "distal",
    }
)

_FIELD_NAME = re.compile(
    r"(?P<prefix>[A-Za-z]+)(?:_(?P<place>[MDBL]{1,2}))?(?:_(?P<quadrant>U[RL]|L[RL])(?P<number>[0-9]{1,2}))?__c"
)


@dataclass(frozen=True)
class ChartField:
    """A field of a chart: ``place`` is None for a measure of the tooth, ``slot`` for a one-tooth record."""

    measure: Measure
    place: Place | None
    slot: int | None


def furcation_high(scale: FurcationScale) -> int:
    """The highest grade of a furcation scale."""
    return 4 if scale is FurcationScale.GLICKMAN else 3


def chart_fields(measure: Measure) -> Iterator[ChartField]:
    """Every field of a measure on 32 teeth, by slot, then place: 192 a site measure, 32, or 34 entrances."""
    for slot in SLOTS:
        if measure.per is Per.TOOTH:
            yield ChartField(measure, None, slot)
        for place in measure.places_on(slot):
            yield ChartField(measure, place, slot)


def column(measure: Measure, place: Place | None) -> str:
    """The canonical column: ``pocket_depth_mb``, ``mobility``; raises UnknownChartField."""
    _check(measure, place, None)
    return measure.name if place is None else f"{measure.name}_{place.lower()}"


def field_name(measure: Measure, place: Place | None, slot: int | None) -> str:
    """API name of a field, ``PocketDepth_MB_UR6__c``; without a slot ``PocketDepth_MB__c``.

    Raises UnknownChartField where the tooth or the measure has no such place.
    """
    _check(measure, place, slot)
    parts = [measure.prefix]
    if place is not None:
        parts.append(place)
    if slot is not None:
        parts.append(f"{tooth_of_slot(slot).quadrant}{slot}")
    return "_".join(parts) + "__c"


def parse_field_name(name: str) -> ChartField:
    """The inverse of ``field_name``; raises UnknownChartField for any name that it doesn't make."""
    found = _FIELD_NAME.fullmatch(name)
    measure = _BY_PREFIX.get(found["prefix"]) if found else None
    if found is None or measure is None:
        raise UnknownChartField("the name is no chart field's: measure, place, quadrant and number, __c")
    place = {str(place): place for place in measure.places}.get(found["place"] or "")
    slot = int(found["number"]) if found["number"] else None
    # Only the canonical spelling counts: not UL6, not UR06, no place that the measure doesn't have.
    if field_name(measure, place, slot) != name:
        raise UnknownChartField("the field's place or quadrant doesn't belong to its measure and tooth")
    return ChartField(measure, place, slot)


def label(measure: Measure, place: Place | None, slot: int | None) -> str:
    """At most LABEL_LENGTH characters: ``Pocket depth MB #6 (FDI 13, Palmer UR3)``, # being Universal."""
    _check(measure, place, slot)
    words = f"{measure.title} {place}" if place is not None else measure.title
    if slot is None:
        return words
    tooth = tooth_of_slot(slot)
    return f"{words} #{slot} (FDI {tooth.fdi}, Palmer {tooth.palmer})"


def help_text(measure: Measure, place: Place | None, slot: int | None) -> str:
    """A sentence for the field's help: measure, unit and range, place, and the tooth in all three systems."""
    _check(measure, place, slot)
    what = measure.long_title or measure.title
    if measure.low is not None:
        what += f" ({measure.unit}, {measure.low} to {measure.high})"
    where = f"{_place_name(measure, place)} of " if place is not None else ""
    if slot is None:
        return f"{what}, {where}this tooth."
    tooth = tooth_of_slot(slot)
    return f"{what}, {where}tooth Universal {slot} = FDI {tooth.fdi} = Palmer {tooth.palmer}."


def _place_name(measure: Measure, place: Place) -> str:
    return f"{_PLACE_NAMES[place]} {measure.per}"


@cache
def _combinations(measure: Measure) -> frozenset[tuple[Place | None, int | None]]:
    of_one_tooth = [(place, None) for place in measure.places or (None,)]
    return frozenset([*of_one_tooth, *((field.place, field.slot) for field in chart_fields(measure))])


def _check(measure: Measure, place: Place | None, slot: int | None) -> None:
    if (place, slot) not in _combinations(measure):
        raise UnknownChartField(f"{measure.title} has no field at that place and tooth")
