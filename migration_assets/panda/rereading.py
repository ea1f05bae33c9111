"""Rows whose keys are known to have changed, read again from the source: verbatim, as an extraction has them,
beside a warehouse's tables. Which keys these are is told by the change store; what becomes of the rows is
decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from migration_assets.errors import SourceError
from migration_assets.panda.catalog import SourceColumn, bracketed, national_literal, read_catalog
from migration_assets.panda.connection import BulkConnection, Source
from migration_assets.panda.profile import Profile, TableProfile
from migration_assets.panda.reading import Reading, measure, plan_reading
from migration_assets.panda.retrying import ATTEMPTS, PAUSE_SECONDS, read_again
from migration_assets.panda.storing import Stream, store
from migration_assets.warehouse import Session, quoted

if TYPE_CHECKING:
    import pyarrow as pa

REREAD = "reread"
"""Schema of the rows that were read again, by logical table."""
_KEYS_A_QUERY = 1_000
_READ_WHOLE = 50_000
"""Keys of one table from which the table is read whole: a bulk change is cheaper in one stream."""
_WHOLE_NUMBERS = frozenset({"tinyint", "smallint", "int", "bigint"})


@dataclass(frozen=True)
class Reread:
    """``rows`` that were found by logical table, and how many came over the network; ``read_at`` is UTC."""

    rows: Mapping[str, int]
    rows_read: int
    read_at: datetime
    isolation: str


def reread(
    source: Source,
    profile: Profile,
    session: Session,
    keys: Mapping[str, Sequence[str]],
    *,
    attempts: int = ATTEMPTS,
    pause_seconds: float = PAUSE_SECONDS,
) -> Reread:
    """Puts the rows with these keys (text, by logical table) into ``reread.<table>``, all of one moment where
    the database allows it; keys without a row are left out. Raises SourceError and its kin."""

    def read() -> Reread:
        session.execute(f"DROP SCHEMA IF EXISTS {REREAD} CASCADE")
        with source.bulk() as connection:
            return _read(connection, profile, session, keys)

    return read_again(read, attempts, pause_seconds)


def _read(
    connection: BulkConnection, profile: Profile, session: Session, keys: Mapping[str, Sequence[str]]
) -> Reread:
    catalog = read_catalog(connection.rows)
    found = catalog.fitting(profile, keys)
    isolation = "SNAPSHOT" if catalog.snapshot_allowed else "READ COMMITTED"
    connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}", "preparing the refresh")
    connection.execute("BEGIN TRANSACTION", "preparing the refresh")
    read_at = datetime.now(UTC)
    rows: dict[str, int] = {}
    read = 0
    for logical, table in found.items():
        reading = plan_reading(table, profile.table(logical))
        stream = _Rows(connection, reading, _conditions(reading, profile.table(logical), keys[logical]))
        read += store(session, REREAD, logical, stream)
        rows[logical] = _keep_wanted(session, profile.table(logical), logical, keys[logical])
    connection.execute("COMMIT TRANSACTION", "ending the refresh")
    return Reread(rows, read, read_at, isolation)


class _Rows(Stream):
    """The rows of several queries of one shape, one after the other."""

    def __init__(
        self, connection: BulkConnection, reading: Reading, conditions: Sequence[str | None]
    ) -> None:
        self._connection = connection
        self._readings = [replace(reading, where=condition) for condition in conditions]
        self._first = self._batches(self._readings[0])
        self.schema: pa.Schema = self._first.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        yield from self._first
        for reading in self._readings[1:]:
            yield from self._batches(reading)

    def _batches(self, reading: Reading) -> Stream:
        measures = measure(self._connection.rows, reading)
        return self._connection.batches(
            reading.query,
            doing=f"reading changes of {reading.table.source_name}",
            max_text_size=measures.max_text_size,
            max_binary_size=measures.max_binary_size,
            max_bytes_per_batch=measures.max_bytes_per_batch,
            batch_rows=reading.batch_rows,
        )


def _conditions(reading: Reading, profile: TableProfile, keys: Sequence[str]) -> list[str | None]:
    if len(keys) > _READ_WHOLE:
        return [None]
    name = profile.actual(profile.key)
    column = next(each for each in reading.columns if each.name.casefold() == name.casefold())
    # Neighbours together: what is asked for at once then stands on few of the server's pages.
    literals = sorted((_literal(column, key) for key in keys), key=lambda each: (len(each), each))
    parts = [literals[at : at + _KEYS_A_QUERY] for at in range(0, len(literals), _KEYS_A_QUERY)]
    return [f"{bracketed(column.name)} IN ({', '.join(part)})" for part in parts]


def _literal(column: SourceColumn, key: str) -> str:
    """A key in the column's own type, so that the server finds it by its index."""
    if column.type not in _WHOLE_NUMBERS:
        return national_literal(key)
    try:
        return str(int(key))
    except ValueError:
        raise SourceError(
            f"a key of {column.name} that is waiting isn't a number, as the column is; "
            "extract the practice again"
        ) from None


def _keep_wanted(session: Session, profile: TableProfile, logical: str, keys: Sequence[str]) -> int:
    """Rows that nobody asked for may have changed too; they wait until a poll has found them."""
    if len(keys) > _READ_WHOLE:
        key = quoted(profile.actual(profile.key))
        session.put_temporary("wanted", pl.DataFrame({"key": keys}, schema={"key": pl.String}))
        session.execute(
            f"DELETE FROM {REREAD}.{quoted(logical)} WHERE CAST({key} AS VARCHAR) NOT IN "
            "(SELECT key FROM temp.wanted)"
        )
    return session.count(REREAD, logical)
