"""How many calls a load takes, and how long that is under the account's limits.

An estimate at most, from volumes: the schema's missing parts are made, each record is created once, and
everything is listed before it is sent and read back afterwards. What a kind of record costs is what the
modules of records do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from migration_assets.destinations.base import Finding, ObjectSchema, Volumes
from migration_assets.destinations.freshsales import capacity, schema_plan
from migration_assets.destinations.freshsales.client import FreshsalesClient
from migration_assets.destinations.freshsales.discovery import Discovery
from migration_assets.destinations.freshsales.settings import EnvironmentSettings
from migration_assets.destinations.freshsales.shapes import APPOINTMENT, CONTACT, DEAL, DOCUMENT, NOTE, TARGET

PAGE = 100
CALLS_A_BULK_JOB = 4
"""The job, its status asked for once or twice, and a listing of what it changed."""
CALLS_FOR_WORDS = 2
"""Once a run for each object that is listed: the names of its fields, and of the account's views."""
VIEWS = {DEAL: 3, APPOINTMENT: 2}
"""Lists that together are all of an object, where it isn't one: deals are open, won or lost, appointments
past or upcoming."""
SCHEMA = "schema"

_LONG_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """``calls`` by object and for the ``schema``; ``seconds`` are real ones, until the last call is made."""

    calls: Mapping[str, int]
    seconds: float

    @property
    def total(self) -> int:
        return sum(self.calls.values())


def calls_needed(
    records: Mapping[str, int], settings: EnvironmentSettings, schemas: Sequence[ObjectSchema]
) -> dict[str, int]:
    """By object, for sending everything once into an account that has nothing of it, and reading it back.

    An upload lists the object itself, which is empty, and whatever its records point to; the reading back
    lists the object. A deal's contacts and the notes of a record are a call each where lists don't bring them
    along; the files of a record always are, before and after.
    """
    needed = {}
    for schema in schemas:
        name, count = schema.name, records.get(schema.name, 0)
        if count:
            parents = {target for field in schema.references for target in field.targets} - {name}
            before = _words(name) + _listing(name, 0)
            before += sum(_words(each) + _listing(each, records.get(each, 0)) for each in parents)
            needed[name] = before + _sending(name, count, settings) + _reading(schema, records, settings)
    return needed


def _sending(name: str, count: int, settings: EnvironmentSettings) -> int:
    return _pages(count, settings.bulk.rows) * CALLS_A_BULK_JOB if name == CONTACT else count


def _reading(schema: ObjectSchema, records: Mapping[str, int], settings: EnvironmentSettings) -> int:
    """Afterwards; of notes and files what their records take before the sending, too."""
    name, count = schema.name, records[schema.name]
    if name in (NOTE, DOCUMENT):
        holders = {target: records.get(target, 0) for target in schema.field(TARGET).targets}
        if name == DOCUMENT:
            return 2 * sum(holders.values())
        each = 0 if settings.notes_in_views else min(count, sum(holders.values()))
        return 2 * sum(_listing(*holder) for holder in holders.items()) + each
    each = count if name == DEAL and not settings.notes_in_views else 0
    return _words(name) + _listing(name, count) + each


def _words(name: str) -> int:
    return 0 if name in (NOTE, DOCUMENT, APPOINTMENT) else CALLS_FOR_WORDS


def _listing(name: str, records: int) -> int:
    """The pages of a whole object; notes and files have no list of their own."""
    if name in (NOTE, DOCUMENT):
        return 0
    # The last page of each view is half full on average.
    return max(_pages(records, PAGE) + (VIEWS.get(name, 1) - 1) // 2, VIEWS.get(name, 1))


def _pages(records: int, size: int) -> int:
    return math.ceil(records / size)


def forecast(
    client: FreshsalesClient, discovery: Discovery, schemas: Sequence[ObjectSchema], volumes: Volumes
) -> Forecast:
    """As things stand now, with nobody else using the account."""
    settings = client.settings
    calls = calls_needed(volumes.records, settings, schemas)
    calls[SCHEMA] = _to_make(discovery, settings, schemas)
    seconds = client.budget.expected_seconds(
        sum(calls.values()), client.seconds_a_call, settings.calls_at_once
    )
    return Forecast(calls, seconds)


def _to_make(discovery: Discovery, settings: EnvironmentSettings, schemas: Sequence[ObjectSchema]) -> int:
    """Modules and fields that the deployment makes, and what it asks the account before and after."""
    plans = schema_plan.plan(discovery, schemas)
    missing = sum(len(each.missing) + (not each.exists) for each in plans)
    asked = 2 * len(plans)
    return missing + asked if settings.create_schema == "api" else asked


def calls_and_time(
    client: FreshsalesClient, discovery: Discovery, schemas: Sequence[ObjectSchema], volumes: Volumes
) -> Iterator[Finding]:
    """A note with the duration, a warning where it is more than a day."""
    settings = client.settings
    expected = forecast(client, discovery, schemas, volumes)
    most = ", ".join(f"{name} {count:,}" for name, count in expected.calls.items())
    used, _ = client.budget.used()
    limits = client.budget.limits
    message = (
        f"the load takes about {expected.total:,} calls ({most}); {limits.hour:,} an hour and "
        f"{limits.minute:,} a minute are ours, {used:,} of this hour's are used: about "
        f"{shown(expected.seconds)}, and the time that files take"
    )
    yield Finding("load_estimate", "note", message)
    if expected.seconds > _LONG_SECONDS / settings.clock_speed:
        message = (
            f"the load lasts {shown(expected.seconds)}, longer than a day; a plan with more calls an hour "
            f"than {capacity.calls_an_hour(settings):,} shortens it, and so do views that bring notes along "
            "(notes_in_views)"
        )
        yield Finding("load_takes_days", "warning", message)


def shown(seconds: float) -> str:
    """2 h 20 min, 45 min, 30 s."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours:,} h {rest} min" if hours else f"{rest} min"
