"""Each finding of the preflight, provoked; what the sandbox org can't show, a small stand-in answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from migration_assets.destinations.base import FieldSchema, FieldType, Finding, Volumes
from migration_assets.destinations.salesforce.describe import OrgField, OrgObject, PicklistValue
from migration_assets.destinations.salesforce.preflight_automation import automation
from migration_assets.destinations.salesforce.preflight_limits import needs, volumes_fit
from migration_assets.destinations.salesforce.preflight_org import (
    api_version,
    organization_settings,
    permissions,
)
from migration_assets.destinations.salesforce.preflight_schema import drift, shortcomings
from migration_assets.destinations.salesforce.schema_compare import compare
from migration_assets.destinations.salesforce.session import RequestRefused, SalesforceSession
from migration_assets.destinations.salesforce.settings import BulkSettings, EnvironmentSettings
from migration_assets_tests.destinations.salesforce.schemas import CONTACT, EVENT, EXAM

SCHEMAS = [CONTACT, EXAM, EVENT]
Rows = list[dict[str, Any]]


@dataclass
class Org:
    """Answers queries by the object after FROM; what isn't there is refused, as an org refuses it."""

    rows: Mapping[str, Rows] = field(default_factory=dict)
    versions: Sequence[str] = ("66.0", "67.0")
    permissions: frozenset[str] = frozenset()
    version: str = "66.0"

    @property
    def settings(self) -> EnvironmentSettings:
        return EnvironmentSettings.model_validate(
            {
                "instance_url": "https://example.my.salesforce.com",
                "auth": {"flow": "access_token", "token": {"env": "TOKEN"}},
                "api_version": self.version,
            }
        )

    @property
    def session(self) -> SalesforceSession:
        return cast(SalesforceSession, self)

    def query(self, soql: str) -> Rows:
        name = soql.partition(" FROM ")[2].split()[0]
        if name == "PermissionSet":
            asked = next((each for each in self.permissions if f"{each} = true" in soql), None)
            return [{"Id": "0PS"}] if asked else []
        if name not in self.rows:
            raise RequestRefused("refused", 400, "INVALID_TYPE")
        return self.rows[name]

    tooling_query = query

    def get_json(self, path: str) -> Any:
        assert path == "/services/data/"
        return [{"version": each} for each in self.versions]

    def user_id(self) -> str:
        return "005"


def codes(findings: Any) -> list[str]:
    return [each.code for each in findings]


def test_an_org_without_the_features_has_no_findings_about_them() -> None:
    assert codes(automation(Org().session, SCHEMAS)) == []
    assert codes(organization_settings(Org().session, "America/New_York")) == []


def test_another_failure_than_a_refusal_is_no_answer() -> None:
    class Down(Org):
        def query(self, soql: str) -> Rows:  # noqa: ARG002
            raise RequestRefused("down", 503, "SERVER_UNAVAILABLE")

    with pytest.raises(RequestRefused):
        list(automation(Down().session, SCHEMAS))


@pytest.mark.parametrize(
    ("table", "row", "code", "owner"),
    [
        (
            "DuplicateRule",
            {"DeveloperName": "Same_Person", "SobjectType": "Contact"},
            "duplicate_rule_active",
            "Contact",
        ),
        (
            "ValidationRule",
            {"ValidationName": "Same_Person", "EntityDefinition": {"QualifiedApiName": "ClinicalExam__c"}},
            "validation_rule_active",
            "ClinicalExam__c",
        ),
        (
            "FlowDefinitionView",
            {
                "ApiName": "Same_Person",
                "ProcessType": "AutoLaunchedFlow",
                "TriggerObjectOrEvent": {"QualifiedApiName": "Event"},
            },
            "flow_active",
            "Event",
        ),
        (
            "FlowDefinitionView",
            {"ApiName": "Same_Person", "ProcessType": "Workflow", "TriggerObjectOrEvent": None},
            "process_active",
            None,
        ),
        ("ApexTrigger", {"Name": "Same_Person", "TableEnumOrId": "Contact"}, "trigger_active", "Contact"),
    ],
)
def test_automation_on_our_objects_is_named(
    table: str, row: dict[str, Any], code: str, owner: str | None
) -> None:
    found = list(automation(Org({table: [row], "CustomObject": []}).session, SCHEMAS))

    assert [(each.code, each.object) for each in found] == [(code, owner)]
    assert "Same_Person" in found[0].message


def test_a_trigger_that_names_its_object_by_id_is_found() -> None:
    rows = {
        "ApexTrigger": [{"Name": "OnExam", "TableEnumOrId": "01I000000000001"}],
        "CustomObject": [{"Id": "01I000000000001AAA", "DeveloperName": "ClinicalExam"}],
    }
    assert [each.object for each in automation(Org(rows).session, SCHEMAS)] == ["ClinicalExam__c"]


def test_automation_on_objects_of_others_is_none_of_our_business() -> None:
    rows: dict[str, Rows] = {
        "DuplicateRule": [{"DeveloperName": "Leads", "SobjectType": "Lead"}],
        "ValidationRule": [{"ValidationName": "V", "EntityDefinition": {"QualifiedApiName": "Lead"}}],
        "FlowDefinitionView": [
            {"ApiName": "Screen", "ProcessType": "Flow", "TriggerObjectOrEvent": None},
            {
                "ApiName": "OnLead",
                "ProcessType": "AutoLaunchedFlow",
                "TriggerObjectOrEvent": {"QualifiedApiName": "Lead"},
            },
        ],
        "ApexTrigger": [{"Name": "OnLead", "TableEnumOrId": "Lead"}],
        "CustomObject": [],
    }
    assert codes(automation(Org(rows).session, SCHEMAS)) == []


@pytest.mark.parametrize(
    ("offered", "wanted", "expected"),
    [
        (["66.0"], "66.0", None),
        (["64.0", "65.0"], "66.0", ("api_version_unknown", "error")),
        (["40.0", "66.0"], "40.0", ("api_version_ending", "warning")),
    ],
)
def test_the_api_version_is_one_that_the_org_speaks(
    offered: list[str], wanted: str, expected: tuple[str, str] | None
) -> None:
    found = api_version(Org(versions=offered, version=wanted).session)

    assert (found and (found.code, found.severity)) == expected


def test_permissions_that_the_login_lacks_are_named_with_what_happens_without() -> None:
    assigned = {"PermissionSetAssignment": [{"PermissionSetId": "0PS"}]}
    both = frozenset({"PermissionsCreateAuditFields", "PermissionsBulkApiHardDelete"})

    assert codes(permissions(Org(assigned).session)) == [
        "audit_fields_not_permitted",
        "hard_delete_not_permitted",
    ]
    assert codes(permissions(Org(assigned, permissions=both).session)) == []


def test_several_currencies_territories_and_another_time_zone_are_found() -> None:
    rows: dict[str, Rows] = {
        "CurrencyType": [{"IsoCode": "USD"}, {"IsoCode": "CAD"}],
        "Territory2": [{"Name": "East"}],
        "Organization": [{"TimeZoneSidKey": "America/Los_Angeles"}],
    }
    found = list(organization_settings(Org(rows).session, "America/New_York"))

    assert codes(found) == ["several_currencies", "territories_on", "time_zone_differs"]
    assert "CAD, USD" in found[0].message
    assert "East" in found[1].message
    assert codes(organization_settings(Org(rows).session, None)) == codes(found)[:2]


VOLUMES = Volumes(
    records={"Contact": 20_000, "ClinicalExam__c": 100_000, "ContentVersion": 500},
    files=500,
    file_bytes=3_000_000_000,
    alternatives={"per_tooth": {"Contact": 20_000, "ClinicalExam__c": 100_000, "Tooth__c": 2_800_000}},
)


def limits(**left: int) -> dict[str, dict[str, int]]:
    return {name: {"Max": 1_000_000, "Remaining": count} for name, count in left.items()}


def severities(findings: Any) -> dict[str, str]:
    return {each.code: each.severity for each in findings}


def test_what_a_load_needs_is_counted_in_rows_batches_and_megabytes() -> None:
    needed = needs(VOLUMES, BulkSettings(max_job_rows=50_000))

    assert (needed.rows, needed.batches, needed.query_jobs) == (120_000, 12, 4)
    assert (needed.data_mb, needed.file_mb) == (240.0, 3_000.0)
    assert needed.requests > 2 * VOLUMES.files


def test_a_load_that_fits_is_told_with_both_layouts_costs() -> None:
    plenty = limits(DataStorageMB=10_000, FileStorageMB=10_000, DailyApiRequests=100_000)
    found = list(volumes_fit(plenty, VOLUMES, BulkSettings()))

    assert severities(found) == dict.fromkeys(
        ["record_storage", "file_storage_needed", "alternative_layout", "load_estimate"], "note"
    )
    costs = next(each.message for each in found if each.code == "alternative_layout")
    assert "5,840.0 MB" in costs
    assert "240.0 MB" in costs


def test_storage_that_does_not_suffice_is_an_error_and_a_daily_quota_a_warning() -> None:
    scarce = limits(
        DataStorageMB=239,
        FileStorageMB=2_999,
        DailyApiRequests=10,
        DailyBulkApiBatches=11,
        DailyBulkV2QueryJobs=3,
    )
    found = severities(volumes_fit(scarce, VOLUMES, BulkSettings()))

    assert {code for code, severity in found.items() if severity == "error"} == {
        "record_storage_short",
        "file_storage_needed_short",
    }
    assert {code for code, severity in found.items() if severity == "warning"} == {
        "api_requests_short",
        "bulk_batches_short",
        "bulk_query_jobs_short",
    }


def test_more_rows_than_an_org_takes_in_a_day_are_found() -> None:
    found = severities(volumes_fit({}, Volumes({"Contact": 150_000_001}), BulkSettings()))

    assert found["bulk_rows_short"] == "warning"


def org_field(schema_field: FieldSchema, **changes: Any) -> OrgField:
    """The field there as the mapping wants it; ``changes`` are what somebody made of it."""
    kind = {FieldType.PICKLIST: "picklist", FieldType.TEXT: "string", FieldType.NUMBER: "double"}
    values = tuple(PicklistValue(value, value, True, False) for value in schema_field.values)
    made = OrgField(
        name=schema_field.name, label=schema_field.label, type=kind[schema_field.type],
        custom=schema_field.custom, length=schema_field.length or 0, precision=schema_field.precision or 0,
        scale=schema_field.scale or 0, required=False, unique=False, external_id=False, createable=True,
        updateable=True, restricted=True, help_text=None, values=values, reference_to=(), relationship=None,
    )  # fmt: skip
    return replace(made, **changes)


def found_on(*there: OrgField, schema_fields: Sequence[str], **object_changes: bool) -> list[Finding]:
    """Findings of an exam's object that has these fields, compared with these of the mapping."""
    schema = replace(EXAM, fields=tuple(EXAM.field(name) for name in schema_fields))
    allowed = {"createable": True, "updateable": True, "deletable": True} | object_changes
    org = OrgObject(name=EXAM.name, fields={each.name: each for each in there}, **allowed)
    plan = compare(schema, org, frozenset(each.name for each in there))
    return [*shortcomings(plan), *drift(plan)]


SHORT, DEPTH, NUMBERING = (EXAM.field(name) for name in ("Short__c", "Depth__c", "Numbering__c"))


@pytest.mark.parametrize(
    ("there", "mapped", "expected"),
    [
        (org_field(SHORT), SHORT, None),
        (org_field(SHORT, createable=False, updateable=False), SHORT, ("field_not_writable", "error")),
        (org_field(SHORT, updateable=False), SHORT, ("field_only_on_insert", "note")),
        (org_field(SHORT, label="Kurz"), SHORT, ("label_differs", "warning")),
        (org_field(SHORT, length=80), SHORT, ("field_larger", "note")),
        (org_field(DEPTH, precision=9), DEPTH, ("field_larger", "note")),
        (
            org_field(NUMBERING, values=tuple(
                PicklistValue(each, each, True, False) for each in (*NUMBERING.values, "Zsigmondy")
            )),
            NUMBERING,
            ("picklist_values_added", "warning"),
        ),
    ],
)  # fmt: skip
def test_a_field_that_somebody_changed_is_found(
    there: OrgField, mapped: FieldSchema, expected: tuple[str, str] | None
) -> None:
    found = found_on(there, schema_fields=[mapped.name])

    assert [(each.code, each.severity) for each in found] == ([expected] if expected else [])
    assert all(each.field == mapped.name for each in found)


def test_a_required_field_that_nobody_fills_would_refuse_every_record() -> None:
    extra = replace(org_field(SHORT), name="Insurance_Checked__c", required=True)
    found = found_on(org_field(SHORT), extra, schema_fields=["Short__c"])
    defaulted = found_on(org_field(SHORT), replace(extra, defaulted=True), schema_fields=["Short__c"])

    assert [(each.code, each.severity, each.field) for each in found] == [
        ("required_field_unmapped", "error", "Insurance_Checked__c"),
        ("field_not_in_inventory", "note", "Insurance_Checked__c"),
    ]
    assert codes(defaulted) == ["field_not_in_inventory"]


def test_an_object_that_the_login_may_not_write_or_empty_again_is_found() -> None:
    written = found_on(org_field(SHORT), schema_fields=["Short__c"], createable=False)
    emptied = found_on(org_field(SHORT), schema_fields=["Short__c"], deletable=False)

    assert [(each.code, each.severity) for each in (*written, *emptied)] == [
        ("object_not_writable", "error"),
        ("object_not_deletable", "warning"),
    ]


def test_a_restricted_picklist_of_the_platform_names_the_values_that_it_lacks() -> None:
    source = FieldSchema("Salutation", "Salutation", FieldType.PICKLIST, False, values=("Dr.", "Prof."))
    there = org_field(source, values=(PicklistValue("Dr.", "Dr.", True, False),))
    schema = replace(CONTACT, fields=(source,))
    plan = compare(schema, OrgObject("Contact", True, True, True, {there.name: there}), frozenset())

    (found,) = shortcomings(plan)
    assert (found.code, found.severity, found.field) == ("picklist_value_missing", "error", "Salutation")
    assert "lacks Prof.;" in found.message
