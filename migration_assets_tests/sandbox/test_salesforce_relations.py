"""EventRelation and AccountContactRelation of the sandbox org, with their features on and off."""

from collections.abc import Iterator
from typing import Any

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

from migration_assets_tests.sandbox.salesforce_fixtures import Opened, csv_text, make_exam_schema, sign_in
from migration_sandbox.salesforce.control import ControlRefused
from migration_sandbox.salesforce.launch import SalesforceSandbox

SOON = {"StartDateTime": "2099-01-01T10:00:00Z", "DurationInMinutes": 30}
FLAGS = "RelationId, IsParent, IsInvitee, IsWhat"


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """An org without the features."""
    with SalesforceSandbox(tmp_path_factory.mktemp("relations") / "org") as sandbox:
        opened = sign_in(sandbox)
        make_exam_schema(opened.client)
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """An org with both features, switched on when it had records."""
    with SalesforceSandbox(tmp_path_factory.mktemp("shared") / "org") as sandbox:
        opened = sign_in(sandbox)
        make_exam_schema(opened.client)
        account = opened.client.Account.create({"Name": "Before"})["id"]
        contact = opened.client.Contact.create({"LastName": "Before", "AccountId": account})["id"]
        opened.client.Event.create({**SOON, "Subject": "Before", "WhoId": contact, "WhatId": account})
        sandbox.control.settings(shared_activities=True, contacts_to_multiple_accounts=True)
        yield opened


def _contact(org: Opened, name: str, **more: object) -> str:
    return str(org.client.Contact.create({"LastName": name, **more})["id"])


def _account(org: Opened, name: str) -> str:
    return str(org.client.Account.create({"Name": name})["id"])


def _relations(org: Opened, event: str) -> dict[str, tuple[bool, bool, bool]]:
    told = org.client.query(f"SELECT {FLAGS} FROM EventRelation WHERE EventId = '{event}'")["records"]
    return {row["RelationId"]: (row["IsParent"], row["IsInvitee"], row["IsWhat"]) for row in told}


def _accounts(org: Opened, contact: str) -> dict[str, bool]:
    text = f"SELECT AccountId, IsDirect FROM AccountContactRelation WHERE ContactId = '{contact}'"
    return {row["AccountId"]: row["IsDirect"] for row in org.client.query(text)["records"]}


def _code(error: pytest.ExceptionInfo[Any]) -> str:
    return str(error.value.content[0]["errorCode"])


def test_without_shared_activities_relations_are_invitees_and_nothing_else(org: Opened) -> None:
    patient, provider = _contact(org, "Patient"), _contact(org, "Provider")
    event = org.client.Event.create({**SOON, "WhoId": patient})["id"]
    text = f"SELECT RelationId, IsInvitee, Status FROM EventRelation WHERE EventId = '{event}'"
    assert org.client.query(text)["totalSize"] == 0
    org.client.EventRelation.create({"EventId": event, "RelationId": provider})
    found = org.client.query(text)["records"]
    assert [(row["RelationId"], row["IsInvitee"], row["Status"]) for row in found] == [
        (provider, True, "New")
    ]
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'IsParent'"):
        org.client.query("SELECT IsParent FROM EventRelation")


def test_an_invitee_is_found_by_external_id_in_bulk_and_never_twice(org: Opened) -> None:
    org.client.Contact.upsert("PANDA_Key__c/dr", {"LastName": "Dr"})
    org.client.Event.upsert("PANDA_Key__c/visit", SOON)
    rows = csv_text(
        ["Event.PANDA_Key__c", "Contact:Relation.PANDA_Key__c"], [["visit", "dr"], ["visit", "dr"]]
    )
    job, told = org.bulk.run("EventRelation", "insert", rows)
    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (2, 1)
    assert org.bulk.errors(job)[0].startswith("DUPLICATE_VALUE")
    found = org.client.query("SELECT EventId, Event.Subject, Relation.Type FROM EventRelation WHERE "
                             "Event.PANDA_Key__c = 'visit'")["records"]  # fmt: skip
    assert [row["Relation"]["Type"] for row in found] == ["Contact"]


def test_a_relation_goes_with_its_event(org: Opened) -> None:
    event = org.client.Event.create(SOON)["id"]
    made = org.client.EventRelation.create({"EventId": event, "RelationId": _contact(org, "Guest")})["id"]
    org.client.Event.delete(event)
    assert org.client.query(f"SELECT Id FROM EventRelation WHERE Id = '{made}'")["totalSize"] == 0
    told = org.client.query(f"SELECT IsDeleted FROM EventRelation WHERE Id = '{made}'", include_deleted=True)
    assert told["records"][0]["IsDeleted"] is True


def test_an_account_is_no_invitee(org: Opened) -> None:
    event = org.client.Event.create(SOON)["id"]
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.client.EventRelation.create({"EventId": event, "RelationId": _account(org, "A")})
    assert _code(refused) == "MALFORMED_ID"


def test_switching_features_on_relates_what_was_there(shared: Opened) -> None:
    event = shared.client.query("SELECT Id, WhoId, WhatId FROM Event WHERE Subject = 'Before'")["records"][0]
    assert _relations(shared, event["Id"]) == {
        event["WhoId"]: (True, False, False), event["WhatId"]: (True, False, True),
    }  # fmt: skip
    assert _accounts(shared, event["WhoId"]) == {event["WhatId"]: True}
    with pytest.raises(ControlRefused, match="shared_activities"):
        shared.sandbox.control.settings(shared_activities=False)


def test_with_shared_activities_relations_follow_who_and_what(shared: Opened) -> None:
    account = _account(shared, "Practice")
    first, second = _contact(shared, "First", AccountId=account), _contact(shared, "Second")
    event = shared.client.Event.create({**SOON, "WhoId": first, "WhatId": account})["id"]
    assert _relations(shared, event) == {first: (True, False, False), account: (True, False, True)}
    text = f"SELECT AccountId FROM EventRelation WHERE RelationId = '{first}'"
    assert shared.client.query(text)["records"][0]["AccountId"] == account
    shared.client.EventRelation.create({"EventId": event, "RelationId": second, "IsParent": True})
    shared.client.Event.update(event, {"WhoId": second, "WhatId": None})
    assert _relations(shared, event) == {second: (True, False, False)}


def test_the_next_person_is_promoted_when_the_first_ones_relation_goes(shared: Opened) -> None:
    first, second = _contact(shared, "First"), _contact(shared, "Second")
    event = shared.client.Event.create({**SOON, "WhoId": first})["id"]
    shared.client.EventRelation.create(
        {"EventId": event, "RelationId": second, "IsParent": True, "IsInvitee": True}
    )
    text = f"SELECT Id FROM EventRelation WHERE EventId = '{event}' AND RelationId = '{first}'"
    shared.client.EventRelation.delete(shared.client.query(text)["records"][0]["Id"])
    assert shared.client.Event.get(event)["WhoId"] == second
    assert _relations(shared, event) == {second: (True, True, False)}


def test_an_event_is_about_one_record_and_many_people(shared: Opened) -> None:
    event = shared.client.Event.create({**SOON, "WhatId": _account(shared, "One")})["id"]
    with pytest.raises(SalesforceMalformedRequest, match="related to another record already"):
        shared.client.EventRelation.create({"EventId": event, "RelationId": _account(shared, "Two")})
    rows = [[event, _contact(shared, f"P{number}"), "true"] for number in range(51)]
    job, told = shared.bulk.run(
        "EventRelation", "insert", csv_text(["EventId", "RelationId", "IsParent"], rows)
    )
    assert told["numberRecordsFailed"] == 1
    assert shared.bulk.errors(job)[0].startswith("LIMIT_EXCEEDED")


def test_an_invitee_given_no_flags_is_not_who_the_event_is_about(shared: Opened) -> None:
    event = shared.client.Event.create(SOON)["id"]
    guest = _contact(shared, "Guest")
    shared.client.EventRelation.create({"EventId": event, "RelationId": guest})
    assert _relations(shared, event) == {guest: (False, True, False)}
    assert shared.client.Event.get(event)["WhoId"] is None


def test_without_the_feature_there_is_no_object_of_that_name(org: Opened) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.client.query("SELECT Id FROM AccountContactRelation")
    assert _code(refused) == "INVALID_TYPE"
    with pytest.raises(SalesforceResourceNotFound):
        org.client.AccountContactRelation.describe()
    assert "AccountContactRelation" not in {item["name"] for item in org.client.describe()["sobjects"]}
    answer = org.bulk.request(
        "POST", "/jobs/ingest", json={"object": "AccountContactRelation", "operation": "insert"}
    )
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALIDJOB")


def test_the_direct_relation_follows_the_contacts_account(shared: Opened) -> None:
    old, new = _account(shared, "Old"), _account(shared, "New")
    contact = _contact(shared, "Mover", AccountId=old)
    assert _accounts(shared, contact) == {old: True}
    shared.client.Contact.update(contact, {"AccountId": new})
    assert _accounts(shared, contact) == {old: False, new: True}
    shared.client.Contact.update(contact, {"AccountId": old})
    assert _accounts(shared, contact) == {old: True, new: False}
    with pytest.raises(SalesforceMalformedRequest, match="needs an account of its own"):
        shared.client.Contact.update(contact, {"AccountId": None})


def test_a_replaced_account_goes_where_the_org_says_so(shared: Opened) -> None:
    shared.sandbox.control.settings(keep_replaced_account=False)
    try:
        old, new = _account(shared, "Old"), _account(shared, "New")
        contact = _contact(shared, "Mover", AccountId=old)
        shared.client.Contact.update(contact, {"AccountId": new})
    finally:
        shared.sandbox.control.settings(keep_replaced_account=True)
    assert _accounts(shared, contact) == {new: True}


def test_indirect_relations_in_bulk(shared: Opened) -> None:
    for key in ("p1", "p2"):
        shared.client.Account.upsert(f"PANDA_Key__c/{key}", {"Name": key})
    parent = {"attributes": {"type": "Account"}, "PANDA_Key__c": "p1"}
    shared.client.Contact.upsert("PANDA_Key__c/both", {"LastName": "Both", "Account": parent})
    shared.client.Contact.upsert("PANDA_Key__c/alone", {"LastName": "Alone"})
    header = ["Account.PANDA_Key__c", "Contact.PANDA_Key__c", "Roles", "StartDate"]
    rows = [
        ["p2", "both", "Evaluator;Other", "2020-01-01"], ["p1", "both", "", ""], ["p2", "alone", "", ""],
    ]  # fmt: skip
    job, told = shared.bulk.run("AccountContactRelation", "insert", csv_text(header, rows))
    assert told["numberRecordsFailed"] == 2
    assert sorted(shared.bulk.errors(job)) == [
        "DUPLICATE_VALUE:This contact already has a relationship with this account.:ContactId --",
        "FIELD_INTEGRITY_EXCEPTION:A contact without an account of its own can't be related to other "
        "accounts:ContactId --",
    ]
    text = "SELECT Roles, IsDirect, IsActive FROM AccountContactRelation WHERE StartDate = 2020-01-01"
    found = shared.client.query(text)["records"][0]
    assert (found["Roles"], found["IsDirect"], found["IsActive"]) == ("Evaluator;Other", False, True)


def test_a_direct_relation_is_not_deleted_and_goes_with_its_contact(shared: Opened) -> None:
    contact = _contact(shared, "Direct", AccountId=_account(shared, "Own"))
    text = f"SELECT Id FROM AccountContactRelation WHERE ContactId = '{contact}'"
    with pytest.raises(SalesforceMalformedRequest) as refused:
        shared.client.AccountContactRelation.delete(shared.client.query(text)["records"][0]["Id"])
    assert _code(refused) == "FIELD_INTEGRITY_EXCEPTION"
    shared.client.Contact.delete(contact)
    assert shared.client.query(text)["totalSize"] == 0


def test_deleting_an_account_takes_its_contacts_and_their_activities_and_no_others(shared: Opened) -> None:
    account = _account(shared, "Closing")
    contact = _contact(shared, "Going", AccountId=account)
    other = _contact(shared, "Staying", ReportsToId=contact)
    event = shared.client.Event.create({**SOON, "WhoId": contact, "WhatId": account})["id"]
    task = shared.client.Task.create({"WhoId": contact, "Subject": "Call"})["id"]
    kept = shared.client.Task.create({"WhoId": other, "Subject": "Call"})["id"]
    shared.client.Account.delete(account)
    for name, key in (("Event", event), ("Task", task)):
        with pytest.raises(SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
            getattr(shared.client, name).get(key)
    assert _relations(shared, event) == {}
    assert _accounts(shared, contact) == {}
    assert shared.client.Task.get(kept)["WhoId"] == other
    assert shared.client.Contact.get(other)["ReportsToId"] is None
