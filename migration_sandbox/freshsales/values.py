"""Values of fields as they come, checked and brought to what is kept; times and dates read.

Standard text and custom text have different lengths; a custom field's kinds and limits are the plan tables'
("text 256 characters, text area 10,000, number 11+4 digits, 300 choices").
"""

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from migration_sandbox.freshsales.errors import bad
from migration_sandbox.freshsales.settings import Settings

TEXT_CHARACTERS, AREA_CHARACTERS = 256, 10_000
DIGITS, DECIMALS = 11, 4
FIRST_YEAR, LAST_YEAR = 1000, 9998
_BROWSER = re.compile(r"^\w{3} (\w{3} \d{1,2} \d{4} \d{2}:\d{2}:\d{2}) GMT([+-]\d{4})(?: \(.*\))?$")
_EMAIL = re.compile(r"^[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s.,;<>]+$")


def text(label: str, value: object, most: int, settings: Settings) -> str | None:
    if isinstance(value, bool | list | dict):
        raise bad(f"{label} is invalid")
    if value is None:
        return None
    told = str(value).strip() if settings.trim_text else str(value)
    if len(told) > most:
        raise bad(f"{label} is too long (maximum is {most} characters)")
    return told or None


def email(value: object) -> str:
    told = str(value).strip()
    if not _EMAIL.match(told):
        raise bad("Email is invalid")
    return told


def integer(label: str, value: object) -> int | None:
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool | list | dict) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError
        return int(value)  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError):
        raise bad(f"{label} is not a number") from None


def number(label: str, value: object, settings: Settings, digits: int = DIGITS) -> float | None:
    """A number of at most 11 digits and 4 decimals."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool):
            raise InvalidOperation
        told = Decimal(str(value))
    except InvalidOperation:
        raise bad(f"{label} is not a number") from None
    if not told.is_finite() or abs(told) >= Decimal(10) ** digits:
        raise bad(f"{label} has more than {digits} digits")
    rounded = round(told, DECIMALS)
    if rounded != told and settings.excess_decimals == "refuse":
        raise bad(f"{label} has more than {DECIMALS} decimals")
    return float(rounded)


def boolean(label: str, value: object) -> bool | None:
    words: dict[object, bool | None] = {None: None, "": None, "true": True, "false": False}
    if isinstance(value, bool):
        return value
    told = value.lower() if isinstance(value, str) else value
    if (told is not None and not isinstance(told, str)) or told not in words:
        raise bad(f"{label} is neither true nor false")
    return words[told]


def moment(label: str, value: object, zone: ZoneInfo) -> float | None:
    """A time in ISO 8601, or as browsers write it (a recorded client sends that); else the account's zone."""
    if value is None or value == "":
        return None
    told = str(value).strip()
    browser = _BROWSER.match(told)
    try:
        if browser:
            read = datetime.strptime(" ".join(browser.groups()), "%b %d %Y %H:%M:%S %z")
        else:
            read = datetime.fromisoformat(told)
    except ValueError:
        raise bad(f"{label} is not a date") from None
    if not FIRST_YEAR <= read.year <= LAST_YEAR:
        raise bad(f"{label} is not a date")
    if read.tzinfo is None:
        read = read.replace(tzinfo=zone)
    return math.floor(read.timestamp())


def day(label: str, value: object, zone: ZoneInfo) -> str | None:
    """A date; of a time with an offset, its date in the account's zone."""
    if value is None or value == "":
        return None
    told = str(value).strip()
    try:
        return date.fromisoformat(told).isoformat()
    except ValueError:
        seconds = moment(label, told, zone)
        if seconds is None:
            return None
        return datetime.fromtimestamp(seconds, UTC).astimezone(zone).date().isoformat()


def tags(label: str, value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad(f"{label} is not a list of words")
    return list(value)


def chosen(label: str, value: object, choices: list[dict[str, Any]]) -> str | None:
    """The choice that a value or an id names."""
    if value is None or value == "":
        return None
    for choice in choices:
        if value == choice["value"] or value == choice["id"]:
            return str(choice["value"])
    raise bad(f"{label} is not included in the list")


def several(label: str, value: object, choices: list[dict[str, Any]]) -> list[str] | None:
    """The choices of a multi-select, given as a list or joined by semicolons."""
    if value is None or value in ("", []):
        return None
    told = value if isinstance(value, list) else str(value).split(";")
    found = [chosen(label, item, choices) for item in told]
    return [item for item in found if item is not None]
