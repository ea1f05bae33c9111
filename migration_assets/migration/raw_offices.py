"""The second reader's offices of dentists: which texts are one office, told a second time.

The rule is staging's, by another way: texts are sorted into heaps of equal letters, and what an office is
called and by which row it is known is read off its heap. Nothing of objects/, mapping/ or perio/ is used.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from migration_assets.migration.raw_names import same_practice

NAMED: dict[str, pl.DataType] = dict.fromkeys(("table", "row", "dentist", "written"), pl.String())
"""A row of Provider or Referral (``table``, and ``row``, its key) that names a dentist with an office;
``dentist`` is what the key of the dentist's record ends in, ``provider:3``."""
TOLD: dict[str, pl.DataType] = dict.fromkeys(("table", "row", "dentist", "record", "name"), pl.String())
"""The same rows: what the key of the office's record ends in, and its name."""


def offices(named: pl.DataFrame, own_name: str | None, minted: Mapping[str, str]) -> pl.DataFrame:
    """TOLD of each row of NAMED whose text says something and isn't the practice's ``own_name``.

    ``minted``: ``p`` or ``r`` and the key of the row by which an office is known -> the id that the ledger
    gave it.
    """
    alike = {text: same_practice(text) for text in named["written"].unique()}
    heap = pl.col("written").replace_strict(alike, default=None, return_dtype=pl.String)
    own = own_name and same_practice(own_name)
    number = pl.when(pl.col("row").str.contains(r"^\d+$")).then(pl.col("row")).cast(pl.Int128)
    rows = (
        named.with_columns(heap=heap)
        .filter(pl.col("heap").is_not_null() & pl.col("heap").ne_missing(pl.lit(own, pl.String)))
        .sort("table", number, "row", nulls_last=True)
        .with_row_index("at")
    )
    spellings = rows.group_by("heap", "written").agg(times=pl.len(), at=pl.col("at").min())
    names = spellings.sort("times", "at", descending=[True, False]).unique("heap", keep="first")
    by_text = pl.col("table").str.to_lowercase().str.head(1) + pl.col("row")
    known = rows.unique("heap", keep="first").select("heap", record=by_text.replace(dict(minted)))
    return (
        rows.join(known, on="heap")
        .join(names.select("heap", name="written"), on="heap")
        .sort("at")
        .select(list(TOLD))
    )
