"""Everything that one installation works with: practice files, warehouses, ledgers, destinations.

Building it reads nothing and opens nothing. Orchestration and the command line both start from here, and
tests build one over a temporary folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from migration_assets.destinations.base import Destination
from migration_assets.destinations.kind import (
    ChartChoice,
    DestinationKind,
    destination_kind,
    destination_names,
)
from migration_assets.errors import ConfigurationError
from migration_assets.migration.decisions import DecisionLog
from migration_assets.migration.ledger import Ledger, Target
from migration_assets.migration.ledger_database import open_ledger_database, read_known_jobs
from migration_assets.migration.minted_keys import MintedKeys
from migration_assets.migration.practice_keys import PracticeKeys
from migration_assets.panda.profile import Profile, load_profile
from migration_assets.panda.settings import SourceSettings
from migration_assets.practice import Practice, PracticeRegistry
from migration_assets.warehouse import DuckDBSettings, Warehouse, WarehouseLayout

if TYPE_CHECKING:
    from migration_assets.panda.contents import Contents


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

    def contents(self, practice: Practice) -> Contents:
        from migration_assets.panda.connection import Source
        from migration_assets.panda.contents import Contents

        return Contents(Source(self.source(practice)), self.profile(practice))

    def profile(self, practice: Practice) -> Profile:
        return load_profile(self.source(practice).profile, self.profiles)

    def keys(self, practice: Practice) -> PracticeKeys:
        return PracticeKeys(practice.key, practice.encryption_key.value())

    def panda_warehouse(self, practice: str) -> Warehouse:
        return Warehouse(self.layout.panda(practice), self.duckdb)

    def change_store(self, practice: str) -> Warehouse:
        return Warehouse(self.layout.changes(practice), self.duckdb)

    def upload_warehouse(self, target: Target) -> Warehouse:
        path = self.layout.destination(target.practice, target.destination, target.environment)
        return Warehouse(path, self.duckdb)

    def destination(self, practice: Practice, target: Target) -> Destination:
        """Raises ConfigurationError where the practice's file doesn't configure the environment."""
        return self.destinations[target.destination].connect(self._environment(practice, target))

    def chart_choice(self, practice: Practice, target: Target) -> ChartChoice:
        return self.destinations[target.destination].chart(self._environment(practice, target))

    def file_limit(self, practice: Practice, target: Target) -> int | None:
        return self.destinations[target.destination].file_limit(self._environment(practice, target))

    def sample_size(self, target: Target) -> int:
        return self.destinations[target.destination].sample_size

    def options(self, practice: Practice, target: Target) -> Mapping[str, str]:
        return self.destinations[target.destination].options(self._environment(practice, target))

    def is_configured(self, practice: Practice, target: Target) -> bool:
        """Whether the practice's file has the environment at all."""
        try:
            self._environment(practice, target)
        except ConfigurationError:
            return False
        return True

    def _environment(self, practice: Practice, target: Target) -> Any:
        settings = practice.destinations.get(target.destination)
        if settings is None:
            raise ConfigurationError(
                f"practice {practice.key}: its file has no destinations.{target.destination}; add that part"
            )
        return self.destinations[target.destination].environment(settings, target.environment)

    def ledger(self, practice: Practice, target: Target) -> Ledger:
        return Ledger(self.ledger_engine(practice.key), target, self.keys(practice))

    def decisions(self, practice: Practice) -> DecisionLog:
        return DecisionLog(self.ledger_engine(practice.key), practice.key, self.keys(practice))

    def minted_keys(self, practice: Practice) -> MintedKeys:
        return MintedKeys(self.ledger_engine(practice.key), practice.key, self.keys(practice))

    def ledger_path(self, practice: str) -> Path:
        return self.data / "ledger" / f"{practice}.sqlite"

    def has_ledger(self, practice: str) -> bool:
        return self.ledger_url is not None or self.ledger_path(practice).exists()

    def report_directory(self, target: Target) -> Path:
        return self.data / "reports" / target.practice / target.destination / target.environment

    def ledger_engine(self, practice: str) -> Engine:
        """The database of the practice's ledger, made where there is none."""
        return open_ledger_database(self.ledger_url or f"sqlite:///{self.ledger_path(practice)}")

    def known_jobs(self) -> frozenset[str]:
        """Ids of all bulk jobs that any practice's ledger of this installation has written down."""
        if self.ledger_url is not None:
            return read_known_jobs(open_ledger_database(self.ledger_url))
        files = (self.data / "ledger").glob("*.sqlite")
        return frozenset().union(
            *(read_known_jobs(open_ledger_database(f"sqlite:///{path}")) for path in files)
        )


def default_platform(
    data: Path | None = None, practices: Path | None = None, duckdb: DuckDBSettings | None = None
) -> Platform:
    """The installation over ``data``; what isn't given comes from the environment.

    MIGRATION_DATA (default ./data) holds everything; MIGRATION_PRACTICES (default its ``practices``) the
    practice files; MIGRATION_LEDGER_URL a shared ledger's database.
    """
    data = (data or Path(os.environ.get("MIGRATION_DATA", "data"))).resolve()
    practices = practices or Path(os.environ.get("MIGRATION_PRACTICES", data / "practices"))
    return Platform(
        data=data,
        practices=practices.resolve(),
        destinations={name: destination_kind(name) for name in destination_names()},
        duckdb=duckdb or DuckDBSettings(),
        ledger_url=os.environ.get("MIGRATION_LEDGER_URL"),
        profiles=data / "profiles",
    )
