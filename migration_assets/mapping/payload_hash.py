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
        values = part.select(_canonical(part[name]) for name in names)
        texts = values.select(pl.concat_str(pl.all(), separator="|") + "|").to_series()
        for text in texts:
            digest = seed.copy()
            digest.update(text.encode())
            digests.append(digest.hexdigest())
    return pl.Series("payload_hash", digests, dtype=pl.String)


def _canonical(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if isinstance(dtype, pl.Enum):
        # The same text as that of its String, made once a word instead of once a row.
        texts = {word: f"{len(word.encode())}:{word}" for word in dtype.categories}
        value = column.replace_strict(texts, return_dtype=pl.Enum(texts.values())).cast(pl.String)
    elif dtype == pl.String:
        value = pl.select(
            pl.concat_str(column.str.len_bytes().cast(pl.String), pl.lit(":"), column)
        ).to_series()
    elif dtype.is_integer():
        value = column.cast(pl.String)
    elif dtype.is_decimal() or dtype.is_float():
        value = _decimal_text(column)
    elif dtype == pl.Boolean:
        value = column.replace_strict({True: "t", False: "f"}, return_dtype=pl.String)
    elif dtype == pl.Date:
        value = "d" + column.to_physical().cast(pl.String)
    elif dtype == pl.Datetime("ms", "UTC"):
        value = "m" + column.to_physical().cast(pl.String)
    elif dtype == pl.Null:
        value = column.cast(pl.String)
    else:
        raise TypeError(f"column {column.name} is {dtype}, which no payload column may be")
    return value.fill_null("~").alias(column.name)


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
