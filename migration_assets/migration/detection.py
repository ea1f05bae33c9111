"""Change detection of one practice, from the extraction that it begins with to the refreshed tables.

Joins ``panda.changes`` (what changed), the change store beside the warehouse (which changes wait) and
``refresh`` (bringing panda.duckdb up to them). When to poll is decided by whoever calls.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

import polars as pl

from migration_assets.errors import ConfigurationError, WarehouseTableMissing
from migration_assets.migration.decisions import SourceRefreshed
from migration_assets.migration.platform import Platform
from migration_assets.migration.refresh import PENDING_COLUMNS, Refresh, Restaged
from migration_assets.migration.staging import Verdict, source_tables
from migration_assets.panda.change_cursor import Cursor, load_cursor
from migration_assets.panda.change_looking import Pace
from migration_assets.panda.change_store import CHANGES, ChangeStore
from migration_assets.panda.change_strategies import Choice
from migration_assets.panda.changes import Changes, begin_detection, last_drain, poll, reset_cursor
from migration_assets.panda.connection import Source
from migration_assets.panda.extract import SCHEMA
from migration_assets.panda.profile import Profile
from migration_assets.panda.refresh_log import last_sequence
from migration_assets.panda.rereading import REREAD, Reread, reread
from migration_assets.panda.share import FileShare, look_at_files, paths_in, read_share_files
from migration_assets.panda.storing import storing_streams
from migration_assets.practice import Practice
from migration_assets.warehouse import Session, Warehouse, quoted

CURSOR, POLLS, CHOICES = "cursor", "polls", "choices"
"""Tables of the change store beside what is known: the last cursor, when each look began, the plan."""
_CURSOR_COLUMNS: dict[str, pl.DataType] = {"cursor": pl.String()}
_POLLS_COLUMNS: dict[str, pl.DataType] = {
    "logical_table": pl.String(),
    "poll": pl.Int64(),
    "began_at": pl.Datetime("ms", "UTC"),
}
"""When each look at a table began that found anything, by the poll's number, and the last one that didn't
(``_IDLE``)."""
_IDLE = -1
CHOICES_COLUMNS: dict[str, pl.DataType] = {
    "table": pl.String(),
    "strategy": pl.String(),
    "column": pl.String(),
    "reason": pl.String(),
    "deletions": pl.String(),
    "reads_whole": pl.Boolean(),
    "rows": pl.Int64(),
}
"""The plan of change detection, a row a table; ``rows`` is how many each look at a table reads that is read
whole."""
_QUERY_TIMEOUT_SECONDS: Final = 10
_MOST_ROWS: Final = 200_000
"""Of a table that a poll reads; beyond it a drain does, in a run of its own."""
_STORE_TIMEOUT_SECONDS: Final = 2.0
"""How long a poll waits for the store: a refresh that holds it is at work on its changes."""


@dataclass(frozen=True)
class Begun:
    """``choices``: CHOICES_COLUMNS."""

    cursor: Cursor
    choices: pl.DataFrame


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did. ``changed`` and ``deleted`` are source rows by logical table, ``restaged`` what
    staging said of each object, ``units`` the patients (and rows of nobody's) that it took anew; nothing of
    it where nothing waited. ``found_by_drain``: changes that only the comparison of everything showed."""

    sequence: int
    changed: Mapping[str, int]
    deleted: Mapping[str, int]
    units: int
    verdicts: tuple[Verdict, ...]
    rows_read: int
    seconds: float
    found_by_drain: int = 0

    @property
    def rows(self) -> int:
        return sum(self.changed.values()) + sum(self.deleted.values())


@dataclass(frozen=True)
class Detection:
    """Of the practice with this key; every method reads its file anew."""

    platform: Platform
    practice_key: str

    def begin(self) -> Begun:
        """Takes the last extraction as what is known and chooses each table's strategy.

        Raises WarehouseTableMissing before any extraction, SourceError and its kin.
        """
        practice = self._practice
        store = self.platform.change_store(practice.key)
        cursor, choices = begin_detection(
            Source(self.platform.source(practice)),
            self._profile,
            self.platform.panda_warehouse(practice.key),
            store,
            source_tables(),
        )
        with store.open() as session:
            shown = _shown(session, choices)
            session.replace_table(CHANGES, CHOICES, shown)
            begun = {each.table: 0 for each in choices}
            session.replace_table(CHANGES, POLLS, _looks(begun, datetime.now(UTC)))
            _keep_cursor(session, cursor)
        return Begun(cursor, shown)

    def begun(self) -> Cursor | None:
        """Where the last look ended, by whomever; None where detection never began."""
        with suppress(WarehouseTableMissing), self._store(_STORE_TIMEOUT_SECONDS).open(True) as session:
            return load_cursor(session.read(CHANGES, CURSOR).item())
        return None

    def choices(self) -> pl.DataFrame:
        """CHOICES_COLUMNS, as they were chosen at the beginning; raises WarehouseTableMissing before it."""
        with self._store(_STORE_TIMEOUT_SECONDS).open(read_only=True) as session:
            return session.read(CHANGES, CHOICES)

    def poll(self, cursor: Cursor, *, seconds: float, login_timeout_seconds: int = 3) -> Changes:
        """Looks at every table by its strategy, for about so long; what was found waits in the store.

        Raises SourceError, WarehouseError and their kin; an older cursor finds the same again.
        """
        practice = self._practice
        given = self.platform.source(practice)
        times = {"login_timeout_seconds": login_timeout_seconds}
        times["query_timeout_seconds"] = min(_QUERY_TIMEOUT_SECONDS, max(1, int(seconds)))
        pace = Pace(seconds=seconds, most_rows=_MOST_ROWS)
        if practice.cutover is not None:
            pace = replace(pace, compare_every=timedelta(minutes=practice.cutover.compare_minutes))
        began = datetime.now(UTC)
        store = self._store(_STORE_TIMEOUT_SECONDS)
        changes = poll(Source(given.model_copy(update=times)), self._profile, cursor, store, pace)
        self._remember(store, changes, began)
        return changes

    def reset(self) -> Cursor:
        """In place of a lost cursor: with it the next poll compares every table."""
        practice = self._practice
        cursor = reset_cursor(
            Source(self.platform.source(practice)), self._profile, self._store(), source_tables()
        )
        with self._store().open() as session:
            _keep_cursor(session, cursor)
        return cursor

    def waiting(self) -> int:
        """Changes in the store that no refresh has taken yet."""
        with suppress(WarehouseTableMissing), self._store(_STORE_TIMEOUT_SECONDS).open(True) as session:
            return int(ChangeStore(session).waiting()["rows"].sum())
        return 0

    def progress(self) -> int:
        """The last refresh's number in panda.duckdb, 0 where there was none since the extraction."""
        panda = self.platform.panda_warehouse(self.practice_key).waiting(_STORE_TIMEOUT_SECONDS)
        with suppress(WarehouseTableMissing), panda.open(read_only=True) as session:
            return last_sequence(session, SCHEMA)
        return 0

    def drain(self) -> Changes:
        """Compares keys and hashes of every table; raises ConfigurationError where nothing was begun."""
        practice = self._practice
        cursor = self.begun()
        if cursor is None:
            raise ConfigurationError(
                f"practice {practice.key}: change detection hasn't begun; materialise panda/change_detection"
            )
        began = datetime.now(UTC)
        source = Source(self.platform.source(practice))
        changes = last_drain(source, self._profile, cursor, self._store())
        self._remember(self._store(), changes, began)
        return changes

    def refresh(self, run_id: str, *, drain: bool = False) -> Refreshed:
        """Takes what waits into panda.duckdb: raw rows, staged rows, verdicts, log; then acknowledges it.

        With ``drain`` every table is compared first, and every file of the share looked at again. A refresh
        that was cut short changed nothing, or is done again to the same end.
        """
        started = time.monotonic()
        found = self.drain() if drain else None
        upto, pending = self._pending()
        drained = 0 if found is None else found.found
        files = self._share_files() if drain else None
        if pending.is_empty() and (files is None or files.is_empty()):
            return Refreshed(self.progress(), {}, {}, 0, (), 0, time.monotonic() - started, drained)
        practice = self._practice
        with storing_streams(self.platform.panda_warehouse(practice.key)).open() as session:
            source = Source(self.platform.source(practice))
            read = reread(source, self._profile, session, _keys_to_read(pending))
            pending = _gone_since(session, pending, self._profile)
            if files is None:
                files = self._files_of(session, pending)
            batch = f"{read.read_at:%Y%m%dT%H%M%SZ}-refresh-{run_id[:8]}"
            refresh = Refresh(session, practice, self._profile, batch)
            restaged = refresh.take(pending, read.read_at, files)
        with self._store().open() as session:
            ChangeStore(session).acknowledge(upto)
        done = _refreshed(restaged, pending, read, time.monotonic() - started, drained)
        counts = {"units": done.units, **done.changed}
        counts |= {f"deleted {table}": rows for table, rows in done.deleted.items()}
        self.platform.decisions(practice).append(
            SourceRefreshed(run_id=run_id, sequence=done.sequence, drain=drain, counts=counts)
        )
        return done

    @cached_property
    def _practice(self) -> Practice:
        return self.platform.practice(self.practice_key)

    @cached_property
    def _profile(self) -> Profile:
        return self.platform.profile(self._practice)

    def _store(self, timeout: float | None = None) -> Warehouse:
        store = self.platform.change_store(self.practice_key)
        return store if timeout is None else store.waiting(timeout)

    def _remember(self, store: Warehouse, changes: Changes, began: datetime) -> None:
        looked = [each for each in changes.tables if each.skipped is None]
        found = {each.table: changes.poll if each.changed or each.deleted else _IDLE for each in looked}
        with store.open() as session, session.transaction():
            session.put_temporary("looks", _looks(found, began))
            session.execute(
                f"DELETE FROM {CHANGES}.{POLLS} WHERE poll = $1 AND logical_table IN "
                "(SELECT logical_table FROM temp.looks WHERE poll = $1)",
                (_IDLE,),
            )
            session.execute(f"INSERT INTO {CHANGES}.{POLLS} BY NAME FROM temp.looks")
            _keep_cursor(session, changes.cursor)

    def _pending(self) -> tuple[int, pl.DataFrame]:
        """The last poll's number, and PENDING_COLUMNS of everything that waits."""
        with self._store().open() as session:
            known = ChangeStore(session)
            state = known.state()
            if state is None:
                raise ConfigurationError(
                    f"practice {self.practice_key}: change detection hasn't begun; "
                    "materialise panda/change_detection"
                )
            rows = session.sql(
                f"""
                WITH found AS (
                    SELECT p.*, l.began_at AS seen_at FROM {CHANGES}.pending p
                    LEFT JOIN {CHANGES}.{POLLS} l USING (logical_table, poll) WHERE p.poll <= $1
                )
                SELECT logical_table, key, deleted, seen_at,
                       (SELECT max(l.began_at) FROM {CHANGES}.{POLLS} l
                        WHERE l.logical_table = found.logical_table AND l.began_at < found.seen_at) AS since
                FROM found ORDER BY logical_table, key
                """,
                (state.polls,),
            )
        now = pl.lit(datetime.now(UTC))
        shaped = rows.select(pl.col(name).cast(kind) for name, kind in PENDING_COLUMNS.items())
        return state.polls, shaped.with_columns(pl.col("seen_at", "since").fill_null(now))

    def _share_files(self) -> pl.DataFrame:
        """Rows of ``share_files`` that are other ones than the extraction's."""
        practice = self._practice
        with self.platform.panda_warehouse(practice.key).open(read_only=True) as session:
            known = read_share_files(session, SCHEMA)
            paths = paths_in(session, SCHEMA, self._profile, source_tables())
        return _other(known, look_at_files(paths, self._share(practice)))

    def _files_of(self, session: Session, pending: pl.DataFrame) -> pl.DataFrame | None:
        """Of the files that changed rows name, those that are others than they were."""
        read = [table for table in pending["logical_table"].unique() if session.has_table(REREAD, table)]
        paths = paths_in(session, REREAD, self._profile, read)
        if not paths:
            return None
        known = read_share_files(session, SCHEMA)
        return _other(known, look_at_files(paths, self._share(self._practice)))

    def _share(self, practice: Practice) -> FileShare:
        return FileShare(self.platform.source(practice).resolved_file_share())


def _shown(session: Session, choices: Sequence[Choice]) -> pl.DataFrame:
    known = ChangeStore(session)
    rows = [
        {
            "table": each.table,
            "strategy": str(each.strategy),
            "column": each.column,
            "reason": each.reason,
            "deletions": each.deletions,
            "reads_whole": each.reads_whole,
            "rows": known.known(each.table),
        }
        for each in choices
    ]
    return pl.DataFrame(rows, schema=CHOICES_COLUMNS)


def _looks(polls: Mapping[str, int], began: datetime) -> pl.DataFrame:
    rows = [{"logical_table": table, "poll": poll, "began_at": began} for table, poll in polls.items()]
    return pl.DataFrame(rows, schema=_POLLS_COLUMNS)


def _keep_cursor(session: Session, cursor: Cursor) -> None:
    row = pl.DataFrame([{"cursor": cursor.dumped()}], schema=_CURSOR_COLUMNS)
    session.replace_table(CHANGES, CURSOR, row)


def _keys_to_read(pending: pl.DataFrame) -> dict[str, list[str]]:
    there = pending.filter(~pl.col("deleted"))
    return {
        str(table): rows["key"].to_list()
        for (table,), rows in there.partition_by("logical_table", as_dict=True).items()
    }


def _gone_since(session: Session, pending: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """Rows that changed when they were polled and are gone now count as deleted."""
    parts = []
    for (table,), rows in pending.partition_by("logical_table", as_dict=True).items():
        found = pl.Series("key", [], dtype=pl.String)
        if session.has_table(REREAD, str(table)) and not rows["deleted"].all():
            declared = profile.table(str(table))
            key = quoted(declared.actual(declared.key))
            found = session.sql(f"SELECT CAST({key} AS VARCHAR) AS key FROM {REREAD}.{quoted(str(table))}")[
                "key"
            ]
        parts.append(rows.with_columns(deleted=~pl.col("key").is_in(found.implode())))
    return pl.concat([pl.DataFrame(schema=PENDING_COLUMNS), *parts])


def _other(known: pl.DataFrame, looked: pl.DataFrame) -> pl.DataFrame:
    return looked.join(known, on=looked.columns, how="anti", nulls_equal=True)


def _refreshed(
    restaged: Restaged, pending: pl.DataFrame, read: Reread, seconds: float, drained: int
) -> Refreshed:
    def counts(*, deleted: bool) -> dict[str, int]:
        rows = pending.filter(deleted=deleted)["logical_table"].value_counts(sort=True)
        return dict(rows.iter_rows())

    return Refreshed(
        sequence=restaged.sequence,
        changed=counts(deleted=False),
        deleted=counts(deleted=True),
        units=restaged.units,
        verdicts=restaged.verdicts,
        rows_read=read.rows_read,
        seconds=seconds,
        found_by_drain=drained,
    )
