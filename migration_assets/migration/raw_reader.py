"""The second reader: what a raw cell of the practice's database means, written without objects/ or perio/.

It stands beside the staging code on purpose and must not call it: a mistake shared by both would be
invisible to the comparison of meaning. Tooth numbers are converted by arithmetic here, not by a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from migration_assets.panda.profile import ChartConventions

ReadAs = Literal[
    "text", "lines", "date", "day", "moment", "number", "flag", "sex", "reference", "numbering_system"
]
QUADRANTS = ("UR", "UL", "LL", "LR")
_TEETH_A_QUADRANT = 8
_UNIVERSAL = re.compile(r"[1-9]|[12][0-9]|3[0-2]")
_FDI = re.compile(r"[1-4][1-8]")
_PALMER_FIRST = re.compile(r"(UR|UL|LL|LR)[- ]?([1-8])")
_PALMER_LAST = re.compile(r"([1-8])[- ]?(UR|UL|LL|LR)")
# Zsigmondy's cross: the corner behind the number for the patient's right, before it for the left.
_PALMER_CORNERS = {"┘": "UR", "⏌": "UR", "└": "UL", "⎿": "UL", "┌": "LL", "⎾": "LL", "┐": "LR", "⏋": "LR"}
_SYSTEMS = {
    "Universal": ("UNIVERSAL", "UNIVERSAL/NATIONAL", "JP"),
    "FDI": ("FDI", "FDI WORLD DENTAL FEDERATION", "ISO", "ISO 3950", "JO"),
    "Palmer": ("PALMER", "ZSIGMONDY-PALMER"),
}
_SEXES = {"M": ("M", "MALE"), "F": ("F", "FEMALE"), "X": ("X",), "U": ("U", "UNKNOWN")}


def read(raw: pl.Series, kind: ReadAs, zone: ZoneInfo) -> pl.Series:  # noqa: PLR0911
    """A raw column as the value that its field must show; null stays null, a blank text is null."""
    match kind:
        case "text" | "lines":
            stripped = raw.cast(pl.String).str.strip_chars()
            return stripped.replace("", None)
        case "date" | "day":
            return raw.cast(pl.Date)
        case "moment":
            moments = [_moment(value, zone) for value in raw.cast(pl.Datetime("ms"))]
            return pl.Series(raw.name, moments, dtype=pl.Datetime("ms", "UTC"))
        case "number":
            return raw.cast(pl.Float64)
        case "flag":
            return raw.cast(pl.Boolean).fill_null(value=False)  # a checkbox has no third state
        case "sex":
            return _by_word(raw, _SEXES)
        case "reference":
            return raw.cast(pl.String).str.strip_chars()
        case "numbering_system":
            return _by_word(raw, _SYSTEMS)


def _moment(value: datetime | None, zone: ZoneInfo) -> datetime | None:
    """fold=0: a time that exists twice is the first, one that doesn't exist counts from the old offset."""
    return None if value is None else value.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _by_word(raw: pl.Series, spellings: Mapping[str, tuple[str, ...]]) -> pl.Series:
    """The word whose spellings hold the cell's, whatever its case and spaces; null for any other."""
    words = {spelling: word for word, known in spellings.items() for spelling in known}
    plain = (None if cell is None else " ".join(str(cell).upper().split()) for cell in raw)
    return pl.Series(raw.name, [words.get(cell or "") for cell in plain], dtype=pl.String)


def permanent_tooth(written: str, system: str) -> int | None:
    """Universal number 1-32 of a permanent tooth as the practice wrote it; None for any other tooth."""
    text = written.strip().upper()
    if system == "Universal":
        return int(text) if _UNIVERSAL.fullmatch(text) else None
    if system == "FDI":
        return _from_midline(int(text[0]) - 1, int(text[1])) if _FDI.fullmatch(text) else None
    for corner, quadrant in _PALMER_CORNERS.items():
        text = text.replace(corner, quadrant)
    if found := _PALMER_FIRST.fullmatch(text):
        return _from_midline(QUADRANTS.index(found[1]), int(found[2]))
    if found := _PALMER_LAST.fullmatch(text):
        return _from_midline(QUADRANTS.index(found[2]), int(found[1]))
    return None


def _from_midline(quadrant: int, position: int) -> int:
    """Universal counts clockwise from the upper right third molar; positions count from the midline."""
    first = quadrant * _TEETH_A_QUADRANT
    runs_towards_midline = quadrant in (0, 2)
    return first + (_TEETH_A_QUADRANT + 1 - position if runs_towards_midline else position)


def chart_number(raw: pl.Series, measure: str, chart: ChartConventions) -> pl.Series:
    """Raw depth or recession in mm; recession positive where the margin lies apical of the CEJ."""
    values = raw.cast(pl.Float64)
    if chart.not_charted is not None:
        values = values.set((values == float(chart.not_charted)).fill_null(value=False), None)
    if measure != "Recession":
        return values
    apical = -values if chart.recession_positive == "coronal" else values
    if chart.overgrowth_offset is None:
        return apical
    # 105 is an overgrowth of 5 mm whatever the sign of the others means.
    over = (values > chart.overgrowth_offset).fill_null(value=False)
    return apical.zip_with(~over, chart.overgrowth_offset - values)
