"""Deployments to the sandbox org: what becomes visible when, limits of editions, and what is refused."""

from collections.abc import Iterator

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest

from migration_assets_tests.sandbox.salesforce_fixtures import (
    KEY,
    Opened,
    Package,
    deploy,
    field_xml,
    grant,
    grants_xml,
    object_xml,
    picklist_xml,
    sign_in,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with SalesforceSandbox(tmp_path_factory.mktemp("metadata") / "org", sandbox_org=True) as sandbox:
        yield sign_in(sandbox)


def _names(org: Opened, sobject: str) -> set[str]:
    return {item["name"] for item in getattr(org.client, sobject).describe()["fields"]}


def depths(count: int, start: int = 0) -> str:
    return "".join(
        field_xml(f"PocketDepth_{n}__c", "Number", precision=2, scale=0) for n in range(start, start + count)
    )


def test_four_hundred_fields_come_in_one_deployment_and_stay_hidden_until_granted(org: Opened) -> None:
    done = deploy(org.client, Package({"Wide__c": object_xml("Wide") + depths(400)}))
    assert (done.status, done.total) == ("Succeeded", 401)
    assert "PocketDepth_7__c" not in _names(org, "Wide__c")
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'PocketDepth_7__c'"):
        org.client.query("SELECT PocketDepth_7__c FROM Wide__c")
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD"):
        org.client.Wide__c.create({"PocketDepth_7__c": 3})
    _, told = org.bulk.run("Wide__c", "insert", "PocketDepth_7__c\n3\n")
    assert told["state"] == "Failed"
    assert told["errorMessage"] == "InvalidBatch : Field name not found : PocketDepth_7__c"
    grant(org.client, "Wide", [f"Wide__c.PocketDepth_{n}__c" for n in range(400)])
    assert "PocketDepth_7__c" in _names(org, "Wide__c")
    assert org.client.Wide__c.create({"PocketDepth_7__c": 3})["success"]
    told_count = org.client.query("SELECT COUNT() FROM FieldPermissions WHERE SobjectType = 'Wide__c'")
    assert told_count["totalSize"] == 400


def test_an_unassigned_permission_set_grants_nothing(org: Opened) -> None:
    deploy(org.client, Package({"Account": field_xml("Idle__c", "Text", length=5)}))
    done = deploy(org.client, Package(permission_sets={"Idle": grants_xml("Idle", ["Account.Idle__c"])}))
    assert done.status == "Succeeded"
    assert "Idle__c" not in _names(org, "Account")


def test_the_fields_beyond_the_editions_limit_fail(org: Opened) -> None:
    package = Package({"Full__c": object_xml("Full") + depths(503)})
    done = deploy(org.client, package, sandbox=True)
    assert (done.status, len(done.errors)) == ("SucceededPartial", 3)
    assert "maximum number of custom fields (500)" in done.errors[0]["message"]
    again = deploy(org.client, Package({"Full__c": object_xml("Full") + depths(500)}))
    assert again.status == "Succeeded", again.errors


def test_one_bad_field_undoes_all_where_rollback_is_asked_for(org: Opened) -> None:
    fields = depths(2) + field_xml("Bad__c", "Text", length=256)
    done = deploy(org.client, Package({"Undone__c": object_xml("Undone") + fields}))
    assert done.status == "Failed"
    assert (
        org.client.query("SELECT COUNT() FROM EntityDefinition WHERE QualifiedApiName = 'Undone__c'")[
            "totalSize"
        ]
        == 0
    )


def test_an_org_without_room_takes_no_more_fields(org: Opened) -> None:
    org.sandbox.control.fill_custom_fields("Contact", 500)
    done = deploy(org.client, Package({"Contact": KEY}))
    assert done.status == "Failed"
    counted = org.client.toolingexecute(
        "query/?q=SELECT+COUNT()+FROM+CustomField+WHERE+TableEnumOrId='Contact'"
    )
    assert counted["totalSize"] == 500


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (field_xml("Bad__c", "Number", scale=0), "precision"),
        (field_xml("Bad__c", "Number", precision=19, scale=0), "between 1 and 18"),
        (field_xml("Bad__c", "Checkbox"), "defaultValue"),
        (field_xml("Bad__c", "LongTextArea", length=1000), "visibleLines"),
        (field_xml("Bad__c", "LongTextArea", length=131073, visibleLines=3), "between 256 and 131072"),
        (field_xml("Bad__c", "MultiselectPicklist", inner=picklist_xml(["a"])), "visibleLines"),
        (field_xml("Bad__c", "Picklist"), "valueSet"),
        (
            field_xml("Bad__c", "Lookup", referenceTo="Nothing__c", relationshipName="Bads"),
            "does not resolve",
        ),
        (field_xml("Bad__c", "Lookup", referenceTo="Contact"), "relationshipName"),
        (field_xml("Bad__c", "Date", externalId=True), "externalId"),
        (field_xml("Bad__c", "Text", label="x" * 41, length=5), "maximum length is:40"),
        (field_xml("Bad__c", "Text", length=5, inlineHelpText="x" * 511), "maximum length is:510"),
        (field_xml("Bad_", "Text", length=5), "can only contain"),
        (field_xml("Bad___c", "Text", length=5), "can only contain"),
        (field_xml("Bad__c", "Html", length=5), "not part of this sandbox"),
        (
            field_xml("Bad__c", "MasterDetail", referenceTo="Contact", relationshipName="Bads"),
            "Master-detail",
        ),
    ],
)
def test_a_field_the_platform_refuses_is_refused(org: Opened, xml: str, said: str) -> None:
    done = deploy(org.client, Package({"Account": xml}))
    assert done.status == "Failed"
    assert said.lower() in done.errors[0]["message"].lower()


def test_relationship_names_clash_and_names_repeat(org: Opened) -> None:
    first = field_xml("One__c", "Lookup", referenceTo="Account", relationshipName="Same")
    second = field_xml("Two__c", "Lookup", referenceTo="Account", relationshipName="Same")
    done = deploy(org.client, Package({"Clash__c": object_xml("Clash") + first + second}))
    assert "already a Child Relationship named Same on Account" in done.errors[0]["message"]
    twice = deploy(org.client, Package({"Clash__c": object_xml("Clash") + depths(1) + depths(1)}))
    assert "Duplicate field name" in twice.errors[0]["message"]


def test_a_permission_set_must_not_list_required_or_master_detail_fields(org: Opened) -> None:
    detail = field_xml("Master__c", "MasterDetail", referenceTo="Account", relationshipName="Details")
    objects = {"Detail__c": object_xml("Detail", sharing="ControlledByParent") + detail}
    assert deploy(org.client, Package(objects)).status == "Succeeded"
    assert "Master__c" in _names(org, "Detail__c")
    sets = {"Wrong": grants_xml("Wrong", ["Detail__c.Master__c"])}
    done = deploy(org.client, Package(permission_sets=sets))
    assert done.errors[0]["message"] == "You cannot deploy to a required field: Detail__c.Master__c"
    missing = deploy(org.client, Package(permission_sets={"W": grants_xml("W", ["Detail__c.No__c"])}))
    assert "no CustomField named Detail__c.No__c found" in missing.errors[0]["message"]


def test_a_field_deployed_again_is_changed_and_its_type_is_not(org: Opened) -> None:
    first = field_xml("Twice__c", "Text", length=10)
    deploy(org.client, Package({"Account": first}))
    longer = deploy(org.client, Package({"Account": field_xml("Twice__c", "Text", "New label", length=20)}))
    assert longer.status == "Succeeded"
    grant(org.client, "Twice", ["Account.Twice__c"])
    told = next(item for item in org.client.Account.describe()["fields"] if item["name"] == "Twice__c")
    assert (told["length"], told["label"]) == (20, "New label")
    other = deploy(org.client, Package({"Account": field_xml("Twice__c", "Date")}))
    assert other.errors[0]["message"] == "Cannot change field type from Text to Date"


def test_activity_takes_no_long_text_and_its_fields_show_on_events(org: Opened) -> None:
    long_text = field_xml("Long__c", "LongTextArea", length=1000, visibleLines=3)
    assert deploy(org.client, Package({"Activity": long_text})).status == "Failed"
    fields = {"Activity": field_xml("SessionType__c", "Text", length=40)}
    assert deploy(org.client, Package(fields)).status == "Succeeded"
    grant(org.client, "Activities", ["Activity.SessionType__c"])
    assert "SessionType__c" in _names(org, "Event") & _names(org, "Task")


def test_describe_metadata_through_zeep(org: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(org.sandbox.ca_path))
    told = org.client.mdapi.describe_metadata()
    assert {item.xmlName for item in told.metadataObjects} == {"CustomObject", "PermissionSet"}
