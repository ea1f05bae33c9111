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

from migration_assets.migration import raw_files, raw_markup, raw_words

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
    "stage",
    "grade",
    "extent",
    "site",
    "minutes",
    "percent",
    "written",
    "referral_direction",
    "referral_status",
    "referral_title",
    "note_title",
    "letter_type",
    "words",
    "markup",
    "markup_format",
    "role",
    "role_of_specialty",
    "role_of_credentials",
    "deal_stage",
    "last_part",
]
MONEY = pl.Decimal(38, 18)
"""Sums are compared to the last digit, with as many decimals as a destination returns."""
_MINUTES_OF_A_DAY = 24 * 60
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
    "stage": raw_words.stage,
    "grade": raw_words.grade,
    "extent": raw_words.extent,
    "site": raw_words.site,
    "referral_direction": raw_words.referral_direction,
    "referral_status": raw_words.referral_status,
    "referral_title": raw_words.referral_title,
    "note_title": raw_words.note_title,
    "letter_type": raw_words.letter_type,
    "words": raw_markup.words_of,
    "markup": lambda written: None if raw_markup.format_of(written) == "plain" else written,
    "markup_format": lambda written: raw_markup.format_of(written) if written.strip() else None,
    "role": raw_words.role,
    "role_of_specialty": raw_words.role_of_specialty,
    "role_of_credentials": raw_words.role_of_credentials,
    "deal_stage": raw_words.deal_stage,
    "last_part": lambda path: raw_files.last_part(path) or None,
}
_SEXES = {"M": ("M", "MALE"), "F": ("F", "FEMALE"), "X": ("X",), "U": ("U", "UNKNOWN")}


JUDGED_HERE: frozenset[ReadAs] = frozenset(
    {
        *("stage", "grade", "extent", "site", "minutes", "percent", "written"),
        *("referral_direction", "referral_status", "words", "markup", "markup_format"),
        *("role", "role_of_specialty", "role_of_credentials", "deal_stage"),
    }
)
"""Kinds of which this reader itself knows what becomes nothing: a correction that staging lists of such a
column excuses nothing."""


def read(raw: pl.Series, kind: ReadAs, zone: ZoneInfo) -> pl.Series:  # noqa: PLR0911, PLR0912
    """A raw column as the value that its field must show; null stays null, a blank text is null."""
    match kind:
        case "text" | "lines" | "written":
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
        case "minutes":
            minutes = raw.cast(pl.Int64)
            return minutes.set(~minutes.is_between(0, _MINUTES_OF_A_DAY).fill_null(value=True), None)
        case "percent":
            share = raw.cast(MONEY)
            return share.set(~share.is_between(0, 100).fill_null(value=True), None)
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
