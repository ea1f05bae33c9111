"""A practice of 2,000 patients whole, between the sandboxes: by the engine alone, and by Dagster.

Both sandboxes are processes of their own and answer over the real wire, but on the same machine: the org's
work is in the seconds of an upload, its memory isn't in ours. Each run has a data folder and an org of its
own; the runs are taken by turns.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from benchmarks.installation import PRACTICE, source
from benchmarks.measuring import Measured, Piece, Taken, Work, measure, take
from benchmarks.report import Figures, Section

PATIENTS = 2_000
_SEED = 7
_DESTINATION, _ENVIRONMENT = "salesforce", "rehearsal"


@dataclass(frozen=True)
class Stage:
    """Medians over the rounds; ``count`` of what ``unit`` names, ``peak_mb`` of the whole process."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    count: int
    unit: str


@dataclass(frozen=True)
class Outcome:
    patients: int
    source_rows: int
    stages: list[Stage]
    bare: Measured
    dagster: Measured
    loading_definitions: Measured

    @property
    def peak_mb(self) -> float:
        """The engine's, over all stages."""
        return max(stage.peak_mb for stage in self.stages)

    def added(self, figure: Literal["seconds", "cpu_seconds"]) -> float:
        """What a run takes besides the platform's own operations."""
        added: list[float] = [
            getattr(each, figure) - each.told[f"{figure}_inside"] for each in self.dagster.rounds
        ]
        return statistics.median(added)


def section() -> Section:
    outcome = run()
    stages = [
        (
            stage.name,
            f"{stage.seconds:.2f}",
            f"{stage.cpu_seconds:.2f}",
            f"{stage.count:,} {stage.unit}",
            f"{stage.count / stage.seconds:,.0f}",
            f"{stage.peak_mb:.0f}",
        )
        for stage in outcome.stages
    ]
    added = outcome.added("seconds")
    runs = [
        (
            "engine alone",
            f"{outcome.bare.seconds:.1f}",
            f"{outcome.bare.cpu_seconds:.1f}",
            f"{outcome.peak_mb:.0f}",
        ),
        (
            "through Dagster, one run",
            f"{outcome.dagster.seconds:.1f}",
            f"{outcome.dagster.cpu_seconds:.1f}",
            f"{outcome.dagster.peak_mb:.0f}",
        ),
        (
            "of it outside the platform's operations",
            f"{added:.1f} ({added / outcome.dagster.seconds:.1%})",
            f"{outcome.added('cpu_seconds'):.1f}",
            "",
        ),
        (
            "before a run, in a process of its own: loading the definitions",
            f"{outcome.loading_definitions.seconds:.1f}",
            f"{outcome.loading_definitions.cpu_seconds:.1f}",
            f"{outcome.loading_definitions.peak_mb:.0f}",
        ),
    ]
    return Section(
        f"A practice of {outcome.patients:,} patients, {outcome.source_rows:,} source rows",
        "Between both sandboxes on this machine, over TLS; each run has a data folder and an org of its own, "
        "and ends with everything balanced and equal in both comparisons. The org's own work is in the wall "
        "seconds of schema, uploads and reading back, not in CPU seconds and memory. Memory is the whole "
        "process's at its highest in each stage.",
        [
            Figures(("stage", "s", "CPU s", "of what", "a second", "peak memory, MB"), stages),
            Figures(("whole", "s", "CPU s", "peak memory, MB"), runs),
        ],
    )


def run(patients: int = PATIENTS, rounds: int = 2) -> Outcome:
    from migration_sandbox.practice.generator import generate

    practice = generate(_SEED, patients, tables="all")
    taken: dict[str, list[Taken]] = {"engine alone": [], "through Dagster": []}
    with source(practice) as running:
        for _ in range(rounds):
            for name, prepare in (("engine alone", bare), ("through Dagster", dagster)):
                with running.installation() as installation:
                    piece = Piece(name, prepare, {"data": str(installation.data)})
                    taken[name] += measure([piece], rounds=1)[0].rounds
    (loading,) = measure([Piece("loading the definitions", loading_definitions)], rounds=3)
    alone, whole = (Measured(name, tuple(figures)) for name, figures in taken.items())
    rows = sum(frame.height for frame in practice.tables.values())
    return Outcome(patients, rows, _stages(alone), alone, whole, loading)


def _stages(measured: Measured) -> list[Stage]:
    by_round = [each.told["stages"] for each in measured.rounds]
    figures = ("seconds", "cpu_seconds", "peak_mb")
    return [
        Stage(
            **{name: statistics.median(each[name] for each in same) for name in figures},
            **{name: same[0][name] for name in ("name", "count", "unit")},
        )
        for same in zip(*by_round, strict=True)
    ]


def bare(data: str) -> Work:
    """The platform's operations in their order, without Dagster."""
    _import_all()
    from migration_assets.migration.platform import default_platform

    platform = default_platform(Path(data))

    def work() -> dict[str, Any]:
        return {"stages": [asdict(_taken(*each)) for each in operations(platform)]}

    return work


def _taken(name: str, unit: str, operation: Callable[[], int]) -> Stage:
    taken = take(lambda: {"count": operation()})
    return Stage(name, taken.seconds, taken.cpu_seconds, taken.peak_mb, taken.told["count"], unit)


def operations(platform: Any) -> Iterator[tuple[str, str, Callable[[], int]]]:
    """Name, unit of what it counts, and the operation, in their order."""
    from migration_assets.migration.ledger import Target
    from migration_assets.migration.operations import Migration
    from migration_assets.migration.plan import load_mapping
    from migration_assets.migration.staging import source_tables, stage
    from migration_assets.objects.registry import STAGED_OBJECTS
    from migration_assets.panda.connection import Source
    from migration_assets.panda.extract import extract
    from migration_assets.panda.preflight import preflight
    from migration_assets.reports.reconciliation import write_reconciliation

    practice = platform.practice(PRACTICE)
    profile, warehouse = platform.profile(practice), platform.panda_warehouse(PRACTICE)
    migration = Migration(platform, Target(PRACTICE, _DESTINATION, _ENVIRONMENT))

    def extraction() -> int:
        tables = source_tables()
        server = Source(platform.source(practice))
        preflight(server, profile, tables)
        extracted = extract(server, profile, warehouse, tables, in_scope=tables)
        return sum(table.rows for table in extracted.tables)

    def staging(staged_object: Any) -> int:
        return stage(staged_object, practice, profile, warehouse).verdict.extracted

    def schema() -> int:
        deployment = migration.prepare().deployment
        return len(deployment.created) + len(deployment.updated) + len(deployment.unchanged)

    def payload() -> int:
        return sum(migration.build_payload("bench", "all").records.values())

    def upload(asset: str) -> int:
        return migration.upload(asset, "bench").sent

    def reconciliation() -> int:
        reconciled = migration.reconcile("bench").reconciliation
        write_reconciliation(reconciled, platform.report_directory(migration.target))
        platform.decisions(practice).verify()
        if not reconciled.clean:
            raise RuntimeError("the practice didn't arrive whole; what was measured is no migration")
        return sum(each.fields_compared + each.meaning_compared for each in reconciled.objects)

    yield "extraction", "rows", extraction
    for staged_object in STAGED_OBJECTS:
        yield f"staging {staged_object.name}", "rows", partial(staging, staged_object)
    yield "schema of the org", "components", schema
    yield "payload", "records", payload
    for spec in load_mapping(_DESTINATION):
        yield f"upload {spec.name}", "records", partial(upload, spec.asset)
    yield "reading back, comparing", "fields", reconciliation


def dagster(data: str) -> Work:
    """All assets of the practice in one run in this process, on an instance of our own dagster.yaml."""
    _import_all()
    import os

    from dagster import DagsterInstance

    from benchmarks.measuring import ROOT
    from migration_assets.definitions import build_defs
    from migration_assets.orchestration.resources import PlatformResource, WarehouseResource

    os.environ["MIGRATION_DAGSTER_STORAGE"] = f"{data}/dagster"
    os.environ["MIGRATION_DAGSTER_LOGS"] = f"{data}/dagster/logs"
    warehouse = WarehouseResource()
    platform = PlatformResource(data=data, practices=None, warehouse=warehouse)
    definitions = build_defs({"warehouse": warehouse, "platform": platform})
    job = definitions.resolve_implicit_global_asset_job_def()
    instance = DagsterInstance.from_config(str(ROOT))
    instance.add_dynamic_partitions("practice", [PRACTICE])

    inside = _timed_operations()

    def work() -> dict[str, Any]:
        result = job.execute_in_process(partition_key=PRACTICE, instance=instance, raise_on_error=True)
        if not all(each.passed for each in result.get_asset_check_evaluations()):
            raise RuntimeError("a check failed; what was measured is no migration")
        return {"seconds_inside": inside.seconds, "cpu_seconds_inside": inside.cpu_seconds}

    return work


@dataclass
class _Stopwatch:
    """What passed inside of the functions that it was put around, none of which calls another."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def put_around(self, owner: Any, name: str) -> None:
        function = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            began, cpu = time.perf_counter(), time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds += time.perf_counter() - began
                self.cpu_seconds += time.process_time() - cpu

        setattr(owner, name, timed)


def _timed_operations() -> _Stopwatch:
    """The operations of ``bare`` where the assets call them, so that what is left of a run is Dagster's."""
    import migration_assets.panda.extract
    import migration_assets.panda.preflight
    from migration_assets.migration.operations import Migration
    from migration_assets.orchestration import destination_assets, staged_assets

    watch = _Stopwatch()
    watch.put_around(migration_assets.panda.preflight, "preflight")
    watch.put_around(migration_assets.panda.extract, "extract")
    watch.put_around(staged_assets, "stage")
    for name in ("prepare", "build_payload", "upload", "reconcile"):
        watch.put_around(Migration, name)
    watch.put_around(destination_assets, "write_reconciliation")
    return watch


def loading_definitions() -> Work:
    """What a run's own process does before its first step, once a run."""

    def work() -> None:
        import migration_assets.definitions  # noqa: F401

    return work


def _import_all() -> None:
    """What is imported inside functions elsewhere: the first stage isn't to pay for it."""
    import arrow_odbc  # noqa: F401
    import pandera.polars  # noqa: F401
    import pyarrow as pa  # noqa: F401
    import pyodbc  # noqa: F401
    import simple_salesforce.api  # noqa: F401

    import migration_assets.destinations.salesforce.destination
    import migration_assets.objects.registry  # noqa: F401
