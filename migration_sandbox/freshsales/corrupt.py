"""Damage done on purpose to what the account already accepted, so that a reconciliation can prove itself.

Every kind answers what it did (entity, id, field, never a value) and bypasses all validation.
"""

import random
from copy import deepcopy
from typing import Any

from migration_sandbox.freshsales.account import Account, Row
from migration_sandbox.serving.control_routes import Refused

KINDS = ("change_character", "lose_line_break", "swap_fields", "delete", "double", "change_byte")
Told = dict[str, Any]


def _holder(row: Row, name: str) -> Told:
    return row.custom if name.startswith("cf_") else row.values


def _value(row: Row, name: str) -> Any:
    return _holder(row, name).get(name)


def _pick(account: Account, how: Told, dice: random.Random) -> Row:
    """By id, by a field's value (`key_field`, `key`), or at random among those where the fields fit."""
    entity, kind = how["entity"], how["kind"]
    if how.get("id"):
        rows = [row for row in account.rows(entity) if row.id == how["id"]]
    elif how.get("key_field"):
        rows = [row for row in account.rows(entity) if str(_value(row, how["key_field"])) == str(how["key"])]
    else:
        names = [name for name in (how.get("field"), how.get("other_field")) if name]
        rows = [row for row in account.rows(entity) if row.live]
        rows = [row for row in rows if all(_value(row, name) not in (None, "", []) for name in names)]
        if kind == "lose_line_break":
            rows = [row for row in rows if "\n" in str(_value(row, how["field"]))]
        if kind == "swap_fields":
            rows = [row for row in rows if _value(row, names[0]) != _value(row, names[1])]
        rows = [dice.choice(rows)] if rows else []
    if not rows:
        raise Refused("no record fits")
    found = account.copy(entity, rows[0].id)
    assert found is not None
    return found


def _changed(value: Any, dice: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    text = str(value)
    at = dice.randrange(len(text))
    return text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1 :]


def corrupt(account: Account, how: Told) -> Told:
    kind, entity = how["kind"], how["entity"]
    if kind not in KINDS:
        raise Refused(f"kind is one of {', '.join(KINDS)}")
    if kind in ("change_character", "lose_line_break", "swap_fields") and not how.get("field"):
        raise Refused("this kind needs a field")
    if kind == "swap_fields" and not how.get("other_field"):
        raise Refused("swap_fields needs other_field")
    dice = random.Random(how.get("seed", 0))
    with account.lock:
        row = _pick(account, how, dice)
        told: Told = {"kind": kind, "entity": entity, "id": row.id}
        if kind == "delete":
            account.commit([], [(entity, row.id)])
            return told
        if kind == "double":
            double = deepcopy(row)
            double.id = told["double"] = account.new_id()
            account.commit([(entity, double)])
            return told
        if kind == "change_byte":
            _change_byte(account, row, dice)
        else:
            told["fields"] = _edit(row, how, dice)
        account.commit([(entity, row)])
        return told


def _edit(row: Row, how: Told, dice: random.Random) -> list[str]:
    name, holder = how["field"], _holder(row, how["field"])
    if how["kind"] == "swap_fields":
        other = _holder(row, how["other_field"])
        holder[name], other[how["other_field"]] = other.get(how["other_field"]), holder.get(name)
        return [name, how["other_field"]]
    if holder.get(name) in (None, ""):
        raise Refused("the field is empty")
    if how["kind"] == "change_character":
        holder[name] = _changed(holder[name], dice)
    else:
        holder[name] = str(holder[name]).replace("\r\n", " ").replace("\n", " ")
    return [name]


def _change_byte(account: Account, row: Row, dice: random.Random) -> None:
    """One byte of a document's content; its length stays."""
    if "blob" not in row.values:
        raise Refused("only a document has content to damage")
    old = row.values["blob"]
    content = bytearray(account.blobs.path(old).read_bytes())
    if not content:
        raise Refused("the file is empty")
    content[dice.randrange(len(content))] ^= 0x01
    blob = account.blobs.put(bytes(content))
    row.values["blob"], row.values["sha256"] = blob.name, blob.sha256
    account.blobs.discard(old)
