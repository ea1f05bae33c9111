"""Two small objects, an account and its contacts, and rows of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema
from migration_assets.mapping.payload_hash import hash_rows
from migration_assets.migration.ledger import Ledger, Target
from migration_assets.migration.ledger_database import open_ledger_database
from migration_assets.migration.load import Loader, Shipment
from migration_assets.migration.parents import PAYLOAD_HASH
from migration_assets.migration.practice_keys import PracticeKeys
from migration_assets.migration.rollback_events import RollbackEvents
from migration_assets_tests.migration.fake_destination import FakeDestination

KEY = "PANDA_Key__c"
_KEY_FIELD = FieldSchema(KEY, "PANDA Key", FieldType.TEXT, custom=True, length=120, external_id=True)

ACCOUNT = ObjectSchema(
    "Account",
    "Account",
    "Accounts",
    False,
    KEY,
    (_KEY_FIELD, FieldSchema("Name", "Account Name", FieldType.TEXT, custom=False, length=255)),
)
CONTACT = ObjectSchema(
    "Contact",
    "Contact",
    "Contacts",
    False,
    KEY,
    (
        _KEY_FIELD,
        FieldSchema(
            "AccountId",
            "Account",
            FieldType.LOOKUP,
            custom=False,
            reference_to="Account",
            relationship="Account",
        ),
        FieldSchema("LastName", "Last Name", FieldType.TEXT, custom=False, length=80),
        FieldSchema("Note__c", "Note", FieldType.LONG_TEXT, custom=True, length=1000),
        FieldSchema("Index__c", "Index", FieldType.NUMBER, custom=True, precision=5, scale=2),
    ),
)
SCHEMAS = {each.name: each for each in (ACCOUNT, CONTACT)}
_TYPES = {
    name: pl.Decimal(5, 2) if name == "Index__c" else pl.String()
    for schema in SCHEMAS.values()
    for name in schema.field_names
}
NO_PROBLEMS = pl.DataFrame(
    schema={"key": pl.String(), "field": pl.String(), "code": pl.String(), "message": pl.String()}
)


def account(number: int, practice: str = "maple") -> str:
    return f"{practice}:practice:{number}"


def contact(number: int, practice: str = "maple") -> str:
    return f"{practice}:patient:{number}"


def payload(schema: ObjectSchema, *rows: dict[str, Any]) -> pl.DataFrame:
    """Payload rows with their hash; fields that aren't given are null."""
    types = {name: _TYPES[name] for name in schema.field_names}
    frame = pl.DataFrame([dict.fromkeys(types) | row for row in rows], schema=types)
    return frame.with_columns(hash_rows(frame).alias(PAYLOAD_HASH))


def contacts(*numbers: int, name: str = "Quill", parent: str | None = None) -> Shipment:
    rows = [{KEY: contact(number), "LastName": name, "AccountId": parent} for number in numbers]
    return Shipment(CONTACT, payload(CONTACT, *rows), NO_PROBLEMS)


def accounts(*numbers: int) -> Shipment:
    rows = [{KEY: account(number), "Name": "Maple"} for number in numbers]
    return Shipment(ACCOUNT, payload(ACCOUNT, *rows), NO_PROBLEMS)


def loader(destination: FakeDestination, ledger: Ledger, run_id: str = "run") -> Loader:
    return Loader(
        destination=destination,
        ledger=ledger,
        run_id=run_id,
        known_jobs=frozenset,
        parents=SCHEMAS.__getitem__,
    )


@contextmanager
def fresh_ledger() -> Iterator[Ledger]:
    """A ledger of its own, for the examples of a property."""
    with TemporaryDirectory() as folder:
        engine = open_ledger_database(f"sqlite:///{folder}/maple.sqlite")
        yield Ledger(engine, Target("maple", "salesforce", "live"), PracticeKeys("maple", "x" * 32))
        engine.dispose()


def outcomes(ledger: Ledger, schema: ObjectSchema) -> dict[str, str]:
    """Key -> how its last sending ended."""
    return dict(ledger.state(schema).select("key", "outcome").iter_rows())


def before_image(ledger: Ledger, schema: ObjectSchema, key: str) -> dict[str, Any] | None:
    """What stood in the record before we wrote, as a rollback reads it."""
    return RollbackEvents(ledger._engine, ledger.target, ledger._keys).images(schema).get(key)
