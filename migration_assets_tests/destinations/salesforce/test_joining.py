"""Records without a key of their own, in a running org: found by what they join and never doubled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from migration_assets.destinations.base import Batch, KeyChange, ObjectSchema
from migration_assets.destinations.salesforce.destination import SalesforceDestination, connect
from migration_assets.errors import DestinationError, JobLost
from migration_assets_tests.destinations.salesforce.batches import (
    collected,
    frame,
    open_batch,
    outcomes,
    read,
)
from migration_assets_tests.destinations.salesforce.conftest import Notes, settings_for
from migration_assets_tests.destinations.salesforce.joining_schemas import (
    ATTENDEE,
    FILE,
    LINK,
    Contents,
    joining,
    listed,
    one_file_each,
)
from migration_assets_tests.destinations.salesforce.schemas import CONTACT, EVENT, EXAM
from migration_assets_tests.sandbox.salesforce_fixtures import sign_in
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

PATIENT, PROVIDER = "maple:patient:1", "maple:provider:1"
VISITS = ("maple:appointment:2015", "maple:appointment:2026")
EXAM_KEY = "maple:exam:1"
ATTENDEES = [
    (f"maple:attendee:{visit.removeprefix('maple:')}+provider:1", visit, PROVIDER) for visit in VISITS
]
DOCUMENTS = ("maple:document:1", "maple:document:2+3")
LINKS = [
    ("maple:file_link:document:1+patient:1", DOCUMENTS[0], PATIENT),
    ("maple:file_link:document:1+exam:1", DOCUMENTS[0], EXAM_KEY),
    ("maple:file_link:document:2+3+patient:1", DOCUMENTS[1], PATIENT),
]


@pytest.fixture
def org(joining_org: SalesforceSandbox, joining_control: Control) -> Iterator[SalesforceDestination]:
    """Two people, two visits (one of them archived), an exam and two files of practice maple; a colleague of
    practice oak is invited too, and sees the first file."""
    assert joining_control.counts().get("Contact", 0) == 0
    destination = connect(settings_for(joining_org))
    people = [(PATIENT, "Patient"), (PROVIDER, "Provider"), ("oak:provider:1", "Oak")]
    load(destination, CONTACT, *({"PANDA_Key__c": key, "LastName": name} for key, name in people))
    load(
        destination,
        EVENT,
        *(
            {"PANDA_Key__c": key, "Subject": "Visit", "WhoId": PATIENT, "DurationInMinutes": 30,
             "StartDateTime": datetime(int(key[-4:]), 5, 4, 13, 0, tzinfo=UTC)}
            for key in VISITS
        ),
    )  # fmt: skip
    load(destination, EXAM, {"PANDA_Key__c": EXAM_KEY, "Contact__c": PATIENT})
    contents = Contents(dict.fromkeys(DOCUMENTS, b"letter"))
    assert {
        each.outcome for each in collected(destination.send(one_file_each(contents), Notes())).values()
    } == {"loaded"}
    theirs = joining(ATTENDEE, ("oak:attendee:1", VISITS[1], "oak:provider:1"), IsInvitee=True)
    collected(destination.send(theirs, Notes()))
    collected(
        destination.send(
            joining(LINK, ("oak:link:1", DOCUMENTS[0], "oak:provider:1"), ShareType="V"), Notes()
        )
    )
    yield destination
    destination.close()


def load(org: SalesforceDestination, schema: ObjectSchema, *rows: Mapping[str, Any]) -> None:
    batch = Batch("p1", schema, frame(schema, [dict(row) for row in rows]))
    assert {each.outcome for each in collected(org.send(batch, Notes())).values()} == {"loaded"}


def batch_of(schema: ObjectSchema, **changes: Any) -> Batch:
    if schema is ATTENDEE:
        return joining(ATTENDEE, *ATTENDEES, **{"IsInvitee": True, "Response": "will come"} | changes)
    return joining(LINK, *LINKS, **{"ShareType": "V", "Visibility": "AllUsers"} | changes)


@pytest.mark.parametrize(
    ("schema", "change"), [(ATTENDEE, {"Response": "won't"}), (LINK, {"ShareType": "I"})]
)
def test_what_is_new_is_inserted_what_differs_updated_and_the_rest_left(
    org: SalesforceDestination, joining_control: Control, schema: ObjectSchema, change: dict[str, Any]
) -> None:
    batch, journal = batch_of(schema), Notes()
    first = collected(org.send(batch, journal))
    assert {(each.outcome, each.created) for each in first.values()} == {("loaded", True)}
    assert journal.steps == ["created", "submitted", "ended"]
    found = read(org, schema, "maple:")
    assert listed(found, *schema.field_names) == listed(batch.rows, *schema.field_names)
    assert dict(found.select("_key", "_id").iter_rows()) == {
        key: each.destination_id for key, each in first.items()
    }
    count = joining_control.counts()[schema.name]
    journal = Notes()
    again = collected(org.send(batch, journal))
    assert {(each.outcome, each.created) for each in again.values()} == {("loaded", False)}
    assert journal.steps == []
    changed = batch_of(schema, **change)
    updated = collected(org.send(changed, Notes()))
    assert {(each.outcome, each.created) for each in updated.values()} == {("loaded", False)}
    assert listed(read(org, schema, "maple:"), *schema.field_names) == listed(
        changed.rows, *schema.field_names
    )
    assert joining_control.counts()[schema.name] == count


def test_a_row_whose_parent_is_not_there_fails_by_itself(org: SalesforceDestination) -> None:
    lost = ("maple:attendee:appointment:9+provider:1", "maple:appointment:9", PROVIDER)
    results = outcomes(org.send(joining(ATTENDEE, ATTENDEES[0], lost, IsInvitee=True), Notes()))
    assert results == [
        (ATTENDEES[0][0], "loaded", None, None),
        (lost[0], "failed", "PARENT_ABSENT", "EventId"),
    ]


def test_relations_that_the_platform_makes_are_not_ours(
    org: SalesforceDestination, joining_control: Control
) -> None:
    patients_own, colleagues = 2, 1
    collected(org.send(batch_of(ATTENDEE), Notes()))
    assert joining_control.counts()[ATTENDEE.name] == len(ATTENDEES) + patients_own + colleagues
    assert sorted(read(org, ATTENDEE, "maple:")["_key"]) == sorted(key for key, *_ in ATTENDEES)


@pytest.mark.parametrize("schema", [ATTENDEE, LINK])
def test_a_job_that_was_broken_off_is_settled_by_its_results(
    joining_org: SalesforceSandbox, org: SalesforceDestination, joining_control: Control, schema: ObjectSchema
) -> None:
    batch, journal = batch_of(schema), Notes()
    held = joining_control.hold("PATCH", "/jobs/ingest", moment="after")
    impatient = connect(settings_for(joining_org, read_timeout=0.3, retry_attempts=1))
    with pytest.raises(DestinationError):
        collected(impatient.send(batch, journal))
    impatient.close()
    held.drop()
    [job] = journal.jobs
    settled = collected(org.settle(open_batch(batch, job), journal))
    assert sorted(settled) == sorted(batch.rows["_key"])
    assert {(each.outcome, each.created) for each in settled.values()} == {("loaded", True)}
    update = batch_of(schema, **({"Response": "won't"} if schema is ATTENDEE else {"ShareType": "I"}))
    journal = Notes()
    assert {each.outcome for each in collected(org.send(update, journal)).values()} == {"loaded"}
    settled = collected(org.settle(open_batch(update, journal.jobs[-1]), journal))
    assert {each.outcome for each in settled.values()} == {"loaded"}


def test_a_lost_job_is_sent_again_without_doubling(
    org: SalesforceDestination, joining_control: Control
) -> None:
    batch, journal = batch_of(LINK), Notes()
    collected(org.send(batch, journal))
    count = joining_control.counts()[LINK.name]
    joining_control.expire_results(journal.jobs[0])
    with pytest.raises(JobLost):
        collected(org.settle(open_batch(batch, journal.jobs[0]), Notes()))
    without_a_job = collected(org.settle(open_batch(batch, None), Notes()))
    assert {each.outcome for each in without_a_job.values()} == {"not_sent"}
    assert {each.outcome for each in collected(org.send(batch, Notes())).values()} == {"loaded"}
    assert joining_control.counts()[LINK.name] == count


def test_a_field_with_several_targets_is_named_by_ids(org: SalesforceDestination) -> None:
    what = EVENT.field("WhatId")
    several = type(what)(
        what.name,
        what.label,
        what.type,
        False,
        reference_to="Account",
        also_to=(EXAM.name,),
        relationship="What",
    )
    schema = type(EVENT)(
        "Event", "Event", "Events", False, "PANDA_Key__c",
        (*(each for each in EVENT.fields if each.name != "WhatId"), several),
    )  # fmt: skip
    row = {"Subject": "Visit", "DurationInMinutes": 30, "StartDateTime": datetime(2026, 6, 1, tzinfo=UTC)}
    rows = [
        row | {"PANDA_Key__c": "maple:appointment:3", "WhatId": EXAM_KEY},
        row | {"PANDA_Key__c": "maple:appointment:4", "WhatId": "maple:exam:nowhere"},
        row | {"PANDA_Key__c": "maple:appointment:5", "WhatId": None},
    ]
    results = outcomes(org.send(Batch("e1", schema, frame(schema, rows)), Notes()))
    assert [each[1:] for each in results] == [
        ("loaded", None, None),
        ("failed", "PARENT_ABSENT", "WhatId"),
        ("loaded", None, None),
    ]
    found = read(org, schema, "maple:appointment:")
    assert dict(found.select("PANDA_Key__c", "WhatId").iter_rows())["maple:appointment:3"] == EXAM_KEY


def test_a_mapping_with_files_and_joins_has_no_finding_of_its_own(org: SalesforceDestination) -> None:
    findings = org.preflight([FILE, LINK, ATTENDEE])
    assert [(each.object, each.code, each.field) for each in findings if each.object is not None] == [
        ("ContentVersion", "field_only_on_insert", "PathOnClient")
    ]
    assert org.deploy_schema([FILE, LINK, ATTENDEE]).created == ()


def test_values_of_a_joining_record_are_put_back_without_a_key(
    org: SalesforceDestination, joining_org: SalesforceSandbox
) -> None:
    client = sign_in(joining_org).client
    event = client.Event.create({"StartDateTime": "2026-01-05T09:00:00Z", "DurationInMinutes": 30})["id"]
    person = client.Contact.create({"LastName": "Moss"})["id"]
    record = {"EventId": event, "RelationId": person, "IsInvitee": True, "Response": "ours"}
    relation = client.EventRelation.create(record)["id"]
    key = "maple:attendee:event:9+patient:9"

    [done] = org.write_keys(ATTENDEE, [KeyChange(relation, key, key, {"Response": "theirs"})])

    assert (done.key, done.outcome) == (key, "loaded")
    assert client.EventRelation.get(relation)["Response"] == "theirs"


def test_a_version_that_somebody_adds_hides_neither_the_file_nor_its_links(
    org: SalesforceDestination, joining_org: SalesforceSandbox
) -> None:
    files, links = read(org, FILE, "maple:"), read(org, LINK, "maple:")
    client = sign_in(joining_org).client
    document = client.ContentVersion.get(files["_id"][0])["ContentDocumentId"]
    for _ in range(2):
        further = {"ContentDocumentId": document, "PathOnClient": "n.txt", "VersionData": "bm90ZQ=="}
        client.ContentVersion.create(further)

    names = ("_id", "PANDA_Key__c", "Title", "Checksum")
    assert listed(read(org, FILE, "maple:"), *names) == listed(files, *names)
    assert listed(read(org, LINK, "maple:"), "_id", "_key") == listed(links, "_id", "_key")
