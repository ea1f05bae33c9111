"""A SQL Server database kept in one DuckDB file: made from its DDL, opened, filled without the wire.

The file holds the tables in DuckDB's schema dbo and, in schema sandbox, the T-SQL text that declared them
(parsed again at each opening), the rowversion counter, the foreign keys that were loaded without a check and
what change_tracking.py keeps.
DuckDB's own constraints aren't used: SQL Server's rules are in storage_rules.py, with SQL Server's error
numbers.

What a statement does over the wire is in session.py and statements.py.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from . import udfs
from .change_tracking import ChangeTracking
from .clock import Clock
from .ddl import parse_schema
from .errors import SqlServerError, invalid_column, invalid_object
from .locks import Blocked, Locks
from .row_locks import lock_parents, lock_rows
from .schema import Column, Schema, Table, quoted
from .sqltypes import SqlType
from .storage_rules import Assignment, assign, check_foreign_key, check_primary_key, checked

# SQL Server, too, reserves row versions ahead and skips the rest of a reservation after a crash.
_RESERVED_AHEAD = 1_000_000
# So few rows are computed once; more are computed anew by each check, which needs no memory.
_COPIED_ROWS = 10_000
_FIRST_ROWVERSION = 2000  # a new database's @@DBTS

_SIDE_TABLES = """
CREATE SCHEMA dbo;
CREATE SCHEMA sandbox;
CREATE TABLE sandbox.declaration (ddl VARCHAR);
CREATE TABLE sandbox.counter (last_rowversion UBIGINT);
CREATE TABLE sandbox.untrusted_foreign_key (name VARCHAR);
"""


class Database:
    """One open database. Safe for several threads as long as each uses a cursor of its own."""

    def __init__(
        self,
        path: Path,
        connection: duckdb.DuckDBPyConnection,
        schema: Schema,
        clock: Clock | None = None,
    ) -> None:
        self.path = path
        self.name = path.stem
        self.schema = schema
        # Held while a statement writes or a transaction commits; between them its rows are held by `locks`.
        self.write_lock = threading.Lock()
        self.locks = Locks()
        self.clock = clock or Clock()
        self.tracking = ChangeTracking(connection, schema)
        # The count of commits, and for each table what it was at its last one.
        self.commits = 0
        self._last_commit: dict[str, int] = {}
        self._written: dict[object, set[str]] = {}
        self._connection = connection
        udfs.register(connection)
        self._rowversion_lock = threading.Lock()
        self._active_rowversions: dict[object, int] = {}
        found = connection.execute("SELECT last_rowversion FROM sandbox.counter").fetchone()
        assert found is not None
        self._last_rowversion = self._reserved_rowversion = int(found[0])

    @classmethod
    def create(cls, path: str | Path, ddl: str) -> Database:
        """Makes the file from CREATE TABLE and CREATE INDEX statements; raises FileExistsError where it is.

        Raises SqlServerError where the DDL isn't T-SQL that the sandbox knows.
        """
        path = Path(path)
        if path.exists():
            raise FileExistsError(f"{path} exists; a sandbox database is made once")
        schema = parse_schema(ddl)
        connection = duckdb.connect(str(path))
        connection.execute(_SIDE_TABLES)
        connection.execute("INSERT INTO sandbox.declaration VALUES (?)", [ddl])
        connection.execute("INSERT INTO sandbox.counter VALUES (?)", [_FIRST_ROWVERSION])
        for owner in {table.schema for table in schema.tables} - {"dbo"}:
            connection.execute(f"CREATE SCHEMA {quoted(owner)}")
        for table in schema.tables:
            columns = ", ".join(f"{quoted(column.name)} {column.type.duckdb}" for column in table.columns)
            connection.execute(f"CREATE TABLE {table.duckdb_name} ({columns})")
        return cls(path, connection, schema)

    @classmethod
    def open(cls, path: str | Path, clock: Clock | None = None) -> Database:
        """Opens a file that `create` made; raises FileNotFoundError or duckdb.IOException where it can't."""
        path = Path(path)
        if not path.exists():
            raise FileNotFoundError(f"no sandbox database {path}")
        connection = duckdb.connect(str(path))
        found = connection.execute("SELECT ddl FROM sandbox.declaration").fetchone()
        assert found is not None
        return cls(path, connection, parse_schema(found[0]), clock)

    def close(self) -> None:
        """Keeps the rowversion counter and lets go of the file."""
        self._connection.execute("UPDATE sandbox.counter SET last_rowversion = ?", [self._last_rowversion])
        self._connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection of its own to the same file, with its own transaction."""
        return self._connection.cursor()

    def append(self, table: str, frame: pl.DataFrame | pa.Table, check_foreign_keys: bool = True) -> int:
        """Stores the frame's rows in one transaction and returns their count.

        table: "Patient" or "dbo.Patient". The frame's columns are the table's by name, without regard to
        case; a column that it lacks gets its default or NULL, rowversion is always assigned. Raises
        SqlServerError with 515, 220, 8115, 2628, 2627, 547, 206, 207, 208 or 273 and then stores nothing.
        check_foreign_keys=False is WITH NOCHECK: the table's foreign keys turn untrusted.
        """
        target = self.table(table)
        rows = frame.to_arrow() if isinstance(frame, pl.DataFrame) else frame
        cursor = self.cursor()
        try:
            with self.write_lock, self.transaction(cursor):
                self.locks.take_table(cursor, target.full_name)
                if not check_foreign_keys:
                    names = [[key.name] for key in target.foreign_keys]
                    if names:
                        cursor.executemany("INSERT INTO sandbox.untrusted_foreign_key VALUES (?)", names)
                return self.insert(cursor, target, rows, check_foreign_keys=check_foreign_keys)
        except Blocked:
            raise SqlServerError(1222, "Lock request time out period exceeded.", state=51) from None
        finally:
            self.release(cursor)
            cursor.close()

    # Transactions

    @contextlib.contextmanager
    def transaction(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """The caller holds the write lock, as for `commit` and `rollback`."""
        cursor.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.rollback(cursor)
            raise
        self.commit(cursor)

    def commit(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """What the cursor's transaction wrote becomes visible, with its version of change tracking."""
        try:
            self.tracking.before_commit(cursor)
            cursor.execute("COMMIT")
        except duckdb.Error:
            self.tracking.ended(cursor, committed=False)
            self._written.pop(cursor, None)
            with contextlib.suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
            raise
        self.tracking.ended(cursor, committed=True)
        self.commits += 1
        for name in self._written.pop(cursor, ()):
            self._last_commit[name] = self.commits

    def rollback(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.tracking.ended(cursor, committed=False)
        self._written.pop(cursor, None)
        cursor.execute("ROLLBACK")

    def release(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """At a transaction's end, whichever: its row versions and its locks."""
        self.release_rowversions(cursor)
        self.locks.release(cursor)

    def writes(self, cursor: duckdb.DuckDBPyConnection, table: Table) -> None:
        """Notes that the cursor's transaction writes to the table."""
        self._written.setdefault(cursor, set()).add(table.full_name)

    def changed_since(self, commits: int, tables: Iterable[Table]) -> bool:
        """Whether another transaction has committed to one of the tables after so many commits."""
        return any(self._last_commit.get(table.full_name, 0) > commits for table in tables)

    def table(self, name: str) -> Table:
        owner, _, bare = name.rpartition(".")
        table = self.schema.table(bare, owner or "dbo")
        if table is None:
            raise invalid_object(name)
        return table

    def insert(
        self,
        cursor: duckdb.DuckDBPyConnection,
        table: Table,
        rows: pa.Table,
        *,
        check_foreign_keys: bool = True,
    ) -> int:
        """The rows checked and stored inside the cursor's transaction; the caller holds the write lock.

        Raises Blocked, with nothing written, where another transaction holds one of their keys.
        """
        assignments = self._assignments(table, rows)
        rows = _without_null_types(rows)
        version = table.rowversion_column
        stored = ", ".join(f"{item.expression} AS {quoted(item.column.name)}" for item in assignments)
        cursor.register("incoming_values", rows)
        try:
            checked(cursor, "incoming_values", assignments)
            arriving = f"(SELECT {stored} FROM incoming_values)"
            if not self.locks.holds_table(cursor, table.full_name):
                lock_rows(self.locks, cursor, table, arriving, come_or_go=True, new=True)
                lock_parents(self.locks, cursor, self.schema, table.foreign_keys, table, arriving)
            if version is not None:
                rows = rows.append_column("$rowversion", self._rowversions(rows.num_rows, owner=cursor))
                cursor.register("incoming_values", rows)
                stored += f', "$rowversion" AS {quoted(version.name)}'
            computed = f"SELECT {stored} FROM incoming_values"
            if rows.num_rows <= _COPIED_ROWS:
                cursor.register("incoming_rows", cursor.execute(computed).to_arrow_table())
            else:
                cursor.execute(f"CREATE OR REPLACE TEMP VIEW incoming_rows AS {computed}")
            check_primary_key(cursor, table, "incoming_rows")
            if check_foreign_keys:
                for key in table.foreign_keys:
                    check_foreign_key(cursor, self.schema, table, key, "incoming_rows", "INSERT", self.name)
            names = ", ".join(quoted(column.name) for column in table.columns)
            self.writes(cursor, table)
            cursor.execute(f"INSERT INTO {table.duckdb_name} ({names}) SELECT {names} FROM incoming_rows")
            self.tracking.record(cursor, table, "I", "incoming_rows")
        finally:
            with contextlib.suppress(duckdb.Error):  # an aborted transaction takes the view with it
                cursor.execute("DROP VIEW IF EXISTS incoming_rows")
            cursor.unregister("incoming_values")
        return int(rows.num_rows)

    def _assignments(self, table: Table, incoming: pa.Table) -> list[Assignment]:
        given: dict[str, pa.Field] = {}
        for field in incoming.schema:
            column = table.column(field.name)
            if column is None:
                raise invalid_column(field.name)
            if column.type.name == "rowversion":
                raise SqlServerError(273, "Cannot insert an explicit value into a timestamp column.")
            given[column.name] = field
        assignments = []
        for column in table.columns:
            if column.type.name == "rowversion":
                continue
            found = given.get(column.name)
            if found is not None:
                assignments.append(
                    assign(
                        table, column, quoted(found.name), found.type, "INSERT", incoming.column(found.name)
                    )
                )
            else:
                value, arrow_type = default_value(column, self.clock)
                assignments.append(assign(table, column, value, arrow_type, "INSERT"))
        return assignments

    # Row versions

    @property
    def last_rowversion(self) -> int:
        """@@DBTS."""
        return self._last_rowversion

    def min_active_rowversion(self) -> int:
        """MIN_ACTIVE_ROWVERSION(): the lowest one that an open transaction has assigned, else the next
        one."""
        with self._rowversion_lock:
            return min(self._active_rowversions.values(), default=self._last_rowversion + 1)

    def allocate_rowversions(self, count: int, owner: object) -> int:
        """The first of `count` successive versions; they stay active until release_rowversions(owner)."""
        with self._rowversion_lock:
            first = self._last_rowversion + 1
            self._last_rowversion += count
            if self._last_rowversion > self._reserved_rowversion:
                self._reserved_rowversion = self._last_rowversion + _RESERVED_AHEAD
                reserving = self._connection.cursor()
                reserving.execute(
                    "UPDATE sandbox.counter SET last_rowversion = ?", [self._reserved_rowversion]
                )
                reserving.close()
            self._active_rowversions.setdefault(owner, first)
            return first

    def release_rowversions(self, owner: object) -> None:
        with self._rowversion_lock:
            self._active_rowversions.pop(owner, None)

    def _rowversions(self, count: int, owner: object) -> pa.Array:
        first = self.allocate_rowversions(count, owner)
        return rowversion_array(np.arange(first, first + count, dtype=np.uint64))


def rowversion_array(values: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> pa.Array:
    """Eight bytes each, big-endian, as a rowversion is compared and shown."""
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(8), len(values), [None, pa.py_buffer(values.astype(">u8").tobytes())]
    )


def default_value(column: Column, clock: Clock) -> tuple[str, pa.DataType]:
    """A column's default as a DuckDB expression and the Arrow type that it stands for."""
    text = column.default
    if text is None or text.upper() == "NULL":
        return "NULL", pa.null()
    call = text.upper()
    if call in ("GETDATE()", "SYSDATETIME()"):
        return f"TIMESTAMP '{clock.local().isoformat(sep=' ')}'", pa.timestamp("us")
    if call in ("GETUTCDATE()", "SYSUTCDATETIME()"):
        return f"TIMESTAMP '{clock.utc().isoformat(sep=' ')}'", pa.timestamp("us")
    if call == "NEWID()":
        return f"'{uuid.uuid4()}'", pa.string()
    if text.startswith(("'", "N'")):
        return text.removeprefix("N"), pa.string()
    if column.type.is_string:
        return f"'{text}'", pa.string()
    if column.type.name == "bit":
        return f"{'true' if float(text) else 'false'}", pa.bool_()
    return text, _numeric_literal_type(text, column.type)


def _numeric_literal_type(text: str, sql_type: SqlType) -> pa.DataType:
    return pa.int64() if text.lstrip("-").isdigit() and not sql_type.is_temporal else pa.float64()


def _without_null_types(rows: pa.Table) -> pa.Table:
    """Arrow's null type, which DuckDB doesn't scan, as strings; the caller knows the columns from the
    schema."""
    for position, field in enumerate(rows.schema):
        if pa.types.is_null(field.type):
            rows = rows.set_column(position, field.name, rows.column(position).cast(pa.string()))
    return rows
