"""The locks that a run needs become its tags, whichever way it was started."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.sensor import execute_sensor_iteration
from dagster_graphql.test.utils import execute_dagster_graphql

from migration_assets.migration.platform import default_platform
from migration_assets.orchestration.coordinator import PracticeRunCoordinator, locks
from migration_assets.orchestration.cutover_cursor import stored_sensor
from migration_assets.panda.change_store import CHANGES
from migration_assets_tests.orchestration.conftest import use_folder
from migration_assets_tests.orchestration.installation import own_instance
from migration_assets_tests.orchestration.test_cutover_sensor import document, position

PANDA = {"migration/panda": "maple", "migration/cpu_bound": "yes"}
REHEARSAL = {"migration/salesforce_rehearsal": "maple"}

_LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } }
}"""
_BACKFILL = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { __typename ... on LaunchBackfillSuccess { backfillId } }
}"""


def _keys(*names: str) -> list[AssetKey]:
    return [AssetKey(name.split("/")) for name in names]


def test_extraction_and_staging_write_one_file() -> None:
    assert locks(_keys("panda/patient", "staged/patients"), "maple") == PANDA


def test_each_environment_of_a_destination_has_its_own_lock() -> None:
    assert locks(_keys("salesforce/contact", "salesforce_rehearsal/contact"), "maple") == {
        "migration/salesforce": "maple",
        **REHEARSAL,
    }


def test_a_run_of_everything_holds_every_lock() -> None:
    assert locks(_keys("panda/patient", "staged/patients", "salesforce_rehearsal/contact"), "maple") == {
        **PANDA,
        **REHEARSAL,
    }


def test_no_assets_need_no_lock() -> None:
    assert locks([], "maple") == {}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceProcessContext]:
    """Our code location behind a code server, as the web server sees it; nothing starts queued runs."""
    data = tmp_path_factory.mktemp("queue")
    with pytest.MonkeyPatch.context() as patch:
        use_folder(patch, data)
        patch.setenv("NIGHT_SECRET", "a long enough secret")
        target = ModuleTarget("migration_assets.definitions", "defs", str(Path.cwd()), "migration_assets")
        with (
            own_instance(data) as instance,
            create_test_daemon_workspace_context(target, instance) as context,
        ):
            instance.add_dynamic_partitions("practice", ["maple", "oak"])
            yield context


@pytest.fixture
def instance(workspace: WorkspaceProcessContext) -> DagsterInstance:
    return workspace.instance


def _launch(workspace: WorkspaceProcessContext, job: str, assets: list[AssetKey] | None = None) -> DagsterRun:
    selector: dict[str, Any] = {
        "repositoryLocationName": "migration_assets",
        "repositoryName": "__repository__",
        "jobName": job,
    }
    if assets:
        selector["assetSelection"] = [{"path": key.path} for key in assets]
    tags = [{"key": "dagster/partition", "value": "maple"}]
    params = {"selector": selector, "executionMetadata": {"tags": tags}, "runConfigData": "{}"}
    answer = execute_dagster_graphql(workspace.create_request_context(), _LAUNCH, {"params": params})
    run = workspace.instance.get_run_by_id(answer.data["launchRun"]["run"]["runId"])
    assert run is not None
    return run


def _locks_of(run: DagsterRun) -> dict[str, str]:
    return {name: value for name, value in run.tags.items() if name.startswith("migration/")}


def test_the_instance_queues_runs_by_lock(instance: DagsterInstance) -> None:
    coordinator = instance.run_coordinator
    assert isinstance(coordinator, PracticeRunCoordinator)
    limits = {
        limit["key"]: limit for limit in coordinator.get_run_queue_config().tag_concurrency_limits or ()
    }
    assert limits["migration/panda"]["limit"] == 1
    assert limits["migration/panda"]["value"] == {"applyLimitPerUniqueValue": True}


def test_a_run_from_a_job_holds_its_assets_locks(workspace: WorkspaceProcessContext) -> None:
    run = _launch(workspace, "upload_salesforce_rehearsal")
    assert run.asset_selection is None
    assert _locks_of(run) == REHEARSAL
    assert _locks_of(_launch(workspace, "extract_and_stage")) == PANDA
    assert _locks_of(_launch(workspace, "refresh_panda")) == PANDA
    assert _locks_of(_launch(workspace, "delta_salesforce")) == {"migration/salesforce": "maple"}


def test_a_run_from_a_selection_holds_the_selection_s_locks_alone(workspace: WorkspaceProcessContext) -> None:
    assert _locks_of(_launch(workspace, "__ASSET_JOB", _keys("salesforce_rehearsal/contact"))) == REHEARSAL


def test_a_backfill_is_a_run_a_practice_with_that_practice_s_locks(
    workspace: WorkspaceProcessContext,
) -> None:
    keys = workspace.create_request_context().asset_graph.get_all_asset_keys()
    params = {
        "assetSelection": [{"path": key.path} for key in keys],
        "partitionNames": ["maple", "oak"],
    }
    answer = execute_dagster_graphql(workspace.create_request_context(), _BACKFILL, {"params": params})
    backfill = answer.data["launchPartitionBackfill"]["backfillId"]
    for _ in range(3):
        list(execute_backfill_iteration(workspace, logging.getLogger(__name__)))
    runs = [run for run in workspace.instance.get_runs() if run.tags.get("dagster/backfill") == backfill]
    assert sorted(run.tags["dagster/partition"] for run in runs) == ["maple", "oak"]
    for run in runs:
        practice = run.tags["dagster/partition"]
        assert _locks_of(run) == {
            "migration/panda": practice,
            "migration/salesforce_rehearsal": practice,
            "migration/salesforce": practice,
            "migration/freshsales_rehearsal": practice,
            "migration/freshsales": practice,
            "migration/cpu_bound": "yes",
        }


def test_a_run_that_the_cutover_s_sensor_asks_for_holds_its_job_s_locks(
    workspace: WorkspaceProcessContext,
) -> None:
    """A tick of the real daemon, evaluated by the code server: the window is over, so it drains."""
    instance = workspace.instance
    data = Path(instance.storage_directory()).parents[1]
    instance.add_dynamic_partitions("practice", ["elm"])
    _begin_cutover(data, "elm", datetime.now(UTC) - timedelta(days=3))
    location = workspace.create_request_context().get_code_location("migration_assets")
    instance.start_sensor(location.get_repository("__repository__").get_sensor("cutover_salesforce"))

    list(execute_sensor_iteration(workspace, logging.getLogger(__name__), None, None))

    stored = stored_sensor(instance, "salesforce")
    assert stored.running
    assert stored.cursor.practices["elm"].served_at is not None
    (run,) = instance.get_runs(RunsFilter(job_name="refresh_panda", tags={"dagster/partition": "elm"}))
    assert run.status is DagsterRunStatus.QUEUED
    drains = run.tags["migration/drains_window"]
    assert _locks_of(run) == {
        "migration/panda": "elm",
        "migration/cpu_bound": "yes",
        "migration/drains_window": drains,
    }
    assert run.run_config == {"ops": {"panda__refresh": {"config": {"drain": True}}}}


def _begin_cutover(data: Path, practice: str, begins: datetime) -> None:
    """As after an extraction and the beginning of change detection."""
    folder = data / "practices"
    folder.mkdir(exist_ok=True)
    (folder / f"{practice}.yaml").write_text(yaml.safe_dump(document(practice, begins)), encoding="utf-8")
    with default_platform(data).change_store(practice).open() as session:
        cursor = pl.DataFrame({"cursor": [position(0).dumped()]})
        session.replace_table(CHANGES, "cursor", cursor)
