"""Deleting what was loaded, and finding what would go with it."""

from collections.abc import Iterator

import polars as pl
import pytest

from migration_assets.destinations.base import ObjectSchema
from migration_assets.destinations.freshsales.destination import FreshsalesDestination, connect
from migration_assets_tests.destinations.freshsales.conftest import MakeSettings
from migration_assets_tests.destinations.freshsales.loading import (
    ACCOUNT,
    ALL,
    CONTACT,
    DEAL,
    DOCUMENT,
    LINE,
    NOTE,
    batch,
    document_row,
    patients,
    read,
    sent,
)
from migration_assets_tests.sandbox.freshsales_fixtures import Opened

PATIENT, PLAN = "maple:patient:1", "maple:plan:1"


@pytest.fixture
def destination(account: Opened, make_settings: MakeSettings) -> Iterator[FreshsalesDestination]:
    made = connect(make_settings(bulk={"poll_first": 0.05}))
    made.deploy_schema(ALL)
    sent(made, batch(ACCOUNT, [{"cf_panda_key": "maple:office:1", "name": "Maple"}]))
    sent(made, patients(1, 2, 3, sales_account="maple:office:1"))
    sent(made, batch(DEAL, [{"cf_panda_key": PLAN, "name": "Plan", "amount": 1, "contact": PATIENT}]))
    sent(
        made,
        batch(
            LINE, [{"cf_panda_key": "maple:line:1", "name": "D6010", "cf_deal": PLAN, "cf_contact": PATIENT}]
        ),
    )
    sent(made, batch(NOTE, [{"_key": "maple:note:1", "description": "x", "target": PATIENT}]))
    sent(made, batch(DOCUMENT, [document_row(1, b"film")], {"maple:document:1": b"film"}))
    account.control.forget_requests()
    yield made
    made.close()


def ids(destination: FreshsalesDestination, schema: ObjectSchema) -> dict[str, str]:
    frame = read(destination, schema, schema.key_field)
    return dict(frame.select(schema.key_field, "_id").iter_rows())


def removed(
    destination: FreshsalesDestination, schema: ObjectSchema, records: dict[str, str]
) -> dict[str, tuple[str, str | None]]:
    parts = destination.delete(schema, records)
    return {each.key: (each.outcome, each.code) for part in parts for each in part}


def test_deleting_twice_is_deleting_once(account: Opened, destination: FreshsalesDestination) -> None:
    for schema in (NOTE, LINE, DEAL, CONTACT, ACCOUNT):
        there = ids(destination, schema)
        assert set(removed(destination, schema, there).values()) == {("deleted", None)}, schema.name
        assert set(removed(destination, schema, there).values()) == {("gone", None)}, schema.name
        assert read(destination, schema).is_empty()
    assert account.control.counts()["contacts:bin"] == 3


def test_many_records_go_by_one_call_though_one_is_gone_already(
    account: Opened, destination: FreshsalesDestination
) -> None:
    there = ids(destination, CONTACT)
    account.control.forget_requests()
    assert set(removed(destination, CONTACT, there).values()) == {("deleted", None)}
    assert len(account.control.requests()) == 1
    sent(destination, patients(4, 5))
    mixed = there | ids(destination, CONTACT)
    outcomes = [outcome for outcome, _ in removed(destination, CONTACT, mixed).values()]
    assert sorted(outcomes) == ["deleted"] * 2 + ["gone"] * 3


@pytest.mark.parametrize("deletes", [False, True])
def test_files_go_where_the_account_deletes_them(
    account: Opened, destination: FreshsalesDestination, deletes: bool
) -> None:
    account.control.settings(document_delete=deletes)
    there = ids(destination, DOCUMENT)
    expected = ("deleted", None) if deletes else ("with_parent", "goes_with_record")
    assert removed(destination, DOCUMENT, there) == {"maple:document:1": expected}
    assert account.control.counts()["document"] == (0 if deletes else 1)


def test_a_record_that_was_deleted_is_made_again(destination: FreshsalesDestination) -> None:
    removed(destination, CONTACT, ids(destination, CONTACT))
    assert {each.created for each in sent(destination, patients(1, 2, 3)).values()} == {True}
    removed(destination, NOTE, {"maple:note:1": "31999999999"})
    note = {"_key": "maple:note:1", "description": "x", "target": PATIENT}
    assert sent(destination, batch(NOTE, [note]))["maple:note:1"].created


def test_dependents_are_all_that_refers_to_a_record(
    account: Opened, destination: FreshsalesDestination
) -> None:
    contact, deal, line = (ids(destination, each) for each in (CONTACT, DEAL, LINE))
    theirs = account.note(int(contact[PATIENT]), "By hand")["id"]
    of_patient = pl.concat(destination.dependents(CONTACT, [contact[PATIENT]]))
    assert set(of_patient["_id"]) == {contact[PATIENT]}
    found = {(name, record): goes for _, name, record, goes in of_patient.iter_rows()}
    assert found[("note", str(theirs))]
    assert not found[("deal", deal[PLAN])]
    assert not found[("cm_dental_treatment_plan", line["maple:line:1"])]
    assert sorted(name for name, _ in found) == [
        "cm_dental_treatment_plan", "deal", "document", "note", "note",
    ]  # fmt: skip
    office = ids(destination, ACCOUNT)["maple:office:1"]
    of_office = pl.concat(destination.dependents(ACCOUNT, [office]))
    assert set(of_office["dependent_id"]) == set(contact.values())
