"""What a record of somebody's is given back with: values that we wrote over, as they were before. Pure.

An adopted record also gives back its key (``given_back``); ``rollback_plan`` takes the same values for every
record that stood there before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, KeyChange, ObjectSchema, payload_dtype

_SENT = "\x00sent"


def given_back(
    schema: ObjectSchema,
    standing: pl.DataFrame,
    images: Mapping[str, Mapping[str, Any]],
    current: pl.DataFrame,
    sent: pl.DataFrame,
) -> tuple[list[KeyChange], int]:
    """A change for each adopted record, and how many values stay as somebody has changed them since.

    ``standing``: STANDING_COLUMNS; ``images`` as the ledger keeps them; ``current`` and ``sent``: what stands
    there and what was written last, by key. A value that isn't what was written stays; of a record whose
    payload isn't known any more every value is put back.
    """
    fields = [each for each in schema.sent_fields if each.name != schema.key_field]
    stays = changed_since(schema, fields, current, sent)
    changes, left = [], 0
    for key, record_id, written in standing.iter_rows():
        image = images.get(key, {})
        put_back = {
            each.name: kept_value(each, image[each.name])
            for each in fields
            if written and each.name in image and each.name not in stays.get(key, ())
        }
        left += len(stays.get(key, ())) if written else 0
        changes.append(KeyChange(record_id, key, None, put_back))
    return changes, left


def changed_since(
    schema: ObjectSchema, fields: Sequence[FieldSchema], current: pl.DataFrame, sent: pl.DataFrame
) -> dict[str, frozenset[str]]:
    """Fields whose value isn't the one that was written, by key of records whose payload is known.

    Where ``sent`` has several rows of a key, any of which may have been the last that arrived, those of the
    row that is most like what stands there. An owner that wasn't written is the destination's own choice.
    """
    names = [each.name for each in fields]
    key = schema.key_field
    both = current.select(key, *names).join(sent.select(key, *names), on=key, how="inner", suffix=_SENT)
    differ = both.select(key, *(_differs(each).alias(each.name) for each in fields))
    found: dict[str, frozenset[str]] = dict.fromkeys(differ[key], frozenset())
    if not names:
        return found
    unlike = differ.filter(pl.any_horizontal(names))
    for row in unlike.iter_rows(named=True):
        others = frozenset(name for name in names if row[name])
        if not found[row[key]] or len(others) < len(found[row[key]]):
            found[row[key]] = others
    for same in differ.filter(~pl.any_horizontal(names))[key]:
        found[same] = frozenset()
    return found


def _differs(field: FieldSchema) -> pl.Expr:
    unlike = as_kept(field).ne_missing(as_kept(field, _SENT))
    left_to_the_destination = field.type is FieldType.USER or field.read_only
    return unlike & pl.col(field.name + _SENT).is_not_null() if left_to_the_destination else unlike


def as_kept(field: FieldSchema, suffix: str = "") -> pl.Expr:
    """As destinations keep it: no empty text, no space around it, one kind of line break, no unknown box."""
    values = pl.col(field.name + suffix)
    if field.type is FieldType.CHECKBOX:
        return values.fill_null(value=False)
    if payload_dtype(field) != pl.String():
        return values
    lines = values.cast(pl.String).str.replace_all("\r\n", "\n", literal=True)
    return lines.str.strip_chars().replace("", None)


def kept_value(field: FieldSchema, kept: Any) -> Any:
    """A value of an image (JSON) with the type that a field's column has."""
    if kept is None:
        return None
    dtype = payload_dtype(field)
    if dtype == pl.Date():
        return date.fromisoformat(kept)
    if isinstance(dtype, pl.Datetime):
        return datetime.fromisoformat(kept)
    return Decimal(kept) if isinstance(dtype, pl.Decimal) else kept
