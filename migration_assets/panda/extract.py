"""From the practice's SQL Server into its warehouse: whole tables, verbatim, all of one moment.

One connection and, where the database allows it, one snapshot for all tables; one warehouse transaction,
so that a failed extraction leaves the former tables as they were. Large objects and files stay where they
are, with their size and MD5 here. What a value means is not known here.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl

from migration_assets.panda.catalog import Catalog, NotInScope, count_outside, read_catalog
from migration_assets.panda.connection import BulkConnection, Query, Source
from migration_assets.panda.profile import Profile
from migration_assets.panda.reading import Reading, measure, plan_reading
from migration_assets.panda.refresh_log import begin_log
from migration_assets.panda.retrying import ATTEMPTS, PAUSE_SECONDS, SourceChanged, read_again
from migration_assets.panda.share import SHARE_FILES, FileShare, look_at_files, paths_in
from migration_assets.panda.storing import store, storing_streams
from migration_assets.warehouse import Session, Warehouse

SCHEMA = "panda"
EXTRACTIONS = "extractions"
NOT_IN_SCOPE = "not_in_scope"

_EXTRACTIONS_COLUMNS: dict[str, pl.DataType] = {
    "batch_id": pl.String(),
    "logical_table": pl.String(),
    "source_table": pl.String(),
    "rows": pl.Int64(),
    "extracted_at": pl.Datetime("ms", "UTC"),
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
    """``extracted_at`` is UTC; ``min_active_rowversion`` was read before the first row, as hex.

    ``share_files``: how many paths lead to a file that was read (``read``), and how many have which problem.
    """

    batch_id: str
    extracted_at: datetime
    isolation: str
    min_active_rowversion: str
    change_tracking_version: int | None
    tables: tuple[ExtractedTable, ...]
    not_in_scope: tuple[NotInScope, ...]
    share_files: Mapping[str, int]


def extract(
    source: Source,
    profile: Profile,
    warehouse: Warehouse,
    tables: Sequence[str],
    *,
    in_scope: Collection[str] | None = None,
    attempts: int = ATTEMPTS,
    pause_seconds: float = PAUSE_SECONDS,
) -> Extraction:
    """Replaces ``panda.<logical table>`` for ``tables`` and ``panda.share_files``; gives what was read.

    Tables of the database beyond ``in_scope`` (logical names; default: all of the profile) are counted into
    ``panda.not_in_scope``. A deadlock or a lost connection is answered by starting again from the first
    table, ``attempts`` times in all. Raises SourceError, WarehouseError and their kin, and ConfigurationError
    where a folder of the practice's file share isn't there.
    """
    scope = profile.tables if in_scope is None else in_scope
    with_files = any(profile.table(logical).file_paths for logical in tables)
    share = FileShare(source.settings.resolved_file_share() if with_files else {})
    with storing_streams(warehouse).open() as session:

        def read() -> Extraction:
            with session.transaction():
                with source.bulk() as connection:
                    extraction = _extract_once(connection, profile, session, tables, scope)
                # The snapshot is over: the practice's server needn't hold it while files are read.
                return replace(extraction, share_files=_look_at_share(session, profile, tables, share))

        return read_again(read, attempts, pause_seconds)


def _extract_once(
    connection: BulkConnection,
    profile: Profile,
    session: Session,
    tables: Sequence[str],
    in_scope: Collection[str],
) -> Extraction:
    query = connection.rows
    catalog = read_catalog(query)
    found = catalog.fitting(profile, tables)
    watermark = _watermark(query, catalog)
    isolation = "SNAPSHOT" if catalog.snapshot_allowed else "READ COMMITTED"
    connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
    connection.execute("BEGIN TRANSACTION")
    extracted_at = datetime.now(UTC)
    extraction = Extraction(
        batch_id=f"{extracted_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        extracted_at=extracted_at,
        isolation=isolation,
        min_active_rowversion=watermark.rowversion,
        change_tracking_version=watermark.change_tracking_version,
        tables=tuple(
            _read_table(connection, session, logical, plan_reading(table, profile.table(logical)))
            for logical, table in found.items()
        ),
        not_in_scope=count_outside(query, catalog.outside(profile.table(name) for name in in_scope)),
        share_files={},
    )
    connection.execute("COMMIT TRANSACTION", "ending the extraction")
    _record(session, extraction)
    return extraction


@dataclass(frozen=True)
class _Watermark:
    rowversion: str
    change_tracking_version: int | None


def _watermark(query: Query, catalog: Catalog) -> _Watermark:
    """Read before the snapshot begins: both ignore isolation and could pass rows that it doesn't show."""
    rowversion = query("SELECT MIN_ACTIVE_ROWVERSION() AS v")[0][0]
    version = None
    if catalog.change_tracking_on:
        version = query("SELECT CHANGE_TRACKING_CURRENT_VERSION() AS v")[0][0]
    return _Watermark(bytes(rowversion).hex(), version)


def _read_table(
    connection: BulkConnection, session: Session, logical: str, reading: Reading
) -> ExtractedTable:
    doing = f"reading {reading.table.source_name}"
    measures = measure(connection.rows, reading)
    batches = connection.batches(
        reading.query,
        doing=doing,
        max_text_size=measures.max_text_size,
        max_binary_size=measures.max_binary_size,
        max_bytes_per_batch=measures.max_bytes_per_batch,
        batch_rows=reading.batch_rows,
    )
    rows = store(session, SCHEMA, logical, batches)
    if rows != measures.rows:
        raise SourceChanged(
            f"{doing}: {measures.rows} rows were counted and {rows} read; allow snapshot isolation in the "
            "database (ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON), or read at a quieter time"
        )
    return ExtractedTable(
        logical=logical,
        source_table=reading.table.source_name,
        rows=rows,
        undeclared_columns=reading.undeclared,
        left_out=reading.left_out,
        max_modified_at=measures.max_modified_at,
    )


def _look_at_share(
    session: Session, profile: Profile, tables: Sequence[str], share: FileShare
) -> dict[str, int]:
    files = look_at_files(paths_in(session, SCHEMA, profile, tables), share)
    session.replace_table(SCHEMA, SHARE_FILES, files)
    return dict(files["problem"].fill_null("read").value_counts(sort=True).iter_rows())


def _record(session: Session, extraction: Extraction) -> None:
    extracted = [
        (
            extraction.batch_id,
            table.logical,
            table.source_table,
            table.rows,
            extraction.extracted_at,
            extraction.isolation,
            extraction.min_active_rowversion,
            extraction.change_tracking_version,
            table.max_modified_at,
        )
        for table in extraction.tables
    ]
    begin_log(session, SCHEMA, extraction.batch_id)
    outside = [(each.table, each.rows) for each in extraction.not_in_scope]
    session.append(SCHEMA, EXTRACTIONS, pl.DataFrame(extracted, _EXTRACTIONS_COLUMNS, orient="row"))
    session.replace_table(SCHEMA, NOT_IN_SCOPE, pl.DataFrame(outside, _NOT_IN_SCOPE_COLUMNS, orient="row"))
