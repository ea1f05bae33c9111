"""Dagster resources: where this installation's data are, and what one run may use of the machine."""

import os
from pathlib import Path

from dagster import ConfigurableResource, ResourceDependency
from dagster_duckdb import DuckDBResource
from pydantic import Field

from migration_assets.migration.platform import Platform, default_platform
from migration_assets.warehouse import DuckDBSettings


class WarehouseResource(DuckDBResource):
    """DuckDB settings of each run. ``database`` is the folder of the practices' files, not one file:
    which of them is opened, how its lock is waited for and when it is let go is the warehouse's."""

    database: str = Field(default="data/warehouse", description="Folder of the practices' DuckDB files.")
    memory_limit: str = Field(default="2GB", description="DuckDB's memory_limit for each run.")
    threads: int = Field(default=2, description="DuckDB's threads for each run.")
    lock_timeout_seconds: float = Field(default=300.0, description="How long to wait for a busy file.")

    def duckdb_settings(self) -> DuckDBSettings:
        return DuckDBSettings(
            memory_limit=self.memory_limit,
            threads=self.threads,
            lock_timeout_seconds=self.lock_timeout_seconds,
        )


class PlatformResource(ConfigurableResource):  # type: ignore[type-arg]  # Dagster leaves its own parameter open
    """The installation that the assets work with; tests give one over a temporary folder."""

    data: str = Field(
        default_factory=lambda: os.environ.get("MIGRATION_DATA", "data"),
        description="Folder of everything that is made at run time.",
    )
    practices: str | None = Field(
        default_factory=lambda: os.environ.get("MIGRATION_PRACTICES"),
        description="Folder of the practice files; data/practices where not set.",
    )
    warehouse: ResourceDependency[WarehouseResource]

    def platform(self) -> Platform:
        return default_platform(
            Path(self.data),
            Path(self.practices) if self.practices else None,
            self.warehouse.duckdb_settings(),
        )


class CutoverPace(ConfigurableResource):  # type: ignore[type-arg]  # as above
    """What a tick of a cutover sensor may do. Dagster ends a tick at 60 seconds and forgets its cursor."""

    requests_a_tick: int = Field(
        default_factory=lambda: int(os.environ.get("MIGRATION_CUTOVER_REQUESTS", "10")),
        description="Runs that one tick asks for at most; other practices' turn comes with the next.",
    )
    polls_at_once: int = Field(default=8, description="Practices that are looked at side by side.")
    tick_seconds: float = Field(default=20.0, description="How long a tick waits for its looks in all.")
