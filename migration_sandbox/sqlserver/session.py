"""A client's session: its options, and what each statement does. Its transaction is in transactions.py.

READ UNCOMMITTED, REPEATABLE READ and SERIALIZABLE depend on locks that the sandbox doesn't have and are
refused.

One deviation: an error that DuckDB itself meets while it runs a statement ends the whole transaction, as SQL
Server does with XACT_ABORT ON; the client is told by the rollback's ENVCHANGE.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping

import duckdb

from . import administration, statements, syntax
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
from .storage_rules import referenced
from .transactions import Sink, Transactions

BATCH_ROWS = 20_000
# Rows of (max) columns may be large: their batches are small, so that a result stays within bounded memory.
BATCH_ROWS_OF_NOTES = 2_000
BATCH_ROWS_OF_BLOBS = 64

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


class Session(Transactions):
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
        super().__init__(number, database, sink)
        self.login = login
        self.faults = faults
        self.recordings = recordings or Recordings(on=False)
        self.no_count = False
        self.abort_on_error = False  # XACT_ABORT
        self._application, self._host = application, host
        self._row_count = 0
        self._last_error = 0

    def close(self) -> None:
        self.rollback_all()
        self.cursor.close()

    def reset(self) -> None:
        """As after login: what a pool's next client expects."""
        self.rollback_all()
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
            now=self.database.clock.local(), utc_now=self.database.clock.utc(),
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
                self.rollback_all()
            self.lose_if_aborted()
            raise translated from None
        except SqlServerError as error:
            if self.abort_on_error or error.number in (1205, 3960):
                self.rollback_all()
            raise

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
            case syntax.AlterDatabase() | syntax.AlterTable() | syntax.Grant():
                self._administer(statement, binder)
            case syntax.Execute():
                raise refused(f"the procedure {statement.procedure}")

    # Queries

    def _query(self, query: syntax.Query, binder: QueryBinder) -> None:
        sql, columns = binder.query(query)
        tables = tuple(table.name for table in binder.tables)
        if tables or binder.environment.reads_versions:
            self.before_read()
            self.check_current(binder.tables)
        self.faults.check_deadlock(tables, self.number)
        key = (self.database.name, sql, repr(binder.arguments))
        recording = self.recordings.find(key)
        if recording is None:
            recording = self._read(sql, binder, columns)
            self.recordings.keep(key, recording)
        else:
            self.sink.columns(columns)
            for piece in recording.pieces:
                self.check_cancelled()
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
            self.check_cancelled()
            piece = self.sink.rows(columns, batch)
            if self.recordings.on:
                pieces.append(piece)
            count += batch.num_rows
        return Recording(tuple(pieces), count)

    def _if(
        self, statement: syntax.If, binder: QueryBinder, parameters: Mapping[str, ParameterValue]
    ) -> None:
        condition = binder.predicate(statement.condition, Scope())
        self.check_current(binder.tables)
        found = self.cursor.execute(f"SELECT {condition}", binder.arguments).fetchone()
        chosen = statement.then if found is not None and found[0] else statement.otherwise
        for inner in chosen:
            self.run_statement(inner, parameters)
        if not chosen:
            self.sink.done("IF", None)

    # Writes

    def _write(
        self, statement: syntax.Insert | syntax.Update | syntax.Delete | syntax.Truncate, binder: QueryBinder
    ) -> None:
        self.recordings.check_writable(self.database.name)
        if self.implicit_transactions and not self.open_transactions:
            self.begin()
        count = self.held(lambda: self._write_once(statement, binder))
        binder.tables.append(binder.table(statement.table))
        self._row_count = count or 0
        self.sink.done(statement_kind(statement), None if self.no_count else count)

    def _write_once(
        self, statement: syntax.Insert | syntax.Update | syntax.Delete | syntax.Truncate, binder: QueryBinder
    ) -> int | None:
        self._check_writable_now(statement, binder)
        match statement:
            case syntax.Insert():
                return statements.insert(self.database, self.cursor, binder, statement)
            case syntax.Update():
                return statements.update(self.database, self.cursor, binder, statement)
            case syntax.Delete():
                return statements.delete(self.database, self.cursor, binder, statement)
            case syntax.Truncate():
                statements.truncate(self.database, self.cursor, binder, statement)
                return None

    def _check_writable_now(
        self, statement: syntax.Insert | syntax.Update | syntax.Delete | syntax.Truncate, binder: QueryBinder
    ) -> None:
        """An older moment's rows don't tell whether a key is free, a parent there or a child gone."""
        table = binder.table(statement.table)
        schema = self.database.schema
        parents = [referenced(schema, key) for key in table.foreign_keys]
        children = [child for child, _ in schema.referencing(table)]
        self.check_current([table, *parents, *children, *binder.tables])
        if self.isolation == "SNAPSHOT":
            looked_at = {syntax.Insert: [table, *parents], syntax.Delete: children}.get(
                type(statement), parents
            )
            if self.changed_meanwhile(looked_at):
                raise refused("a snapshot transaction's write that depends on what others committed since")

    def _administer(
        self, statement: syntax.AlterDatabase | syntax.AlterTable | syntax.Grant, binder: QueryBinder
    ) -> None:
        self.recordings.check_writable(self.database.name)
        if self.open_transactions:
            if isinstance(statement, syntax.AlterDatabase):
                raise SqlServerError(
                    226, "ALTER DATABASE statement not allowed within multi-statement transaction.", state=6
                )
            raise refused("ALTER TABLE and GRANT within a transaction")
        self.held(lambda: administration.run(self.database, self.cursor, binder, statement))
        self.sink.done(statement_kind(statement), None)

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
        case syntax.AlterDatabase():
            return "ALTER DATABASE"
        case syntax.AlterTable():
            return "ALTER TABLE"
        case _:
            return type(statement).__name__.upper()
