"""A practice's DuckDB files: where they stand, opening them, waiting for a lock, tables in and out.

Everything in these files can be made again from the source. What the tables mean is not known here, and
no SQL of a stage stands here. DuckDB's own messages quote values, so its exceptions leave this module
only as ours.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import duckdb
import polars as pl
from pydantic import Field, SecretStr

from migration_assets.errors import (
    ConfigurationError,
    DiskFull,
    MigrationError,
    WarehouseBusy,
    WarehouseError,
    WarehouseTableMissing,
)
from migration_assets.practice import PRACTICE_KEY, Settings

if TYPE_CHECKING:
    import pyarrow as pa

Rows: TypeAlias = "pl.DataFrame | pa.Table | pa.RecordBatchReader"

_CATALOG = "warehouse"
_STORAGE_VERSION = "v1.5.0"
"""Of files that are written. DuckDB's default is its oldest: files are twice the size and, where tables are
wide, take five times as long to open. A file of an older version is brought to this when next written."""
_INCOMING = "incoming_rows"
_MADE_BY = {
    "panda": "materialise the practice's source tables first",
    "staged": "materialise the practice's staged tables first",
}
_LOCKED = re.compile(r"Conflicting lock is held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
_OUT_OF_SPACE = (
    "no space left on device",
    "file too large",
    "disk quota exceeded",
    "max_temp_directory_size",
)
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 1.0


class DuckDBSettings(Settings):
    """What one run may use; DuckDB's own defaults assume that it has the machine to itself.

    ``encryption_key`` encrypts the file, its log and what is spilled to ``temp_directory`` (default: a
    folder beside the file).
    """

    memory_limit: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?(MB|GB|MiB|GiB)$")] = "2GB"
    threads: Annotated[int, Field(ge=1)] = 2
    temp_directory: Path | None = None
    lock_timeout_seconds: Annotated[float, Field(ge=0)] = 300.0
    encryption_key: SecretStr | None = None


@dataclass(frozen=True)
class WarehouseLayout:
    """Where the files of a practice stand below ``root`` (the folder ``data``)."""

    root: Path

    def panda(self, practice: str) -> Path:
        """The file with schemas panda and staged; written by extraction and staging alone."""
        return self._folder(practice) / "panda.duckdb"

    def changes(self, practice: str) -> Path:
        """The file with what is known of the source's rows and which changes wait; written by polls and by
        the refresh that takes them."""
        return self._folder(practice) / "changes.duckdb"

    def destination(self, practice: str, destination: str, environment: str) -> Path:
        """The file with an upload's scope, payload, lineage and read-back."""
        return self._folder(practice) / f"{_checked(destination)}.{_checked(environment)}.duckdb"

    def _folder(self, practice: str) -> Path:
        return self.root / "warehouse" / _checked(practice)


def quoted(name: str) -> str:
    """A name as DuckDB identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def in_ms(rows: pl.DataFrame) -> pl.DataFrame:
    """Moments with an offset in milliseconds, the unit of every frame that goes into a file with them; DuckDB
    itself has only microseconds for those."""
    return rows.with_columns(pl.col(pl.Datetime("us", "UTC")).cast(pl.Datetime("ms", "UTC")))


@dataclass(frozen=True)
class Warehouse:
    """One DuckDB file; nothing is opened before ``open``."""

    path: Path
    settings: DuckDBSettings = field(default_factory=DuckDBSettings)

    def waiting(self, seconds: float) -> Warehouse:
        """The same file, whose lock is waited for no longer than that."""
        return replace(self, settings=self.settings.model_copy(update={"lock_timeout_seconds": seconds}))

    @contextmanager
    def open(self, read_only: bool = False) -> Iterator[Session]:
        """A session that lets go of the file whatever happens inside.

        Waits for the file's lock, which a writer needs alone: WarehouseBusy after ``lock_timeout_seconds``.
        A missing file is made by a writer and WarehouseTableMissing for a reader.
        """
        if not read_only:
            _make_private(self.path.parent)
        with _translating(self.path):
            connection = duckdb.connect(":memory:", config=self._config())
        try:
            _attach(connection, self, _CATALOG, read_only)
            with _translating(self.path):
                connection.execute(f"USE {_CATALOG}")
                connection.execute("SET TimeZone = 'UTC'")
            yield Session(connection, self.path, read_only)
        finally:
            connection.close()
            if not read_only:
                _restrict_files(self.path)

    def _config(self) -> dict[str, str | bool | int | float | list[str]]:
        temporary = self.settings.temp_directory or self.path.with_suffix(".tmp")
        return {
            "memory_limit": self.settings.memory_limit,
            "threads": self.settings.threads,
            "temp_directory": str(temporary),
            "temp_file_encryption": self.settings.encryption_key is not None,
            # Nothing may be fetched from the network, and a frame of the caller's is never found by its name.
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
        }


class Session:
    """An open warehouse file. Schemas and tables are given by name; frames come and go whole."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, read_only: bool) -> None:
        self._connection = connection
        self._path = path
        self._read_only = read_only
        self._in_transaction = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another transaction it is part of that one."""
        if self._in_transaction:
            yield
            return
        self.execute("BEGIN TRANSACTION")
        self._in_transaction = True
        try:
            yield
        except BaseException:
            # A failed COMMIT or a full disk has ended the transaction already.
            with suppress(duckdb.Error):
                self._connection.execute("ROLLBACK")
            raise
        else:
            self.execute("COMMIT")
        finally:
            self._in_transaction = False

    def replace_table(self, schema: str, table: str, rows: Rows) -> int:
        """Puts ``rows`` in the table's place in one transaction and returns how many there are.

        Types come from ``rows``, without rows too. A failure leaves the former table as it was.
        """
        with self.transaction():
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
            with self._incoming(rows):
                made = f"CREATE OR REPLACE TABLE {_place(schema, table)} AS SELECT * FROM {_INCOMING}"
                return _count(self._run(made, ()))

    def put_temporary(self, table: str, rows: Rows) -> None:
        """Puts ``rows`` into ``temp.<table>``, which no file keeps, in the place of what it held."""
        with self._incoming(rows):
            self._run(f"CREATE OR REPLACE TEMP TABLE {quoted(table)} AS SELECT * FROM {_INCOMING}", ())

    def append(self, schema: str, table: str, rows: Rows) -> int:
        """Adds ``rows`` by column name, making the table where there is none; returns how many were added."""
        with self.transaction():
            if not self.has_table(schema, table):
                return self.replace_table(schema, table, rows)
            with self._incoming(rows):
                added = f"INSERT INTO {_place(schema, table)} BY NAME SELECT * FROM {_INCOMING}"
                return _count(self._run(added, ()))

    def read(self, schema: str, table: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The table's rows; raises WarehouseTableMissing, which says what to materialise.

        Moments with an offset come back as ``in_ms`` has them.
        """
        selected = "*" if columns is None else ", ".join(quoted(column) for column in columns)
        with self._there(schema, table):
            return in_ms(self.sql(f"SELECT {selected} FROM {_place(schema, table)}"))

    def count(self, schema: str, table: str) -> int:
        with self._there(schema, table):
            return int(self.sql(f"SELECT count(*) AS n FROM {_place(schema, table)}").item())

    def has_table(self, schema: str, table: str) -> bool:
        """Whether a table or view of this name is there; case doesn't count, as DuckDB compares names."""
        # Listing them takes milliseconds in a file of wide tables; a query without rows takes a tenth of one.
        try:
            self._run(f"SELECT 1 FROM {_place(schema, table)} LIMIT 0", ())
        except WarehouseTableMissing:
            return False
        return True

    def tables(self, schema: str) -> list[str]:
        # information_schema asks every catalog first and takes several times as long.
        found = self.sql(
            "SELECT table_name AS name FROM duckdb_tables() WHERE database_name = $1 AND schema_name = $2 "
            "UNION ALL "
            "SELECT view_name FROM duckdb_views() WHERE database_name = $1 AND schema_name = $2 "
            "ORDER BY name",
            (_CATALOG, schema),
        )
        return found["name"].to_list()

    def sql(self, query: str, params: Sequence[Any] = ()) -> pl.DataFrame:
        """The result of a query as a frame. Values go into ``params``, never into the text."""
        with _translating(self._path):
            return self._connection.execute(query, list(params)).pl()

    def execute(self, query: str, params: Sequence[Any] = ()) -> None:
        """A statement without a result."""
        self._run(query, params)

    @contextmanager
    def attached(self, other: Warehouse, alias: str) -> Iterator[None]:
        """Another file, read-only, as ``alias.schema.table``; waits for its lock and lets go of it after."""
        _attach(self._connection, other, alias, read_only=True)
        try:
            yield
        finally:
            with _translating(other.path):
                self._connection.execute(f"DETACH {quoted(alias)}")

    def _run(self, query: str, params: Sequence[Any]) -> duckdb.DuckDBPyConnection:
        with _translating(self._path):
            return self._connection.execute(query, list(params))

    @contextmanager
    def _there(self, schema: str, table: str) -> Iterator[None]:
        """Says what to materialise where the table isn't there; asking before costs more than most reads."""
        try:
            yield
        except WarehouseTableMissing:
            raise _missing(self._path, schema, f"has no table {schema}.{table}") from None

    @contextmanager
    def _incoming(self, rows: Rows) -> Iterator[None]:
        untyped = _untyped_columns(rows)
        if untyped:
            raise WarehouseError(
                f"{self._path.name}: columns without a type can't be stored: {', '.join(untyped)}; "
                "cast them where the frame is made"
            )
        with _translating(self._path):
            self._connection.register(_INCOMING, rows)
        try:
            yield
        finally:
            with suppress(duckdb.Error):
                self._connection.unregister(_INCOMING)


def _count(written: duckdb.DuckDBPyConnection) -> int:
    """Rows that a statement put into a table, which is what it returns."""
    found = written.fetchone()
    return int(found[0]) if found else 0


def _place(schema: str, table: str) -> str:
    return f"{_CATALOG}.{quoted(schema)}.{quoted(table)}"


def _untyped_columns(rows: Rows) -> list[str]:
    """Columns that hold nothing and say nothing; DuckDB would make integers of them."""
    if isinstance(rows, pl.DataFrame):
        return [name for name, kind in rows.schema.items() if kind == pl.Null]
    return [column.name for column in rows.schema if str(column.type) == "null"]


def _checked(part: str) -> str:
    if not PRACTICE_KEY.fullmatch(part):
        raise ConfigurationError(
            "a part of a warehouse's file name must be 1 to 63 of a-z, 0-9, '_' and '-'; mend that key"
        )
    return part


def _attach(connection: duckdb.DuckDBPyConnection, target: Warehouse, alias: str, read_only: bool) -> None:
    """Attaches the file once its lock is free."""
    if read_only and not target.path.exists():
        raise _missing(target.path, target.path.name.split(".")[0], "isn't there yet")
    options = ["READ_ONLY"] if read_only else [f"STORAGE_VERSION {_literal(_STORAGE_VERSION)}"]
    if target.settings.encryption_key is not None:
        _load_openssl(connection)
        options.append(f"ENCRYPTION_KEY {_literal(target.settings.encryption_key.get_secret_value())}")
    statement = f"ATTACH {_literal(str(target.path))} AS {quoted(alias)}"
    statement += f" ({', '.join(options)})"
    deadline = time.monotonic() + target.settings.lock_timeout_seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            connection.execute(statement)
            return
        except duckdb.Error as error:
            holder = _holder(str(error))
            if holder is None:
                raise _translated(error, target.path) from None
        if time.monotonic() >= deadline:
            raise WarehouseBusy(
                f"{target.path}: in use by {holder}, waited {target.settings.lock_timeout_seconds:g} s; "
                "let that run end or stop it, then try again"
            )
        # Jitter, so that several who wait don't all come back at the same moment.
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _holder(message: str) -> str | None:
    if found := _LOCKED.search(message):
        return f"process {found['pid']} ({found['program']})"
    if "Could not set lock on file" in message:
        return "another process"
    # Within one process DuckDB doesn't lock: it refuses a second handle that isn't read-only.
    if "Unique file handle conflict" in message:
        return f"this process ({os.getpid()})"
    return None


def _load_openssl(connection: duckdb.DuckDBPyConnection) -> None:
    """DuckDB encrypts what it writes or spills only with OpenSSL, which its httpfs extension brings."""
    import duckdb_extension_httpfs

    folder = Path(duckdb_extension_httpfs.__file__).parent / "extensions" / f"v{duckdb.__version__}"
    library = folder / "httpfs.duckdb_extension"
    if not library.exists():
        raise ConfigurationError(
            f"no httpfs extension for DuckDB {duckdb.__version__}, which encrypted warehouses need; "
            f"install duckdb-extension-httpfs=={duckdb.__version__}"
        )
    try:
        connection.execute(f"LOAD {_literal(str(library))}")
    except duckdb.Error:
        raise ConfigurationError(
            f"the httpfs extension for DuckDB {duckdb.__version__} can't be loaded on this machine; "
            f"reinstall duckdb-extension-httpfs=={duckdb.__version__}"
        ) from None


@contextmanager
def _translating(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise _translated(error, path) from None


def _translated(error: duckdb.Error, path: Path) -> MigrationError:
    """Ours for DuckDB's, without its text: that quotes values and, for ATTACH, the key."""
    message = str(error)
    folded = message.casefold()
    if any(sign in folded for sign in _OUT_OF_SPACE):
        free = shutil.disk_usage(path.parent).free // 2**20
        return DiskFull(
            f"{path}: no room to write, {free} MB are free there; make room and materialise again "
            "(the former tables are as they were)"
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return WarehouseError(f"{path.name}: the run's memory limit is too small; raise 'memory_limit'")
    if "encryption key" in folded or "without a key" in folded or "is explicitly specified" in folded:
        return WarehouseError(
            f"{path}: its encryption doesn't match the practice's key; set the key that made it, "
            "or remove the file and materialise again"
        )
    if "not a valid duckdb database file" in folded or "has been invalidated" in folded:
        return WarehouseError(f"{path}: the file is damaged; remove it and materialise again")
    if found := re.search(r'Table with name "?([^"]+?)"? does not exist', message):
        return WarehouseTableMissing(
            f"{path.name} has no table {found[1]}; materialise the assets that come before this one"
        )
    return WarehouseError(f"{path.name}: DuckDB refused a statement ({type(error).__name__})")


def _missing(path: Path, schema: str, problem: str) -> WarehouseTableMissing:
    remedy = _MADE_BY.get(schema, "materialise the assets that come before this one")
    return WarehouseTableMissing(f"{path.parent.name}/{path.name} {problem}; {remedy}")


def _make_private(folder: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir(mode=0o700)


def _restrict_files(path: Path) -> None:
    for each in (path, path.with_name(f"{path.name}.wal")):
        with suppress(FileNotFoundError):
            each.chmod(0o600)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
