"""The account after a rollback against every record and file of it before the migration.

The recycle bin is left aside, and what an account writes by itself into a record that is put back as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from migration_assets.migration.plan import load_mapping
from migration_assets.migration.rollback import Outcome, Rollback
from migration_assets_tests.integration.freshsales.conftest import UNLIMITED
from migration_assets_tests.integration.freshsales.installation import Account, Installation
from migration_assets_tests.integration.freshsales.kept import Kept
from migration_assets_tests.integration.killing import kill_a_rollback
from migration_assets_tests.sandbox.freshsales_fixtures import Opened, session_of
from migration_sandbox.freshsales.control import Control

Dump = dict[str, dict[str, Any]]
_ENTITIES = {"Contact": "contacts", "SalesAccount": "sales_accounts", "Deal": "deals"}
_WHO = "Dr. Ames"


@dataclass(frozen=True)
class Migrated:
    """``before`` is the account before the migration, ``settled`` the id of our patient whom it knew."""

    kept: Kept
    before: Dump
    settled: int


@pytest.fixture(scope="module")
def migrated(template: Installation, tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    """Loaded once for all tests, which take their copy back."""
    folder = tmp_path_factory.mktemp("migrated")
    control = template.sandbox.control
    control.reset()
    control.settings(**UNLIMITED)
    made = template.copy(folder / "loaded")
    session = session_of(made.sandbox)
    with made.in_environment():
        made.configure()
        settled = settle(made, Opened(made.sandbox, session))
        before = standing(Account(control))
        load(made)
    session.close()
    return Migrated(Kept.of(made, folder), before, settled)


@pytest.fixture
def loaded(migrated: Migrated, control: Control, tmp_path: Path) -> Iterator[Installation]:  # noqa: ARG001
    """Our own copy of the practice that was loaded, beside the account as it was then."""
    made = migrated.kept.put_back(tmp_path / "data")
    with made.in_environment():
        yield made


@pytest.fixture
def somebody(loaded: Installation) -> Iterator[Opened]:
    """A person who works in the account."""
    session = session_of(loaded.sandbox)
    yield Opened(loaded.sandbox, session)
    session.close()


def settle(installation: Installation, somebody: Opened) -> int:
    """Before the migration: an office, one of a dentist of ours by its name, one of our patients who is known
    there with a note and a file, and a contact of another practice. Answers the patient's id."""
    person = installation.raw("Patient").sort("PatientID").row(0, named=True)
    birth = _name_of(somebody, "contacts", "Birth Date")
    account = somebody.ok("POST", "/sales_accounts", {"sales_account": {"name": "The Office"}})
    accounts = installation.payload()["sales_account"]
    office = next(each["name"] for each in accounts if ":office:" in each["cf_panda_key"])
    somebody.ok("POST", "/sales_accounts", {"sales_account": {"name": office}})
    known = somebody.contact(
        last_name=person["LastName"],
        first_name=person["FirstName"],
        city="Before",
        sales_accounts=[{"id": account["sales_account"]["id"], "is_primary": True}],
        custom_field={birth: person["DateOfBirth"].strftime("%Y-%m-%d")},
    )
    somebody.note(known["id"], "Prefers mornings.")
    assert somebody.upload(known["id"], b"a scan", "scan.txt").status_code == 200
    somebody.contact(last_name="Other", external_id="oak:patient:1")
    return int(known["id"])


def test_where_files_can_be_deleted_the_account_is_as_it_was(
    migrated: Migrated, loaded: Installation, account: Account
) -> None:
    account.control.settings(document_delete=True)
    before, settled, there = migrated.before, str(migrated.settled), standing(account)
    assert there["contacts"][settled] != before["contacts"][settled]
    assert {name: len(rows) > len(before[name]) for name, rows in there.items()} == dict.fromkeys(
        before, True
    )

    done = taken_back(loaded)

    assert done.clean
    assert (done.counts["contact.restored"], done.counts["sales_account.restored"]) == (1, 1)
    assert standing(account) == before
    assert not taken_back(loaded).plan.has_work


def test_files_go_with_the_records_that_they_are_on_and_those_on_a_record_that_stays_are_listed(
    migrated: Migrated, loaded: Installation, account: Account
) -> None:
    before = migrated.before

    done = taken_back(loaded)

    after = standing(account)
    left = {key: each for key, each in after["document"].items() if key not in before["document"]}
    assert len(left) > 0
    assert done.findings.is_empty()
    assert set(done.refused["code"]) == {"goes_with_record"}
    assert sorted(done.refused["record_id"]) == sorted(left)
    assert {**after, "document": before["document"]} == before
    assert done.counts["document.deleted"] > len(left)


def test_a_rollback_that_is_killed_is_ended_by_another(
    migrated: Migrated, loaded: Installation, account: Account
) -> None:
    account.control.settings(document_delete=True)
    before, there = migrated.before, standing(account)

    kill_a_rollback(loaded, _WHO)
    killed = standing(account)
    done = taken_back(loaded)

    assert before != killed != there
    assert done.clean
    assert done.number("gone") > 0
    assert standing(account) == before


def test_what_others_did_since_is_left_with_what_it_needs(
    migrated: Migrated, loaded: Installation, account: Account, somebody: Opened
) -> None:
    patients = {
        number: each["values"]["external_id"]
        for number, each in account.control.dump()["contacts"].items()
        if str(each["values"]["external_id"]).startswith("maple:patient:") and int(number) != migrated.settled
    }
    moved, called, *_ = patients
    somebody.ok("PUT", f"/contacts/{moved}", {"contact": {"city": "Elsewhere"}})
    note = somebody.note(int(called), "Called.")

    done = taken_back(loaded)

    left = {
        key: (reason, detail)
        for key, reason, detail in done.plan.table.filter(
            (pl.col("action") == "leave") & (pl.col("object") == "contact")
        )
        .select("key", "reason", "detail")
        .iter_rows()
    }
    assert left == {
        patients[moved]: ("changed_by_others", None),
        patients[called]: ("has_dependents", "note: 1"),
    }
    after = standing(account)
    assert {moved, called} < set(after["contacts"])
    assert str(note["id"]) in after["note"]


def load(installation: Installation) -> None:
    migration = installation.migration()
    found = migration.find_adoptions("look")
    assert found.list_hash is not None
    migration.adopt(_WHO, found.list_hash)
    for spec in load_mapping("freshsales"):
        ended = installation.run(f"upload {spec.asset}", run_id="load")
        assert ended.error is None, ended.message


def taken_back(installation: Installation) -> Outcome:
    return Rollback(installation.migration(), "back").roll_back(_WHO)


def standing(account: Account) -> Dump:
    """Live records by entity and id, without what the account writes by itself; files and activities whose
    record is live."""
    dump = account.control.dump()
    records = {
        name: {
            number: (
                {field: value for field, value in each["values"].items() if value not in (None, [], "")},
                {field: value for field, value in each["custom_field"].items() if value not in (None, False)},
            )
            for number, each in dump[name].items()
            if each["deleted"] is None
        }
        for name in (*_ENTITIES.values(), "cm_dental_treatment_plan")
    }

    def is_live(each: dict[str, Any]) -> bool:
        targets = each.get("targetables") or each["values"]["targetables"]
        return any(str(item["id"]) in records[_ENTITIES[item["type"]]] for item in targets)

    activities = {
        name: {number: each for number, each in dump[name].items() if is_live(each)}
        for name in ("note", "appointment", "document")
    }
    return {**records, **activities}


def _name_of(somebody: Opened, entity: str, label: str) -> str:
    told = somebody.ok("GET", f"/settings/{entity}/fields")["fields"]
    return next(str(each["name"]) for each in told if each["label"] == label)
