"""What change detection asks of the source, in T-SQL, and what that costs: queries and rows are counted.

One connection and one transaction for a poll. Watermarks are read before it begins: they ignore isolation,
and could pass rows that its snapshot doesn't show. What the answers mean is decided in changes.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from migration_assets.errors import SourceError
from migration_assets.panda.catalog import Catalog, bracketed, read_catalog
from migration_assets.panda.change_cursor import ServerIdentity
from migration_assets.panda.change_store import CHANGES, INCOMING
from migration_assets.panda.change_strategies import tracked_tables
from migration_assets.panda.connection import Batches, BulkConnection, Source
from migration_assets.panda.profile import TableProfile
from migration_assets.panda.reading import Reading, measure
from migration_assets.panda.storing import store
from migration_assets.warehouse import Session

_SNAPSHOT_ON = 1
_LONGEST_KEY = 900
"""Bytes of the longest key that an index of SQL Server 2014 and earlier takes; 1,700 since are for others."""

_MOMENT = """
SELECT CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS server_name, name AS database_name,
       create_date AS created, snapshot_isolation_state AS snapshot_state,
       MIN_ACTIVE_ROWVERSION() AS row_version, CHANGE_TRACKING_CURRENT_VERSION() AS tracking_version,
       SYSDATETIME() AS clock
FROM sys.databases WHERE name = DB_NAME()
"""


@dataclass(frozen=True)
class Moment:
    """The server before a poll. ``rowversion``: hex; every change that isn't committed yet has this one or a
    higher one. ``tracking`` is None where change tracking is off; ``clock`` is the server's local time."""

    identity: ServerIdentity
    snapshot_allowed: bool
    rowversion: str
    tracking: int | None
    clock: datetime


@dataclass
class Cost:
    """What was asked: queries of any kind, and rows whose cells or keys came over the network."""

    queries: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Counted:
    """Rows of a table, and those among them that may have changed; ``latest`` only of a modified-at
    column."""

    rows: int
    touched: int
    latest: datetime | None = None


class ChangeReader:
    """A poll's questions over one open connection; ``cost`` grows with each."""

    def __init__(self, connection: BulkConnection) -> None:
        self._connection = connection
        self.cost = Cost()

    def moment(self) -> Moment:
        answers = self._ask(_MOMENT, "asking for the source's versions")
        if not answers:
            raise SourceError(
                "the login doesn't see its own database in sys.databases; GRANT it VIEW ANY DATABASE"
            )
        server, database, created, snapshot, rowversion, tracking, clock = answers[0]
        return Moment(
            identity=ServerIdentity(server=str(server), database=str(database), created=created.isoformat()),
            snapshot_allowed=snapshot == _SNAPSHOT_ON,
            rowversion=bytes(rowversion).hex(),
            tracking=None if tracking is None else int(tracking),
            clock=clock,
        )

    @contextmanager
    def transaction(self, *, snapshot: bool) -> Iterator[None]:
        isolation = "SNAPSHOT" if snapshot else "READ COMMITTED"
        self._connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}", "preparing the poll")
        self._connection.execute("BEGIN TRANSACTION", "preparing the poll")
        yield
        self._connection.execute("COMMIT TRANSACTION", "ending the poll")

    def catalog(self) -> Catalog:
        return read_catalog(self.ask)

    def oldest_versions(self) -> dict[str, int]:
        """As ``tracked_tables``."""
        return tracked_tables(self.ask)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return self._ask(query, "reading the catalog")

    def count_touched(self, table: TableProfile, column: str, condition: str, *, moments: bool) -> Counted:
        """``column`` holds the versions, ``condition`` tells those of interest."""
        latest = f", MAX({bracketed(column)}) AS latest" if moments else ""
        query = (
            f"SELECT COUNT_BIG(*) AS n, COUNT_BIG(CASE WHEN {condition} THEN 1 END) AS touched{latest} "
            f"FROM {_place(table)}"
        )
        rows, touched, *rest = self._ask(query, f"looking for changes of {table.source_name}")[0]
        return Counted(int(rows), int(touched), rest[0] if rest else None)

    def count_tracked(self, table: TableProfile, since: str) -> int:
        query = f"SELECT COUNT_BIG(*) AS n FROM {_tracked(table, since)}"
        return int(self._ask(query, f"looking for changes of {table.source_name}")[0][0])

    def fetch_rows(self, session: Session, reading: Reading) -> int:
        """The rows, as extraction reads them, into ``changes.incoming``; how many there are."""
        doing = f"reading changes of {reading.table.source_name}"
        measures = measure(self.ask, reading)
        return self._store(
            session,
            self._connection.batches(
                reading.query,
                doing=doing,
                max_text_size=measures.max_text_size,
                max_binary_size=measures.max_binary_size,
                max_bytes_per_batch=measures.max_bytes_per_batch,
                batch_rows=reading.batch_rows,
            ),
        )

    def fetch_keys(self, session: Session, table: TableProfile) -> int:
        """All keys of the table into ``changes.incoming``."""
        key = bracketed(table.actual(table.key))
        return self._fetch(session, f"SELECT {key} AS source_key FROM {_place(table)}", table)

    def fetch_deleted(self, session: Session, table: TableProfile, since: str) -> int:
        """Keys that change tracking has as deleted, into ``changes.incoming``."""
        key = bracketed(table.actual(table.key))
        query = (
            f"SELECT c.{key} AS source_key FROM {_tracked(table, since)} WHERE c.SYS_CHANGE_OPERATION = 'D'"
        )
        return self._fetch(session, query, table)

    def _fetch(self, session: Session, query: str, table: TableProfile) -> int:
        doing = f"reading keys of {table.source_name}"
        return self._store(
            session,
            self._connection.batches(
                query, doing=doing, max_text_size=_LONGEST_KEY, max_binary_size=_LONGEST_KEY
            ),
        )

    def _store(self, session: Session, batches: Batches) -> int:
        self.cost.queries += 1
        rows = store(session, CHANGES, INCOMING, batches)
        self.cost.rows += rows
        return rows

    def _ask(self, query: str, doing: str) -> list[tuple[Any, ...]]:
        self.cost.queries += 1
        return self._connection.rows(query, doing=doing)


@contextmanager
def reading_changes(source: Source) -> Iterator[ChangeReader]:
    """Raises what ``Source.bulk`` does."""
    with source.bulk() as connection:
        yield ChangeReader(connection)


def since_rowversion(column: str, version: str) -> str:
    """Rows that changed with this rowversion (hex) or a later one."""
    return f"{bracketed(column)} >= 0x{version}"


def since_moment(column: str, moment: datetime) -> str:
    """Rows modified at this local time or later, or at no known time."""
    text = moment.isoformat(timespec="milliseconds")
    return f"{bracketed(column)} >= CAST('{text}' AS datetime2(3)) OR {bracketed(column)} IS NULL"


def tracked_rows(reading: Reading, table: TableProfile, since: str) -> Reading:
    """The rows that are there among those that change tracking names since a version."""
    key = bracketed(table.actual(table.key))
    keys = f"SELECT c.{key} FROM {_tracked(table, since)} WHERE c.SYS_CHANGE_OPERATION <> 'D'"
    return replace(reading, where=f"{key} IN ({keys})")


def _tracked(table: TableProfile, since: str) -> str:
    return f"CHANGETABLE(CHANGES {_place(table)}, {int(since)}) AS c"


def _place(table: TableProfile) -> str:
    return f"{bracketed(table.db_schema)}.{bracketed(table.name)}"
