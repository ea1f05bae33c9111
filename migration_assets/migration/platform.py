"""Everything that one installation works with: practice files, warehouses, ledgers, destinations.

Building it reads nothing and opens nothing. Orchestration and the command line both start from here, and
tests build one over a temporary folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine

from migration_assets.destinations.base import Destination
from migration_assets.errors import ConfigurationError
from migration_assets.migration.decisions import DecisionLog
from migration_assets.migration.ledger import Ledger, Target, open_ledger_database
from migration_assets.migration.practice_keys import PracticeKeys
from migration_assets.panda.profile import Profile, load_profile
from migration_assets.panda.settings import SourceSettings
from migration_assets.practice import Practice, PracticeRegistry, Settings
from migration_assets.warehouse import DuckDBSettings, Warehouse, WarehouseLayout


class EnvironmentSettings(Protocol):
    """What the engine reads of an environment's settings, whatever the destination."""

    @property
    def fields_left_free(self) -> int: ...


@dataclass(frozen=True)
class DestinationKind:
    """How to configure and reach one kind of destination; ``connect`` makes no request."""

    name: str
    settings: type[Settings]
    connect: Callable[[Any, str], Destination]


def salesforce_kind() -> DestinationKind:
    from migration_assets.destinations.salesforce.destination import connect
    from migration_assets.destinations.salesforce.settings import SalesforceSettings

    def connect_environment(settings: SalesforceSettings, environment: str) -> Destination:
        return connect(settings.environment(environment))

    return DestinationKind("salesforce", SalesforceSettings, connect_environment)


@dataclass(frozen=True)
class Platform:
    """``data`` is the folder of everything made at run time; ``ledger_url`` is set where several machines
    share one ledger, otherwise each practice has an SQLite file of its own."""

    data: Path
    practices: Path
    destinations: Mapping[str, DestinationKind]
    duckdb: DuckDBSettings = field(default_factory=DuckDBSettings)
    ledger_url: str | None = None
    profiles: Path | None = None

    @cached_property
    def registry(self) -> PracticeRegistry:
        return PracticeRegistry(
            self.practices, SourceSettings, {name: kind.settings for name, kind in self.destinations.items()}
        )

    @cached_property
    def layout(self) -> WarehouseLayout:
        return WarehouseLayout(self.data)

    def practice(self, key: str) -> Practice:
        return self.registry.load(key)

    def source(self, practice: Practice) -> SourceSettings:
        if not isinstance(practice.source, SourceSettings):
            raise TypeError("the registry was built with another source settings model")
        return practice.source

    def profile(self, practice: Practice) -> Profile:
        return load_profile(self.source(practice).profile, self.profiles)

    def keys(self, practice: Practice) -> PracticeKeys:
        return PracticeKeys(practice.key, practice.encryption_key.value())

    def panda_warehouse(self, practice: str) -> Warehouse:
        return Warehouse(self.layout.panda(practice), self.duckdb)

    def upload_warehouse(self, target: Target) -> Warehouse:
        path = self.layout.destination(target.practice, target.destination, target.environment)
        return Warehouse(path, self.duckdb)

    def destination(self, practice: Practice, target: Target) -> Destination:
        """Raises ConfigurationError where the practice's file doesn't configure the destination."""
        settings = practice.destinations.get(target.destination)
        if settings is None:
            raise ConfigurationError(
                f"practice {practice.key}: its file has no destinations.{target.destination}; add that part"
            )
        return self.destinations[target.destination].connect(settings, target.environment)

    def ledger(self, practice: Practice, target: Target) -> Ledger:
        return Ledger(self._ledger_engine(practice.key), target, self.keys(practice))

    def decisions(self, practice: Practice) -> DecisionLog:
        return DecisionLog(self._ledger_engine(practice.key), practice.key, self.keys(practice))

    def ledger_path(self, practice: str) -> Path:
        return self.data / "ledger" / f"{practice}.sqlite"

    def has_ledger(self, practice: str) -> bool:
        return self.ledger_url is not None or self.ledger_path(practice).exists()

    def report_directory(self, target: Target) -> Path:
        return self.data / "reports" / target.practice / target.destination / target.environment

    def _ledger_engine(self, practice: str) -> Engine:
        return open_ledger_database(self.ledger_url or f"sqlite:///{self.ledger_path(practice)}")


def default_platform() -> Platform:
    """The installation that the environment describes.

    MIGRATION_DATA (default ./data) holds everything; MIGRATION_PRACTICES (default its ``practices``) the
    practice files; MIGRATION_LEDGER_URL a shared ledger's database.
    """
    data = Path(os.environ.get("MIGRATION_DATA", "data")).resolve()
    return Platform(
        data=data,
        practices=Path(os.environ.get("MIGRATION_PRACTICES", data / "practices")),
        destinations={"salesforce": salesforce_kind()},
        ledger_url=os.environ.get("MIGRATION_LEDGER_URL"),
        profiles=data / "profiles",
    )
