"""Texts that are too long for one record and go on in further ones: whether their pieces are the whole text.

A part of the comparison of meaning: no code of objects/ and mapping/ is used. Where a text is parted is the
mapping's to choose; here the pieces must say which of how many they are, and be the text one after the other.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from migration_assets.migration.field_meaning import EXPECTED, RAW
from migration_assets.migration.raw_markup import in_words

PART = "_part"
_FURTHER = r"-part([0-9]+)$"


def with_parts(records: pl.DataFrame) -> pl.DataFrame:
    """``records`` whose column ``_raw`` is what their key ends in: ``_raw`` without the number of their part,
    and ``_part``, which is 1 for all that don't go on."""
    number = pl.col(RAW).str.extract(_FURTHER).cast(pl.Int64).fill_null(1)
    return records.with_columns(number.alias(PART), pl.col(RAW).str.replace(_FURTHER, ""))


def beside_whole(there: pl.DataFrame, told: pl.DataFrame, actual: str) -> pl.DataFrame:
    """``there`` (``_raw``, ``_part``, the column ``actual`` and more) with ``expected``: the piece itself where
    it goes on where those before it ended, otherwise what should stand there.

    ``told`` are the whole texts, as ``text_meaning.TOLD`` says.
    """
    whole = {number: (text, exact) for number, text, exact in told.iter_rows()}
    expected: dict[tuple[str, int], str | None] = {}
    for (record,), own in there.partition_by(RAW, as_dict=True).items():
        pieces = dict(own.select(PART, actual).sort(PART).iter_rows())
        text, exact = whole.get(record, (None, None))
        wanted = _expected(pieces, text, exact)
        expected |= {(str(record), part): piece for part, piece in wanted.items()}
    cells = [expected[place] for place in there.select(RAW, PART).iter_rows()]
    return there.with_columns(pl.Series(EXPECTED, cells, dtype=pl.String))


def _expected(pieces: dict[int, str | None], text: str | None, exact: int | None) -> dict[int, str | None]:
    """By part; the first piece that is wrong should be what is left of the text, those behind it nothing that
    can be told, so each of them must be whatever its heading says it is."""
    if text is None:
        return dict.fromkeys(pieces)
    alike = _as_compared(text, exact)
    told, wanted, last = "", alike(text), max(pieces)
    expected: dict[int, str | None] = {}
    for place, (part, piece) in enumerate(pieces.items(), 1):
        heading = f"(part {part} of {last})\n" if last > 1 else ""
        so_far = told + (piece or "").removeprefix(heading)
        is_right = part == place and piece is not None and piece.startswith(heading)
        is_right = is_right and _goes_on(alike(so_far), wanted, is_last=part == last)
        expected[part] = piece if is_right else heading + text[len(told) :]
        told = so_far
    return expected


def _goes_on(so_far: str, wanted: str, *, is_last: bool) -> bool:
    return so_far == wanted if is_last else wanted.startswith(so_far)


def _as_compared(text: str, exact: int | None) -> Callable[[str], str]:
    """Pieces as they are, or behind the first ``exact`` characters as words."""
    if exact is None:
        return lambda piece: piece
    return lambda piece: piece[:exact] + (in_words(piece[exact:]) or "") if len(piece) > exact else piece
