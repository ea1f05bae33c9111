"""The copies in an upload's file of what its payload is made of: raw rows verbatim, staged rows, and what
staging said of them. Types stay DuckDB's own. Read for comparisons by ``copied_source``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from migration_assets.migration.asked_values import among
from migration_assets.migration.upload_file import SOURCE
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.profile import Profile
from migration_assets.panda.refresh_log import BASE, REFRESHES
from migration_assets.panda.share import SHARE_FILES, SHARE_FILES_COLUMNS
from migration_assets.warehouse import Session, quoted

PANDA: Final = "panda_file"
"""What panda.duckdb is attached as while a payload is built."""
_NARROW = {
    "panda": ("extractions", "not_in_scope"),
    "staged": ("rejects", "corrections", "merged_rows", "verdicts"),
}


@dataclass(frozen=True, slots=True)
class Extracted:
    """The last whole extraction in panda.duckdb, None where it kept no log, and the last refresh since."""

    base: str | None
    sequence: int


def extracted(session: Session) -> Extracted:
    """Of the attached panda.duckdb."""
    if not _is_in_panda(session, BASE):
        return Extracted(None, 0)
    base = session.sql(f"SELECT batch_id FROM {PANDA}.panda.{BASE}").item()
    last = session.sql(f"SELECT coalesce(max(sequence), 0) AS n FROM {PANDA}.panda.{REFRESHES}").item()
    return Extracted(base, int(last))


def copy_source(session: Session, names: Collection[str]) -> None:
    """Everything that the staged objects of these names are made of, in place of former copies."""
    session.execute(f"CREATE SCHEMA IF NOT EXISTS {SOURCE}")
    raw = raw_tables(names)
    if SHARE_FILES in raw and not _is_in_panda(session, SHARE_FILES):
        # An extraction that looked at no files.
        session.replace_table(SOURCE, f"raw_{SHARE_FILES}", pl.DataFrame(schema=SHARE_FILES_COLUMNS))
        raw.remove(SHARE_FILES)
    for table in raw:
        _copy(session, f"raw_{table}", f"panda.{quoted(table)}")
    copy_staged(session, names)
    _copy_narrow(session)


def copy_staged(session: Session, names: Iterable[str]) -> None:
    """Whole staged tables."""
    for name in names:
        _copy(session, f"staged_{name}", f"staged.{quoted(name)}")


def bring_copies(
    session: Session,
    profile: Profile,
    names: Collection[str],
    raw_keys: Mapping[str, Collection[str]],
    staged_ids: Mapping[str, Collection[str]],
) -> None:
    """Bring the copies to what panda.duckdb has now: raw rows of these keys by logical table, staged rows of
    these ids by object, and all that is narrow."""
    for table in raw_tables(names):
        if table == SHARE_FILES:
            if _is_in_panda(session, SHARE_FILES):
                _copy(session, f"raw_{table}", f"panda.{quoted(table)}")
        elif keys := raw_keys.get(table):
            declared = profile.table(table)
            key = f"CAST({quoted(declared.actual(declared.key))} AS VARCHAR)"
            _replace_rows(session, f"raw_{table}", f"panda.{quoted(table)}", key, keys)
    for name, ids in staged_ids.items():
        _replace_rows(session, f"staged_{name}", f"staged.{quoted(name)}", "source_id", ids)
    _copy_narrow(session)


def raw_tables(names: Collection[str]) -> list[str]:
    """Logical source tables that the staged objects of these names look at."""
    objects = [each for each in STAGED_OBJECTS if each.name in names]
    return list(dict.fromkeys(table for each in objects for table in each.reads))


def _copy(session: Session, table: str, origin: str) -> None:
    session.execute(f"CREATE OR REPLACE TABLE {SOURCE}.{quoted(table)} AS SELECT * FROM {PANDA}.{origin}")


def _copy_narrow(session: Session) -> None:
    for schema, tables in _NARROW.items():
        for table in tables:
            _copy(session, table, f"{schema}.{table}")


def _replace_rows(session: Session, table: str, origin: str, key: str, keys: Collection[str]) -> None:
    wanted = f"{key} IN {among(session, keys)}"
    place = f"{SOURCE}.{quoted(table)}"
    session.execute(f"DELETE FROM {place} WHERE {wanted}")
    session.execute(
        f"INSERT INTO {place} BY NAME SELECT * FROM {PANDA}.{origin} t WHERE {wanted} ORDER BY t.rowid"
    )


def _is_in_panda(session: Session, table: str) -> bool:
    found = session.sql(
        "SELECT 1 AS n FROM duckdb_tables() "
        "WHERE database_name = $1 AND schema_name = 'panda' AND table_name = $2",
        (PANDA, table),
    )
    return found.height > 0
