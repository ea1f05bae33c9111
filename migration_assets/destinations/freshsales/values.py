"""Values of fields as the API's JSON has them, and back, by the field's declared type. Pure.

Custom dates may come back as midnight with the account's offset, custom numbers as strings and
multi-selects as a list or joined by semicolons (which of them is unconfirmed: all are read).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema, payload_dtype
from migration_assets.errors import DestinationError

_DATE_CHARACTERS = 10
_NUMBERS = (FieldType.NUMBER, FieldType.CURRENCY, FieldType.PERCENT)


def as_json(field: FieldSchema, value: Any) -> Any:
    """A payload's value as it is sent; numbers as JSON numbers, times in UTC, a multi-select as a list."""
    if value is None or value == "":
        return None
    match field.type:
        case FieldType.DATETIME:
            told: Any = value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case FieldType.DATE:
            told = value.isoformat()
        case FieldType.MULTI_PICKLIST:
            told = [word for word in str(value).split(";") if word]
        case FieldType.USER:
            told = int(value)
        case _ if field.type in _NUMBERS:
            told = int(value) if Decimal(str(value)) % 1 == 0 else float(value)
        case _:
            told = value
    return told


def from_json(field: FieldSchema, value: Any) -> Any:
    """The API's value in the type of ``payload_dtype``. Raises ValueError where it isn't one of that type."""
    if value is None or value in ("", []):
        return None
    match field.type:
        case FieldType.CHECKBOX:
            if not isinstance(value, bool):
                raise ValueError
            told: Any = value
        case FieldType.DATE:
            told = date.fromisoformat(str(value)[:_DATE_CHARACTERS])
        case FieldType.DATETIME:
            told = utc(value)
        case FieldType.MULTI_PICKLIST:
            told = ";".join(value) if isinstance(value, list) else str(value)
        case _ if field.type in _NUMBERS:
            told = _number(value, whole=field.scale == 0)
        case _:
            told = str(value)
    return told


def _number(value: Any, *, whole: bool) -> int | Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError from None
    if not whole:
        return number
    if number % 1:
        raise ValueError
    return int(number)


def utc(value: Any) -> datetime:
    """A time of the API, which bears the account's offset, in UTC. Raises ValueError."""
    return datetime.fromisoformat(str(value)).astimezone(UTC)


def frame(schema: ObjectSchema, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows of the API's values as a typed frame: ``_id``, ``_modified_at``, then these fields of the schema.

    Raises DestinationError, which names the field and no value, where the API returns what its type can't be.
    """
    columns: dict[str, pl.Series] = {
        "_id": pl.Series("_id", [str(row["_id"]) for row in rows], dtype=pl.String),
        "_modified_at": pl.Series(
            "_modified_at", [utc(row["_modified_at"]) for row in rows], dtype=pl.Datetime("ms", "UTC")
        ),
    }
    for name in names:
        field = schema.field(name)
        try:
            read = [from_json(field, row.get(name)) for row in rows]
            columns[name] = pl.Series(name, read, dtype=payload_dtype(field))
        except (ValueError, TypeError, OverflowError, pl.exceptions.PolarsError):
            raise DestinationError(
                f"Freshsales returns something in {schema.name}.{name} that is no {field.type.value}; see "
                "that the account's field has the kind that the mapping declares"
            ) from None
    return pl.DataFrame(columns)
