"""Events of the sandbox org: custom fields of Activity, parents by external id, archived activities."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from simple_salesforce.exceptions import SalesforceError, SalesforceMalformedRequest

from migration_assets_tests.sandbox.salesforce_fixtures import (
    Opened,
    Package,
    csv_text,
    deploy,
    field_xml,
    grant,
    make_exam_schema,
    object_xml,
    sign_in,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox

UPSERT = {"externalIdFieldName": "PANDA_Key__c"}
SOON = "2099-01-01T10:00:00Z"


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("activities") / "org") as sandbox:
        opened = sign_in(sandbox)
        make_exam_schema(opened.client)
        session_type = field_xml("SessionType__c", "Text", length=40)
        assert deploy(opened.client, Package({"Activity": session_type})).status == "Succeeded"
        grant(opened.client, "Sessions", ["Activity.SessionType__c"])
        opened.client.Account.upsert("PANDA_Key__c/practice", {"Name": "Practice"})
        opened.client.Contact.upsert("PANDA_Key__c/patient", {"LastName": "Patient", "Email": "p@x.example"})
        opened.client.Exam__c.upsert("PANDA_Key__c/exam", {"Code__c": "E"})
        yield opened


def _refusal(error: pytest.ExceptionInfo[Any]) -> tuple[str, str]:
    told = error.value.content[0]
    return told["errorCode"], told["message"]


def _days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _keys(told: dict[str, Any]) -> set[str]:
    return {row["PANDA_Key__c"] for row in told["records"]}


def test_a_field_of_activity_is_on_events_and_tasks(org: Opened) -> None:
    org.client.Event.upsert(
        "PANDA_Key__c/typed", {"SessionType__c": "Recall", "StartDateTime": SOON, "DurationInMinutes": 30}
    )
    org.client.Task.upsert("PANDA_Key__c/typed", {"SessionType__c": "Call", "Status": "Completed"})
    event = org.client.query("SELECT SessionType__c FROM Event WHERE PANDA_Key__c = 'typed'")["records"][0]
    task = org.client.query("SELECT SessionType__c, IsClosed FROM Task")["records"][0]
    assert (event["SessionType__c"], task["SessionType__c"], task["IsClosed"]) == ("Recall", "Call", True)


def test_an_org_may_refuse_the_upsert_of_events(org: Opened) -> None:
    org.sandbox.control.settings(activity_upsert=False)
    try:
        with pytest.raises(SalesforceMalformedRequest, match="can't be used to upsert Event"):
            org.client.Event.upsert("PANDA_Key__c/no", {"StartDateTime": SOON, "DurationInMinutes": 30})
    finally:
        org.sandbox.control.settings(activity_upsert=True)


@pytest.mark.parametrize(
    "who",
    [
        {"attributes": {"type": "Contact"}, "PANDA_Key__c": "patient"},
        {"type": "Contact", "PANDA_Key__c": "patient"},
    ],
)
def test_json_names_the_object_of_a_polymorphic_parent(org: Opened, who: dict[str, object]) -> None:
    what = {"attributes": {"type": "Exam__c"}, "PANDA_Key__c": "exam"}
    body = {"StartDateTime": SOON, "DurationInMinutes": 30, "Who": who, "What": what}
    org.client.Event.upsert("PANDA_Key__c/json", body)
    text = (
        "SELECT WhoId, Who.Name, Who.Type, Who.Email, What.Name, What.Type FROM Event "
        "WHERE PANDA_Key__c = 'json'"
    )
    found = org.client.query(text)["records"][0]
    exam = org.client.Exam__c.get_by_custom_id("PANDA_Key__c", "exam")
    assert found["WhoId"] == org.client.Contact.get_by_custom_id("PANDA_Key__c", "patient")["Id"]
    assert (found["Who"]["Name"], found["Who"]["Type"], found["Who"]["Email"]) == (
        "Patient", "Contact", "p@x.example",
    )  # fmt: skip
    assert (found["What"]["Name"], found["What"]["Type"]) == (exam["Name"], "Exam__c")
    assert found["What"]["attributes"] == {
        "type": "Name", "url": f"/services/data/v66.0/sobjects/Exam__c/{exam['Id']}",
    }  # fmt: skip


def test_json_without_the_object_of_a_polymorphic_parent_is_refused(org: Opened) -> None:
    body = {"StartDateTime": SOON, "DurationInMinutes": 30, "Who": {"PANDA_Key__c": "patient"}}
    with pytest.raises(SalesforceMalformedRequest, match="does not reference a valid entity"):
        org.client.Event.upsert("PANDA_Key__c/untyped", body)


def test_a_plain_parent_may_name_its_object(org: Opened) -> None:
    parent = {"attributes": {"type": "Contact"}, "PANDA_Key__c": "patient"}
    assert org.client.Exam__c.upsert("PANDA_Key__c/exam", {"Contact__r": parent}) == 200
    parent = {"attributes": {"type": "Account"}, "PANDA_Key__c": "practice"}
    with pytest.raises(SalesforceError):
        org.client.Exam__c.upsert("PANDA_Key__c/exam", {"Contact__r": parent})


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT Who.PANDA_Key__c FROM Event", "No such column 'PANDA_Key__c' on entity 'Name'"),
        ("SELECT TYPEOF Who WHEN Contact THEN Name END FROM Event", "TYPEOF"),
        ("SELECT Who.AccountId FROM Event", "No such column 'AccountId' on entity 'Name'"),
    ],
)
def test_a_polymorphic_parent_shows_what_all_its_objects_share(org: Opened, query: str, said: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.client.query(query)
    assert said in _refusal(refused)[1]


def test_an_event_is_about_objects_with_activities_only(org: Opened) -> None:
    package = Package({"Quiet__c": object_xml("Quiet", activities=False)})
    assert deploy(org.client, package).status == "Succeeded"
    made = org.client.Quiet__c.create({})["id"]
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.client.Event.create({"StartDateTime": SOON, "DurationInMinutes": 30, "WhatId": made})
    assert _refusal(refused)[0] == "MALFORMED_ID"


def test_archived_activities_are_found_by_query_all_of_both_apis_and_can_be_changed(org: Opened) -> None:
    header = ["PANDA_Key__c", "Subject", "StartDateTime", "DurationInMinutes"]
    rows = [
        ["arch-old", "Visit", _days_ago(366), "30"],
        ["arch-young", "Visit", _days_ago(364), "30"],
        ["arch-new", "Visit", SOON, "30"],
    ]
    _, told = org.bulk.run("Event", "upsert", csv_text(header, rows), **UPSERT)
    assert told["numberRecordsFailed"] == 0
    text = "SELECT PANDA_Key__c, IsArchived FROM Event WHERE Subject = 'Visit'"
    archived = text + " AND IsArchived = true"
    assert _keys(org.client.query(text)) == {"arch-young", "arch-new"}
    assert org.client.query(archived)["totalSize"] == 0
    assert _keys(org.client.query(text, include_deleted=True)) == {"arch-old", "arch-young", "arch-new"}
    assert _keys(org.client.query(archived, include_deleted=True)) == {"arch-old"}
    for operation, count in (("query", 0), ("queryAll", 1)):
        job = org.bulk.request("POST", "/jobs/query", json={"operation": operation, "query": archived}).json()
        assert org.bulk.wait(job["id"], "query")["numberRecordsProcessed"] == count
    _, told = org.bulk.run(
        "Event", "upsert", csv_text(["PANDA_Key__c", "Subject"], [["arch-old", "Seen"]]), **UPSERT
    )
    assert told["numberRecordsFailed"] == 0
    told = org.client.query("SELECT Id, Subject FROM Event WHERE IsArchived = true", include_deleted=True)
    assert [row["Subject"] for row in told["records"]] == ["Seen"]
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD_FOR_INSERT_UPDATE"):
        org.client.Event.update(told["records"][0]["Id"], {"IsArchived": False})
    assert org.client.Event.get(told["records"][0]["Id"])["IsArchived"] is True


def test_an_event_that_began_a_year_ago_and_ended_later_is_archived_as_the_org_counts(org: Opened) -> None:
    body = {"StartDateTime": _days_ago(366), "EndDateTime": _days_ago(364), "Subject": "Long"}
    org.client.Event.create(body)
    text = "SELECT Id FROM Event WHERE Subject = 'Long'"
    assert org.client.query(text)["totalSize"] == 0
    org.sandbox.control.settings(archive_events_by="end")
    try:
        assert org.client.query(text)["totalSize"] == 1
    finally:
        org.sandbox.control.settings(archive_events_by="start")


def test_old_events_stay_until_the_archival_run(org: Opened) -> None:
    org.sandbox.control.settings(archive_delay_seconds=3600)
    try:
        org.client.Event.create(
            {"StartDateTime": _days_ago(500), "DurationInMinutes": 30, "Subject": "Waiting"}
        )
        assert org.client.query("SELECT Id FROM Event WHERE Subject = 'Waiting'")["totalSize"] == 1
    finally:
        org.sandbox.control.settings(archive_delay_seconds=0)
    assert org.client.query("SELECT Id FROM Event WHERE Subject = 'Waiting'")["totalSize"] == 0


def test_closed_tasks_are_archived_and_open_ones_are_not(org: Opened) -> None:
    day = _days_ago(400)[:10]
    for status in ("Completed", "Not Started"):
        org.client.Task.create({"Subject": "Old", "Status": status, "ActivityDate": day})
    told = org.client.query("SELECT Status FROM Task WHERE Subject = 'Old'")["records"]
    assert [row["Status"] for row in told] == ["Not Started"]
