"""Reads what the cutover's board shows, from where the runs leave it; nothing is connected to or changed.

It may be asked while runs are active: a file that one is writing is waited for briefly, and named as busy
then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import polars as pl
from sqlalchemy import Engine, case, func, select

from migration_assets.errors import WarehouseBusy, WarehouseTableMissing
from migration_assets.migration.board import (
    CONFLICT_COLUMNS,
    CREATED_COLUMNS,
    FOUND_COLUMNS,
    BoardFacts,
    DrainedFacts,
    TableFacts,
    intervals_of,
    lag_of,
    latest,
    objects_of,
    phase_of,
    points_of,
    with_lag,
)
from migration_assets.migration.decisions import Decision, RolledBack, closing_of
from migration_assets.migration.delta_records import DeltaRecords
from migration_assets.migration.detection import CHOICES, CURSOR, POLLS
from migration_assets.migration.ledger import Target
from migration_assets.migration.ledger_database import translated
from migration_assets.migration.ledger_queries import is_target
from migration_assets.migration.ledger_tables import CONFLICTS, DELTA_RECORDS, RECORD_EVENTS
from migration_assets.migration.plan import load_mapping
from migration_assets.migration.platform import Platform
from migration_assets.migration.upload_file import UPLOAD
from migration_assets.panda.change_cursor import Cursor, load_cursor
from migration_assets.panda.change_store import CHANGES, ChangeStore
from migration_assets.panda.extract import SCHEMA
from migration_assets.panda.refresh_log import BASE, REFRESHED_ROWS, REFRESHES
from migration_assets.practice import CutoverWindow
from migration_assets.warehouse import Session, Warehouse

_Read = TypeVar("_Read")

LOCK_SECONDS = 3.0
"""How long a file that a run is writing is waited for."""
_FLOWED = f"""
SELECT logical_table, deleted, time_bucket(INTERVAL 1 minute, seen_at) AS at, count(*) AS rows
FROM {SCHEMA}.{REFRESHED_ROWS} WHERE $1 IS NULL OR seen_at >= $1 GROUP BY ALL
"""
_OLDEST_WAITING = f"""
SELECT min(looks.began_at) AS since FROM {CHANGES}.pending AS waiting
JOIN {CHANGES}.{POLLS} AS looks USING (logical_table, poll)
"""


def read_board(
    platform: Platform, target: Target, now: datetime, drained: DrainedFacts | None = None
) -> BoardFacts:
    """The board at this moment; counts and lags are of the window if it has begun, and of what was sent since
    the last rollback. ``drained`` is what the last reading of both sides said.

    Raises ConfigurationError for a practice's file that can't be read, LedgerError and its kin.
    """
    practice = platform.practice(target.practice)
    decisions = platform.decisions(practice).entries()
    since = _since(practice.cutover, decisions, target, now)
    engine = platform.ledger_engine(practice.key)
    records = DeltaRecords(engine, target).read(since)
    reading = _Reading(platform, target, [])
    store, log = reading.changes(), reading.refreshes(since)
    tables, sent = _tables(store, log), reading.sent(log.base)
    closed = closing_of(practice.cutover, decisions, target)
    window = practice.cutover
    begins, ends = (None, None) if window is None or now < window.begins else (window.begins, now)
    intervals, minutes = intervals_of(log.found, records, begins, ends)
    return BoardFacts(
        target=target,
        practice_name=practice.name,
        time_zone=practice.time_zone.key,
        made_at=now,
        window=window,
        phase=phase_of(window, now, closed=closed is not None),
        closed_by=None if closed is None else closed.decided_by,
        closed_at=None if closed is None else closed.at,
        last_poll=latest(each.polled_at for each in tables),
        last_refresh=log.last,
        last_delta=latest([records["at"].max()]),  # type: ignore[list-item]
        refreshed=log.sequence,
        sent=sent,
        waiting_since=store.waiting_since,
        unsent_since=log.first_after(sent),
        drained=drained,
        tables=tables,
        objects=objects_of(
            records,
            _conflicts(engine, target),
            _created(engine, target, since),
            [each.name for each in load_mapping(target.destination).objects],
        ),
        lag=lag_of(with_lag(records)),
        points=points_of(records),
        intervals=intervals,
        interval_minutes=minutes,
        busy=tuple(reading.busy),
    )


@dataclass(frozen=True)
class _Store:
    """Of the change store: rows waiting by table, None where it was busy."""

    cursor: Cursor | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    waiting: Mapping[str, int] | None = field(default_factory=dict)
    waiting_since: datetime | None = None


@dataclass(frozen=True)
class _Log:
    """Of panda.duckdb. ``refreshes``: sequence, refreshed_at; ``rows``: logical_table, deleted, at, rows."""

    base: str | None
    refreshes: pl.DataFrame
    rows: pl.DataFrame

    @property
    def sequence(self) -> int | None:
        return None if self.refreshes.is_empty() else int(self.refreshes["sequence"][-1])

    @property
    def last(self) -> datetime | None:
        return None if self.refreshes.is_empty() else self.refreshes["refreshed_at"][-1]

    def first_after(self, sent: int | None) -> datetime | None:
        later = self.refreshes.filter(pl.col("sequence") > (sent or 0))
        return None if later.is_empty() else later["refreshed_at"][0]

    def counted(self, table: str, *, deleted: bool) -> int:
        return int(self.rows.filter(logical_table=table, deleted=deleted)["rows"].sum())

    @property
    def found(self) -> pl.DataFrame:
        """FOUND_COLUMNS."""
        return self.rows.select(pl.col(name).cast(kind) for name, kind in FOUND_COLUMNS.items())


_LOG_ROWS: dict[str, pl.DataType] = {
    "logical_table": pl.String(),
    "deleted": pl.Boolean(),
    "at": pl.Datetime("us", "UTC"),
    "rows": pl.Int64(),
}
_NO_LOG = _Log(
    None,
    pl.DataFrame(schema={"sequence": pl.Int64(), "refreshed_at": pl.Datetime("ms", "UTC")}),
    pl.DataFrame(schema=_LOG_ROWS),
)


@dataclass(frozen=True)
class _Reading:
    """``busy`` gathers the names of files that weren't to be had."""

    platform: Platform
    target: Target
    busy: list[str]

    def changes(self) -> _Store:
        store = self.platform.change_store(self.target.practice)
        return self._brief("changes", store, _read_store, _Store(), _Store(waiting=None))

    def refreshes(self, since: datetime | None) -> _Log:
        panda = self.platform.panda_warehouse(self.target.practice)
        return self._brief("panda", panda, lambda session: _read_log(session, since), _NO_LOG, _NO_LOG)

    def sent(self, base: str | None) -> int | None:
        """The last refresh that is in the payload; None where that is of another extraction."""
        upload = self.platform.upload_warehouse(self.target)
        found = self._brief("upload", upload, _read_build, None, None)
        return found[1] if found is not None and found[0] == base else None

    def _brief(
        self, name: str, warehouse: Warehouse, read: Callable[[Session], _Read], missing: _Read, busy: _Read
    ) -> _Read:
        try:
            with warehouse.waiting(LOCK_SECONDS).open(read_only=True) as session:
                return read(session)
        except WarehouseTableMissing:
            return missing
        except WarehouseBusy:
            self.busy.append(name)
            return busy


def _read_store(session: Session) -> _Store:
    choices = session.read(CHANGES, CHOICES, ["table", "reason"])
    waiting = ChangeStore(session).waiting().group_by("logical_table").agg(pl.col("rows").sum())
    return _Store(
        cursor=load_cursor(session.read(CHANGES, CURSOR).item()),
        reasons=dict(choices.iter_rows()),
        waiting=dict(waiting.iter_rows()),
        waiting_since=session.sql(_OLDEST_WAITING).item(),
    )


def _read_log(session: Session, since: datetime | None) -> _Log:
    base = session.read(SCHEMA, BASE)
    refreshes = session.read(SCHEMA, REFRESHES, ["sequence", "refreshed_at"]).sort("sequence")
    rows = session.sql(_FLOWED, (since,)).select(pl.col(name).cast(kind) for name, kind in _LOG_ROWS.items())
    return _Log(None if base.is_empty() else str(base.item()), refreshes, rows)


def _read_build(session: Session) -> tuple[str | None, int | None]:
    build = session.read(UPLOAD, "build", ["base", "sequence"])
    return (None, None) if build.is_empty() else build.row(0)


def _tables(store: _Store, log: _Log) -> tuple[TableFacts, ...]:
    """In the order of the cursor; then tables that a refresh took and nothing looks for any more."""
    positions = {} if store.cursor is None else store.cursor.tables
    taken = log.rows["logical_table"].unique().sort().to_list()
    facts = []
    for table in dict.fromkeys([*positions, *taken]):
        position = positions.get(table)
        facts.append(
            TableFacts(
                table=table,
                strategy=None if position is None else str(position.strategy),
                reason=store.reasons.get(table),
                version=None if position is None else position.version,
                polled_at=None if position is None else position.polled_at,
                compared_at=None if position is None else position.compared_at,
                changed=log.counted(table, deleted=False),
                deleted=log.counted(table, deleted=True),
                waiting=None if store.waiting is None else store.waiting.get(table, 0),
            )
        )
    return tuple(facts)


def _since(
    window: CutoverWindow | None, decisions: Sequence[Decision], target: Target, now: datetime
) -> datetime | None:
    begun = window.begins if window is not None and window.begins <= now else None
    taken_back = (each.at for each in decisions if isinstance(each, RolledBack) and each.is_of(target))
    return latest([begun, *taken_back])


def _conflicts(engine: Engine, target: Target) -> pl.DataFrame:
    """CONFLICT_COLUMNS by the last event of each field; no value is read."""
    columns = CONFLICTS.c
    last = (
        select(func.max(columns.sequence))
        .where(is_target(CONFLICTS, target))
        .group_by(columns.object, columns.key, columns.field)
    )
    waits = case((columns.resolution == "open", 1), else_=0)
    query = (
        select(columns.object, func.sum(waits), func.count() - func.sum(waits))
        .where(columns.sequence.in_(last))
        .group_by(columns.object)
    )
    with translated(str(target)), engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(rows, schema=CONFLICT_COLUMNS, orient="row")


def _created(engine: Engine, target: Target, since: datetime | None) -> pl.DataFrame:
    """CREATED_COLUMNS: records that the deltas' runs made, for all that the destination said."""
    events, deltas = RECORD_EVENTS.c, DELTA_RECORDS.c
    runs = select(deltas.run_id.distinct()).where(is_target(DELTA_RECORDS, target))
    if since is not None:
        runs = runs.where(deltas.at >= since)
    query = (
        select(events.object, func.count(events.key.distinct()))
        .where(is_target(RECORD_EVENTS, target), events.created.is_(True), events.run_id.in_(runs))
        .group_by(events.object)
    )
    with translated(str(target)), engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(rows, schema=CREATED_COLUMNS, orient="row")
