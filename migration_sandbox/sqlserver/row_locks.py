"""The locks that a statement's rows need, taken before the first of them is written."""

from __future__ import annotations

from collections.abc import Collection, Hashable

import duckdb

from .change_tracking import key_columns
from .locks import Locks
from .schema import ForeignKey, Schema, Table, quoted
from .storage_rules import comparison_key, referenced


def lock_rows(
    locks: Locks,
    cursor: duckdb.DuckDBPyConnection,
    table: Table,
    relation: str,
    *,
    come_or_go: bool,
    new: bool = False,
) -> None:
    """relation: rows with the table's key columns, or "$rowid" for a table without a key; raises Blocked."""
    keys = [comparison_key(f"r.{quoted(column.name)}", column.type) for column in key_columns(table)]
    if not keys and new:
        locks.take(cursor, table.full_name, ())  # a new row of a heap is nobody else's
        return
    found = _keys(cursor, ", ".join(keys) or 'r."$rowid"', relation)
    locks.take(cursor, table.full_name, found)
    if come_or_go and keys:
        locks.take(cursor, _existence(table), found)


def lock_parents(
    locks: Locks,
    cursor: duckdb.DuckDBPyConnection,
    schema: Schema,
    keys: Collection[ForeignKey],
    table: Table,
    relation: str,
) -> None:
    """Those whom the rows refer to stay where they are until the transaction's end."""
    for key in keys:
        columns = [column for name in key.columns if (column := table.column(name)) is not None]
        compared = ", ".join(comparison_key(f"r.{quoted(column.name)}", column.type) for column in columns)
        known = " AND ".join(f"r.{quoted(column.name)} IS NOT NULL" for column in columns)
        found = _keys(cursor, compared, f"(SELECT * FROM {relation} r WHERE {known})")
        locks.take(cursor, _existence(referenced(schema, key)), found, exclusive=False)


def _keys(cursor: duckdb.DuckDBPyConnection, columns: str, relation: str) -> list[Hashable]:
    return [tuple(row) for row in cursor.execute(f"SELECT DISTINCT {columns} FROM {relation} r").fetchall()]


def _existence(table: Table) -> str:
    return f"{table.full_name} exists"
