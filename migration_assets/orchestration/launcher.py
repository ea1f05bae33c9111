"""A run launcher that can tell when a run's worker process has died.

DefaultRunLauncher can't: a run whose worker was killed stays STARTED for ever and holds its practice's
locks. With ``run_monitoring`` on, Dagster's daemon asks this launcher and fails such runs, at start-up
as well as later.
"""

from __future__ import annotations

import time

import psutil
from dagster import DagsterEventType, DagsterRun
from dagster._core.events import EngineEventData
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher

# A worker writes its pid's event a moment after it began; a process that began later has reused the pid.
_START_TOLERANCE_SECONDS = 5.0
_PID_GRACE_SECONDS = 30.0


class SupervisedRunLauncher(DefaultRunLauncher):
    """Reports a worker's health by the pid that it writes into its run's event log when it begins."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        for record in self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
            data = record.dagster_event.event_specific_data if record.dagster_event else None
            pid = data.metadata.get("pid") if isinstance(data, EngineEventData) else None
            if pid is None:
                continue
            if _is_alive(int(str(pid.value)), record.timestamp):
                return CheckRunHealthResult(WorkerStatus.RUNNING)
            return CheckRunHealthResult(
                WorkerStatus.FAILED, "The run's process is gone: it was killed, or the machine was restarted."
            )
        started_at = self._instance.get_run_stats(run.run_id).start_time
        if started_at is not None and time.time() - started_at < _PID_GRACE_SECONDS:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "The run's process ended before it wrote its pid.")


def _is_alive(pid: int, seen_at: float) -> bool:
    try:
        process = psutil.Process(pid)
        reused = process.create_time() > seen_at + _START_TOLERANCE_SECONDS
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE and not reused
    except psutil.NoSuchProcess:
        return False
