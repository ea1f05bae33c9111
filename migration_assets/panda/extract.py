"""From the practice's SQL Server into its warehouse: whole tables, verbatim, all of one moment.

One connection and, where the database allows it, one snapshot for all tables; one warehouse transaction,
so that a failed extraction leaves the former tables as they were. What a value means is not known here.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from migration_assets.errors import (
    MigrationError,
    SourceConnectionLost,
    SourceDeadlock,
    SourceError,
    WarehouseError,
)
from migration_assets.panda.catalog import Catalog, NotInScope, count_outside, read_catalog
from migration_assets.panda.connection import Batches, BulkConnection, Source
from migration_assets.panda.profile import Profile
from migration_assets.panda.reading import Reading, measure, plan_reading
from migration_assets.warehouse import Session, Warehouse

SCHEMA = "panda"
EXTRACTIONS = "extractions"
NOT_IN_SCOPE = "not_in_scope"
ATTEMPTS = 3
_PAUSE_SECONDS = 2.0

_EXTRACTIONS_COLUMNS: dict[str, pl.DataType] = {
    "batch_id": pl.String(),
    "logical_table": pl.String(),
    "source_table": pl.String(),
    "rows": pl.Int64(),
    "extracted_at": pl.Datetime("us", "UTC"),
    "isolation": pl.String(),
    "min_active_rowversion": pl.String(),
    "change_tracking_version": pl.Int64(),
    "max_modified_at": pl.Datetime("us"),
}
"""A row for each table of each extraction; the last three are watermarks for a delta: eight bytes as hex,
a version where change tracking is on, the latest modification in the practice's local time."""

_NOT_IN_SCOPE_COLUMNS: dict[str, pl.DataType] = {"table": pl.String(), "rows": pl.Int64()}


@dataclass(frozen=True)
class ExtractedTable:
    """``left_out`` are large objects, streamed later by key, and columns of a type that Arrow lacks."""

    logical: str
    source_table: str
    rows: int
    undeclared_columns: tuple[str, ...]
    left_out: tuple[str, ...]
    max_modified_at: datetime | None


@dataclass(frozen=True)
class Extraction:
    """``extracted_at`` is UTC; ``min_active_rowversion`` was read before the first row, as hex."""

    batch_id: str
    extracted_at: datetime
    isolation: str
    min_active_rowversion: str
    change_tracking_version: int | None
    tables: tuple[ExtractedTable, ...]
    not_in_scope: tuple[NotInScope, ...]


class _SourceChanged(SourceError):
    """Rows were added or removed between counting and reading, without a snapshot to hold them."""

    code = "source_changed"


def extract(
    source: Source,
    profile: Profile,
    warehouse: Warehouse,
    tables: Sequence[str],
    *,
    in_scope: Collection[str] | None = None,
    attempts: int = ATTEMPTS,
    pause_seconds: float = _PAUSE_SECONDS,
) -> Extraction:
    """Replaces ``panda.<logical table>`` for ``tables`` and gives what was read.

    Tables of the database beyond ``in_scope`` (logical names; default: all of the profile) are counted into
    ``panda.not_in_scope``. A deadlock or a lost connection is answered by starting again from the first
    table, ``attempts`` times in all. Raises SourceError, WarehouseError and their kin.
    """
    scope = [profile.table(name) for name in (profile.tables if in_scope is None else in_scope)]
    with warehouse.open() as session:
        for attempt in range(1, attempts + 1):
            try:
                with session.transaction(), source.bulk() as connection:
                    catalog = read_catalog(connection.rows)
                    extraction = _extract_once(connection, catalog, profile, session, tables)
                    outside = count_outside(connection.rows, catalog.outside(scope))
                    connection.execute("COMMIT TRANSACTION", "ending the extraction")
                    extraction = _completed(extraction, outside)
                    _record(session, extraction)
                return extraction
            except (SourceDeadlock, SourceConnectionLost, _SourceChanged):
                if attempt == attempts:
                    raise
                time.sleep(pause_seconds * attempt)
    raise SourceError("the extraction was allowed no attempt; give 'attempts' of 1 or more")
