"""Rows that somebody deletes in PANDA, and the records that they leave behind in a destination."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from migration_assets.migration.deletions import carry_out
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.staging import source_tables
from migration_assets.migration.upload_file import UPLOAD, payload_table
from migration_assets.practice import Deletions
from migration_assets_tests.integration import worker
from migration_assets_tests.integration.folder import PRACTICE, PracticeFolder
from migration_assets_tests.integration.worker import DieAt

Gone = Mapping[str, Collection[str]]
_KEYS = {
    "Patient": "PatientID",
    "ClinicalExam": "ExamID",
    "TreatmentPlan": "PlanID",
    "Appointment": "AppointmentID",
}
"""Tables whose rows others refer to, and the column that does."""


def gone_without(
    installation: PracticeFolder, spare: PracticeFolder, deleted: Mapping[str, Collection[int]]
) -> dict[str, list[str]]:
    """Object -> keys that the payload loses when these rows (by table) go, and all that refers to them.

    ``spare`` is a copy, in which they go: made before anything was sent, since copying a ledger that this
    process has open takes away its locks.
    """
    with spare.platform.panda_warehouse(PRACTICE).open(read_only=True) as session:
        tables = [name for name in session.tables("panda") if name in source_tables()]
        rows = {name: session.read("panda", name) for name in tables}
    lost = {table: set(keys) for table, keys in deleted.items()}
    for name, column in _KEYS.items():
        lost[name] = lost.get(name, set()) | set(rows[name].filter(_goes(rows[name], lost))[column])
    spare.put_rows({name: each.filter(~_goes(each, lost)) for name, each in rows.items()})
    spare.build()
    before, after = scope_of(installation), scope_of(spare)
    left = before.join(after, on=["object", "key"], how="anti").sort("object", "key")
    return dict(left.group_by("object", maintain_order=True).agg("key").iter_rows())


def scope_of(installation: PracticeFolder) -> pl.DataFrame:
    """Object and key of every record of the payload that is to be sent."""
    with installation.platform.upload_warehouse(installation.target).open(read_only=True) as session:
        return session.read(UPLOAD, "scope", ["object", "key"])


def _goes(rows: pl.DataFrame, lost: Mapping[str, Collection[int]]) -> pl.Expr:
    named = [
        pl.col(column).is_in(list(lost[table])).fill_null(value=False)
        for table, column in _KEYS.items()
        if table in lost and column in rows.columns
    ]
    return pl.any_horizontal(pl.lit(value=False), *named)


def delete(
    installation: PracticeFolder, gone: Gone, policy: Deletions, run_id: str = "delta"
) -> dict[tuple[str, str], tuple[str, str | None]]:
    """Object and key -> outcome and code."""
    found = _carry_out(installation.data, installation.target, gone, policy, run_id)
    return {(row["object"], row["key"]): (row["outcome"], row["code"]) for row in found.iter_rows(named=True)}


def kill_a_deletion(installation: PracticeFolder, gone: Gone, policy: Deletions, nth: int) -> None:
    """One that dies before the nth thing that it writes about records into the ledger."""
    die_at = DieAt("INSERT INTO record_events", nth)
    arguments = (installation.data, installation.target, gone, policy, "killed", die_at)
    process = worker._FORKS.Process(
        target=_in_environment, args=(dict(installation.environment), arguments), daemon=True
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def _in_environment(environment: dict[str, str], arguments: tuple[Any, ...]) -> None:
    os.environ.update(environment)
    _carry_out(*arguments)


def _carry_out(
    data: Path, target: Target, gone: Gone, policy: Deletions, run_id: str, die_at: DieAt | None = None
) -> pl.DataFrame:
    """With the payload from before the rows were deleted, which is the upload's still."""
    platform = worker.platform_over(data, die_at)
    migration = Migration(platform, target)
    practice = migration.practice
    plan, ledger = migration.stored_plan(), migration.ledger(practice)

    def former(name: str, keys: Collection[str]) -> pl.DataFrame:
        spec = plan.mapping.of_object(name)
        with platform.upload_warehouse(target).open(read_only=True) as session:
            payload = session.read(UPLOAD, payload_table(spec.asset))
        return payload.filter(pl.col(spec.schema.key_field).is_in(list(keys)))

    with migration.connected(practice) as destination:
        return carry_out(
            plan, ledger, destination, gone, policy, run_id, former, known_jobs=platform.known_jobs
        )
