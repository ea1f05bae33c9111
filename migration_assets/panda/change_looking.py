"""One table's part of a poll: by its strategy where its version is trusted, else by comparing all its rows.

A version only says which rows to look at. Whether a row changed is told by its hash, so that looking at rows
twice (an open transaction holds the safe bound back, a modified-at column is asked with an overlap) costs
time and reports nothing. Rows above the bound are read too, and the next poll begins at the bound: a
transaction that commits late is never passed.

Every row that a trusted version shows is known afterwards, so a number of rows that differs from the known
one says that some were deleted; only then are keys compared. T-SQL stands in change_reading.py, the order of
tables and the cursor as a whole in changes.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from migration_assets.panda.catalog import Catalog
from migration_assets.panda.change_cursor import Strategy, TableCursor
from migration_assets.panda.change_reading import (
    ChangeReader,
    Counted,
    Moment,
    since_moment,
    since_rowversion,
    tracked_rows,
)
from migration_assets.panda.change_store import NOTHING, Again, ChangeStore, Merged
from migration_assets.panda.change_strategies import choose, rowversion_columns
from migration_assets.panda.profile import Profile, TableProfile
from migration_assets.panda.reading import Reading, plan_reading
from migration_assets.warehouse import Session

OVERLAP = timedelta(hours=2)
"""How far before its watermark a modified-at column is asked: more than the hour by which local time goes
back in autumn, and than a transaction is open."""
COMPARE_EVERY = timedelta(hours=1)
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Pace:
    """``compare_every``: the interval of tables that are read whole. ``seconds``: when they are used up,
    further tables wait for the next poll, which begins with them. ``most_rows``: a table of which more are to
    be read is left to the drain, which has all the time that it takes. None for no limit."""

    compare_every: timedelta = COMPARE_EVERY
    overlap: timedelta = OVERLAP
    seconds: float | None = None
    most_rows: int | None = None


@dataclass(frozen=True)
class TableChanges:
    """``changed`` and ``deleted`` are counts; the keys are pending in the store. ``compared`` says why all
    rows were compared, where they were; ``skipped`` that the table wasn't read, and why; ``left_to_drain``
    that no poll will read it, for more rows are to be read than a poll takes."""

    table: str
    strategy: Strategy
    changed: int = 0
    deleted: int = 0
    compared: str | None = None
    skipped: str | None = None
    left_to_drain: bool = False


class _TooMany(Exception):
    """More rows are to be read than a poll takes; ``whole``: all of the table, its version doesn't serve."""

    def __init__(self, rows: int, *, whole: bool) -> None:
        super().__init__(f"{rows:,} rows are to be read, more than a poll takes; a drain does")
        self.whole = whole


class _NotTrusted(Exception):
    """A table's version doesn't serve, and all its rows are compared; ``merged`` is what was found before
    that was seen."""

    def __init__(self, reason: str, merged: Merged = NOTHING) -> None:
        super().__init__(reason)
        self.merged = merged


class TableLook:
    """What the looks of one poll share."""

    def __init__(
        self,
        reader: ChangeReader,
        session: Session,
        known: ChangeStore,
        profile: Profile,
        moment: Moment,
        poll: int,
        pace: Pace,
    ) -> None:
        self._reader = reader
        self._session = session
        self._known = known
        self._profile = profile
        self._moment = moment
        self._poll = poll
        self._pace = pace

    def at(
        self, logical: str, position: TableCursor, compare: str | None
    ) -> tuple[TableChanges, TableCursor]:
        """``compare`` is a reason to compare all rows, whatever the strategy. Raises SourceError and its
        kin."""
        try:
            return self._looked(logical, position, compare)
        except _TooMany as many:
            left = TableChanges(logical, position.strategy, skipped=str(many), left_to_drain=True)
            version = None if many.whole else position.version
            return left, position.model_copy(update={"version": version, "polled_at": datetime.now(UTC)})

    def _looked(
        self, logical: str, position: TableCursor, compare: str | None
    ) -> tuple[TableChanges, TableCursor]:
        now, before = datetime.now(UTC), NOTHING
        if compare is None and position.strategy is Strategy.COMPARE:
            due = position.compared_at + self._pace.compare_every
            if position.compared_at <= now < due:
                waits = TableChanges(
                    logical, position.strategy, skipped=f"compared again from {due:%H:%M} UTC on"
                )
                return waits, position.model_copy(update={"polled_at": now})
            compare = "it has no version"
        if compare is None:
            try:
                merged, version = self._by_version(logical, position)
            except _NotTrusted as reason:
                compare, before = str(reason), reason.merged
            else:
                after = position.model_copy(update={"version": version, "polled_at": now})
                return TableChanges(logical, position.strategy, merged.changed, merged.deleted), after
        return self._compare(logical, compare, before, now)

    def _compare(
        self, logical: str, reason: str, before: Merged, now: datetime
    ) -> tuple[TableChanges, TableCursor]:
        """The strategy is chosen anew: what made the comparison necessary may have ended the former one."""
        self._refuse_many(self._known.known(logical), whole=True)
        tracked = self._oldest_versions if self._catalog.change_tracking_on else {}
        choice = choose(self._reader.ask, self._catalog, self._profile, [logical], tracked)[logical]
        after = TableCursor(
            strategy=choice.strategy,
            column=choice.column,
            version=self._version_now(self._profile.table(logical), choice.strategy, choice.column),
            polled_at=now,
            compared_at=now,
        )
        merged = before + self._read(logical, None)
        return TableChanges(logical, choice.strategy, merged.changed, merged.deleted, compared=reason), after

    def _version_now(self, table: TableProfile, strategy: Strategy, column: str | None) -> str | None:
        if strategy is Strategy.CHANGE_TRACKING:
            return None if self._moment.tracking is None else str(self._moment.tracking)
        if strategy is Strategy.ROWVERSION:
            return self._moment.rowversion
        if strategy is Strategy.MODIFIED_AT and column is not None:
            condition = since_moment(column, self._moment.clock)
            return self._modified_until(
                self._reader.count_touched(table, column, condition, moments=True).latest
            )
        return None

    def _modified_until(self, latest: datetime | None) -> str:
        """Stamps ahead of the server's clock aren't trusted; without any the clock is where to begin."""
        return min(latest or self._moment.clock, self._moment.clock).isoformat()

    def _by_version(self, logical: str, position: TableCursor) -> tuple[Merged, str | None]:
        table = self._profile.table(logical)
        if position.version is None:
            raise _NotTrusted("no version of it is trusted")
        if position.strategy is Strategy.CHANGE_TRACKING:
            return self._by_tracking(logical, table, position.version), str(self._moment.tracking)
        assert position.column is not None
        if position.strategy is Strategy.ROWVERSION:
            condition = since_rowversion(position.column, position.version)
            counted = self._reader.count_touched(table, position.column, condition, moments=False)
            version: str | None = self._moment.rowversion
        else:
            condition, counted = self._count_modified(table, position.column, position.version)
            version = self._modified_until(counted.latest)
        self._refuse_many(counted.touched)
        merged = self._read(logical, condition) if counted.touched else NOTHING
        if counted.rows == self._known.known(logical):
            return merged, version
        self._reader.fetch_keys(self._session, table)
        deleted, unknown = self._known.merge_keys(logical, self._poll, self._again(table))
        merged = Merged(merged.changed, deleted)
        # Without a snapshot a row may come between count and keys; the next poll finds it by its rowversion.
        if unknown and (position.strategy is Strategy.MODIFIED_AT or self._moment.snapshot_allowed):
            raise _NotTrusted("it has rows that its version doesn't show", merged)
        return merged, version

    def _count_modified(self, table: TableProfile, column: str, version: str) -> tuple[str, Counted]:
        """After one UPDATE of all rows the overlap would read them all for hours: it is given up then."""
        latest = datetime.fromisoformat(version)
        for since in (_before(latest, self._pace.overlap), latest + _TICK):
            condition = since_moment(column, since)
            counted = self._reader.count_touched(table, column, condition, moments=True)
            if self._pace.most_rows is None or counted.touched <= self._pace.most_rows:
                break
        return condition, counted

    def _by_tracking(self, logical: str, table: TableProfile, since: str) -> Merged:
        self._refuse_forgotten(table, since, self._oldest_versions)
        tracked = self._reader.count_tracked(table, since)
        if not tracked:
            return NOTHING
        self._refuse_many(tracked)
        self._reader.fetch_deleted(self._session, table, since)
        deleted = self._known.merge_deleted(logical, self._poll)
        reading = tracked_rows(self._reading(logical), table, since)
        merged = Merged(self._merge(logical, reading, whole=False).changed, deleted)
        if not self._moment.snapshot_allowed:
            # Its clean-up may have run between the question for the oldest version and the rows.
            self._refuse_forgotten(table, since, self._reader.oldest_versions(), merged)
        return merged

    def _refuse_forgotten(
        self, table: TableProfile, since: str, oldest: Mapping[str, int], merged: Merged = NOTHING
    ) -> None:
        kept = oldest.get(table.source_name.casefold())
        if kept is None or self._moment.tracking is None:
            raise _NotTrusted("change tracking is off, or hidden from the login, since the last poll", merged)
        if kept > int(since):
            raise _NotTrusted(
                "change tracking has forgotten versions since the last poll, or the table was truncated",
                merged,
            )

    def _refuse_many(self, rows: int, *, whole: bool = False) -> None:
        if self._pace.most_rows is not None and rows > self._pace.most_rows:
            raise _TooMany(rows, whole=whole)

    def _read(self, logical: str, condition: str | None) -> Merged:
        reading = replace(self._reading(logical), where=condition)
        return self._merge(logical, reading, whole=condition is None)

    def _merge(self, logical: str, reading: Reading, *, whole: bool) -> Merged:
        table = self._profile.table(logical)
        self._reader.fetch_rows(self._session, reading)
        left_out = unhashed(self._catalog, table)
        return self._known.merge_rows(
            logical,
            table.actual(table.key),
            left_out,
            self._poll,
            whole=whole,
            again=self._again(table),
        )

    def _again(self, table: TableProfile) -> Again | None:
        """Without a snapshot a scan may pass by a row that moves meanwhile: two must miss it."""
        if self._moment.snapshot_allowed:
            return None
        return lambda: self._reader.fetch_keys(self._session, table)

    def _reading(self, logical: str) -> Reading:
        return plan_reading(
            self._catalog.fitting(self._profile, [logical])[logical], self._profile.table(logical)
        )

    @cached_property
    def _catalog(self) -> Catalog:
        return self._reader.catalog()

    @cached_property
    def _oldest_versions(self) -> dict[str, int]:
        return self._reader.oldest_versions()


def _before(moment: datetime, overlap: timedelta) -> datetime:
    """A table may hold nothing but the first day that there is."""
    return moment - overlap if moment - datetime.min > overlap else datetime.min


def unhashed(catalog: Catalog, table: TableProfile) -> list[str]:
    """Columns that change without anything to migrate: a rowversion moves with an UPDATE that sets nothing
    new."""
    found = catalog.find(table)
    return [] if found is None else rowversion_columns(found)
