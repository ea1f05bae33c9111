"""A practice on its way to the sandbox org: its files in a folder of its own, its raw rows, its one worker.

The rows of panda.* are put there as the generator made them; extraction has tests of its own. What the
platform did is read from where it stands: the ledger, the upload's file, the org itself.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.platform import Platform
from migration_assets.migration.reconcile import Reconciled
from migration_assets.migration.staging import StagingOutcome, source_tables
from migration_assets.panda.connection import Source
from migration_assets.panda.extract import Extraction, extract
from migration_assets_tests.integration import worker
from migration_assets_tests.integration.worker import Ended, Errand, Worker
from migration_assets_tests.objects.rows_of_files import measured
from migration_assets_tests.open_files import stage_all
from migration_assets_tests.sandbox.salesforce_fixtures import Opened, sign_in
from migration_sandbox.salesforce.launch import SalesforceSandbox

PRACTICE = "maple"
REHEARSAL = Target(PRACTICE, "salesforce", "rehearsal")
LIVE = Target(PRACTICE, "salesforce", "live")
OBJECTS = {
    "account": "Account",
    "contact": "Contact",
    "clinical_exam": "ClinicalExam__c",
    "treatment_plan": "TreatmentPlan__c",
    "clinical_exam_chart2": "ClinicalExamChart2__c",
    "clinical_exam_chart3": "ClinicalExamChart3__c",
    "clinical_exam_tooth": "ClinicalExamTooth__c",
    "treatment_plan_line": "TreatmentPlanLine__c",
}
"""By asset, parents first."""
UPLOADS = tuple(f"upload {asset}" for asset in OBJECTS)
JOB_ROWS = 18
READER_PASSWORD = "a-password-of-the-tests"
_INGEST = r"/jobs/ingest/?$|/jobs/ingest/[^/]+/batches"

_FILE = """\
practice: maple
name: Maple Periodontics
time_zone: America/New_York
encryption_key: {env: WIRE_ENCRYPTION_KEY}
policies: {reject_limit: REJECT_LIMIT}
source:
  server: 127.0.0.1
  port: SQL_PORT
  database: panda_maple
  username: panda_reader
  password: {env: WIRE_SQL_PASSWORD}
  trust_server_certificate: true
destinations:
  salesforce:
    environments:
      rehearsal: &org
        instance_url: {env: WIRE_SF_URL}
        ca_bundle: {env: WIRE_SF_CA}
        retry_wait: 0.01
        retry_attempts: 2
        auth:
          flow: client_credentials
          client_id: {env: WIRE_SF_CLIENT_ID}
          client_secret: {env: WIRE_SF_CLIENT_SECRET}
        bulk:
          poll_first: 0.02
          poll_longest: 0.1
          max_job_rows: JOB_ROWS
          jobs_at_once: 1
          lock_attempts: 2
          lock_wait: 0.01
          orphan_grace: ORPHAN_GRACE
"""


@dataclass(frozen=True)
class Installation:
    """One practice's data folder beside one org."""

    data: Path
    org: SalesforceSandbox
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def create(cls, data: Path, org: SalesforceSandbox) -> Installation:
        (data / "practices").mkdir(parents=True)
        environment = {
            "WIRE_ENCRYPTION_KEY": "k" * 64,
            "WIRE_SQL_PASSWORD": READER_PASSWORD,
            "WIRE_SF_URL": org.url,
            "WIRE_SF_CA": str(org.ca_path),
            "WIRE_SF_CLIENT_ID": org.client_id,
            "WIRE_SF_CLIENT_SECRET": org.client_secret,
        }
        made = cls(data, org, environment)
        made.configure()
        return made

    def configure(
        self,
        *,
        reject_limit: float = 0.02,
        orphan_grace: float = 0,
        job_rows: int = JOB_ROWS,
        sql_port: int = 1433,
        live: bool = False,
    ) -> None:
        words = {
            "REJECT_LIMIT": reject_limit,
            "ORPHAN_GRACE": orphan_grace,
            "JOB_ROWS": job_rows,
            "SQL_PORT": sql_port,
        }
        text = _FILE
        for word, value in words.items():
            text = text.replace(word, str(value))
        if live:
            text += text[text.index("      rehearsal:") :].replace("rehearsal: &org", "live:")
        (self.data / "practices" / f"{PRACTICE}.yaml").write_text(text, encoding="utf-8")

    def copy(self, data: Path) -> Installation:
        shutil.copytree(self.data, data)
        return replace(self, data=data)

    @contextmanager
    def in_environment(self) -> Iterator[None]:
        """With the variables that the practice's file refers to."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield

    @property
    def platform(self) -> Platform:
        return worker.platform_over(self.data)

    def migration(self, target: Target = REHEARSAL) -> Migration:
        return Migration(self.platform, target)

    def extract(self, attempts: int = 1) -> Extraction:
        """The tables that are migrated, from the SQL server that the practice's file names."""
        practice = self.platform.practice(PRACTICE)
        source = Source(self.platform.source(practice))
        tables = source_tables()
        warehouse = self.platform.panda_warehouse(PRACTICE)
        profile = self.platform.profile(practice)
        return extract(source, profile, warehouse, tables, in_scope=tables, attempts=attempts)

    def put_rows(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Raw rows as an extraction leaves them; tables that aren't given stay as they are."""
        tables = measured(tables)
        given = [table for table in source_tables() if table in tables]
        now = datetime.now(UTC)
        with self.platform.panda_warehouse(PRACTICE).open() as session:
            for table in given:
                session.replace_table("panda", table, tables[table])
            extractions = pl.DataFrame(
                {
                    "batch_id": [f"extracted-{now.timestamp()}"] * len(given),
                    "logical_table": given,
                    "source_table": [f"dbo.{table}" for table in given],
                    "rows": [tables[table].height for table in given],
                    "extracted_at": [now] * len(given),
                }
            )
            session.append("panda", "extractions", extractions)
            session.replace_table(
                "panda", "not_in_scope", pl.DataFrame({"table": ["dbo.Insurance"], "rows": [12]})
            )

    def raw(self, table: str) -> pl.DataFrame:
        with self.platform.panda_warehouse(PRACTICE).open(read_only=True) as session:
            return session.read("panda", table)

    def change(self, table: str, where: pl.Expr, **cells: Any) -> None:
        """Change raw cells, as somebody in the practice would."""
        rows = self.raw(table)
        changed = rows.with_columns(
            pl.when(where).then(pl.lit(value, dtype=rows.schema[name])).otherwise(pl.col(name)).alias(name)
            for name, value in cells.items()
        )
        self.put_rows({table: changed})

    def stage(self) -> list[StagingOutcome]:
        platform = self.platform
        practice = platform.practice(PRACTICE)
        warehouse = platform.panda_warehouse(PRACTICE)
        return stage_all(practice, platform.profile(practice), warehouse)

    def build(self, run_id: str = "build") -> None:
        self.stage()
        self.migration().build_payload(run_id, "all")

    def errand(self, *steps: str, **more: Any) -> Errand:
        environment = {**self.environment, **more.pop("environment", {})}
        return Errand(self.data, environment, more.pop("target", REHEARSAL), steps or UPLOADS, **more)

    def start(self, *steps: str, **more: Any) -> Worker:
        return worker.start(self.errand(*steps, **more))

    def run(self, *steps: str, **more: Any) -> Ended:
        """A worker's whole life; ``more`` as ``Errand`` has it."""
        return worker.run(self.errand(*steps, **more))

    def reconcile(self, run_id: str = "reconcile") -> Reconciled:
        return self.migration().reconcile(run_id)

    def payload_keys(self) -> dict[str, list[str]]:
        """Keys in the upload's scope by object of the plan, sorted."""
        with self.platform.upload_warehouse(REHEARSAL).open(read_only=True) as session:
            scope, tables = session.read("upload", "scope"), session.tables("upload")
        return {
            name: sorted(scope.filter(pl.col("object") == name)["key"].to_list())
            for asset, name in OBJECTS.items()
            if f"payload_{asset}" in tables
        }

    def open_batches(self) -> list[str]:
        """Objects of the batches whose end the ledger doesn't know, asked of its database itself."""
        return [
            name
            for (name,) in self.query_ledger(
                "SELECT object FROM batches WHERE batch_id NOT IN "
                "(SELECT batch_id FROM batch_events WHERE kind = 'settled') ORDER BY intended_at"
            )
        ]

    def query_ledger(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.data / "ledger" / f"{PRACTICE}.sqlite")) as connection:
            return connection.execute(statement).fetchall()


@dataclass(frozen=True)
class Org:
    """The org as anybody with a login sees it, without the platform's code."""

    sandbox: SalesforceSandbox
    session: Opened

    @classmethod
    def of(cls, sandbox: SalesforceSandbox) -> Org:
        return cls(sandbox, sign_in(sandbox))

    def keys(self, *objects: str) -> dict[str, list[str]]:
        """Keys of all records by object (default: all), sorted; a key that stands twice is there twice."""
        return {
            name: sorted(
                record["PANDA_Key__c"]
                for record in self.session.client.query_all_iter(
                    f"SELECT PANDA_Key__c FROM {name} WHERE PANDA_Key__c != null"
                )
            )
            for name in objects or OBJECTS.values()
        }

    def key_of(self, sobject: str, record_id: str) -> str:
        return str(getattr(self.session.client, sobject).get(record_id)["PANDA_Key__c"])

    def jobs(self) -> dict[str, str]:
        """Id and state of every ingest job."""
        told = self.session.bulk.request("GET", "/jobs/ingest?jobType=V2Ingest").json()
        jobs = {job["id"]: job["state"] for job in told["records"]}
        while not told["done"]:
            path = told["nextRecordsUrl"].partition("/services/data/v66.0")[2]
            told = self.session.bulk.request("GET", path).json()
            jobs |= {job["id"]: job["state"] for job in told["records"]}
        return jobs

    def last_request(self) -> int:
        entries = self.sandbox.control.requests()
        return entries[-1].sequence if entries else 0

    def sent_since(self, sequence: int) -> Counter[str]:
        """Requests that create or fill an ingest job, by method."""
        return Counter(
            entry.method
            for entry in self.sandbox.control.requests(sequence)
            if entry.method in ("POST", "PUT") and re.search(_INGEST, entry.path)
        )


def assert_all_arrived(
    installation: Installation, org: Org, *, again: Sequence[str] = UPLOADS[1:]
) -> Reconciled:
    """Nothing lost, nothing twice, every field equal, nothing open, and ``again`` sends no record anew."""
    assert_there_once(installation, org, again=again)
    reconciled = installation.reconcile()
    assert different(reconciled) == []
    assert reconciled.reconciliation.clean
    for each in reconciled.reconciliation.objects:
        assert each.state.loaded == each.state.in_scope == each.state.in_destination
    return reconciled


def assert_there_once(
    installation: Installation, org: Org, *, again: Sequence[str], loaded: Sequence[str] = UPLOADS
) -> None:
    """Nothing of what was ``loaded`` is lost or doubled, nothing is open, ``again`` sends nothing anew."""
    objects = {OBJECTS[step.removeprefix("upload ")] for step in loaded}
    expected = {name: keys for name, keys in installation.payload_keys().items() if name in objects}
    assert org.keys(*expected) == expected
    assert installation.open_batches() == []
    assert set(org.jobs().values()) <= {"JobComplete", "Aborted"}

    before = org.last_request()
    names = [OBJECTS[step.removeprefix("upload ")] for step in again]
    assert [(each.object, each.sent, each.unchanged) for each in installation.run(*again).returned] == [
        (name, 0, len(expected.get(name, []))) for name in names
    ]
    assert org.sent_since(before) == {}


def different(reconciled: Reconciled) -> list[tuple[str, str, str, str, str]]:
    """Comparison, object, key, field and code of each difference, without the values."""
    columns = ["comparison", "object", "key", "field", "code"]
    found: list[tuple[str, str, str, str, str]] = (
        reconciled.differences.select(columns).unique(maintain_order=True).rows()
    )
    return found
