"""An org with people of its own and another practice's, and a practice of every kind of record and letters.

A migration there and back takes seconds, so the tests share one course of events: loaded, taken back by a
rollback that is killed and one that ends it, loaded once more, and taken back after others have worked there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import polars as pl
import pytest
from simple_salesforce.api import Salesforce
from typer.testing import CliRunner

from migration_assets.cli import app
from migration_assets.errors import ContentChanged
from migration_assets.migration.operations import Migration
from migration_assets.migration.plan import load_mapping
from migration_assets.migration.platform import Platform
from migration_assets.migration.rollback import Outcome, Rollback
from migration_assets_tests.integration.installation import PRACTICE, REHEARSAL, Installation, Org
from migration_assets_tests.integration.killing import kill_a_rollback
from migration_assets_tests.integration.practices import with_few_teeth
from migration_assets_tests.sandbox.salesforce_fixtures import VERSION, trusting_session
from migration_sandbox.practice.generator import generate
from migration_sandbox.salesforce.launch import SalesforceSandbox

ROWS = {"Referral": 4, "Appointment": 4, "ClinicalNote": 4, "Document": 4, "Letter": 4, "Radiograph": 0}
SYSTEM = {"SystemModstamp", "LastModifiedDate", "LastModifiedById"}
"""What an org writes by itself into a record that is put back as it was."""
AMES = "ames@office.example"

Dump = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class WithLetters(Platform):
    """A platform whose source holds these contents, by the document's id."""

    letters: Mapping[str, bytes]

    @contextmanager
    def contents(self, _: object) -> Iterator[WithLetters]:  # type: ignore[override]
        yield self

    def pieces(self, _: str, source_id: str) -> Iterator[bytes]:
        if source_id not in self.letters:
            raise ContentChanged("no such letter")
        yield self.letters[source_id]


@dataclass(frozen=True)
class Course:
    """What was found in the org at each point, and what the first rollback said."""

    before: Dump
    loaded: Dump
    killed: Dump
    after: Dump
    planned: dict[str, Any]
    ended: dict[str, Any]
    printed: tuple[str, ...]


@dataclass(frozen=True)
class Meddled:
    """What Ames touched, by what was done to it: the record as it stood, and the ids of what Ames added."""

    mine: set[str]
    touched: dict[str, dict[str, Any]]
    added: dict[str, str]
    done: Outcome
    after: Dump


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceSandbox]:
    directory = tmp_path_factory.mktemp("rolled_back") / "org"
    with SalesforceSandbox(directory, edition="professional", sandbox_org=True) as running:
        running.control.add_user(AMES, AMES, "Ames")
        yield running


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, sandbox: SalesforceSandbox
) -> Iterator[Installation]:
    made = Installation.create(tmp_path_factory.mktemp("installed") / "data", sandbox)
    with made.in_environment(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGRATION_DATA", str(made.data))
        yield made


@pytest.fixture(scope="module")
def platform(installation: Installation) -> WithLetters:
    """Everything is built, nothing is sent."""
    practice = generate(7, 4, exams_per_patient=1.0, planted=0, canaries=1, tables="all")
    tables = {name: rows.head(ROWS.get(name, rows.height)) for name, rows in practice.tables.items()}
    letters = {str(key): text for key, text in tables["Document"].select("DocumentID", "Content").iter_rows()}
    installation.configure(job_rows=5_000)
    installation.put_rows(with_few_teeth(tables))
    installation.migration().prepare()
    installation.build()
    usual = {each.name: getattr(installation.platform, each.name) for each in fields(Platform)}
    return WithLetters(**usual, letters=letters)


@pytest.fixture(scope="module")
def ames(sandbox: SalesforceSandbox) -> Any:
    """Another user of the org."""
    token = sandbox.control.sign_in(AMES)
    session = trusting_session(sandbox)
    return Salesforce(session_id=token, instance_url=sandbox.url, session=session, version=VERSION)


@pytest.fixture(scope="module")
def course(
    sandbox: SalesforceSandbox, installation: Installation, platform: WithLetters, ames: Any
) -> Course:
    """Loaded beside what was there, and taken back with a recycle bin that keeps nothing."""
    control = sandbox.control
    _move_in(sandbox, installation, ames)
    before = control.dump()
    load(platform)
    loaded = control.dump()
    control.settings(recycle_bin_records=0, recycle_bin_hold_seconds=0)
    folder = installation.platform.report_directory(REHEARSAL)
    printed = [run("--plan-only")]
    planned = json.loads((folder / "rollback_plan.json").read_text())
    kill_a_rollback(installation, "Dr. Ames")
    killed = control.dump()
    printed.append(run("--plan", planned["plan"][:12], "--decide", "Dr. Ames", "--remove-schema"))
    ended = json.loads((folder / "rollback.json").read_text())
    after = control.dump()
    printed.append(run("--decide", "Dr. Ames"))
    return Course(before, loaded, killed, after, planned, ended, tuple(printed))


@pytest.fixture(scope="module")
def again(course: Course, installation: Installation, platform: WithLetters) -> Installation:  # noqa: ARG001
    """Loaded once more, after everything was taken back and the schema with it."""
    installation.migration().prepare()
    load(platform)
    return installation


@pytest.fixture(scope="module")
def meddled(again: Installation, sandbox: SalesforceSandbox, ames: Any) -> Meddled:
    """Ames works with what the migration brought; then it is taken back."""
    dump = sandbox.control.dump()["records"]
    patients = {row["Id"] for row in dump["Contact"] if "maple:patient:" in str(row.get("PANDA_Key__c"))}
    exam = dump["ClinicalExam__c"][0]
    visited = next(
        row
        for row in dump["Contact"]
        if row["Id"] in patients - {exam["Contact__c"]} and row.get("Description") != "kept"
    )
    line, (versioned, shown, *_) = dump["TreatmentPlanLine__c"][0], _letters(dump)
    office = next(row for row in dump["Account"] if row["Name"] == "The Office")
    ames.ClinicalExam__c.update(exam["Id"], {"Exam_Notes__c": "seen by Ames"})
    ames.TreatmentPlanLine__c.delete(line["Id"])
    further = {"ContentDocumentId": versioned["ContentDocumentId"], **SCAN}
    place = {"ContentDocumentId": shown["ContentDocumentId"], "LinkedEntityId": office["Id"]}
    added = {
        "Task": ames.Task.create({"Subject": "Call", "WhoId": visited["Id"]})["id"],
        "ContentVersion": ames.ContentVersion.create(further)["id"],
        "ContentDocumentLink": ames.ContentDocumentLink.create({**place, "ShareType": "V"})["id"],
    }
    touched = {
        "changed": exam,
        "called": visited,
        "deleted": line,
        "given a version": versioned,
        "shown elsewhere": shown,
    }
    done = rollback(again).roll_back("Dr. Ames")
    return Meddled(set(keys_left({"records": dump})), touched, added, done, sandbox.control.dump())


SCAN = {"PathOnClient": "scan.txt", "VersionData": "c2Nhbg=="}


def load(platform: Platform) -> None:
    migration = Migration(platform, REHEARSAL)
    found = migration.find_adoptions("look")
    migration.adopt("Dr. Ames", found.list_hash)
    for spec in load_mapping("salesforce"):
        summary = migration.upload(spec.asset, "load")
        assert summary.failed == 0, (spec.asset, summary)


def run(*arguments: str) -> str:
    ended = CliRunner().invoke(app, ["rollback", PRACTICE, "salesforce", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.output


def rollback(installation: Installation, run_id: str = "back") -> Rollback:
    return Rollback(installation.migration(REHEARSAL), run_id)


def records(dump: Dump) -> dict[str, dict[str, dict[str, Any]]]:
    """Object -> id -> fields without the system's own, and without boxes that aren't ticked: such a box is
    false in every record as long as its field is there."""
    return {
        name: {
            row["Id"]: {
                field: value for field, value in row.items() if field not in SYSTEM and value is not False
            }
            for row in rows
        }
        for name, rows in dump["records"].items()
        if rows
    }


def keys_left(dump: Dump) -> dict[str, str]:
    """Key of every record of the practice -> its object."""
    return {
        row["PANDA_Key__c"]: name
        for name, rows in dump["records"].items()
        for row in rows
        if str(row.get("PANDA_Key__c")).startswith("maple:")
    }


def rows_of(plan: pl.DataFrame, action: str) -> dict[str, tuple[str | None, str | None]]:
    """Key -> reason and detail."""
    found = plan.filter(pl.col("action") == action).select("key", "reason", "detail")
    return {key: (reason, detail) for key, reason, detail in found.iter_rows()}


def _letters(dump: Dump) -> list[dict[str, Any]]:
    return [row for row in dump["ContentVersion"] if str(row.get("PANDA_Key__c")).startswith("maple:")]


def _move_in(sandbox: SalesforceSandbox, installation: Installation, ames: Any) -> None:
    """Before the migration: an office with a file and one of our patients, another practice's contact and
    one of its files."""
    us: Any = Org.of(sandbox).session.client
    person = installation.raw("Patient").sort("PatientID").row(0, named=True)
    office = us.Account.create({"Name": "The Office"})["id"]
    known = {"LastName": person["LastName"], "FirstName": person["FirstName"]}
    born = {"Birthdate": person["DateOfBirth"].strftime("%Y-%m-%d")}
    us.Contact.create({**known, **born, "AccountId": office, "Description": "kept"})
    us.Contact.create({"LastName": "Other", "PANDA_Key__c": "oak:patient:1"})
    us.ContentVersion.create({**SCAN, "PANDA_Key__c": "oak:document:1"})
    ames.ContentVersion.create({**SCAN, "FirstPublishLocationId": office})
