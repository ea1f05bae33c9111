"""Taking a schema out of a running org again, and deploying it anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema
from migration_assets.destinations.salesforce import presentation
from migration_assets.destinations.salesforce.destination import SalesforceDestination, connect
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.errors import DestinationWithoutRoom, SchemaDeploymentFailed
from migration_assets_tests.destinations.salesforce.conftest import StartOrg, settings_for
from migration_assets_tests.destinations.salesforce.schemas import ACCOUNT, CONTACT, EVENT, EXAM, KEY
from migration_assets_tests.sandbox.salesforce_fixtures import sign_in
from migration_sandbox.salesforce.launch import SalesforceSandbox

TOOTH = ObjectSchema(
    "ExamTooth__c",
    "Exam Tooth",
    "Exam Teeth",
    True,
    "PANDA_Key__c",
    (
        KEY,
        FieldSchema(
            "Exam__c",
            "Exam",
            FieldType.MASTER_DETAIL,
            True,
            reference_to="ClinicalExam__c",
            relationship="Exam__r",
            child_relationship="Teeth",
        ),
    ),
)
NOTED = replace(
    CONTACT,
    fields=(*CONTACT.fields, FieldSchema("Notes__c", "Notes", FieldType.LONG_TEXT, True, length=5_000)),
)
ALL = [ACCOUNT, NOTED, EXAM, TOOTH, EVENT]
PERMISSION_SET = "PermissionSet PANDA_Migration"
Org = tuple[SalesforceDestination, SalesforceSandbox]


@pytest.fixture(scope="module")
def standing(start_org: StartOrg) -> SalesforceSandbox:
    return start_org("schema-removal", sandbox_org=True)


@pytest.fixture(scope="module")
def full(start_org: StartOrg) -> SalesforceSandbox:
    """A production org whose contacts get all the fields that they can have."""
    return start_org("schema-full")


@contextmanager
def deployed(org: SalesforceSandbox, in_tooling: bool = False, **changes: Any) -> Iterator[Org]:
    """The org without records and with every schema, which is taken out again; whether its Tooling API lists
    deleted fields."""
    control = org.control
    control.reset()
    before = control.settings()
    control.settings(deleted_fields_in_tooling=in_tooling)
    destination = connect(settings_for(org, deploy_layouts=True, layouts="extend", **changes))
    try:
        destination.deploy_schema(ALL)
        yield destination, org
        control.reset()
        destination.remove_schema(ALL)
        control.erase_deleted()
    finally:
        destination.close()
        control.settings(**before)


@pytest.fixture
def fresh(standing: SalesforceSandbox) -> Iterator[Org]:
    with deployed(standing) as made:
        yield made


def us(org: SalesforceSandbox) -> Any:
    return sign_in(org).client


def custom(org: SalesforceSandbox, name: str) -> set[str]:
    return {each["name"] for each in getattr(us(org), name).describe()["fields"] if each["custom"]}


def test_an_empty_schema_goes_whole_and_can_be_deployed_again(fresh: Org) -> None:
    destination, org = fresh

    done = destination.remove_schema(ALL)

    assert done.kept == ()
    assert done.counts_still == ()
    assert {"ClinicalExam__c", "ExamTooth__c", "Contact.Notes__c", "Event.SessionType__c"} <= set(
        done.removed
    )
    assert {"CustomTab ClinicalExam__c", PERMISSION_SET} <= set(done.removed)
    assert custom(org, "Contact") == custom(org, "Event") == set()
    assert not any(room.exists for room in destination.capacity(["ClinicalExam__c", "ExamTooth__c"]).values())
    assert destination.remove_schema(ALL).removed == ()

    again = destination.deploy_schema(ALL)
    assert {"ClinicalExam__c", "Contact.Notes__c", "CustomTab ClinicalExam__c"} <= set(again.created)
    assert again.findings == ()


def test_a_layout_that_was_extended_is_as_it_was(standing: SalesforceSandbox) -> None:
    before = layouts(standing)

    with deployed(standing) as (destination, org):
        assert layouts(org) != before
        destination.remove_schema(ALL)
        assert layouts(org) == before


def layouts(org: SalesforceSandbox) -> dict[str, Any]:
    session = SalesforceSession(settings_for(org))
    try:
        return presentation.read(session, [ACCOUNT, CONTACT, EVENT]).layouts
    finally:
        session.close()


def test_what_holds_anybodys_value_is_kept_and_said_why(fresh: Org) -> None:
    destination, org = fresh
    client = us(org)
    client.Contact.create({"LastName": "Quill", "PANDA_Key__c": "oak:patient:1", "Notes__c": "theirs"})
    client.ClinicalExam__c.create({"PANDA_Key__c": "oak:exam:1"})
    client.Task.create({"Subject": "Call", "SessionType__c": "Scaling"})

    done = destination.remove_schema(ALL)

    kept = dict(done.kept)
    assert kept.keys() == {
        "ClinicalExam__c",
        "Contact.PANDA_Key__c",
        "Contact.Notes__c",
        "Event.SessionType__c",
        PERMISSION_SET,
    }
    assert kept["ClinicalExam__c"] == "it has records"
    assert "theirs" not in str(done)
    assert "ExamTooth__c" in done.removed
    assert custom(org, "Contact") == {"PANDA_Key__c", "Notes__c"}
    assert us(org).query("SELECT Notes__c FROM Contact")["records"][0]["Notes__c"] == "theirs"


def test_what_somebody_built_on_is_kept(fresh: Org) -> None:
    destination, _ = fresh
    extra = FieldSchema("Theirs__c", "Theirs", FieldType.TEXT, True, length=20)
    referring = replace(TOOTH.field("Exam__c"), type=FieldType.LOOKUP, child_relationship="Reviews")
    review = ObjectSchema("Review__c", "Review", "Reviews", True, "PANDA_Key__c", (KEY, referring, extra))
    destination.deploy_schema([review])

    kept = dict(destination.remove_schema([ACCOUNT, NOTED, EXAM, TOOTH, EVENT]).kept)
    assert kept["ClinicalExam__c"] == "Review__c.Exam__c refers to it"
    without = replace(review, fields=(KEY, referring))
    kept = dict(destination.remove_schema([without]).kept)
    assert "Theirs__c" in kept["Review__c"]
    assert set(dict(destination.remove_schema([EXAM, review]).kept)) == set()


def test_in_production_removed_fields_count_until_they_are_erased(full: SalesforceSandbox) -> None:
    with deployed(full, in_tooling=True, fields_left_free=0) as (destination, org):
        fields = {f"Contact.{each.name}" for each in NOTED.stored_fields if each.custom}

        done = destination.remove_schema(ALL)

        assert fields <= set(done.counts_still)
        assert not [each for each in done.counts_still if each.startswith("ClinicalExam__c")]
        org.control.fill_custom_fields("Contact", 500 - len(fields))
        [said] = [each for each in destination.preflight(ALL) if each.code == "deleted_fields_hold_room"]
        assert (said.object, said.severity) == ("Contact", "warning")
        assert said.message.startswith(f"{len(fields)} of Contact's custom fields are deleted")
        assert "Deleted Fields" in said.message
        with pytest.raises(DestinationWithoutRoom, match="Deleted Fields"):
            destination.deploy_schema(ALL)
        org.control.erase_deleted()
        assert "Contact.Notes__c" in destination.deploy_schema(ALL).created


def test_where_deleted_fields_are_not_listed_the_orgs_refusal_says_what_to_do(
    full: SalesforceSandbox,
) -> None:
    with deployed(full, fields_left_free=0) as (destination, org):
        fields = [each for each in NOTED.stored_fields if each.custom]
        destination.remove_schema(ALL)
        org.control.fill_custom_fields("Contact", 500 - len(fields))

        with pytest.raises(SchemaDeploymentFailed, match="Deleted Fields"):
            destination.deploy_schema(ALL)
        org.control.erase_deleted()
        assert "Contact.Notes__c" in destination.deploy_schema(ALL).created


def test_a_permission_set_that_others_have_stays(fresh: Org) -> None:
    destination, org = fresh
    user = org.control.add_user("ann@maple.example", "ann@maple.example", "Ann")
    client = us(org)
    [made] = client.query("SELECT Id FROM PermissionSet WHERE Name = 'PANDA_Migration'")["records"]
    assigned = client.PermissionSetAssignment.create({"AssigneeId": user, "PermissionSetId": made["Id"]})[
        "id"
    ]

    done = destination.remove_schema(ALL)

    assert dict(done.kept)[PERMISSION_SET].startswith("1 other users have it")
    assert "ClinicalExam__c" in done.removed
    client.PermissionSetAssignment.delete(assigned)
    assert destination.remove_schema(ALL).removed == (PERMISSION_SET,)
