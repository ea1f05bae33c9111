"""An org with people of its own and another practice's, and a practice of every kind of record but files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from migration_assets.migration.plan import load_mapping
from migration_assets.migration.rollback import Rollback
from migration_assets_tests.integration.installation import REHEARSAL, Installation, Org
from migration_assets_tests.integration.practices import with_few_teeth
from migration_sandbox.practice.generator import generate
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

FILES = ("Document", "Letter", "Radiograph", "LetterTemplate")
SYSTEM = {"SystemModstamp", "LastModifiedDate", "LastModifiedById"}
"""What an org writes by itself into a record that is put back as it was."""


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceSandbox]:
    directory = tmp_path_factory.mktemp("rolled_back") / "org"
    with SalesforceSandbox(directory, edition="professional", sandbox_org=True) as running:
        yield running


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, sandbox: SalesforceSandbox) -> Installation:
    made = Installation.create(tmp_path_factory.mktemp("template") / "data", sandbox)
    practice = generate(7, 4, exams_per_patient=1.0, planted=0, canaries=1, tables="all")
    tables = {name: rows.clear() if name in FILES else rows for name, rows in practice.tables.items()}
    with made.in_environment():
        made.configure(job_rows=5_000)
        made.put_rows(with_few_teeth(tables))
        made.migration().prepare()
        made.build()
    return made


@pytest.fixture
def before(control: Control, org: Org, template: Installation) -> dict[str, Any]:
    """The org before the migration: an office with one of our patients, and another practice's contact."""
    person = template.raw("Patient").sort("PatientID").row(0, named=True)
    office = org.session.client.Account.create({"Name": "The Office"})["id"]
    known = {"LastName": person["LastName"], "FirstName": person["FirstName"]}
    born = {"Birthdate": person["DateOfBirth"].strftime("%Y-%m-%d")}
    org.session.client.Contact.create({**known, **born, "AccountId": office, "Description": "kept"})
    org.session.client.Contact.create({"LastName": "Other", "PANDA_Key__c": "oak:patient:1"})
    return control.dump()


@pytest.fixture
def loaded(installation: Installation, before: dict[str, Any]) -> Installation:  # noqa: ARG001
    """Everything is there; who was there before is adopted."""
    load(installation)
    return installation


def load(installation: Installation) -> None:
    migration = installation.migration()
    found = migration.find_adoptions("look")
    migration.adopt("Dr. Ames", found.list_hash)
    for spec in load_mapping("salesforce"):
        summary = migration.upload(spec.asset, "load")
        assert summary.failed == 0, (spec.asset, summary)


def rollback(installation: Installation, run_id: str = "back") -> Rollback:
    return Rollback(installation.migration(REHEARSAL), run_id)


def records(dump: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Object -> id -> fields without the system's own."""
    return {
        name: {
            row["Id"]: {field: value for field, value in row.items() if field not in SYSTEM} for row in rows
        }
        for name, rows in dump["records"].items()
        if rows
    }


def keys_left(dump: dict[str, Any]) -> dict[str, str]:
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
