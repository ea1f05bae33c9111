"""Change tracking: which keys of which tables were inserted, updated and deleted, by version of the commit.

Kept in DuckDB beside the tables, so that a transaction's changes and its version appear together and a
snapshot sees those of its own moment. A version is given at the commit, in the order of commits, to
transactions that wrote to a tracked table. Rows are key, operation, step; CHANGETABLE nets them.

Source: Microsoft Learn, "Work with change tracking", "CHANGETABLE", "TRUNCATE TABLE". Not here, and refused:
TRACK_COLUMNS_UPDATED, contexts, CHANGETABLE(VERSION ...), keys of text (whose equality isn't their bytes').
The caller holds the database's write lock.
"""

from __future__ import annotations

from collections.abc import Hashable

import duckdb

from .errors import SqlServerError, refused
from .schema import Column, Schema, Table, quoted
from .sqltypes import BIGINT, SqlType, varbinary

_SIDE_TABLES = """
CREATE TABLE IF NOT EXISTS sandbox.tracking (retention INTEGER, units UTINYINT, auto_cleanup UTINYINT);
CREATE TABLE IF NOT EXISTS sandbox.tracked_table (
  name VARCHAR, begin_version BIGINT, min_valid_version BIGINT, cleanup_version BIGINT);
CREATE TABLE IF NOT EXISTS sandbox.tracked_commit (unit BIGINT, version BIGINT);
CREATE TABLE IF NOT EXISTS sandbox.tracking_grant (login VARCHAR, name VARCHAR);
"""
UNITS = {"MINUTES": 1, "HOURS": 2, "DAYS": 3}
CURRENT_VERSION = (
    "(SELECT CASE WHEN EXISTS (SELECT 1 FROM sandbox.tracking) "
    "THEN (SELECT coalesce(max(version), 0) FROM sandbox.tracked_commit) END)"
)


class ChangeTracking:
    """Of one database; off in a new one."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, schema: Schema) -> None:
        connection.execute(_SIDE_TABLES)
        self._schema = schema
        self._on = bool(connection.execute("SELECT 1 FROM sandbox.tracking").fetchall())
        self._tracked = {
            row[0] for row in connection.execute("SELECT name FROM sandbox.tracked_table").fetchall()
        }
        self._grants = {
            (str(row[0]), str(row[1]))
            for row in connection.execute("SELECT login, name FROM sandbox.tracking_grant").fetchall()
        }
        found = connection.execute(
            "SELECT coalesce(max(unit), 0), coalesce(max(version), 0) FROM sandbox.tracked_commit"
        ).fetchone()
        assert found is not None
        self._unit, self._version = int(found[0]), int(found[1])
        self._step = max(
            (
                int(row[0])
                for name in self._tracked
                for row in connection.execute(
                    f"SELECT coalesce(max(step), 0) FROM {_changes(name)}"
                ).fetchall()
            ),
            default=0,
        )
        self._open: dict[Hashable, int] = {}  # the unit of a transaction that has written
        self._truncated: dict[Hashable, set[str]] = {}

    # Switches

    def enable(
        self, cursor: duckdb.DuckDBPyConnection, database: str, settings: tuple[int, int, int]
    ) -> None:
        """settings: retention, its unit (1 minutes, 2 hours, 3 days), 1 for automatic cleanup."""
        if self._on:
            raise SqlServerError(5088, f"Change tracking is already enabled for database '{database}'.")
        cursor.execute("INSERT INTO sandbox.tracking VALUES (?, ?, ?)", list(settings))
        self._on = True

    def disable(self, cursor: duckdb.DuckDBPyConnection, database: str) -> None:
        if self._tracked:
            raise SqlServerError(
                22115,
                f"Change tracking is enabled for one or more tables in database '{database}'. Disable change "
                "tracking on each table before disabling it for the database. Use the "
                "sys.change_tracking_tables catalog view to obtain a list of tables for which change "
                "tracking is enabled.",
            )
        cursor.execute("DELETE FROM sandbox.tracking")
        self._on = False

    def enable_table(self, cursor: duckdb.DuckDBPyConnection, table: Table) -> None:
        if not self._on:
            raise refused("change tracking of a table in a database that doesn't have it on")
        if table.full_name in self._tracked:
            raise SqlServerError(4996, f"Change tracking is already enabled for table '{table.name}'.")
        if table.primary_key is None:
            raise SqlServerError(
                4997,
                f"Cannot enable change tracking on table '{table.name}'. Change tracking requires a primary "
                "key on the table. Create a primary key on the table before enabling change tracking.",
            )
        if any(column.type.is_string for column in key_columns(table)):
            raise refused("change tracking of a table whose key is a text")
        keys = ", ".join(f"{quoted(column.name)} {column.type.duckdb}" for column in key_columns(table))
        cursor.execute(
            f"CREATE TABLE {_changes(table.full_name)} (unit BIGINT, step BIGINT, operation VARCHAR, {keys})"
        )
        cursor.execute(
            "INSERT INTO sandbox.tracked_table VALUES (?, ?, ?, 0)",
            [table.full_name, self._version, self._version],
        )
        self._tracked.add(table.full_name)

    def disable_table(self, cursor: duckdb.DuckDBPyConnection, table: Table) -> None:
        if table.full_name not in self._tracked:
            raise SqlServerError(4998, f"Change tracking is not enabled on table '{table.name}'.")
        cursor.execute(f"DROP TABLE {_changes(table.full_name)}")
        cursor.execute("DELETE FROM sandbox.tracked_table WHERE name = ?", [table.full_name])
        self._tracked.discard(table.full_name)

    def clean_up(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """What the retention's end does: every change up to now is forgotten, older versions turn invalid."""
        for name in self._tracked:
            cursor.execute(
                f"DELETE FROM {_changes(name)} WHERE unit IN (SELECT unit FROM sandbox.tracked_commit)"
            )
        cursor.execute(
            "UPDATE sandbox.tracked_table SET min_valid_version = ?, cleanup_version = ?",
            [self._version, self._version],
        )

    # Permission

    def grant(self, cursor: duckdb.DuckDBPyConnection, login: str, table: Table) -> None:
        """VIEW CHANGE TRACKING on the table."""
        cursor.execute("INSERT INTO sandbox.tracking_grant VALUES (?, ?)", [login, table.full_name])
        self._grants.add((login, table.full_name))

    def granted(self, login: str, table: Table) -> bool:
        return (login, table.full_name) in self._grants

    # Writes

    def tracks(self, table: Table) -> bool:
        return table.full_name in self._tracked

    def record(self, cursor: duckdb.DuckDBPyConnection, table: Table, operation: str, relation: str) -> None:
        """operation: I, U or D; relation: DuckDB's name or subquery of rows with the table's key columns."""
        if not self.tracks(table):
            return
        unit = self._unit_of(cursor)
        self._step += 1
        keys = ", ".join(quoted(column.name) for column in key_columns(table))
        cursor.execute(
            f"INSERT INTO {_changes(table.full_name)} SELECT {unit}, {self._step}, '{operation}', {keys} "
            f"FROM {relation}"
        )

    def truncate(self, cursor: duckdb.DuckDBPyConnection, table: Table) -> None:
        """Its rows aren't recorded: who read before has to read the table again."""
        if self.tracks(table):
            self._unit_of(cursor)
            self._truncated.setdefault(cursor, set()).add(table.full_name)
            cursor.execute(f"DELETE FROM {_changes(table.full_name)}")

    def before_commit(self, cursor: duckdb.DuckDBPyConnection) -> None:
        unit = self._open.get(cursor)
        if unit is None:
            return
        cursor.execute("INSERT INTO sandbox.tracked_commit VALUES (?, ?)", [unit, self._version + 1])
        for name in self._truncated.get(cursor, ()):
            cursor.execute(
                "UPDATE sandbox.tracked_table SET begin_version = ?, min_valid_version = ? WHERE name = ?",
                [self._version + 1, self._version + 1, name],
            )

    def ended(self, cursor: duckdb.DuckDBPyConnection, *, committed: bool) -> None:
        self._truncated.pop(cursor, None)
        if self._open.pop(cursor, None) is not None and committed:
            self._version += 1

    def has_written(self, cursor: duckdb.DuckDBPyConnection) -> bool:
        return cursor in self._open

    def _unit_of(self, cursor: duckdb.DuckDBPyConnection) -> int:
        if cursor not in self._open:
            self._unit += 1
            self._open[cursor] = self._unit
        return self._open[cursor]

    # Reads

    def changes(self, table: Table, since: int | None) -> str:
        """CHANGETABLE(CHANGES table, since) as a DuckDB query; its columns are c0, c1, and so on."""
        if not self.tracks(table):
            raise SqlServerError(22105, f"Change tracking is not enabled on table '{table.full_name}'.")
        keys = [quoted(column.name) for column in key_columns(table)]
        shown = ", ".join(f"{key} AS c{number}" for number, key in enumerate(keys, 5))
        return (
            "(SELECT version AS c0, created AS c1, CASE WHEN last = 'D' THEN 'D' WHEN created IS NOT NULL "
            "THEN 'I' ELSE 'U' END AS c2, CAST(NULL AS BLOB) AS c3, CAST(NULL AS BLOB) AS c4, "
            f"{shown} FROM (SELECT max(k.version) AS version, max(k.version) FILTER (c.operation = 'I') AS "
            f"created, arg_max(c.operation, c.step) AS last, {', '.join(f'c.{key}' for key in keys)} FROM "
            f"{_changes(table.full_name)} c JOIN sandbox.tracked_commit k ON k.unit = c.unit "
            f"WHERE k.version > {0 if since is None else int(since)} GROUP BY "
            f"{', '.join(f'c.{key}' for key in keys)}) net)"
        )

    def min_valid_version(self, object_id: int | None) -> str:
        """CHANGE_TRACKING_MIN_VALID_VERSION as DuckDB SQL: NULL for a table that isn't tracked."""
        names = [table.full_name for table in self._schema.tables if table.object_id == object_id]
        if not names:
            return "CAST(NULL AS BIGINT)"
        name = names[0].replace("'", "''")
        return f"(SELECT max(min_valid_version) FROM sandbox.tracked_table WHERE name = '{name}')"


def key_columns(table: Table) -> list[Column]:
    names = table.primary_key.columns if table.primary_key else ()
    return [column for name in names if (column := table.column(name)) is not None]


def changetable_columns(table: Table) -> list[tuple[str, SqlType]]:
    """The columns of CHANGETABLE(CHANGES table, ...)."""
    fixed = [
        ("SYS_CHANGE_VERSION", BIGINT),
        ("SYS_CHANGE_CREATION_VERSION", BIGINT),
        ("SYS_CHANGE_OPERATION", SqlType("nchar", 1)),
        ("SYS_CHANGE_COLUMNS", varbinary(4100)),
        ("SYS_CHANGE_CONTEXT", varbinary(128)),
    ]
    return fixed + [(column.name, column.type) for column in key_columns(table)]


def _changes(name: str) -> str:
    return f"sandbox.{quoted('changes of ' + name)}"
