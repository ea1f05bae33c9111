"""Bringing an org's schema to what the mapping needs: compare, deploy what is missing, grant, verify.

Only what is missing or too small is deployed, so a second run deploys nothing. Nothing is ever removed or
narrowed, and what a person may have changed (labels, help texts, picklist values) stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from migration_assets.destinations.base import (
    FieldSchema,
    FieldType,
    Finding,
    ObjectSchema,
    SchemaDeployment,
)
from migration_assets.destinations.salesforce import metadata_package, soap
from migration_assets.destinations.salesforce.describe import (
    OrgField,
    OrgObject,
    capacity,
    custom_fields,
    describe,
)
from migration_assets.destinations.salesforce.metadata_package import PERMISSION_SET, Grants, can_be_granted
from migration_assets.destinations.salesforce.reading import ACTIVITIES
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import EnvironmentSettings
from migration_assets.errors import DestinationWithoutRoom, SchemaDeploymentFailed

_CUSTOM_TYPES = {
    FieldType.TEXT: {"string"},
    FieldType.LONG_TEXT: {"textarea"},
    FieldType.NUMBER: {"double"},
    FieldType.CURRENCY: {"currency"},
    FieldType.PERCENT: {"percent"},
    FieldType.CHECKBOX: {"boolean"},
    FieldType.DATE: {"date"},
    FieldType.DATETIME: {"datetime"},
    FieldType.PICKLIST: {"picklist"},
    FieldType.MULTI_PICKLIST: {"multipicklist"},
    FieldType.PHONE: {"phone"},
    FieldType.EMAIL: {"email"},
    FieldType.URL: {"url"},
    FieldType.LOOKUP: {"reference"},
    FieldType.MASTER_DETAIL: {"reference"},
}
_TEXTS = {"string", "textarea", "phone", "email", "url", "picklist", "combobox"}
_NUMBERS = {"double", "int", "currency", "percent"}
_TEXT_KINDS = {
    FieldType.TEXT,
    FieldType.LONG_TEXT,
    FieldType.PHONE,
    FieldType.EMAIL,
    FieldType.URL,
    FieldType.PICKLIST,
}
_NUMBER_KINDS = {FieldType.NUMBER, FieldType.CURRENCY, FieldType.PERCENT}
_WITHOUT_OBJECT_PERMISSIONS = ACTIVITIES | {"ContentVersion", "ContentDocumentLink", "User"}
_PASSES = 2
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """What one object lacks. ``hidden`` fields are there and not visible to the login."""

    schema: ObjectSchema
    org: OrgObject | None
    exists: bool
    created: tuple[FieldSchema, ...] = ()
    updated: tuple[tuple[FieldSchema, OrgField], ...] = ()
    hidden: tuple[FieldSchema, ...] = ()
    problems: tuple[Finding, ...] = ()


def plan(session: SalesforceSession, schemas: Sequence[ObjectSchema]) -> list[ObjectPlan]:
    existing = custom_fields(session, [schema.name for schema in schemas])
    plans = []
    for schema in schemas:
        there = schema.name in existing
        org = describe(session, schema.name) if there or not schema.custom else None
        plans.append(compare(schema, org, existing.get(schema.name) if there else None))
    return plans


def compare(schema: ObjectSchema, org: OrgObject | None, existing: frozenset[str] | None) -> ObjectPlan:
    """``existing`` holds all custom fields of the object, visible or not; None where it isn't there."""
    if org is None and schema.custom and existing is None:
        return ObjectPlan(
            schema, None, False, created=tuple(field for field in schema.fields if field.custom)
        )
    if org is None and not schema.custom:
        return ObjectPlan(schema, None, False, problems=(_no_object(schema),))
    created: list[FieldSchema] = []
    updated: list[tuple[FieldSchema, OrgField]] = []
    hidden: list[FieldSchema] = []
    problems: list[Finding] = []
    for field in schema.fields:
        found = org.fields.get(field.name) if org is not None else None
        if found is not None:
            difference = _difference(schema, field, found)
            if difference is not None:
                problems.append(difference)
            elif field.custom and (wider := _widened(field, found)) is not None:
                updated.append((wider, found))
        elif not field.custom:
            problems.append(_not_visible(schema, field))
        elif existing is not None and field.name in existing:
            hidden.append(field)
        else:
            created.append(field)
    return ObjectPlan(schema, org, True, tuple(created), tuple(updated), tuple(hidden), tuple(problems))


def _difference(schema: ObjectSchema, field: FieldSchema, found: OrgField) -> Finding | None:
    allowed = _CUSTOM_TYPES[field.type]
    if not field.custom and field.type in _TEXT_KINDS:
        allowed = _TEXTS
    elif not field.custom and field.type in _NUMBER_KINDS:
        allowed = _NUMBERS
    problem = None
    if found.type not in allowed:
        problem = f"is of type {found.type} there and {field.type.value} in the mapping"
    elif field.type.is_reference and field.reference_to not in found.reference_to:
        problem = (
            f"points to {', '.join(found.reference_to)} there and to {field.reference_to} in the mapping"
        )
    elif not field.custom and field.length and 0 < found.length < field.length:
        problem = f"holds {found.length} characters there and {field.length} in the mapping"
    elif not field.custom and found.restricted and (lacking := _lacking(field, found)):
        problem = f"is a restricted picklist there and lacks {len(lacking)} of the mapping's values"
    elif field.custom and field.type in _NUMBER_KINDS and sum(_digits(field, found)) > _MOST_DIGITS:
        problem = f"would need {sum(_digits(field, found))} digits to hold its own values and the mapping's"
    if problem is None:
        return None
    remedy = "rename or delete the field there" if field.custom else "change the mapping"
    message = f"{schema.name}.{field.name} {problem}; {remedy}"
    return Finding("field_differs", "error", message, schema.name, field.name)


def _widened(field: FieldSchema, found: OrgField) -> FieldSchema | None:
    """The field as it should become, never smaller than it is; None where it is fine."""
    wider = field
    changed = bool(_lacking(field, found))
    if field.length and field.type in (FieldType.TEXT, FieldType.LONG_TEXT):
        changed |= found.length < field.length
        wider = replace(wider, length=max(found.length, field.length))
    if field.type in _NUMBER_KINDS and field.precision is not None:
        whole, scale = _digits(field, found)
        changed |= scale > found.scale or whole + scale > found.precision
        wider = replace(wider, precision=whole + scale, scale=scale)
    changed |= (field.unique and not found.unique) or (field.external_id and not found.external_id)
    return wider if changed else None


def _digits(field: FieldSchema, found: OrgField) -> tuple[int, int]:
    """Digits before and after the point that hold both what is there and what the mapping sends."""
    scale = field.scale or 0
    return max((field.precision or scale) - scale, found.precision - found.scale), max(scale, found.scale)


def _lacking(field: FieldSchema, found: OrgField) -> list[str]:
    active = {each.value for each in found.values if each.active}
    return [value for value in field.values if value not in active]


def deploy_schema(
    session: SalesforceSession, settings: EnvironmentSettings, schemas: Sequence[ObjectSchema]
) -> SchemaDeployment:
    """As ``Destination.deploy_schema``. Fields that were there but hidden are granted first and compared
    then, so there may be a second, smaller deployment.
    """
    created: dict[str, None] = {}
    updated: dict[str, None] = {}
    for _ in range(_PASSES):
        plans = plan(session, schemas)
        _refuse_problems(plans)
        _require_room(session, settings, plans)
        _deploy(session, plans, _grants(schemas))
        _assign(session)
        for each in plans:
            name = each.schema.name
            created |= dict.fromkeys([] if each.exists else [name])
            created |= dict.fromkeys(f"{name}.{field.name}" for field in each.created)
            updated |= dict.fromkeys(f"{name}.{field.name}" for field, _ in each.updated)
        if not any(each.hidden or (each.exists and each.org is None) for each in plans):
            break
    mapped = [f"{schema.name}.{field.name}" for schema in schemas for field in schema.fields if field.custom]
    touched = created.keys() | updated.keys()
    return SchemaDeployment(
        created=tuple(created),
        updated=tuple(updated),
        unchanged=tuple(name for name in mapped if name not in touched),
        findings=tuple(finding for each in plan(session, schemas) for finding in shortcomings(each)),
    )


def _deploy(session: SalesforceSession, plans: Sequence[ObjectPlan], wanted: Grants) -> None:
    """One deployment of all that the plans lack; none where that is nothing."""
    present = _present_grants(session)
    if present is None:
        grants: Grants | None = wanted
    else:
        grants = None if wanted.within(present) else wanted | present
    new = [each.schema for each in plans if not each.exists]
    changed = {
        each.schema.name: [*((field, None) for field in each.created), *each.updated]
        for each in plans
        if each.exists and (each.created or each.updated)
    }
    if new or changed or grants is not None:
        soap.deploy(session, metadata_package.build(session.settings.api_version, new, changed, grants))


def shortcomings(each: ObjectPlan) -> list[Finding]:
    """What stands between the org and a load of this object, as findings of a preflight."""
    schema, findings = each.schema, list(each.problems)
    if each.org is None and schema.custom:
        message = f"{schema.name} is not there or not visible; deploy the schema"
        return [*findings, Finding("object_missing", "error", message, schema.name)]
    findings += [
        Finding("field_missing", "error", f"{schema.name}.{field.name} is not there; deploy the schema",
                schema.name, field.name)
        for field in each.created
    ]  # fmt: skip
    findings += [_not_visible(schema, field) for field in each.hidden]
    findings += [
        Finding("field_too_small", "error", f"{schema.name}.{field.name} is too small, lacks "
                "values or isn't an external id; deploy the schema", schema.name, field.name)
        for field, _ in each.updated
    ]  # fmt: skip
    if each.org is not None:
        findings += _unwritable(schema, each.org)
    return findings


def _unwritable(schema: ObjectSchema, org: OrgObject) -> list[Finding]:
    findings = []
    if not (org.createable and org.updateable):
        message = (
            f"the login may not create and edit {schema.name}; assign the permission set {PERMISSION_SET}"
        )
        findings.append(Finding("object_not_writable", "error", message, schema.name))
    elif not org.deletable:
        message = f"the login may not delete {schema.name}, so a rollback couldn't either; grant it"
        findings.append(Finding("object_not_deletable", "warning", message, schema.name))
    for field in schema.fields:
        found = org.fields.get(field.name)
        if found is not None and not (found.createable and found.updateable):
            message = f"the login may not write {schema.name}.{field.name}; grant edit access or unmap it"
            findings.append(Finding("field_not_writable", "error", message, schema.name, field.name))
    return findings


def _no_object(schema: ObjectSchema) -> Finding:
    message = f"{schema.name} is a standard object that the login doesn't see; give it read access"
    return Finding("object_missing", "error", message, schema.name)


def _not_visible(schema: ObjectSchema, field: FieldSchema) -> Finding:
    remedy = "deploy the schema, which grants it" if field.custom else "grant it in the login's profile"
    message = f"the login doesn't see {schema.name}.{field.name} (field-level security); {remedy}"
    return Finding("field_not_visible", "error", message, schema.name, field.name)


def _refuse_problems(plans: Sequence[ObjectPlan]) -> None:
    problems = [finding.message for each in plans for finding in each.problems]
    if problems:
        raise SchemaDeploymentFailed("nothing was deployed to Salesforce:\n  " + "\n  ".join(problems))


def _require_room(
    session: SalesforceSession, settings: EnvironmentSettings, plans: Sequence[ObjectPlan]
) -> None:
    growing = [each for each in plans if each.created]
    if not growing:
        return
    rooms = capacity(session, settings, [each.schema.name for each in growing])
    lines = []
    for each in growing:
        room = rooms[each.schema.name]
        left = room.custom_field_limit - len(room.custom_fields) - settings.fields_left_free
        if len(each.created) > left:
            lines.append(
                f"{room.object}: {len(each.created)} new custom fields, room for {max(left, 0)} "
                f"(limit {room.custom_field_limit}, {len(room.custom_fields)} there, "
                f"{settings.fields_left_free} left free)"
            )
    if lines:
        raise DestinationWithoutRoom(
            "the planned fields don't fit and nothing was deployed; map fewer measures, delete unused fields "
            "there (and erase them), lower fields_left_free, or use a larger edition:\n  "
            + "\n  ".join(lines)
        )


def _grants(schemas: Sequence[ObjectSchema]) -> Grants:
    objects = {schema.name for schema in schemas} - _WITHOUT_OBJECT_PERMISSIONS
    parents = {str(field.reference_to) for schema in schemas for field in schema.references}
    if "Contact" in objects:
        # Access to contacts depends on read access to accounts.
        parents.add("Account")
    return Grants(
        fields=frozenset(
            f"{schema.name}.{field.name}"
            for schema in schemas
            for field in schema.fields
            if can_be_granted(field)
        ),
        objects=frozenset(objects),
        readable=frozenset(parents - objects - _WITHOUT_OBJECT_PERMISSIONS),
    )


def _permission_set_id(session: SalesforceSession) -> str | None:
    rows = session.query(f"SELECT Id FROM PermissionSet WHERE Name = '{PERMISSION_SET}'")
    return str(rows[0]["Id"]) if rows else None


def _present_grants(session: SalesforceSession) -> Grants | None:
    """What the deployed permission set gives; None where there is none."""
    parent = _permission_set_id(session)
    if parent is None:
        return None
    fields = session.query(
        f"SELECT Field FROM FieldPermissions WHERE ParentId = '{parent}' AND PermissionsEdit = true"
    )
    objects = session.query(
        f"SELECT SobjectType, PermissionsDelete FROM ObjectPermissions WHERE ParentId = '{parent}'"
    )
    return Grants(
        fields=frozenset(str(row["Field"]) for row in fields),
        objects=frozenset(str(row["SobjectType"]) for row in objects if row["PermissionsDelete"]),
        readable=frozenset(str(row["SobjectType"]) for row in objects if not row["PermissionsDelete"]),
    )


def _assign(session: SalesforceSession) -> None:
    parent = _permission_set_id(session)
    if parent is None:
        raise SchemaDeploymentFailed(
            f"Salesforce has no permission set {PERMISSION_SET} after the deployment; run again"
        )
    user = session.user_id()
    assigned = session.query(
        f"SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = '{user}' AND PermissionSetId = '{parent}'"
    )
    if not assigned:
        session.request(
            "POST",
            "sobjects/PermissionSetAssignment",
            json={"AssigneeId": user, "PermissionSetId": parent},
        )
