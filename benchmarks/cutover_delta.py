"""What keeping up costs against loading: a practice is loaded into the sandbox org, then nothing changes,
then one patient in a hundred does; each time poll, refresh and delta are timed beside the load.

`python -m benchmarks.cutover_delta [patients ...]` measures practices of other sizes; 20,000 patients take
most of an hour.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks.installation import PRACTICE, Installation, Source, source
from benchmarks.report import Aim, Figures, Section, for_terminal

if TYPE_CHECKING:
    from migration_assets.migration.detection import Detection
    from migration_assets.migration.operations import Migration
    from migration_assets.migration.platform import Platform

PATIENTS = (200, 2_000)
_SEED = 7
_OWNER = "BENCH_SQL_OWNER_PASSWORD"
_ONE_IN_A_HUNDRED = "PatientID % 100 = 7"
_CHANGES = (
    f"UPDATE dbo.Patient SET PreferredName = N'Sam' WHERE {_ONE_IN_A_HUNDRED}",
    f"UPDATE dbo.Appointment SET Notes = N'moved' WHERE {_ONE_IN_A_HUNDRED}",
    f"UPDATE dbo.TreatmentPlan SET TreatmentNotes = N'discussed' WHERE {_ONE_IN_A_HUNDRED}",
    "UPDATE dbo.PeriodontalCharting SET PocketDepth_B = 9 WHERE ExamID IN "
    f"(SELECT ExamID FROM dbo.ClinicalExam WHERE {_ONE_IN_A_HUNDRED})",
)


@dataclass(frozen=True)
class Step:
    """``what`` it was of; ``rows`` read from the source, ``sent`` records and how many were in scope."""

    name: str
    seconds: float
    cpu_seconds: float
    queries: int = 0
    rows: int = 0
    in_scope: int = 0
    sent: int = 0


@dataclass(frozen=True)
class Outcome:
    patients: int
    source_rows: int
    load: tuple[Step, ...]
    quiet: tuple[Step, ...]
    changed: tuple[Step, ...]

    @staticmethod
    def seconds(steps: Sequence[Step]) -> float:
        return sum(each.seconds for each in steps)


def section(patients: Sequence[int] = PATIENTS) -> Section:
    outcomes = [run(each) for each in patients]
    rows = []
    for outcome in outcomes:
        whole = outcome.seconds(outcome.load)
        for kind, steps in (("load", outcome.load), ("no change", outcome.quiet), ("1 %", outcome.changed)):
            rows += [_row(outcome.patients, kind, each, whole) for each in steps]
            together = Step(
                "together",
                outcome.seconds(steps),
                sum(each.cpu_seconds for each in steps),
                *(
                    sum(getattr(each, name) for each in steps)
                    for name in ("queries", "rows", "in_scope", "sent")
                ),
            )
            rows.append(_row(outcome.patients, kind, together, whole))
    shares = [each.seconds(each.changed) / each.seconds(each.load) for each in outcomes]
    return Section(
        "Keeping up in the cutover",
        "A practice between both sandboxes, whose work is in the seconds, not in our CPU seconds. The load "
        "is extraction, staging, schema, payload and upload of everything; its reconciliation isn't counted. "
        "Of one patient in a hundred the name, all appointments, all plans and every charted tooth are "
        "changed.",
        [
            Figures(
                (
                    "patients",
                    "what",
                    "step",
                    "s",
                    "CPU s",
                    "of the load",
                    "queries",
                    "rows read",
                    "in scope",
                    "sent",
                ),
                rows,
            )
        ],
        [
            Aim(
                "a change of 1 % costs less of the load, the larger the practice",
                ", ".join(f"{share:.1%}" for share in shares),
                shares == sorted(shares, reverse=True),
            ),
            Aim(
                "what changed, and nothing else, is sent",
                ", ".join(f"{each.changed[-1].sent:,}" for each in outcomes),
                all(each.quiet[-1].sent == 0 and each.changed[-1].sent > 0 for each in outcomes),
            ),
        ],
    )


def _row(patients: int, kind: str, step: Step, whole: float) -> tuple[str, ...]:
    return (
        f"{patients:,}",
        kind,
        step.name,
        f"{step.seconds:.2f}",
        f"{step.cpu_seconds:.2f}",
        f"{step.seconds / whole:.1%}",
        f"{step.queries:,}",
        f"{step.rows:,}",
        f"{step.in_scope:,}",
        f"{step.sent:,}",
    )


def run(patients: int) -> Outcome:
    from migration_sandbox.practice.generator import generate

    practice = generate(_SEED, patients, planted=0, tables="all")
    source_rows = sum(frame.height for frame in practice.tables.values())
    with source(practice) as running, running.installation() as installed:
        return _measured(patients, source_rows, running, installed)


def _measured(patients: int, source_rows: int, running: Source, installed: Installation) -> Outcome:
    from migration_assets.migration.detection import Detection
    from migration_assets.migration.ledger import Target
    from migration_assets.migration.operations import Migration
    from migration_assets.migration.platform import default_platform

    platform = default_platform(installed.data, installed.data / "practices")
    migration = Migration(platform, Target(PRACTICE, "salesforce", "rehearsal"))
    detection = Detection(platform, PRACTICE)
    load = _load(platform, migration, source_rows)
    load.append(_timed("beginning of detection", lambda: _none(detection.begin())))
    quiet = _kept_up(detection, migration, "quiet")
    _change(running)
    changed = _kept_up(detection, migration, "changed")
    return Outcome(patients, source_rows, tuple(load), quiet, changed)


def _load(platform: Platform, migration: Migration, source_rows: int) -> list[Step]:
    from migration_assets.migration.staging import source_tables, stage
    from migration_assets.objects.registry import STAGED_OBJECTS
    from migration_assets.panda.connection import Source as PandaSource
    from migration_assets.panda.extract import extract

    practice = platform.practice(PRACTICE)
    profile, warehouse = platform.profile(practice), platform.panda_warehouse(PRACTICE)

    def extracted() -> dict[str, int]:
        extract(PandaSource(platform.source(practice)), profile, warehouse, source_tables())
        return {"rows": source_rows}

    def staged() -> dict[str, int]:
        for each in STAGED_OBJECTS:
            stage(each, practice, profile, warehouse)
        return {}

    def uploaded() -> dict[str, int]:
        summaries = [migration.upload(spec.asset, "load") for spec in migration.stored_plan().specs]
        return {
            "in_scope": sum(each.in_scope for each in summaries),
            "sent": sum(each.sent for each in summaries),
        }

    def prepared() -> dict[str, int]:
        migration.prepare()
        migration.match_owners("owners")
        return {}

    return [
        _timed("extraction", extracted),
        _timed("staging", staged),
        _timed("schema and owners", prepared),
        _timed("payload", lambda: _none(migration.build_payload("load", "all"))),
        _timed("upload", uploaded),
    ]


def _kept_up(detection: Detection, migration: Migration, run_id: str) -> tuple[Step, ...]:
    def polled() -> dict[str, int]:
        cursor = detection.begun()
        assert cursor is not None
        changes = detection.poll(cursor, seconds=600)
        return {"queries": changes.queries, "rows": changes.rows_read}

    def refreshed() -> dict[str, int]:
        return {"rows": detection.refresh(run_id).rows_read}

    def sent() -> dict[str, int]:
        uploads = migration.send_delta(run_id).uploads
        return {
            "in_scope": sum(each.in_scope for each in uploads),
            "sent": sum(each.sent for each in uploads),
        }

    return _timed("poll", polled), _timed("refresh", refreshed), _timed("delta", sent)


def _timed(name: str, work: Callable[[], dict[str, int]]) -> Step:
    began, cpu = time.perf_counter(), time.process_time()
    told = work()
    return Step(name, time.perf_counter() - began, time.process_time() - cpu, **told)


def _none(_: object) -> dict[str, int]:
    return {}


def _change(running: Source) -> None:
    import pyodbc

    from migration_sandbox.sqlserver.permissions import OWNER

    text = running.server.connection_string("panda_bench", OWNER, os.environ[_OWNER], trust="yes")
    with closing(pyodbc.connect(text, autocommit=True)) as connection:
        for statement in _CHANGES:
            connection.execute(statement)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cutover_delta", description=__doc__)
    parser.add_argument("patients", nargs="*", type=int)
    options = parser.parse_args()
    Console(width=140).print(for_terminal(section(options.patients or PATIENTS)))


if __name__ == "__main__":
    main()
