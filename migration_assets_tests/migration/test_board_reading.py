"""The board of a practice whose change store, tables, upload's file and ledger are real files."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import insert

from migration_assets.destinations.kind import destination_kind
from migration_assets.migration import board_reading
from migration_assets.migration.board import BoardFacts, TableFacts
from migration_assets.migration.board_reading import read_board
from migration_assets.migration.decisions import RolledBack, WindowClosed
from migration_assets.migration.delta_records import RECORD_COLUMNS, DeltaRecords
from migration_assets.migration.detection import CHOICES_COLUMNS
from migration_assets.migration.ledger import Target
from migration_assets.migration.ledger_tables import CONFLICTS
from migration_assets.migration.platform import Platform
from migration_assets.migration.upload_file import BUILD_COLUMNS
from migration_assets.panda.change_cursor import Cursor, ServerIdentity, Strategy, TableCursor
from migration_assets.panda.change_store import CHANGES, ChangeStore
from migration_assets.panda.refresh_log import LOG_COLUMNS, REFRESHED_ROWS, REFRESHES, begin_log

FILE = """\
practice: maple
name: Maple & Sons
time_zone: America/New_York
encryption_key: {{env: BOARD_KEY}}
cutover: {{begins: {begins}, ends: {ends}}}
source: {{server: s, database: d, username: u, password: {{env: BOARD_KEY}}}}
destinations: {{}}
"""
TARGET = Target("maple", "salesforce", "live")
NOW = datetime.now(UTC).replace(microsecond=0)
BEGINS = NOW - timedelta(hours=5)


@dataclass(frozen=True)
class Night:
    """A practice in its cutover: a refresh that was sent, one that wasn't, and a change that waits."""

    platform: Platform

    def board(self, now: datetime = NOW) -> BoardFacts:
        return read_board(self.platform, TARGET, now)

    def set_window(self, begins: datetime) -> None:
        written = FILE.format(begins=begins.isoformat(), ends=(begins + timedelta(hours=48)).isoformat())
        (self.platform.practices / "maple.yaml").write_text(written, encoding="utf-8")

    def note(self, entry: RolledBack | WindowClosed) -> None:
        self.platform.decisions(self.platform.practice("maple")).append(entry)

    def add_records(self, rows: pl.DataFrame, run_id: str) -> None:
        DeltaRecords(self.platform.ledger_engine("maple"), TARGET).add(rows, run_id)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    monkeypatch.setenv("BOARD_KEY", "k" * 64)
    monkeypatch.setattr(board_reading, "LOCK_SECONDS", 0.0)
    practices = tmp_path / "practices"
    practices.mkdir()
    night = Night(Platform(tmp_path, practices, {"salesforce": destination_kind("salesforce")}))
    night.set_window(BEGINS)
    return night


def put_tables(platform: Platform) -> None:
    """The tables that polls, refreshes and a delta's build leave."""
    asked = {"polled_at": NOW, "compared_at": BEGINS}
    cursor = Cursor(
        server=ServerIdentity(server="s", database="d", created="2020"),
        rowversion="00ff",
        change_tracking=None,
        clock=NOW.replace(tzinfo=None),
        store="store",
        polls=7,
        tables={
            "Patient": TableCursor(strategy=Strategy.ROWVERSION, column="RowVer", version="00ff", **asked),
            "Document": TableCursor(strategy=Strategy.COMPARE, **asked),
        },
    )
    choices = [{"table": "Patient", "strategy": "rowversion", "reason": "it has one", "reads_whole": False}]
    looks = [("Patient", 3, BEGINS), ("Patient", 6, NOW - timedelta(minutes=20)), ("Patient", -1, NOW)]
    with platform.change_store("maple").open() as session:
        ChangeStore(session).begin()
        session.execute(
            "INSERT INTO changes.pending VALUES ('Patient', '1', true, 6), ('Patient', '2', false, 7)"
        )
        session.replace_table(CHANGES, "cursor", pl.DataFrame({"cursor": [cursor.dumped()]}))
        session.replace_table(CHANGES, "choices", pl.DataFrame(choices, schema=CHOICES_COLUMNS))
        polls = {"logical_table": pl.String(), "poll": pl.Int64(), "began_at": pl.Datetime("ms", "UTC")}
        session.replace_table(CHANGES, "polls", pl.DataFrame(looks, schema=polls, orient="row"))
    refreshes = [(1, "b1", BEGINS + timedelta(hours=1)), (2, "b2", NOW - timedelta(minutes=30))]
    rows: list[tuple[Any, ...]] = [
        (1, "Patient", "1", False, BEGINS, "modified_at", BEGINS + timedelta(minutes=59)),
        (1, "Patient", "2", True, BEGINS, "poll", BEGINS + timedelta(minutes=59)),
        (2, "Letter", "3", False, BEGINS, "poll", NOW - timedelta(minutes=31)),
        (1, "Patient", "9", False, BEGINS, "poll", BEGINS - timedelta(days=1)),
    ]
    with platform.panda_warehouse("maple").open() as session:
        begin_log(session, "panda", "base")
        for name, kept in ((REFRESHES, refreshes), (REFRESHED_ROWS, rows)):
            session.append("panda", name, pl.DataFrame(kept, schema=LOG_COLUMNS[name], orient="row"))
    with platform.upload_warehouse(TARGET).open() as session:
        build = [{"plan_hash": "p", "scope": "delta", "base": "base", "sequence": 1}]
        session.replace_table("upload", "build", pl.DataFrame(build, schema=BUILD_COLUMNS))


def sent(key: str, lag: float) -> pl.DataFrame:
    found = BEGINS + timedelta(seconds=lag)
    row = ("Contact", key, BEGINS, "modified_at", BEGINS, "loaded", found)
    return pl.DataFrame([row], schema=RECORD_COLUMNS, orient="row")


def conflict(key: str, event: str, resolution: str) -> dict[str, Any]:
    known = {"object": "Contact", "key": key, "field": "Phone", "run_id": "r", "policy": "list", "at": NOW}
    return {**TARGET.columns(), **known, "sealed": b"", "event": event, "resolution": resolution}


def test_before_anything_began_the_board_says_so(night: Night) -> None:
    facts = night.board(BEGINS - timedelta(hours=1))

    assert (facts.phase, facts.tables, facts.objects, facts.busy) == ("before", (), (), ())
    assert (facts.last_poll, facts.refreshed, facts.sent, facts.waiting) == (None, None, None, 0)


def test_the_board_shows_how_far_each_side_is(night: Night) -> None:
    put_tables(night.platform)
    night.add_records(sent("maple:patient:1", 90.0), "run-1")
    events = [
        ("a", "found", "open"),
        ("a", "decided", "source"),
        ("b", "found", "open"),
        ("c", "found", "crm"),
    ]
    with night.platform.ledger_engine("maple").begin() as connection:
        connection.execute(insert(CONFLICTS), [conflict(*each) for each in events])

    facts = night.board()

    patient, document, letter = facts.tables
    assert patient == TableFacts("Patient", "rowversion", "it has one", "00ff", NOW, BEGINS, 1, 1, 2)
    assert (document.strategy, document.version, document.waiting) == ("compare", None, 0)
    assert (letter.table, letter.strategy, letter.changed) == ("Letter", None, 1)
    assert (facts.phase, facts.refreshed, facts.sent, facts.waiting) == ("open", 2, 1, 2)
    assert (facts.waiting_since, facts.unsent_since) == (
        NOW - timedelta(minutes=20),
        NOW - timedelta(minutes=30),
    )
    (contact,) = facts.objects
    assert (contact.sent, contact.lag.p50) == (1, 90.0)
    assert (contact.conflicts_open, contact.conflicts_decided) == (1, 2)
    assert sum(each.found for each in facts.intervals) == 3


def test_files_that_runs_are_writing_are_busy_and_no_error(night: Night) -> None:
    put_tables(night.platform)
    platform = night.platform
    written = (
        platform.change_store("maple"),
        platform.panda_warehouse("maple"),
        platform.upload_warehouse(TARGET),
    )
    with ExitStack() as runs:
        for each in written:
            runs.enter_context(each.open())
        facts = night.board()

    assert facts.busy == ("changes", "panda", "upload")
    assert (facts.refreshed, facts.sent, facts.phase) == (None, None, "open")
    assert night.board().busy == ()


def test_a_payload_of_another_extraction_has_no_refresh_in_it(night: Night) -> None:
    put_tables(night.platform)
    with night.platform.panda_warehouse("maple").open() as session:
        session.execute("UPDATE panda.base SET batch_id = 'another'")

    assert night.board().sent is None


def test_what_a_rollback_took_back_is_counted_no_more_and_a_closed_window_names_who_closed_it(
    night: Night,
) -> None:
    night.add_records(sent("maple:patient:1", 90.0), "run-1")
    of_target = {"destination": "salesforce", "environment": "live"}
    assert night.board().total("sent") == 1

    night.note(WindowClosed(**of_target, decided_by="Ada Vale"))
    night.note(RolledBack(**{**of_target, "environment": "rehearsal"}))
    facts = night.board()
    assert (facts.phase, facts.closed_by, facts.total("sent")) == ("closed", "Ada Vale", 1)

    night.note(RolledBack(**of_target))
    assert night.board().total("sent") == 0


def test_a_window_that_was_closed_says_nothing_of_a_later_one(night: Night) -> None:
    night.note(WindowClosed(destination="salesforce", environment="live", decided_by="Ada Vale"))
    assert night.board().phase == "closed"

    night.set_window(NOW + timedelta(hours=1))
    facts = night.board(NOW + timedelta(hours=2))
    assert (facts.phase, facts.closed_by) == ("open", None)
