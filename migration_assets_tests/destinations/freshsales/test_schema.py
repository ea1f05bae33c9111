"""The schema: made through the API where the account lets us, else asked of an administrator."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from migration_assets.destinations.base import FieldType, SchemaDeployment
from migration_assets.destinations.freshsales.client import FreshsalesClient
from migration_assets.destinations.freshsales.discovery import Discovery
from migration_assets.destinations.freshsales.schema import checklist, deploy_schema, plan_rooms
from migration_assets.destinations.freshsales.schema_plan import capacities
from migration_assets.errors import (
    DestinationWithoutRoom,
    SchemaAwaitsAdministrator,
    SchemaDeploymentFailed,
)
from migration_assets.migration.plan import load_mapping
from migration_assets_tests.destinations.freshsales.conftest import MakeSettings
from migration_assets_tests.destinations.freshsales.schema_samples import (
    ALL,
    CONTACT,
    DEAL,
    PLAN_LINE,
    custom,
    standard,
    with_field,
)
from migration_assets_tests.sandbox.freshsales_fixtures import Opened

Deploy = Callable[..., SchemaDeployment]
KINDS = {
    "Text field": "text",
    "Text area": "textarea",
    "Dropdown": "dropdown",
    "Multi-select dropdown": "multi_select_dropdown",
    "Number": "number",
    "Date picker": "date",
    "Checkbox": "checkbox",
    "Look-up": "lookup",
}


@pytest.fixture
def deploy(client: FreshsalesClient, discovery: Discovery, make_settings: MakeSettings) -> Deploy:
    def once(*schemas: object, **changes: object) -> SchemaDeployment:
        return deploy_schema(client, discovery, make_settings(**changes), schemas or ALL)  # type: ignore[arg-type]

    return once


def posts(account: Opened) -> list[str]:
    return [each.path for each in account.control.requests() if each.method == "POST"]


def test_all_is_made_at_first_and_nothing_the_second_time(account: Opened, deploy: Deploy) -> None:
    first = deploy()
    assert "cm_dental_treatment_plan" in first.created
    assert len(first.created) == 1 + 4 + 1 + 3
    account.control.forget_requests()
    second = deploy()
    assert (second.created, posts(account)) == ((), [])
    assert set(second.unchanged) == set(first.created) - {"cm_dental_treatment_plan"}


def test_fields_are_found_by_the_label_whatever_the_account_names_them(
    deploy: Deploy, discovery: Discovery
) -> None:
    deploy()
    names = discovery.names_by_label("contacts")
    assert names["Periodontal_Stage__c"] == "cf_periodontal_stage_c"
    found = discovery.field(CONTACT, CONTACT.field("cf_periodontal_stage"))
    assert found is not None and found.choices == ("I", "II", "III", "IV")


def test_an_account_that_lets_nobody_make_fields_gives_a_checklist_and_then_goes_on(
    account: Opened, deploy: Deploy, discovery: Discovery
) -> None:
    account.control.settings(create_standard_fields=False)
    with pytest.raises(SchemaAwaitsAdministrator) as refused:
        deploy(CONTACT)
    for told in ("Periodontal_Stage__c", "Dropdown", "I, II, III, IV", "Last_Pocket_Depth_MM__c", "Number"):
        assert told in str(refused.value)
    assert len(posts(account)) == 1
    for step in checklist(discovery, [CONTACT]):
        choices = {"choices": list(step.choices)} if step.choices else {}
        account.control.add_field(step.place, step.label, KINDS[step.kind], **choices)
    assert deploy(CONTACT).created == ()


def test_nothing_is_tried_where_the_schema_is_to_be_made_by_hand(account: Opened, deploy: Deploy) -> None:
    with pytest.raises(SchemaAwaitsAdministrator, match="Dental Treatment Plan"):
        deploy(create_schema="by_hand")
    assert posts(account) == []


def test_a_plan_without_modules_refuses_before_anything_is_made(account: Opened, deploy: Deploy) -> None:
    account.control.settings(plan="growth")
    with pytest.raises(DestinationWithoutRoom, match="custom module Dental Treatment Plan"):
        deploy(plan="growth")
    assert posts(account) == []


def test_a_kind_that_is_full_refuses_before_anything_is_made(account: Opened, deploy: Deploy) -> None:
    account.control.settings(plan="pro", custom_modules=1)
    account.control.fill_fields("contacts", "date", 50)
    with pytest.raises(DestinationWithoutRoom, match="1 more date fields and has room for 0"):
        deploy(plan="pro", custom_modules=1)
    assert posts(account) == []


def test_a_field_of_another_kind_under_our_label_stops_the_deployment(
    account: Opened, deploy: Deploy
) -> None:
    account.control.add_field("contacts", "Staging_Date__c", "text")
    with pytest.raises(SchemaDeploymentFailed, match=r"Staging_Date__c.* is a text .* needs a date"):
        deploy(CONTACT)
    assert posts(account) == []


def test_a_list_that_lacks_choices_stops_the_deployment(account: Opened, deploy: Deploy) -> None:
    account.control.add_field("contacts", "Periodontal_Stage__c", "dropdown", choices=["I", "II"])
    with pytest.raises(SchemaDeploymentFailed, match="lacks III, IV"):
        deploy(CONTACT)


def test_who_works_through_the_checklist_of_the_whole_mapping_may_load(
    account: Opened, deploy: Deploy, discovery: Discovery
) -> None:
    schemas = [each.schema for each in load_mapping("freshsales").resolved({"modules": "on"})]
    with pytest.raises(SchemaAwaitsAdministrator):
        deploy(*schemas, create_schema="by_hand")

    for step in checklist(discovery, schemas):
        if step.kind == "Custom module":
            account.control.add_module(step.object.removeprefix("cm_"), step.label, step.label + "s")
        elif step.kind != "Deal pipeline":
            more: dict[str, object] = {"choices": list(step.choices)} if step.choices else {}
            more |= {"lookup_entity": step.points_to} if step.points_to else {}
            account.control.add_field(step.place, step.label, KINDS[step.kind], **more)

    assert {step.kind for step in checklist(discovery, schemas)} <= {"Deal pipeline"}
    assert deploy(*schemas, create_schema="by_hand").created == ()


def test_the_checklist_is_in_an_administrators_order(account: Opened, discovery: Discovery) -> None:
    account.control.add_field("contacts", "Periodontal_Stage__c", "dropdown", choices=["I", "II"])
    account.control.add_field("contacts", "Staging_Date__c", "text")
    stages = standard("deal_stage", "Stage", FieldType.PICKLIST, values=("Recall", "Lost"))

    steps = checklist(discovery, [CONTACT, with_field(DEAL, stages), PLAN_LINE])

    assert (steps[0].label, steps[0].kind) == ("Dental Treatment Plan", "Custom module")
    assert (steps[-1].kind, steps[-1].choices, steps[-1].there) == ("Deal pipeline", ("Recall",), True)
    of_lines = [step.kind for step in steps if step.place == "cm_dental_treatment_plan" and step.field]
    assert (of_lines[-1], steps[-2].points_to) == ("Look-up", "deals")
    stage, date = (
        next(each for each in steps if each.label == name)
        for name in ("Periodontal_Stage__c", "Staging_Date__c")
    )
    assert (stage.there, stage.choices) == (True, ("III", "IV"))
    assert date.mind is not None and "rename the text field" in date.mind


def test_every_plan_says_what_fits_of_each_kind(
    account: Opened, discovery: Discovery, make_settings: MakeSettings
) -> None:
    account.control.add_field(
        "contacts", "Periodontal_Stage__c", "dropdown", choices=["I", "II", "III", "IV"]
    )
    account.control.fill_fields("contacts", "date", 30)

    rooms = plan_rooms(discovery, make_settings(custom_field_limits={"date": 200}), ALL)

    found = {(each.plan, each.object, each.kind): each for each in rooms}
    dates = {plan: found[plan, "contact", "Date picker"] for plan in ("growth", "pro", "enterprise")}
    assert {name: (each.others, each.limit, each.fits) for name, each in dates.items()} == {
        "growth": (30, 30, False),
        "pro": (30, 50, True),
        "enterprise": (30, 200, True),
    }
    assert [name for name, each in dates.items() if each.own] == ["enterprise"]
    stages = found["enterprise", "contact", "Dropdown"]
    assert (stages.needed, stages.there, stages.others) == (("cf_periodontal_stage",), 1, 0)
    modules = [found[plan, None, "Custom module"] for plan in ("growth", "pro", "enterprise")]
    assert [each.fits for each in modules] == [False, False, True]
    assert found["growth", "cm_dental_treatment_plan", "Look-up"].fits is False


@pytest.mark.parametrize(
    ("field", "told"),
    [
        (custom("cf_at", "At", FieldType.DATETIME), "is a datetime"),
        (custom("cf_story", "Story", FieldType.LONG_TEXT, length=32_000), "32,000 characters"),
        (custom("cf_line", "Line", FieldType.TEXT, length=500), "500 characters"),
        (custom("cf_sum", "Sum", FieldType.NUMBER, precision=18, scale=2), "16 digits"),
    ],
)
def test_what_no_field_of_freshsales_holds_is_refused(deploy: Deploy, field: object, told: str) -> None:
    with pytest.raises(SchemaDeploymentFailed, match=told):
        deploy(with_field(CONTACT, field))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["lost_after", "lost_before"])
def test_what_was_made_without_an_answer_is_there_once(account: Opened, deploy: Deploy, kind: str) -> None:
    account.control.fault(kind, method="POST", path="/module_customizations$")
    account.control.fault(kind, method="POST", path="/forms/.*/fields$", count=1)
    deploy(PLAN_LINE, DEAL)
    labels = [each["label"] for each in account.ok("GET", "/settings/deals/fields")["fields"]]
    assert labels.count("PANDA Key") == 1
    assert len(account.ok("GET", "/settings/module_customizations")["module_customizations"]) == 1


def test_what_a_module_refers_to_is_a_look_up_of_its_own(deploy: Deploy, discovery: Discovery) -> None:
    reference = standard("contact", "Patient", FieldType.LOOKUP, reference_to="contact")
    line = with_field(PLAN_LINE, reference)
    deploy(line)
    found = discovery.field(line, reference)
    assert found is not None and (found.name, found.type) == ("cf_patient", "lookup")


def test_the_capacity_names_the_fields_that_are_there(
    account: Opened, discovery: Discovery, make_settings: MakeSettings
) -> None:
    account.control.add_field("contacts", "Staging_Date__c", "date")
    found = capacities(discovery, make_settings(), ["contact", "cm_dental_treatment_plan", "note"])
    assert found["contact"].custom_fields == {"cf_staging_date_c"}
    assert found["contact"].custom_field_limit == 630
    assert not found["cm_dental_treatment_plan"].exists
    assert found["note"].custom_field_limit == 0
