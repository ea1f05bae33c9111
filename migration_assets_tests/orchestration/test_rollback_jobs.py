"""What Dagster shows of a rollback: counts, a report, observations on the uploads, the audit log's head;
and which file's lock such a run takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dagster import AssetObservation, DagsterInstance, ExecuteInProcessResult

from migration_assets.destinations.base import KeyChange
from migration_assets.migration.decisions import Head
from migration_assets.migration.operations import Migration
from migration_assets.migration.rollback import Outcome, Rollback
from migration_assets.migration.rollback_plan import Record, RollbackPlan
from migration_assets.orchestration.coordinator import job_locks
from migration_assets.orchestration.resources import PlatformResource, WarehouseResource
from migration_assets.orchestration.rollback_jobs import build_rollback_jobs

HEAD = Head(7, "f" * 64)
PLAN = RollbackPlan(
    (
        Record("Contact", "maple:patient:1", "003A", "delete"),
        Record("Contact", "maple:patient:2", "003B", "leave", "has_dependents", "Task: 2"),
        Record(
            "Contact",
            "maple:patient:3",
            "003C",
            "restore",
            stays=("Email",),
            change=KeyChange("003C", "maple:patient:3", None, {"LastName": "Quillington"}),
        ),
    )
)
COUNTS = {"Contact.deleted": 1, "Contact.left": 1, "Contact.restored": 1}


@pytest.fixture
def rollback(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stands in for the engine; what it was asked is in here."""
    asked: dict[str, Any] = {}

    def roll_back(_: Rollback, *arguments: Any, **named: Any) -> Outcome:
        asked.update(arguments=arguments, named=named)
        return Outcome(PLAN, COUNTS, head=HEAD)

    monkeypatch.setattr(Rollback, "plan", lambda *_: PLAN)
    monkeypatch.setattr(Rollback, "roll_back", roll_back)
    monkeypatch.setattr(Migration, "audit_head", lambda _: HEAD)
    return asked


def run(place: int, data: Path, config: dict[str, Any]) -> ExecuteInProcessResult:
    job = build_rollback_jobs("salesforce", "live")[place]
    platform = PlatformResource(data=str(data), practices=None, warehouse=WarehouseResource())
    (name,) = (each.name for each in job.nodes)
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("practice", ["maple"])
        return job.execute_in_process(
            partition_key="maple",
            instance=instance,
            resources={"platform": platform},
            run_config={"ops": {name: {"config": config}}},
        )


def told(result: ExecuteInProcessResult) -> dict[str, Any]:
    (output,) = (each.step_output_data for each in result.all_events if each.is_successful_output)
    return {name: getattr(value, "value", value) for name, value in output.metadata.items()}


def test_the_plan_is_shown_with_its_hash_and_its_page(rollback: dict[str, Any], tmp_path: Path) -> None:
    shown = told(run(0, tmp_path, {}))

    assert (shown["plan"], shown["to_delete"], shown["to_restore"], shown["left"]) == (PLAN.hash, 1, 1, 1)
    assert shown["audit_log"] == f"7:{HEAD.link}"
    page = Path(shown["report"]).read_text(encoding="utf-8")
    assert "Task: 2" in page
    assert "Quillington" not in page + Path(shown["json"]).read_text(encoding="utf-8")
    assert rollback == {}


def test_a_rollback_is_observed_on_the_uploads_that_it_took_back(
    rollback: dict[str, Any], tmp_path: Path
) -> None:
    result = run(1, tmp_path, {"decided_by": "Dr. Ames", "also": ["has_dependents"]})

    (seen,) = (
        each.asset_observation_data.asset_observation
        for each in result.all_events
        if each.event_type_value == "ASSET_OBSERVATION"
    )
    assert isinstance(seen, AssetObservation)
    assert (seen.asset_key.to_user_string(), seen.partition) == ("salesforce/contact", "maple")
    assert seen.metadata["deleted"].value == 1
    assert told(result)["audit_log"] == f"7:{HEAD.link}"
    assert rollback["arguments"] == ("Dr. Ames", None, ["has_dependents"])


def test_who_decides_must_be_said(rollback: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Exception, match="decided_by"):
        run(1, tmp_path, {})
    with pytest.raises(Exception, match="decided_by is empty"):
        run(1, tmp_path, {"decided_by": " "})
    assert rollback == {}


def test_such_a_run_takes_the_lock_of_the_file_that_it_writes() -> None:
    for job in build_rollback_jobs("salesforce", "rehearsal"):
        assert job_locks(job.tags, "maple") == {"migration/salesforce_rehearsal": "maple"}
    assert job_locks({}, "maple") == {}
