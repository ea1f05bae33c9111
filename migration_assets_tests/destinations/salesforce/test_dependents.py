"""What hangs on records of a running org, whoever made it."""

from __future__ import annotations

from typing import Any

import pytest

from migration_assets.destinations.base import ObjectSchema
from migration_assets.destinations.salesforce import dependents
from migration_assets.destinations.salesforce.destination import SalesforceDestination
from migration_assets_tests.destinations.salesforce.batches import collected
from migration_assets_tests.destinations.salesforce.conftest import Notes
from migration_assets_tests.destinations.salesforce.joining_schemas import (
    FILE,
    LINK,
    Contents,
    joining,
    one_file_each,
)
from migration_assets_tests.destinations.salesforce.schemas import ACCOUNT, CONTACT, EVENT
from migration_sandbox.salesforce.control import Control

pytestmark = pytest.mark.usefixtures("joining_control")

Row = tuple[str, str, str, bool]
VISIT = {"StartDateTime": "2026-01-05T09:00:00Z", "DurationInMinutes": 30}
LONG_AGO = {"StartDateTime": "2019-01-05T09:00:00Z", "DurationInMinutes": 30}
CONTENT = {"PathOnClient": "note.txt", "VersionData": "bm90ZQ=="}


def on(org: SalesforceDestination, schema: ObjectSchema, *ids: str) -> set[Row]:
    pages = list(org.dependents(schema, ids))
    rows = [row for page in pages for row in page.select("_id", "object", "dependent_id", "goes").iter_rows()]
    assert len(rows) == len(set(rows))
    return set(rows)


def test_everybodys_children_are_named_with_what_becomes_of_them(
    joined: SalesforceDestination, us: Any, somebody: Any
) -> None:
    ann = us.Contact.create({"LastName": "Quill", "PANDA_Key__c": "maple:patient:1"})["id"]
    tom = us.Contact.create({"LastName": "Reed", "PANDA_Key__c": "maple:patient:2"})["id"]
    exam = us.ClinicalExam__c.create({"Contact__c": ann, "PANDA_Key__c": "maple:exam:1"})["id"]
    task = somebody.Task.create({"Subject": "Call", "WhoId": ann})["id"]
    visit = somebody.Event.create({"WhoId": tom, **LONG_AGO})["id"]

    assert on(joined, CONTACT, ann, tom) == {
        (ann, "ClinicalExam__c", exam, False),
        (ann, "Task", task, True),
        (tom, "Event", visit, True),
    }
    assert on(joined, CONTACT, tom) == {(tom, "Event", visit, True)}


def test_a_shared_activity_hangs_on_each_of_its_people_and_an_invitation_by_itself(
    joined: SalesforceDestination, us: Any, somebody: Any
) -> None:
    ann, tom, ida = (us.Contact.create({"LastName": name})["id"] for name in ("Quill", "Reed", "Moss"))
    visit = us.Event.create({"WhoId": ann, **VISIT})["id"]
    invited = somebody.EventRelation.create({"EventId": visit, "RelationId": tom, "IsInvitee": True})["id"]
    second = somebody.EventRelation.create(
        {"EventId": visit, "RelationId": ida, "IsParent": True, "IsInvitee": False}
    )["id"]

    assert on(joined, CONTACT, ann, tom, ida) == {
        (ann, "Event", visit, True),
        (tom, "EventRelation", invited, True),
        (ida, "Event", visit, False),
    }
    assert on(joined, EVENT, visit) == {(visit, "EventRelation", invited, True)}
    assert second


def test_an_account_has_its_contacts(joined: SalesforceDestination, us: Any) -> None:
    account = us.Account.create({"Name": "Office"})["id"]
    ann = us.Contact.create({"LastName": "Quill", "AccountId": account})["id"]
    us.Event.create({"WhoId": ann, **VISIT})

    assert on(joined, ACCOUNT, account) == {(account, "Contact", ann, True)}


def test_of_a_file_others_versions_and_further_places_are_named(
    joined: SalesforceDestination, us: Any, somebody: Any
) -> None:
    ann = us.Contact.create({"LastName": "Quill", "PANDA_Key__c": "maple:patient:1"})["id"]
    tom = us.Contact.create({"LastName": "Reed"})["id"]
    sent = joined.send(one_file_each(Contents({"maple:letter:1": b"one", "maple:letter:2": b"two"})), Notes())
    ids = {key: str(each.destination_id) for key, each in collected(sent).items()}
    one, two = ids["maple:letter:1"], ids["maple:letter:2"]
    pair = ("maple:file_link:letter:1+patient:1", "maple:letter:1", "maple:patient:1")
    ours = joining(LINK, pair, ShareType="V", Visibility="AllUsers")
    [link] = collected(joined.send(ours, Notes())).values()
    document = us.ContentVersion.get(one)["ContentDocumentId"]
    foreign = {"ContentDocumentId": document, "LinkedEntityId": tom, "ShareType": "V"}
    place = somebody.ContentDocumentLink.create(foreign)["id"]
    version = somebody.ContentVersion.create({"ContentDocumentId": document, **CONTENT})["id"]

    assert on(joined, FILE, one, two) == {
        (one, "ContentVersion", version, True),
        (one, "ContentDocumentLink", link.destination_id, True),
        (one, "ContentDocumentLink", place, True),
    }
    assert on(joined, CONTACT, ann) == {(ann, "ContentDocumentLink", link.destination_id, True)}


def test_a_further_version_of_ours_is_the_file_itself(joined: SalesforceDestination) -> None:
    first, second = Contents({"maple:letter:1": b"one"}), Contents({"maple:letter:1": b"another"})
    before = collected(joined.send(one_file_each(first), Notes()))["maple:letter:1"].destination_id
    after = collected(joined.send(one_file_each(second), Notes()))["maple:letter:1"].destination_id

    assert before != after
    assert on(joined, FILE, str(after)) == set()
    assert on(joined, FILE, str(before)) == set()


def test_many_records_are_asked_for_by_jobs_and_unused_objects_once(
    joined: SalesforceDestination,
    us: Any,
    joining_control: Control,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dependents, "IDS_A_GET", 2)
    monkeypatch.setattr(dependents, "IDS_A_JOB", 3)
    monkeypatch.setattr(dependents, "_MOST_BY_GET", 2)
    people = [us.Contact.create({"LastName": f"P{number}"})["id"] for number in range(4)]
    tasks = [us.Task.create({"Subject": "Call", "WhoId": each})["id"] for each in people]
    joining_control.forget_requests()

    found = on(joined, CONTACT, *people)

    assert found == {(who, "Task", task, True) for who, task in zip(people, tasks, strict=True)}
    jobs = [each for each in joining_control.requests() if each.path.endswith("/jobs/query")]
    assert len(jobs) == 1


def test_no_records_need_no_request(joined: SalesforceDestination, joining_control: Control) -> None:
    joining_control.forget_requests()
    assert on(joined, CONTACT) == set()
    assert joining_control.requests() == []


def test_what_the_org_answers_nobody_about_is_left_out_with_a_warning(
    joined: SalesforceDestination, us: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ann = us.Contact.create({"LastName": "Quill"})["id"]
    task = us.Task.create({"Subject": "Call", "WhoId": ann})["id"]
    asked = joined._session.get_json

    def with_one_more(path: str, **kwargs: Any) -> Any:
        answer = asked(path, **kwargs)
        if path.endswith("Contact/describe"):
            answer["childRelationships"].append({**answer["childRelationships"][0], "field": "Nobody__c"})
        return answer

    monkeypatch.setattr(joined._session, "get_json", with_one_more)

    assert on(joined, CONTACT, ann) == {(ann, "Task", task, True)}
    assert "by Nobody__c" in caplog.text
