"""Staged rows as they are now, read by ids: what some of an object's records are made of, nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from migration_assets.mapping.apply import source_table
from migration_assets.mapping.spec import ObjectSpec, SourceSpec
from migration_assets.migration.asked_values import among
from migration_assets.migration.delta_reach import named_by, taken_by
from migration_assets.migration.drawn_files import draw_again
from migration_assets.migration.merged_rows import MergedRows
from migration_assets.migration.minted_rows import MintedRows
from migration_assets.migration.source_copies import PANDA
from migration_assets.objects.base import DrawnObject
from migration_assets.warehouse import Session, in_ms, quoted


@dataclass(frozen=True)
class StagedRows:
    """In a session on the upload's file with panda.duckdb attached. ``pseudo`` are the tables that stand in
    no file, ``drawn`` those that are drawn, by name."""

    session: Session
    minted: MintedRows
    pseudo: Mapping[str, pl.DataFrame]
    drawn: Mapping[str, DrawnObject]
    _kept: dict[str, pl.DataFrame] = field(default_factory=dict)
    _merged: dict[str, list[str]] = field(default_factory=dict)

    def whole(self, table: str) -> pl.DataFrame:
        """Kept once read: the practice's common tables, of which the rows are few."""
        if table in self.pseudo:
            return self.pseudo[table]
        if table not in self._kept:
            rows = self.session.sql(f"SELECT * FROM {_place(table)} t ORDER BY t.rowid")
            self._kept[table] = self.minted.applied(table, in_ms(rows))
        return self._kept[table]

    def where(self, table: str, column: str, values: Collection[str]) -> pl.DataFrame:
        """The table's rows that have one of the values in this column, in their order."""
        if table in self.pseudo or self.minted.columns(table):
            return self.whole(table).filter(pl.col(column).cast(pl.String).is_in(list(values)))
        return in_ms(
            self.session.sql(
                f"SELECT * FROM {_place(table)} t WHERE {self._is_any(column, values)} ORDER BY t.rowid"
            )
        )

    def values(self, table: str, wanted: str, column: str, values: Collection[str]) -> set[str]:
        """As ``delta_reach.Values``; a drawn table has the rows of what it is drawn from."""
        if table in self.drawn:
            return self.values(self.drawn[table].of.name, wanted, column, values)
        if table in self.pseudo or self.minted.columns(table):
            found = self.where(table, column, values)[wanted].cast(pl.String)
        else:
            query = f"SELECT DISTINCT CAST({quoted(wanted)} AS VARCHAR) AS v FROM {_place(table)}"
            found = self.session.sql(f"{query} WHERE {self._is_any(column, values)}")["v"]
        return set(found.drop_nulls())

    def of_records(
        self, spec: ObjectSpec, source: SourceSpec, ids: Collection[str]
    ) -> dict[str, pl.DataFrame]:
        """Tables by name, as ``apply`` wants them, for the records of one source that have these ids."""
        staged = {**self.pseudo}
        if source.staged in self.drawn:
            staged[source.staged] = self._draw(source.staged, ids)
        elif source.staged not in self.pseudo:
            staged[source.staged] = self.where(source.staged, "source_id", ids)
        for taken in taken_by(spec, source):
            staged[taken.table] = self.where(taken.table, taken.by, ids)
        named: dict[str, set[str]] = {}
        for each in named_by(spec, source):
            found = staged[source.staged][each.column].cast(pl.String).drop_nulls()
            named.setdefault(each.table, set()).update(found)
        return staged | {table: self.where(table, "source_id", wanted) for table, wanted in named.items()}

    def merged(self, ids: Mapping[str, Collection[str]]) -> MergedRows:
        """Which source rows the staged rows of these ids are made of, by staged table."""
        return MergedRows(
            {
                source_table(name): self.session.sql(
                    f"SELECT * FROM {PANDA}.staged.merged_rows WHERE object = $1 "
                    f"AND {self._is_any('source_id', ids.get(name, ()))}",
                    (name,),
                )
                for name in self.merged_in(f"{PANDA}.staged")
            }
        )

    def merged_in(self, schema: str) -> list[str]:
        """``merged_objects``, asked once."""
        if schema not in self._merged:
            self._merged[schema] = merged_objects(self.session, schema)
        return self._merged[schema]

    def _is_any(self, column: str, values: Collection[str]) -> str:
        return f"CAST({quoted(column)} AS VARCHAR) IN {among(self.session, values)}"

    def _draw(self, name: str, ids: Collection[str]) -> pl.DataFrame:
        drawn = self.drawn[name]
        table, column = drawn.named_in
        staged = {
            drawn.of.name: self.where(drawn.of.name, "source_id", ids),
            table: self.where(table, column, ids),
        }
        return draw_again(self.session, drawn, staged, ids)


def merged_objects(session: Session, schema: str) -> list[str]:
    """Staged objects of which several source rows make one row."""
    return session.sql(f"SELECT DISTINCT object FROM {schema}.merged_rows")["object"].sort().to_list()


def _place(table: str) -> str:
    return f"{PANDA}.staged.{quoted(table)}"
