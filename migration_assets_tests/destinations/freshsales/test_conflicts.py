"""A contact, a deal and a note that people of the practice edit in the account while the source changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from migration_assets.destinations.base import ObjectSchema
from migration_assets.destinations.freshsales.destination import FreshsalesDestination, connect
from migration_assets.mapping.payload_hash import hash_rows
from migration_assets.migration.conflict_store import ConflictStore
from migration_assets.migration.ledger import Ledger
from migration_assets.migration.load import Loader, Shipment
from migration_assets.migration.parents import PAYLOAD_HASH
from migration_assets_tests.destinations.freshsales.conftest import MakeSettings
from migration_assets_tests.destinations.freshsales.loading import (
    ACCOUNT,
    ALL,
    CONTACT,
    DEAL,
    NOTE,
    batch,
    rows,
)
from migration_assets_tests.migration.records import NO_PROBLEMS, fresh_ledger
from migration_assets_tests.sandbox.freshsales_fixtures import Opened

SCHEMAS = {each.name: each for each in ALL}
QUICK = {"poll_first": 0.05, "poll_longest": 0.2}
OFFICE = {"cf_panda_key": "maple:office:1", "name": "Maple"}
PATIENT = {
    "external_id": "maple:patient:1",
    "last_name": "Sampleton",
    "email": "ann@example.com",
    "cf_periodontal_stage": "II",
    "cf_referring": False,
    "sales_account": "maple:office:1",
}
PLAN = {
    "cf_panda_key": "maple:plan:1",
    "name": "Implant",
    "amount": 100,
    "deal_stage": "New",
    "contact": "maple:patient:1",
}
PROGRESS = {"_key": "maple:note:1", "description": "Healing well", "target": "maple:patient:1"}


def _load(
    destination: FreshsalesDestination,
    ledger: Ledger,
    schema: ObjectSchema,
    row: dict[str, Any],
    former: dict[str, Any] | None = None,
) -> None:
    def hashed(given: dict[str, Any]) -> Any:
        made = batch(schema, [given]).rows
        return made.with_columns(hash_rows(made).alias(PAYLOAD_HASH))

    delta = {} if former is None else {"former": hashed(former), "narrow": True}
    loader = Loader(destination, ledger, "run", frozenset, SCHEMAS.__getitem__, conflicts="list")
    summary = loader.load(Shipment(schema, hashed(row), NO_PROBLEMS, **delta))
    assert (summary.sent, summary.failed) == (1, 0)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with fresh_ledger() as made:
        yield made


@pytest.fixture
def loaded(account: Opened, make_settings: MakeSettings, ledger: Ledger) -> Opened:
    first = connect(make_settings(bulk=QUICK))
    first.deploy_schema([ACCOUNT, CONTACT, DEAL])
    for schema, row in ((ACCOUNT, OFFICE), (CONTACT, PATIENT), (DEAL, PLAN), (NOTE, PROGRESS)):
        _load(first, ledger, schema, row)
    first.close()
    return account


@pytest.fixture
def delta(make_settings: MakeSettings) -> Iterator[FreshsalesDestination]:
    """The connection of a later run: what people did since is done before it is used."""
    made = connect(make_settings(bulk=QUICK))
    yield made
    made.close()


def _only(account: Opened, kind: str) -> str:
    (number,) = account.control.dump()[kind]
    return str(number)


def test_what_people_edited_stays_and_the_rest_follows_the_source(
    loaded: Opened, delta: FreshsalesDestination, ledger: Ledger
) -> None:
    contact, deal, note = (_only(loaded, kind) for kind in ("contacts", "deals", "note"))
    theirs = loaded.ok("POST", "/sales_accounts", {"sales_account": {"name": "Oak"}})["sales_account"]["id"]
    links = [{"id": theirs, "is_primary": True}]
    loaded.ok("PUT", f"/contacts/{contact}", {"contact": {"last_name": "Vale", "sales_accounts": links}})
    loaded.ok("PUT", f"/deals/{deal}", {"deal": {"name": "Two implants"}})
    marked = loaded.control.dump()["note"][note]["values"]["description"]
    edited = marked.replace("Healing well", "Healing well, no pain")
    loaded.ok("PUT", f"/notes/{note}", {"note": {"description": edited}})

    _load(delta, ledger, CONTACT, {**PATIENT, "cf_periodontal_stage": "III"}, PATIENT)
    _load(delta, ledger, DEAL, {**PLAN, "amount": 250}, PLAN)
    _load(delta, ledger, NOTE, {**PROGRESS, "description": "Healing slowly"}, PROGRESS)

    (now,) = rows(delta, CONTACT)
    assert (now["last_name"], now["cf_periodontal_stage"]) == ("Vale", "III")
    told = loaded.ok("GET", f"/contacts/{contact}")["contact"]["sales_accounts"]
    assert [each["id"] for each in told if each["is_primary"]] == [theirs]
    (plan,) = rows(delta, DEAL)
    assert (plan["name"], int(plan["amount"]), plan["deal_stage"]) == ("Two implants", 250, "New")
    assert [each["description"] for each in rows(delta, NOTE)] == ["Healing well, no pain"]
    found = ConflictStore.of(ledger).standing()
    assert {(each.object, each.conflict.field) for each in found} == {
        ("contact", "last_name"),
        ("contact", "sales_account"),
        ("deal", "name"),
        ("note", "description"),
    }
