"""Taking a migration's schema out of an org again: what holds nobody's value, and what shows it.

An object with a record or a field with a value, of whatever practice or person, is kept, and so is what
somebody has built on it. Deploying is ``schema``'s; nothing here deletes a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema
from migration_assets.destinations.removal import SchemaRemoval
from migration_assets.destinations.salesforce import metadata_package, presentation, soap
from migration_assets.destinations.salesforce.describe import custom_fields, deleted_among, organization
from migration_assets.destinations.salesforce.metadata_package import PERMISSION_SET, Properties
from migration_assets.destinations.salesforce.queries import ACTIVITIES, Queries
from migration_assets.destinations.salesforce.schema import permission_set_id, present_grants
from migration_assets.destinations.salesforce.session import RequestRefused, SalesforceSession
from migration_assets.destinations.salesforce.settings import EnvironmentSettings
from migration_assets.errors import SchemaDeploymentFailed

_ACTIVITY = "Activity"
_ERASING_EDITION = "Developer Edition"
_NAMES_SHOWN = 5
_NOT_SEEN = frozenset({400, 403, 404})


@dataclass
class _Leaving:
    """What is to go (objects, and fields of objects that stay), and what stays with its reason, by name."""

    objects: list[ObjectSchema] = field(default_factory=list)
    fields: list[tuple[ObjectSchema, FieldSchema]] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)

    @property
    def field_names(self) -> list[str]:
        return [f"{schema.name}.{each.name}" for schema, each in self.fields]

    def takes_reference(self, name: str, field_name: str) -> bool:
        return name in {each.name for each in self.objects} or f"{name}.{field_name}" in self.field_names


def remove_schema(
    session: SalesforceSession, settings: EnvironmentSettings, schemas: Sequence[ObjectSchema]
) -> SchemaRemoval:
    """As ``Destination.remove_schema``: one deployment; the permission set follows in one of its own where it
    gives nothing of ours any more, since an org deletes none that is assigned."""
    leaving = _leaving(session, settings, schemas)
    kinds, layouts = _kinds(session, schemas, leaving)
    org = organization(session)
    erases = org.is_sandbox or org.edition == _ERASING_EDITION
    removed: list[str] = []
    if kinds:
        version = session.settings.api_version
        package = metadata_package.build_removal(version, kinds, layouts)
        soap.deploy(session, package, purge=erases)
        removed = [each.name for each in leaving.objects] + leaving.field_names
        removed += [f"CustomTab {name}" for name in kinds.get("CustomTab", ())]
    removed += _permission_set(session, leaving, purge=erases)
    return SchemaRemoval(
        tuple(removed), tuple(leaving.kept.items()), tuple(_still_counting(session, leaving, erased=erases))
    )


def _leaving(
    session: SalesforceSession, settings: EnvironmentSettings, schemas: Sequence[ObjectSchema]
) -> _Leaving:
    queries = Queries(session, settings.bulk)
    existing = custom_fields(session, [schema.name for schema in schemas])
    leaving = _Leaving()
    for schema in schemas:
        there = existing.get(schema.name)
        if there is None:
            continue
        if schema.custom:
            reason = _why_needed(queries, schema, there)
            if reason is None:
                leaving.objects.append(schema)
            else:
                leaving.kept[schema.name] = reason
            continue
        for each in schema.stored_fields:
            if not each.custom or each.name not in there:
                continue
            reason = _why_filled(queries, schema, each)
            if reason is None:
                leaving.fields.append((schema, each))
            else:
                leaving.kept[f"{schema.name}.{each.name}"] = reason
    _keep_what_is_referred_to(session, leaving)
    return leaving


def _why_needed(queries: Queries, schema: ObjectSchema, there: frozenset[str]) -> str | None:
    """Why a custom object has to stay; None where it needn't."""
    others = sorted(there - {each.name for each in schema.stored_fields} - set(deleted_among(there)))
    if others:
        shown = ", ".join(others[:_NAMES_SHOWN]) + (", ..." if len(others) > _NAMES_SHOWN else "")
        return f"it has {len(others)} fields that aren't in this migration's schema ({shown})"
    return _answered(lambda: queries.any(schema.name, "Id != null"), "it has records")


def _why_filled(queries: Queries, schema: ObjectSchema, field: FieldSchema) -> str | None:
    """Why a field of a standard object has to stay; None where it needn't."""
    # Custom fields of events and tasks are one and the same.
    names = sorted(ACTIVITIES) if schema.name in ACTIVITIES else [schema.name]
    return _answered(
        lambda: any(_is_filled(queries, name, field) for name in names), "records have a value in it"
    )


def _is_filled(queries: Queries, name: str, field: FieldSchema) -> bool:
    if field.type is FieldType.LONG_TEXT:
        # The platform filters by no long text.
        pages = queries.bulk(name, ["Id", field.name], "Id != null")
        return any(page[field.name].is_not_null().any() for page in pages)
    filled = "= true" if field.type is FieldType.CHECKBOX else "!= null"
    return queries.any(name, f"{field.name} {filled}")


def _answered(question: Callable[[], bool], reason: str) -> str | None:
    try:
        return reason if question() else None
    except RequestRefused as refused:
        if refused.status in _NOT_SEEN:
            return f"the login can't see whether it is empty ({refused.error_code})"
        raise


def _keep_what_is_referred_to(session: SalesforceSession, leaving: _Leaving) -> None:
    """An org deletes no object to which another one has a field; what is kept may keep further ones."""
    referring = {
        schema.name: [
            (str(each["childSObject"]), str(each["field"]))
            for each in session.get_json(f"sobjects/{schema.name}/describe").get("childRelationships") or ()
            if str(each["field"] or "").endswith("__c")
        ]
        for schema in leaving.objects
    }
    while True:
        needed = {
            name: f"{child}.{field} refers to it"
            for name, children in referring.items()
            for child, field in children
            if name not in leaving.kept and not leaving.takes_reference(child, field)
        }
        if not needed:
            return
        leaving.kept |= needed
        leaving.objects = [each for each in leaving.objects if each.name not in needed]


def _kinds(
    session: SalesforceSession, schemas: Sequence[ObjectSchema], leaving: _Leaving
) -> tuple[dict[str, list[str]], dict[str, Properties]]:
    """Full names of what is to be deleted by kind, and layouts that stay without what they show of it.

    Layouts and list views of an object, and what a permission set gives on it, go with it by themselves.
    """
    if not leaving.objects and not leaving.fields:
        return {}, {}
    shown = presentation.read(session, schemas)
    going = {each.name for each in leaving.objects}
    fields = [
        f"{_ACTIVITY if schema.name in ACTIVITIES else schema.name}.{each.name}"
        for schema, each in leaving.fields
    ]
    tabs = sorted(going & shown.tabs)
    kinds = {"CustomObject": sorted(going), "CustomField": sorted(fields), "CustomTab": tabs}
    related = frozenset(
        f"{schema.name}.{each.name}"
        for schema in schemas
        for each in schema.references
        if leaving.takes_reference(schema.name, each.name)
    )
    changed = {}
    for name, layout in shown.layouts.items():
        owner = name.partition("-")[0]
        if owner in going:
            continue
        names = {each.name for schema, each in leaving.fields if schema.name == owner}
        if (stripped := presentation.without(layout, names, related)) != layout:
            changed[name] = stripped
    return {kind: names for kind, names in kinds.items() if names}, changed


def _permission_set(session: SalesforceSession, leaving: _Leaving, *, purge: bool) -> Iterator[str]:
    """Its name where it is deleted; otherwise why it stays is added to what is kept."""
    name = f"PermissionSet {PERMISSION_SET}"
    record_id, present = permission_set_id(session), present_grants(session)
    if record_id is None or present is None:
        return
    objects = [each for each in present.objects | present.readable if each.endswith("__c")]
    if present.fields or objects:
        leaving.kept[name] = f"it gives {len(present.fields)} fields and {len(objects)} objects that are kept"
        return
    condition = f"PermissionSetId = '{record_id}'"
    assignments = session.query(f"SELECT Id, AssigneeId FROM PermissionSetAssignment WHERE {condition}")
    others = [each for each in assignments if str(each["AssigneeId"])[:15] != session.user_id()[:15]]
    if others:
        leaving.kept[name] = f"{len(others)} other users have it; take it from them and delete it in Setup"
        return
    for each in assignments:
        session.request("DELETE", f"sobjects/PermissionSetAssignment/{each['Id']}")
    version = session.settings.api_version
    package = metadata_package.build_removal(version, {"PermissionSet": [PERMISSION_SET]}, {})
    try:
        soap.deploy(session, package, purge=purge)
    except SchemaDeploymentFailed:
        leaving.kept[name] = "the org refused to delete it; delete it in Setup, Permission Sets"
        return
    yield name


def _still_counting(session: SalesforceSession, leaving: _Leaving, *, erased: bool) -> list[str]:
    """Of the removed fields of objects that stay: all where the org keeps them for a while, else those that
    it still shows as deleted."""
    if not erased or not leaving.fields:
        return leaving.field_names
    existing = custom_fields(session, sorted({schema.name for schema, _ in leaving.fields}))
    stems = {
        f"{name}.{each.removesuffix('__c').rpartition('_del')[0]}__c"
        for name, fields in existing.items()
        for each in deleted_among(fields)
    }
    return [name for name in leaving.field_names if name in stems]
