"""Layouts, tabs and list views on an org, deployed with the schema and left alone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema
from migration_assets.destinations.salesforce import presentation
from migration_assets.destinations.salesforce.destination import SalesforceDestination, connect
from migration_assets.destinations.salesforce.presentation import Shown
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets_tests.destinations.salesforce.conftest import StartOrg, settings_for
from migration_assets_tests.destinations.salesforce.schemas import CONTACT, EXAM, KEY
from migration_sandbox.salesforce.launch import SalesforceSandbox

STATUS = FieldSchema("Status__c", "Status", FieldType.PICKLIST, True, values=("proposed", "in-progress"))
PATIENT = replace(EXAM.field("Contact__c"), child_relationship="Plans", required=True)
PLAN = ObjectSchema("Plan__c", "Plan", "Plans", True, KEY.name, (KEY, PATIENT, STATUS))
DETAIL = FieldSchema(
    "Plan__c", "Plan", FieldType.MASTER_DETAIL, True, reference_to="Plan__c", relationship="Plan__r",
    child_relationship="Lines", required=True,
)  # fmt: skip
LINE = ObjectSchema("Line__c", "Line", "Lines", True, KEY.name, (KEY, DETAIL))
SCHEMAS = [CONTACT, EXAM, PLAN, LINE]


@pytest.fixture(scope="module")
def org(start_org: StartOrg) -> SalesforceSandbox:
    return start_org("presentation")


@pytest.fixture
def showing(org: SalesforceSandbox) -> Iterator[SalesforceDestination]:
    destination = connect(settings_for(org, deploy_layouts=True))
    yield destination
    destination.close()


def shown(org: SalesforceSandbox) -> Shown:
    session = SalesforceSession(settings_for(org))
    try:
        return presentation.read(session, SCHEMAS)
    finally:
        session.close()


def test_objects_come_with_layouts_tabs_and_views(
    org: SalesforceSandbox, showing: SalesforceDestination
) -> None:
    contacts = shown(org).layouts["Contact-Contact Layout"]
    done = showing.deploy_schema(SCHEMAS)
    there = shown(org)

    assert {"Layout Plan__c-Plan Layout", "CustomTab Plan__c", "ListView Plan__c.Status_proposed"} <= {
        *done.created
    }
    assert {"Plan__c", "ClinicalExam__c"} <= there.tabs
    assert "Line__c" not in there.tabs
    assert {"Plan__c.All", "Plan__c.Status_in_progress"} <= there.list_views
    assert there.layouts["Contact-Contact Layout"] == contacts
    assert {each.code for each in done.findings} == {"layout_incomplete"}
    assert {each.object for each in done.findings} == {"Contact"}


def test_a_second_deployment_sends_nothing(org: SalesforceSandbox, showing: SalesforceDestination) -> None:
    showing.deploy_schema(SCHEMAS)
    before = shown(org)
    done = showing.deploy_schema(SCHEMAS)

    assert (done.created, done.updated) == ((), ())
    assert shown(org) == before


def test_existing_layouts_are_extended_by_decision(org: SalesforceSandbox) -> None:
    extending = connect(settings_for(org, deploy_layouts=True, layouts="extend"))
    done = extending.deploy_schema(SCHEMAS)
    extending.close()

    assert "Layout Contact-Contact Layout" in done.created
    assert done.findings == ()
    lists = [value for name, value in shown(org).layouts["Contact-Contact Layout"] if name == "relatedLists"]
    assert {dict(each)["relatedList"] for each in lists if not isinstance(each, str)} >= {
        "ClinicalExam__c.Contact__c",
        "Plan__c.Contact__c",
    }


def test_an_object_that_was_there_with_an_empty_layout_gets_ours(
    org: SalesforceSandbox, showing: SalesforceDestination
) -> None:
    older = ObjectSchema("Older__c", "Older", "Olders", True, KEY.name, (KEY, STATUS))
    plain = connect(settings_for(org))
    plain.deploy_schema([older])
    plain.close()
    done = showing.deploy_schema([older])

    assert {"Layout Older__c-Older Layout", "CustomTab Older__c"} <= {*done.created}
    assert [each for each in done.findings if each.object == "Older__c"] == []
