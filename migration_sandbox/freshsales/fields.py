"""Custom fields: creating them within the plan's limits, and checking the values that go into them."""

import re
from collections.abc import Callable
from typing import Any

from migration_sandbox.freshsales import values
from migration_sandbox.freshsales.account import Account, Row
from migration_sandbox.freshsales.entities import BY_NAME
from migration_sandbox.freshsales.errors import bad, forbidden
from migration_sandbox.freshsales.seed import new_row
from migration_sandbox.freshsales.settings import KINDS, PLANS

MAX_CHOICES = 300
_OTHER = re.compile(r"[^a-z0-9]+")


def slug(label: str) -> str:
    """Periodontal Stage -> periodontal_stage."""
    return _OTHER.sub("_", label.lower()).strip("_")


def custom_fields(account: Account, entity: str) -> list[Row]:
    index = account.index("field", "entity", lambda row: [row.values["entity"]])
    return [account.tables["field"][number] for number in index.ids(entity)]


def room(account: Account, entity: str) -> dict[str, dict[str, int]]:
    """For each limit: how many custom fields the entity has, and how many the plan allows."""
    limits = PLANS[account.settings.plan].custom_fields
    counted = dict.fromkeys(limits, 0)
    for row in custom_fields(account, entity):
        counted[KINDS[row.values["type"]]] += 1
    return {limit: {"used": counted[limit], "allowed": allowed} for limit, allowed in limits.items()}


def _kind(account: Account, given: object) -> str:
    numbers = {number: kind for kind, number in account.settings.field_type_numbers.items()}
    kind = numbers.get(given, given) if isinstance(given, int) else given
    if not isinstance(kind, str) or kind not in KINDS:
        raise bad(f"Field type {given!r} is not one of {', '.join(KINDS)}")
    return kind


def _choices(account: Account, kind: str, given: object) -> list[dict[str, Any]]:
    if kind not in ("dropdown", "radio", "multi_select_dropdown"):
        if given:
            raise bad("Choices are for dropdowns, radio buttons and multi-selects")
        return []
    if given is not None and not isinstance(given, list):
        raise bad("Choices is not a list")
    words = [item.get("value") if isinstance(item, dict) else item for item in given or []]
    if not all(isinstance(word, str) and word for word in words) or len(set(words)) != len(words):
        raise bad("Choices is invalid: each has a value of its own")
    if len(words) > MAX_CHOICES:
        raise bad(f"Choices has more than {MAX_CHOICES} entries")
    return [{"id": account.new_id(), "value": word, "position": at} for at, word in enumerate(words, 1)]


def create_field(account: Account, entity: str, given: dict[str, Any], by_admin: bool = False) -> Row:
    """A new custom field. `by_admin`: made in the screens, which the account's API switches don't concern.

    Raises 403 where the account doesn't let the API do it, 400 for a bad or doubled label, or no room.
    """
    settings = account.settings
    custom = entity.startswith("cm_")
    if not by_admin and not (settings.create_module_fields if custom else settings.create_standard_fields):
        raise forbidden("Fields of this entity can't be created through the API")
    unknown = set(given) - {"label", "field_type", "required", "choices", "lookup_entity"}
    if unknown:
        raise bad(*(f"{name} is not an attribute of a field" for name in sorted(unknown)))
    label = values.text("Label", given.get("label"), values.TEXT_CHARACTERS, settings)
    if label is None or not slug(label):
        raise bad("Label can't be blank")
    kind = _kind(account, given.get("field_type"))
    name = "cf_" + slug(label)
    present = custom_fields(account, entity)
    standard = [item.label for item in BY_NAME[entity].fields] if entity in BY_NAME else ["Name"]
    taken = {row.values["label"].lower() for row in present} | {told.lower() for told in standard}
    if label.lower() in taken or any(row.values["name"] == name for row in present):
        raise bad("Label has already been taken")
    limit = room(account, entity)[KINDS[kind]]
    if limit["used"] >= limit["allowed"]:
        raise bad(f"You have reached the limit of {limit['allowed']} {KINDS[kind]} fields of your plan")
    if given.get("choices") and not (settings.choices_at_creation or by_admin):
        raise bad("choices is not an attribute of a field")
    target = given.get("lookup_entity")
    if (kind == "lookup") != (target is not None):
        raise bad("lookup_entity is for lookups, which need it")
    if target is not None and target not in BY_NAME and module_of(account, str(target)) is None:
        raise bad("lookup_entity is not an entity of this account")
    row = new_row(
        account,
        {
            "entity": entity,
            "label": label,
            "name": name,
            "type": kind,
            "required": bool(values.boolean("Required", given.get("required"))),
            "choices": _choices(account, kind, given.get("choices")),
            "lookup_entity": target,
            "position": len(present) + 1,
        },
    )
    account.commit([("field", row)])
    return row


def module_of(account: Account, name: str) -> Row | None:
    """The custom module of that entity name."""
    return next((row for row in account.rows("module") if row.values["entity_name"] == name), None)


def check(account: Account, item: Row, value: object) -> Any:
    """A value of a custom field, as it is kept. Raises 400."""
    label, settings = item.values["label"], account.settings
    choices = item.values["choices"]
    readers: dict[str, Callable[[], Any]] = {
        "text": lambda: values.text(label, value, values.TEXT_CHARACTERS, settings),
        "textarea": lambda: values.text(label, value, values.AREA_CHARACTERS, settings),
        "number": lambda: values.number(label, value, settings),
        "checkbox": lambda: values.boolean(label, value),
        "date": lambda: values.day(label, value, account.zone),
        "dropdown": lambda: values.chosen(label, value, choices),
        "radio": lambda: values.chosen(label, value, choices),
        "multi_select_dropdown": lambda: values.several(label, value, choices),
        "lookup": lambda: _looked_up(account, item, value),
    }
    return readers[item.values["type"]]()


def _looked_up(account: Account, item: Row, value: object) -> int | None:
    label = item.values["label"]
    found = values.integer(label, value)
    target = None if found is None else account.get(item.values["lookup_entity"], found)
    if found is not None and (target is None or not target.live):
        raise bad(f"{label} is invalid: there is no such record")
    return found


def shown_value(account: Account, item: Row, value: Any) -> Any:
    """A kept value as an answer has it (several styles are settings)."""
    if value is None:
        return None
    settings = account.settings
    kind = item.values["type"]
    if kind == "date" and settings.date_style == "datetime":
        return account.time(values.moment(item.values["label"], value, account.zone))
    if kind == "number":
        return str(value) if settings.number_style == "string" else plain_number(value)
    if kind == "multi_select_dropdown" and settings.multi_select_style == "semicolons":
        return ";".join(value)
    return value


def plain_number(value: float) -> float | int:
    """5.0 as 5, the way JSON of an integer is written."""
    return int(value) if float(value).is_integer() else value
