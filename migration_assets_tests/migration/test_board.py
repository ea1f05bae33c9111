"""The cutover's figures from hand-made records: counts, lags, their percentiles, intervals, what is red."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.migration.board import (
    CONFLICT_COLUMNS,
    CREATED_COLUMNS,
    FOUND_COLUMNS,
    BoardFacts,
    DrainedFacts,
    TableFacts,
    intervals_of,
    lag_of,
    objects_of,
    percentile,
    points_of,
    with_lag,
)
from migration_assets.migration.board_alarms import alarms
from migration_assets.migration.delta_records import READ_COLUMNS
from migration_assets.migration.ledger import Target
from migration_assets.practice import CutoverWindow

BEGINS = datetime(2026, 12, 1, 23, tzinfo=UTC)
NOW = BEGINS + timedelta(hours=5)
WINDOW = CutoverWindow(BEGINS, BEGINS + timedelta(hours=48), poll_seconds=60, compare_minutes=60)


def record(
    number: int,
    lag: float | None,
    outcome: str = "loaded",
    *,
    run: int = 1,
    key: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The ``number``-th row, of a run that ended ``run`` minutes after the window began."""
    at = BEGINS + timedelta(minutes=run)
    changed = at - timedelta(hours=1)
    return {
        "sequence": number,
        "run_id": f"run-{run}",
        "object": "Contact",
        "key": key or f"maple:patient:{number}",
        "changed_at": changed,
        "basis": "modified_at",
        "seen_at": changed + timedelta(seconds=30),
        "outcome": outcome,
        "found_at": None if lag is None else changed + timedelta(seconds=lag),
        "at": at,
        **more,
    }


def records(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=READ_COLUMNS)


def conflicts(**counts: tuple[int, int]) -> pl.DataFrame:
    rows = [(name, *each) for name, each in counts.items()]
    return pl.DataFrame(rows, schema=CONFLICT_COLUMNS, orient="row")


def board(**more: Any) -> BoardFacts:
    """An open window in which nothing is wrong."""
    table = TableFacts("Patient", "rowversion", "it has one", "00ff", NOW, BEGINS)
    facts = BoardFacts(
        target=Target("maple", "salesforce", "live"),
        practice_name="Maple & Sons",
        time_zone="America/New_York",
        made_at=NOW,
        window=WINDOW,
        phase="open",
        closed_by=None,
        closed_at=None,
        last_poll=NOW - timedelta(seconds=50),
        last_refresh=NOW - timedelta(minutes=3),
        last_delta=NOW - timedelta(minutes=2),
        refreshed=4,
        sent=4,
        waiting_since=None,
        unsent_since=None,
        drained=None,
        tables=(table,),
        objects=(),
        lag=lag_of(with_lag(records())),
        points=(),
        intervals=(),
        interval_minutes=1,
    )
    return replace(facts, **more)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(1, 100))
def test_a_percentile_is_the_smallest_value_that_covers_its_share(values: list[float], percent: int) -> None:
    found = percentile(sorted(values), percent)

    covering = [
        each for each in values if sum(other <= each for other in values) * 100 >= percent * len(values)
    ]
    assert found == min(covering)


def test_of_nothing_there_is_no_percentile_and_of_one_value_all_are_it() -> None:
    assert percentile([], 50) is None
    assert {percentile([7.0], percent) for percent in (1, 50, 95, 100)} == {7.0}
    assert lag_of(with_lag(records(record(1, None)))).most is None


def test_lags_count_what_was_found_and_say_which_are_bounds_and_which_clocks_differ() -> None:
    rows = [record(number, float(number)) for number in range(1, 21)]
    rows += [
        record(21, -3.0),
        record(22, 500.0, basis="poll"),
        record(23, None),
        record(24, 9.0, changed_at=None),
    ]

    lag = lag_of(with_lag(records(*rows)))

    assert (lag.measured, lag.bounds, lag.ahead) == (22, 1, 1)
    assert (lag.p50, lag.p95, lag.most) == (10.0, 20.0, 500.0)
    assert math.isclose(lag.bounds_share, 1 / 22)


def test_an_objects_line_counts_sendings_and_what_its_records_are_by_their_last_one() -> None:
    mended = "maple:patient:1"
    rows = [
        record(1, None, "failed", key=mended),
        record(2, 5.0, run=2, key=mended),
        record(3, None, run=2),
        record(4, None, "failed", run=2),
        record(5, None, "held_back", run=2),
        record(6, None, "deleted", run=2),
        record(7, None, "retained", run=2, object="Event"),
    ]
    created = pl.DataFrame([("Contact", 1)], schema=CREATED_COLUMNS, orient="row")

    event, contact, case = objects_of(
        records(*rows), conflicts(Contact=(2, 1), Case=(0, 3)), created, ["Event", "Contact"]
    )

    assert (contact.sent, contact.created, contact.updated) == (4, 1, 1)
    assert (contact.failed, contact.failed_now, contact.held_back, contact.held_now) == (2, 1, 1, 1)
    assert (contact.not_found, contact.conflicts_open, contact.conflicts_decided) == (1, 2, 1)
    assert contact.deletions == {"retained": 0, "flagged": 0, "deleted": 1}
    assert (contact.lag.measured, contact.lag.p50) == (1, 5.0)
    assert (event.object, event.sent, event.deletions["retained"]) == ("Event", 0, 1)
    assert (case.object, case.conflicts_decided) == ("Case", 3)


@given(
    st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 500)), min_size=1, max_size=60),
    st.integers(1, 12),
)
def test_points_are_in_order_no_more_than_asked_for_and_hold_every_measured_record(
    given_rows: list[tuple[int, int]], most: int
) -> None:
    rows = records(*(record(number, lag, run=run) for number, (run, lag) in enumerate(given_rows)))

    points = points_of(rows, most)

    runs = len({run for run, _ in given_rows})
    assert len(points) <= most
    assert len(points) == runs or runs > most
    assert [each.at for each in points] == sorted(each.at for each in points)
    assert sum(each.deltas for each in points) == runs
    assert sum(each.lag.measured for each in points) == len(given_rows)
    assert max(each.lag.most or 0 for each in points) == max(lag for _, lag in given_rows)


@pytest.mark.parametrize(("hours", "minutes"), [(0.2, 1), (7, 5), (48, 60)])
def test_intervals_cover_the_window_without_a_gap_and_lose_nothing(hours: float, minutes: int) -> None:
    ends = BEGINS + timedelta(hours=hours)
    seen = [(BEGINS + (ends - BEGINS) * share, count) for share, count in ((0, 1), (0.3, 2), (1, 4))]
    found = pl.DataFrame([*seen, (None, 9)], schema=FOUND_COLUMNS, orient="row")
    rows = records(record(1, 1.0), record(2, None, "failed"), record(3, None, "held_back"))

    intervals, length = intervals_of(found, rows, BEGINS, ends)

    assert length == minutes
    assert {later.begins - each.begins for each, later in pairwise(intervals)} == {timedelta(minutes=minutes)}
    assert intervals[0].begins <= BEGINS < ends < intervals[-1].begins + timedelta(minutes=minutes)
    assert (sum(each.found for each in intervals), sum(each.sent for each in intervals)) == (7, 2)
    assert intervals_of(pl.DataFrame(schema=FOUND_COLUMNS), records(), None, None) == ((), 1)


LONG_AGO = NOW - timedelta(minutes=40)


@pytest.mark.parametrize(
    ("more", "red"),
    [
        ({}, []),
        ({"tables": ()}, ["not-begun"]),
        ({"tables": (), "busy": ("changes",)}, []),
        ({"last_poll": LONG_AGO}, ["no-poll"]),
        ({"last_poll": None, "made_at": BEGINS + timedelta(minutes=1)}, []),
        ({"tables": (TableFacts("Note", "compare", None, None, NOW, BEGINS),)}, ["not-compared"]),
        (
            {"tables": (TableFacts("Note", "rowversion", waiting=3),), "waiting_since": LONG_AGO},
            ["changes-waiting"],
        ),
        ({"tables": (TableFacts("Note", "rowversion", waiting=3),), "waiting_since": NOW}, []),
        ({"unsent_since": LONG_AGO}, ["delta-behind"]),
        ({"phase": "over"}, ["not-drained"]),
        ({"phase": "over", "drained": DrainedFacts(NOW, passed=False, counts={})}, ["not-drained"]),
        ({"phase": "over", "drained": DrainedFacts(NOW, passed=True, counts={})}, ["not-closed"]),
        ({"phase": "closed", "last_poll": LONG_AGO, "unsent_since": LONG_AGO}, []),
        ({"phase": "none", "tables": ()}, []),
    ],
)
def test_what_is_late_or_missing_is_red(more: dict[str, Any], red: list[str]) -> None:
    assert [each.code for each in alarms(board(**more))] == red


def test_records_that_need_somebody_are_red_even_after_the_window_was_closed() -> None:
    rows = records(record(1, None, "failed"), record(2, None, "held_back"), record(3, None))
    lines = objects_of(rows, conflicts(Contact=(2, 0)), pl.DataFrame(schema=CREATED_COLUMNS), [])

    told = alarms(board(phase="closed", objects=lines))

    assert [each.code for each in told] == ["failed-records", "held-back", "not-found", "conflicts"]
    assert told[0].what == "1 record failed and stayed so."
    assert "migration-assets conflicts maple salesforce" in told[3].do
