"""A practice on its way to the sandbox org, and the org itself; what is any destination's is ``folder``'s."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from migration_assets.migration.ledger import Target
from migration_assets.migration.reconcile import Reconciled
from migration_assets_tests.integration.folder import PRACTICE, READER_PASSWORD, SECRETS, PracticeFolder
from migration_assets_tests.sandbox.salesforce_fixtures import Opened, sign_in
from migration_sandbox.salesforce.launch import SalesforceSandbox

__all__ = ["PRACTICE", "READER_PASSWORD"]

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
class Installation(PracticeFolder):
    """One practice's data folder beside one org."""

    org: SalesforceSandbox

    @classmethod
    def create(cls, data: Path, org: SalesforceSandbox) -> Installation:
        environment = {
            **SECRETS,
            "WIRE_SF_URL": org.url,
            "WIRE_SF_CA": str(org.ca_path),
            "WIRE_SF_CLIENT_ID": org.client_id,
            "WIRE_SF_CLIENT_SECRET": org.client_secret,
        }
        made = cls(data, environment, REHEARSAL, OBJECTS, org)
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
        self.write_file(text)


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
