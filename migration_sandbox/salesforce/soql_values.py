"""Literals of a SOQL condition as values of the field they are compared with, or the platform's refusal."""

from datetime import date, datetime, timedelta

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.errors import ApiError
from migration_sandbox.salesforce.schema import NUMERIC, Field
from migration_sandbox.salesforce.soql import Value, malformed


def _literal_error(item: Field, wanted: str) -> ApiError:
    quoted = (
        " and should not be enclosed in quotes"
        if wanted in ("double", "boolean", "date", "dateTime", "int")
        else ""
    )
    return ApiError(
        400,
        "INVALID_FIELD",
        f"value of filter criterion for field '{item.name}' must be of type {wanted}{quoted}",
    )


def read_datetime(text: str) -> datetime:
    """An ISO 8601 time with an offset, as UTC without one."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise malformed("invalid date-time literal") from None
    offset = moment.utcoffset() or timedelta()
    return moment.replace(tzinfo=None) - offset


def typed_value(item: Field, value: Value) -> object:
    """The literal as the column's own type, or INVALID_FIELD."""
    kind = value.kind
    if item.type == "boolean":
        if kind != "boolean":
            raise _literal_error(item, "boolean")
        return value.value
    if item.type in NUMERIC:
        if kind != "number":
            raise _literal_error(item, "int" if item.type == "int" else "double")
        return float(value.value)
    if item.type == "date":
        if kind != "date":
            raise _literal_error(item, "date")
        try:
            return date.fromisoformat(value.value)
        except ValueError:
            raise malformed("invalid date literal") from None
    if item.type == "datetime":
        if kind != "datetime":
            raise _literal_error(item, "dateTime")
        return read_datetime(value.value)
    if kind != "string":
        raise _literal_error(item, "string")
    return value.value


def id_values(values: list[str]) -> list[str]:
    found = []
    for value in values:
        if not value.isalnum() or len(value) not in (15, 18):
            raise ApiError(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
        found.append(ids.expand(value[:15]))
    return found
