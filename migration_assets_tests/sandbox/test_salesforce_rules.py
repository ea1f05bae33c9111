"""What else is in an org: validation and duplicate rules, flows, triggers, features, permissions, quotas."""

from collections.abc import Iterator
from typing import Any

import pytest
from simple_salesforce.exceptions import SalesforceError

from migration_assets_tests.sandbox.salesforce_fixtures import (
    Opened,
    Package,
    csv_text,
    deploy,
    element,
    make_exam_schema,
    sign_in,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox

PERSON = {"LastName": "Doe", "Birthdate": "1980-02-03"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("rules") / "org") as sandbox:
        opened = sign_in(sandbox)
        make_exam_schema(opened.client)
        yield opened


@pytest.fixture
def org(running: Opened) -> Iterator[Opened]:
    yield running
    running.sandbox.control.forget_rules()
    running.sandbox.control.reset()


def _tooling(org: Opened, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = org.client.toolingexecute("query", params={"q": query})["records"]
    return found


def _fails(org: Opened, record: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
    with pytest.raises(SalesforceError) as caught:
        org.client.Contact.create(record, headers=headers)
    content: Any = caught.value.content
    return list(content)


def test_a_validation_rule_is_found_by_tooling_and_refuses_rows(org: Opened) -> None:
    control = org.sandbox.control
    control.add_rule("validation", "Contact", "Needs_Email", fields=["Email"], message="An e-mail, please")
    control.add_rule("validation", "Exam__c", "Sleeping", active=False, fields=["Code__c"])
    query = "SELECT ValidationName, EntityDefinition.QualifiedApiName FROM ValidationRule WHERE Active = true"
    found = _tooling(org, query)
    assert [(one["ValidationName"], one["EntityDefinition"]["QualifiedApiName"]) for one in found] == [
        ("Needs_Email", "Contact")
    ]
    told = _fails(org, PERSON)[0]
    assert told == {
        "message": "An e-mail, please",
        "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "fields": ["Email"],
    }
    content = csv_text(("LastName", "Email"), [("a", "a@example.org"), ("b", "")])
    job, state = org.bulk.run("Contact", "insert", content)
    assert (state["numberRecordsProcessed"], state["numberRecordsFailed"]) == (2, 1)
    assert org.bulk.errors(job) == ["FIELD_CUSTOM_VALIDATION_EXCEPTION:An e-mail, please:Email --"]
    assert org.client.Exam__c.create({})["success"]


@pytest.mark.parametrize(("action", "saved"), [("alert", True), ("block", False)])
def test_a_duplicate_is_saved_against_an_alert_only_and_only_when_asked(
    org: Opened, action: str, saved: bool
) -> None:
    same = ["LastName", "Birthdate"]
    org.sandbox.control.add_rule("duplicate", "Contact", "Same_Person", fields=same, action=action)
    first = org.client.Contact.create(PERSON)["id"]
    assert _fails(org, {**PERSON, "LastName": "DOE"})[0]["errorCode"] == "DUPLICATES_DETECTED"
    job, _ = org.bulk.run("Contact", "insert", csv_text(list(PERSON), [list(PERSON.values())]))
    assert org.bulk.errors(job) == ["DUPLICATES_DETECTED:Use one of these records?: --"]
    assert org.client.Contact.create({**PERSON, "Birthdate": None})["success"]
    assert org.client.Contact.update(first, {"Title": "not a duplicate of itself"}) == 204
    header = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true"}
    if saved:
        assert org.client.Contact.create(PERSON, headers=header)["success"]
    else:
        assert _fails(org, PERSON, **header)[0]["errorCode"] == "DUPLICATES_DETECTED"


def test_duplicate_rules_flows_and_triggers_are_found_by_their_names(org: Opened) -> None:
    control = org.sandbox.control
    control.add_rule("duplicate", "Contact", "Same_Name", fields=["LastName"])
    control.add_rule("flow", "Contact", "Greet_Patient")
    control.add_rule("flow", "Contact", "Old_Flow", active=False)
    control.add_rule("trigger", "Exam__c", "ExamTrigger")
    rules = org.client.query("SELECT DeveloperName, SobjectType FROM DuplicateRule WHERE IsActive = true")
    assert [(one["DeveloperName"], one["SobjectType"]) for one in rules["records"]] == [
        ("Same_Name", "Contact")
    ]
    match = org.client.query("SELECT Field, MatchingRule.SobjectType FROM MatchingRuleItem")["records"][0]
    assert (match["Field"], match["MatchingRule"]["SobjectType"]) == ("LastName", "Contact")
    flows = org.client.query(
        "SELECT ApiName, TriggerObjectOrEvent.QualifiedApiName FROM FlowDefinitionView WHERE IsActive = true"
    )["records"]
    assert [(one["ApiName"], one["TriggerObjectOrEvent"]["QualifiedApiName"]) for one in flows] == [
        ("Greet_Patient", "Contact")
    ]
    control.add_rule("process", "Contact", "Old_Automation")
    processes = org.client.query(
        "SELECT ApiName, TriggerObjectOrEventId FROM FlowDefinitionView WHERE ProcessType = 'Workflow'"
    )["records"]
    assert [(one["ApiName"], one["TriggerObjectOrEventId"]) for one in processes] == [
        ("Old_Automation", None)
    ]
    triggers = _tooling(org, "SELECT Name, Status, EntityDefinition.QualifiedApiName FROM ApexTrigger")
    assert [(one["Name"], one["EntityDefinition"]["QualifiedApiName"]) for one in triggers] == [
        ("ExamTrigger", "Exam__c")
    ]


def test_hard_delete_and_audit_fields_can_be_read_as_permissions(org: Opened) -> None:
    query = (
        "SELECT PermissionSet.Name FROM PermissionSetAssignment WHERE "
        "PermissionSet.PermissionsBulkApiHardDelete = true AND "
        "PermissionSet.PermissionsCreateAuditFields = false"
    )
    assert org.client.query(query)["totalSize"] == 1
    org.sandbox.control.settings(bulk_hard_delete=False)
    assert org.client.query(query)["totalSize"] == 0
    body = {"object": "Contact", "operation": "hardDelete"}
    assert org.bulk.request("POST", "/jobs/ingest", json=body).json()[0]["errorCode"] == "FEATURENOTENABLED"
    granted = element("label", "Hard") + (
        "<userPermissions><enabled>true</enabled><name>BulkApiHardDelete</name></userPermissions>"
    )
    assert deploy(org.client, Package(permission_sets={"Hard": granted})).status == "Succeeded"
    found = org.client.query("SELECT Id FROM PermissionSet WHERE PermissionsBulkApiHardDelete = true")
    user = org.client.query("SELECT Id FROM User")["records"][0]["Id"]
    assignment = {"PermissionSetId": found["records"][0]["Id"], "AssigneeId": user}
    org.client.PermissionSetAssignment.create(assignment)
    assert org.bulk.request("POST", "/jobs/ingest", json=body).status_code == 200
    audit = granted.replace("BulkApiHardDelete", "CreateAuditFields")
    refused = deploy(org.client, Package(permission_sets={"Audit": audit}))
    assert refused.errors[0]["message"] == "Unknown user permission: CreateAuditFields"
    org.sandbox.control.settings(bulk_hard_delete=True, set_audit_fields=True)
    told = org.client.query(
        "SELECT PermissionsCreateAuditFields FROM Profile WHERE Name = 'System Administrator'"
    )
    assert told["records"][0]["PermissionsCreateAuditFields"]
    org.sandbox.control.settings(set_audit_fields=False)


def test_an_integration_user_sees_and_edits_what_permission_sets_grant(org: Opened) -> None:
    kept = org.client.Contact.create({"LastName": "Seen"})["id"]
    inner = element("label", "Reader") + (
        "<objectPermissions><allowCreate>false</allowCreate><allowDelete>false</allowDelete><allowEdit>false"
        "</allowEdit><allowRead>true</allowRead><modifyAllRecords>false</modifyAllRecords><object>Contact"
        "</object><viewAllRecords>false</viewAllRecords></objectPermissions>"
    )
    assert deploy(org.client, Package(permission_sets={"Reader": inner})).status == "Succeeded"
    found = org.client.query("SELECT Id FROM PermissionSet WHERE Name = 'Reader'")["records"][0]["Id"]
    user = org.client.query("SELECT Id FROM User")["records"][0]["Id"]
    org.client.PermissionSetAssignment.create({"PermissionSetId": found, "AssigneeId": user})
    org.sandbox.control.settings(api_user_is_administrator=False)
    try:
        told = org.client.Contact.describe()
        assert (told["createable"], told["updateable"], told["deletable"]) == (False, False, False)
        assert not any(item["createable"] or item["updateable"] for item in told["fields"])
        assert "Exam__c" not in {item["name"] for item in org.client.describe()["sobjects"]}
        assert org.client.query("SELECT Id FROM Contact")["totalSize"] == 1
        assert _fails(org, PERSON)[0]["message"] == "entity type cannot be inserted: Contact"
        with pytest.raises(SalesforceError, match="cannot be updated"):
            org.client.Contact.update(kept, {"Title": "x"})
        with pytest.raises(SalesforceError, match="INSUFFICIENT_ACCESS"):
            org.client.Contact.delete(kept)
        with pytest.raises(SalesforceError, match="INVALID_TYPE"):
            org.client.query("SELECT Id FROM Exam__c")
    finally:
        org.sandbox.control.settings(api_user_is_administrator=True)


def test_currencies_territories_and_teams_exist_only_when_they_are_on(org: Opened) -> None:
    names = {item["name"] for item in org.client.describe()["sobjects"]}
    assert not {"CurrencyType", "Territory2", "UserAccountTeamMember"} & names
    for name in ("CurrencyType", "UserAccountTeamMember"):
        with pytest.raises(SalesforceError, match=name):
            org.client.query(f"SELECT Id FROM {name}")
    org.sandbox.control.settings(multi_currency=True, territories=True, account_teams=True)
    assert org.client.query("SELECT OwnerId, UserId FROM UserAccountTeamMember")["totalSize"] == 1
    told = org.client.query("SELECT IsoCode FROM CurrencyType WHERE IsCorporate = true")["records"]
    assert told[0]["IsoCode"] == "USD"
    assert (
        org.client.query("SELECT COUNT() FROM Territory2 WHERE Territory2ModelId != null")["totalSize"] == 2
    )
    made = org.client.Exam__c.create({})["id"]
    assert org.client.Exam__c.get(made)["CurrencyIsoCode"] == "USD"


def test_quotas_are_set_and_count_down(org: Opened) -> None:
    org.sandbox.control.settings(daily_bulk_batches=100, file_storage_mb=7, data_storage_mb=5)
    before = org.client.limits()
    org.bulk.run("Contact", "insert", csv_text(("LastName",), [("a",)]))
    after = org.client.limits()
    assert after["DailyBulkApiBatches"] == {
        "Max": 100,
        "Remaining": before["DailyBulkApiBatches"]["Remaining"] - 1,
    }
    assert after["DailyApiRequests"]["Remaining"] < before["DailyApiRequests"]["Remaining"]
    assert (after["FileStorageMB"]["Max"], after["DataStorageMB"]["Max"]) == (7, 5)
