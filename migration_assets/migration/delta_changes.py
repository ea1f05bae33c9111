"""Which staged rows are other ones than in an upload's payload: those of the units that were refreshed since,
and of tables staged whole those that differ.

Read before the copies in the upload's file are brought up to date; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from migration_assets.migration.asked_values import among
from migration_assets.migration.minted_keys import MintedKeys
from migration_assets.migration.minted_rows import MintedRows, minted_objects
from migration_assets.migration.source_copies import PANDA
from migration_assets.migration.units import Units, in_schema
from migration_assets.migration.upload_file import SOURCE
from migration_assets.objects.base import DrawnObject, StagedObject
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.profile import Profile
from migration_assets.panda.refresh_log import REFRESHED_OBJECTS, REFRESHED_ROWS, REFRESHED_UNITS
from migration_assets.warehouse import Session, quoted

_RAW_BEFORE = in_schema(SOURCE, "raw_")
_RAW_NOW = in_schema(f"{PANDA}.panda")
_States = tuple[pl.DataFrame, pl.DataFrame]
"""Rows as they stood, and as they stand."""


@dataclass(frozen=True)
class Change:
    """Rows of one staged table that changed, came or went, by ``source_id``: ``frames`` has them as they
    stood and as they stand, under minted ids."""

    ids: frozenset[str] = frozenset()
    frames: tuple[pl.DataFrame, ...] = ()

    @classmethod
    def of(cls, *frames: pl.DataFrame) -> Change:
        return cls(frozenset(each for frame in frames for each in _texts(frame, "source_id")), frames)

    def values(self, column: str) -> set[str]:
        """What stood or stands in a column of them."""
        return {each for frame in self.frames for each in _texts(frame, column)}


@dataclass(frozen=True)
class Changes:
    """``rows`` by staged table, of those that have any; ``raw_keys``: primary keys of the source's rows by
    logical table. ``minted`` are the ids as they are now, ``whole`` the tables that were staged whole."""

    rows: Mapping[str, Change]
    raw_keys: Mapping[str, list[str]]
    minted: MintedRows
    whole: Collection[str]

    def of(self, table: str) -> Change:
        return self.rows.get(table, Change())

    def drawn(self, drawn: DrawnObject) -> Change:
        """Rows of a drawn table of which the file may be another."""
        table, column = drawn.named_in
        return Change(self.of(drawn.of.name).ids | self.of(table).values(column))


@dataclass(frozen=True)
class ChangeFinder:
    """In a session on the upload's file with panda.duckdb attached; ``since`` is the last refresh in it."""

    session: Session
    profile: Profile
    names: Collection[str]
    since: int

    def find(self, keys: MintedKeys) -> Changes:
        objects = [each for each in STAGED_OBJECTS if each.name in self.names]
        whole = set(self._logged(REFRESHED_OBJECTS, "object")["object"]) & set(self.names)
        former = MintedRows.read(self.session)
        minted = self._minted(keys, whole, former)
        moved = minted.moved_since(former)
        units = Units(self.profile)
        rows: dict[str, Change] = {}
        for each in objects:
            states = [self._different(each.name)] if each.name in whole else []
            if units.owned(each.belonging[1]) and not each.across_patients:
                states.append(self._of_units(each, units))
            states += self._moved(each.name, moved)
            change = Change.of(
                *(former.applied(each.name, before) for before, _ in states),
                *(minted.applied(each.name, now) for _, now in states),
            )
            if change.ids:
                rows[each.name] = change
        pairs = self._logged(REFRESHED_ROWS, "logical_table, key")
        raw_keys = {
            str(table): part["key"].to_list()
            for (table,), part in pairs.partition_by("logical_table", as_dict=True).items()
        }
        return Changes(rows, raw_keys, minted, whole)

    def _logged(self, table: str, columns: str) -> pl.DataFrame:
        return self.session.sql(
            f"SELECT DISTINCT {columns} FROM {PANDA}.panda.{table} WHERE sequence > $1", (self.since,)
        )

    def _minted(self, keys: MintedKeys, whole: Collection[str], former: MintedRows) -> MintedRows:
        people = {
            each.name: self.session.sql(
                f"SELECT source_id, aliases FROM {PANDA}.staged.{quoted(each.name)} t ORDER BY t.rowid"
            )
            for each in minted_objects(self.names)
            if each.name in whole
        }
        return MintedRows({**former.ids, **MintedRows.resolve(keys, people).ids})

    def _different(self, name: str) -> _States:
        """Rows of a whole table that differ."""
        now, before = f"{PANDA}.staged.{quoted(name)}", f"{SOURCE}.{quoted(f'staged_{name}')}"
        columns = ", ".join(quoted(each) for each in self._read(f"SELECT * FROM {now} LIMIT 0").columns)
        left, right = (f"SELECT {columns} FROM {each}" for each in (before, now))
        return self._read(f"{left} EXCEPT {right}"), self._read(f"{right} EXCEPT {left}")

    def _of_units(self, staged_object: StagedObject, units: Units) -> _States:
        refreshed = (
            f"(SELECT DISTINCT unit FROM {PANDA}.panda.{REFRESHED_UNITS} WHERE sequence > {self.since})"
        )
        name = staged_object.name
        before, now = (units.of_staged(staged_object, "t", raw, refreshed) for raw in (_RAW_BEFORE, _RAW_NOW))
        return (
            self._read(f"SELECT t.* FROM {SOURCE}.{quoted(f'staged_{name}')} t WHERE {before}"),
            self._read(f"SELECT t.* FROM {PANDA}.staged.{quoted(name)} t WHERE {now}"),
        )

    def _moved(self, name: str, moved: Mapping[str, Collection[str]]) -> Iterator[_States]:
        """Rows that hold an id of staging's which stands for somebody else than before."""
        for each in minted_objects(moved):
            column = "source_id" if each.name == name else each.named_by.get(name)
            if column is not None and (ids := moved[each.name]):
                condition = f"WHERE {quoted(column)} IN {among(self.session, ids)}"
                before, now = (
                    self.session.sql(f"SELECT * FROM {place} {condition}")
                    for place in (f"{SOURCE}.{quoted(f'staged_{name}')}", f"{PANDA}.staged.{quoted(name)}")
                )
                yield before, now

    def _read(self, query: str) -> pl.DataFrame:
        return self.session.sql(query)


def _texts(rows: pl.DataFrame, column: str) -> list[str]:
    return rows[column].drop_nulls().cast(pl.String).unique().to_list()
