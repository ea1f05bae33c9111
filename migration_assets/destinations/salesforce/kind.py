"""Salesforce as a kind of destination."""

from __future__ import annotations

from migration_assets.destinations.base import Destination
from migration_assets.destinations.kind import ChartChoice, DestinationKind, environment_of
from migration_assets.destinations.salesforce.settings import EnvironmentSettings, SalesforceSettings


def _connect(settings: EnvironmentSettings) -> Destination:
    from migration_assets.destinations.salesforce.destination import connect

    return connect(settings)


KIND = DestinationKind(
    "salesforce",
    SalesforceSettings,
    environment_of("salesforce"),
    _connect,
    chart=lambda settings: ChartChoice(settings.chart_layout, settings.fields_left_free),
    file_limit=lambda settings: settings.files.max_bytes,
    options=lambda settings: {"account_relations": "on" if settings.account_relations else "off"},
)
