"""A contact that somebody edits in the org while its source changes too: what stands there afterwards."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from migration_assets.destinations.base import FieldSchema, FieldType
from migration_assets.destinations.salesforce.destination import SalesforceDestination
from migration_assets.mapping.payload_hash import hash_rows
from migration_assets.migration.conflict_store import ConflictStore
from migration_assets.migration.ledger import Ledger
from migration_assets.migration.load import Loader, Shipment, UploadSummary
from migration_assets.migration.parents import PAYLOAD_HASH
from migration_assets.practice import Conflicts
from migration_assets_tests.destinations.salesforce.batches import frame, read
from migration_assets_tests.destinations.salesforce.schemas import ACCOUNT, CONTACT
from migration_assets_tests.migration.records import NO_PROBLEMS, fresh_ledger
from migration_assets_tests.sandbox.salesforce_fixtures import sign_in
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

PERSON = replace(
    CONTACT, fields=(*CONTACT.fields, FieldSchema("Phone", "Phone", FieldType.PHONE, False, length=40))
)
ONE, PRACTICE = "maple:patient:one", "maple:account:1"
LOADED = {
    "PANDA_Key__c": ONE,
    "LastName": "Quill",
    "Phone": "+1 555 0100",
    "Email": "quill@example.com",
    "AccountId": PRACTICE,
}
CHANGED = {**LOADED, "Email": "quill.new@example.com"}
THEIRS = "+1 555 0199"


def _rows(schema: Any, *rows: dict[str, Any]) -> pl.DataFrame:
    made = frame(schema, rows)
    return made.with_columns(hash_rows(made).alias(PAYLOAD_HASH))


class Load:
    """Loads of one ledger into one org."""

    def __init__(self, org: SalesforceDestination, ledger: Ledger) -> None:
        self.org, self.ledger = org, ledger

    def __call__(
        self, shipment: Shipment, conflicts: Conflicts = "list", run_id: str = "run"
    ) -> UploadSummary:
        schemas = {"Account": ACCOUNT, "Contact": PERSON}
        return Loader(
            self.org, self.ledger, run_id, frozenset, schemas.__getitem__, conflicts=conflicts
        ).load(shipment)

    def delta(self, row: dict[str, Any], conflicts: Conflicts) -> UploadSummary:
        former = _rows(PERSON, LOADED)
        shipment = Shipment(PERSON, _rows(PERSON, row), NO_PROBLEMS, former=former, narrow=True)
        return self(shipment, conflicts, "delta")

    def there(self, *names: str) -> tuple[Any, ...]:
        return read(self.org, PERSON, "maple:").select(names).row(0)


@pytest.fixture
def load(org: SalesforceDestination, control: Control) -> Iterator[Load]:
    control.reset()
    with fresh_ledger() as ledger:
        made = Load(org, ledger)
        made(Shipment(ACCOUNT, _rows(ACCOUNT, {"PANDA_Key__c": PRACTICE, "Name": "Maple"}), NO_PROBLEMS))
        made(Shipment(PERSON, _rows(PERSON, LOADED), NO_PROBLEMS))
        yield made


@pytest.fixture
def crm(sandbox: SalesforceSandbox) -> Any:
    """Somebody who works in the org."""
    return sign_in(sandbox).client


@pytest.mark.parametrize(
    ("policy", "phone", "standing"),
    [
        ("source_wins", LOADED["Phone"], []),
        ("crm_wins", THEIRS, [("Phone", "crm")]),
        ("list", THEIRS, [("Phone", "open")]),
    ],
)
def test_the_choice_says_whose_phone_stays_and_the_e_mail_follows_the_source(
    load: Load,
    crm: Any,
    policy: Conflicts,
    phone: str,
    standing: list[tuple[str, str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    crm.Contact.update(f"PANDA_Key__c/{ONE}", {"Phone": THEIRS})
    with caplog.at_level(logging.DEBUG, "migration_assets"):
        summary = load.delta(CHANGED, policy)

    assert (summary.updated, summary.failed) == (1, 0)
    assert load.there("Phone", "Email") == (phone, CHANGED["Email"])
    found = ConflictStore.of(load.ledger).standing()
    assert [(each.conflict.field, each.resolution) for each in found] == standing
    assert all(each.conflict.source == LOADED["Phone"] for each in found)
    assert THEIRS not in caplog.text
    assert LOADED["Phone"] not in caplog.text


def test_a_contact_that_was_moved_to_another_account_stays_there(load: Load, crm: Any) -> None:
    theirs = crm.Account.create({"Name": "Their own"})["id"]
    crm.Contact.update(f"PANDA_Key__c/{ONE}", {"AccountId": theirs})

    load.delta(CHANGED, "list")

    record = crm.Contact.get_by_custom_id("PANDA_Key__c", ONE)
    assert (record["AccountId"], record["Email"]) == (theirs, CHANGED["Email"])


def test_a_contact_that_was_deleted_there_is_not_made_again(load: Load, crm: Any) -> None:
    crm.Contact.delete(f"PANDA_Key__c/{ONE}")

    summary = load.delta(CHANGED, "list")

    assert (summary.sent, summary.held_back) == (0, 1)
    assert read(load.org, PERSON, "maple:").is_empty()
