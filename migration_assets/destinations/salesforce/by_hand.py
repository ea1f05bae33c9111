"""What of a schema only an administrator can make, and what each edition has room for.

Salesforce's Metadata API makes every custom object and field, so what is left are standard objects and
fields: one that a setting brings, one that the login doesn't see, values of a restricted picklist.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migration_assets.destinations.administration import ManualStep, PlanRoom
from migration_assets.destinations.base import FieldSchema, ObjectSchema
from migration_assets.destinations.salesforce.describe import (
    CUSTOM_FIELD_LIMITS,
    OrgField,
    capacity,
    organization,
)
from migration_assets.destinations.salesforce.queries import ACTIVITIES
from migration_assets.destinations.salesforce.schema_compare import FURTHER_ACCOUNTS, lacking_values, plan
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import EnvironmentSettings

_SETTING, _ACCESS, _VALUES = "Setting", "Read access", "Restricted picklist"
_CUSTOM_FIELD = "Custom field"


def checklist(session: SalesforceSession, schemas: Sequence[ObjectSchema]) -> list[ManualStep]:
    """As ``Destination.checklist``: settings, then what the login has to see, then values."""
    steps = [
        step
        for each in plan(session, schemas)
        for step in _steps(each.schema, None if each.org is None else each.org.fields)
    ]
    return sorted(steps, key=lambda each: (_SETTING, _ACCESS, _VALUES).index(each.kind))


def _steps(schema: ObjectSchema, fields: dict[str, OrgField] | None) -> Iterator[ManualStep]:
    if fields is None:
        if schema.name == FURTHER_ACCOUNTS:
            place, label = "Account Settings", "Allow users to relate a contact to multiple accounts"
            yield ManualStep(schema.name, place, label, _SETTING)
        elif not schema.custom:
            yield _access(schema)
        return
    for field in schema.stored_fields:
        found = fields.get(field.name)
        if field.custom:
            continue
        if found is None:
            yield _access(schema, field)
        elif found.restricted and (lacking := lacking_values(field, found)):
            place = _object_manager(schema)
            yield ManualStep(
                schema.name,
                place,
                found.label,
                _VALUES,
                field.name,
                tuple(lacking),
                required=field.required,
                there=True,
            )


def _access(schema: ObjectSchema, field: FieldSchema | None = None) -> ManualStep:
    """The profile of the migration's login."""
    shown = schema.label if field is None else f"{schema.label}: {field.label}"
    name = None if field is None else field.name
    return ManualStep(schema.name, "Profiles", shown, _ACCESS, name, there=True)


def _object_manager(schema: ObjectSchema) -> str:
    return f"Object Manager, {schema.label}"


def plan_rooms(
    session: SalesforceSession, settings: EnvironmentSettings, schemas: Sequence[ObjectSchema]
) -> list[PlanRoom]:
    """As ``Destination.plans``: custom fields of each object under each edition; what an edition allows of
    activities is the same."""
    own = organization(session).edition
    rooms = capacity(session, settings, [schema.name for schema in schemas])
    found = []
    for edition in dict.fromkeys([*CUSTOM_FIELD_LIMITS, own]):
        for schema in schemas:
            needed = tuple(field.name for field in schema.stored_fields if field.custom)
            room = rooms[schema.name]
            is_own = edition == own
            by_edition = room.custom_field_limit
            if not is_own and schema.name not in ACTIVITIES:
                by_edition = CUSTOM_FIELD_LIMITS[edition]
            there = len(room.custom_fields.intersection(needed))
            others = len(room.custom_fields) - there
            if needed or others:
                found.append(
                    PlanRoom(edition, is_own, schema.name, _CUSTOM_FIELD, needed, there, others, by_edition)
                )
    return found
