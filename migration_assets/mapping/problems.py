"""Values of a payload that the destination can't hold, found before anything is sent.

A value is never cut, rounded or replaced: its record is named here and fails before sending. What is
wrong with source data as such is found in ``objects``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema
from migration_assets.errors import MigrationError

PROBLEM_COLUMNS: dict[str, pl.DataType] = {"key": pl.String(), "field": pl.String(), "code": pl.String()}
"""A field of a record that can't be sent: the record's key, the field's API name, one of the codes below."""

TEXT_TOO_LONG = "text_too_long"
UNREPRESENTABLE = "unrepresentable_character"
NOT_IN_PICKLIST = "value_not_in_picklist"
OUT_OF_RANGE = "number_out_of_range"
REQUIRED_MISSING = "required_missing"

MESSAGES = {
    TEXT_TOO_LONG: "the text is longer than the field; shorten it in PANDA or map it to a longer field",
    UNREPRESENTABLE: "the text holds a control character that the destination refuses; remove it in PANDA",
    NOT_IN_PICKLIST: "the value is none of the picklist's; add it to the spec or correct it in PANDA",
    OUT_OF_RANGE: "the number has more digits than the field; correct it in PANDA or widen the field",
    REQUIRED_MISSING: "the field is required and the source has no value; fill it in PANDA",
}
"""A sentence for each code: what is wrong and what to do, without the value."""

# All but the characters of XML 1.0 (https://www.w3.org/TR/xml/#charsets); Salesforce answers a record that
# holds one with an error at best and drops it silently at worst, depending on the API.
_NOT_XML = r"[^\t\n\r\x20-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]"

TEXT_KINDS = frozenset(
    {
        FieldType.TEXT,
        FieldType.LONG_TEXT,
        FieldType.PICKLIST,
        FieldType.MULTI_PICKLIST,
        FieldType.PHONE,
        FieldType.EMAIL,
        FieldType.URL,
    }
)
NUMBER_KINDS = frozenset({FieldType.NUMBER, FieldType.CURRENCY, FieldType.PERCENT})


class PayloadRefused(MigrationError):
    """Staged data contradict what staging promises, so no payload can be made of them."""

    code = "payload_refused"


@dataclass(frozen=True, slots=True)
class _Check:
    field: str
    code: str
    broken: pl.Expr


def find_problems(frame: pl.DataFrame, schema: ObjectSchema) -> pl.DataFrame:
    """PROBLEM_COLUMNS for every value of ``frame`` (columns of ``schema``) that its field can't hold."""
    checks = list(_checks(frame, schema.fields, schema.key_field))
    # One pass says which checks have anything to report: of a chart's hundreds of fields hardly any.
    found = frame.select(check.broken.fill_null(False).any().alias(str(i)) for i, check in enumerate(checks))
    parts = [
        frame.filter(check.broken).select(
            key=pl.col(schema.key_field), field=pl.lit(check.field), code=pl.lit(check.code)
        )
        for i, check in enumerate(checks)
        if found[str(i)].item()
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=PROBLEM_COLUMNS)


def _checks(frame: pl.DataFrame, fields: Iterable[FieldSchema], key_field: str) -> Iterator[_Check]:
    types = frame.schema  # asked once: polars makes it anew, which a chart's hundreds of fields would feel
    for each in fields:
        column = pl.col(each.name)
        # The destination has no null for a checkbox either, and would take one for "unchecked".
        if each.required or each.name == key_field or each.type is FieldType.CHECKBOX:
            yield _Check(each.name, REQUIRED_MISSING, column.is_null())
        if each.type in TEXT_KINDS:
            dtype = types[each.name]
            if isinstance(dtype, pl.Enum) and set(dtype.categories) <= set(each.values):
                continue  # every value that the column can hold is one of the picklist's
            yield from _text_checks(each, column.cast(pl.String))
        elif each.type in NUMBER_KINDS and each.precision is not None:
            yield _Check(each.name, OUT_OF_RANGE, _too_many_digits(each, types[each.name]))


def _text_checks(each: FieldSchema, column: pl.Expr) -> Iterator[_Check]:
    yield _Check(each.name, UNREPRESENTABLE, column.str.contains(_NOT_XML))
    if each.length is not None:
        yield _Check(each.name, TEXT_TOO_LONG, column.str.len_chars() > each.length)
    if each.restricted and each.type is FieldType.PICKLIST:
        yield _Check(each.name, NOT_IN_PICKLIST, ~column.is_in(list(each.values)))
    if each.restricted and each.type is FieldType.MULTI_PICKLIST:
        unknown = column.str.split(";").list.set_difference(pl.lit(list(each.values)))
        yield _Check(each.name, NOT_IN_PICKLIST, unknown.list.len() > 0)


def _too_many_digits(each: FieldSchema, dtype: pl.DataType) -> pl.Expr:
    scale = each.scale or 0
    whole_digits = (each.precision or 0) - scale
    # A double's error grows with the number, so only what is far from a multiple of the last digit counts.
    number = pl.col(each.name).cast(pl.Float64)
    too_large = number.abs() >= 10.0**whole_digits
    if dtype.is_integer():
        return too_large
    shifted = number * 10.0**scale
    tolerance = 1e-9 * (shifted.abs() + 1.0)
    return too_large | ~number.is_finite() | ((shifted - shifted.round(0)).abs() > tolerance)
