"""What an account lacks of the mapping's fields and modules, and what of it contradicts them. Reads only.

Shared by the deployment, the preflight and the administrator's checklist, so that all three say the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migration_assets.destinations.administration import ManualStep, PlanRoom
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
from migration_assets.destinations.freshsales.settings import EnvironmentSettings, Kind, PlanName
from migration_assets.destinations.freshsales.shapes import DEAL, STAGE

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
MODULE, PIPELINE = "Custom module", "Deal pipeline"
_LISTS = frozenset({"dropdown", "multi_select_dropdown"})

_ALSO_NAMED = ("{}", "{}s", "{}_id")
"""How the API may name a standard field of ours: ``email`` is in ``emails``, an owner ``owner_id``."""


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """One object against the account: whether its entity is there, the custom fields that it lacks, the
    fields that it has otherwise than the mapping needs (``unlike``), the types of all custom fields that it
    has, those of the mapping's own fields among them, and what no deployment can mend (``problems``)."""

    schema: ObjectSchema
    exists: bool
    missing: tuple[FieldSchema, ...]
    unlike: tuple[tuple[FieldSchema, ApiField], ...]
    present_types: tuple[str, ...]
    own_types: tuple[str, ...]
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
        """What is missing, for an administrator to make where the API may not: look-ups last, since what they
        point to has to be there."""
        if not self.exists:
            plural = self.schema.plural_label
            mind = f"in the plural {plural!r}, and internally {self.schema.name}"
            yield ManualStep(self.schema.name, self.entity, self.schema.label, MODULE, mind=mind)
        for field in sorted(self.missing, key=lambda each: each.type.is_reference):
            yield from self._step(field)

    def mends(self) -> Iterator[ManualStep]:
        """What is there and isn't as the mapping needs it: the API changes no field."""
        for field, found in self.unlike:
            if limited_kind(found.type) != kind_of(field):
                mind = f"first rename the {found.type} field of this label, which stays as it is"
                yield from self._step(field, mind=mind)
            else:
                yield from self._step(field, lacking=_lacking(field, found))

    def _step(
        self, field: FieldSchema, lacking: Sequence[str] = (), mind: str | None = None
    ) -> Iterator[ManualStep]:
        kind = kind_of(field)
        if kind is None:
            return
        choices = field.values if kind in _LISTS else ()
        yield ManualStep(
            object=self.schema.name,
            place=self.entity,
            label=field.label,
            kind=_SHOWN_KINDS[kind],
            field=field.name,
            choices=tuple(lacking) or choices,
            points_to=STANDARD.get(field.reference_to or "", field.reference_to),
            required=field.required,
            there=bool(lacking),
            mind=mind,
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


def pipeline_step(discovery: Discovery, schemas: Sequence[ObjectSchema]) -> Iterator[ManualStep]:
    """The deals' pipeline where it or stages of it are missing, which no API makes."""
    deal = next((each for each in schemas if each.name == DEAL and STAGE in each.field_names), None)
    if deal is None:
        return
    wanted, stages = discovery.wanted_pipeline, deal.field(STAGE).values
    mine = [each for each in discovery.pipelines() if wanted is None or each.name.lower() == wanted.lower()]
    there = {name.lower() for name in mine[0].stages} if mine else set()
    lacking = tuple(name for name in stages if name.lower() not in there)
    if lacking:
        yield ManualStep(
            object=DEAL,
            place=entity_of(deal),
            label=mine[0].name if mine else wanted or "Treatment Plans",
            kind=PIPELINE,
            field=STAGE,
            choices=lacking,
            required=deal.field(STAGE).required,
            there=bool(mine),
            mind=None if mine or wanted else "of any name: the account has none",
        )


def plan_rooms(
    discovery: Discovery, settings: EnvironmentSettings, plans: Sequence[ObjectPlan]
) -> Iterator[PlanRoom]:
    """As ``Destination.plans``: custom modules, then custom fields by entity and kind, under each plan."""
    for name in capacity.PLANS:
        own = name == settings.plan
        yield _modules(name, own, discovery, settings, plans)
        limits = capacity.limits_by_kind(settings) if own else capacity.PLANS[name].by_kind
        for each in plans:
            ours, all_there = (
                Counter(map(limited_kind, types)) for types in (each.own_types, each.present_types)
            )
            needed: dict[Kind, list[str]] = {}
            for field in capacity.needed_fields(each.schema):
                kind = kind_of(field)
                if kind is not None:
                    needed.setdefault(kind, []).append(field.name)
            for kind, limit in limits.items():
                yield PlanRoom(
                    plan=name,
                    own=own,
                    object=each.schema.name,
                    kind=_SHOWN_KINDS[kind],
                    needed=tuple(needed.get(kind, ())),
                    there=ours[kind],
                    others=all_there[kind] - ours[kind],
                    limit=limit,
                )


def _modules(
    name: PlanName,
    own: bool,
    discovery: Discovery,
    settings: EnvironmentSettings,
    plans: Sequence[ObjectPlan],
) -> PlanRoom:
    needed = [each for each in plans if each.is_module]
    there = sum(each.exists for each in needed)
    return PlanRoom(
        plan=name,
        own=own,
        object=None,
        kind=MODULE,
        needed=tuple(each.schema.name for each in needed),
        there=there,
        others=len(discovery.modules() or ()) - there,
        limit=capacity.modules(settings) if own else capacity.PLANS[name].modules,
        otherwise="without modules the lines of a treatment plan are notes on its deal" if needed else None,
    )


def _planned(discovery: Discovery, schema: ObjectSchema) -> ObjectPlan:
    is_module = schema.name not in STANDARD
    exists = not is_module or discovery.module(schema.name) is not None
    there = discovery.fields(entity_of(schema)) if exists else ()
    missing, unlike, own, problems = [], [], [], []
    for field in capacity.needed_fields(schema):
        problem = _cannot_be(schema, field)
        found = discovery.field(schema, field) if exists else None
        if problem is not None:
            problems.append(problem)
        elif found is None:
            missing.append(field)
        else:
            differences = list(_differences(schema, field, found))
            problems.extend(differences)
            if differences:
                unlike.append((field, found))
            if limited_kind(found.type) == kind_of(field):
                own.append(found.type)
    if exists:
        problems.extend(_unknown_standard_fields(schema, there))
    return ObjectPlan(
        schema,
        exists,
        tuple(missing),
        tuple(unlike),
        tuple(each.type for each in there if each.custom),
        tuple(own),
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
    elif kind in _LISTS:
        lacking = _lacking(field, found)
        if lacking:
            message = (
                f"{schema.name}: the list of {field.label!r} lacks {', '.join(lacking)}; the API can't add "
                "choices, so have an administrator do it"
            )
            yield Finding("choices_missing", "error", message, schema.name, field.name)


def _lacking(field: FieldSchema, found: ApiField) -> list[str]:
    return [value for value in field.values if value not in found.choices]


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
