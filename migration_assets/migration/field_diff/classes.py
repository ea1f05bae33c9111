"""Which class a value of the diff is of: the same, an expected transformation, another form, or a difference.

Pure over one frame; why a value differs is ``field_diff_diagnosis``'s.
"""

from __future__ import annotations

import polars as pl

from migration_assets.migration.field_diff.cells import plain_number


def classed(cells: pl.DataFrame) -> pl.DataFrame:
    """``cells`` (CELL_COLUMNS) with ``cls`` and ``should``, the text that ought to have been returned.

    What the second reader expects goes before what the mapping made: a mapping that is wrong sends its
    mistake well.
    """
    mapped, expected, returned, meant = (pl.col(each) for each in ("mapped", "expected", "returned", "meant"))
    # A record for which no owner was found has the one whom the destination gave it.
    by_destination = (pl.col("kind") == "user") & mapped.is_null()
    arrived = mapped.eq_missing(returned) | by_destination
    right = arrived & meant.fill_null(value=True)
    should = pl.when(meant.is_null() | meant).then(mapped).otherwise(expected)
    form = _form(should).eq_missing(_form(returned)) & should.is_not_null()
    told = (
        pl.when(right & pl.col("source").eq_missing(returned))
        .then(pl.lit("same"))
        .when(right & _form(pl.col("source")).eq_missing(_form(returned)))
        .then(pl.lit("format"))
        .when(right)
        .then(pl.lit("expected"))
        .when(form)
        .then(pl.lit("format"))
        .when(returned.is_null())
        .then(pl.lit("lost"))
        .when(should.is_null())
        .then(pl.lit("added"))
        .otherwise(pl.lit("changed"))
    )
    return cells.with_columns(told.alias("cls"), should.alias("should"))


def _form(text: pl.Expr) -> pl.Expr:
    """A text without what differs in form only: kinds of line breaks, outer blanks, decimals, an e-mail's
    case."""
    kind = pl.col("kind")
    plain = text.str.replace_all("\r\n?", "\n").str.strip_chars()
    return (
        pl.when(kind == "number")
        .then(plain_number(plain))
        .when(kind == "email")
        .then(plain.str.to_lowercase())
        .otherwise(plain)
    )
