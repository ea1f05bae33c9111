"""Everything that would stop or spoil a load, found without changing anything.

Findings hold names and numbers only. What a schema lacks is ``schema``'s to compare; quotas and the
header's length are looked at here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from migration_assets.destinations.base import Finding, ObjectSchema
from migration_assets.destinations.salesforce import csv, schema
from migration_assets.destinations.salesforce.describe import capacity
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import EnvironmentSettings

_SCARCE = 0.1
_QUOTAS = {
    "DailyApiRequests": "API requests",
    "DailyBulkV2QueryJobs": "Bulk query jobs",
    "DataStorageMB": "MB of data storage",
    "FileStorageMB": "MB of file storage",
}
"""Names in the answer of /limits; a record takes 2 KB of data storage, however wide."""


def findings(
    session: SalesforceSession, settings: EnvironmentSettings, schemas: Sequence[ObjectSchema]
) -> list[Finding]:
    plans = schema.plan(session, schemas)
    found = [each for plan in plans for each in schema.shortcomings(plan)]
    found += [each for object_schema in schemas for each in _header(object_schema)]
    found += _room(session, settings, plans)
    found += quotas(session.get_json("limits"))
    return found


def _header(object_schema: ObjectSchema) -> list[Finding]:
    width = len(csv.header(object_schema))
    if width <= csv.MAX_HEADER_CHARACTERS:
        return []
    message = (
        f"the header of {object_schema.name} has {width:,} characters and a Bulk job allows "
        f"{csv.MAX_HEADER_CHARACTERS:,}; map fewer fields or shorten their names"
    )
    return [Finding("header_too_long", "error", message, object_schema.name)]


def _room(
    session: SalesforceSession, settings: EnvironmentSettings, plans: Sequence[schema.ObjectPlan]
) -> list[Finding]:
    rooms = capacity(session, settings, [plan.schema.name for plan in plans])
    found = []
    for plan in plans:
        room = rooms[plan.schema.name]
        left = room.custom_field_limit - len(room.custom_fields) - len(plan.created)
        if left < 0 or (plan.created and left < settings.fields_left_free):
            message = (
                f"{room.object} has {len(room.custom_fields)} of {room.custom_field_limit} custom fields and "
                f"needs {len(plan.created)} more with {settings.fields_left_free} left free; map fewer "
                "measures, delete unused fields there, or lower fields_left_free"
            )
            found.append(Finding("no_room_for_fields", "error", message, room.object))
    return found


def quotas(limits: Mapping[str, Any]) -> list[Finding]:
    """A note for each quota, a warning where little of it is left, an error where nothing is."""
    found = []
    for name, label in _QUOTAS.items():
        quota = limits.get(name)
        if not isinstance(quota, Mapping):
            continue
        most, left = int(quota["Max"]), int(quota["Remaining"])
        message = f"{left:,} of {most:,} {label} are left"
        if left <= 0:
            found.append(Finding(f"{_snake(name)}_used_up", "error", f"{message}; raise or free it first"))
        elif left < most * _SCARCE:
            found.append(Finding(f"{_snake(name)}_scarce", "warning", f"{message}; see that the load fits"))
        else:
            found.append(Finding(_snake(name), "note", message))
    return found


def _snake(name: str) -> str:
    for old, new in (("MB", ""), ("API", "Api"), ("V2", "")):
        name = name.replace(old, new)
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
