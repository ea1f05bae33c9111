"""Bringing an org's schema to what the mapping needs: compare, deploy what is missing, grant, verify.

Only what is missing or too small is deployed, so a second run deploys nothing. Nothing is removed here
(``schema_removal``) or narrowed, and what a person may have changed (labels, help texts, picklist values)
stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migration_assets.destinations.base import Finding, ObjectSchema, SchemaDeployment
from migration_assets.destinations.salesforce import layouts, metadata_package, presentation, soap
from migration_assets.destinations.salesforce.describe import capacity, deleted_among
from migration_assets.destinations.salesforce.metadata_package import (
    PERMISSION_SET,
    Grants,
    Presentation,
    can_be_granted,
)
from migration_assets.destinations.salesforce.preflight_queries import ask
from migration_assets.destinations.salesforce.preflight_schema import drift, shortcomings
from migration_assets.destinations.salesforce.queries import ACTIVITIES
from migration_assets.destinations.salesforce.schema_compare import ObjectPlan, plan
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import EnvironmentSettings
from migration_assets.errors import DestinationWithoutRoom, SchemaDeploymentFailed

_WITHOUT_OBJECT_PERMISSIONS = ACTIVITIES | {
    "AccountContactRelation",
    "ContentDocumentLink",
    "ContentVersion",
    "EventRelation",
    "User",
}
_PASSES = 2


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
        shown = _not_shown(session, settings, schemas)
        _deploy(session, plans, _grants(schemas, settings), shown)
        _assign(session)
        for each in plans:
            name = each.schema.name
            created |= dict.fromkeys([] if each.exists else [name])
            created |= dict.fromkeys(f"{name}.{field.name}" for field in each.created)
            updated |= dict.fromkeys(f"{name}.{field.name}" for field, _ in each.updated)
        created |= dict.fromkeys(f"{kind} {name}" for kind, names in shown.members.items() for name in names)
        if not any(each.hidden or (each.exists and each.org is None) for each in plans):
            break
    mapped = [
        f"{schema.name}.{field.name}" for schema in schemas for field in schema.stored_fields if field.custom
    ]
    touched = created.keys() | updated.keys()
    return SchemaDeployment(
        created=tuple(created),
        updated=tuple(updated),
        unchanged=tuple(name for name in mapped if name not in touched),
        findings=tuple(_findings(session, settings, schemas)),
    )


def _findings(
    session: SalesforceSession, settings: EnvironmentSettings, schemas: Sequence[ObjectSchema]
) -> Iterator[Finding]:
    for each in plan(session, schemas):
        yield from shortcomings(each)
        yield from drift(each)
    if settings.deploy_layouts:
        yield from presentation.findings(presentation.read(session, schemas), schemas)


def _not_shown(
    session: SalesforceSession, settings: EnvironmentSettings, schemas: Sequence[ObjectSchema]
) -> Presentation:
    """What has to be deployed for people to see the objects; nothing where the settings leave it to them."""
    if not settings.deploy_layouts:
        return Presentation()
    shown = presentation.read(session, schemas)
    return presentation.lacking(shown, schemas, extend=settings.layouts == "extend")


def _deploy(
    session: SalesforceSession, plans: Sequence[ObjectPlan], wanted: Grants, shown: Presentation
) -> None:
    """One deployment of all that the plans lack; none where that is nothing."""
    present = present_grants(session)
    if present is None:
        grants: Grants | None = wanted
    else:
        grants = None if wanted.within(present) and not shown.tabs else wanted | present
    new = [each.schema for each in plans if not each.exists]
    changed = {
        each.schema.name: [*((field, None) for field in each.created), *each.updated]
        for each in plans
        if each.exists and (each.created or each.updated)
    }
    if new or changed or grants is not None or shown.members:
        version = session.settings.api_version
        soap.deploy(session, metadata_package.build(version, new, changed, grants, shown))


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
            if deleted := deleted_among(room.custom_fields):
                lines.append(
                    f"{room.object}: {len(deleted)} of these are deleted; {soap.ERASE_DELETED_FIELDS}"
                )
    if lines:
        raise DestinationWithoutRoom(
            "the planned fields don't fit and nothing was deployed; map fewer measures, delete unused fields "
            "there (and erase them), lower fields_left_free, or use a larger edition:\n  "
            + "\n  ".join(lines)
        )


def _grants(schemas: Sequence[ObjectSchema], settings: EnvironmentSettings) -> Grants:
    objects = {schema.name for schema in schemas} - _WITHOUT_OBJECT_PERMISSIONS
    parents = {target for schema in schemas for field in schema.references for target in field.targets}
    if "Contact" in objects:
        # Access to contacts depends on read access to accounts.
        parents.add("Account")
    return Grants(
        fields=frozenset(
            f"{schema.name}.{field.name}"
            for schema in schemas
            for field in schema.stored_fields
            if can_be_granted(field)
        ),
        objects=frozenset(objects),
        readable=frozenset(parents - objects - _WITHOUT_OBJECT_PERMISSIONS),
        tabs=frozenset(
            schema.name
            for schema in schemas
            if settings.deploy_layouts and layouts.is_opened_by_people(schema)
        ),
    )


def permission_set_id(session: SalesforceSession) -> str | None:
    rows = session.query(f"SELECT Id FROM PermissionSet WHERE Name = '{PERMISSION_SET}'")
    return str(rows[0]["Id"]) if rows else None


def present_grants(session: SalesforceSession) -> Grants | None:
    """What the deployed permission set gives; None where there is none."""
    parent = permission_set_id(session)
    if parent is None:
        return None
    fields = session.query(
        f"SELECT Field FROM FieldPermissions WHERE ParentId = '{parent}' AND PermissionsEdit = true"
    )
    objects = session.query(
        f"SELECT SobjectType, PermissionsDelete FROM ObjectPermissions WHERE ParentId = '{parent}'"
    )
    tabs = ask(session, f"SELECT Name FROM PermissionSetTabSetting WHERE ParentId = '{parent}'")
    return Grants(
        fields=frozenset(str(row["Field"]) for row in fields),
        objects=frozenset(str(row["SobjectType"]) for row in objects if row["PermissionsDelete"]),
        readable=frozenset(str(row["SobjectType"]) for row in objects if not row["PermissionsDelete"]),
        tabs=frozenset(str(row["Name"]) for row in tabs),
    )


def _assign(session: SalesforceSession) -> None:
    parent = permission_set_id(session)
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
