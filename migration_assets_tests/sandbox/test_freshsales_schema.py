"""Custom fields by kind and plan, their values, custom modules and their records."""

from collections.abc import Iterator

import pytest

from migration_assets_tests.sandbox.freshsales_fixtures import Opened, fresh, opened
from migration_sandbox.freshsales.control import ControlRefused


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with opened(tmp_path_factory.mktemp("schema") / "account") as account:
        yield account


@pytest.fixture
def account(server: Opened) -> Opened:
    return fresh(server, calls_a_minute=10_000)


def test_a_created_field_is_discovered_with_the_servers_name_for_it(account: Opened) -> None:
    assert account.field("contacts", "Periodontal Stage", "dropdown", choices=["I", "II"]) == (
        "cf_periodontal_stage"
    )
    listed = account.ok("GET", "/settings/contacts/fields")["fields"]
    found = next(item for item in listed if item["name"] == "cf_periodontal_stage")
    assert (found["label"], found["type"], found["default"]) == ("Periodontal Stage", "dropdown", False)
    assert [item["value"] for item in found["choices"]] == ["I", "II"]
    assert {item["name"] for item in listed} >= {"emails", "external_id", "owner_id"}
    body = {"label": "periodontal stage", "field_type": "text"}
    assert account.refused("POST", f"/settings/contacts/forms/{account.form('contacts')}/fields", body) == [
        "Label has already been taken"
    ]


@pytest.mark.parametrize(
    ("field_type", "good", "shown", "wrong"),
    [
        ("text", "x" * 256, "x" * 256, "x" * 257),
        ("textarea", "x" * 10_000, "x" * 10_000, "x" * 10_001),
        ("number", "12345678901.1234", 12345678901.1234, 123456789012),
        ("number", 4, 4, 1.00001),
        ("checkbox", "true", True, "maybe"),
        ("date", "2024-02-29", "2024-02-29", "2023-02-29"),
        ("dropdown", "I", "I", "III"),
        ("radio", "II", "II", "i"),
        ("multi_select_dropdown", "I;II", ["I", "II"], ["I", "IV"]),
    ],
)
def test_values_are_held_to_their_kind(
    account: Opened, field_type: str, good: object, shown: object, wrong: object
) -> None:
    more = {"choices": ["I", "II"]} if field_type in ("dropdown", "radio", "multi_select_dropdown") else {}
    name = account.field("contacts", "Some Value", field_type, **more)
    assert account.contact(custom_field={name: good})["custom_field"] == {name: shown}
    assert account.contact()["custom_field"] == {name: None}
    assert account.refused(
        "POST", "/contacts", {"contact": {"last_name": "X", "custom_field": {name: wrong}}}
    )


def test_styles_of_values_are_settings(account: Opened) -> None:
    day = account.field("contacts", "Day", "date")
    number = account.field("contacts", "Depth", "number")
    several = account.field("contacts", "Several", "multi_select_dropdown", choices=["a", "b"])
    account.control.settings(date_style="datetime", number_style="string", multi_select_style="semicolons")
    made = account.contact(custom_field={day: "2024-01-31", number: 4.5, several: ["a", "b"]})
    assert made["custom_field"] == {day: "2024-01-31T00:00:00-05:00", number: "4.5", several: "a;b"}


def test_a_required_field_is_asked_for(account: Opened) -> None:
    name = account.field("contacts", "Chart", "text", required=True)
    assert account.refused("POST", "/contacts", {"contact": {"last_name": "X"}}) == ["Chart can't be blank"]
    made = account.contact(custom_field={name: "1"})
    account.ok("PUT", f"/contacts/{made['id']}", {"contact": {"city": "Boston"}})


def test_a_lookup_points_to_a_record_that_exists(account: Opened) -> None:
    entity, _ = account.module()
    name = account.field(entity, "Patient", "lookup", lookup_entity="contacts")
    patient = account.contact()
    body = {"name": "D4341", "custom_field": {name: patient["id"]}}
    line = account.ok("POST", f"/custom_module/{entity}", {entity: body})[entity]
    assert line["custom_field"] == {name: patient["id"]}
    assert account.refused("POST", f"/custom_module/{entity}", {entity: {**body, "custom_field": {name: 1}}})
    account.ok("DELETE", f"/contacts/{patient['id']}/forget")
    assert account.ok("GET", f"/custom_module/{entity}/{line['id']}")[entity]["custom_field"] == {name: None}


def test_a_plan_has_room_by_kind(account: Opened) -> None:
    account.control.settings(plan="growth")
    assert account.control.fill_fields("contacts", "text", 20) == 20
    assert account.control.room("contacts")["text"] == {"used": 20, "allowed": 20}
    body = {"label": "One more", "field_type": "text"}
    path = f"/settings/contacts/forms/{account.form('contacts')}/fields"
    assert account.refused("POST", path, body) == [
        "You have reached the limit of 20 text fields of your plan"
    ]
    account.field("contacts", "A date", "date")
    account.control.fill_fields("contacts", "dropdown", 30)
    assert account.refused("POST", path, {"label": "R", "field_type": "radio"})
    assert account.refused("POST", path, {"label": "L", "field_type": "lookup", "lookup_entity": "deals"})
    account.control.settings(plan="free")
    assert account.refused("POST", path, {"label": "D", "field_type": "date"})


def test_where_the_api_may_not_create_fields_an_administrator_does(account: Opened) -> None:
    account.control.settings(create_standard_fields=False)
    path = f"/settings/contacts/forms/{account.form('contacts')}/fields"
    assert account.refused("POST", path, {"label": "BOP", "field_type": "number"}, status=403)
    assert account.control.add_field("contacts", "BOP", "number") == "cf_bop"
    assert account.contact(custom_field={"cf_bop": 12})["custom_field"] == {"cf_bop": 12}
    entity, _ = account.module()
    assert account.field(entity, "Phase", "number") == "cf_phase"


def test_modules_are_enterprises_unless_the_plan_is_said_to_have_them(account: Opened) -> None:
    body = {"entity_name": "Line", "singular_name": "Line", "plural_name": "Lines", "icon": "x"}
    account.control.settings(plan="pro")
    path = "/settings/module_customizations"
    assert account.refused("POST", path, {"module_customization": body}, status=403)
    with pytest.raises(ControlRefused):
        account.control.add_module("Line", "Line", "Lines")
    account.control.settings(custom_modules=1, create_modules=False)
    assert account.refused("POST", path, {"module_customization": body}, status=403)
    assert account.control.add_module("Line", "Line", "Lines") == "cm_line"


def test_records_of_a_module_live_like_others(account: Opened) -> None:
    entity, _ = account.module("Dental Treatment Plan")
    assert entity == "cm_dental_treatment_plan"
    path = f"/custom_module/{entity}"
    assert account.refused("POST", path, {entity: {}}) == ["Name can't be blank"]
    line = account.ok("POST", path, {entity: {"name": "D4341"}})[entity]
    assert account.ok("PUT", f"{path}/{line['id']}", {entity: {"name": "D4342"}})[entity]["name"] == "D4342"
    filters = account.ok("GET", f"{path}/filters")["filters"]
    everything = next(item["id"] for item in filters if item["name"].startswith("All "))
    told = account.ok("GET", f"{path}/view/{everything}")
    assert [item["name"] for item in told[entity]] == ["D4342"]
    rule = {"attribute": "name", "operator": "is_in", "value": "D4342"}
    found = account.ok("POST", f"/filtered_search/{entity}", {"filter_rule": [rule]})
    assert [item["id"] for item in found[entity]] == [line["id"]]
    account.ok("DELETE", f"{path}/{line['id']}")
    assert account.control.counts()[f"{entity}:bin"] == 1
    account.ok("DELETE", f"{path}/{line['id']}/forget")
    body = {"description": "x", "targetable_type": entity, "targetable_id": line["id"]}
    assert account.refused("POST", "/notes", {"note": body})


def test_a_deleted_module_is_gone_with_everything(account: Opened) -> None:
    entity, _ = account.module()
    account.ok("POST", f"/custom_module/{entity}", {entity: {"name": "x"}})
    number = account.ok("GET", "/settings/module_customizations")["module_customizations"][0]["id"]
    account.ok("DELETE", f"/settings/module_customizations/{number}")
    assert account.refused("GET", f"/custom_module/{entity}/filters", status=404)
    assert entity not in account.control.counts()
