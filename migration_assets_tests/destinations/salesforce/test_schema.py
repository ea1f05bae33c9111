"""Deploying schemas to an org that has none of them yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema, Volumes
from migration_assets.destinations.salesforce.destination import SalesforceDestination, connect
from migration_assets.errors import DestinationWithoutRoom, SchemaDeploymentFailed
from migration_assets_tests.destinations.salesforce.conftest import StartOrg, settings_for
from migration_assets_tests.destinations.salesforce.schemas import (
    ACCOUNT,
    CONTACT,
    EVENT,
    EXAM,
    KEY,
    wide_exam,
)
from migration_sandbox.salesforce.launch import SalesforceSandbox


@pytest.fixture(scope="module")
def empty_org(start_org: StartOrg) -> SalesforceSandbox:
    return start_org("schema")


@pytest.fixture
def bare(empty_org: SalesforceSandbox) -> Iterator[SalesforceDestination]:
    destination = connect(settings_for(empty_org))
    yield destination
    destination.close()


def thing(name: str, *fields: FieldSchema) -> ObjectSchema:
    return ObjectSchema(name, "Thing", "Things", True, "PANDA_Key__c", (KEY, *fields))


def errors(destination: SalesforceDestination, *schemas: ObjectSchema) -> list[tuple[str, str | None]]:
    found = destination.preflight(schemas)
    return [(each.code, each.field) for each in found if each.severity == "error"]


def deployments(sandbox: SalesforceSandbox) -> int:
    return sum("/Soap/m" in each.path for each in sandbox.control.requests())


def test_an_object_that_is_not_there_has_its_whole_room(bare: SalesforceDestination) -> None:
    room = bare.capacity(["NotThere__c"])["NotThere__c"]
    assert (room.exists, room.custom_field_limit, room.custom_fields) == (False, 500, frozenset())


def test_the_room_follows_the_edition(start_org: StartOrg) -> None:
    org = start_org("unlimited", edition="unlimited")
    assert connect(settings_for(org)).capacity(["Contact"])["Contact"].custom_field_limit == 800


def test_a_preflight_names_what_is_missing_and_changes_nothing(bare: SalesforceDestination) -> None:
    small = thing("NeverMade__c")
    assert errors(bare, small) == [("object_missing", None)]
    assert errors(bare, small) == [("object_missing", None)]


def test_what_is_deployed_is_visible_writable_and_counted(bare: SalesforceDestination) -> None:
    schemas = [ACCOUNT, CONTACT, EXAM, EVENT]
    done = bare.deploy_schema(schemas)
    assert "ClinicalExam__c" in done.created
    assert "Contact.Specialty__c" in done.created
    assert done.findings == ()
    assert errors(bare, *schemas) == []
    rooms = bare.capacity(["Contact", "ClinicalExam__c", "Event"])
    assert {"PANDA_Key__c", "Provider__c"} <= rooms["Contact"].custom_fields
    assert rooms["ClinicalExam__c"].custom_fields == set(EXAM.field_names)
    assert "SessionType__c" in rooms["Event"].custom_fields
    assert rooms["Event"].custom_field_limit == 100


def test_a_second_deployment_sends_nothing(empty_org: SalesforceSandbox, bare: SalesforceDestination) -> None:
    schema = thing(
        "Twice__c", FieldSchema("Number__c", "Number", FieldType.NUMBER, True, precision=2, scale=0)
    )
    bare.deploy_schema([schema])
    empty_org.control.forget_requests()
    done = bare.deploy_schema([schema])
    assert (done.created, done.updated) == ((), ())
    assert set(done.unchanged) == {"Twice__c.PANDA_Key__c", "Twice__c.Number__c"}
    assert deployments(empty_org) == 0


def test_deploying_one_object_keeps_what_was_granted_for_another(bare: SalesforceDestination) -> None:
    first, second = thing("First__c"), thing("Second__c")
    bare.deploy_schema([first])
    bare.deploy_schema([second])
    assert errors(bare, first, second) == []


def test_a_picklist_gains_values_and_loses_none(bare: SalesforceDestination) -> None:
    field = FieldSchema("Kind__c", "Kind", FieldType.PICKLIST, True, values=("a", "b"))
    bare.deploy_schema([thing("Picked__c", field)])
    more = thing("Picked__c", replace(field, values=("b", "c")))
    assert errors(bare, more) == [("field_too_small", "Kind__c")]
    assert bare.deploy_schema([more]).updated == ("Picked__c.Kind__c",)
    both = thing("Picked__c", replace(field, values=("a", "b", "c")))
    assert bare.deploy_schema([both]).updated == ()


def test_a_text_that_is_too_short_is_lengthened(bare: SalesforceDestination) -> None:
    field = FieldSchema("Text__c", "Text", FieldType.TEXT, True, length=20)
    bare.deploy_schema([thing("Longer__c", field)])
    longer = thing("Longer__c", replace(field, length=80))
    assert bare.deploy_schema([longer]).updated == ("Longer__c.Text__c",)
    assert bare.deploy_schema([thing("Longer__c", field)]).updated == ()


def test_a_field_of_another_type_stops_the_deployment_before_any_change(
    empty_org: SalesforceSandbox, bare: SalesforceDestination
) -> None:
    field = FieldSchema("Text__c", "Text", FieldType.TEXT, True, length=20)
    bare.deploy_schema([thing("Typed__c", field)])
    other = thing("Typed__c", replace(field, type=FieldType.DATE, length=None))
    empty_org.control.forget_requests()
    with pytest.raises(SchemaDeploymentFailed, match=r"Typed__c\.Text__c is of type string there"):
        bare.deploy_schema([other, thing("NotMade__c")])
    assert deployments(empty_org) == 0
    assert ("field_differs", "Text__c") in errors(bare, other)


def test_a_refused_deployment_names_the_component_and_changes_nothing(bare: SalesforceDestination) -> None:
    wrong = FieldSchema("Wrong__c", "Wrong", FieldType.NUMBER, True, precision=40, scale=2)
    with pytest.raises(SchemaDeploymentFailed, match=r"Wrong__c"):
        bare.deploy_schema([thing("Refused__c", wrong)])
    assert not bare.capacity(["Refused__c"])["Refused__c"].exists


def test_fields_without_room_stop_before_any_change(
    empty_org: SalesforceSandbox, bare: SalesforceDestination
) -> None:
    empty_org.control.forget_requests()
    with pytest.raises(
        DestinationWithoutRoom, match=r"WideExam__c: 602 new custom fields, room for 475"
    ) as refused:
        bare.deploy_schema([wide_exam(600)])
    assert "limit 500, 0 there, 25 left free" in str(refused.value)
    assert deployments(empty_org) == 0
    assert ("no_room_for_fields", None) in errors(bare, wide_exam(600))


def test_fields_that_somebody_else_made_count(
    empty_org: SalesforceSandbox, bare: SalesforceDestination
) -> None:
    bare.deploy_schema([thing("Filled__c")])
    empty_org.control.fill_custom_fields("Filled__c", 474)
    more = tuple(FieldSchema(f"More{n}__c", "More", FieldType.CHECKBOX, True) for n in range(2))
    with pytest.raises(DestinationWithoutRoom, match="room for 1"):
        bare.deploy_schema([thing("Filled__c", *more)])
    assert bare.deploy_schema([thing("Filled__c", *more[:1])]).created == ("Filled__c.More0__c",)
    assert bare.deploy_schema([thing("Filled__c", *more[:1])]).created == ()


def test_a_child_of_a_master_is_deployed_with_it(bare: SalesforceDestination) -> None:
    parent = thing("Plan__c")
    line = FieldSchema(
        "Plan__c", "Plan", FieldType.MASTER_DETAIL, True, reference_to="Plan__c", relationship="Plan__r",
        child_relationship="Lines", required=True,
    )  # fmt: skip
    bare.deploy_schema([parent, thing("Line__c", line)])
    assert errors(bare, parent, thing("Line__c", line)) == []


def test_a_token_that_expires_before_the_deployment_is_renewed(
    empty_org: SalesforceSandbox, bare: SalesforceDestination
) -> None:
    bare.identity()
    empty_org.control.expire_tokens()
    assert "Renewed__c" in bare.deploy_schema([thing("Renewed__c")]).created


def test_a_header_that_is_too_long_is_found_beforehand(bare: SalesforceDestination) -> None:
    assert ("header_too_long", None) in errors(bare, wide_exam(1_700))


def test_a_preflight_notes_what_is_left_of_the_quotas(bare: SalesforceDestination) -> None:
    notes = {each.code for each in bare.preflight([]) if each.severity == "note"}
    assert {"daily_api_requests", "data_storage"} <= notes


def test_a_preflight_compares_what_comes_with_what_is_left_and_the_time_zone(
    bare: SalesforceDestination,
) -> None:
    found = bare.preflight([], Volumes({"Contact": 10**8}, files=1, file_bytes=10**12), "Europe/Berlin")
    severities = {each.code: each.severity for each in found}

    assert severities["record_storage_short"] == severities["file_storage_needed_short"] == "error"
    assert severities["time_zone_differs"] == "warning"
    assert severities["load_estimate"] == "note"


def test_a_version_that_the_org_does_not_speak_is_all_that_is_found(empty_org: SalesforceSandbox) -> None:
    ahead = connect(settings_for(empty_org, api_version="99.0"))
    found = ahead.preflight([ACCOUNT])
    ahead.close()

    assert [(each.code, each.severity) for each in found] == [("api_version_unknown", "error")]


def test_a_label_that_somebody_changed_stays_and_is_told(bare: SalesforceDestination) -> None:
    field = FieldSchema("Text__c", "Text", FieldType.TEXT, True, length=20)
    bare.deploy_schema([thing("Labelled__c", field)])
    done = bare.deploy_schema([thing("Labelled__c", replace(field, label="Other"))])

    assert done.updated == ()
    assert [(each.code, each.severity, each.field) for each in done.findings] == [
        ("label_differs", "warning", "Text__c")
    ]


def test_only_what_an_administrator_alone_can_do_is_asked_of_one(bare: SalesforceDestination) -> None:
    everybody = FieldSchema(
        "Visibility", "Visibility", FieldType.PICKLIST, False, values=("AllUsers", "Everybody")
    )
    link = ObjectSchema("ContentDocumentLink", "File Link", "File Links", False, "_key", (everybody,))
    relation = ObjectSchema("AccountContactRelation", "Relation", "Relations", False, "_key", ())

    steps = bare.checklist([thing("NeverMade__c"), link, relation])

    assert [(step.object, step.kind, step.choices) for step in steps] == [
        ("AccountContactRelation", "Setting", ()),
        ("ContentDocumentLink", "Restricted picklist", ("Everybody",)),
    ]
    assert bare.checklist([ACCOUNT, CONTACT]) == []


def test_every_edition_says_whether_the_fields_fit(bare: SalesforceDestination) -> None:
    rooms = bare.plans([replace(wide_exam(400), name="NeverMade__c"), EVENT])

    found = {(each.plan, each.object): each for each in rooms}
    exams = {plan: each for (plan, name), each in found.items() if name == "NeverMade__c"}
    assert [plan for plan, each in exams.items() if each.own] == ["Enterprise Edition"]
    assert len(exams["Professional Edition"].needed) > exams["Professional Edition"].limit == 100
    assert not exams["Professional Edition"].fits
    assert exams["Unlimited Edition"].fits
    assert {each.limit for (_, name), each in found.items() if name == "Event"} == {100}
