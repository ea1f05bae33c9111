"""Rows on their way from the source into a table of DuckDB, as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from migration_assets.errors import MigrationError, WarehouseError
from migration_assets.warehouse import Session, Warehouse

if TYPE_CHECKING:
    import pyarrow as pa


class Stream(Protocol):
    """Arrow batches of one schema; going through them raises errors of ours."""

    schema: pa.Schema

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...


def storing_streams(warehouse: Warehouse) -> Warehouse:
    """One stream fills one table; with several threads DuckDB groups its rows twice: double the CPU time."""
    return replace(warehouse, settings=warehouse.settings.model_copy(update={"threads": 1}))


def store(session: Session, schema: str, table: str, batches: Stream) -> int:
    """Streams the batches into the table's place and returns how many rows they had.

    DuckDB wraps what they raise in an exception of its own; the caller gets theirs.
    """
    import pyarrow as pa

    raised: list[MigrationError] = []

    def guarded() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except MigrationError as error:
            raised.append(error)
            raise

    reader = pa.RecordBatchReader.from_batches(batches.schema, guarded())
    try:
        return session.replace_table(schema, table, reader)
    except WarehouseError:
        if raised:
            raise raised[0] from None
        raise
