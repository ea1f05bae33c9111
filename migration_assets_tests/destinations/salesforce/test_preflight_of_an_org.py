"""What is none of our business in an org, or switched off, or permitted, is no finding.

What is one is provoked in ``test_preflight_provoked``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from migration_assets.destinations.base import Finding, ObjectSchema
from migration_assets.destinations.salesforce.destination import SalesforceDestination, connect
from migration_assets_tests.destinations.salesforce.conftest import StartOrg, settings_for
from migration_assets_tests.destinations.salesforce.schemas import CONTACT, KEY
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

VISIT = ObjectSchema("Visit__c", "Visit", "Visits", True, KEY.name, (KEY,))
SCHEMAS = [CONTACT, VISIT]
WANTED_ZONE = "America/New_York"


@pytest.fixture(scope="module")
def sandbox(start_org: StartOrg) -> SalesforceSandbox:
    org = start_org("preflight")
    destination = connect(settings_for(org))
    destination.deploy_schema(SCHEMAS)
    destination.close()
    return org


@pytest.fixture
def found_now(sandbox: SalesforceSandbox) -> Iterator[SalesforceDestination]:
    destination = connect(settings_for(sandbox))
    yield destination
    destination.close()


def worth_a_look(destination: SalesforceDestination) -> list[Finding]:
    return [each for each in destination.preflight(SCHEMAS, None, WANTED_ZONE) if each.severity != "note"]


@pytest.fixture
def rules(control: Control) -> Iterator[Control]:
    yield control
    control.forget_rules()


def test_an_org_of_ours_alone_has_nothing_to_look_at(found_now: SalesforceDestination) -> None:
    assert worth_a_look(found_now) == []


@pytest.mark.parametrize(
    ("kind", "sobject", "code"),
    [
        ("validation", "Contact", "validation_rule_active"),
        ("validation", "Visit__c", "validation_rule_active"),
        ("duplicate", "Contact", "duplicate_rule_active"),
        ("flow", "Contact", "flow_active"),
        ("flow", "Visit__c", "flow_active"),
        ("trigger", "Contact", "trigger_active"),
        ("trigger", "Visit__c", "trigger_active"),
    ],
)
def test_automation_that_would_fire_is_named_and_what_is_switched_off_is_not(
    rules: Control, found_now: SalesforceDestination, kind: str, sobject: str, code: str
) -> None:
    field = "PANDA_Key__c"
    rules.add_rule(kind, sobject, "Somebodys_Rule", fields=[field])
    rules.add_rule(kind, sobject, "Old_Rule", active=False, fields=[field])
    rules.add_rule(kind, "Account", "Elsewhere", fields=["Name"])

    (found,) = worth_a_look(found_now)
    assert (found.code, found.severity, found.object) == (code, "warning", sobject)
    assert "Somebodys_Rule" in found.message


def test_permissions_follow_the_login(control: Control, found_now: SalesforceDestination) -> None:
    def lacking() -> set[str]:
        codes = {each.code for each in found_now.preflight(SCHEMAS)}
        return codes & {"audit_fields_not_permitted", "hard_delete_not_permitted"}

    control.settings(set_audit_fields=True, bulk_hard_delete=True)
    assert lacking() == set()
    control.settings(set_audit_fields=False, bulk_hard_delete=False)
    assert lacking() == {"audit_fields_not_permitted", "hard_delete_not_permitted"}
