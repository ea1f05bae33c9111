"""Rows of other tables that become fields of a record, or lines and totals of it, with their lineage."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from migration_assets.destinations.base import FieldSchema, ObjectSchema
from migration_assets.mapping.compositions import Total
from migration_assets.mapping.copying import copied, keys, source_table
from migration_assets.mapping.declarations import Rule
from migration_assets.mapping.problems import PayloadRefused
from migration_assets.mapping.spec import MergedSpec
from migration_assets.objects.base import by_key

RECORD_REJECTED = "record_rejected"
"""The record that the row would have given fields to isn't staged."""


def merged_fields(
    schema: ObjectSchema,
    records: pl.DataFrame,
    merged: MergedSpec,
    staged: Mapping[str, pl.DataFrame],
    practice: str,
) -> list[pl.Series]:
    """The fields that merged rows give, in the records' order; null where a record has no such row."""
    if not merged.field_names:
        return []
    rows = _matching(merged, staged)
    if merged.totals:
        values = rows.group_by(merged.by).agg(
            _total(total).alias(name) for name, total in merged.totals.items()
        )
    elif merged.lines:
        lines = rows.sort(str(merged.order_by), *by_key(), nulls_last=[False, True, True])
        values = lines.group_by(merged.by).agg(
            pl.col(column).str.join("\n").alias(name) for name, column in merged.lines.items()
        )
    elif rows[merged.by].is_duplicated().any():
        raise PayloadRefused(
            f"{schema.name}: a record has several rows of staged.{merged.staged} where one is mapped; narrow "
            "'where', or map them by 'lines'"
        )
    else:
        values = rows.select(
            merged.by,
            *(
                _of_merged(schema.field(name), rule, practice).alias(name)
                for name, rule in merged.rules.items()
            ),
        )
    ids = records.select(pl.col("source_id").cast(pl.String).alias(merged.by))
    beside = ids.join(values, on=merged.by, how="left", maintain_order="left")
    defaults = {name: rule.default for name, rule in merged.rules.items() if rule.default is not None}
    defaults |= {name: 0 for name, total in merged.totals.items() if total.how == "count"}
    return beside.select(
        pl.col(name).fill_null(defaults[name]) if name in defaults else pl.col(name)
        for name in merged.field_names
    ).get_columns()


def _of_merged(field: FieldSchema, rule: Rule, practice: str) -> pl.Expr:
    if rule.parent is not None:
        return keys(practice, str(rule.key_space), str(rule.column))
    return copied(field, rule, default=False)


def _total(total: Total) -> pl.Expr:
    if total.how == "count":
        return pl.len().cast(pl.Int64)
    column = pl.col(str(total.column))
    return column.min() if total.how == "first" else column.max()


def _matching(merged: MergedSpec, staged: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Rows that belong to some record, staged or not, and are what ``where`` asks for."""
    wanted = [pl.col(column) == pl.lit(value) for column, value in merged.where.items()]
    rows = staged[merged.staged].filter(pl.col(merged.by).is_not_null(), *wanted)
    return rows.with_columns(pl.col(merged.by).cast(pl.String))


def merged_lineage(
    name: str,
    key_space: str,
    records: pl.Series,
    merged: MergedSpec,
    staged: Mapping[str, pl.DataFrame],
    practice: str,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Columns of ``apply``'s lineage and excused rows: those of ``records``, the source ids of the object
    ``name``, and the others."""
    rows = _matching(merged, staged)
    table = pl.lit(source_table(merged.staged)).alias("source_table")
    there = pl.col(merged.by).is_in(records.cast(pl.String).implode())
    source_id = pl.col("source_id").cast(pl.String)
    lineage = rows.filter(there).select(
        pl.lit(name).alias("object"),
        keys(practice, key_space, merged.by).alias("key"),
        table,
        source_id,
        pl.lit(merged.role).alias("role"),
    )
    excused = rows.filter(~there).select(table, source_id, pl.lit(RECORD_REJECTED).alias("reason"))
    return lineage, excused
