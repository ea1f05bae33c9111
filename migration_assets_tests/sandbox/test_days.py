"""A practice at work over ODBC: the journal says what the database holds."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pyodbc
import pytest

from migration_assets_tests.sandbox.sqlserver_fixtures import Practice, Sandbox, sandbox  # noqa: F401
from migration_sandbox.practice.days import Days
from migration_sandbox.practice.desk import Desk
from migration_sandbox.practice.events import EVENTS, patient_corrected
from migration_sandbox.practice.generator import generate, write_database
from migration_sandbox.practice.journal import Journal, changes, last_states, state
from migration_sandbox.practice.schema import table_names
from migration_sandbox.practice.upheavals import (
    chart_corrected_unstamped,
    insurance_refilled,
    note_rekeyed,
    patient_corrected_twice,
    staff_updated_at_once,
)


@pytest.fixture(scope="module")
def maple(sandbox: Sandbox) -> Practice:  # noqa: F811
    generated = generate(3, 30, exams_per_patient=2.0, planted=0, tables="all")
    write_database(generated, Path(sandbox.server.directory) / "days.duckdb")
    return sandbox.practice("days")


@pytest.fixture
def journal_file(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def days(maple: Practice, journal_file: Path) -> Iterator[Days]:
    with Journal(journal_file) as journal:
        yield Days(lambda: maple.owner(autocommit=False), journal, seed=5, late=0.2)


def everything(practice: Practice) -> dict[tuple[str, int], Any]:
    """Every row's cells as the journal would hold them."""
    with practice.owner(autocommit=False) as connection:
        desk = Desk(connection, Journal(Path("/dev/null")), {})
        return {
            (table, next(iter(row.values()))): (state(row) or {})["cells"]
            for table in table_names()
            for row in desk.rows(table, "1 = 1")
        }


def test_the_journal_s_last_states_are_the_database_s(
    maple: Practice, days: Days, journal_file: Path
) -> None:
    before = everything(maple)
    with days:
        for event in EVENTS:
            days.step(event)
        for _ in range(40):
            days.step()
        for upheaval in (
            note_rekeyed, staff_updated_at_once, insurance_refilled, patient_corrected_twice,
            chart_corrected_unstamped,
        ):  # fmt: skip
            days.step(upheaval)
    after = everything(maple)
    expected = before | last_states(journal_file)
    assert {place: cells for place, cells in expected.items() if cells is not None} == after
    assert {change.kind for change in changes(journal_file)} == {"insert", "update", "delete"}
    assert set(days.written) >= {event.__name__.replace("_", " ") for event in EVENTS}


def test_a_transaction_counts_once_it_is_committed(maple: Practice, journal_file: Path) -> None:
    with Journal(journal_file) as journal:
        connection = maple.owner(autocommit=False)
        desk = Desk(connection, journal, {})
        desk.begin("late")
        patient_corrected(desk, Random(1))
        transaction = desk.write()
        assert changes(journal_file) == []
        desk.commit(transaction)
    assert [change.kind for change in changes(journal_file)] == ["update"]


def test_a_late_transaction_is_open_while_others_commit(maple: Practice, journal_file: Path) -> None:
    with (
        Journal(journal_file) as journal,
        Days(lambda: maple.owner(autocommit=False), journal, seed=2, late=1.0) as days,
    ):
        for _ in range(30):
            days.step()
    order = [change.transaction for change in changes(journal_file)]
    assert order != sorted(order)


def test_a_run_follows_the_server_s_clock(maple: Practice, journal_file: Path) -> None:
    maple.server.set_clock(datetime.datetime(2026, 6, 1, 14), speed=3600)
    try:
        with (
            Journal(journal_file) as journal,
            Days(lambda: maple.owner(autocommit=False), journal, seed=4) as days,
        ):
            days.run(2, speed=3600, pace=0.5)
    finally:
        maple.server.reset_clock()
    assert days.written.total() > 0
    assert all(change.time.date() == datetime.date(2026, 6, 1) for change in changes(journal_file))


def test_an_error_that_is_no_conflict_is_not_swallowed(days: Days) -> None:
    def wrong(desk: Desk, _: Random) -> None:
        desk.insert("Patient", Nonsense=1)

    with days, pytest.raises(pyodbc.Error):
        days.step(wrong)
