"""The zip that the Metadata API deploys, and what is compared before one is made."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from migration_assets.destinations.base import FieldSchema, FieldType
from migration_assets.destinations.salesforce.describe import OrgField, OrgObject, PicklistValue
from migration_assets.destinations.salesforce.metadata_package import NAMESPACE, Grants, build
from migration_assets.destinations.salesforce.preflight_limits import quotas
from migration_assets.destinations.salesforce.queries import starts_with
from migration_assets.destinations.salesforce.schema_compare import compare
from migration_assets_tests.destinations.salesforce.schemas import CONTACT, EVENT, EXAM

N = f"{{{NAMESPACE}}}"


def unpack(package: bytes) -> dict[str, ElementTree.Element]:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return {name: ElementTree.fromstring(archive.read(name)) for name in archive.namelist()}


def members(package: bytes) -> dict[str | None, list[str | None]]:
    return {
        kind.findtext(f"{N}name"): [each.text for each in kind.iter(f"{N}members")]
        for kind in unpack(package)["package.xml"].iter(f"{N}types")
    }


def found(name: str, type_: str, **changes: object) -> OrgField:
    field = OrgField(
        name=name, label=name, type=type_, custom=True, length=0, precision=0, scale=0, required=False,
        unique=False, external_id=False, createable=True, updateable=True, restricted=True, help_text=None,
        values=(),
        reference_to=(), relationship=None,
    )  # fmt: skip
    return replace(field, **changes)  # type: ignore[arg-type]


def test_a_new_object_comes_with_its_custom_fields() -> None:
    package = build("66.0", [EXAM], {}, None)
    made = unpack(package)["objects/ClinicalExam__c.object"]
    names = [each.findtext(f"{N}fullName") for each in made.iter(f"{N}fields")]
    assert names == list(EXAM.field_names)
    assert made.findtext(f"{N}enableActivities") == "true"
    assert members(package) == {"CustomObject": ["ClinicalExam__c"]}


def test_fields_of_an_existing_object_come_alone() -> None:
    package = build("66.0", [], {"Contact": [(CONTACT.field("Provider__c"), None)]}, None)
    assert members(package) == {"CustomField": ["Contact.Provider__c"]}
    assert [each.tag for each in unpack(package)["objects/Contact.object"]] == [f"{N}fields"]


def test_fields_of_events_are_defined_on_activity_and_granted_on_event() -> None:
    grants = Grants(frozenset({"Event.SessionType__c"}), frozenset())
    package = build("66.0", [], {"Event": [(EVENT.field("SessionType__c"), None)]}, grants)
    assert members(package)["CustomField"] == ["Activity.SessionType__c"]
    permissions = unpack(package)["permissionsets/PANDA_Migration.permissionset"]
    assert [each.text for each in permissions.iter(f"{N}field")] == ["Event.SessionType__c"]


def test_labels_and_help_texts_are_cut_to_what_the_platform_holds() -> None:
    field = FieldSchema("Long__c", "L" * 60, FieldType.TEXT, True, help_text="h" * 600)
    made = unpack(build("66.0", [], {"Contact": [(field, None)]}, None))["objects/Contact.object"]
    assert len(made.findtext(f".//{N}label") or "") == 40
    assert len(made.findtext(f".//{N}inlineHelpText") or "") == 510


def test_a_picklist_gains_values_and_loses_none() -> None:
    field = CONTACT.field("Specialty__c")
    there = (
        PicklistValue("Endodontics", "Root canals", True, True),
        PicklistValue("Oral Surgery", "Oral Surgery", False, False),
        PicklistValue("Old", "Old", False, False),
    )
    old = found("Specialty__c", "picklist", values=there)
    made = unpack(build("66.0", [], {"Contact": [(field, old)]}, None))["objects/Contact.object"]
    values = [
        (each.findtext(f"{N}fullName"), each.findtext(f"{N}label"), each.findtext(f"{N}isActive"))
        for each in made.iter(f"{N}value")
    ]
    assert values == [
        ("Endodontics", "Root canals", None),
        ("Oral Surgery", "Oral Surgery", None),
        ("Old", "Old", "false"),
        ("Periodontics", "Periodontics", None),
    ]


def org(*fields: OrgField) -> OrgObject:
    return OrgObject("ClinicalExam__c", True, True, True, {each.name: each for each in fields})


@pytest.mark.parametrize(
    ("name", "field", "what"),
    [
        ("Short__c", found("Short__c", "string", length=40), "unchanged"),
        ("Short__c", found("Short__c", "string", length=255), "unchanged"),
        ("Short__c", found("Short__c", "string", length=20), "updated"),
        ("Short__c", found("Short__c", "double"), "problem"),
        ("Cost__c", found("Cost__c", "currency", precision=18, scale=2), "unchanged"),
        ("Cost__c", found("Cost__c", "currency", precision=16, scale=0), "updated"),
        ("Cost__c", found("Cost__c", "currency", precision=18, scale=0), "problem"),
        ("Contact__c", found("Contact__c", "reference", reference_to=("Contact",)), "unchanged"),
        ("Contact__c", found("Contact__c", "reference", reference_to=("Account",)), "problem"),
        ("Numbering__c", found("Numbering__c", "picklist"), "updated"),
        (
            "PANDA_Key__c",
            found("PANDA_Key__c", "string", length=120, unique=True, external_id=True),
            "unchanged",
        ),
        ("PANDA_Key__c", found("PANDA_Key__c", "string", length=120), "updated"),
    ],
)
def test_only_what_is_missing_or_too_small_is_deployed(name: str, field: OrgField, what: str) -> None:
    schema = replace(EXAM, fields=(EXAM.field(name),))
    plan = compare(schema, org(field), frozenset({name}))
    assert (len(plan.updated), len(plan.problems)) == {
        "unchanged": (0, 0),
        "updated": (1, 0),
        "problem": (0, 1),
    }[what]
    assert not plan.created
    assert not plan.hidden


def test_a_widened_field_never_becomes_smaller_in_another_way() -> None:
    schema = replace(EXAM, fields=(EXAM.field("Ratio__c"),))
    plan = compare(schema, org(found("Ratio__c", "double", precision=12, scale=0)), frozenset({"Ratio__c"}))
    wider = plan.updated[0][0]
    assert (wider.precision, wider.scale) == (15, 3)


def test_a_hidden_field_is_told_from_a_missing_one() -> None:
    schema = replace(EXAM, fields=(EXAM.field("Short__c"), EXAM.field("Notes__c")))
    plan = compare(schema, org(), frozenset({"Short__c"}))
    assert [each.name for each in plan.hidden] == ["Short__c"]
    assert [each.name for each in plan.created] == ["Notes__c"]


def test_quotas_become_notes_warnings_and_errors() -> None:
    limits = {
        "DailyApiRequests": {"Max": 100, "Remaining": 50},
        "DataStorageMB": {"Max": 100, "Remaining": 5},
        "FileStorageMB": {"Max": 100, "Remaining": 0},
    }
    assert [(each.code, each.severity) for each in quotas(limits)] == [
        ("daily_api_requests", "note"),
        ("data_storage_scarce", "warning"),
        ("file_storage_used_up", "error"),
    ]


def test_wildcards_of_a_prefix_are_escaped() -> None:
    assert starts_with("K__c", "a_b%c'd\\e:") == r"K__c LIKE 'a\_b\%c\'d_e:%'"
    assert starts_with("K__c", "") == "K__c != null"
