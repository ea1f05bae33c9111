"""Freshsales as a kind of destination."""

from __future__ import annotations

from migration_assets.destinations.base import Destination
from migration_assets.destinations.freshsales.capacity import modules
from migration_assets.destinations.freshsales.settings import EnvironmentSettings, FreshsalesSettings
from migration_assets.destinations.kind import DestinationKind, environment_of


def _connect(settings: EnvironmentSettings) -> Destination:
    from migration_assets.destinations.freshsales.destination import connect

    return connect(settings)


KIND = DestinationKind(
    "freshsales",
    FreshsalesSettings,
    environment_of("freshsales"),
    _connect,
    file_limit=lambda settings: settings.files.max_bytes,
    options=lambda settings: {
        "modules": "on" if modules(settings) else "off",
        "several_practices": "on" if settings.several_practices else "off",
    },
    sample_size=60,
)
