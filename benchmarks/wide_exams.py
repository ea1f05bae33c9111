"""An org with the schema and the patients of a practice, and the files of exams that loaders bring there.

The exams are a small practice's own, every field of their charts filled, repeated under new keys. An org can
be put back to where it stood before any exam, since each loader begins there.
"""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.cumulusci_loading import TOKEN
from benchmarks.installation import PRACTICE, Installation, source
from benchmarks.loaders import ASSET, EXAM

if TYPE_CHECKING:
    import polars as pl

    from migration_assets.destinations.base import ObjectSchema

_PATIENTS, _SEED = 100, 7
_KEY = "PANDA_Key__c"
_CLEAN, _BAD = "clean", "bad"
_LAST_BEFORE_THE_CHART = "Staging_Date__c"


@dataclass(frozen=True)
class Planted:
    """The field of a record that is wrong, and the value that no sentence should repeat: none where it is a
    key, which tells nothing of a patient."""

    field: str
    value: str | None


@dataclass(frozen=True)
class Files:
    """The same exams for each loader: ``ours`` as Parquet, with the parents' keys in a CSV, and with their
    ids in a CSV."""

    ours: Path
    by_keys: Path
    by_ids: Path


@dataclass(frozen=True)
class Exams:
    rows: int
    clean: Files
    bad: Files
    planted: dict[str, Planted]


@dataclass(frozen=True)
class Ground:
    """An installation whose org holds a practice's people and none of its exams."""

    installation: Installation
    schema: ObjectSchema
    own: pl.DataFrame
    parents: dict[str, str]
    folder: Path

    def put_back(self) -> None:
        """The org and the ledger as they were when they were prepared; the org's address stays."""
        org = self.installation.org
        org.stop()
        for folder in (org.directory, self._ledger):
            shutil.rmtree(folder)
            shutil.copytree(self.folder / folder.name, folder)
        org.start()
        self.sign_in()

    def keep(self) -> None:
        """What ``put_back`` goes back to is how it stands now."""
        org = self.installation.org
        org.stop()
        for folder in (org.directory, self._ledger):
            shutil.copytree(folder, self.folder / folder.name)
        org.start()
        self.sign_in()

    @property
    def _ledger(self) -> Path:
        return self.installation.data / "ledger"

    def sign_in(self) -> None:
        """A session for clients that don't log in themselves; they find its token in the environment."""
        from migration_assets_tests.sandbox.salesforce_fixtures import sign_in

        os.environ[TOKEN] = sign_in(self.installation.org).token

    def cpu_seconds(self) -> float:
        """Of the org's process since its start."""
        process = self.installation.org.process
        times = psutil.Process(process.pid if process else None).cpu_times()
        return float(times.user + times.system)

    def records(self) -> int:
        return self.installation.org.control.counts()[EXAM]

    def processed(self) -> int:
        """Rows that the org's bulk jobs have worked on."""
        from migration_assets_tests.sandbox.salesforce_fixtures import sign_in

        bulk = sign_in(self.installation.org).bulk
        jobs = [
            each["id"]
            for each in bulk.request("GET", "/jobs/ingest").json()["records"]
            if each["object"] == EXAM
        ]
        return sum(int(bulk.wait(job, seconds=120)["numberRecordsProcessed"]) for job in jobs)

    def exams(self, rows: int) -> Exams:
        """So many exams on disk; one in a thousand is bad in ``bad``, and at least eight."""
        clean = _repeated(self.schema, self.own, rows)
        bad, planted = _spoilt(clean, max(1, min(1_000, rows // 8)))
        return Exams(rows, self._written(clean, _CLEAN), self._written(bad, _BAD), planted)

    def _written(self, exams: pl.DataFrame, name: str) -> Files:
        from migration_assets.destinations.salesforce import csv

        files = Files(
            *(self.folder / f"{name}-{exams.height}{end}" for end in (".parquet", ".csv", "-ids.csv"))
        )
        exams.write_parquet(files.ours)
        with files.by_keys.open("wb") as file:
            file.writelines(csv.encode(exams, self.schema))
        _with_ids(exams, self.parents).write_csv(
            files.by_ids, datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ", date_format="%Y-%m-%d"
        )
        return files


@contextmanager
def prepared() -> Iterator[Ground]:
    """A practice extracted, staged and planned, the schema deployed and its people uploaded, all by ours."""
    from benchmarks.practice import operations
    from migration_assets.migration.ledger import Target
    from migration_assets.migration.operations import Migration
    from migration_assets.migration.platform import default_platform
    from migration_sandbox.practice.generator import generate

    with source(generate(_SEED, _PATIENTS, tables="all")) as running, running.installation() as installation:
        platform = default_platform(installation.data)
        for name, _, operation in operations(platform):
            if name == f"upload {EXAM}":
                break
            operation()
        migration = Migration(platform, Target(PRACTICE, "salesforce", "rehearsal"))
        plan = migration.stored_plan()
        schema = plan.schemas[ASSET]
        with platform.upload_warehouse(migration.target).open(read_only=True) as session:
            own = session.read("upload", f"payload_{ASSET}").select(schema.field_names)
        people = platform.ledger(migration.practice, migration.target).state(plan.schema_of_object("Contact"))
        parents = dict(people.filter("present").select("key", "destination_id").rows())
        own = own.filter(own["Contact__c"].is_in(list(parents)))
        folder = installation.data.parent / "kept"
        folder.mkdir()
        ground = Ground(installation, schema, own, parents, folder)
        ground.keep()
        yield ground


def _repeated(schema: ObjectSchema, own: pl.DataFrame, rows: int) -> pl.DataFrame:
    import polars as pl

    filled = own.with_columns(
        pl.col(chart_fields(own.columns))
        .fill_null(strategy="forward")
        .fill_null(strategy="backward")
        .fill_null(0)
    )
    number = pl.int_range(rows, dtype=pl.Int64, eager=True)
    keys = pl.select(pl.format(f"{PRACTICE}:exam:w{{}}", number)).to_series()
    return filled[number % filled.height].with_columns(keys.alias(schema.key_field))


def chart_fields(columns: Sequence[str]) -> list[str]:
    """Those that the chart's layout has added to the exam's own."""
    return list(columns[columns.index(_LAST_BEFORE_THE_CHART) + 1 :])


def _spoilt(exams: pl.DataFrame, one_in: int) -> tuple[pl.DataFrame, dict[str, Planted]]:
    """By turns: a text that is too long, a value of no picklist, a date before the calendar, no parent."""
    import polars as pl

    wrong: list[tuple[str, object, str | None]] = [
        ("Charting_Type__c", "a charting type that is longer than its field", "longer than its field"),
        ("ToothNumberingSystem__c", "Roman numerals", "Roman numerals"),
        ("Exam_Date__c", datetime.date(202, 3, 4), "0202-03-04"),
        ("Contact__c", f"{PRACTICE}:patient:nobody", None),
    ]
    rows = list(range(one_in // 2, exams.height, one_in))
    planted: dict[str, Planted] = {}
    for turn, (field, value, shown) in enumerate(wrong):
        hit = rows[turn :: len(wrong)]
        values = exams[field].scatter(hit, pl.Series([value] * len(hit), dtype=exams.schema[field]))
        exams = exams.with_columns(values)
        planted |= dict.fromkeys(exams[_KEY].gather(hit), Planted(field, shown))
    return exams, planted


def _with_ids(exams: pl.DataFrame, parents: dict[str, str]) -> pl.DataFrame:
    """Parents by the org's ids, which a client has looked up; nobody's owner is left out, since there is no
    way to leave one alone."""
    import polars as pl

    ids = {**parents, f"{PRACTICE}:patient:nobody": "003000000000000AAA"}
    references = pl.col("Contact__c", "Provider__c").replace_strict(ids, default=None)
    return exams.drop("OwnerId").with_columns(references)
