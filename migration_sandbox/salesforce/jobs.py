"""Bulk API 2.0 jobs as records: their states, what may follow what, and how an answer shows them.

Processing is worker.py's. States and fields after "Bulk API 2.0 and Bulk API Developer Guide".
"""

import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from migration_sandbox.salesforce import ids
from migration_sandbox.salesforce.errors import ApiError, not_found
from migration_sandbox.salesforce.org import Org, Statement

OPEN, UPLOADED, RUNNING, COMPLETE, FAILED, ABORTED = (
    "Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted",
)  # fmt: skip
FINISHED = (COMPLETE, FAILED, ABORTED)
JOB_PREFIX = "750"


@dataclass(frozen=True)
class Job:
    id: str
    kind: str
    state: str
    created: float
    modified: float
    object: str
    operation: str
    created_by: str
    version: str
    line_ending: str = "LF"
    delimiter: str = "COMMA"
    external_id: str | None = None
    query: str | None = None
    uploaded: bool = False
    expired: bool = False
    processed: int = 0
    failed: int = 0
    error: str | None = None
    milliseconds: int = 0
    header: list[str] = field(default_factory=list)


def stamp(moment: float) -> str:
    """Seconds since the epoch as jobs show them: 2026-11-22T17:00:00.000+0000."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + ".000+0000"


class Jobs:
    """The jobs of an org."""

    def __init__(self, org: Org) -> None:
        self.org = org

    def create(self, kind: str, state: str, version: str, **more: Any) -> Job:
        number = self.org.next_number("job")
        now = time.time()
        job = Job(
            ids.make_id(JOB_PREFIX, number),
            kind,
            state,
            now,
            now,
            created_by=self.org.user_id,
            version=version,
            **more,
        )
        self.org.transaction([self.statement(job)])
        return job

    @staticmethod
    def statement(job: Job) -> Statement:
        return (
            "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?)",
            (job.id, job.kind, job.state, job.created, json.dumps(asdict(job))),
        )

    def change(self, job: Job, **more: Any) -> Job:
        changed = replace(job, modified=time.time(), **more)
        self.org.transaction([self.statement(changed)])
        return changed

    def get(self, job_id: str, kind: str | None = None) -> Job:
        with self.org.lock:
            key = ids.expand(job_id) if len(job_id) == 15 and job_id.isalnum() else job_id
            found = self.org.db.execute("SELECT value FROM jobs WHERE id = ?", [key]).fetchone()
        job = None if found is None else Job(**json.loads(found[0]))
        if job is None or (kind is not None and job.kind != kind):
            raise not_found()
        return job

    def all(self, kind: str | None = None) -> list[Job]:
        """Newest first."""
        with self.org.lock:
            rows = self.org.db.execute("SELECT value FROM jobs ORDER BY created DESC, id DESC").fetchall()
        found = [Job(**json.loads(value)) for (value,) in rows]
        return [job for job in found if kind is None or job.kind == kind]

    def waiting(self) -> Job | None:
        """The oldest job that has work left."""
        with self.org.lock:
            found = self.org.db.execute(
                "SELECT value FROM jobs WHERE state IN (?, ?) ORDER BY created, id LIMIT 1",
                [UPLOADED, RUNNING],
            ).fetchone()
        return None if found is None else Job(**json.loads(found[0]))

    def delete(self, job: Job) -> None:
        self.org.transaction(
            [("DELETE FROM jobs WHERE id = ?", [job.id]), ("DELETE FROM batches WHERE job = ?", [job.id])]
        )
        for path in self.org.job_files.glob(f"{job.id}.*"):
            path.unlink(missing_ok=True)

    def content(self, job: Job) -> Path:
        return self.org.job_files / f"{job.id}.csv"

    def batch_result(self, job_id: str, number: int) -> Path:
        return self.org.job_files / f"{job_id}.{number}.arrow"

    def query_result(self, job: Job) -> Path:
        return self.org.job_files / f"{job.id}.query.arrow"

    def has_results(self, job: Job) -> bool:
        """Results are kept for some days (facts: seven, from memory)."""
        return not job.expired and time.time() - job.modified < self.org.settings.bulk_result_days * 86_400


def set_state(jobs: Jobs, job: Job, wanted: str) -> Job:
    """What PATCH does; raises ApiError where the state machine has no such step."""
    allowed = {OPEN: (UPLOADED, ABORTED), UPLOADED: (ABORTED,), RUNNING: (ABORTED,)}
    if wanted not in (UPLOADED, ABORTED):
        raise ApiError(400, "INVALIDJOBSTATE", f"Can not change job state to {wanted}")
    if wanted not in allowed.get(job.state, ()):
        if wanted == ABORTED:
            raise ApiError(400, "INVALIDJOBSTATE", "Aborting already Completed Job not allowed")
        raise ApiError(400, "INVALIDJOBSTATE", f"Can not complete upload of a job in state {job.state}")
    if job.kind == "query" and wanted == UPLOADED:
        raise ApiError(400, "INVALIDJOBSTATE", "Only Aborted is allowed for a query job")
    return jobs.change(job, state=wanted)


def shown(job: Job, listed: bool = False) -> dict[str, Any]:
    """The JSON of a job: create, get and list answers."""
    answer: dict[str, Any] = {
        "id": job.id, "operation": job.operation, "object": job.object, "createdById": job.created_by,
        "createdDate": stamp(job.created), "systemModstamp": stamp(job.modified), "state": job.state,
        "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": float(job.version),
        "lineEnding": job.line_ending, "columnDelimiter": job.delimiter,
    }  # fmt: skip
    if job.kind == "ingest":
        answer["jobType"] = "V2Ingest"
        if job.external_id is not None:
            answer["externalIdFieldName"] = job.external_id
        if job.state == OPEN or listed:
            answer["contentUrl"] = f"services/data/v{job.version}/jobs/ingest/{job.id}/batches"
    else:
        answer["jobType"] = "V2Query"
    if job.state == OPEN:
        return answer
    answer |= {"retries": 0, "totalProcessingTime": job.milliseconds, "numberRecordsProcessed": job.processed}
    if job.kind == "ingest":
        answer |= {
            "numberRecordsFailed": job.failed,
            "apiActiveProcessingTime": job.milliseconds,
            "apexProcessingTime": 0,
        }
    if job.error is not None:
        answer["errorMessage"] = job.error
    return answer
