"""Connections to a practice's SQL Server: finding the driver, the connection string, two ways to read.

``Source.catalog`` is a pyodbc connection for the catalog and small results, ``Source.bulk`` an arrow-odbc
connection for tables of any size. Both read only. What is asked for is written elsewhere.

Importing this module needs neither unixODBC nor a driver.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration_assets.errors import ConfigurationError
from migration_assets.panda import freetds
from migration_assets.panda.odbc_errors import translating
from migration_assets.panda.settings import SourceSettings
from migration_assets.panda.watching import within
from migration_assets.practice import resolve

if TYPE_CHECKING:
    import arrow_odbc
    import pyarrow as pa
    import pyodbc

INSTALLED_DRIVER = "ODBC Driver 18 for SQL Server"
APPLICATION_NAME = "migration-assets"
BATCH_ROWS = 50_000
BATCH_BYTES = 64 * 2**20
_SMALL_RESULT_BYTES = 2**20

Query = Callable[[str], list[tuple[Any, ...]]]
"""Runs a query without parameters and gives its rows; both kinds of connection have one as ``rows``."""


@dataclass(frozen=True)
class Source:
    """A practice's server as configured; each connection is opened and closed by its ``with``."""

    settings: SourceSettings

    @contextmanager
    def catalog(self) -> Iterator[CatalogConnection]:
        """Raises SourceUnreachable, SourceLoginFailed or ConfigurationError (no driver, a variable unset)."""
        pyodbc = _import_pyodbc()
        with translating("connecting to the source", pyodbc.Error), _configured(self.settings):
            connection = pyodbc.connect(
                connection_string(self.settings),
                timeout=self.settings.login_timeout_seconds,
                autocommit=True,
            )
        try:
            connection.timeout = self.settings.query_timeout_seconds
            yield CatalogConnection(connection)
        finally:
            with translating("closing the connection", pyodbc.Error):
                connection.close()

    @contextmanager
    def bulk(self) -> Iterator[BulkConnection]:
        """Raises as ``catalog`` does."""
        arrow_odbc = _import_arrow_odbc()
        seconds, doing = self.settings.login_timeout_seconds, "connecting to the source"

        def connect() -> Any:
            return arrow_odbc.connect(connection_string(self.settings), login_timeout_sec=seconds)

        with translating(doing, arrow_odbc.Error), _configured(self.settings):
            connection = within(seconds, doing, connect, "source.login_timeout_seconds")
        bulk = BulkConnection(
            connection, self.settings.query_timeout_seconds, driver_cuts=self.settings.driver == "freetds"
        )
        del connection
        try:
            yield bulk
        finally:
            bulk.close()


class CatalogConnection:
    """Small results over pyodbc, with parameters as ``?``."""

    def __init__(self, connection: pyodbc.Connection) -> None:
        self._connection = connection

    def rows(self, query: str, *params: Any, doing: str = "reading the catalog") -> list[tuple[Any, ...]]:
        import pyodbc

        with translating(doing, pyodbc.Error):
            return [tuple(row) for row in self._connection.execute(query, *params).fetchall()]


class BulkConnection:
    """Results as Arrow batches; one result at a time, so a reader is used up before the next query.

    ``driver_cuts``: the driver cuts what its buffers are too small for, so that we look at each value.
    """

    def __init__(
        self, connection: arrow_odbc.Connection, query_timeout_seconds: int, *, driver_cuts: bool
    ) -> None:
        self._connection: arrow_odbc.Connection | None = connection
        self._query_timeout_seconds = query_timeout_seconds
        self._driver_cuts = driver_cuts

    def close(self) -> None:
        """arrow-odbc disconnects when the last reference goes; the server rolls back what was open."""
        self._connection = None

    def execute(self, statement: str, doing: str = "preparing the extraction") -> None:
        import arrow_odbc

        seconds, connection = self._query_timeout_seconds, self._open()
        with translating(doing, arrow_odbc.Error):
            within(seconds, doing, lambda: connection.execute(statement, query_timeout_sec=seconds))

    def rows(self, query: str, doing: str = "reading the catalog") -> list[tuple[Any, ...]]:
        batches = self.batches(
            query, doing=doing, max_text_size=4000, max_bytes_per_batch=_SMALL_RESULT_BYTES
        )
        return [row for batch in batches for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)]

    def batches(
        self,
        query: str,
        *,
        doing: str,
        max_text_size: int | None = None,
        max_binary_size: int | None = None,
        max_bytes_per_batch: int = BATCH_BYTES,
        batch_rows: int = BATCH_ROWS,
    ) -> Batches:
        """Starts the query; sizes are the longest text in UTF-16 units and the longest binary in bytes.

        A longer value raises SourceError, it is never cut. Timestamps are in microseconds, whatever the
        column's own precision: SQL Server's years 1 to 9999 don't fit into nanoseconds, so the seventh
        digit of a datetime2(7) (100 ns) is dropped.
        """
        import arrow_odbc

        seconds, connection = self._query_timeout_seconds, self._open()

        def begin() -> arrow_odbc.BatchReader:
            return connection.read_arrow_batches(
                query,
                batch_size=batch_rows,
                max_bytes_per_batch=max_bytes_per_batch,
                max_text_size=self._room(max_text_size),
                max_binary_size=self._room(max_binary_size),
                map_schema=_in_microseconds,
                query_timeout_sec=seconds,
                # A failed allocation would end the process; checking costs time, so only for giant rows.
                falliable_allocations=max_bytes_per_batch > BATCH_BYTES,
                # The narrow encoding depends on the process's locale, under which odd characters turn to '?'.
                payload_text_encoding=arrow_odbc.TextEncoding.UTF16,
            )

        with translating(doing, arrow_odbc.Error):
            reader = within(seconds, doing, begin)
        check = None
        if self._driver_cuts:
            check = partial(
                freetds.refuse_cut,
                doing=doing,
                max_text_size=max_text_size,
                max_binary_size=max_binary_size,
            )
        return Batches(reader, doing, self._query_timeout_seconds, check)

    def _room(self, size: int | None) -> int | None:
        """A unit more than allowed shows a cut value, which would fill its buffer."""
        return size + 1 if size is not None and self._driver_cuts else size

    def _open(self) -> arrow_odbc.Connection:
        if self._connection is None:
            raise ConfigurationError("the connection to the source is closed; open another one")
        return self._connection


class Batches:
    """An Arrow schema and an iterator of record batches, whose errors are ours.

    ``longest_wait_seconds`` bounds the wait for each batch (0: no bound): the driver's own time-out ends with
    a result's first row, so a server that stops in the middle would be waited for without end.
    ``check`` raises for a batch that may not be passed on.
    """

    def __init__(
        self,
        reader: arrow_odbc.BatchReader,
        doing: str,
        longest_wait_seconds: int,
        check: Callable[[pa.RecordBatch], None] | None,
    ) -> None:
        self.schema: pa.Schema = reader.schema
        self._reader = reader
        self._doing = doing
        self._longest_wait_seconds = longest_wait_seconds
        self._check = check

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Raises SourceTimeout, SourceConnectionLost and their kin."""
        import arrow_odbc

        with translating(self._doing, arrow_odbc.Error):
            while (batch := self._next()) is not None:
                if self._check is not None:
                    self._check(batch)
                yield batch

    def _next(self) -> pa.RecordBatch | None:
        return within(self._longest_wait_seconds, self._doing, lambda: next(self._reader, None))


def connection_string(settings: SourceSettings) -> str:
    """Holds the password: it goes into ``connect`` and nowhere else; FreeTDS needs more, see there."""
    if settings.driver == "freetds":
        return freetds.connection_string(settings, APPLICATION_NAME)
    parts = {
        "DRIVER": settings.driver_path or find_driver(),
        "SERVER": _address(settings),
        "DATABASE": resolve(settings.database),
        "UID": resolve(settings.username),
        "PWD": settings.password.value(),
        # The driver compares with a given certificate under strict (TDS 8.0) alone; tried with 18.6.
        "Encrypt": "yes" if settings.server_certificate is None else "strict",
        "TrustServerCertificate": "yes" if settings.trust_server_certificate else "no",
        "ApplicationIntent": "ReadOnly",
        "APP": APPLICATION_NAME,
        # The driver's silent reconnect would go on without our snapshot; a lost connection must be seen.
        "ConnectRetryCount": "0",
    }
    if settings.server_certificate is not None:
        parts["ServerCertificate"] = resolve(settings.server_certificate)
    return ";".join(f"{name}={_braced(value)}" for name, value in parts.items())


def _configured(settings: SourceSettings) -> AbstractContextManager[None]:
    return freetds.configuration(settings) if settings.driver == "freetds" else nullcontext()


def find_driver() -> str:
    """The installed Microsoft driver's name, else the path of the library that mssql-python-odbc brings.

    Raises ConfigurationError where there is neither.
    """
    if INSTALLED_DRIVER in _import_pyodbc().drivers():
        return INSTALLED_DRIVER
    library = _packaged_driver()
    if library is None:
        raise ConfigurationError(
            f"no '{INSTALLED_DRIVER}' on this machine; pip install mssql-python-odbc, or install Microsoft's "
            "msodbcsql18 package, or name its library in 'source.driver_path'"
        )
    return str(library)


def _packaged_driver() -> Path | None:
    if importlib.util.find_spec("mssql_python_odbc") is None:
        return None
    libraries = Path(str(files("mssql_python_odbc"))) / "libs" / _platform_folder()
    found = sorted(libraries.glob("**/*msodbcsql*18*"))
    return next((each for each in found if each.suffix != ".rll" and "resources" not in each.parts), None)


def _platform_folder() -> Path:
    machine = platform.machine().lower()
    if sys.platform == "win32":
        return Path("windows") / {"amd64": "x64"}.get(machine, machine)
    if sys.platform == "darwin":
        return Path("macos") / machine
    architecture = {"amd64": "x86_64", "aarch64": "arm64"}.get(machine, machine)
    return Path("linux") / _linux_family() / architecture


def _linux_family() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "debian_ubuntu"
    names = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".split()
    families = {"alpine": "alpine", "suse": "suse", "rhel": "rhel", "fedora": "rhel", "centos": "rhel"}
    return next((families[name] for name in names if name in families), "debian_ubuntu")


def _address(settings: SourceSettings) -> str:
    server = resolve(settings.server)
    # A named instance without a port of its own is found by asking the SQL Browser service.
    if "\\" in server and "port" not in settings.model_fields_set:
        return server
    return f"tcp:{server},{settings.resolved_port()}"


def _braced(value: str) -> str:
    """A value in braces may hold anything; a closing brace is doubled."""
    return "{" + value.replace("}", "}}") + "}"


def _in_microseconds(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        field.with_type(pa.timestamp("us", field.type.tz)) if pa.types.is_timestamp(field.type) else field
        for field in schema
    )


def _import_pyodbc() -> Any:
    try:
        import pyodbc
    except ImportError:
        raise _no_unixodbc() from None
    # A pooled connection could come back with another transaction's isolation level.
    pyodbc.pooling = False
    return pyodbc


def _import_arrow_odbc() -> Any:
    try:
        import arrow_odbc
    except (ImportError, OSError):
        raise _no_unixodbc() from None
    return arrow_odbc


def _no_unixodbc() -> ConfigurationError:
    return ConfigurationError(
        "unixODBC's library (libodbc.so.2) isn't on this machine; on Debian and Ubuntu run "
        "`apt-get install libodbc2`, on macOS `brew install unixodbc`"
    )
