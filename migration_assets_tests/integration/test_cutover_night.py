"""A cutover in small: a practice at work over its own login, polled, refreshed and sent while its source goes
away and the org refuses, until both are equal. The whole night is ``benchmarks.cutover_night``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyodbc
import pytest

from migration_assets.errors import DestinationError, SourceError
from migration_assets.migration.delta_records import DeltaRecords
from migration_assets.migration.detection import Detection
from migration_assets.migration.operations import Migration
from migration_assets.migration.platform import default_platform
from migration_assets_tests.integration.damage import BlackBox
from migration_assets_tests.integration.installation import (
    OBJECTS,
    PRACTICE,
    READER_PASSWORD,
    Installation,
    Org,
)
from migration_sandbox.practice.days import Days
from migration_sandbox.practice.events import EVENTS
from migration_sandbox.practice.front_desk import mistake_made, mistake_mended
from migration_sandbox.practice.generator import generate, write_database
from migration_sandbox.practice.journal import Journal, changes
from migration_sandbox.practice.upheavals import UPHEAVALS
from migration_sandbox.salesforce.launch import SalesforceSandbox
from migration_sandbox.sqlserver.launch import SandboxServer, start
from migration_sandbox.sqlserver.permissions import OWNER

DATABASE, OWNER_PASSWORD = f"panda_{PRACTICE}", "the-program-s-own-password"
FURTHER_EVENTS = 12


@dataclass(frozen=True)
class Night:
    """A practice that is loaded, and whose changes are followed."""

    server: SandboxServer
    sandbox: SalesforceSandbox
    detection: Detection
    migration: Migration

    def at_work(self, journal: Journal) -> Days:
        text = self.server.connection_string(DATABASE, OWNER, OWNER_PASSWORD, trust="yes")
        events = {**EVENTS, **UPHEAVALS}
        return Days(lambda: pyodbc.connect(text, autocommit=False), journal, 3, late=0.1, events=events)

    def follow(self, name: str) -> None:
        """What the sensor asks for: a poll, a refresh where something waits, a delta where it isn't sent."""
        cursor = self.detection.begun() or self.detection.reset()
        self.detection.poll(cursor, seconds=20.0)
        if self.detection.waiting():
            self.detection.refresh(f"refresh-{name}")
        if self.detection.progress() > (self.migration.delta_progress() or 0):
            self.migration.send_delta(f"delta-{name}")


@pytest.fixture
def night(tmp_path: Path, sandbox: SalesforceSandbox) -> Iterator[Night]:
    """A dozen patients with all their tables; their records are in the org."""
    sandbox.control.reset()
    folder = tmp_path / "sqlserver"
    write_database(
        generate(5, 12, exams_per_patient=1.5, planted=0, tables="all"), folder / f"{DATABASE}.duckdb"
    )
    made = Installation.create(tmp_path / "data", sandbox)
    with (
        start(folder, owner_password=OWNER_PASSWORD, reader_password=READER_PASSWORD) as server,
        made.in_environment(),
    ):
        made.configure(sql_port=server.port, reject_limit=0.5, job_rows=5_000)
        file = made.data / "practices" / f"{PRACTICE}.yaml"
        text = file.read_text(encoding="utf-8")
        file.write_text(
            text.replace("policies: {", "policies: {deletions: delete, conflicts: source_wins, "),
            encoding="utf-8",
        )
        made.extract()
        platform = default_platform(made.data)
        migration = Migration(platform, made.target)
        migration.prepare()
        made.build()
        for spec in migration.stored_plan().specs:
            migration.upload(spec.asset, "load")
        detection = Detection(platform, PRACTICE)
        detection.begin()
        yield Night(server, sandbox, detection, migration)
    sandbox.control.reset()


def test_a_practice_at_work_and_its_destination_are_equal_in_the_end(night: Night, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    with Journal(journal) as written, night.at_work(written) as days:
        for event in EVENTS:
            days.step(event)
        night.server.unreachable(DATABASE)
        with pytest.raises(SourceError):
            night.follow("unreachable")
        night.server.clear_faults()
        # Lasts longer than any patience: a part of the delta is sent, a part isn't.
        night.sandbox.control.fault("unavailable", count=1_000, path="/jobs/ingest", share=0.5, seed=1)
        with pytest.raises(DestinationError):
            night.follow("refused")
        night.sandbox.control.forget_faults()
        night.sandbox.control.expire_tokens()
        for _ in range(FURTHER_EVENTS):
            days.step()
        days.step(mistake_made)
        for _ in range(3):
            days.step(mistake_mended)
    night.detection.refresh("last", drain=True)
    night.migration.send_delta("last")

    drained = night.migration.drained("drained")
    assert drained.passed
    assert drained.compared > FURTHER_EVENTS
    everything = night.migration.send_delta("everything", everything=True)
    assert sum(each.sent for each in everything.uploads) == 0
    records = DeltaRecords(night.migration.platform.ledger_engine(PRACTICE), night.migration.target).read()
    timed = records.filter(pl.col("found_at").is_not_null() & pl.col("changed_at").is_not_null())
    assert timed.height > FURTHER_EVENTS
    assert (timed["found_at"] > timed["changed_at"]).all()
    assert {change.kind for change in changes(journal)} == {"insert", "update", "delete"}
    checked = BlackBox(night.server, night.sandbox).check()
    assert checked.status == 0, checked.lines
    keys = Org.of(night.sandbox).keys(*OBJECTS.values(), "Event", "Referral__c")
    assert {name: [key for key, n in Counter(each).items() if n > 1] for name, each in keys.items()} == {
        name: [] for name in keys
    }
