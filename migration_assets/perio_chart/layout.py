"""Where on the sheet of a periodontal chart something stands; nothing is drawn here.

Upper teeth above, buccal then palatal; lower ones below, lingual then buccal; the patient's right on the
left. Apical lies away from the occlusal plane. Units are those of the SVG, 1 a pixel by nature.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from migration_assets.perio import charting
from migration_assets.perio.charting import Measure, Site
from migration_assets.perio.teeth import Entrance, Quadrant, tooth_of_slot
from migration_assets.perio_chart.marks import CROWN_MM, ROOT_MM, Panel
from migration_assets.perio_chart.model import SITE_MEASURES, Chart, SiteFindings

COLUMN, SITE, MIDLINE = 38.0, 12.0, 8.0
"""Widths of a tooth, of a site within it, and of the gap between the patient's right and left."""
PANEL, ROW = 122.0, 10.0
LEFT, RIGHT, BETWEEN = 66.0, 10.0, 26.0
_TOP, _NUMBER, STATUS_ROW, _GAP, _OCCLUSION = 42.0, 13.0, 10.0, 8.0, 24.0
CHART_WIDTH = LEFT + 16 * COLUMN + MIDLINE + RIGHT
_HEADER = _NUMBER + STATUS_ROW + ROW
_ASPECT = PANEL + 5 * ROW
_LOWER = _TOP + _HEADER + 2 * _ASPECT + _GAP + _OCCLUSION
LIST_TOP = _LOWER + 2 * _ASPECT + _GAP + _HEADER + 16
LINE = 10.0
"""Height of a line of the list beneath."""
_FURCATION_MM = 4.4
OUTWARD = (charting.POCKET_DEPTH, charting.RECESSION, *(each for each in SITE_MEASURES if each.low is None))
"""The rows of an aspect, from its panel outwards."""
ROW_NAMES = dict(
    zip(
        (each.name for each in OUTWARD), ("Depth", "Margin", "Bleeding", "Suppuration", "Plaque"), strict=True
    )
)
BUCCAL_SITES = (Site.DISTO_BUCCAL, Site.BUCCAL, Site.MESIO_BUCCAL)
LINGUAL_SITES = (Site.DISTO_LINGUAL, Site.LINGUAL, Site.MESIO_LINGUAL)
_RIGHT_SIDE = (Quadrant.UPPER_RIGHT, Quadrant.LOWER_RIGHT)


@dataclass(frozen=True, slots=True)
class Aspect:
    """A side of an arch: where its panel begins, and whether its rows stand above it or below."""

    name: str
    upper: bool
    sites: tuple[Site, Site, Site]
    top: float
    rows_above: bool

    @property
    def slots(self) -> range:
        return range(1, 17) if self.upper else range(32, 16, -1)

    def row(self, measure: Measure) -> float:
        """The middle of a measure's row."""
        place = OUTWARD.index(measure) + 0.5
        return self.top - place * ROW if self.rows_above else self.top + PANEL + place * ROW

    @property
    def box(self) -> tuple[float, float]:
        """Top and height of the panel with its rows."""
        return self.top - (5 * ROW if self.rows_above else 0), _ASPECT


ASPECTS = (
    Aspect("Buccal", True, BUCCAL_SITES, _TOP + _HEADER + 5 * ROW, True),
    Aspect("Palatal", True, LINGUAL_SITES, _TOP + _HEADER + _ASPECT + _GAP, False),
    Aspect("Lingual", False, LINGUAL_SITES, _LOWER + 5 * ROW, True),
    Aspect("Buccal", False, BUCCAL_SITES, _LOWER + _ASPECT + _GAP, False),
)


@dataclass(frozen=True, slots=True)
class Scale:
    """Millimetres that a panel shows apical and coronal of the CEJ: all that is charted, and whole teeth."""

    apical: float
    coronal: float

    def panel(self, aspect: Aspect) -> Panel:
        """Where the aspect's millimetres stand."""
        step = PANEL / (self.apical + self.coronal)
        if aspect.upper:
            return Panel(aspect.top + self.apical * step, -step)
        return Panel(aspect.top + self.coronal * step, step)


def scale_of(charts: Iterable[Chart]) -> Scale:
    """The one scale on which all of them are drawn."""
    points = [
        apical
        for chart in charts
        for tooth in chart.teeth.values()
        for findings in tooth.sites.values()
        for apical in (margin_of(findings), base_of(findings))
        if apical is not None
    ]
    return Scale(max([ROOT_MM, *points]) + 1, max([CROWN_MM, *(-each for each in points)]) + 1)


def margin_of(findings: SiteFindings) -> float | None:
    """The gingival margin, in mm apical of the CEJ."""
    return findings.recession


def base_of(findings: SiteFindings) -> float | None:
    """The pocket's, in mm apical of the CEJ; the margin counts as being at the CEJ where none was charted."""
    return None if findings.pocket_depth is None else findings.pocket_depth + (findings.recession or 0)


def column(slot: int) -> float:
    """The middle of a tooth's column."""
    place = slot - 1 if slot <= 16 else 32 - slot
    return LEFT + (place + 0.5) * COLUMN + (MIDLINE if place >= 8 else 0)


@cache
def ordered(slot: int, sites: tuple[Site, Site, Site]) -> tuple[tuple[Site, float], ...]:
    """The sites of a tooth as they stand from left to right: mesial ones towards the midline."""
    right = tooth_of_slot(slot).quadrant in _RIGHT_SIDE
    in_order = sites if right else tuple(reversed(sites))
    return tuple((site, column(slot) + (place - 1) * SITE) for place, site in enumerate(in_order))


def header_rows(upper: bool) -> dict[str, float]:
    """The middle of each row of whole teeth, numbers outermost."""
    tops = (0.0, _NUMBER, _NUMBER + STATUS_ROW) if upper else (STATUS_ROW + ROW, ROW, 0.0)
    start = _TOP if upper else _LOWER + 2 * _ASPECT + _GAP
    highs = (_NUMBER, STATUS_ROW, ROW)
    names = ("number", charting.STATUS.name, charting.MOBILITY.name)
    return {name: start + top + high / 2 for name, top, high in zip(names, tops, highs, strict=True)}


def furcation_place(slot: int, entrance: Entrance, at: Panel) -> tuple[float, float]:
    """Buccal in the buccal panel's middle, the others in the lingual one: lingual in the middle, mesial and
    distal at their sides."""
    towards_midline = 1 if tooth_of_slot(slot).quadrant in _RIGHT_SIDE else -1
    aside = {Entrance.MESIAL: towards_midline, Entrance.DISTAL: -towards_midline}.get(entrance, 0)
    return column(slot) + aside * (SITE + 1), at.y(_FURCATION_MM)
