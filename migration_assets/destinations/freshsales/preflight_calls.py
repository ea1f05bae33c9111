"""How many calls a load takes, and how long that is under the account's limits.

An estimate at most, from volumes: each record is created once, and everything is listed before it is sent and
read back afterwards. What a kind of record costs is what the modules of records do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from migration_assets.destinations.base import Finding, Volumes
from migration_assets.destinations.freshsales import capacity
from migration_assets.destinations.freshsales.client import FreshsalesClient
from migration_assets.destinations.freshsales.settings import EnvironmentSettings
from migration_assets.destinations.freshsales.shapes import CONTACT, DEAL, DOCUMENT, NOTE

PAGE = 100
CALLS_A_BULK_JOB = 5
"""The job, its status asked for twice or thrice, and a listing of what it changed."""
LISTINGS = 2
"""Before the sending (what is there) and after it (what came of it)."""
CALLS_AT_FIRST = 40
"""Discovery, the views, and lists that are read anew where a run goes on to the next object."""

_LONG_SECONDS = 24 * 3600.0


def calls_needed(records: Mapping[str, int], settings: EnvironmentSettings) -> dict[str, int]:
    """By object, for sending everything once into an account that has nothing of it, and reading it back.

    A deal's contacts and a contact's notes are a call each where lists don't bring them along; the files of a
    contact or a deal always are, before and after.
    """
    holders = records.get(CONTACT, 0) + records.get(DEAL, 0)
    brought_along = settings.notes_in_views
    needed = {}
    for name, count in records.items():
        calls, listed, alone = count, count, 0
        if name == CONTACT:
            calls = _pages(count, settings.bulk.rows) * CALLS_A_BULK_JOB
        elif name == DEAL:
            alone = 0 if brought_along else count
        elif name == NOTE:
            listed, alone = holders, 0 if brought_along else min(count, holders)
        elif name == DOCUMENT:
            alone = LISTINGS * holders
        needed[name] = calls + LISTINGS * _pages(listed, PAGE) + alone if count else 0
    return needed


def _pages(records: int, size: int) -> int:
    return math.ceil(records / size)


def calls_and_time(
    client: FreshsalesClient, settings: EnvironmentSettings, volumes: Volumes
) -> Iterator[Finding]:
    """A note with the duration, a warning where it is more than a day."""
    by_object = calls_needed(volumes.records, settings)
    calls = sum(by_object.values()) + CALLS_AT_FIRST
    seconds = client.budget.expected_seconds(calls, client.seconds_a_call, settings.calls_at_once)
    most = ", ".join(f"{name} {count:,}" for name, count in by_object.items() if count)
    used, _ = client.budget.used()
    limits = client.budget.limits
    message = (
        f"the load takes about {calls:,} calls ({most}); {limits.hour:,} an hour and {limits.minute:,} a "
        f"minute are ours, {used:,} of this hour's are used: about {shown(seconds)}, and the time that files "
        "take"
    )
    yield Finding("load_estimate", "note", message)
    if seconds > _LONG_SECONDS / settings.clock_speed:
        message = (
            f"the load lasts {shown(seconds)}, longer than a day; a plan with more calls an hour than "
            f"{capacity.calls_an_hour(settings):,} shortens it, and so do views that bring notes along "
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
