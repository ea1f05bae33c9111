"""The second reader: what a raw cell of the practice's database means, written without objects/ or perio/.

It stands beside the staging code on purpose and must not call it: a mistake shared by both would be
invisible to the comparison of meaning. The chart has a reader of its own, ``raw_chart``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from migration_assets.migration import raw_words

ReadAs = Literal[
    "text",
    "lines",
    "date",
    "day",
    "moment",
    "number",
    "money",
    "flag",
    "opposite_flag",
    "sex",
    "reference",
    "numbering_system",
    "credentials",
    "specialty",
    "plan_status",
    "npi",
    "procedure_code",
]
MONEY = pl.Decimal(38, 18)
"""Sums are compared to the last digit, with as many decimals as a destination returns."""
_SYSTEMS = {
    "Universal": ("UNIVERSAL", "UNIVERSAL/NATIONAL", "JP"),
    "FDI": ("FDI", "FDI WORLD DENTAL FEDERATION", "ISO", "ISO 3950", "JO"),
    "Palmer": ("PALMER", "ZSIGMONDY-PALMER"),
}
_WORDS: Mapping[ReadAs, Callable[[str], str | None]] = {
    "credentials": raw_words.credentials,
    "specialty": raw_words.specialty,
    "plan_status": raw_words.plan_status,
    "npi": raw_words.npi,
    "procedure_code": raw_words.procedure_code,
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
        case "opposite_flag":
            return (~raw.cast(pl.Boolean)).fill_null(value=False)
        case "money":
            return raw.cast(MONEY)
        case "sex":
            return _by_word(raw, _SEXES)
        case "reference":
            return raw.cast(pl.String).str.strip_chars()
        case "numbering_system":
            return _by_word(raw, _SYSTEMS)
        case _:
            meant = [None if cell is None else _WORDS[kind](cell) for cell in raw.cast(pl.String)]
            return pl.Series(raw.name, meant, dtype=pl.String)


def _moment(value: datetime | None, zone: ZoneInfo) -> datetime | None:
    """fold=0: a time that exists twice is the first, one that doesn't exist counts from the old offset."""
    return None if value is None else value.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _by_word(raw: pl.Series, spellings: Mapping[str, tuple[str, ...]]) -> pl.Series:
    """The word whose spellings hold the cell's, whatever its case and spaces; null for any other."""
    words = {spelling: word for word, known in spellings.items() for spelling in known}
    plain = (None if cell is None else " ".join(str(cell).upper().split()) for cell in raw)
    return pl.Series(raw.name, [words.get(cell or "") for cell in plain], dtype=pl.String)
