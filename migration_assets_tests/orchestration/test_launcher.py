"""Whether a run's worker lives, told by the pid that it wrote into the run's event log."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.test_utils import create_run_for_test

from migration_assets.orchestration import launcher
from migration_assets.orchestration.launcher import SupervisedRunLauncher


@pytest.fixture
def run(instance: DagsterInstance) -> DagsterRun:
    made: DagsterRun = create_run_for_test(instance, status=DagsterRunStatus.STARTED)
    return made


def _health(instance: DagsterInstance, run: DagsterRun) -> CheckRunHealthResult:
    assert isinstance(instance.run_launcher, SupervisedRunLauncher)
    return instance.run_launcher.check_run_worker_health(run)


def _wrote_its_pid(instance: DagsterInstance, run: DagsterRun, pid: int) -> None:
    instance.report_engine_event(
        f"Started process for run (pid: {pid}).", run, EngineEventData.in_process(pid)
    )


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()


def test_the_instance_monitors_its_runs(instance: DagsterInstance) -> None:
    assert instance.run_monitoring_enabled
    assert instance.run_launcher.supports_check_run_worker_health


def test_a_living_worker_is_running(instance: DagsterInstance, run: DagsterRun) -> None:
    _wrote_its_pid(instance, run, os.getpid())
    assert _health(instance, run).status is WorkerStatus.RUNNING


def test_a_killed_worker_has_failed(
    instance: DagsterInstance, run: DagsterRun, child: subprocess.Popen[bytes]
) -> None:
    _wrote_its_pid(instance, run, child.pid)
    assert _health(instance, run).status is WorkerStatus.RUNNING
    child.kill()
    child.wait()
    health = _health(instance, run)
    assert health.status is WorkerStatus.FAILED
    assert "killed" in str(health.msg)


def test_a_killed_worker_whose_parent_has_not_collected_it_has_failed(
    instance: DagsterInstance, run: DagsterRun, child: subprocess.Popen[bytes]
) -> None:
    _wrote_its_pid(instance, run, child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert _health(instance, run).status is WorkerStatus.FAILED


def test_a_younger_process_with_the_worker_s_pid_is_another_one(
    instance: DagsterInstance, run: DagsterRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wrote_its_pid(instance, run, os.getpid())
    later = time.time() + 60
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: later)
    assert _health(instance, run).status is WorkerStatus.FAILED


def test_a_run_that_has_just_begun_may_still_write_its_pid(
    instance: DagsterInstance, run: DagsterRun
) -> None:
    _began(instance, run)
    assert _health(instance, run).status is WorkerStatus.RUNNING


def test_a_run_that_began_long_ago_without_a_pid_has_failed(
    instance: DagsterInstance, run: DagsterRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    _began(instance, run)
    monkeypatch.setattr(launcher, "_PID_GRACE_SECONDS", 0.0)
    assert _health(instance, run).status is WorkerStatus.FAILED


def _began(instance: DagsterInstance, run: DagsterRun) -> None:
    event = DagsterEvent(DagsterEventType.RUN_START.value, run.job_name)
    instance.report_dagster_event(event, run.run_id)
