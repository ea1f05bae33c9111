"""Contacts of a running org that nobody's migration made: read, given a key, given back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest

from migration_assets.destinations.base import KEY_CHANGED, RECORD_GONE, KeyChange
from migration_assets.destinations.salesforce.destination import SalesforceDestination
from migration_assets_tests.destinations.salesforce.batches import read
from migration_assets_tests.destinations.salesforce.schemas import CONTACT
from migration_assets_tests.sandbox.salesforce_fixtures import sign_in
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

ABSENT = "003000000000000AAA"
Add = Callable[..., str]


@pytest.fixture
def add(sandbox: SalesforceSandbox, control: Control) -> Add:
    """Makes a record as anybody in the office would; answers its id."""
    control.reset()
    client = sign_in(sandbox).client

    def make(sobject: str, **fields: Any) -> str:
        return str(getattr(client, sobject).create(fields)["id"])

    return make


def theirs(org: SalesforceDestination, *fields: str) -> dict[str, dict[str, Any]]:
    pages = list(org.unkeyed(CONTACT, fields))
    return {row["_id"]: row for page in pages for row in page.iter_rows(named=True)}


def outcomes(org: SalesforceDestination, *changes: KeyChange) -> list[tuple[str, str, str | None]]:
    return [(each.key, each.outcome, each.code) for each in org.write_keys(CONTACT, changes)]


def test_records_without_a_key_are_read_with_the_ids_of_their_parents(
    org: SalesforceDestination, add: Add
) -> None:
    account = add("Account", Name="Theirs")
    ann = add("Contact", LastName="Quill", Birthdate="1970-02-28", AccountId=account, Provider__c=True)
    add("Contact", LastName="Keyed", PANDA_Key__c="oak:patient:1")

    found = theirs(org, "LastName", "Birthdate", "AccountId", "Provider__c", "Email")

    assert list(found) == [ann]
    row = found[ann]
    assert row.pop("_modified_at") is not None
    assert row == {
        "_id": ann,
        "LastName": "Quill",
        "Birthdate": date(1970, 2, 28),
        "AccountId": account,
        "Provider__c": True,
        "Email": None,
    }


def test_an_org_without_strangers_has_typed_pages_or_none(org: SalesforceDestination, add: Add) -> None:
    add("Contact", LastName="Keyed", PANDA_Key__c="oak:patient:1")

    assert all(page.schema["Birthdate"] == pl.Date() for page in org.unkeyed(CONTACT, ["Birthdate"]))
    assert theirs(org, "Birthdate") == {}


def test_a_key_is_written_once_and_only_where_none_stands(org: SalesforceDestination, add: Add) -> None:
    ann, keyed = add("Contact", LastName="Quill"), add("Contact", LastName="K", PANDA_Key__c="oak:patient:1")
    changes = (
        KeyChange(ann, None, "maple:patient:1"),
        KeyChange(keyed, None, "maple:patient:2"),
        KeyChange(ABSENT, None, "maple:patient:3"),
    )

    for _ in range(2):
        assert outcomes(org, *changes) == [
            ("maple:patient:1", "loaded", None),
            ("maple:patient:2", "failed", KEY_CHANGED),
            ("maple:patient:3", "failed", RECORD_GONE),
        ]
    assert read(org, CONTACT, "maple:")["_id"].to_list() == [ann]
    assert read(org, CONTACT, "oak:")["LastName"].to_list() == ["K"]


def test_a_key_goes_with_the_values_that_stood_there_before(org: SalesforceDestination, add: Add) -> None:
    account = add("Account", Name="Theirs")
    ann = add("Contact", LastName="Ours", Email="ours@b.example", PANDA_Key__c="maple:patient:1")
    other = add("Contact", LastName="Other", PANDA_Key__c="maple:patient:2")
    before = {
        "LastName": "Theirs",
        "Email": None,
        "Birthdate": date(1970, 2, 28),
        "AccountId": account,
        "Credentials__c": "DDS;MS",
        "Provider__c": True,
    }
    back = KeyChange(ann, "maple:patient:1", None, before)

    for _ in range(2):
        assert outcomes(org, back, KeyChange(other, "maple:patient:9", None)) == [
            ("maple:patient:1", "loaded", None),
            ("maple:patient:9", "failed", KEY_CHANGED),
        ]
    found = theirs(org, *before)
    assert list(found) == [ann]
    assert {name: found[ann][name] for name in before} == before


def test_what_the_org_refuses_is_one_records_failure(
    org: SalesforceDestination, add: Add, control: Control
) -> None:
    ann, tom = add("Contact", LastName="Ann"), add("Contact", LastName="Tom", Email="tom@b.example")
    control.add_rule("validation", "Contact", "Email_Needed", fields=["Email"], message="an e-mail, please")
    try:
        found = org.write_keys(CONTACT, [KeyChange(ann, None, "maple:1"), KeyChange(tom, None, "maple:2")])
    finally:
        control.forget_rules()

    assert [(each.outcome, each.code) for each in found] == [
        ("failed", "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        ("loaded", None),
    ]
    assert "please" not in str(found[0].message)
    assert list(theirs(org)) == [ann]


def test_more_records_than_a_call_takes_are_written(org: SalesforceDestination, add: Add) -> None:
    ann = add("Contact", LastName="Ann")
    changes = [KeyChange(ABSENT, None, f"maple:patient:{number}") for number in range(230)]

    found = org.write_keys(CONTACT, [*changes, KeyChange(ann, None, "maple:patient:ann")])

    assert [each.key for each in found] == [each.key for each in changes] + ["maple:patient:ann"]
    assert found[-1].outcome == "loaded"


def test_values_are_put_back_in_a_record_that_keeps_its_key(org: SalesforceDestination, add: Add) -> None:
    ann = add("Contact", LastName="Ours", Email="ours@b.example", PANDA_Key__c="maple:patient:1")
    tom = add("Contact", LastName="Tom", PANDA_Key__c="maple:patient:2")
    kept = KeyChange(ann, "maple:patient:1", "maple:patient:1", {"LastName": "Theirs", "Email": None})
    other = KeyChange(tom, "maple:patient:9", "maple:patient:9", {"LastName": "Never"})

    for _ in range(2):
        assert outcomes(org, kept, other) == [
            ("maple:patient:1", "loaded", None),
            ("maple:patient:9", "failed", KEY_CHANGED),
        ]
    found = read(org, CONTACT, "maple:", "LastName", "Email").sort("PANDA_Key__c")
    assert found.select("LastName", "Email").rows() == [("Theirs", None), ("Tom", None)]
