"""A practice at work over ODBC: the journal says what the database holds."""

from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pyodbc
import pytest

from migration_assets_tests.sandbox.sqlserver_fixtures import Practice, Sandbox, sandbox  # noqa: F401
from migration_sandbox.installation import Installation
from migration_sandbox.practice.days import Days
from migration_sandbox.practice.desk import Desk
from migration_sandbox.practice.events import EVENTS, patient_corrected
from migration_sandbox.practice.front_desk import OPEN_MISTAKES, mistake_made, mistake_mended
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
from migration_sandbox.sqlserver.launch import start


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


def test_an_hour_of_the_office_s_is_fuller_than_one_of_the_night_and_a_run_ends_when_told(
    maple: Practice, journal_file: Path
) -> None:
    def written(begins: datetime.datetime) -> int:
        with (
            Journal(journal_file) as journal,
            Days(lambda: maple.owner(autocommit=False), journal, seed=9) as days,
        ):
            days.run(1, speed=100_000, begins=begins)
        return days.written.total()

    tuesday = datetime.datetime(2026, 12, 1)
    assert written(tuesday.replace(hour=9)) > 5 * written(tuesday.replace(hour=22)) + 10
    today = datetime.date.today()
    assert all(abs(change.time.date() - today).days <= 1 for change in changes(journal_file))

    with Journal(journal_file) as journal, Days(lambda: maple.owner(autocommit=False), journal, 9) as days:
        threading.Timer(0.2, days.stop).start()
        began = time.monotonic()
        days.run(48, begins=tuesday.replace(hour=22))
    assert time.monotonic() - began < 10


def test_one_mistake_of_a_kind_is_open_until_it_is_mended(maple: Practice, days: Days) -> None:
    def mistakes() -> list[int]:
        with maple.owner() as connection:
            return [
                connection.execute(f"SELECT COUNT(*) FROM dbo.{table} WHERE {condition}").fetchval()
                for table, condition in OPEN_MISTAKES.items()
            ]

    with days:
        for _ in range(3):
            days.step(mistake_mended)
        assert mistakes() == [0, 0, 0]
        for _ in range(30):
            days.step(mistake_made)
        assert mistakes() == [1, 1, 1]
        for _ in range(3):
            days.step(mistake_mended)
    assert mistakes() == [0, 0, 0]


def test_each_database_stands_for_a_server_in_its_own_time_zone(sandbox: Sandbox) -> None:  # noqa: F811
    folder = Path(sandbox.server.directory)
    generated = generate(3, 12, exams_per_patient=1.0, planted=0)
    shown = {}
    for zone in ("Asia/Tokyo", "Pacific/Honolulu"):
        name = zone.rpartition("/")[2].lower()
        write_database(generated, folder / f"{name}.duckdb")
        (folder / f"{name}.zone").write_text(zone)
        with sandbox.practice(name).owner() as connection:
            row = connection.execute("SELECT SYSDATETIME(), SYSUTCDATETIME()").fetchone()
        shown[zone] = round((row[0] - row[1]).total_seconds() / 3600)
    assert shown == {"Asia/Tokyo": 9, "Pacific/Honolulu": -10}


def test_an_error_that_is_no_conflict_is_not_swallowed(days: Days) -> None:
    def wrong(desk: Desk, _: Random) -> None:
        desk.insert("Patient", Nonsense=1)

    with days, pytest.raises(pyodbc.Error):
        days.step(wrong)


def test_sigterm_ends_the_command_with_a_whole_journal(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "sandbox", ("maple",), patients=12, planted=0)
    installation.make_databases()
    server = start(
        installation.sql_directory,
        owner_password=installation.secrets()["owner_password"],
        reader_password="",
    )
    journal = tmp_path / "journal.jsonl"
    with server:
        command = [sys.executable, "-m", "migration_sandbox.days", "panda_maple", "--journal", str(journal)]
        command += ["--begins", "2026-12-01T10:00", "--speed", "5000", "--upheavals"]
        environment = {**os.environ, "MIGRATION_DATA": str(tmp_path)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while len(changes(journal)) < 20 and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "appointment booked" in said
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    committed = {line["transaction"] for line in lines if "committed" in line}
    assert {line["transaction"] for line in lines} == committed
