"""A practice's folder of files: its raw rows put there, and what the platform made of them; a base for tests.

The rows of panda.* are put there as the generator made them; extraction has tests of its own. What the
platform did is read from where it stands: the ledger and the upload's file. Which destination the practice
goes to, and what its file says, is the business of those who derive from it.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import polars as pl
import pytest

from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.platform import Platform
from migration_assets.migration.reconcile import Reconciled
from migration_assets.migration.staging import StagingOutcome, source_tables
from migration_assets.panda.connection import Source
from migration_assets.panda.extract import Extraction, extract
from migration_assets_tests.integration import worker
from migration_assets_tests.integration.worker import CONTENTS, Ended, Errand, Worker
from migration_assets_tests.objects.rows_of_files import measured
from migration_assets_tests.open_files import stage_all

PRACTICE = "maple"
READER_PASSWORD = "a-password-of-the-tests"
SECRETS = {"WIRE_ENCRYPTION_KEY": "k" * 64, "WIRE_SQL_PASSWORD": READER_PASSWORD}


@dataclass(frozen=True)
class PracticeFolder:
    """``environment`` are the variables that the practice's file refers to, ``target`` is where its records
    go and ``objects`` their names by asset, parents first."""

    data: Path
    environment: Mapping[str, str] = field(repr=False)
    target: Target
    objects: Mapping[str, str]

    @property
    def uploads(self) -> tuple[str, ...]:
        return tuple(f"upload {asset}" for asset in self.objects)

    def write_file(self, text: str) -> None:
        """The practice's file."""
        folder = self.data / "practices"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{PRACTICE}.yaml").write_text(text, encoding="utf-8")

    def copy(self, data: Path) -> Self:
        shutil.copytree(self.data, data)
        return replace(self, data=data)

    @contextmanager
    def in_environment(self) -> Iterator[None]:
        """With the variables that the practice's file refers to."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield

    @property
    def platform(self) -> Platform:
        return worker.platform_over(self.data)

    def migration(self, target: Target | None = None) -> Migration:
        return Migration(self.platform, target or self.target)

    def extract(self, attempts: int = 1) -> Extraction:
        """The tables that are migrated, from the SQL server that the practice's file names."""
        practice = self.platform.practice(PRACTICE)
        source = Source(self.platform.source(practice))
        tables = source_tables()
        warehouse = self.platform.panda_warehouse(PRACTICE)
        profile = self.platform.profile(practice)
        return extract(source, profile, warehouse, tables, in_scope=tables, attempts=attempts)

    def put_rows(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Raw rows as an extraction leaves them; tables that aren't given stay as they are."""
        tables = measured(tables)
        given = [table for table in source_tables() if table in tables]
        now = datetime.now(UTC)
        with self.platform.panda_warehouse(PRACTICE).open() as session:
            for table in given:
                session.replace_table("panda", table, tables[table])
            extractions = pl.DataFrame(
                {
                    "batch_id": [f"extracted-{now.timestamp()}"] * len(given),
                    "logical_table": given,
                    "source_table": [f"dbo.{table}" for table in given],
                    "rows": [tables[table].height for table in given],
                    "extracted_at": [now] * len(given),
                }
            )
            session.append("panda", "extractions", extractions)
            session.replace_table(
                "panda", "not_in_scope", pl.DataFrame({"table": ["dbo.Insurance"], "rows": [12]})
            )

    def put_contents(self, contents: Mapping[tuple[str, str], bytes]) -> None:
        """What the rows' files hold, by table and id."""
        for (table, source_id), content in contents.items():
            file = self.data / CONTENTS / table / source_id
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def raw(self, table: str) -> pl.DataFrame:
        with self.platform.panda_warehouse(PRACTICE).open(read_only=True) as session:
            return session.read("panda", table)

    def change(self, table: str, where: pl.Expr, **cells: Any) -> None:
        """Change raw cells, as somebody in the practice would."""
        rows = self.raw(table)
        changed = rows.with_columns(
            pl.when(where).then(pl.lit(value, dtype=rows.schema[name])).otherwise(pl.col(name)).alias(name)
            for name, value in cells.items()
        )
        self.put_rows({table: changed})

    def stage(self) -> list[StagingOutcome]:
        platform = self.platform
        practice = platform.practice(PRACTICE)
        warehouse = platform.panda_warehouse(PRACTICE)
        return stage_all(practice, platform.profile(practice), warehouse)

    def build(self, run_id: str = "build") -> None:
        self.stage()
        self.migration().build_payload(run_id, "all")

    def errand(self, *steps: str, **more: Any) -> Errand:
        environment = {**self.environment, **more.pop("environment", {})}
        target = more.pop("target", self.target)
        return Errand(self.data, environment, target, steps or self.uploads, **more)

    def start(self, *steps: str, **more: Any) -> Worker:
        return worker.start(self.errand(*steps, **more))

    def run(self, *steps: str, **more: Any) -> Ended:
        """A worker's whole life; ``more`` as ``Errand`` has it."""
        return worker.run(self.errand(*steps, **more))

    def reconcile(self, run_id: str = "reconcile") -> Reconciled:
        return self.migration().reconcile(run_id)

    def payload_keys(self) -> dict[str, list[str]]:
        """Keys in the upload's scope by object of the plan, sorted."""
        with self.platform.upload_warehouse(self.target).open(read_only=True) as session:
            scope, tables = session.read("upload", "scope"), session.tables("upload")
        return {
            name: sorted(scope.filter(pl.col("object") == name)["key"].to_list())
            for asset, name in self.objects.items()
            if f"payload_{asset}" in tables
        }

    def open_batches(self) -> list[str]:
        """Objects of the batches whose end the ledger doesn't know, asked of its database itself."""
        return [
            name
            for (name,) in self.query_ledger(
                "SELECT object FROM batches WHERE batch_id NOT IN "
                "(SELECT batch_id FROM batch_events WHERE kind = 'settled') ORDER BY intended_at"
            )
        ]

    def query_ledger(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.data / "ledger" / f"{PRACTICE}.sqlite")) as connection:
            return connection.execute(statement).fetchall()
