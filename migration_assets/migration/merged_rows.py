"""Lineage in the source's own rows where several of them make one staged row (a chart kept by measures)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from migration_assets.mapping.apply import source_table


@dataclass(frozen=True)
class MergedRows:
    """``by_table``: logical source table -> MERGED_COLUMNS of the staged object that is made from it; a
    table whose rows are staged one to one isn't there."""

    by_table: Mapping[str, pl.DataFrame]

    @classmethod
    def of(cls, merged: pl.DataFrame) -> MergedRows:
        """From ``staged.merged_rows``."""
        parts = merged.partition_by("object", as_dict=True)
        return cls({source_table(str(name)): part for (name,), part in parts.items()})

    def staged(self, table: str, rows: pl.DataFrame) -> int:
        """How many rows of the source table stand in ``rows`` (staged), or have a reason why they don't."""
        merged = self.by_table.get(table)
        if merged is None:
            return rows.height
        in_rows = merged.join(rows.select("source_id"), on="source_id", how="semi")
        return in_rows.height + _excused(merged).height

    def excused(self, excused: pl.DataFrame, tables: Sequence[str]) -> pl.DataFrame:
        """EXCUSED_COLUMNS by source row, and the rows of ``tables`` that staging itself has excused."""
        own = [
            _excused(self.by_table[table]).select(
                pl.lit(table).alias("source_table"),
                pl.col("source_key").alias("source_id"),
                pl.col("excused").alias("reason"),
            )
            for table in tables
            if table in self.by_table
        ]
        return pl.concat([self.by_source_row(excused), *own])

    def by_source_row(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Lineage or excuses of staged rows -> of the source's rows; other tables' rows stay."""
        parts = [rows.filter(~pl.col("source_table").is_in(list(self.by_table)))]
        for table, merged in self.by_table.items():
            of_table = rows.filter(pl.col("source_table") == table)
            joined = of_table.join(merged.select("source_id", "source_key"), on="source_id", how="inner")
            parts.append(joined.with_columns(source_id="source_key").select(rows.columns))
        return pl.concat(parts)


def _excused(merged: pl.DataFrame) -> pl.DataFrame:
    return merged.filter(pl.col("excused").is_not_null())
