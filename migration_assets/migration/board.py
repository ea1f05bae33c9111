"""The cutover's figures: what was found in PANDA, what became of it, and how long it took to arrive.

Pure: frames and moments in, facts out. Where they are read from is ``board_reading``'s, what of them asks for
somebody is ``board_alarms``', how they are shown is ``reports``'. Counts, names and moments; no key and no
value of a patient's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import polars as pl

from migration_assets.migration.ledger import Target
from migration_assets.practice import CutoverWindow

SENT: Final = ("loaded", "failed")
"""Outcomes of records for which a request was made."""
DELETIONS: Final = ("retained", "flagged", "deleted")
"""Outcomes of records whose row is gone from PANDA."""
MOST_POINTS = 240
"""Points of a plot; where there were more deltas, those of equal spans of time are taken together."""
MOST_INTERVALS = 96

FOUND_COLUMNS: dict[str, pl.DataType] = {"at": pl.Datetime("us", "UTC"), "rows": pl.Int64()}
"""Changed or deleted rows that refreshes took, by the moment at which a poll saw them."""
CONFLICT_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "open": pl.Int64(),
    "decided": pl.Int64(),
}
CREATED_COLUMNS: dict[str, pl.DataType] = {"object": pl.String(), "created": pl.Int64()}

_INTERVAL_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)

Phase = Literal["none", "before", "open", "over", "closed"]


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds from a change's commit in PANDA to its record found in the destination.

    ``measured`` records have one; of ``bounds`` it is an upper bound, counted from the poll before the one
    that found the change; of ``ahead`` it is negative: the stamp is later than the record was found, so the
    clocks differ. Percentiles are by nearest rank, None where nothing was measured.
    """

    measured: int = 0
    bounds: int = 0
    ahead: int = 0
    p50: float | None = None
    p95: float | None = None
    most: float | None = None

    @property
    def bounds_share(self) -> float:
        return self.bounds / self.measured if self.measured else 0.0


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One source table. ``changed`` and ``deleted`` rows were taken by refreshes; ``waiting`` ones weren't
    yet, None where the change store was busy. Without a position nothing looks for its changes."""

    table: str
    strategy: str | None = None
    reason: str | None = None
    version: str | None = None
    polled_at: datetime | None = None
    compared_at: datetime | None = None
    changed: int = 0
    deleted: int = 0
    waiting: int | None = 0


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """One destination object since the window began.

    ``sent``, ``failed`` and ``held_back`` count sendings, a record each time; ``failed_now``, ``held_now``
    and ``not_found`` are records by their last one, ``not_found`` those that were accepted and not yet read
    back equal to their payload. ``deletions`` are by outcome.
    """

    object: str
    sent: int
    created: int
    updated: int
    failed: int
    held_back: int
    failed_now: int
    held_now: int
    not_found: int
    conflicts_open: int
    conflicts_decided: int
    deletions: Mapping[str, int]
    lag: Lag


@dataclass(frozen=True, slots=True)
class LagPoint:
    """The lag of one delta at its end, or of ``deltas`` that are taken together."""

    at: datetime
    deltas: int
    lag: Lag


@dataclass(frozen=True, slots=True)
class Interval:
    """Rows found changed in PANDA and records sent from ``begins`` on, for an interval's length."""

    begins: datetime
    found: int
    sent: int


@dataclass(frozen=True, slots=True)
class DrainedFacts:
    """The last reading of both sides: whether they agreed, and the counts that say why not."""

    at: datetime
    passed: bool
    counts: Mapping[str, int]


@dataclass(frozen=True)
class BoardFacts:
    """The board. ``refreshed`` is the sequence of the last refresh and ``sent`` that of the last delta, None
    where there is none or its file was busy; ``busy`` names the files that a run was writing.

    ``waiting_since`` is when the oldest change that no refresh has taken was found, ``unsent_since`` when the
    first refresh that no delta has sent was made.
    """

    target: Target
    practice_name: str
    time_zone: str
    made_at: datetime
    window: CutoverWindow | None
    phase: Phase
    closed_by: str | None
    closed_at: datetime | None
    last_poll: datetime | None
    last_refresh: datetime | None
    last_delta: datetime | None
    refreshed: int | None
    sent: int | None
    waiting_since: datetime | None
    unsent_since: datetime | None
    drained: DrainedFacts | None
    tables: tuple[TableFacts, ...]
    objects: tuple[ObjectFacts, ...]
    lag: Lag
    points: tuple[LagPoint, ...]
    intervals: tuple[Interval, ...]
    interval_minutes: int
    busy: tuple[str, ...] = ()

    @property
    def waiting(self) -> int | None:
        """Changes in the store that no refresh has taken; None where it was busy."""
        counts = [each.waiting for each in self.tables]
        return None if None in counts else sum(each for each in counts if each is not None)

    def total(self, name: str) -> int:
        """A count of ObjectFacts over all objects."""
        return sum(int(getattr(each, name)) for each in self.objects)


def percentile(ordered: Sequence[float], percent: int) -> float | None:
    """By nearest rank: the smallest value that at least ``percent`` of 100 values don't exceed. ``ordered``
    is ascending; None of no values."""
    if not ordered:
        return None
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(rank, 1) - 1]


def lag_of(measured: pl.DataFrame) -> Lag:
    """Of rows of ``with_lag``."""
    lags = measured["lag"].sort().to_list()
    return Lag(
        measured=len(lags),
        bounds=int((measured["basis"] == "poll").sum()),
        ahead=sum(each < 0 for each in lags),
        p50=percentile(lags, 50),
        p95=percentile(lags, 95),
        most=lags[-1] if lags else None,
    )


def with_lag(records: pl.DataFrame) -> pl.DataFrame:
    """The records (READ_COLUMNS of delta_records.py) that have one, with ``lag`` in seconds."""
    lag = (pl.col("found_at") - pl.col("changed_at")).dt.total_microseconds() / 1_000_000
    return records.with_columns(lag=lag).drop_nulls("lag")


def objects_of(
    records: pl.DataFrame, conflicts: pl.DataFrame, created: pl.DataFrame, order: Sequence[str]
) -> tuple[ObjectFacts, ...]:
    """A line for each object that a delta reached or that has conflicts, in ``order``, then by name.

    ``records``: READ_COLUMNS of delta_records.py; ``conflicts``: CONFLICT_COLUMNS; ``created``:
    CREATED_COLUMNS, records that the runs among ``records`` made.
    """
    last = records.sort("sequence").unique(["object", "key"], keep="last")
    missing = (pl.col("outcome") == "loaded") & pl.col("found_at").is_null()
    unfound = dict(last.filter(missing).group_by("object").len().iter_rows())
    measured = with_lag(records).partition_by("object", as_dict=True)
    nothing = with_lag(records.clear())
    sendings, states = _by_outcome(records), _by_outcome(last)
    made = dict(created.iter_rows())
    contested = {name: (opened, decided) for name, opened, decided in conflicts.iter_rows()}
    rank = {name: number for number, name in enumerate(order)}
    names = {name for name, _ in sendings} | set(contested)
    facts = []
    for name in sorted(names, key=lambda each: (rank.get(each, len(rank)), each)):
        loaded, new = sendings.get((name, "loaded"), 0), made.get(name, 0)
        opened, decided = contested.get(name, (0, 0))
        facts.append(
            ObjectFacts(
                object=name,
                sent=sum(sendings.get((name, outcome), 0) for outcome in SENT),
                created=new,
                updated=max(loaded - new, 0),
                failed=sendings.get((name, "failed"), 0),
                held_back=sendings.get((name, "held_back"), 0),
                failed_now=states.get((name, "failed"), 0),
                held_now=states.get((name, "held_back"), 0),
                not_found=unfound.get(name, 0),
                conflicts_open=opened,
                conflicts_decided=decided,
                deletions={outcome: sendings.get((name, outcome), 0) for outcome in DELETIONS},
                lag=lag_of(measured.get((name,), nothing)),
            )
        )
    return tuple(facts)


def _by_outcome(rows: pl.DataFrame) -> dict[tuple[str, str], int]:
    counted = rows.group_by("object", "outcome").len().iter_rows()
    return {(name, outcome): count for name, outcome, count in counted}


def points_of(records: pl.DataFrame, most: int = MOST_POINTS) -> tuple[LagPoint, ...]:
    """The lag of each delta that found anything, by time; percentiles are of all records of a point."""
    measured = with_lag(records)
    runs = measured.group_by("run_id").agg(pl.col("at").max().alias("ended")).sort("ended", "run_id")
    if runs.is_empty():
        return ()
    first, last = runs["ended"][0], runs["ended"][-1]
    if runs.height <= most:
        runs = runs.with_row_index("slot")
    else:
        width = (last - first) / most
        place = (pl.col("ended") - first).dt.total_microseconds() // (width / timedelta(microseconds=1))
        runs = runs.with_columns(place.cast(pl.Int64).clip(0, most - 1).alias("slot"))
    pooled = measured.join(runs, on="run_id").partition_by("slot")
    points = (LagPoint(each["ended"].max(), each["run_id"].n_unique(), lag_of(each)) for each in pooled)  # type: ignore[arg-type]
    return tuple(sorted(points, key=lambda each: each.at))


def intervals_of(
    found: pl.DataFrame, records: pl.DataFrame, begins: datetime | None, ends: datetime | None
) -> tuple[tuple[Interval, ...], int]:
    """Intervals without a gap over everything in the frames and from ``begins`` to ``ends`` where given, and
    their length in minutes: the shortest of a few that makes no more than MOST_INTERVALS.

    ``found``: FOUND_COLUMNS; ``records``: READ_COLUMNS of delta_records.py.
    """
    sent = records.filter(pl.col("outcome").is_in(SENT)).select("at", rows=pl.lit(1, pl.Int64))
    found = found.drop_nulls("at")
    moments = [each for each in (begins, ends) if each is not None]
    moments += [*found["at"].to_list(), *records["at"].to_list()]
    if not moments:
        return (), _INTERVAL_MINUTES[0]
    first, last = min(moments), max(moments)
    minutes = next(
        (each for each in _INTERVAL_MINUTES if _slot(last, each) - _slot(first, each) < MOST_INTERVALS),
        _INTERVAL_MINUTES[-1],
    )
    taken = [_summed(each, minutes) for each in (found, sent)]
    slots = range(_slot(first, minutes), _slot(last, minutes) + 1)
    return tuple(
        Interval(datetime.fromtimestamp(slot * minutes * 60, UTC), *(each.get(slot, 0) for each in taken))
        for slot in slots
    ), minutes


def _slot(moment: datetime, minutes: int) -> int:
    return int(moment.timestamp() // (minutes * 60))


def _summed(rows: pl.DataFrame, minutes: int) -> dict[int, int]:
    slot = pl.col("at").dt.epoch("s") // (minutes * 60)
    return dict(rows.group_by(slot.alias("slot")).agg(pl.col("rows").sum()).iter_rows())


def phase_of(window: CutoverWindow | None, now: datetime, *, closed: bool) -> Phase:
    """``none`` where the practice's file has no cutover; a window that was closed is so whatever the time."""
    if closed:
        return "closed"
    return "none" if window is None else window.phase(now)


def latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((each for each in moments if each is not None), default=None)
