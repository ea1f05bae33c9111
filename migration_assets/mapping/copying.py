"""What rules come down to: keys, copied columns, and the source's names of staged tables and columns."""

from __future__ import annotations

import polars as pl

from migration_assets.destinations.base import FieldSchema
from migration_assets.mapping.declarations import Rule
from migration_assets.mapping.problems import TEXT_KINDS
from migration_assets.mapping.spec import PRACTICE_TABLE


def key(practice: str, key_space: str, source_id: str) -> str:
    """The record's identity in the destination: ``maple:patient:4711``."""
    return f"{practice}:{key_space}:{source_id}"


def keys(practice: str, key_space: str, column: str) -> pl.Expr:
    """``key`` over a column of source ids; a null id gives a null key."""
    return pl.concat_str(pl.lit(key(practice, key_space, "")), pl.col(column).cast(pl.String))


def copied(field: FieldSchema, rule: Rule, *, default: bool = True) -> pl.Expr:
    """The column's values as the field holds them; with ``default`` its nulls filled."""
    value = pl.col(str(rule.place))
    if field.type in TEXT_KINDS:
        # The destination knows no empty text: it would come back as null and look like a difference.
        text = value.cast(pl.String)
        value = pl.when(text != "").then(text)
        if rule.values:
            value = value.replace(rule.values)
    return value.fill_null(rule.default) if default and rule.default is not None else value


def source_table(staged: str) -> str:
    """The logical source table whose rows the staged table holds.

    ``practice`` stands for itself, and so does a derived table: its rows are no rows of the source's. A drawn
    table's rows are those of the table that they are drawn from.
    """
    # The registry brings Pandera with it, which a process that only reads specs doesn't need.
    from migration_assets.objects.registry import MAPPED_OBJECTS

    tables = {each.name: each.lineage_table for each in MAPPED_OBJECTS}
    return PRACTICE_TABLE if staged == PRACTICE_TABLE else tables[staged]


def source_column(staged: str, column: str) -> str:
    """The logical source column that a staged column comes from; its own name where it comes from none."""
    from migration_assets.objects.registry import MAPPED_OBJECTS

    columns = {each.name: each.source_columns for each in MAPPED_OBJECTS}
    return columns.get(staged, {}).get(column, column)
