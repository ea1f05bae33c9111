"""Objects that aren't stored: what the org knows about itself, made into rows when a query asks."""

import polars as pl

from migration_sandbox.salesforce import deleted_schema, ids
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.rule_objects import ROWS
from migration_sandbox.salesforce.schema import SObject

OBJECT_FLAGS = {
    "PermissionsCreate": "allowCreate",
    "PermissionsRead": "allowRead",
    "PermissionsEdit": "allowEdit",
    "PermissionsDelete": "allowDelete",
    "PermissionsViewAllRecords": "viewAllRecords",
    "PermissionsModifyAllRecords": "modifyAllRecords",
}


def bare_name(name: str) -> str:
    """`Status__c` -> `Status`, as DeveloperName has it."""
    return name.removesuffix("__c")


def durable_id(sobject: SObject) -> str:
    """Standard objects are named, custom ones have an id (key prefix 01I)."""
    return object_id(sobject) if sobject.custom else sobject.name


def object_id(sobject: SObject) -> str:
    number = int.from_bytes(sobject.name.encode()[:4], "big") + sum(sobject.name.encode())
    return ids.make_id("01I", number)


def _sets(org: Org) -> dict[str, str]:
    rows = org.tables["PermissionSet"].scan(["Id", "Name"])
    return {name: key for key, name in rows.select("Id", "Name").iter_rows()}


def _field_permissions(org: Org) -> list[dict[str, object]]:
    parents = _sets(org)
    found: list[dict[str, object]] = []
    for name, grants in org.permission_sets.items():
        for path, flags in grants.get("fields", {}).items():
            found.append(
                {
                    "Id": ids.make_id("01k", len(found) + 1), "ParentId": parents[name],
                    "SobjectType": path.partition(".")[0], "Field": path,
                    "PermissionsRead": flags["readable"], "PermissionsEdit": flags["editable"],
                }
            )  # fmt: skip
    return found


def _object_permissions(org: Org) -> list[dict[str, object]]:
    parents = _sets(org)
    found: list[dict[str, object]] = []
    for name, grants in org.permission_sets.items():
        for sobject, flags in grants.get("objects", {}).items():
            row: dict[str, object] = {
                "Id": ids.make_id("110", len(found) + 1), "ParentId": parents[name], "SobjectType": sobject
            }  # fmt: skip
            found.append(row | {column: flags.get(key, False) for column, key in OBJECT_FLAGS.items()})
    return found


def _entities(org: Org) -> list[dict[str, object]]:
    return [
        {
            "Id": durable_id(item),
            "DurableId": durable_id(item),
            "QualifiedApiName": item.name,
            "DeveloperName": bare_name(item.name),
            "Label": item.label,
            "PluralLabel": item.label_plural,
            "KeyPrefix": item.key_prefix,
            "IsCustomizable": item.custom or item.customizable,
            "IsQueryable": True,
        }
        for item in org.objects.values()
        if not item.virtual
    ]


def _fields(org: Org) -> list[dict[str, object]]:
    return [
        {
            "Id": f"{durable_id(item)}.{field.name}", "DurableId": f"{durable_id(item)}.{field.name}",
            "QualifiedApiName": field.name, "DeveloperName": bare_name(field.name), "Label": field.label,
            "DataType": field.metadata_type or field.type, "EntityDefinitionId": durable_id(item),
            "Length": field.length, "Precision": field.precision, "Scale": field.scale,
            "IsIndexed": field.indexed, "IsNillable": not field.required,
        }
        for item in org.objects.values()
        if not item.virtual
        for field in item.fields.values()
    ]  # fmt: skip


def _custom_fields(org: Org) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for item in org.objects.values():
        if item.name == "Task":
            continue
        owner = "Activity" if item.name == "Event" else durable_id(item)
        for field in item.fields.values():
            if field.custom:
                found.append(
                    {
                        "Id": ids.make_id("00N", len(found) + 1), "DeveloperName": bare_name(field.name),
                        "TableEnumOrId": owner, "NamespacePrefix": None, "InlineHelpText": field.help_text,
                    }
                )  # fmt: skip
    if org.settings.deleted_fields_in_tooling:
        for gone in deleted_schema.fields(org):
            sobject = org.objects.get(gone.owner)
            if sobject is not None:
                found.append(
                    {
                        "Id": ids.make_id("00N", len(found) + 1), "NamespacePrefix": None,
                        "DeveloperName": f"{bare_name(gone.name)}_del", "InlineHelpText": None,
                        "TableEnumOrId": "Activity" if gone.owner == "Event" else durable_id(sobject),
                    }
                )  # fmt: skip
    return found


def _custom_objects(org: Org) -> list[dict[str, object]]:
    return [
        {
            "Id": object_id(item), "DeveloperName": bare_name(item.name), "NamespacePrefix": None,
            "Description": item.description,
        }
        for item in org.objects.values()
        if item.custom
    ]  # fmt: skip


def virtual_frame(org: Org, name: str) -> pl.DataFrame:
    """All rows of a virtual object, a column for each of its fields."""
    make = {
        "FieldPermissions": _field_permissions,
        "ObjectPermissions": _object_permissions,
        "EntityDefinition": _entities,
        "FieldDefinition": _fields,
        "CustomField": _custom_fields,
        "CustomObject": _custom_objects,
        **ROWS,
    }[name]
    columns = org.objects[name].fields.values()
    return pl.DataFrame(make(org), schema={field.name: field.dtype for field in columns})
