"""The second reader: what a raw cell of the practice's database means, written without objects/ or perio/.

It stands beside the staging code on purpose and must not call it: a mistake shared by both would be
invisible to the comparison of meaning. Tooth numbers are converted by arithmetic here, not by a table.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from migration_assets.panda.profile import ChartConventions

ReadAs = Literal["text", "lines", "date", "day", "moment", "number", "flag", "reference", "numbering_system"]
QUADRANTS = ("UR", "UL", "LL", "LR")
_TEETH_A_QUADRANT = 8
_PALMER_FIRST = re.compile(r"(UR|UL|LL|LR)[- ]?([1-8])")
_PALMER_LAST = re.compile(r"([1-8])[- ]?(UR|UL|LL|LR)")
_SYSTEMS = {"UNIVERSAL": "Universal", "FDI": "FDI", "PALMER": "Palmer"}


def read(raw: pl.Series, kind: ReadAs, zone: ZoneInfo) -> pl.Series:
    """A raw column as the value that its field must show; null stays null, a blank text is null."""
    match kind:
        case "text" | "lines":
            stripped = raw.cast(pl.String).str.strip_chars()
            return stripped.replace("", None)
        case "date":
            return raw.cast(pl.Date)
        case "day":
            return pl.Series(raw.name, [_day(value) for value in raw], dtype=pl.Date)
        case "moment":
            moments = [_moment(value, zone) for value in raw]
            return pl.Series(raw.name, moments, dtype=pl.Datetime("ms", "UTC"))
        case "number":
            return raw.cast(pl.Float64)
        case "flag":
            return raw.cast(pl.Boolean).fill_null(value=False)  # a checkbox has no third state
        case "reference":
            return raw.cast(pl.String)
        case "numbering_system":
            return pl.Series(raw.name, [_system(value) for value in raw], dtype=pl.String)


def _day(value: datetime | None) -> date | None:
    return None if value is None else value.date()


def _moment(value: datetime | None, zone: ZoneInfo) -> datetime | None:
    """fold=0: a time that exists twice is the first, one that doesn't exist counts from the old offset."""
    return None if value is None else value.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _system(value: str | None) -> str | None:
    return None if value is None else _SYSTEMS.get(value.strip().upper())


def permanent_tooth(written: str, system: str) -> int | None:
    """Universal number 1-32 of a permanent tooth as the practice wrote it; None for any other tooth."""
    text = written.strip().upper()
    if system == "Universal":
        return int(text) if text.isdigit() and 1 <= int(text) <= len(QUADRANTS) * _TEETH_A_QUADRANT else None
    if system == "FDI":
        if not re.fullmatch(r"[1-4][1-8]", text):
            return None
        return _from_midline(int(text[0]) - 1, int(text[1]))
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
        values = values.set(values == float(chart.not_charted), None)
    if measure != "Recession":
        return values
    if chart.overgrowth_offset is not None:
        over = values > chart.overgrowth_offset
        values = values.zip_with(~over.fill_null(value=False), -(values - chart.overgrowth_offset))
    return -values if chart.recession_positive == "coronal" else values
