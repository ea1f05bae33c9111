"""Objects, fields, what shows them, and the permission set as the zip that the Metadata API deploys.

Pure: schemas in, bytes out. Element names are the Metadata API's (CustomObject, CustomField, Layout,
PermissionSet); what has to be deployed is ``schema``'s to find out.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema
from migration_assets.destinations.salesforce.describe import OrgField
from migration_assets.destinations.salesforce.queries import ACTIVITIES

PERMISSION_SET = "PANDA_Migration"
MAX_LABEL, MAX_HELP = 40, 510
NAMESPACE = "http://soap.sforce.com/2006/04/metadata"

_TYPES = {
    FieldType.TEXT: "Text",
    FieldType.LONG_TEXT: "LongTextArea",
    FieldType.NUMBER: "Number",
    FieldType.CURRENCY: "Currency",
    FieldType.PERCENT: "Percent",
    FieldType.CHECKBOX: "Checkbox",
    FieldType.DATE: "Date",
    FieldType.DATETIME: "DateTime",
    FieldType.PICKLIST: "Picklist",
    FieldType.MULTI_PICKLIST: "MultiselectPicklist",
    FieldType.PHONE: "Phone",
    FieldType.EMAIL: "Email",
    FieldType.URL: "Url",
    FieldType.LOOKUP: "Lookup",
    FieldType.MASTER_DETAIL: "MasterDetail",
    FieldType.USER: "Lookup",
}
_DEFAULT_TEXT_LENGTH, _DEFAULT_LONG_LENGTH = 255, 32_768
_DEFAULT_PRECISION = 18
_VISIBLE_LINES = "4"

Properties = list[tuple[str, "str | Properties"]]


@dataclass(frozen=True, slots=True)
class Grants:
    """What the permission set gives: fields as ``Object.Field__c``, objects to write, parents to read, tabs.

    Tabs go by their objects' names.
    """

    fields: frozenset[str]
    objects: frozenset[str]
    readable: frozenset[str] = frozenset()
    tabs: frozenset[str] = frozenset()

    def __or__(self, other: Grants) -> Grants:
        return Grants(
            self.fields | other.fields,
            self.objects | other.objects,
            self.readable | other.readable,
            self.tabs | other.tabs,
        )

    def within(self, other: Grants) -> bool:
        """Whether ``other`` gives all fields and objects of this one; tabs aren't compared."""
        return (
            self.fields <= other.fields
            and self.objects <= other.objects
            and self.readable <= other.readable | other.objects
        )


@dataclass(frozen=True, slots=True)
class Presentation:
    """What shows objects: ``layouts`` by full name, ``tabs`` and ``list_views`` by object."""

    layouts: Mapping[str, Properties] = field(default_factory=dict)
    tabs: Mapping[str, Properties] = field(default_factory=dict)
    list_views: Mapping[str, Mapping[str, Properties]] = field(default_factory=dict)

    @property
    def members(self) -> dict[str, list[str]]:
        """Full names by the Metadata API's kind; a kind without any is left out."""
        views = [f"{name}.{view}" for name, made in self.list_views.items() for view in made]
        kinds = {"Layout": list(self.layouts), "CustomTab": list(self.tabs), "ListView": views}
        return {kind: names for kind, names in kinds.items() if names}


def build(
    api_version: str,
    new_objects: Sequence[ObjectSchema],
    fields: Mapping[str, Sequence[tuple[FieldSchema, OrgField | None]]],
    grants: Grants | None,
    presentation: Presentation | None = None,
) -> bytes:
    """The zip: new objects with all their fields, fields of objects that exist, what shows them, the whole
    permission set.

    A field comes with the one it replaces, whose label, help text and picklist values stay as they are.
    The permission set replaces the deployed one, so ``grants`` has to hold everything that it gave before.
    """
    shown = presentation or Presentation()
    files: dict[str, bytes] = {}
    members: dict[str, list[str]] = shown.members
    for schema in new_objects:
        properties = _custom_object(schema, shown.list_views.get(schema.name, {}))
        files[f"objects/{schema.name}.object"] = _xml("CustomObject", properties)
        members.setdefault("CustomObject", []).append(schema.name)
    existing = dict.fromkeys([*fields, *shown.list_views])
    for name in (name for name in existing if name not in {schema.name for schema in new_objects}):
        # Custom fields of Event and Task are defined once, on Activity.
        owner = "Activity" if name in ACTIVITIES else name
        changed = fields.get(name, ())
        properties = [
            *(("fields", custom_field(name, each, old)) for each, old in changed),
            *_list_views(shown.list_views.get(name, {})),
        ]
        files[f"objects/{owner}.object"] = _xml("CustomObject", properties)
        if changed:
            members.setdefault("CustomField", []).extend(f"{owner}.{each.name}" for each, _ in changed)
    files |= {f"layouts/{name}.layout": _xml("Layout", made) for name, made in shown.layouts.items()}
    files |= {f"tabs/{name}.tab": _xml("CustomTab", made) for name, made in shown.tabs.items()}
    if grants is not None:
        files[f"permissionsets/{PERMISSION_SET}.permissionset"] = _xml(
            "PermissionSet", _permission_set(grants)
        )
        members["PermissionSet"] = [PERMISSION_SET]
    files["package.xml"] = _manifest(api_version, members)
    return _zip(files)


def build_removal(
    api_version: str, removed: Mapping[str, Sequence[str]], changed: Mapping[str, Properties]
) -> bytes:
    """The zip that deletes components, full names by kind, after the ``changed`` layouts have replaced those
    that show them."""
    files = {f"layouts/{name}.layout": _xml("Layout", made) for name, made in changed.items()}
    files["package.xml"] = _manifest(api_version, {"Layout": list(changed)} if changed else {})
    files["destructiveChangesPost.xml"] = _manifest(api_version, removed)
    return _zip(files)


def _manifest(api_version: str, members: Mapping[str, Sequence[str]]) -> bytes:
    types: Properties = [
        ("types", [*(("members", member) for member in sorted(listed)), ("name", kind)])
        for kind, listed in members.items()
    ]
    return _xml("Package", [*types, ("version", api_version)])


def can_be_granted(field: FieldSchema) -> bool:
    """A permission set must not list required and master-detail fields: everybody sees them."""
    return field.custom and not field.required and field.type is not FieldType.MASTER_DETAIL


def _list_views(views: Mapping[str, Properties]) -> Properties:
    return [("listViews", made) for made in views.values()]


def _custom_object(schema: ObjectSchema, views: Mapping[str, Properties]) -> Properties:
    depends = any(field.type is FieldType.MASTER_DETAIL for field in schema.fields)
    name = next((field for field in schema.fields if field.name == "Name"), None)
    name_field: Properties = [("label", (name.label if name else f"{schema.label} Number")[:MAX_LABEL])]
    if name is None:
        name_field = [("displayFormat", "{00000000}"), *name_field, ("type", "AutoNumber")]
    else:
        name_field.append(("type", "Text"))
    return [
        ("deploymentStatus", "Deployed"),
        # Without it a record of the object can't be what an Event is related to (WhatId).
        ("enableActivities", "true"),
        *(("fields", custom_field(schema.name, field)) for field in schema.stored_fields if field.custom),
        ("label", schema.label[:MAX_LABEL]),
        *_list_views(views),
        ("nameField", name_field),
        ("pluralLabel", schema.plural_label[:MAX_LABEL]),
        ("sharingModel", "ControlledByParent" if depends else "ReadWrite"),
    ]


def custom_field(owner: str, field: FieldSchema, old: OrgField | None = None) -> Properties:
    """The properties of a CustomField of ``owner``; ``old`` keeps what a person may have changed there."""
    help_text = old.help_text if old and old.help_text else field.help_text
    properties: Properties = [
        ("fullName", field.name),
        ("label", (old.label if old else field.label)[:MAX_LABEL]),
    ]
    if help_text:
        properties.append(("inlineHelpText", help_text[:MAX_HELP]))
    properties.append(("type", _TYPES[field.type]))
    properties += _reference(owner, field) if _points(field) else _details(field, old)
    if field.type not in (FieldType.CHECKBOX, FieldType.MASTER_DETAIL, FieldType.LONG_TEXT):
        properties.append(("required", _flag(field.required)))
    if field.external_id:
        properties.append(("externalId", "true"))
    if field.unique:
        properties.append(("unique", "true"))
        if field.type is FieldType.TEXT:
            properties.append(("caseSensitive", _flag(field.case_sensitive)))
    return properties


def _points(field: FieldSchema) -> bool:
    return field.type.is_reference or field.type is FieldType.USER


def _details(field: FieldSchema, old: OrgField | None) -> Properties:
    match field.type:
        case FieldType.TEXT:
            return [("length", str(field.length or _DEFAULT_TEXT_LENGTH))]
        case FieldType.LONG_TEXT:
            length = max(field.length or _DEFAULT_LONG_LENGTH, _DEFAULT_TEXT_LENGTH + 1)
            return [("length", str(length)), ("visibleLines", _VISIBLE_LINES)]
        case FieldType.NUMBER | FieldType.CURRENCY | FieldType.PERCENT:
            return [
                ("precision", str(field.precision or _DEFAULT_PRECISION)),
                ("scale", str(field.scale or 0)),
            ]
        case FieldType.CHECKBOX:
            return [("defaultValue", "false")]
        case FieldType.PICKLIST | FieldType.MULTI_PICKLIST:
            lines: Properties = (
                [("visibleLines", _VISIBLE_LINES)] if field.type is FieldType.MULTI_PICKLIST else []
            )
            return [("valueSet", _value_set(field, old)), *lines]
        case _:
            return []


def _reference(owner: str, field: FieldSchema) -> Properties:
    own_name = f"{owner.removesuffix('__c')}_{field.name.removesuffix('__c')}"
    name = (field.child_relationship or own_name).removesuffix("__r")[:MAX_LABEL]
    properties: Properties = [
        ("referenceTo", "User" if field.type is FieldType.USER else str(field.reference_to)),
        ("relationshipLabel", name.replace("_", " ")),
        ("relationshipName", name),
    ]
    if field.type is FieldType.MASTER_DETAIL:
        # An upsert writes the parent again; without this the platform refuses that as a new parent.
        return [*properties, ("relationshipOrder", "0"), ("reparentableMasterDetail", "true")]
    # A required lookup can't be emptied, so its parent can't be deleted from under it.
    return [*properties, ("deleteConstraint", "Restrict" if field.required else "SetNull")]


def _value_set(field: FieldSchema, old: OrgField | None) -> Properties:
    """The values there stay, in their order; ours that are missing or switched off are added."""
    values: list[tuple[str, Properties]] = []
    kept = old.values if old else ()
    for each in kept:
        active = each.active or each.value in field.values
        entry: Properties = [
            ("fullName", each.value),
            ("default", _flag(each.default)),
            ("label", each.label),
        ]
        values.append(("value", entry if active else [*entry, ("isActive", "false")]))
    there = {each.value for each in kept}
    for value in field.values:
        if value not in there:
            values.append(("value", [("fullName", value), ("default", "false"), ("label", value)]))
    restricted = old.restricted if old else field.restricted
    return [
        ("restricted", _flag(restricted)),
        ("valueSetDefinition", [("sorted", "false"), *values]),
    ]


def _permission_set(grants: Grants) -> Properties:
    permissions: Properties = [
        ("fieldPermissions", [("editable", "true"), ("field", name), ("readable", "true")])
        for name in sorted(grants.fields)
    ]
    permissions += [("hasActivationRequired", "false"), ("label", "PANDA Migration")]
    for name in sorted(grants.objects | grants.readable):
        write = _flag(name in grants.objects)
        permissions.append(
            (
                "objectPermissions",
                [
                    ("allowCreate", write),
                    ("allowDelete", write),
                    ("allowEdit", write),
                    ("allowRead", "true"),
                    ("modifyAllRecords", "false"),
                    ("object", name),
                    ("viewAllRecords", "false"),
                ],
            )
        )
    permissions += [
        ("tabSettings", [("tab", name), ("visibility", "Visible")]) for name in sorted(grants.tabs)
    ]
    return permissions


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _xml(root: str, properties: Properties) -> bytes:
    element = ElementTree.Element(root, {"xmlns": NAMESPACE})
    _fill(element, properties)
    content: bytes = ElementTree.tostring(element, encoding="UTF-8", xml_declaration=True)
    return content


def _fill(element: ElementTree.Element, properties: Iterable[tuple[str, str | Properties]]) -> None:
    for name, value in properties:
        child = ElementTree.SubElement(element, name)
        if isinstance(value, str):
            child.text = value
        else:
            _fill(child, value)


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(name, files[name])
    return buffer.getvalue()
