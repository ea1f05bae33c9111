"""One client from its first byte to its last: TLS, login, requests, answers.

Runs in a thread of its own. While a statement runs, a watcher looks at the socket: bytes that arrive then
are an attention (a cancel) or the end of the connection, and interrupt it.
"""

from __future__ import annotations

import logging
import ssl
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from .catalog_procedures import PROCEDURES, RowSet, describe
from .database import Database
from .environment import ParameterValue
from .errors import SqlServerError, refused
from .faults import Faults
from .parameters import declared_parameters, parameter_values, sql_text
from .parser import parse_batch
from .permissions import authenticated
from .recordings import Recordings
from .scope import OutputColumn
from .session import Session
from .syntax import Execute, Literal
from .watcher import Watcher
from .wire import login, packets, requests, tokens
from .wire.packets import Channel, ConnectionLost, Message
from .wire.rows import encode_rows

logger = logging.getLogger("migration_sandbox.sqlserver")
SERVER_NAME = "SANDBOX"
_COMMANDS = {"SELECT": tokens.COMMAND_SELECT, "INSERT": tokens.COMMAND_INSERT,
             "UPDATE": tokens.COMMAND_UPDATE,
             "DELETE": tokens.COMMAND_DELETE}  # fmt: skip
OpenDatabase = Callable[[str], Database]
CloseDatabase = Callable[[Database], None]


class Connection:
    def __init__(
        self,
        channel: Channel,
        number: int,
        context: ssl.SSLContext,
        faults: Faults,
        watcher: Watcher,
        open_database: OpenDatabase,
        close_database: CloseDatabase,
        recordings: Recordings,
    ) -> None:
        self.channel = channel
        self.number = number
        self._context = context
        self._faults = faults
        self._watcher = watcher
        self._open_database = open_database
        self._close_database = close_database
        self._recordings = recordings
        self._session: Session | None = None
        self._prepared: dict[int, tuple[str, dict[str, ParameterValue]]] = {}
        self._next_handle = 1
        self._in_procedure = False
        self._unfinished_done: bytes | None = None

    def serve(self) -> None:
        """Until the client goes."""
        try:
            if self._log_in():
                while True:
                    self._answer(self.channel.read_message())
        except ConnectionLost as reason:
            logger.info("session %d ended: %s", self.number, reason)
        except Exception as error:
            _bug(error)
        finally:
            self.channel.cut()
            if self._session is not None:
                try:
                    self._session.close()
                finally:
                    self._close_database(self._session.database)

    # Login

    def _log_in(self) -> bool:
        strict = self.channel.begins_with_tls()
        if strict:
            self.channel.start_tls(self._context, strict=True)
        message = self.channel.read_message()
        if message.kind != packets.PRELOGIN:
            raise ConnectionLost("no PRELOGIN")
        self.channel.write(login.prelogin_answer())
        self.channel.end_message()
        if not strict:
            if login.client_encryption(message.payload) == login.ENCRYPT_NOT_SUPPORTED:
                raise ConnectionLost("the client won't encrypt")
            self.channel.start_tls(self._context)
        message = self.channel.read_message()
        if message.kind != packets.LOGIN7:
            raise ConnectionLost("no LOGIN7")
        request = login.login_request(message.payload)
        try:
            self._session = self._granted(request)
        except SqlServerError as error:
            logger.info("session %d: login refused with %d", self.number, error.number)
            self._error(error)
            self.channel.write(tokens.done(tokens.ERROR))
            self.channel.end_message()
            return False
        self._welcome(request, self._session.database.name)
        return True

    def _granted(self, request: login.LoginRequest) -> Session:
        if request.integrated:
            raise SqlServerError(18452, "Login failed. The login is from an untrusted domain and cannot be "
                                        "used with "
                                 "Integrated authentication.", severity=14)  # fmt: skip
        who = authenticated(request.user, request.password)
        if who is None:
            raise SqlServerError(18456, f"Login failed for user '{request.user}'.", severity=14)
        if not who.is_owner and self._faults.is_unreachable(request.database):
            raise ConnectionLost("unreachable by a fault")
        try:
            database = self._open_database(request.database)
        except (FileNotFoundError, duckdb.Error):
            raise SqlServerError(
                4060,
                f'Cannot open database "{request.database}" requested by the login. The login failed.',
                severity=11,
            ) from None
        return Session(
            self.number,
            database,
            who,
            self._faults,
            self,
            application=request.application,
            host=request.host,
            recordings=self._recordings,
        )

    def _welcome(self, request: login.LoginRequest, database: str) -> None:
        write = self.channel.write
        write(tokens.database_change(database, "master"))
        write(tokens.info(5701, f"Changed database context to '{database}'.", SERVER_NAME))
        write(tokens.collation_change())
        write(tokens.language_change())
        write(tokens.info(5703, "Changed language setting to us_english.", SERVER_NAME))
        write(
            tokens.login_acknowledged(
                min(request.tds_version, login.TDS_74) if request.tds_version else login.TDS_74
            )
        )
        size = min(max(request.packet_size or packets.DEFAULT_PACKET_SIZE, 512), 32767)
        write(tokens.packet_size_change(size, packets.DEFAULT_PACKET_SIZE))
        if request.has_features:
            write(tokens.no_features())
        write(tokens.done(0))
        self.channel.end_message()
        self.channel.packet_size = size

    # Requests

    @property
    def session(self) -> Session:
        assert self._session is not None
        return self._session

    def _answer(self, message: Message) -> None:
        if message.kind == packets.ATTENTION:
            self._acknowledge_attention()
            return
        session = self.session
        if not session.login.is_owner and self._faults.is_unreachable(session.database.name):
            raise ConnectionLost("unreachable by a fault")
        session.cancelled.clear()
        if message.resets:
            session.reset()
            self._prepared.clear()
            self.channel.write(tokens.reset_acknowledged())
        with self._watcher.watching(self.channel, self._interrupt):
            try:
                self._run(message)
            except SqlServerError as error:
                self._failed(error)
            except ConnectionLost:
                raise
            except Exception as error:
                self._failed(_bug(error))
        if session.cancelled.is_set():
            # The client's attention is the next message; its answer ends with DONE_ATTN.
            if self.channel.read_message().kind != packets.ATTENTION:
                raise ConnectionLost("a request before the end of another")
            self._unfinished_done = None
            self.channel.write(tokens.done(tokens.ATTENTION_DONE))
        else:
            self._flush_done(last=True)
        self.channel.end_message()

    def _interrupt(self) -> None:
        self.session.cancelled.set()
        self.session.cursor.interrupt()

    def _acknowledge_attention(self) -> None:
        """An attention that came after the answer was complete."""
        self.channel.write(tokens.done(tokens.ATTENTION_DONE))
        self.channel.end_message()

    def _run(self, message: Message) -> None:
        if message.kind == packets.SQL_BATCH:
            self._batch(requests.batch_text(message.payload))
        elif message.kind == packets.RPC:
            calls = requests.procedure_calls(message.payload)
            for call in calls:
                self._in_procedure = True
                try:
                    self._call(call)
                except SqlServerError as error:
                    self._failed(error)
                    # One row's error doesn't stop the rest of a batch of calls; a cancel does.
                    if self.session.cancelled.is_set():
                        return
                finally:
                    self._in_procedure = False
        elif message.kind == packets.TRANSACTION_MANAGER:
            self._transaction(requests.transaction_request(message.payload))
        else:
            raise ConnectionLost("an unknown request")

    def _failed(self, error: SqlServerError) -> None:
        self._flush_done()
        if error.number:
            logger.info("session %d: error %d", self.number, error.number)
            self._error(error)
        token = tokens.DONE_PROCEDURE if self._in_procedure else tokens.DONE
        self._hold_done(tokens.ERROR, 0, 0, token)

    def _error(self, error: SqlServerError) -> None:
        self.channel.write(
            tokens.error(error.number, error.state, error.severity, error.message, SERVER_NAME)
        )

    def _batch(self, sql: str) -> None:
        for statement in parse_batch(sql):
            if isinstance(statement, Execute):
                self._execute(statement)
            else:
                self.session.run_statement(statement, {})
        if self._unfinished_done is None:
            self._hold_done(0, 0, 0, tokens.DONE)

    def _execute(self, statement: Execute) -> None:
        arguments: dict[str, object] = {}
        for position, (name, value) in enumerate(statement.arguments):
            if not isinstance(value, Literal):
                raise refused("an argument of EXEC that isn't a literal")
            plain: object = (
                None if value.kind == "null" else int(value.text) if value.kind == "integer" else value.text
            )
            arguments[name[1:] if name else str(position)] = plain
        self._catalog(statement.procedure, arguments)

    def _catalog(self, name: str, arguments: Mapping[str, object]) -> None:
        procedure = PROCEDURES.get(name)
        error = 0
        try:
            if procedure is None:
                raise SqlServerError(2812, f"Could not find stored procedure '{name}'.", state=62)
            describing = name.startswith("sp_describe")
            result: RowSet = procedure(self.session.environment({}, describing=describing), arguments)
        except SqlServerError as caught:
            error = caught.number
            raise
        finally:
            self._faults.record(
                self.number,
                self.session.login.name,
                self.session.database.name,
                name,
                (),
                len(arguments),
                error,
            )
        self.columns(result.columns)
        self.rows(result.columns, result.batch)
        self.done("SELECT", result.batch.num_rows)

    # Procedure calls

    def _call(self, call: requests.ProcedureCall) -> None:
        status, handle = 0, None
        arguments = call.arguments
        if call.name == "sp_executesql":
            self._run_sql(
                sql_text(arguments[0]), parameter_values(arguments[2:], declared_parameters(arguments[1:2]))
            )
        elif call.name in ("sp_prepexec", "sp_prepare"):
            handle = self._prepare(arguments, describe_columns=call.name == "sp_prepare")
            if call.name == "sp_prepexec":
                sql, declared = self._prepared[handle]
                self._run_sql(sql, parameter_values(arguments[3:], declared))
        elif call.name == "sp_execute":
            sql, declared = self._handle(arguments[0].parameter.value)
            self._run_sql(sql, parameter_values(arguments[1:], declared))
        elif call.name == "sp_unprepare":
            self._handle(arguments[0].parameter.value)
            self._prepared.pop(int(str(arguments[0].parameter.value)))
        elif call.name in PROCEDURES:
            named = {
                a.name[1:].lower() if a.name else str(i): a.parameter.value for i, a in enumerate(arguments)
            }
            self._catalog(call.name, named)
        elif call.name == "sp_reset_connection":
            pass
        else:
            raise SqlServerError(2812, f"Could not find stored procedure '{call.name}'.", state=62)
        self._flush_done()
        self.channel.write(tokens.return_status(status))
        if handle is not None:
            self.channel.write(tokens.return_handle("", handle))
        self._hold_done(0, 0, 0, tokens.DONE_PROCEDURE)

    def _run_sql(self, sql: str, parameters: Mapping[str, ParameterValue]) -> None:
        for statement in parse_batch(sql):
            if isinstance(statement, Execute):
                self._execute(statement)
            else:
                self.session.run_statement(statement, parameters)

    def _prepare(self, arguments: tuple[requests.Argument, ...], *, describe_columns: bool) -> int:
        sql = sql_text(arguments[2])
        declared = declared_parameters(arguments[1:2])
        parse_batch(sql)
        handle = self._next_handle
        self._next_handle += 1
        self._prepared[handle] = (sql, declared)
        if describe_columns:
            _, output = describe(self.session.environment(declared), sql)
            if output:
                self.columns(output)
                self.done("SELECT", None)
        return handle

    def _handle(self, value: object) -> tuple[str, dict[str, ParameterValue]]:
        found = self._prepared.get(value) if isinstance(value, int) else None
        if found is None:
            raise SqlServerError(8179, f"Could not find prepared statement with handle {value}.", state=2)
        return found

    def _transaction(self, request: requests.TransactionRequest) -> None:
        session = self.session
        if request.isolation not in (0, 2, 5):
            raise refused("a transaction at this isolation level")
        if request.kind == "begin":
            if request.isolation:
                session.isolation = "SNAPSHOT" if request.isolation == 5 else "READ COMMITTED"
            session.begin()
        elif request.kind == "commit":
            session.commit()
        else:
            session.rollback()
        if request.kind != "begin" and request.begins:
            session.begin()
        self._faults.record(
            self.number,
            session.login.name,
            session.database.name,
            f"{request.kind.upper()} TRANSACTION",
            (),
            0,
            0,
        )
        self._hold_done(0, 0, 0, tokens.DONE)

    # Results: what a Session sends

    def columns(self, columns: list[OutputColumn]) -> None:
        self._flush_done()
        cut = self._faults.take_cut()
        if cut is not None:
            self.channel.cut_after(cut)
        self.channel.write(tokens.column_metadata(columns))

    def rows(self, columns: list[OutputColumn], batch: pa.RecordBatch) -> bytes:
        encoded = encode_rows(columns, batch)
        self.channel.write(encoded)
        return encoded

    def encoded_rows(self, rows: bytes) -> None:
        self.channel.write(rows)

    def done(self, kind: str, count: int | None) -> None:
        self._flush_done()
        status = tokens.COUNT if count is not None else 0
        token = tokens.DONE_IN_PROCEDURE if self._in_procedure else tokens.DONE
        self._hold_done(status, count or 0, _COMMANDS.get(kind, 0), token)

    def transaction_begun(self, descriptor: int) -> None:
        self._flush_done()
        self.channel.write(tokens.transaction_begun(descriptor))

    def transaction_ended(self, descriptor: int, committed: bool) -> None:
        self._flush_done()
        if not self.channel.is_cut:
            self.channel.write(tokens.transaction_ended(descriptor, committed=committed))

    def _hold_done(self, status: int, count: int, command: int, token: int) -> None:
        """Kept back until it is known whether more follows, which its MORE bit says."""
        self._flush_done()
        self._unfinished_done = tokens.done(status, count, command, token)

    def _flush_done(self, *, last: bool = False) -> None:
        held, self._unfinished_done = self._unfinished_done, None
        if held is not None:
            more = held if last else held[:1] + bytes([held[1] | tokens.MORE]) + held[2:]
            self.channel.write(more)


def _bug(error: Exception) -> SqlServerError:
    """What the server didn't foresee, logged by its place alone: a message or a traceback could quote a
    value."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
    logger.error("unforeseen %s at %s", type(error).__name__, place)
    return refused("a request that it doesn't understand")
