"""Texts that are too long for one record and go on in further ones: whether their pieces are the whole text.

A part of the comparison of meaning: no code of objects/ and mapping/ is used. Where a text is parted is the
mapping's to choose; here the pieces must say which of how many they are, and be the text one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from migration_assets.migration.field_meaning import EXPECTED, RAW
from migration_assets.migration.raw_markup import in_words

PART = "_part"
_FURTHER = r"-part([0-9]+)$"
_HEADING = re.compile(r"\(part [0-9]+ of ([0-9]+)\)\n")


def with_parts(records: pl.DataFrame) -> pl.DataFrame:
    """``records`` whose column ``_raw`` is what their key ends in: ``_raw`` without the number of their part,
    and ``_part``, which is 1 for all that don't go on."""
    number = pl.col(RAW).str.extract(_FURTHER).cast(pl.Int64).fill_null(1)
    return records.with_columns(number.alias(PART), pl.col(RAW).str.replace(_FURTHER, ""))


def beside_whole(there: pl.DataFrame, told: pl.DataFrame, actual: str) -> pl.DataFrame:
    """``there`` (``_raw``, ``_part``, the column ``actual`` and more) with ``expected``: the piece itself
    where it goes on where those before it ended, otherwise what should stand there.

    ``told`` are the whole texts, as ``text_meaning.TOLD`` says.
    """
    whole = {number: (text, exact) for number, text, exact in told.iter_rows()}
    pieces: dict[str, dict[int, str | None]] = {}
    for record, part, piece in there.select(RAW, PART, actual).sort(RAW, PART).iter_rows():
        pieces.setdefault(record, {})[part] = piece
    expected = {record: _expected(own, *whole.get(record, (None, None))) for record, own in pieces.items()}
    cells = [expected[record][part] for record, part in there.select(RAW, PART).iter_rows()]
    return there.with_columns(pl.Series(EXPECTED, cells, dtype=pl.String))


def _expected(pieces: dict[int, str | None], text: str | None, exact: int | None) -> dict[int, str | None]:
    """By part: the piece itself while all are right, then whatever is left of the text there.

    Where the headings count more parts than there are, the last one there should be all that is left.
    """
    if text is None:
        return dict.fromkeys(pieces)
    parts = _parts(pieces, text)
    if parts == 1 and exact is None:
        return dict.fromkeys(pieces, text)
    alike = _as_compared(exact)
    told, wanted = "", alike(text)
    expected: dict[int, str | None] = {}
    for place, (part, piece) in enumerate(pieces.items(), 1):
        heading = f"(part {part} of {parts})\n" if parts > 1 else ""
        so_far = told + (piece or "").removeprefix(heading)
        goes_on = alike(so_far) == wanted if part == parts else wanted.startswith(alike(so_far))
        is_there = part == place and piece is not None and piece.startswith(heading)
        if is_there and goes_on and (part == parts or place < len(pieces)):
            expected[part] = piece
        else:
            expected[part] = heading + text[len(told) :]
        told = so_far
    return expected


def _parts(pieces: dict[int, str | None], text: str) -> int:
    """Of how many parts the pieces themselves say that they are; a text may begin like a heading itself."""
    headings = (_HEADING.match(piece or "") for piece in pieces.values())
    stated = [int(heading[1]) for heading in headings if heading and not text.startswith(heading[0])]
    return max(*pieces, *stated, 1)


def _as_compared(exact: int | None) -> Callable[[str], str]:
    """Pieces whatever ends their lines, or behind the first ``exact`` characters as words."""
    if exact is None:
        return lambda piece: piece.replace("\r\n", "\n")
    return lambda piece: piece[:exact] + (in_words(piece[exact:]) or "") if len(piece) > exact else piece
