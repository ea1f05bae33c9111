"""The measuring parts of ``benchmarks.cutover_night``: when troubles come, and what counts as lag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.cutover.judge import lag
from benchmarks.cutover.percentiles import spread
from benchmarks.cutover.troubles import schedule
from migration_sandbox.practice.journal import Change

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def change(table: str, key: int, after: int, **cells: int) -> Change:
    moment = NOON + timedelta(seconds=after)
    return Change(1, moment, "event", table, key, "update", None, cells, moment)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize("destination", ["salesforce", "freshsales"])
def test_a_seed_is_a_schedule_whose_troubles_are_over_before_the_window_is(destination: str) -> None:
    practices = ("maple", "linden", "hawthorn")
    made = schedule(3, practices, destination)
    assert made == schedule(3, practices, destination) != schedule(4, practices, destination)
    assert [each.share for each in made] == sorted(each.share for each in made)
    assert all(each.share > 0 and each.share + each.length < 0.97 for each in made)
    kinds = {each.kind for each in made}
    assert {"kill the daemon", "kill a delta", "source unreachable", "destination unavailable"} <= kinds
    assert ("sessions expired" in kinds) == (destination == "salesforce")


def test_lag_is_from_a_record_s_last_commit_to_its_stamp() -> None:
    written = [
        change("Appointment", 1, 0),
        change("Appointment", 1, 10),
        change("PeriodontalCharting", 7, 20, ExamID=3),
        change("Patient", 2, 30),
        change("Insurance", 4, 40),
    ]
    records = [
        ("Event", "maple:appointment:1", at(25)),
        ("ClinicalExam__c", "maple:exam:3", at(60)),
        ("Contact", "maple:patient:2", at(5)),  # nothing of it showed in the record
        ("Contact", "linden:patient:2", at(900)),
        ("Contact", "maple:provider:9", None),
    ]
    assert lag("maple", written, records) == {"records": 2, "p50": 15.0, "p95": 40.0, "max": 40.0}


def test_percentiles_are_by_nearest_rank() -> None:
    assert spread(range(1, 101)) == {"records": 100, "p50": 50, "p95": 95, "max": 100}
    assert spread([4.0]) == {"records": 1, "p50": 4.0, "p95": 4.0, "max": 4.0}
    assert spread([]) == {}
