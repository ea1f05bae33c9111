"""What a plan allows: calls an hour, custom fields by kind, modules, file storage. Freshworks' own tables.

Nothing here makes a request. The API doesn't say which plan an account has: the settings do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migration_assets.destinations.base import FieldSchema, FieldType, Identity, ObjectSchema
from migration_assets.destinations.freshsales.settings import EnvironmentSettings, Kind, PlanName
from migration_assets.destinations.freshsales.shapes import is_custom

GIB = 1 << 30

TEXT_CHARACTERS = 256
AREA_CHARACTERS = 10_000
NUMBER_DIGITS, NUMBER_DECIMALS = 11, 4
CHOICES = 300
"""What a value of a custom field, and the list of a dropdown, may have at most (official)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``by_kind`` are custom fields of an entity, which together are the number that Freshworks advertises
    (150, 250, 630); file storage is a user's (U)."""

    calls_an_hour: int
    by_kind: Mapping[Kind, int]
    modules: int
    file_bytes_a_user: int


def _kinds(text: int, area: int, dropdown: int, each: int, multi: int, lookup: int) -> dict[Kind, int]:
    return {
        "text": text,
        "textarea": area,
        "dropdown": dropdown,
        "number": each,
        "checkbox": each,
        "date": each,
        "multi_select_dropdown": multi,
        "lookup": lookup,
    }


PLANS: Mapping[PlanName, Plan] = {
    "growth": Plan(1_000, _kinds(20, 5, 30, 30, 5, 0), 0, 2 * GIB),
    "pro": Plan(2_000, _kinds(30, 10, 40, 50, 10, 10), 0, 5 * GIB),
    "enterprise": Plan(5_000, _kinds(70, 20, 250, 70, 30, 50), 10, 100 * GIB),
}
"""Freshworks' plan tables (facts/freshsales.md); how many modules Enterprise has is U."""

KIND_OF: Mapping[FieldType, Kind] = {
    FieldType.TEXT: "text",
    FieldType.PHONE: "text",
    FieldType.EMAIL: "text",
    FieldType.URL: "text",
    FieldType.LONG_TEXT: "textarea",
    FieldType.NUMBER: "number",
    FieldType.CURRENCY: "number",
    FieldType.PERCENT: "number",
    FieldType.CHECKBOX: "checkbox",
    FieldType.DATE: "date",
    FieldType.PICKLIST: "dropdown",
    FieldType.MULTI_PICKLIST: "multi_select_dropdown",
    FieldType.LOOKUP: "lookup",
}
"""What a custom field of a type is made as. The rest can't be one: there is no field with a time of day, none
of a user, and no child that goes with its parent."""

LIKE_DROPDOWN = frozenset({"radio"})
"""Kinds of the API that count against the dropdowns and hold the same."""


@dataclass(frozen=True, slots=True)
class KindRoom:
    """Custom fields of one kind on one entity: those that are there, and the plan's limit."""

    used: int
    limit: int

    @property
    def left(self) -> int:
        return max(self.limit - self.used, 0)


def calls_an_hour(settings: EnvironmentSettings) -> int:
    return settings.calls_an_hour or PLANS[settings.plan].calls_an_hour


def modules(settings: EnvironmentSettings) -> int:
    """How many custom modules the account may have."""
    return PLANS[settings.plan].modules if settings.custom_modules is None else settings.custom_modules


def limits_by_kind(settings: EnvironmentSettings) -> dict[Kind, int]:
    return {**PLANS[settings.plan].by_kind, **settings.custom_field_limits}


def file_storage(settings: EnvironmentSettings, active_users: int) -> int:
    """Bytes in all."""
    if settings.files.storage_bytes is not None:
        return settings.files.storage_bytes
    return PLANS[settings.plan].file_bytes_a_user * active_users


def limited_kind(api_type: str) -> str:
    """The kind that a field of the API's type counts against."""
    return "dropdown" if api_type in LIKE_DROPDOWN else api_type


def room_by_kind(settings: EnvironmentSettings, present: Iterable[str]) -> dict[Kind, KindRoom]:
    """Of an entity whose custom fields have these types of the API."""
    used = Counter(map(limited_kind, present))
    return {kind: KindRoom(used[kind], limit) for kind, limit in limits_by_kind(settings).items()}


def kind_of(field: FieldSchema) -> Kind | None:
    """None where no custom field can hold it."""
    return KIND_OF.get(field.type)


def needed_fields(schema: ObjectSchema) -> list[FieldSchema]:
    """Custom fields that the account must have for it, those of a custom module among them."""
    if not has_fields(schema):
        return []
    return [field for field in schema.stored_fields if is_custom(schema, field)]


def has_fields(schema: ObjectSchema) -> bool:
    """Appointments, notes and files, whose records bear a marker, take no custom fields."""
    return schema.identity is not Identity.MARKER


def too_large(field: FieldSchema) -> str | None:
    """What of a custom field's values wouldn't fit into the account's; None where all of it does."""
    kind = kind_of(field)
    if kind == "text" and (field.length or 0) > TEXT_CHARACTERS:
        return f"{field.length} characters, where a text field holds {TEXT_CHARACTERS}"
    if kind == "textarea" and (field.length or 0) > AREA_CHARACTERS:
        return f"{field.length:,} characters, where a text area holds {AREA_CHARACTERS:,}"
    if kind == "number":
        whole = (field.precision or 0) - (field.scale or 0)
        if whole > NUMBER_DIGITS or (field.scale or 0) > NUMBER_DECIMALS:
            return (
                f"{whole} digits and {field.scale} decimals, where a number has {NUMBER_DIGITS} and "
                f"{NUMBER_DECIMALS}"
            )
    if kind in ("dropdown", "multi_select_dropdown") and len(field.values) > CHOICES:
        return f"{len(field.values)} choices, where a list has {CHOICES}"
    return None
