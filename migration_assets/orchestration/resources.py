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
