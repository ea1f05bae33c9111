"""A refresh of what changed gives what a whole extraction and staging gives: over the wire, on a practice
whose days go on, with the changes that reach farthest among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pyodbc
import pytest

from migration_assets.migration.detection import Detection
from migration_assets.migration.platform import Platform, default_platform
from migration_assets.migration.staging import source_tables, stage
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.panda.connection import Source, connection_string
from migration_assets.panda.extract import extract
from migration_assets.warehouse import Warehouse
from migration_assets_tests.open_files import held_open
from migration_assets_tests.panda.conftest import OWNER_PASSWORD, READER_PASSWORD
from migration_sandbox.practice.days import Days
from migration_sandbox.practice.events import EVENTS
from migration_sandbox.practice.generator import generate, write_database
from migration_sandbox.practice.journal import Journal
from migration_sandbox.sqlserver.launch import SandboxServer, start

PRACTICE_FILE = """
practice: maple
name: Maple Perio
time_zone: America/New_York
encryption_key: {{env: REFRESH_KEY}}
cutover: {{begins: 2026-01-01T00:00:00, ends: 2099-01-01T00:00:00}}
policies: {{reject_limit: 1.0}}
source:
  server: 127.0.0.1
  port: {port}
  database: refreshed
  username: panda_reader
  password: {{env: REFRESH_READER}}
  trust_server_certificate: true
destinations: {{}}
"""
_OWN = ("base", "extractions")
"""Tables that say how the rows came."""
FAR = """
UPDATE dbo.PeriodontalCharting SET ExamID = (SELECT MAX(ExamID) FROM dbo.ClinicalExam)
  WHERE ChartingID = (SELECT MIN(ChartingID) FROM dbo.PeriodontalCharting);
UPDATE dbo.PeriodontalCharting SET PocketDepth_MB = 5, Tooth = '99'
  WHERE ChartingID = (SELECT MAX(ChartingID) FROM dbo.PeriodontalCharting);
UPDATE dbo.Letter SET DocumentID = (SELECT MIN(DocumentID) FROM dbo.Document)
  WHERE LetterID = (SELECT MAX(LetterID) FROM dbo.Letter);
UPDATE dbo.Patient SET Address1 = '1 Elm St', Zip = '10001', City = 'Albany', State = 'NY', LastName = 'Doe'
  WHERE PatientID IN (SELECT TOP 2 PatientID FROM dbo.Patient ORDER BY PatientID);
UPDATE dbo.Provider SET LastName = 'Renamed'
  WHERE ProviderID = (SELECT MIN(ProviderID) FROM dbo.Provider);
UPDATE dbo.LetterTemplate SET Name = 'Renamed'
  WHERE TemplateID = (SELECT MIN(TemplateID) FROM dbo.LetterTemplate);
UPDATE dbo.ClinicalExam SET PatientID = (SELECT MAX(PatientID) FROM dbo.Patient)
  WHERE ExamID = (SELECT MIN(ExamID) FROM dbo.ClinicalExam);
UPDATE dbo.Document SET PatientID = NULL
  WHERE DocumentID = (SELECT MAX(DocumentID) FROM dbo.Document);
DELETE FROM dbo.TreatmentPlanLine WHERE LineID = (SELECT MIN(LineID) FROM dbo.TreatmentPlanLine)
"""


@dataclass(frozen=True)
class Refreshed:
    """The practice's installation, and its database's owner."""

    platform: Platform
    owner: str

    def execute(self, statements: str) -> None:
        with closing(pyodbc.connect(self.owner, autocommit=True)) as connection:
            for statement in filter(str.strip, statements.split(";")):
                connection.execute(statement)

    def take_everything(self, warehouse: Warehouse) -> None:
        practice = self.platform.practice("maple")
        profile = self.platform.profile(practice)
        extract(Source(self.platform.source(practice)), profile, warehouse, source_tables())
        with held_open(warehouse) as opened:
            for each in STAGED_OBJECTS:
                stage(each, practice, profile, opened)


@pytest.fixture(scope="module")
def sqlserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    directory = tmp_path_factory.mktemp("refreshed")
    generated = generate(5, 160, exams_per_patient=2.0, planted=1, tables="all")
    write_database(generated, directory / "refreshed.duckdb")
    with start(directory, owner_password=OWNER_PASSWORD, reader_password=READER_PASSWORD) as server:
        yield server


@pytest.fixture
def practice(sqlserver: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refreshed:
    monkeypatch.setenv("REFRESH_READER", READER_PASSWORD)
    monkeypatch.setenv("REFRESH_OWNER", OWNER_PASSWORD)
    monkeypatch.setenv("REFRESH_KEY", "k" * 64)
    (tmp_path / "practices").mkdir()
    (tmp_path / "practices" / "maple.yaml").write_text(PRACTICE_FILE.format(port=sqlserver.port))
    platform = default_platform(tmp_path, tmp_path / "practices")
    settings = platform.source(platform.practice("maple"))
    owner = settings.model_copy(
        update={
            "username": "panda_owner",
            "password": settings.password.model_copy(update={"env": "REFRESH_OWNER"}),
        }
    )
    return Refreshed(platform, connection_string(owner))


def test_refreshed_tables_are_those_of_a_whole_extraction(practice: Refreshed, tmp_path: Path) -> None:
    platform = practice.platform
    practice.take_everything(platform.panda_warehouse("maple"))
    detection = Detection(platform, "maple")
    detection.begin()
    with Journal(tmp_path / "journal.jsonl") as journal:
        days = Days(lambda: pyodbc.connect(practice.owner, autocommit=False), journal, seed=3)
        with days:
            for event in EVENTS:
                days.step(event)
    _polled_and_refreshed(detection)
    practice.execute(FAR)
    refreshed = _polled_and_refreshed(detection)
    again = detection.refresh("again", drain=True)
    assert (again.sequence, again.rows, again.found_by_drain) == (refreshed, 0, 0)

    whole = replace(platform.panda_warehouse("maple"), path=tmp_path / "whole.duckdb")
    practice.take_everything(whole)
    compared = 0
    with platform.panda_warehouse("maple").open(True) as ours, whole.open(True) as theirs:
        for schema in ("panda", "staged"):
            for table in theirs.tables(schema):
                if table in _OWN or table.startswith("refreshe"):
                    continue
                found, expected = (each.sql(f'FROM {schema}."{table}"') for each in (ours, theirs))
                assert _as_a_set(found.select(expected.columns)) == _as_a_set(expected), table
                compared += expected.height
    assert compared > 10_000


def _polled_and_refreshed(detection: Detection) -> int:
    cursor = detection.begun()
    assert cursor is not None
    changes = detection.poll(cursor, seconds=20)
    assert changes.found
    assert detection.waiting() == changes.waiting > 0
    refreshed = detection.refresh("a-run")
    assert refreshed.rows == changes.waiting
    assert refreshed.units
    assert detection.waiting() == 0
    assert detection.progress() == refreshed.sequence
    return refreshed.sequence


def _as_a_set(rows: pl.DataFrame) -> Counter[tuple[str, ...]]:
    timeless = rows.drop("batch_id", "staged_at", strict=False)
    return Counter(tuple(map(repr, row)) for row in timeless.iter_rows())
