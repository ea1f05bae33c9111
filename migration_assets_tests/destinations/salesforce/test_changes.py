"""When records of a running org were last changed, and whether by this login."""

from __future__ import annotations

from typing import Any

import pytest

from migration_assets.destinations.base import ObjectSchema, ReadRequest
from migration_assets.destinations.salesforce.destination import SalesforceDestination
from migration_assets_tests.destinations.salesforce.batches import collected
from migration_assets_tests.destinations.salesforce.conftest import Notes
from migration_assets_tests.destinations.salesforce.joining_schemas import (
    ATTENDEE,
    FILE,
    LINK,
    Contents,
    joining,
    one_file_each,
)
from migration_assets_tests.destinations.salesforce.schemas import CONTACT

pytestmark = pytest.mark.usefixtures("joining_control")


def by_key(org: SalesforceDestination, schema: ObjectSchema) -> dict[str, tuple[str, bool | None]]:
    rows: list[dict[str, Any]] = [
        row
        for page in org.last_changes(ReadRequest(schema, "maple:", (schema.key_field,)))
        for row in page.iter_rows(named=True)
    ]
    assert all(row["_changed_at"] is not None for row in rows)
    return {row["key"]: (row["_id"], row["_changed_by_us"]) for row in rows}


def test_a_record_that_somebody_else_touched_is_told_from_ours(
    joined: SalesforceDestination, us: Any, somebody: Any
) -> None:
    ours = us.Contact.create({"LastName": "Quill", "PANDA_Key__c": "maple:patient:1"})["id"]
    theirs = us.Contact.create({"LastName": "Reed", "PANDA_Key__c": "maple:patient:2"})["id"]
    us.Contact.create({"LastName": "Moss", "PANDA_Key__c": "oak:patient:3"})
    somebody.Contact.update(theirs, {"Birthdate": "1970-02-28"})

    assert by_key(joined, CONTACT) == {"maple:patient:1": (ours, True), "maple:patient:2": (theirs, False)}


def test_files_and_what_joins_records_are_asked_for_as_they_are_read(
    joined: SalesforceDestination, us: Any, somebody: Any
) -> None:
    us.Contact.create({"LastName": "Quill", "PANDA_Key__c": "maple:patient:1"})
    event = {
        "StartDateTime": "2026-01-05T09:00:00Z",
        "DurationInMinutes": 30,
        "PANDA_Key__c": "maple:event:1",
    }
    us.Event.create(event)
    collected(
        joined.send(one_file_each(Contents({"maple:letter:1": b"one", "maple:letter:2": b"two"})), Notes())
    )
    link = ("maple:file_link:letter:1+patient:1", "maple:letter:1", "maple:patient:1")
    collected(joined.send(joining(LINK, link, ShareType="V", Visibility="AllUsers"), Notes()))
    attendee = ("maple:attendee:event:1+patient:1", "maple:event:1", "maple:patient:1")
    collected(joined.send(joining(ATTENDEE, attendee, IsInvitee=True), Notes()))
    files = by_key(joined, FILE)
    somebody.ContentVersion.update(files["maple:letter:2"][0], {"Title": "Renamed"})

    assert {key: by_us for key, (_, by_us) in by_key(joined, FILE).items()} == {
        "maple:letter:1": True,
        "maple:letter:2": False,
    }
    assert [by_us for _, by_us in by_key(joined, ATTENDEE).values()] == [True]
    links = by_key(joined, LINK)
    assert [(key, by_us) for key, (_, by_us) in links.items()] == [(link[0], None)]
