"""What an adopted record is given back with: values that we wrote over, as they were before. Pure."""

from __future__ import annotations

from collections.abc import Mapping
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
    stays = _changed_since(schema, fields, current, sent)
    changes, left = [], 0
    for key, record_id, written in standing.iter_rows():
        image = images.get(key, {})
        put_back = {
            each.name: _value(each, image[each.name])
            for each in fields
            if written and each.name in image and each.name not in stays.get(key, ())
        }
        left += len(stays.get(key, ())) if written else 0
        changes.append(KeyChange(record_id, key, None, put_back))
    return changes, left


def _changed_since(
    schema: ObjectSchema, fields: list[FieldSchema], current: pl.DataFrame, sent: pl.DataFrame
) -> dict[str, frozenset[str]]:
    """Fields whose value isn't the one that was written, by key of records whose payload is known."""
    names = [each.name for each in fields]
    key = schema.key_field
    both = current.select(key, *names).join(sent.select(key, *names), on=key, how="inner", suffix=_SENT)
    differ = both.select(
        key, *(_plain(each).ne_missing(_plain(each, _SENT)).alias(each.name) for each in fields)
    )
    return {row[key]: frozenset(name for name in names if row[name]) for row in differ.iter_rows(named=True)}


def _plain(field: FieldSchema, suffix: str = "") -> pl.Expr:
    """As destinations keep it: no empty text, no space around it, one kind of line break, no unknown box."""
    values = pl.col(field.name + suffix)
    if field.type is FieldType.CHECKBOX:
        return values.fill_null(value=False)
    if payload_dtype(field) != pl.String():
        return values
    lines = values.cast(pl.String).str.replace_all("\r\n", "\n", literal=True)
    return lines.str.strip_chars().replace("", None)


def _value(field: FieldSchema, kept: Any) -> Any:
    """A value of an image (JSON) with the type that a field's column has."""
    if kept is None:
        return None
    dtype = payload_dtype(field)
    if dtype == pl.Date():
        return date.fromisoformat(kept)
    if isinstance(dtype, pl.Datetime):
        return datetime.fromisoformat(kept)
    return Decimal(kept) if isinstance(dtype, pl.Decimal) else kept
