"""What changed in a practice's database since the last look: the poll, the last drain, their beginning.

``begin_detection`` takes an extraction as the known state; ``poll`` asks each table by its strategy, in one
transaction of the source; ``last_drain`` compares keys and row hashes of every table. What a change means
for a record, and when to poll, is decided elsewhere.

How one table is looked at stands in change_looking.py. Where no version of the cursor can be trusted (a
restored database, another server, another known state) every table is compared as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from migration_assets.errors import WarehouseTableMissing
from migration_assets.panda.change_cursor import Cursor, Strategy, TableCursor
from migration_assets.panda.change_looking import Pace, TableChanges, TableLook, unhashed
from migration_assets.panda.change_reading import Moment, reading_changes
from migration_assets.panda.change_store import NOTHING_KNOWN, ChangeStore, StoreState
from migration_assets.panda.change_strategies import Choice, choose
from migration_assets.panda.connection import Source
from migration_assets.panda.extract import EXTRACTIONS, SCHEMA
from migration_assets.panda.profile import Profile
from migration_assets.panda.retrying import ATTEMPTS, PAUSE_SECONDS, read_again
from migration_assets.panda.storing import storing_streams
from migration_assets.warehouse import Session, Warehouse, quoted

_EXTRACTED = "extracted"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_OUT_OF_TIME = "the time was used up"
_DRAINING = "the last drain compares every table"


@dataclass(frozen=True)
class Changes:
    """What one poll found. ``poll`` is the number to acknowledge once it is refreshed; ``waiting`` counts all
    that is pending in the store, of earlier polls too. ``distrust`` is a sentence where no version was
    trusted."""

    tables: tuple[TableChanges, ...]
    cursor: Cursor
    poll: int
    waiting: int
    queries: int
    rows_read: int
    distrust: str | None

    @property
    def found(self) -> int:
        return sum(table.changed + table.deleted for table in self.tables)

    @property
    def left_to_drain(self) -> tuple[str, ...]:
        """Tables of which more changed than a poll takes: each poll finds them again until a drain."""
        return tuple(table.table for table in self.tables if table.left_to_drain)


def begin_detection(
    source: Source, profile: Profile, extracted: Warehouse, store: Warehouse, tables: Sequence[str]
) -> tuple[Cursor, tuple[Choice, ...]]:
    """Takes the last extraction of ``tables`` (logical names) as what is known, and chooses the strategies.

    Pending changes are forgotten: the extraction has them. Raises WarehouseTableMissing where a table wasn't
    extracted, SourceError and its kin, and SourceError where a table's key isn't unique.
    """
    now = datetime.now(UTC)
    with reading_changes(source) as reader:
        moment = reader.moment()
        catalog = reader.catalog()
        chosen = choose(reader.ask, catalog, profile, tables)
    with storing_streams(store).open() as session, session.attached(extracted, _EXTRACTED):
        watermarks = _watermarks(session, tables)
        known = ChangeStore(session)
        with session.transaction():
            state = known.begin()
            for logical in tables:
                table = profile.table(logical)
                left_out = unhashed(catalog, table)
                place = f"{_EXTRACTED}.{SCHEMA}.{quoted(logical)}"
                known.remember(logical, place, table.actual(table.key), left_out)
    cursor = Cursor(
        server=moment.identity,
        rowversion=max(mark.rowversion for mark in watermarks.values()),
        change_tracking=max(
            (m.tracking for m in watermarks.values() if m.tracking is not None), default=None
        ),
        clock=moment.clock,
        store=state.id,
        polls=state.polls,
        tables={
            logical: TableCursor(
                strategy=choice.strategy,
                column=choice.column,
                version=watermarks[logical].version(choice.strategy, moment.clock),
                polled_at=now,
                compared_at=watermarks[logical].extracted_at,
            )
            for logical, choice in chosen.items()
        },
    )
    return cursor, tuple(chosen.values())


def poll(
    source: Source, profile: Profile, cursor: Cursor, store: Warehouse, pace: Pace | None = None
) -> Changes:
    """Looks at every table of the cursor; nothing of the source is changed.

    The keys found stand in the store before the cursor is given, so a cursor that is lost loses nothing: the
    older one serves. A table without a change costs one small query where it has a version. Raises
    SourceError, WarehouseError and their kin; what was found until then is kept.
    """
    return _look(source, profile, cursor, store, pace or Pace(), drain=False)


def last_drain(
    source: Source,
    profile: Profile,
    cursor: Cursor,
    store: Warehouse,
    *,
    attempts: int = ATTEMPTS,
    pause_seconds: float = PAUSE_SECONDS,
) -> Changes:
    """Compares keys and hashes of every table, whatever its strategy; otherwise as ``poll``.

    A deadlock or a lost connection is answered by looking again, ``attempts`` times in all.
    """
    return read_again(
        lambda: _look(source, profile, cursor, store, Pace(), drain=True), attempts, pause_seconds
    )


def reset_cursor(source: Source, profile: Profile, store: Warehouse, tables: Sequence[str]) -> Cursor:
    """A cursor in place of one that was lost, with which the next poll compares every table with the known
    state.

    Raises WarehouseTableMissing where nothing was begun, SourceError and its kin.
    """
    with reading_changes(source) as reader:
        moment = reader.moment()
        chosen = choose(reader.ask, reader.catalog(), profile, tables)
    with store.open(read_only=True) as session:
        state = ChangeStore(session).state()
    if state is None:
        raise WarehouseTableMissing(NOTHING_KNOWN)
    return Cursor(
        server=moment.identity,
        rowversion=moment.rowversion,
        change_tracking=moment.tracking,
        clock=moment.clock,
        store=state.id,
        polls=state.polls,
        tables={
            logical: TableCursor(
                strategy=choice.strategy, column=choice.column, polled_at=_NEVER, compared_at=_NEVER
            )
            for logical, choice in chosen.items()
        },
    )


def _look(
    source: Source, profile: Profile, cursor: Cursor, store: Warehouse, pace: Pace, *, drain: bool
) -> Changes:
    started = time.monotonic()
    with reading_changes(source) as reader, storing_streams(store).open() as session:
        moment = reader.moment()
        known = ChangeStore(session)
        distrust = _distrust(cursor, moment, known.state())
        state = known.next_poll()
        look = TableLook(reader, session, known, profile, moment, state.polls, pace)
        why = {name: _reason(each, distrust, moment, cursor) for name, each in cursor.tables.items()}
        # A table that isn't reached now must remember that its version doesn't serve.
        positions = {
            name: each if why[name] is None else each.model_copy(update={"version": None})
            for name, each in cursor.tables.items()
        }
        found = []
        with reader.transaction(snapshot=moment.snapshot_allowed):
            for logical, position in sorted(positions.items(), key=lambda item: item[1].polled_at):
                if pace.seconds is not None and time.monotonic() - started > pace.seconds:
                    found.append(TableChanges(logical, position.strategy, skipped=_OUT_OF_TIME))
                    continue
                reason = _DRAINING if drain else why[logical]
                changes, positions[logical] = look.at(logical, position, reason)
                found.append(changes)
        waiting = int(known.waiting()["rows"].sum())
    return Changes(
        tables=tuple(found),
        cursor=Cursor(
            server=moment.identity,
            rowversion=moment.rowversion,
            change_tracking=moment.tracking,
            clock=moment.clock,
            store=state.id,
            polls=state.polls,
            tables=positions,
        ),
        poll=state.polls,
        waiting=waiting,
        queries=reader.cost.queries,
        rows_read=reader.cost.rows,
        distrust=distrust,
    )


def _reason(position: TableCursor, distrust: str | None, moment: Moment, cursor: Cursor) -> str | None:
    """Why this table's version may not be used; None where it may."""
    if distrust is None and position.strategy is Strategy.MODIFIED_AT and moment.clock < cursor.clock:
        return "the server's clock went back since the last poll"
    return distrust


def _distrust(cursor: Cursor, moment: Moment, state: StoreState | None) -> str | None:
    """Why no version of the cursor may be used; None where they may."""
    if state is None or state.id != cursor.store or state.polls < cursor.polls:
        return "the known state isn't the one that the cursor belongs to"
    if moment.identity != cursor.server:
        return "another server or database answers than before"
    if moment.rowversion < cursor.rowversion:
        return "the database's rowversion went back: it was restored from a backup"
    if (moment.tracking or 0) < (cursor.change_tracking or 0) and moment.tracking is not None:
        return "change tracking's version went back: the database was restored, or tracking begun anew"
    return None


@dataclass(frozen=True)
class _Watermark:
    """Of one table's extraction."""

    rowversion: str
    tracking: int | None
    latest: datetime | None
    extracted_at: datetime

    def version(self, strategy: Strategy, clock: datetime) -> str | None:
        """``clock`` is the server's local time now; what it was at the extraction bounds what is trusted."""
        if strategy is Strategy.CHANGE_TRACKING:
            return None if self.tracking is None else str(self.tracking)
        if strategy is Strategy.ROWVERSION:
            return self.rowversion
        if strategy is Strategy.MODIFIED_AT:
            then = clock - (datetime.now(UTC) - self.extracted_at)
            return min(self.latest or then, then).isoformat()
        return None


def _watermarks(session: Session, tables: Sequence[str]) -> dict[str, _Watermark]:
    rows = session.sql(
        "SELECT logical_table, min_active_rowversion, change_tracking_version, max_modified_at, extracted_at "
        f"FROM {_EXTRACTED}.{SCHEMA}.{EXTRACTIONS} "
        "QUALIFY row_number() OVER (PARTITION BY logical_table ORDER BY extracted_at DESC, batch_id DESC) = 1"
    )
    found = {row[0]: _Watermark(*row[1:]) for row in rows.iter_rows()}
    if missing := [logical for logical in tables if logical not in found]:
        raise WarehouseTableMissing(
            f"no extraction of {', '.join(missing)} to detect changes against; materialise the practice's "
            "source tables first"
        )
    return {logical: found[logical] for logical in tables}
