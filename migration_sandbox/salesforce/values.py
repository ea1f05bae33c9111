"""Turning what a client sent for one column into what the org stores, a whole column at a time.

A column arrives as text (or, where the CSV reader already parsed it, as integers or floats). Null and empty
text mean "not given", the null token means "set to null". What can't be stored becomes a RowError for that
row, with Salesforce's code. Cost is a handful of vectorised passes a column; Python loops run over refused
rows only.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from migration_sandbox.salesforce.errors import RowError
from migration_sandbox.salesforce.schema import Field
from migration_sandbox.salesforce.settings import Settings

Errors = dict[int, RowError]
Mask = npt.NDArray[np.bool_]

EMAIL = r"^[A-Za-z0-9.!#$%&'*/=?^_+`{|}~-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]{2,}$"
DATETIME = r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)$"
TRUE, FALSE = ("true", "1"), ("false", "0")
FIRST_YEAR, LAST_YEAR = 1700, 4000


@dataclass
class Column:
    """Values as stored, the rows that are set to null on purpose (None: no row), and the refused rows."""

    values: pl.Series
    nulls: pl.Series | None = None
    errors: Errors = field(default_factory=dict)


def _refuse(column: Column, bad: pl.Series, error: RowError) -> None:
    for row in np.flatnonzero(bad.fill_null(False).to_numpy()).tolist():
        column.errors.setdefault(row, error)


def _refuse_each(column: Column, bad: pl.Series, given: pl.Series, code: str, name: str, text: str) -> None:
    """Refuse rows with a message that quotes what was given, as the platform does."""
    for row in np.flatnonzero(bad.fill_null(False).to_numpy()).tolist():
        column.errors.setdefault(row, RowError(code, f"{text}{given[row]}", (name,)))


def convert(item: Field, given: pl.Series, null_token: str, settings: Settings) -> Column:
    """Check and convert one column of one field (references excepted: write.py resolves them)."""
    if given.dtype != pl.String:
        column = Column(given)
        if given.dtype == pl.Float64 and not given.is_finite().fill_null(True).all():
            return convert(item, given.cast(pl.String), null_token, settings)
        _check_range(column, item, given, settings)
        return column
    nulls = (given == null_token).fill_null(False)
    has_nulls = bool(nulls.any())
    blank = (given == "").fill_null(True) | nulls
    body = given if not blank.any() else given.zip_with(~blank, pl.Series([None], dtype=pl.String))
    column = Column(body, nulls if has_nulls else None)
    if item.type == "boolean":
        _boolean(column, item, body)
    elif item.numeric:
        _number(column, item, body, settings)
    elif item.type == "date":
        column.values = body.str.to_date("%Y-%m-%d", strict=False)
        wrong = column.values.is_null() | ~body.str.contains(r"^\d{4}-\d\d-\d\d$")
        _wrong_type(column, item, body, wrong & body.is_not_null())
        _check_year(column, item)
    elif item.type == "datetime":
        column.values = _datetime(body)
        _wrong_type(column, item, body, column.values.is_null() & body.is_not_null())
        _check_year(column, item)
    else:
        _text(column, item, body, settings)
    return column


def _wrong_type(column: Column, item: Field, body: pl.Series, bad: pl.Series) -> None:
    if bad.any():
        text = f"{item.label}: value not of required type: "
        _refuse_each(column, bad, body, "INVALID_TYPE_ON_FIELD_IN_RECORD", item.name, text)


def _boolean(column: Column, item: Field, body: pl.Series) -> None:
    lower = body.str.to_lowercase()
    yes, no = lower.is_in(TRUE), lower.is_in(FALSE)
    column.values = yes.zip_with(yes | no, pl.Series([None], dtype=pl.Boolean))
    _wrong_type(column, item, body, (~(yes | no)) & body.is_not_null())
    if column.nulls is not None:
        error = RowError(
            "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{item.label}: value not of required type: null", (item.name,)
        )
        _refuse(column, column.nulls, error)


def _number(column: Column, item: Field, body: pl.Series, settings: Settings) -> None:
    dtype = item.dtype
    if dtype != pl.Float64:
        whole = body.cast(pl.Int64, strict=False)
        rest = whole.is_null() & body.is_not_null()
        if not rest.any():
            column.values = whole
            _check_range(column, item, whole, settings)
            if dtype != pl.Int64:
                column.values = whole.cast(dtype, strict=False)
            return
    number = body.cast(pl.Float64, strict=False)
    bad = (number.is_null() | ~number.is_finite()) & body.is_not_null()
    _wrong_type(column, item, body, bad)
    number = number.zip_with(number.is_finite().fill_null(False), pl.Series([None], dtype=pl.Float64))
    number = _scaled(column, item, number, settings)
    _check_range(column, item, number, settings)
    column.values = number if dtype == pl.Float64 else number.cast(dtype, strict=False)


def _scaled(column: Column, item: Field, number: pl.Series, settings: Settings) -> pl.Series:
    """Decimals beyond the field's scale: rounded half away from zero, or refused (a setting)."""
    factor = 10.0**item.scale
    scaled = number * factor
    # polars divides by multiplying with the reciprocal: only rounding gives the double nearest to it.
    rounded = ((scaled.abs() + 0.5 + 1e-9).floor() * scaled.sign() / factor).round(item.scale)
    exact = (scaled - scaled.round()).abs() < 1e-7 * (scaled.abs() + 1)
    if settings.numbers_with_excess_decimals == "refuse":
        error = RowError("NUMBER_OUTSIDE_VALID_RANGE", f"{item.label}: too many decimal places", (item.name,))
        _refuse(column, ~exact, error)
    return rounded


def _check_range(column: Column, item: Field, number: pl.Series, settings: Settings) -> None:
    if number.dtype == pl.Float64 and column.values is number and item.scale:
        number = column.values = _scaled(column, item, number, settings)
    limit = 2**31 if item.type == "int" else 10 ** max(item.precision - item.scale, 0)
    low, high = number.min(), number.max()
    if low is None or (-limit < low and high < limit):  # type: ignore[operator]
        return
    bad = (number >= limit) | (number <= -limit)
    text = f"{item.label}: value outside of valid range on numeric field: "
    _refuse_each(column, bad, number, "NUMBER_OUTSIDE_VALID_RANGE", item.name, text)


def _datetime(body: pl.Series) -> pl.Series:
    """ISO 8601 with an offset -> UTC to the millisecond; null where it isn't one."""
    parts = body.to_frame("x").select(
        pl.col("x")
        .str.extract(DATETIME, 1)
        .str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="ms")
        .alias("at"),
        pl.col("x").str.extract(DATETIME, 2).fill_null(".0").cast(pl.Float64, strict=False).alias("fraction"),
        pl.col("x").str.extract(DATETIME, 3).alias("zone"),
    )
    hours = pl.col("zone").str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0)
    minutes = pl.col("zone").str.slice(-2).cast(pl.Int64, strict=False).fill_null(0)
    sign = pl.when(pl.col("zone").str.starts_with("-")).then(-1).otherwise(1)
    offset = pl.duration(minutes=sign * (hours * 60 + minutes))
    fraction = pl.duration(milliseconds=(pl.col("fraction") * 1000 + 1e-6).floor().cast(pl.Int64))
    moment = (pl.col("at") + fraction - offset).dt.cast_time_unit("ms")
    return parts.select(moment.alias("at"))["at"]


def _check_year(column: Column, item: Field) -> None:
    years = column.values.dt.year()
    bad = (years < FIRST_YEAR) | (years > LAST_YEAR)
    if bad.any():
        error = RowError(
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            f"{item.label}: date is outside of the valid range",
            (item.name,),
        )
        _refuse(column, bad, error)


def _text(column: Column, item: Field, body: pl.Series, settings: Settings) -> None:
    if settings.trim_text:
        body = body.str.strip_chars()
        empty = (body == "").fill_null(False)
        if empty.any():
            body = body.zip_with(~empty, pl.Series([None], dtype=pl.String))
            column.nulls = empty if column.nulls is None else column.nulls | empty
    column.values = body
    length = item.length or 255
    # Bytes bound characters from above, and their count needs no pass over the text.
    if (body.str.len_bytes() > length).any():
        characters = body.str.len_chars()
        for row in np.flatnonzero((characters > length).fill_null(False).to_numpy()).tolist():
            message = f"{item.label}: data value too large: {body[row][:255]} (max length={length})"
            column.errors.setdefault(row, RowError("STRING_TOO_LONG", message, (item.name,)))
    if item.type == "email":
        bad = ~body.str.contains(EMAIL)
        _refuse_each(
            column, bad, body, "INVALID_EMAIL_ADDRESS", item.name, f"{item.label}: invalid email address: "
        )
    elif item.type == "picklist" and item.restricted:
        bad = ~body.is_in(list(item.picklist)) & body.is_not_null()
        _picklist(column, item, body, bad)
    elif item.type == "multipicklist":
        pieces = body.str.split(";")
        if item.restricted:
            known = pieces.list.eval(pl.element().is_in(list(item.picklist))).list.all()
            _picklist(column, item, body, ~known & body.is_not_null())


def _picklist(column: Column, item: Field, body: pl.Series, bad: pl.Series) -> None:
    if bad.any():
        text = f"{item.label}: bad value for restricted picklist field: "
        _refuse_each(column, bad, body, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", item.name, text)
