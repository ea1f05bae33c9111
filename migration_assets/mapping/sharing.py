"""Values that a destination keeps unique and several records have, and texts too long for one record.

Nothing is lost on the way: what moves or is left out is listed by key, what is too long goes on in further
records.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from migration_assets.mapping.compositions import Distinct

SHARED_COLUMNS: dict[str, pl.DataType] = {
    "key": pl.String(),
    "field": pl.String(),
    "first_key": pl.String(),
    "then": pl.String(),
}
"""A record whose value an earlier one has: its key, the field, the other's key, and what became of the value
(``leave_empty``, ``move`` or ``add_id``)."""

FURTHER = "-part"
"""Stands in the key of a record that goes on with another's text: ``maple:note:7-part2``."""

_HEADING = "(part {} of {})\n"
_ROOM = len(_HEADING) + 6


def share(
    frame: pl.DataFrame,
    rules: Sequence[Distinct],
    key: str,
    source_id: str,
    sources: Sequence[int],
    practice_name: str = "",
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``frame`` as the rules want it, and SHARED_COLUMNS.

    ``key`` and ``source_id`` are columns; ``sources`` how many rows of the frame each source gave, in order.
    """
    listed = [pl.DataFrame(schema=SHARED_COLUMNS)]
    source = pl.Series(
        "_source", [place for place, rows in enumerate(sources) for _ in range(rows)], pl.Int32
    )
    for rule in rules:
        value = pl.col(rule.field).cast(pl.String)
        if rule.then == "add_practice":
            named = value + pl.lit(f" ({practice_name})")
            frame = frame.with_columns(pl.when(value == practice_name).then(value).otherwise(named))
            continue
        number = pl.col(source_id).str.extract(r"(\d+)").cast(pl.Int64, strict=False)
        marked = frame.select(
            pl.col(key),
            value.str.strip_chars().str.to_lowercase().alias("_value"),
            number.alias("_number"),
            pl.col(source_id).alias("_id"),
        ).with_columns(source, pl.int_range(pl.len()).alias("_row"))
        in_order = marked.filter(pl.col("_value").is_not_null()).sort(
            "_source", "_number", "_id", nulls_last=True, maintain_order=True
        )
        later = in_order.with_columns(first_key=pl.col(key).first().over("_value")).filter(
            pl.int_range(pl.len()).over("_value") > 0
        )
        listed.append(
            later.select(
                pl.col(key).alias("key"),
                pl.lit(rule.field).alias("field"),
                "first_key",
                then=pl.lit(rule.then),
            )
        )
        frame = _changed(frame, rule, marked["_row"].is_in(later["_row"].implode()), source_id)
    return frame, pl.concat(listed)


def _changed(frame: pl.DataFrame, rule: Distinct, again: pl.Series, source_id: str) -> pl.DataFrame:
    value = pl.col(rule.field).cast(pl.String)
    if rule.then == "add_id":
        named = value + pl.lit(" (") + pl.col(source_id) + pl.lit(")")
        return frame.with_columns(pl.when(again).then(named).otherwise(value).alias(rule.field))
    kept = pl.when(~again).then(value).alias(rule.field)
    if rule.to is None:
        return frame.with_columns(kept)
    return frame.with_columns(kept, pl.when(again).then(value).alias(rule.to))


def split_long(records: pl.DataFrame, field: str, length: int, key: str) -> pl.DataFrame:
    """``records`` with a further one, the same but for the key, for each further piece of a longer text.

    A text is parted where a line ends, if one ends in the latter half of a piece.
    """
    long = records[field].str.len_chars().fill_null(0) > length
    if not long.any():
        return records
    texts, keys = [], []
    for whole, text in records.filter(long).select(key, field).iter_rows():
        pieces = _pieces(text, length - _ROOM)
        keys.append([whole if at == 1 else f"{whole}{FURTHER}{at}" for at in range(1, len(pieces) + 1)])
        texts.append([_HEADING.format(at, len(pieces)) + piece for at, piece in enumerate(pieces, 1)])
    parted = (
        records.filter(long)
        .with_columns(pl.Series(key, keys, pl.List(pl.String)), pl.Series(field, texts, pl.List(pl.String)))
        .explode(key, field)
    )
    return pl.concat([records.filter(~long), parted.select(records.columns)], how="vertical_relaxed")


def _pieces(text: str, length: int) -> list[str]:
    pieces = []
    while len(text) > length:
        end = text.rfind("\n", length // 2, length)
        end = length if end < 0 else end + 1
        pieces.append(text[:end])
        text = text[end:]
    return [*pieces, text]
