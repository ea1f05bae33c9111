"""A client's session: its transaction, its isolation, and what each statement does.

READ COMMITTED reads each statement at the latest commit (the databases have READ_COMMITTED_SNAPSHOT on);
SNAPSHOT reads at the transaction's first access, which is a DuckDB transaction. A writer holds the
database's write lock until its transaction ends, so a DuckDB transaction that begins with the first write
misses nothing. READ UNCOMMITTED, REPEATABLE READ and SERIALIZABLE depend on locks that the sandbox doesn't
have and are refused.

One deviation: an error that DuckDB itself meets while it runs a statement ends the whole transaction, as SQL
Server does with XACT_ABORT ON; the client is told by the rollback's ENVCHANGE.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Protocol

import duckdb
import pyarrow as pa

from . import statements, syntax
from .database import Database
from .duckdb_errors import as_sql_server
from .environment import Environment, ParameterValue
from .errors import SqlServerError, refused
from .faults import Faults
from .parser import parse_batch
from .permissions import Login
from .query_binder import QueryBinder
from .recordings import Recording, Recordings
from .scope import OutputColumn, Scope

BATCH_ROWS = 20_000
# Rows of (max) columns may be large: their batches are small, so that a result stays within bounded memory.
BATCH_ROWS_OF_NOTES = 2_000
BATCH_ROWS_OF_BLOBS = 64
_descriptors = itertools.count(1)

# Options that the drivers send at login or that change nothing a client of this server can see.
_ACCEPTED_OPTIONS = {
    "ANSI_NULLS": "ON", "ANSI_PADDING": "ON", "ANSI_WARNINGS": "ON", "ANSI_NULL_DFLT_ON": "ON",
    "ANSI_DEFAULTS": "ON",
    "QUOTED_IDENTIFIER": "ON", "CONCAT_NULL_YIELDS_NULL": "ON", "ARITHABORT": "ON",
    "NUMERIC_ROUNDABORT": "OFF",
    "CURSOR_CLOSE_ON_COMMIT": "OFF", "LANGUAGE": "US_ENGLISH", "DATEFORMAT": "MDY", "DATEFIRST": "7",
    "TEXTSIZE": None, "ROWCOUNT": "0", "FMTONLY": "OFF", "NOEXEC": "OFF", "DEADLOCK_PRIORITY": None,
    "QUERY_GOVERNOR_COST_LIMIT": None,
}  # fmt: skip


class Sink(Protocol):
    """Where a statement's results go."""

    def columns(self, columns: list[OutputColumn]) -> None: ...
    def rows(self, columns: list[OutputColumn], batch: pa.RecordBatch) -> bytes: ...
    def encoded_rows(self, rows: bytes) -> None: ...
    def done(self, kind: str, count: int | None) -> None: ...
    def transaction_begun(self, descriptor: int) -> None: ...
    def transaction_ended(self, descriptor: int, committed: bool) -> None: ...


class Session:
    def __init__(
        self,
        number: int,
        database: Database,
        login: Login,
        faults: Faults,
        sink: Sink,
        *,
        application: str,
        host: str,
        recordings: Recordings | None = None,
    ) -> None:
        self.number = number
        self.database = database
        self.login = login
        self.faults = faults
        self.sink = sink
        self.recordings = recordings or Recordings(on=False)
        self.cursor = database.cursor()
        self.isolation = "READ COMMITTED"
        self.open_transactions = 0
        self.implicit_transactions = False
        self.no_count = False
        self.abort_on_error = False  # XACT_ABORT
        self.lock_timeout: float | None = None
        self.cancelled = threading.Event()
        self._application, self._host = application, host
        self._descriptor = 0
        self._in_duckdb = False  # a DuckDB transaction is open
        self._writing = False  # this session holds the write lock
        self._accessed = ""  # the isolation level of the transaction's first access
        self._row_count = 0
        self._last_error = 0

    def close(self) -> None:
        if self.open_transactions:
            self._end(commit=False)
        self.cursor.close()

    def reset(self) -> None:
        """As after login: what a pool's next client expects."""
        self._rollback_all()
        self.isolation = "READ COMMITTED"
        self.implicit_transactions = self.no_count = self.abort_on_error = False
        self.lock_timeout = None

    def environment(
        self, parameters: Mapping[str, ParameterValue], *, describing: bool = False
    ) -> Environment:
        return Environment(
            self.database, self.login, self.number, parameters, describing, self.open_transactions,
            self._row_count,
            self._last_error, self._application, self._host,
        )  # fmt: skip

    def run(self, sql: str, parameters: Mapping[str, ParameterValue]) -> None:
        """All statements of a batch; the first error ends it."""
        for statement in parse_batch(sql):
            self.run_statement(statement, parameters)

    def run_statement(self, statement: syntax.Statement, parameters: Mapping[str, ParameterValue]) -> None:
        binder = QueryBinder(self.environment(parameters))
        kind = statement_kind(statement)
        error = 0
        try:
            self._wait()
            with self._translated():
                self._dispatch(statement, binder, parameters)
        except SqlServerError as caught:
            error = caught.number
            raise
        finally:
            self._last_error = error
            tables = tuple(dict.fromkeys(table.name for table in binder.tables))
            if not isinstance(statement, syntax.If):
                self.faults.record(
                    self.number, self.login.name, self.database.name, kind, tables, len(parameters), error
                )

    def _wait(self) -> None:
        seconds = self.faults.seconds()
        if seconds and self.cancelled.wait(seconds):
            raise SqlServerError(0, "The statement was cancelled by the client.")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            translated = as_sql_server(error)
            if self.abort_on_error or translated.number == 3960:
                self._rollback_all()
            self._lose_aborted_transaction()
            raise translated from None
        except SqlServerError as error:
            if self.abort_on_error or error.number in (1205, 3960):
                self._rollback_all()
            raise

    def _lose_aborted_transaction(self) -> None:
        if not self._in_duckdb:
            return
        try:
            self.cursor.execute("SELECT 1").fetchall()
        except duckdb.Error:
            self._rollback_all()

    def _rollback_all(self) -> None:
        if self.open_transactions:
            self._end(commit=False)

    def _dispatch(
        self, statement: syntax.Statement, binder: QueryBinder, parameters: Mapping[str, ParameterValue]
    ) -> None:
        match statement:
            case syntax.Query():
                self._query(statement, binder)
            case syntax.Insert() | syntax.Update() | syntax.Delete() | syntax.Truncate():
                self._write(statement, binder)
            case syntax.SetOption(name, value):
                self._set(name, value)
            case syntax.SetIsolation(level):
                self._set_isolation(level)
            case syntax.BeginTransaction():
                self.begin()
                self.sink.done("BEGIN", None)
            case syntax.Commit():
                self.commit()
                self.sink.done("COMMIT", None)
            case syntax.Rollback():
                self.rollback()
                self.sink.done("ROLLBACK", None)
            case syntax.If():
                self._if(statement, binder, parameters)
            case syntax.Use(name):
                if name.casefold() != self.database.name.casefold():
                    raise refused("USE of another database")
                self.sink.done("USE", None)
            case syntax.Execute():
                raise refused(f"the procedure {statement.procedure}")

    # Queries

    def _query(self, query: syntax.Query, binder: QueryBinder) -> None:
        sql, columns = binder.query(query)
        tables = tuple(table.name for table in binder.tables)
        if tables:
            self._before_read()
        self.faults.check_deadlock(tables, self.number)
        key = (self.database.name, sql, repr(binder.arguments))
        recording = self.recordings.find(key)
        if recording is None:
            recording = self._read(sql, binder, columns)
            self.recordings.keep(key, recording)
        else:
            self.sink.columns(columns)
            for piece in recording.pieces:
                self._check_cancelled()
                self.sink.encoded_rows(piece)
        self._row_count = recording.rows
        self.sink.done("SELECT", recording.rows)

    def _read(self, sql: str, binder: QueryBinder, columns: list[OutputColumn]) -> Recording:
        """Sends the rows; what was sent is part of the answer where results are kept."""
        largest = {column.type.name for column in columns if column.type.is_max}
        size = (
            BATCH_ROWS_OF_BLOBS if "varbinary" in largest else BATCH_ROWS_OF_NOTES if largest else BATCH_ROWS
        )
        reader = self.cursor.execute(sql, binder.arguments).to_arrow_reader(size)
        count = 0
        pieces = []
        # The first batch is fetched before the columns are sent: an error met there is the statement's whole
        # answer.
        first = next(reader, None)
        self.sink.columns(columns)
        for batch in itertools.chain([] if first is None else [first], reader):
            self._check_cancelled()
            piece = self.sink.rows(columns, batch)
            if self.recordings.on:
                pieces.append(piece)
            count += batch.num_rows
        return Recording(tuple(pieces), count)

    def _check_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise SqlServerError(0, "The statement was cancelled by the client.")

    def _if(
        self, statement: syntax.If, binder: QueryBinder, parameters: Mapping[str, ParameterValue]
    ) -> None:
        condition = binder.predicate(statement.condition, Scope())
        found = self.cursor.execute(f"SELECT {condition}", binder.arguments).fetchone()
        chosen = statement.then if found is not None and found[0] else statement.otherwise
        for inner in chosen:
            self.run_statement(inner, parameters)
        if not chosen:
            self.sink.done("IF", None)

    def _before_read(self) -> None:
        if self.implicit_transactions and not self.open_transactions:
            self.begin()
        if not self.open_transactions:
            return
        if self._accessed and self._accessed != self.isolation:
            if self.isolation == "SNAPSHOT":
                raise SqlServerError(
                    3951, "Transaction failed in this database because the statement was run under snapshot "
                          "isolation but "
                    "the transaction did not start in snapshot isolation.",
                )  # fmt: skip
            raise refused("a snapshot transaction that turns to READ COMMITTED")
        self._accessed = self.isolation
        if self.isolation == "SNAPSHOT" and not self._in_duckdb:
            self.cursor.execute("BEGIN")
            # DuckDB takes its snapshot when the file is first read.
            self.cursor.execute("SELECT 1 FROM sandbox.counter").fetchall()
            self._in_duckdb = True

    # Writes

    def _write(
        self, statement: syntax.Insert | syntax.Update | syntax.Delete | syntax.Truncate, binder: QueryBinder
    ) -> None:
        self.recordings.check_writable(self.database.name)
        if self.implicit_transactions and not self.open_transactions:
            self.begin()
        with self._write_transaction():
            count: int | None
            match statement:
                case syntax.Insert():
                    count = statements.insert(self.database, self.cursor, binder, statement)
                case syntax.Update():
                    count = statements.update(self.database, self.cursor, binder, statement)
                case syntax.Delete():
                    count = statements.delete(self.database, self.cursor, binder, statement)
                case syntax.Truncate():
                    statements.truncate(self.database, self.cursor, binder, statement)
                    count = None
        binder.tables.append(binder.table(statement.table))
        self._row_count = count or 0
        self.sink.done(statement_kind(statement), None if self.no_count else count)

    @contextlib.contextmanager
    def _write_transaction(self) -> Iterator[None]:
        if self.open_transactions:
            if self.isolation == "SNAPSHOT":
                self._before_read()
            self._accessed = self._accessed or self.isolation
            self._lock()
            if not self._in_duckdb:
                self.cursor.execute("BEGIN")
                self._in_duckdb = True
            yield
            return
        self._lock()
        try:
            with self.database.transaction(self.cursor):
                yield
        finally:
            self._unlock()

    def _lock(self) -> None:
        if self._writing:
            return
        deadline = None if self.lock_timeout is None else time.monotonic() + self.lock_timeout
        while not self.database.write_lock.acquire(timeout=0.05):
            self._check_cancelled()
            if deadline is not None and time.monotonic() >= deadline:
                raise SqlServerError(1222, "Lock request time out period exceeded.", state=51)
        self._writing = True

    def _unlock(self) -> None:
        self.database.release_rowversions(self.cursor)
        if self._writing:
            self._writing = False
            self.database.write_lock.release()

    # Transactions

    def begin(self) -> None:
        self.open_transactions += 1
        if self.open_transactions == 1:
            self._accessed = ""
            self._descriptor = next(_descriptors)
            self.sink.transaction_begun(self._descriptor)

    def commit(self) -> None:
        if not self.open_transactions:
            raise SqlServerError(
                3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION."
            )
        if self.open_transactions > 1:
            self.open_transactions -= 1
            return
        self._end(commit=True)

    def rollback(self) -> None:
        if not self.open_transactions:
            raise SqlServerError(
                3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION."
            )
        self._end(commit=False)

    def _end(self, *, commit: bool) -> None:
        self.open_transactions = 0
        self._accessed = ""
        try:
            if self._in_duckdb:
                self._in_duckdb = False
                self.cursor.execute("COMMIT" if commit else "ROLLBACK")
        except duckdb.Error as error:
            commit = False
            raise as_sql_server(error) from None
        finally:
            self._unlock()
            self.sink.transaction_ended(self._descriptor, commit)

    # Options

    def _set_isolation(self, level: str) -> None:
        if level not in ("SNAPSHOT", "READ COMMITTED"):
            raise refused(f"the isolation level {level}")
        self.isolation = level
        self.sink.done("SET", None)

    def _set(self, name: str, value: str) -> None:
        if name == "NOCOUNT":
            self.no_count = value == "ON"
        elif name == "XACT_ABORT":
            self.abort_on_error = value == "ON"
        elif name == "IMPLICIT_TRANSACTIONS":
            self.implicit_transactions = value == "ON"
        elif name == "LOCK_TIMEOUT":
            self.lock_timeout = None if int(value) < 0 else int(value) / 1000
        else:
            for single in name.split(","):
                if single not in _ACCEPTED_OPTIONS or _ACCEPTED_OPTIONS[single] not in (None, value):
                    raise refused(f"SET {single} {value}")
        self.sink.done("SET", None)


def statement_kind(statement: syntax.Statement) -> str:
    match statement:
        case syntax.Query():
            return "SELECT"
        case syntax.SetOption(name, value):
            return f"SET {name} {value}"
        case syntax.SetIsolation(level):
            return f"SET ISOLATION {level}"
        case syntax.BeginTransaction():
            return "BEGIN TRANSACTION"
        case syntax.Execute(procedure, _):
            return procedure
        case _:
            return type(statement).__name__.upper()
