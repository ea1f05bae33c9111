"""Findings about objects and fields: what stops a load, and where the org says otherwise than the inventory.

The comparison itself is ``schema_compare``'s; nothing is asked of the org here.
"""

from __future__ import annotations

from collections.abc import Iterator

from migration_assets.destinations.base import FieldSchema, FieldType, Finding, ObjectSchema
from migration_assets.destinations.salesforce.describe import OrgField, OrgObject
from migration_assets.destinations.salesforce.metadata_package import MAX_LABEL, PERMISSION_SET
from migration_assets.destinations.salesforce.schema_compare import ObjectPlan, not_visible

_NEVER_DELETED_ITSELF = frozenset({"ContentVersion"})
"""Objects whose records go with another's: a file's version is deleted by deleting its document."""


def shortcomings(each: ObjectPlan) -> list[Finding]:
    """What stands between the org and a load of this object, as findings of a preflight."""
    schema, findings = each.schema, list(each.problems)
    if each.org is None and schema.custom:
        message = f"{schema.name} is not there or not visible; deploy the schema"
        missing = Finding("object_missing", "error", message, schema.name, mended_by_deploying=True)
        return [*findings, missing]
    for field in each.created:
        message = f"{schema.name}.{field.name} is not there; deploy the schema"
        findings.append(
            Finding("field_missing", "error", message, schema.name, field.name, mended_by_deploying=True)
        )
    findings += [not_visible(schema, field) for field in each.hidden]
    for field, _ in each.updated:
        message = (
            f"{schema.name}.{field.name} is too small, lacks values or isn't an external id; "
            "deploy the schema"
        )
        findings.append(
            Finding("field_too_small", "error", message, schema.name, field.name, mended_by_deploying=True)
        )
    if each.org is not None:
        findings += _object_permissions(schema, each.org)
        findings += _field_permissions(schema, each.org)
        findings += _required_elsewhere(schema, each.org)
    return findings


def _object_permissions(schema: ObjectSchema, org: OrgObject) -> Iterator[Finding]:
    if not (org.createable and org.updateable):
        message = (
            f"the login may not create and edit {schema.name}; assign the permission set {PERMISSION_SET}"
        )
        yield Finding("object_not_writable", "error", message, schema.name)
    elif not org.deletable and schema.name not in _NEVER_DELETED_ITSELF:
        message = f"the login may not delete {schema.name}, so a rollback couldn't either; grant it"
        yield Finding("object_not_deletable", "warning", message, schema.name)


def _field_permissions(schema: ObjectSchema, org: OrgObject) -> Iterator[Finding]:
    for field in schema.sent_fields:
        found = org.fields.get(field.name)
        if found is None or (found.createable and (found.updateable or field.name in schema.joins)):
            continue
        if found.createable:
            message = (
                f"{schema.name}.{field.name} can be set when a record is made and not changed later; "
                "a value that changes in PANDA afterwards fails"
            )
            yield Finding("field_only_on_insert", "note", message, schema.name, field.name)
        else:
            message = f"the login may not write {schema.name}.{field.name}; grant edit access or unmap it"
            yield Finding("field_not_writable", "error", message, schema.name, field.name)


def _required_elsewhere(schema: ObjectSchema, org: OrgObject) -> Iterator[Finding]:
    """Fields without which the org takes no record and that the mapping doesn't fill."""
    ours = {*schema.field_names, schema.content_field}
    for name, found in org.fields.items():
        if name in ours or not found.required or found.defaulted or not found.createable:
            continue
        message = (
            f"{schema.name}.{name} is required there and not in the mapping, so every new record would be "
            "refused; give it a default there, make it optional, or map it"
        )
        yield Finding("required_field_unmapped", "error", message, schema.name, name)


def drift(each: ObjectPlan) -> list[Finding]:
    """Where a deployed org says otherwise than the inventory without being in a load's way.

    Such differences are left as they are: people made them. Standard fields aren't ours to compare, and
    custom fields beside ours are named on our own objects only.
    """
    if each.org is None:
        return []
    found = [difference for field in each.schema.stored_fields for difference in _changed(each, field)]
    if each.schema.custom:
        ours = frozenset(each.schema.field_names)
        for name in sorted(
            name for name, there in each.org.fields.items() if there.custom and name not in ours
        ):
            message = f"{each.schema.name}.{name} is there and not in the inventory; it is left alone"
            found.append(Finding("field_not_in_inventory", "note", message, each.schema.name, name))
    return found


def _changed(each: ObjectPlan, field: FieldSchema) -> Iterator[Finding]:
    there = each.org.fields.get(field.name) if each.org is not None else None
    if there is None or not field.custom:
        return
    name = each.schema.name
    if there.label != field.label[:MAX_LABEL]:
        message = f"{name}.{field.name} has another label there than in the inventory; it is left as it is"
        yield Finding("label_differs", "warning", message, name, field.name)
    added = {value.value for value in there.values if value.active} - set(field.values)
    if field.values and added:
        message = (
            f"{name}.{field.name} offers {len(added)} values there that the inventory doesn't have; "
            "they are left as they are"
        )
        yield Finding("picklist_values_added", "warning", message, name, field.name)
    if _is_larger(field, there):
        message = f"{name}.{field.name} is larger there than in the inventory; it is never narrowed"
        yield Finding("field_larger", "note", message, name, field.name)


def _is_larger(field: FieldSchema, there: OrgField) -> bool:
    if field.type in (FieldType.TEXT, FieldType.LONG_TEXT):
        return field.length is not None and there.length > field.length
    if field.precision is None:
        return False
    return there.precision > field.precision or there.scale > (field.scale or 0)
