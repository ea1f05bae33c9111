"""Everything that would stop or spoil a load, found without changing anything.

Findings hold names and numbers only. Each subject has a module of its own, ``preflight_*``; this one puts
them together, in the order in which people mend them.
"""

from __future__ import annotations

from collections.abc import Sequence

from migration_assets.destinations.base import Finding, ObjectSchema, Volumes
from migration_assets.destinations.salesforce.preflight_automation import automation
from migration_assets.destinations.salesforce.preflight_limits import (
    headers,
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


def findings(
    session: SalesforceSession,
    settings: EnvironmentSettings,
    schemas: Sequence[ObjectSchema],
    volumes: Volumes | None = None,
    time_zone: str | None = None,
) -> list[Finding]:
    """As ``Destination.preflight``; an API version that the org doesn't speak ends it, since nothing else
    would be answered."""
    version = api_version(session)
    found = [version] if version is not None else []
    if any(each.severity == "error" for each in found):
        return found
    plans = plan(session, schemas)
    for each in plans:
        found += shortcomings(each)
        found += drift(each)
    found += headers(schemas)
    found += room_for_fields(session, settings, plans)
    limits = session.get_json("limits")
    found += quotas(limits)
    if volumes is not None:
        found += volumes_fit(limits, volumes, settings.bulk)
    found += permissions(session)
    found += automation(session, schemas)
    found += organization_settings(session, time_zone)
    return found
