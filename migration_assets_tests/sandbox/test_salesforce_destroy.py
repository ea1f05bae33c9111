"""Taking schema away from the sandbox org: what goes along, what refuses, and what still counts."""

import io
import json
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

from migration_assets_tests.sandbox.salesforce_fixtures import (
    KEY,
    NAMESPACE,
    Opened,
    Package,
    deploy,
    element,
    field_xml,
    grant,
    object_xml,
    sign_in,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox

LOOKUP = field_xml("Contact__c", "Lookup", referenceTo="Contact", relationshipName="Visits")


@dataclass
class Deletion(Package):
    """A package that takes components away: kind -> names, by the manifest's file."""

    gone: Mapping[str, Sequence[str]] = field(default_factory=dict)
    manifest: str = "destructiveChanges.xml"

    def zip(self) -> bytes:
        packed = io.BytesIO(super().zip())
        types = "".join(
            "<types>"
            + "".join(element("members", name) for name in names)
            + element("name", kind)
            + "</types>"
            for kind, names in self.gone.items()
        )
        with zipfile.ZipFile(packed, "a") as archive:
            archive.writestr(self.manifest, f"<Package {NAMESPACE}>{types}</Package>")
        return packed.getvalue()


@dataclass(frozen=True)
class Told:
    """A deployment's end as REST tells it."""

    status: str
    failures: list[dict[str, Any]]
    successes: list[dict[str, Any]]


def submit(
    org: Opened, gone: Mapping[str, Sequence[str]], options: Mapping[str, bool], **more: Any
) -> requests.Response:
    parts = {
        "entity_content": (None, json.dumps({"deployOptions": options}), "application/json"),
        "file": ("package.zip", Deletion(gone=gone, **more).zip(), "application/zip"),
    }
    return org.bulk.request("POST", "/metadata/deployRequest", files=parts)


def destroy(
    org: Opened,
    gone: Mapping[str, Sequence[str]],
    ignore_warnings: bool = True,
    purge: bool = False,
    **more: Any,
) -> Told:
    """Through the REST resource, which shows warnings and what was deleted."""
    options = {"rollbackOnError": True, "ignoreWarnings": ignore_warnings, "purgeOnDelete": purge}
    path = "/metadata/deployRequest/" + submit(org, gone, options, **more).json()["id"]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        told = org.bulk.request("GET", path + "?includeDetails=true").json()["deployResult"]
        if told["done"]:
            details = told["details"]
            return Told(told["status"], details["componentFailures"], details["componentSuccesses"])
        time.sleep(0.02)
    raise AssertionError("the deployment didn't end")


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A production org, in which what is deleted goes on counting."""
    with SalesforceSandbox(tmp_path_factory.mktemp("destroy") / "org") as sandbox:
        yield sign_in(sandbox)


def visit_schema(org: Opened, name: str) -> None:
    lookup = LOOKUP.replace("Visits", name)
    objects = {"Contact": KEY, f"{name}__c": object_xml(name, activities=True) + KEY + lookup}
    assert deploy(org.client, Package(objects)).status == "Succeeded"
    fields = ["Contact.PANDA_Key__c", f"{name}__c.PANDA_Key__c", f"{name}__c.Contact__c"]
    grant(org.client, f"{name}Set", fields)


def test_a_deleted_field_takes_its_values_and_its_grants_and_may_come_again_empty(org: Opened) -> None:
    visit_schema(org, "First")
    kept = org.client.Contact.create({"LastName": "Doe", "PANDA_Key__c": "k1"})["id"]
    binned = org.client.Contact.create({"LastName": "Roe", "PANDA_Key__c": "k2"})["id"]
    org.client.Contact.delete(binned)

    done = destroy(org, {"CustomField": ["Contact.PANDA_Key__c", "Contact.Never__c"]})

    assert (done.status, done.failures) == ("Succeeded", [])
    assert {
        (one["fullName"], one["deleted"], one["problem"], one["problemType"]) for one in done.successes
    } == {
        ("Contact.PANDA_Key__c", True, None, None),
        ("destructiveChanges.xml", False, "No CustomField named: Contact.Never__c found", "Warning"),
    }
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'PANDA_Key__c'"):
        org.client.query("SELECT PANDA_Key__c FROM Contact")
    granted = org.client.query("SELECT Field FROM FieldPermissions WHERE SobjectType = 'Contact'")
    assert granted["totalSize"] == 0

    assert deploy(org.client, Package({"Contact": KEY})).status == "Succeeded"
    grant(org.client, "Again", ["Contact.PANDA_Key__c"])
    found = org.client.query_all("SELECT Id, PANDA_Key__c FROM Contact", include_deleted=True)["records"]
    assert {one["Id"]: one["PANDA_Key__c"] for one in found} == {kept: None, binned: None}
    again = org.client.Contact.upsert("PANDA_Key__c/k1", {"LastName": "New"}, raw_response=True)
    assert again.status_code == 201


def test_a_warning_fails_the_deployment_of_a_caller_who_does_not_ignore_them(org: Opened) -> None:
    told = destroy(org, {"CustomField": ["Contact.Never__c"]}, ignore_warnings=False)
    assert told.status == "Failed"
    assert [(one["success"], one["problemType"]) for one in told.failures] == [(False, "Warning")]


def test_a_deleted_object_takes_records_links_and_layouts_and_its_ids_mean_nothing(org: Opened) -> None:
    visit_schema(org, "Second")
    contact = org.client.Contact.create({"LastName": "Poe"})["id"]
    visit = org.client.Second__c.create({"Contact__c": contact})["id"]
    task = org.client.Task.create({"WhatId": visit, "Subject": "Call"})["id"]
    file = {"Title": "x", "PathOnClient": "x.txt", "VersionData": "eA==", "FirstPublishLocationId": visit}
    version = org.client.ContentVersion.create(file)["id"]

    refused = destroy(org, {"CustomObject": ["Contact", "Never__c"]}, ignore_warnings=False)
    assert {one["problem"] for one in refused.failures} == {
        "No CustomObject named: Contact found",
        "No CustomObject named: Never__c found",
    }
    done = destroy(org, {"CustomObject": ["Second__c"]})

    assert (done.status, done.failures) == ("Succeeded", [])
    names = {one["name"] for one in org.client.describe()["sobjects"]}
    assert "Second__c" not in names
    what = next(one for one in org.client.Task.describe()["fields"] if one["name"] == "WhatId")
    assert "Second__c" not in what["referenceTo"]
    with pytest.raises(SalesforceResourceNotFound):
        org.client.Task.get(task)
    dumped = org.sandbox.control.dump()
    assert not any("Second" in name for name in (*dumped["records"], *dumped["components"]["Layout"]))
    assert not any("Second__c" in str(grants) for grants in dumped["components"]["PermissionSet"].values())
    assert not any(visit in link.values() for link in dumped["records"]["ContentDocumentLink"])
    assert version in dumped["files"]

    visit_schema(org, "Second")
    renewed = org.client.Second__c.create({"Contact__c": contact})["id"]
    assert renewed[:3] != visit[:3]
    with pytest.raises(SalesforceResourceNotFound):
        org.client.Second__c.get(visit)


def test_what_refers_to_it_keeps_a_component_unless_it_goes_as_well(org: Opened) -> None:
    pointing = field_xml("Parent__c", "Lookup", referenceTo="Parent__c", relationshipName="Children")
    objects = {"Parent__c": object_xml("Parent"), "Child__c": object_xml("Child") + pointing}
    assert deploy(org.client, Package(objects)).status == "Succeeded"
    grant(org.client, "Assigned", ["Child__c.Parent__c"])

    refused = destroy(org, {"CustomObject": ["Parent__c"], "PermissionSet": ["Assigned"]})
    assert {one["fullName"]: one["problem"] for one in refused.failures} == {
        "Parent__c": "This custom object is referenced elsewhere in salesforce.com. : Child__c.Parent__c.",
        "Assigned": "Can't delete the permission set: it is assigned to users",
    }
    assert "Parent__c" in org.sandbox.control.dump()["records"]

    assigned = org.client.query(
        "SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.Name = 'Assigned'"
    )["records"][0]["Id"]
    org.client.PermissionSetAssignment.delete(assigned)
    done = destroy(org, {"CustomObject": ["Parent__c", "Child__c"], "PermissionSet": ["Assigned"]})
    assert (done.status, done.failures) == ("Succeeded", [])
    assert org.client.query("SELECT Id FROM PermissionSet WHERE Name = 'Assigned'")["totalSize"] == 0


def test_deleted_fields_hold_their_room_until_they_are_erased(org: Opened) -> None:
    control = org.sandbox.control
    names = [f"Full_{number}__c" for number in range(3)]
    fields = "".join(field_xml(name, "Text", length=10) for name in names)
    assert deploy(org.client, Package({"Account": fields})).status == "Succeeded"
    control.fill_custom_fields("Account", 500)
    paths = [f"Account.{name}" for name in names]
    assert destroy(org, {"CustomField": paths}).status == "Succeeded"

    full = deploy(org.client, Package({"Account": fields}))
    assert full.status == "Failed"
    assert "maximum number of custom fields (500)" in full.errors[0]["message"]
    tooling = "tooling/query/?q=SELECT DeveloperName FROM CustomField WHERE DeveloperName LIKE 'Full%'"
    assert org.client.restful(tooling)["totalSize"] == 0
    control.settings(deleted_fields_in_tooling=True)
    shown = org.client.restful(tooling)["records"]
    assert [one["DeveloperName"] for one in shown] == ["Full_0_del", "Full_1_del", "Full_2_del"]
    purging = submit(org, {"CustomField": paths}, {"purgeOnDelete": True})
    assert purging.status_code == 400
    assert "purgeOnDelete option can only be used on a non-active org" in purging.text

    assert control.erase_deleted()["fields"] >= 3
    assert deploy(org.client, Package({"Account": fields})).status == "Succeeded"


def test_a_sandbox_org_may_purge_at_once_and_a_pre_manifest_makes_room(tmp_path: Any) -> None:
    with SalesforceSandbox(tmp_path / "org", sandbox_org=True) as sandbox:
        org = sign_in(sandbox)
        field_0 = field_xml("Full_0__c", "Text", length=10)
        assert deploy(org.client, Package({"Account": field_0})).status == "Succeeded"
        sandbox.control.fill_custom_fields("Account", 500)
        other = {"Account": field_xml("Other__c", "Text", length=10)}
        gone = {"CustomField": ["Account.Full_0__c"]}
        held = destroy(org, gone, objects=other, manifest="destructiveChangesPre.xml")
        assert held.status == "Failed"
        done = destroy(org, gone, objects=other, manifest="destructiveChangesPre.xml", purge=True)
        assert (done.status, done.failures) == ("Succeeded", [])
        assert sandbox.control.erase_deleted() == {"fields": 0, "objects": 0}
        sandbox.kill()
        sandbox.start()
        fields = {one["name"] for one in sandbox.control.dump()["schema"]["Account"]}
        assert "Other__c" in fields
        assert "Full_0__c" not in fields
