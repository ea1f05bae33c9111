"""What an account lacks of the mapping's fields and modules, and what of it contradicts them. Reads only.

Shared by the deployment, the preflight and the administrator's checklist, so that all three say the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migration_assets.destinations.base import (
    FieldSchema,
    FieldType,
    Finding,
    Identity,
    ObjectCapacity,
    ObjectSchema,
)
from migration_assets.destinations.freshsales import capacity
from migration_assets.destinations.freshsales.capacity import KindRoom, kind_of, limited_kind
from migration_assets.destinations.freshsales.discovery import STANDARD, ApiField, Discovery, entity_of
from migration_assets.destinations.freshsales.settings import EnvironmentSettings, Kind

_SHOWN_KINDS: dict[Kind, str] = {
    "text": "Text field",
    "textarea": "Text area",
    "dropdown": "Dropdown",
    "number": "Number",
    "checkbox": "Checkbox",
    "date": "Date picker",
    "multi_select_dropdown": "Multi-select dropdown",
    "lookup": "Look-up",
}
"""What the administrator's screens call the kinds (U: the words move with the product)."""

_ALSO_NAMED = ("{}", "{}s", "{}_id")
"""How the API may name a standard field of ours: ``email`` is in ``emails``, an owner ``owner_id``."""


@dataclass(frozen=True, slots=True)
class ManualStep:
    """Something that an administrator makes in the screens: a module (``field`` empty), or a field of one
    entity with its label, the screens' word for its kind, and its choices."""

    object: str
    entity: str
    label: str
    kind: str
    field: str | None = None
    choices: tuple[str, ...] = ()
    points_to: str | None = None

    @property
    def sentence(self) -> str:
        if self.field is None:
            return f"{self.entity}: make the custom module {self.label!r}"
        more = f" with the choices {', '.join(self.choices)}" if self.choices else ""
        where = f" to {self.points_to}" if self.points_to else ""
        return f"{self.entity}: add {self.label!r}, a {self.kind}{where}{more}"


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """One object against the account: whether its entity is there, the custom fields that it lacks, the types
    of all custom fields that it has, and what no deployment can mend (``problems``)."""

    schema: ObjectSchema
    exists: bool
    missing: tuple[FieldSchema, ...]
    present_types: tuple[str, ...]
    problems: tuple[Finding, ...]

    @property
    def entity(self) -> str:
        return entity_of(self.schema)

    @property
    def is_module(self) -> bool:
        return self.schema.name not in STANDARD

    @property
    def missing_kinds(self) -> Counter[Kind]:
        return Counter(kind for field in self.missing if (kind := kind_of(field)) is not None)

    def room(self, settings: EnvironmentSettings) -> dict[Kind, KindRoom]:
        return capacity.room_by_kind(settings, self.present_types)

    def steps(self) -> Iterator[ManualStep]:
        """What an administrator makes where the API may not."""
        name = self.schema.name
        if not self.exists:
            yield ManualStep(name, self.entity, self.schema.label, "Custom module")
        for field in self.missing:
            kind = kind_of(field)
            if kind is not None:
                choices = field.values if kind in ("dropdown", "multi_select_dropdown") else ()
                points_to = STANDARD.get(field.reference_to or "", field.reference_to)
                yield ManualStep(
                    name, self.entity, field.label, _SHOWN_KINDS[kind], field.name, choices, points_to
                )


def plan(discovery: Discovery, schemas: Sequence[ObjectSchema]) -> list[ObjectPlan]:
    """One for each object that can have custom fields; a call an entity."""
    return [_planned(discovery, schema) for schema in schemas if capacity.has_fields(schema)]


def capacities(
    discovery: Discovery, settings: EnvironmentSettings, objects: Sequence[str]
) -> dict[str, ObjectCapacity]:
    """As ``Destination.capacity``: the plan's limit of all kinds together; ``ObjectPlan.room`` has each
    kind's.

    An object that takes no custom fields has a limit of none.
    """
    limit = sum(capacity.limits_by_kind(settings).values())
    rooms = {}
    for name in objects:
        entity = STANDARD.get(name, name)
        takes_fields = name in STANDARD or name.startswith("cm_")
        fields = discovery.fields(entity) if takes_fields else ()
        rooms[name] = ObjectCapacity(
            object=name,
            exists=name in STANDARD or not takes_fields or discovery.module(name) is not None,
            custom_field_limit=limit if takes_fields else 0,
            custom_fields=frozenset(each.name for each in fields if each.custom),
        )
    return rooms


def _planned(discovery: Discovery, schema: ObjectSchema) -> ObjectPlan:
    is_module = schema.name not in STANDARD
    exists = not is_module or discovery.module(schema.name) is not None
    there = discovery.fields(entity_of(schema)) if exists else ()
    missing, problems = [], []
    for field in capacity.needed_fields(schema):
        problem = _cannot_be(schema, field)
        found = discovery.field(schema, field) if exists else None
        if problem is not None:
            problems.append(problem)
        elif found is None:
            missing.append(field)
        else:
            problems.extend(_differences(schema, field, found))
    if exists:
        problems.extend(_unknown_standard_fields(schema, there))
    return ObjectPlan(
        schema,
        exists,
        tuple(missing),
        tuple(each.type for each in there if each.custom),
        tuple(problems),
    )


def _cannot_be(schema: ObjectSchema, field: FieldSchema) -> Finding | None:
    if kind_of(field) is None:
        message = (
            f"{schema.name}.{field.name} is a {field.type.value}, and no custom field of Freshsales is one; "
            "map it to another type"
        )
        return Finding("no_such_kind", "error", message, schema.name, field.name)
    excess = capacity.too_large(field)
    if excess is None:
        return None
    message = f"{schema.name}.{field.name} needs {excess}; narrow it in the mapping"
    return Finding("field_too_small", "error", message, schema.name, field.name)


def _differences(schema: ObjectSchema, field: FieldSchema, found: ApiField) -> Iterator[Finding]:
    kind, there = kind_of(field), limited_kind(found.type)
    if there != kind:
        message = (
            f"{schema.name}: the field labelled {field.label!r} is a {found.type} in the account, and the "
            f"mapping needs a {kind}; have an administrator rename that one, then deploy again"
        )
        yield Finding("field_of_another_kind", "error", message, schema.name, field.name)
    elif kind in ("dropdown", "multi_select_dropdown"):
        lacking = [value for value in field.values if value not in found.choices]
        if lacking:
            message = (
                f"{schema.name}: the list of {field.label!r} lacks {', '.join(lacking)}; the API can't add "
                "choices, so have an administrator do it"
            )
            yield Finding("choices_missing", "error", message, schema.name, field.name)


def _unknown_standard_fields(schema: ObjectSchema, there: Sequence[ApiField]) -> Iterator[Finding]:
    names = {each.name for each in there}
    for field in schema.sent_fields:
        asked = not (field.custom or field.type.is_reference or field.type is FieldType.USER)
        is_key = schema.identity is Identity.EXTERNAL_ID and field.name == schema.key_field
        if asked and not is_key and not any(form.format(field.name) in names for form in _ALSO_NAMED):
            message = (
                f"the account's {entity_of(schema)} tell no field {field.name}; it may be hidden, and values "
                "for it be refused: look at the account's form"
            )
            yield Finding("standard_field_unknown", "warning", message, schema.name, field.name)
