"""Everything that would stop or spoil a load, found without changing anything.

Findings hold names and numbers only. Each subject has a module of its own, ``preflight_*``; this one puts
them together, in the order in which people mend them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migration_assets.destinations.base import Finding, ObjectSchema, Volumes
from migration_assets.destinations.salesforce.preflight_automation import automation
from migration_assets.destinations.salesforce.preflight_limits import (
    headers,
    no_request_left,
    quotas,
    room_for_fields,
    volumes_fit,
)
from migration_assets.destinations.salesforce.preflight_org import (
    api_version,
    organization_settings,
    permissions,
)
from migration_assets.destinations.salesforce.preflight_schema import drift, shortcomings
from migration_assets.destinations.salesforce.schema_compare import plan
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import EnvironmentSettings
from migration_assets.errors import DestinationLimitReached


def findings(
    session: SalesforceSession,
    settings: EnvironmentSettings,
    schemas: Sequence[ObjectSchema],
    volumes: Volumes | None = None,
    time_zone: str | None = None,
) -> list[Finding]:
    """As ``Destination.preflight``. An API version that the org doesn't speak ends it, and so does a used-up
    quota of requests, since nothing more would be answered."""
    found: list[Finding] = []
    try:
        # One at a time: what was found before the last request counts.
        for each in _questions(session, settings, schemas, volumes, time_zone):
            found.append(each)
    except DestinationLimitReached:
        found.append(no_request_left())
    return found


def _questions(
    session: SalesforceSession,
    settings: EnvironmentSettings,
    schemas: Sequence[ObjectSchema],
    volumes: Volumes | None,
    time_zone: str | None,
) -> Iterator[Finding]:
    version = api_version(session)
    if version is not None:
        yield version
        if version.severity == "error":
            return
    plans = plan(session, schemas)
    for each in plans:
        yield from shortcomings(each)
        yield from drift(each)
    yield from headers(schemas)
    yield from room_for_fields(session, settings, plans)
    limits = session.get_json("limits")
    yield from quotas(limits)
    if volumes is not None:
        yield from volumes_fit(limits, volumes, settings.bulk)
    yield from permissions(session)
    yield from automation(session, schemas)
    yield from organization_settings(session, time_zone)
