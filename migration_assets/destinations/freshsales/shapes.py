"""How each object's records stand in the API: paths, roots, includes, and where references and words go.
Pure.

A payload has one column a field; the API has links in lists, ids of stages and a nest of custom fields.
What of this is read and written when is ``records``', ``activities``' and ``documents``'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema
from migration_assets.destinations.freshsales import values
from migration_assets.destinations.freshsales.api import Json

CONTACT, ACCOUNT, DEAL = "contact", "sales_account", "deal"
APPOINTMENT, NOTE, DOCUMENT = "appointment", "note", "document"
KEY = "_key"
"""The virtual key field of the objects that are found by a marker."""

STAGE, PIPELINE, OWNER = "deal_stage", "deal_pipeline", "owner_id"
CONTACTS_OF_DEAL, ACCOUNTS_OF_CONTACT = "contact", "sales_account"
TARGET = "target"


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of record: its path, what a single one and a list are called, what ``targetable_type`` calls
    it, and the includes without which a list lacks what a payload has."""

    path: str
    root: str
    plural: str
    type: str
    includes: tuple[str, ...] = ("owner",)

    @property
    def entity(self) -> str:
        """As the paths of settings name it."""
        return self.plural


_STANDARD = {
    CONTACT: Shape("contacts", CONTACT, "contacts", "Contact", ("owner", "sales_accounts")),
    ACCOUNT: Shape("sales_accounts", ACCOUNT, "sales_accounts", "SalesAccount"),
    DEAL: Shape("deals", DEAL, "deals", "Deal", ("owner", "sales_account")),
}
TARGETS = {shape.type: name for name, shape in _STANDARD.items()}
"""What ``targetable_type`` says -> the object of the mapping."""


def shape_of(name: str) -> Shape:
    """The shape of a contact, sales account, deal or record of a custom module. Raises ValueError."""
    if name in _STANDARD:
        return _STANDARD[name]
    if name.startswith("cm_"):
        return Shape(f"custom_module/{name}", name, name, name)
    raise ValueError(f"{name} is no object of Freshsales that has records of its own")


class ParentAbsent(Exception):
    """A record that ``field`` names isn't in the account."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class NoSuchStage(Exception):
    """The account's pipeline has no stage of that name."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the account calls things: ``names`` are the API's names of an object's custom fields by ours,
    ``stages`` the ids of the pipeline's stages by name in lower case, ``pipeline`` its id."""

    names: Mapping[str, str]
    stages: Mapping[str, int]
    pipeline: int | None = None
    pipeline_name: str | None = None

    def stage(self, name: object) -> int:
        found = self.stages.get(str(name).lower())
        if found is None:
            raise NoSuchStage
        return found

    def stage_name(self, schema: ObjectSchema, stage_id: object) -> str | None:
        """The mapping's spelling where it has the stage, else none: the stage is another pipeline's."""
        known = {each.lower(): each for each in schema.field(STAGE).values}
        name = next((name for name, number in self.stages.items() if number == stage_id), None)
        return None if name is None else known.get(name, name)


Ids = Callable[[FieldSchema, str], int]
"""The id of the record with that key which the field points to. Raises ParentAbsent."""
Keys = Callable[[FieldSchema, Any], str | None]
"""The key of the record with that id."""


def is_custom(schema: ObjectSchema, field: FieldSchema) -> bool:
    """Whether it stands in ``custom_field``; every reference of a module's record does."""
    return field.custom or (schema.name.startswith("cm_") and field.type.is_reference)


def body(
    schema: ObjectSchema,
    row: Mapping[str, Any],
    words: Words,
    ids: Ids,
    *,
    creating: bool,
    other_accounts: tuple[int, ...] = (),
) -> Json:
    """A row of a payload as the API writes it; a new record goes without its nulls.

    ``other_accounts`` are those that the contact belongs to besides: they stay. A deal's contact is added:
    the API has no way to take one away that it had.
    Raises ParentAbsent, NoSuchStage.
    """
    told: Json = {}
    custom: Json = {}
    for field in schema.sent_fields:
        value = row.get(field.name)
        is_left_out = creating or field.type is FieldType.USER
        if field.name not in row or (value is None and is_left_out):
            continue
        if field.type.is_reference:
            value = None if value is None else ids(field, value)
        if is_custom(schema, field):
            custom[words.names[field.name]] = values.as_json(field, value)
        else:
            told |= _standard(schema, field, value, words, other_accounts)
    if custom:
        told["custom_field"] = custom
    return told


def _standard(
    schema: ObjectSchema, field: FieldSchema, value: Any, words: Words, other_accounts: tuple[int, ...]
) -> Json:
    match (schema.name, field.name):
        case ("contact", "sales_account"):
            return {"sales_accounts": _accounts(value, other_accounts)}
        case ("deal", "contact"):
            return {"contacts_added_list": [] if value is None else [value]}
        case ("deal", "deal_stage") if value is not None:
            pipeline = {} if words.pipeline is None else {"deal_pipeline_id": words.pipeline}
            return {"deal_stage_id": words.stage(value), **pipeline}
        case ("deal", "deal_stage" | "deal_pipeline"):
            return {}
        case _ if field.type.is_reference:
            return {f"{field.name.removesuffix('_id')}_id": value}
        case _:
            return {field.name: values.as_json(field, value)}


def _accounts(number: int | None, others: tuple[int, ...]) -> list[Json]:
    """Exactly one of them is primary, as the API wants it: ours where there is one."""
    ids = dict.fromkeys(others if number is None else (number, *others))
    return [{"id": each, "is_primary": place == 0} for place, each in enumerate(ids)]


def row(schema: ObjectSchema, record: Json, words: Words, keys: Keys) -> dict[str, Any]:
    """A record of the API as values by the mapping's names, not yet typed."""
    custom = record.get("custom_field") or {}
    told: dict[str, Any] = {"_id": record["id"], "_modified_at": record["updated_at"]}
    for field in schema.stored_fields:
        if field.type.is_reference:
            told[field.name] = _reference(schema, field, record, custom, words, keys)
        elif (schema.name, field.name) == (DEAL, STAGE):
            told[field.name] = words.stage_name(schema, record.get("deal_stage_id"))
        elif (schema.name, field.name) == (DEAL, PIPELINE):
            ours = record.get("deal_pipeline_id") == words.pipeline
            told[field.name] = words.pipeline_name if ours else None
        elif is_custom(schema, field):
            told[field.name] = custom.get(words.names[field.name])
        else:
            told[field.name] = record.get(field.name)
    return told


def _reference(
    schema: ObjectSchema, field: FieldSchema, record: Json, custom: Json, words: Words, keys: Keys
) -> str | None:
    if is_custom(schema, field):
        return keys(field, custom.get(words.names[field.name]))
    if (schema.name, field.name) == (CONTACT, ACCOUNTS_OF_CONTACT):
        links = record.get("sales_accounts") or []
        primary = next((each["id"] for each in links if each.get("is_primary")), None)
        return keys(field, primary)
    if (schema.name, field.name) == (DEAL, CONTACTS_OF_DEAL):
        found = (keys(field, number) for number in record.get("contact_ids") or [])
        return next((key for key in found if key is not None), None)
    return keys(field, record.get(f"{field.name.removesuffix('_id')}_id"))
