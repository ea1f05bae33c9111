"""Deltas over the wire on both sides: what changes in PANDA is what arrives, each record once. The
reconciliation of everything, with its two comparisons, is the judge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyodbc
import pytest

from migration_assets.migration.delta_operations import DeltaOutcome
from migration_assets.migration.delta_records import DeltaRecords
from migration_assets.migration.detection import Detection
from migration_assets.panda.connection import connection_string
from migration_assets_tests.integration.folder import READER_PASSWORD
from migration_assets_tests.integration.installation import PRACTICE, Installation
from migration_assets_tests.panda.conftest import OWNER_PASSWORD
from migration_sandbox.practice.days import Days
from migration_sandbox.practice.events import EVENTS
from migration_sandbox.practice.generator import generate, write_database
from migration_sandbox.practice.journal import Journal
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox
from migration_sandbox.sqlserver.launch import SandboxServer, start

WINDOW = "cutover: {begins: 2026-01-01T00:00:00, ends: 2099-01-01T00:00:00}\n"


@dataclass(frozen=True)
class Cutover:
    """A practice that is loaded, and its database's owner."""

    installation: Installation
    owner: str

    @property
    def detection(self) -> Detection:
        return Detection(self.installation.platform, PRACTICE)

    def execute(self, statements: str) -> None:
        with closing(pyodbc.connect(self.owner, autocommit=True)) as connection:
            for statement in filter(str.strip, statements.split(";")):
                connection.execute(statement)

    def keep_up(self, run_id: str) -> DeltaOutcome:
        cursor = self.detection.begun()
        assert cursor is not None
        self.detection.poll(cursor, seconds=20)
        self.detection.refresh(run_id)
        return self.installation.migration().send_delta(run_id)


@pytest.fixture(scope="module")
def sqlserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    directory = tmp_path_factory.mktemp("cutover")
    generated = generate(11, 25, exams_per_patient=1.5, planted=0, tables="all")
    write_database(generated, directory / "panda_maple.duckdb")
    with start(directory, owner_password=OWNER_PASSWORD, reader_password=READER_PASSWORD) as server:
        yield server


@pytest.fixture
def cutover(
    sqlserver: SandboxServer, sandbox: SalesforceSandbox, control: Control, tmp_path: Path
) -> Iterator[Cutover]:
    del control
    made = Installation.create(tmp_path / "data", sandbox)
    made.configure(sql_port=sqlserver.port, reject_limit=1.0, job_rows=5_000)
    file = tmp_path / "data" / "practices" / f"{PRACTICE}.yaml"
    file.write_text(WINDOW + file.read_text(encoding="utf-8"), encoding="utf-8")
    with made.in_environment(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUTOVER_OWNER", OWNER_PASSWORD)
        settings = made.platform.source(made.platform.practice(PRACTICE))
        password = settings.password.model_copy(update={"env": "CUTOVER_OWNER"})
        owner = settings.model_copy(update={"username": "panda_owner", "password": password})
        made.extract()
        made.migration().prepare()
        made.stage()
        made.migration().match_owners("owners")
        made.build("load")
        for spec in made.migration().stored_plan().specs:
            made.migration().upload(spec.asset, "load")
        Detection(made.platform, PRACTICE).begin()
        yield Cutover(made, connection_string(owner))


def test_what_changes_in_panda_arrives_once(cutover: Cutover, tmp_path: Path) -> None:
    made = cutover.installation
    first = made.reconcile("before")
    assert first.reconciliation.clean

    with (
        Journal(tmp_path / "journal.jsonl") as journal,
        Days(lambda: pyodbc.connect(cutover.owner, autocommit=False), journal, seed=7) as days,
    ):
        for event in EVENTS:
            days.step(event)
        outcome = cutover.keep_up("delta-1")
        for event in EVENTS:
            days.step(event)
    assert outcome.different == 0
    assert outcome.found == sum(each.in_scope - each.failed - each.held_back for each in outcome.uploads) > 10
    whole = sum(each.state.in_scope for each in first.reconciliation.objects)
    assert sum(each.in_scope for each in outcome.uploads) < whole / 2
    cutover.keep_up("delta-2")
    cutover.execute("UPDATE dbo.PeriodontalCharting SET PocketDepth_B = 9 WHERE ChartingID = 1")
    cutover.keep_up("delta-3")
    nothing = cutover.keep_up("delta-4")
    assert sum(each.sent for each in nothing.uploads) == 0

    drained = made.migration().drained("drained")
    assert drained.passed, drained
    assert drained.compared > 10
    everything = made.migration().send_delta("everything", everything=True)
    assert sum(each.sent for each in everything.uploads) == 0
    last = made.reconcile("after")
    assert last.reconciliation.clean, last.differences
    records = DeltaRecords(made.platform.ledger_engine(PRACTICE), made.target).read()
    loaded = records.filter(pl.col("found_at").is_not_null() & pl.col("changed_at").is_not_null())
    assert loaded.height > 10
    assert (loaded["found_at"] - loaded["changed_at"]).min().total_seconds() > 0  # type: ignore[union-attr]
