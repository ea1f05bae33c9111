"""An org with a person of its own, and a practice that marks there what is deleted in PANDA: loaded once.

The tests share one course of events in their order: a visit and a plan are deleted and marked, three patients
are deleted there, and everything is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from simple_salesforce.api import Salesforce

from migration_assets.migration.plan import load_mapping
from migration_assets_tests.integration.deleting import gone_without, scope_of
from migration_assets_tests.integration.freshsales.installation import contents
from migration_assets_tests.integration.installation import Installation, Org
from migration_assets_tests.integration.practices import with_few_teeth
from migration_assets_tests.sandbox.salesforce_fixtures import VERSION, trusting_session
from migration_sandbox.practice.generator import generate
from migration_sandbox.salesforce.launch import SalesforceSandbox

ROWS = {"Referral": 4, "Appointment": 4, "ClinicalNote": 4, "Document": 4, "Letter": 4, "Radiograph": 0}
KNOWN, ALONE, CALLED, STAYS = 1003, 1004, 1005, 1006
"""Patients: one whom the org knew before, one of whom only we have records, one whom Ames works with, and one
who stays."""
AMES = "ames@office.example"
Records = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Loaded:
    """``before`` are the org's records before the migration; ``few`` are the keys by object that go with
    a visit and a plan, ``patients`` those that go with three patients."""

    installation: Installation
    before: Records
    few: dict[str, list[str]]
    patients: dict[str, list[str]]
    ames: Any

    @property
    def org(self) -> SalesforceSandbox:
        return self.installation.org

    def rows(self, name: str) -> list[dict[str, Any]]:
        return list(records(self.org)[name].values())

    def keys(self) -> set[tuple[str, str]]:
        """Object and key of all of the practice's records that hold one."""
        held = [
            (name, row["PANDA_Key__c"])
            for name, rows in records(self.org).items()
            for row in rows.values()
            if str(row.get("PANDA_Key__c")).startswith("maple:")
        ]
        assert len(held) == len(set(held)), "a record stands there twice"
        return set(held)

    def in_payload(self) -> set[tuple[str, str]]:
        """Object and key of what is to be there and can hold a key."""
        joined = ("EventRelation", "ContentDocumentLink")
        return {each for each in scope_of(self.installation).iter_rows() if each[0] not in joined}

    def id_of(self, name: str, key: str) -> str:
        return next(str(row["Id"]) for row in self.rows(name) if row["PANDA_Key__c"] == key)

    def last_request(self) -> int:
        return self.org.control.requests()[-1].sequence


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceSandbox]:
    directory = tmp_path_factory.mktemp("deleted") / "org"
    with SalesforceSandbox(directory, edition="professional", sandbox_org=True) as running:
        running.control.add_user(AMES, AMES, "Ames")
        yield running


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, sandbox: SalesforceSandbox) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("installed")
    made = Installation.create(folder / "data", sandbox)
    made.configure(job_rows=5_000)
    file = folder / "data" / "practices" / "maple.yaml"
    file.write_text(file.read_text().replace("policies: {", "policies: {deletions: flag, "))
    practice = generate(7, 4, exams_per_patient=1.0, planted=0, canaries=1, tables="all")
    tables = {name: rows.head(ROWS.get(name, rows.height)) for name, rows in practice.tables.items()}
    with made.in_environment():
        made.put_rows(with_few_teeth(tables))
        made.put_contents(contents(practice))
        made.migration().prepare()
        made.build()
        spare, made = made, made.copy(folder / "live")
        us: Any = Org.of(sandbox).session.client
        person = made.raw("Patient").filter(PatientID=KNOWN).row(0, named=True)
        known = {"LastName": person["LastName"], "FirstName": person["FirstName"]}
        us.Contact.create({**known, "Birthdate": person["DateOfBirth"].strftime("%Y-%m-%d")})
        before = records(sandbox)
        found = made.migration().find_adoptions("look")
        assert found.list_hash is not None
        made.migration().adopt("Dr. Ames", found.list_hash)
        load(made)
        patients = gone_without(made, spare, {"Patient": [KNOWN, ALONE, CALLED]})
        visit = made.raw("Appointment").filter(PatientID=KNOWN)["AppointmentID"].to_list()[0]
        plan = made.raw("TreatmentPlan").filter(PatientID=KNOWN)["PlanID"].to_list()[0]
        lines = made.raw("TreatmentPlanLine").filter(PlanID=plan)["LineID"].to_list()
        ends = (f":appointment:{visit}", f":plan:{plan}", *(f":plan_line:{line}" for line in lines))
        session = trusting_session(sandbox)
        token = sandbox.control.sign_in(AMES)
        yield Loaded(
            made,
            before,
            _only(patients, lambda key: key.endswith(ends) or f":appointment:{visit}+" in key),
            patients,
            Salesforce(session_id=token, instance_url=sandbox.url, session=session, version=VERSION),
        )


def _only(gone: Mapping[str, list[str]], wanted: Callable[[str], bool]) -> dict[str, list[str]]:
    some = {name: [key for key in keys if wanted(key)] for name, keys in gone.items()}
    return {name: keys for name, keys in some.items() if keys}


def load(installation: Installation) -> None:
    migration = installation.migration()
    for spec in load_mapping("salesforce"):
        summary = migration.upload(spec.asset, "load")
        assert summary.failed == 0, (spec.asset, summary)


def records(sandbox: SalesforceSandbox) -> Records:
    """Object -> id -> fields without what the org writes by itself and boxes that aren't ticked."""
    system = {"SystemModstamp", "LastModifiedDate", "LastModifiedById"}
    return {
        name: {
            row["Id"]: {
                field: value for field, value in row.items() if field not in system and value is not False
            }
            for row in rows
        }
        for name, rows in sandbox.control.dump()["records"].items()
        if rows
    }
