"""Bringing an account's schema to what the mapping needs, as far as its API lets us; the rest is a checklist.

Modules and fields are made one call each, and what is there stays as it is. Whether fields of contacts,
accounts and deals can be made through the API is unconfirmed, and so is what ``field_type`` takes: a refusal
isn't a failure but an administrator's step, and nothing is loaded before discovery finds what was asked for.
The API neither changes nor removes fields.
"""

from __future__ import annotations

from collections.abc import Sequence

from migration_assets.destinations.administration import ManualStep, PlanRoom
from migration_assets.destinations.base import (
    FieldSchema,
    Finding,
    ObjectSchema,
    SchemaDeployment,
)
from migration_assets.destinations.freshsales import capacity, schema_plan
from migration_assets.destinations.freshsales.api import Client, Json
from migration_assets.destinations.freshsales.capacity import kind_of, needed_fields
from migration_assets.destinations.freshsales.discovery import STANDARD, Discovery
from migration_assets.destinations.freshsales.errors_of_api import ApiRefused
from migration_assets.destinations.freshsales.schema_plan import ObjectPlan
from migration_assets.destinations.freshsales.settings import EnvironmentSettings
from migration_assets.destinations.removal import SchemaRemoval
from migration_assets.errors import (
    AnswerLost,
    DestinationWithoutRoom,
    SchemaAwaitsAdministrator,
    SchemaDeploymentFailed,
)

_ICON = "tooth"
_NOT_ALLOWED = frozenset({402, 403, 404, 405, 501})
"""Answers that hold for every field of the entity, so that no second one is tried."""


def deploy_schema(
    client: Client, discovery: Discovery, settings: EnvironmentSettings, schemas: Sequence[ObjectSchema]
) -> SchemaDeployment:
    """As ``Destination.deploy_schema``; a call for each module and field that is made.

    Raises SchemaDeploymentFailed and DestinationWithoutRoom before anything is made,
    SchemaAwaitsAdministrator with the checklist after what could be made was.
    """
    discovery.forget()
    plans = schema_plan.plan(discovery, schemas)
    _refuse_problems(plans)
    _require_room(discovery, settings, plans)
    if settings.create_schema == "api":
        for each in plans:
            _make(client, discovery, settings, each)
        discovery.forget()
    after = schema_plan.plan(discovery, schemas)
    _refuse_problems(after)
    steps = [step for each in after for step in each.steps()]
    if steps:
        raise SchemaAwaitsAdministrator(awaiting(steps))
    created = [each.schema.name for each in plans if not each.exists]
    created += [f"{each.schema.name}.{field.name}" for each in plans for field in each.missing]
    mapped = [f"{schema.name}.{field.name}" for schema in schemas for field in needed_fields(schema)]
    return SchemaDeployment(
        created=tuple(created),
        updated=(),
        unchanged=tuple(name for name in mapped if name not in created),
        findings=tuple(finding for each in after for finding in each.problems),
    )


def checklist(discovery: Discovery, schemas: Sequence[ObjectSchema]) -> list[ManualStep]:
    """As ``Destination.checklist``, also of what the API would make: new modules first, since look-ups point
    to them, then fields by entity, then the pipeline."""
    discovery.forget()
    plans = schema_plan.plan(discovery, schemas)
    steps = [step for each in plans for step in (*each.steps(), *each.mends())]
    modules = [step for step in steps if step.field is None]
    fields = [step for step in steps if step.field is not None]
    return [*modules, *fields, *schema_plan.pipeline_step(discovery, schemas)]


def plan_rooms(
    discovery: Discovery, settings: EnvironmentSettings, schemas: Sequence[ObjectSchema]
) -> list[PlanRoom]:
    return list(schema_plan.plan_rooms(discovery, settings, schema_plan.plan(discovery, schemas)))


def awaiting(steps: Sequence[ManualStep]) -> str:
    lines = "\n  ".join(step.sentence for step in steps)
    return (
        f"Freshsales' API doesn't make {len(steps)} of the modules and fields that the mapping needs; have "
        "an administrator make them in the account's settings, labels spelt as here, then deploy again:\n  "
        f"{lines}"
    )


def remove_schema(discovery: Discovery, schemas: Sequence[ObjectSchema]) -> SchemaRemoval:
    """Removes nothing: no source knows a way to delete a field, and a module takes its records along."""
    reason = "Freshsales' API deletes no fields; an administrator may, in the account's settings"
    kept = [
        (f"{schema.name}.{field.name}", reason)
        for schema in schemas
        for field in needed_fields(schema)
        if discovery.field(schema, field) is not None
    ]
    return SchemaRemoval(removed=(), kept=tuple(kept))


def _refuse_problems(plans: Sequence[ObjectPlan]) -> None:
    problems = [found.message for each in plans for found in each.problems if found.severity == "error"]
    if problems:
        raise SchemaDeploymentFailed("Freshsales can't take this schema:\n  " + "\n  ".join(problems))


def _require_room(discovery: Discovery, settings: EnvironmentSettings, plans: Sequence[ObjectPlan]) -> None:
    lines = [found.message for found in shortages(discovery, settings, plans)]
    if lines:
        raise DestinationWithoutRoom(
            "the planned fields don't fit into the account and nothing was made:\n  " + "\n  ".join(lines)
        )


def shortages(
    discovery: Discovery, settings: EnvironmentSettings, plans: Sequence[ObjectPlan]
) -> list[Finding]:
    """Modules that the plan hasn't, and kinds of fields that don't fit: an error each."""
    found = []
    new = [each for each in plans if not each.exists]
    if new:
        allowed, there = capacity.modules(settings), len(discovery.modules() or ())
        names = ", ".join(each.schema.label for each in new)
        if there + len(new) > allowed:
            message = (
                f"the mapping needs the custom module {names}; plan {settings.plan} has {allowed} and "
                f"{there} are there: use a plan with custom modules, set custom_modules where yours differs, "
                "or take the object out of the mapping"
            )
            found += [Finding("module_not_in_plan", "error", message, each.schema.name) for each in new]
    for each in plans:
        rooms = each.room(settings)
        for kind, needed in each.missing_kinds.items():
            room = rooms[kind]
            if needed > room.left:
                message = (
                    f"{each.entity} needs {needed} more {kind} fields and has room for {room.left} (plan "
                    f"{settings.plan} allows {room.limit}, {room.used} are there); delete unused ones, map "
                    "fewer, or use a larger plan"
                )
                found.append(Finding("no_room_for_kind", "error", message, each.schema.name))
    return found


def _make(client: Client, discovery: Discovery, settings: EnvironmentSettings, each: ObjectPlan) -> None:
    """The object's module and fields, until the account says that it doesn't let the API make any."""
    if not each.exists and not _make_module(client, discovery, each.schema):
        return
    if not each.missing:
        return
    try:
        form = discovery.form(each.entity)
    except ApiRefused as refused:
        if refused.status in _NOT_ALLOWED:
            return
        raise
    path = f"settings/{each.entity}/forms/{form}/fields"
    for field in each.missing:
        try:
            _make_field(client, discovery, each.schema, field, path, _body(settings, field))
        except ApiRefused as refused:
            if refused.status in _NOT_ALLOWED:
                return


def _make_field(
    client: Client, discovery: Discovery, schema: ObjectSchema, field: FieldSchema, path: str, body: Json
) -> None:
    """After a lost answer the account is asked whether the field is there. Raises ApiRefused, AnswerLost."""
    try:
        client.post(path, body)
    except AnswerLost:
        discovery.forget()
        if discovery.field(schema, field) is None:
            client.post(path, body)


def _make_module(client: Client, discovery: Discovery, schema: ObjectSchema) -> bool:
    """Whether the module is there now. Raises SchemaDeploymentFailed where the account named it otherwise."""
    body = {
        "entity_name": schema.name.removeprefix("cm_"),
        "singular_name": schema.label,
        "plural_name": schema.plural_label,
        "icon": _ICON,
    }
    for attempt in range(2):
        try:
            client.post("settings/module_customizations", {"module_customization": body})
            break
        except AnswerLost:
            discovery.forget()
            if discovery.module(schema.name) is not None:
                return True
            if attempt:
                raise
        except ApiRefused:
            return False
    discovery.forget()
    if discovery.module(schema.name) is not None:
        return True
    names = [each.entity for each in discovery.modules() or () if each.singular == schema.label]
    raise SchemaDeploymentFailed(
        f"Freshsales calls the new module {schema.label!r} {', '.join(names) or 'otherwise'} and the mapping "
        f"{schema.name}; delete it in the account and have it made under that name"
    )


def _body(settings: EnvironmentSettings, field: FieldSchema) -> Json:
    """``choices`` and ``lookup_entity`` are what the sandbox takes; no public source names them (U)."""
    kind = str(kind_of(field))
    body: Json = {
        "label": field.label,
        "field_type": settings.field_type_numbers.get(kind, kind),
        "required": False,
    }
    if kind in ("dropdown", "multi_select_dropdown"):
        body["choices"] = [{"value": value} for value in field.values]
    if kind == "lookup":
        body["lookup_entity"] = STANDARD.get(field.reference_to or "", field.reference_to)
    return body
