"""Damage done on purpose to records that the org already accepted, so that a reconciliation can prove itself.

Every function answers what it did (object, id, field, never a value) and bypasses all validation.
"""

import random
from typing import Any

import numpy as np
import polars as pl

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.content import VERSION
from migration_sandbox.salesforce.errors import ApiError
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.schema import SObject
from migration_sandbox.salesforce.table import GONE, ROW, STATE, index_key

KINDS = ("change_character", "lose_line_break", "swap_fields", "delete", "double", "change_byte")


def _refuse(message: str) -> ApiError:
    return ApiError(400, "SANDBOX", message)


def _pick_row(org: Org, sobject: SObject, how: dict[str, Any], dice: random.Random) -> int:
    """The record by external id field and value, by id, or at random among those where `field` fits."""
    table = org.tables[sobject.name]
    if how.get("id"):
        rows, _ = ids.decode(pl.Series([how["id"]]), sobject.key_prefix)
        found = [int(row) for row in rows if table.states(rows)[0] == 0]
    elif how.get("key_field"):
        item = sobject.find(how["key_field"])
        if item is None:
            raise _refuse("no such key field")
        found = table.index(item.name).rows(index_key(item, pl.Series([str(how["key"])]))[0])
    else:
        names = [name for name in (how.get("field"), how.get("other_field")) if name]
        frame = table.scan(names)
        for name in names:
            frame = frame.filter(pl.col(name).is_not_null())
        if how["kind"] == "lose_line_break":
            frame = frame.filter(pl.col(how["field"]).str.contains("[\r\n]"))
        if how["kind"] == "swap_fields" and len(names) == 2:
            frame = frame.filter(pl.col(names[0]).cast(pl.String) != pl.col(names[1]).cast(pl.String))
        if how["kind"] == "change_character":
            frame = frame.filter(pl.col(how["field"]).cast(pl.String).str.len_chars() > 0)
        found = [dice.choice(frame[ROW].to_list())] if frame.height else []
    if not found:
        raise _refuse("no record fits")
    return found[0]


def _changed_value(value: Any, dice: random.Random) -> Any:
    if isinstance(value, str):
        at = dice.randrange(len(value))
        return value[:at] + ("x" if value[at] != "x" else "y") + value[at + 1 :]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if value < 9 else value - 1
    raise _refuse("this field's type has no character to change")


def _lose_break(value: Any) -> str:
    if not isinstance(value, str) or not any(mark in value for mark in "\r\n"):
        raise _refuse("the value has no line break")
    for mark in ("\r\n", "\n", "\r"):
        if mark in value:
            return value.replace(mark, "", 1)
    return value


def corrupt(org: Org, how: dict[str, Any]) -> dict[str, Any]:
    """`how`: kind, object, and key_field + key, id, or nothing (random by `seed`); field(s) where needed."""
    kind = how.get("kind")
    sobject = org.sobject(str(how.get("object")))
    if kind not in KINDS or sobject is None or sobject.virtual:
        raise _refuse("unknown kind or object")
    for name in ("field", "other_field"):
        if how.get(name):
            item = sobject.find(how[name])
            if item is None:
                raise _refuse("unknown field")
            how[name] = item.name
    if kind in ("change_character", "lose_line_break", "swap_fields") and not how.get("field"):
        raise _refuse("this kind needs a field")
    dice = random.Random(how.get("seed", 0))
    with org.lock:
        table = org.tables[sobject.name]
        row = _pick_row(org, sobject, how, dice)
        frame = table.gather(np.array([row], dtype=np.int64), list(sobject.fields))
        done: dict[str, Any] = {"kind": kind, "object": sobject.name, "id": frame["Id"][0]}
        if kind == "change_byte":
            frame = _damage_file(org, sobject, frame, dice, bool(how.get("keep_checksum", False)))
            done["fields"] = ["VersionData"]
        elif kind == "delete":
            frame = frame.with_columns(pl.lit(GONE, dtype=pl.Int8).alias(STATE))
        elif kind == "double":
            new = table.next_row
            done["double"] = ids.make_id(sobject.key_prefix, new)
            frame = frame.with_columns(
                pl.lit(new, dtype=pl.Int64).alias(ROW), pl.lit(done["double"]).alias("Id")
            )
        else:
            frame = _edit(sobject, frame, kind, how, dice)
            done["fields"] = [how[name] for name in ("field", "other_field") if how.get(name)]
        org.commit([(sobject.name, frame)])
    return done


def _damage_file(
    org: Org, sobject: SObject, frame: pl.DataFrame, dice: random.Random, keep_checksum: bool
) -> pl.DataFrame:
    """One byte of a file changed. Its checksum is that of the damaged content, as if it had come so, or (with
    `keep_checksum`) the old one, which only reading the file back finds out."""
    if sobject.name != VERSION:
        raise _refuse("only a ContentVersion has content to damage")
    path = org.blobs.path(frame["ContentBodyId"][0])
    content = bytearray(path.read_bytes())
    if not content:
        raise _refuse("the file is empty")
    content[dice.randrange(len(content))] ^= 0x01
    blob = org.blobs.put(bytes(content))
    md5 = frame["Checksum"][0] if keep_checksum else blob.md5
    return frame.with_columns(pl.lit(blob.id).alias("ContentBodyId"), pl.lit(md5).alias("Checksum"))


def _edit(
    sobject: SObject, frame: pl.DataFrame, kind: str, how: dict[str, Any], dice: random.Random
) -> pl.DataFrame:
    name = how["field"]
    value = frame[name][0]
    if kind == "swap_fields":
        other = how.get("other_field")
        if other is None or frame.schema[name] != frame.schema[other]:
            raise _refuse("swap_fields needs two fields of one type")
        return frame.with_columns(pl.col(other).alias(name), pl.col(name).alias(other))
    changed = _changed_value(value, dice) if kind == "change_character" else _lose_break(value)
    return frame.with_columns(pl.lit(changed, dtype=sobject.fields[name].dtype).alias(name))
