"""Every finding of the preflight, provoked in a sandbox org over the wire and shown with its message.

A scene is something that is wrong with an org; it is made once, asked about once and put right again, and
each finding that it leads to is a case. docs/preflight.md lists the same codes (``test_preflight_docs``).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from migration_assets.destinations.base import FieldSchema, FieldType, Finding, ObjectSchema, Volumes
from migration_assets.destinations.salesforce.destination import connect
from migration_assets.destinations.salesforce.preflight import findings
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets_tests.destinations.salesforce.conftest import StartOrg, settings_for
from migration_assets_tests.destinations.salesforce.schemas import KEY
from migration_assets_tests.sandbox.salesforce_fixtures import (
    KEY as KEY_XML,
)
from migration_assets_tests.sandbox.salesforce_fixtures import (
    Opened,
    Package,
    csv_text,
    deploy,
    element,
    field_xml,
    object_xml,
    picklist_xml,
    sign_in,
)
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox

ONE_WAY = ("multi_currency", "territories", "account_teams")
"""Nobody can switch them off again, so the scene that switches them on is the last one."""


def schema(name: str, *fields: FieldSchema, custom: bool = True) -> ObjectSchema:
    return ObjectSchema(name, name, name, custom, KEY.name, (KEY, *fields) if custom else fields)


def text(name: str, length: int = 40) -> FieldSchema:
    return FieldSchema(name, name.removesuffix("__c"), FieldType.TEXT, name.endswith("__c"), length=length)


KINDS = FieldSchema("Kind__c", "Kind", FieldType.PICKLIST, True, values=("First", "Second"))
PATIENT = FieldSchema(
    "Patient__c", "Patient", FieldType.MASTER_DETAIL, True, reference_to="Contact", relationship="Patient__r"
)
VISIBILITY = FieldSchema(
    "Visibility", "Visibility", FieldType.PICKLIST, False, values=("AllUsers", "Everybody")
)
VISIT = schema(
    "Visit__c",
    PATIENT,
    *(text(name) for name in ("Narrow__c", "Large__c", "Labelled__c", "Hidden__c", "Kept__c", "Never__c")),
    FieldSchema("Typed__c", "Typed", FieldType.NUMBER, True, precision=3, scale=0),
    KINDS,
)
NOTHING = schema("Nothing__c", text("Short__c"))
BROAD = schema("Broad__c", *(text(f"A_Field_Of_A_Wide_Object_{number:04}__c") for number in range(1_200)))
LINK = schema("ContentDocumentLink", VISIBILITY, custom=False)
CLOSED = schema("Closed__c")
RELATION = schema("AccountContactRelation", custom=False)

_VISIT_XML = (
    object_xml("Visit", sharing="ControlledByParent")
    + KEY_XML
    + field_xml(
        "Patient__c", "MasterDetail", referenceTo="Contact", relationshipName="Visits", relationshipOrder=0
    )
    + field_xml("Narrow__c", "Text", length=10)
    + field_xml("Large__c", "Text", length=100)
    + field_xml("Labelled__c", "Text", label="Another", length=40)
    + field_xml("Hidden__c", "Text", length=40)
    + field_xml("Kept__c", "Text", length=40)
    + field_xml("Typed__c", "Text", length=40)
    + field_xml("Kind__c", "Picklist", inner=picklist_xml([*KINDS.values, "Third"]))
    + field_xml("Insurance_Checked__c", "Text", length=10, required=True)
)


def _granted(path: str, editable: bool) -> str:
    return (
        f"<fieldPermissions>{element('editable', editable)}{element('field', path)}"
        "<readable>true</readable></fieldPermissions>"
    )


def _object_granted(name: str, *, edit: bool) -> str:
    flags = {"allowCreate": edit, "allowDelete": False, "allowEdit": edit, "allowRead": True}
    shown = {**flags, "modifyAllRecords": False, "object": name, "viewAllRecords": False}
    return f"<objectPermissions>{''.join(element(*each) for each in shown.items())}</objectPermissions>"


def _somebodys_schema(org: Opened) -> None:
    """Objects that others have made, with a permission set that gives the login some of it."""
    visible = ("PANDA_Key__c", "Narrow__c", "Large__c", "Labelled__c", "Typed__c", "Kind__c")
    fields = "".join(_granted(f"Visit__c.{name}", True) for name in visible)
    fields += _granted("Visit__c.Kept__c", False) + _granted("Closed__c.PANDA_Key__c", True)
    objects = _object_granted("Contact", edit=True) + _object_granted("Visit__c", edit=True)
    objects += _object_granted("Closed__c", edit=False)
    package = Package(
        {"Visit__c": _VISIT_XML, "Closed__c": object_xml("Closed") + KEY_XML},
        {"Others": element("label", "Others") + fields + objects},
    )
    done = deploy(org.client, package)
    assert done.status == "Succeeded", done.errors
    found = org.client.query("SELECT Id FROM PermissionSet WHERE Name = 'Others'")["records"][0]["Id"]
    user = org.client.query("SELECT Id FROM User WHERE IsActive = true")["records"][0]["Id"]
    org.client.PermissionSetAssignment.create({"PermissionSetId": found, "AssigneeId": user})


@dataclass
class Stage:
    """An org with what others made in it, and what scenes of it have led to."""

    sandbox: SalesforceSandbox
    found: dict[str, list[Finding]] = field(default_factory=dict)

    @property
    def control(self) -> Control:
        return self.sandbox.control

    def ask(
        self,
        schemas: Sequence[ObjectSchema] = (),
        volumes: Volumes | None = None,
        zone: str | None = None,
        **settings: object,
    ) -> list[Finding]:
        given = settings_for(self.sandbox, **settings)
        session = SalesforceSession(given)
        try:
            return findings(session, given, schemas, volumes, zone)
        finally:
            session.close()

    def of(self, scene: Scene) -> list[Finding]:
        name = scene.__name__
        if name not in self.found:
            before = self.control.settings()
            self.found[name] = scene(self)
            self.control.settings(**{name: value for name, value in before.items() if name not in ONE_WAY})
            self.control.forget_rules()
            self.control.set_api_usage(0)
        return self.found[name]


Scene = Callable[[Stage], list[Finding]]


@pytest.fixture(scope="module")
def stage(start_org: StartOrg) -> Stage:
    org = start_org("provoked")
    _somebodys_schema(sign_in(org))
    return Stage(org)


def another_schema(stage: Stage) -> list[Finding]:
    return stage.ask([VISIT, NOTHING, BROAD, LINK, RELATION])


def a_login_with_few_rights(stage: Stage) -> list[Finding]:
    stage.control.settings(api_user_is_administrator=False, set_audit_fields=False, bulk_hard_delete=False)
    account = schema("Account", text("Name", 255), custom=False)
    return stage.ask([account, replace(VISIT, fields=(KEY,)), CLOSED])


def rules(stage: Stage) -> list[Finding]:
    for kind in ("duplicate", "validation", "flow", "process", "trigger"):
        stage.control.add_rule(kind, "Visit__c", f"Their_{kind.title()}", fields=[KEY.name])
    return stage.ask([VISIT])


def features(stage: Stage) -> list[Finding]:
    stage.control.settings(multi_currency=True, territories=True, account_teams=True)
    return stage.ask(zone="Pacific/Auckland")


LOAD = Volumes(
    {"Contact": 2_000, "ClinicalExam__c": 3_000, "ClinicalExamTooth__c": 500},
    files=20,
    file_bytes=40_000_000,
    alternatives={"per_tooth": {"Contact": 2_000, "ClinicalExam__c": 3_000, "ClinicalExamTooth__c": 96_000}},
)


def plenty(stage: Stage) -> list[Finding]:
    return stage.ask(volumes=LOAD)


def too_much(stage: Stage) -> list[Finding]:
    stage.control.settings(
        data_storage_mb=10, file_storage_mb=10, daily_bulk_batches=2, daily_bulk_query_jobs=1
    )
    return stage.ask(volumes=Volumes({"Contact": 150_000_001}, files=60_000, file_bytes=11_000_000))


def nothing_left(stage: Stage) -> list[Finding]:
    stage.control.settings(
        data_storage_mb=0, file_storage_mb=0, daily_bulk_batches=0, daily_bulk_query_jobs=0
    )
    return stage.ask()


def no_requests_left(stage: Stage) -> list[Finding]:
    stage.control.set_api_usage(100_000)
    return stage.ask([VISIT])


def little_left(stage: Stage) -> list[Finding]:
    """One of eleven or twelve is left of everything that a client can use up."""
    org = sign_in(stage.sandbox)
    stage.control.settings(bulk_batch_rows=500)
    _, done = org.bulk.run("Contact", "insert", csv_text(["LastName"], [["Quill"]] * 5_300))
    assert done["numberRecordsFailed"] == 0
    file = {
        "Title": "x",
        "PathOnClient": "x.bin",
        "VersionData": base64.b64encode(bytes(10_500_000)).decode(),
    }
    org.client.ContentVersion.create(file)
    for _ in range(10):
        body = {"operation": "query", "query": "SELECT Id FROM Account"}
        assert org.bulk.request("POST", "/jobs/query", json=body).status_code == 200
    stage.control.settings(
        data_storage_mb=11, file_storage_mb=11, daily_bulk_batches=12, daily_bulk_query_jobs=11
    )
    stage.control.set_api_usage(95_000)
    return stage.ask()


def deleted_fields(stage: Stage) -> list[Finding]:
    stage.control.settings(deleted_fields_in_tooling=True)
    contact = schema("Contact", text("Gone__c"), custom=False)
    destination = connect(settings_for(stage.sandbox))
    try:
        destination.deploy_schema([contact])
        assert "Contact.Gone__c" in destination.remove_schema([contact]).counts_still
        return stage.ask([contact], custom_field_limit=1)
    finally:
        destination.close()
        stage.control.erase_deleted()


def a_version_to_come(stage: Stage) -> list[Finding]:
    return stage.ask([VISIT], api_version="99.0")


def a_version_that_ends(stage: Stage) -> list[Finding]:
    return stage.ask(api_version="40.0")


Case = tuple[Scene, str, str, str | None, str]
"""Scene, code, severity, object (and field), words of the message that matter."""
CASES: list[Case] = [
    (a_version_to_come, "api_version_unknown", "error", None, "doesn't speak API version 99.0"),
    (a_version_that_ends, "api_version_ending", "warning", None, "set api_version to 66.0 or later"),
    (another_schema, "object_missing", "error", "Nothing__c", "deploy the schema"),
    (
        another_schema,
        "account_relations_off",
        "error",
        "AccountContactRelation",
        "in Setup, Account Settings",
    ),
    (another_schema, "field_missing", "error", "Visit__c.Never__c", "deploy the schema"),
    (another_schema, "field_not_visible", "error", "Visit__c.Hidden__c", "field-level security"),
    (another_schema, "field_too_small", "error", "Visit__c.Narrow__c", "is too small"),
    (another_schema, "field_differs", "error", "Visit__c.Typed__c", "is of type string there and number in"),
    (another_schema, "field_not_writable", "error", "Visit__c.Kept__c", "grant edit access"),
    (another_schema, "field_only_on_insert", "note", "Visit__c.Patient__c", "not changed later"),
    (another_schema, "field_larger", "note", "Visit__c.Large__c", "never narrowed"),
    (another_schema, "label_differs", "warning", "Visit__c.Labelled__c", "another label"),
    (another_schema, "picklist_values_added", "warning", "Visit__c.Kind__c", "offers 1 values there"),
    (another_schema, "picklist_value_missing", "error", "ContentDocumentLink.Visibility", "lacks Everybody"),
    (another_schema, "required_field_unmapped", "error", "Visit__c.Insurance_Checked__c", "every new record"),
    (another_schema, "field_not_in_inventory", "note", "Visit__c.Insurance_Checked__c", "left alone"),
    (another_schema, "header_too_long", "error", "Broad__c", "a Bulk job allows 32,000"),
    (another_schema, "no_room_for_fields", "error", "Broad__c", "0 of 500 custom fields and needs 1201 more"),
    (another_schema, "room_for_fields", "note", "Nothing__c", "needs 2 more; 498 are left then"),
    (deleted_fields, "deleted_fields_hold_room", "warning", "Contact", "1 of Contact's custom fields are"),
    (a_login_with_few_rights, "object_missing", "error", "Account", "give it read access"),
    (a_login_with_few_rights, "object_not_writable", "error", "Closed__c", "assign the permission set"),
    (a_login_with_few_rights, "object_not_deletable", "warning", "Visit__c", "a rollback couldn't either"),
    (a_login_with_few_rights, "audit_fields_not_permitted", "note", None, "Original_Create_Date__c only"),
    (a_login_with_few_rights, "hard_delete_not_permitted", "note", None, "grant 'Bulk API Hard Delete'"),
    (rules, "duplicate_rule_active", "warning", "Visit__c", "duplicate rule Their_Duplicate is active"),
    (rules, "validation_rule_active", "warning", "Visit__c", "validation rule Their_Validation is active"),
    (rules, "flow_active", "warning", "Visit__c", "flow Their_Flow is active"),
    (rules, "process_active", "note", None, "process Their_Process is active"),
    (rules, "trigger_active", "warning", "Visit__c", "Apex trigger Their_Trigger is active"),
    (plenty, "daily_api_requests", "note", None, "of 100,000 API requests are left"),
    (plenty, "daily_bulk_api_batches", "note", None, "of 15,000 Bulk batches are left"),
    (plenty, "daily_bulk_query_jobs", "note", None, "of 10,000 Bulk query jobs are left"),
    (plenty, "data_storage", "note", None, "of 10,240 MB of data storage are left"),
    (plenty, "file_storage", "note", None, "of 10,240 MB of file storage are left"),
    (plenty, "record_storage", "note", None, "at most 11.0 MB of data storage"),
    (plenty, "file_storage_needed", "note", None, "at most 40.0 MB of file storage"),
    (plenty, "alternative_layout", "note", None, "ClinicalExamTooth__c 96,000 instead of 500"),
    (plenty, "load_estimate", "note", None, "at most 5,500 records and 20 files"),
    (too_much, "record_storage_short", "error", None, "300,000.0 MB of data storage and 10 MB are left"),
    (too_much, "file_storage_needed_short", "error", None, "11.0 MB of file storage and 10 MB are left"),
    (too_much, "api_requests_short", "warning", None, "go on when the quota is full again"),
    (too_much, "bulk_batches_short", "warning", None, "about 15,001 Bulk batches and"),
    (too_much, "bulk_query_jobs_short", "warning", None, "about 2 Bulk query jobs and 1 are left"),
    (too_much, "bulk_rows_short", "warning", None, "takes 150,000,000 in 24 hours"),
    (nothing_left, "data_storage_used_up", "error", None, "raise or free it first"),
    (nothing_left, "file_storage_used_up", "error", None, "raise or free it first"),
    (nothing_left, "daily_bulk_api_batches_used_up", "error", None, "0 of 0 Bulk batches are left"),
    (nothing_left, "daily_bulk_query_jobs_used_up", "error", None, "0 of 0 Bulk query jobs are left"),
    (no_requests_left, "daily_api_requests_used_up", "error", None, "look again tomorrow"),
    (little_left, "daily_api_requests_scarce", "warning", None, "of 100,000 API requests are left; see that"),
    (little_left, "daily_bulk_api_batches_scarce", "warning", None, "1 of 12 Bulk batches"),
    (little_left, "daily_bulk_query_jobs_scarce", "warning", None, "1 of 11 Bulk query jobs"),
    (little_left, "data_storage_scarce", "warning", None, "1 of 11 MB of data storage"),
    (little_left, "file_storage_scarce", "warning", None, "1 of 11 MB of file storage"),
    (features, "several_currencies", "warning", None, "CAD, EUR, USD"),
    (features, "territories_on", "warning", None, "North, South): they and their members must be complete"),
    (features, "account_teams_on", "warning", "Account", "complete before owners are set"),
    (features, "time_zone_differs", "warning", None, "practice's Pacific/Auckland"),
]


@pytest.mark.parametrize(
    ("scene", "code", "severity", "place", "words"),
    CASES,
    ids=[f"{code}-{scene.__name__}" for scene, code, *_ in CASES],
)
def test_a_finding_is_provoked_and_says_what_to_do(
    stage: Stage, scene: Scene, code: str, severity: str, place: str | None, words: str
) -> None:
    found = [each for each in stage.of(scene) if each.code == code]
    here = [each for each in found if ".".join(filter(None, (each.object, each.field))) == (place or "")]

    assert [each.severity for each in here] == [severity]
    assert words in here[0].message


def test_an_org_that_answers_no_more_ends_the_preflight_with_what_it_found(stage: Stage) -> None:
    assert {each.code for each in stage.of(no_requests_left)} == {"daily_api_requests_used_up"}


def test_both_layouts_are_told_with_both_kinds_of_storage(stage: Stage) -> None:
    (told,) = (each.message for each in stage.of(plenty) if each.code == "alternative_layout")

    assert "kept per_tooth" in told and "202.0 MB of data storage" in told
    assert "the plan needs 11.0 MB, of 10,2" in told
    assert "40.0 MB of file storage either way" in told
