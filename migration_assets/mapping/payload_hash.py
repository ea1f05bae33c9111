"""A hash of each payload row that says whether a record has changed since it was sent.

The ledger keeps these hashes for the life of a migration, so a row is first written as a canonical text
that depends on no library's way of printing values. Changing that text resends every record.

The text: a line with the names of all fields, sorted, each as ``length:name``; then the values in that
order, each ended by ``|``. Null is ``~``; text is ``length:text`` with the length in UTF-8 bytes, so no
text can pose as two values; a number is in plain decimal digits without trailing zeros (3, 3.00 and 3.0
are the same number); true and false are ``t`` and ``f``; a date is ``d`` and its day since 1970-01-01; a
time is ``m`` and its millisecond since 1970-01-01 UTC.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

import polars as pl

_ROWS_AT_ONCE = 20_000


def hash_rows(frame: pl.DataFrame) -> pl.Series:
    """SHA-256 (64 hex digits) of each row of ``frame``, named ``payload_hash``.

    Neither the order of the columns nor a number's width counts. Column types are those of
    ``destinations.base.Batch``, an Enum being as good as its text; raises TypeError naming a column of any
    other type.
    """
    names = sorted(frame.columns)
    head = "".join(f"{len(name.encode())}:{name}" for name in names) + "\n"
    seed = hashlib.sha256(head.encode())
    digests: list[str] = []
    for part in frame.select(names).iter_slices(_ROWS_AT_ONCE):
        values = part.select(_canonical(part.schema)).select(names)
        texts = values.select(pl.concat_str(pl.all(), separator="|") + "|").to_series()
        for text in texts:
            digest = seed.copy()
            digest.update(text.encode())
            digests.append(digest.hexdigest())
    return pl.Series("payload_hash", digests, dtype=pl.String)


def _canonical(schema: pl.Schema) -> Iterator[pl.Expr]:
    """One expression for all columns of a type: a chart has hundreds, and each has its price."""
    columns: dict[pl.DataType, list[str]] = defaultdict(list)
    for name, dtype in schema.items():
        columns[dtype].append(name)
    for dtype, names in columns.items():
        yield _texts(pl.col(names), dtype, names).fill_null("~")


def _texts(column: pl.Expr, dtype: pl.DataType, names: Sequence[str]) -> pl.Expr:
    if isinstance(dtype, pl.Enum):
        # The same text as that of its String, made once a word instead of once a row.
        texts = {word: f"{len(word.encode())}:{word}" for word in dtype.categories}
        return column.replace_strict(texts, return_dtype=pl.Enum(texts.values())).cast(pl.String)
    if dtype == pl.String:
        return column.str.len_bytes().cast(pl.String) + pl.lit(":") + column
    if dtype.is_integer() or dtype == pl.Null:
        return column.cast(pl.String)
    if dtype.is_decimal() or dtype.is_float():
        return column.map_batches(_decimal_text, return_dtype=pl.String)
    if dtype == pl.Boolean:
        return column.replace_strict({True: "t", False: "f"}, return_dtype=pl.String)
    if dtype in (pl.Date, pl.Datetime("ms", "UTC")):
        unit = pl.lit("d" if dtype == pl.Date else "m")
        return (unit + column.to_physical().cast(pl.String)).name.keep()
    raise TypeError(f"column {names[0]} is {dtype}, which no payload column may be")


def _decimal_text(column: pl.Series) -> pl.Series:
    """Through Python's own Decimal and repr, which are specified; how polars prints them has changed."""
    return pl.Series(
        column.name, [None if value is None else _plain(value) for value in column.to_list()], dtype=pl.String
    )


def _plain(value: Decimal | float) -> str:
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not exact.is_finite():
        return str(exact).lower()
    if exact == 0:
        return "0"
    text = format(exact, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
