"""What Dagster knows of a practice's runs: whether one is under way, how the last of a job ended, and how
long to wait after one that failed. Read from its storage each time, so that a restart forgets nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dagster import DagsterInstance, DagsterRunStatus, RunRecord, RunsFilter
from dagster._core.storage.tags import PARTITION_NAME_TAG

from migration_assets.orchestration.coordinator import LOCK_TAG_PREFIX, PANDA_LOCK

REFRESH_JOB = "refresh_panda"
DRAIN_TAG = LOCK_TAG_PREFIX + "drains_window"
"""On the run that drains once more after a window: when that window ended."""
LONGEST_WAIT = timedelta(minutes=10)
_UNDER_WAY = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)
"""Not NOT_STARTED: a run that was made and never submitted, since a process died between, stays that for
ever; one that is being submitted by a tick is queued before the next."""
_LOOKED_BACK = 8
"""Runs; after so many failures the wait is the longest for any interval of polls."""


def delta_job(destination: str) -> str:
    return f"delta_{destination}"


def under_way(instance: DagsterInstance, group: str) -> dict[str, str]:
    """Practice -> which run holds panda.duckdb or the group's file, or is queued for it, in words."""
    found = {}
    for run in instance.get_runs(RunsFilter(statuses=_UNDER_WAY)):
        for lock in (PANDA_LOCK, LOCK_TAG_PREFIX + group):
            practice = run.tags.get(lock)
            if practice is not None:
                queued = run.status is DagsterRunStatus.QUEUED
                found[practice] = f"{run.job_name} {'waits in the queue' if queued else 'is under way'}"
    return found


@dataclass(frozen=True, slots=True)
class JobHistory:
    """``failures``: how many of the practice's last runs of the job did not succeed, one after the other;
    ``ended_at``: when the last one ended."""

    failures: int = 0
    ended_at: datetime | None = None

    def next_at(self, poll_seconds: int) -> datetime | None:
        """Before this moment the job isn't asked for again; None where the last run succeeded. The wait is
        the interval of polls, doubled with each failure, at most ten minutes."""
        if not self.failures or self.ended_at is None:
            return None
        wait = timedelta(seconds=poll_seconds << (self.failures - 1))
        return self.ended_at + min(wait, LONGEST_WAIT)


def job_history(instance: DagsterInstance, job: str, practice: str) -> JobHistory:
    ended = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
    records = instance.get_run_records(
        RunsFilter(job_name=job, statuses=ended, tags={PARTITION_NAME_TAG: practice}), limit=_LOOKED_BACK
    )
    failed = [record.dagster_run.status is not DagsterRunStatus.SUCCESS for record in records]
    failures = failed.index(False) if False in failed else len(failed)
    if not failures:
        return JobHistory()
    return JobHistory(failures, _ended_at(records[0]))


def is_drained(instance: DagsterInstance, practice: str, window_end: datetime) -> bool:
    """Whether a run that drained after this window has succeeded."""
    tags = {PARTITION_NAME_TAG: practice, DRAIN_TAG: drain_word(window_end)}
    done = RunsFilter(job_name=REFRESH_JOB, statuses=[DagsterRunStatus.SUCCESS], tags=tags)
    return instance.get_runs_count(done) > 0


def drain_word(window_end: datetime) -> str:
    return window_end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ended_at(record: RunRecord) -> datetime:
    """A run that was failed from outside has no end of its own."""
    seconds = record.update_timestamp.timestamp() if record.end_time is None else record.end_time
    return datetime.fromtimestamp(seconds, UTC)
