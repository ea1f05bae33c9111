"""Ingest jobs of Bulk API 2.0, one request a method, and their results joined to keys.

simple-salesforce's own bulk client holds each chunk in memory twice, alters CR LF inside values and loses
the job's id when a job fails, so this speaks to the resource itself (``/jobs/ingest``). In which order the
steps happen and what the ledger hears of them is ``loading``'s.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import requests
from urllib3.exceptions import HTTPError

from migration_assets.destinations.salesforce.csv import Payload
from migration_assets.destinations.salesforce.failures import safe_code
from migration_assets.destinations.salesforce.session import RequestRefused, SalesforceSession
from migration_assets.destinations.salesforce.settings import BulkSettings
from migration_assets.errors import DestinationError, DestinationUnreachable, JobLost

OPEN = "Open"
ABORTED = "Aborted"
FAILED = "Failed"
COMPLETE = "JobComplete"
FINAL = frozenset({COMPLETE, FAILED, ABORTED})

Operation = Literal["insert", "update", "upsert", "delete"]

_POLL_GROWTH = 1.5
_DOWNLOAD_ATTEMPTS = 3
_LONGEST_CELL = 1 << 20
"""The platform's fields end at 131,072 characters, exactly where Python's csv module starts to refuse."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the org says of a job; ``error_code`` and ``error_text`` only where it failed as a whole.

    ``error_text`` may quote content and never leaves this package.
    """

    id: str
    state: str
    object: str
    operation: str
    external_id_field: str | None
    created_by: str
    created_at: datetime
    processed: int
    error_code: str | None
    error_text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of a result file: what tells the row apart (see ``joined``) with an id (loaded), an error, or
    neither (not processed)."""

    key: str
    record_id: str | None = None
    created: bool = False
    error: str | None = None


def joined(values: Iterable[str]) -> str:
    """Values of several columns as one; a single one stays as it is."""
    return "+".join(values)


class IngestJobs:
    """The jobs of one org."""

    def __init__(self, session: SalesforceSession, settings: BulkSettings) -> None:
        self._session = session
        self._settings = settings

    def create(self, object_name: str, operation: Operation, key_field: str | None = None) -> str:
        """``key_field`` is the external id of an upsert; no other operation has one."""
        body = {
            "object": object_name,
            "operation": operation,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        } | ({"externalIdFieldName": key_field} if key_field is not None else {})
        # A job made twice by a repeated request stays empty and is found by abandon_orphans.
        return str(self._session.request("POST", "jobs/ingest", json=body, idempotent=True).json()["id"])

    def upload(self, job_id: str, payload: Payload) -> None:
        self._session.request(
            "PUT", f"jobs/ingest/{job_id}/batches", data=payload, headers={"Content-Type": "text/csv"}
        )

    def close(self, job_id: str) -> None:
        """Hand the job over for processing; being told twice is no error."""
        self._patch(job_id, "UploadComplete", unless=OPEN)

    def abort(self, job_id: str) -> Job:
        self._patch(job_id, ABORTED, unless=None)
        return self.get(job_id)

    def _patch(self, job_id: str, state: str, unless: str | None) -> None:
        try:
            self._session.request("PATCH", f"jobs/ingest/{job_id}", json={"state": state}, idempotent=True)
        except RequestRefused as error:
            # A repeated request meets a job that has already moved on.
            if error.status >= 500 or error.status == 404 or self.get(job_id).state == unless:
                raise

    def get(self, job_id: str) -> Job:
        """Raises JobLost where the org doesn't know the job any more."""
        try:
            return _job(self._session.get_json(f"jobs/ingest/{job_id}"))
        except RequestRefused as error:
            if error.status == 404:
                raise _lost(job_id) from None
            raise

    def all(self) -> Iterator[Job]:
        """Every Bulk API 2.0 ingest job that the org still lists, whoever made it."""
        page = self._session.get_json("jobs/ingest", params={"jobType": "V2Ingest"})
        while True:
            yield from map(_job, page["records"])
            if page.get("done", True) or not page.get("nextRecordsUrl"):
                return
            page = self._session.get_json(page["nextRecordsUrl"])

    def delete(self, job_id: str) -> None:
        self._session.request("DELETE", f"jobs/ingest/{job_id}")

    def wait(self, job_id: str) -> Job:
        """Polls until the job has ended; raises DestinationError where that takes too long."""
        deadline = time.monotonic() + self._settings.poll_limit
        pause = self._settings.poll_first
        while (job := self.get(job_id)).state not in FINAL:
            if time.monotonic() + pause > deadline:
                raise DestinationError(
                    f"Salesforce job {job_id} is still {job.state} after {self._settings.poll_limit:,.0f} s; "
                    "it goes on by itself and the next run settles it (bulk.poll_limit)"
                )
            time.sleep(pause)
            pause = min(pause * _POLL_GROWTH, self._settings.poll_longest)
        return job

    def outcomes(self, job: Job, columns: Sequence[str]) -> Iterator[list[Outcome]]:
        """What became of each row, one list a result file; their order is the platform's. ``columns`` tell
        the rows apart.

        Raises JobLost where the results are gone or fewer than the job says it processed: results expire.
        """
        found = 0
        if job.processed:
            for name in ("successfulResults", "failedResults"):
                outcomes = self._download(job.id, name, columns)
                found += len(outcomes)
                yield outcomes
        if found < job.processed:
            raise _lost(job.id)
        if job.state != COMPLETE:
            yield self._download(job.id, "unprocessedrecords", columns)

    def _download(self, job_id: str, name: str, columns: Sequence[str]) -> list[Outcome]:
        for attempt in range(1, _DOWNLOAD_ATTEMPTS + 1):
            try:
                response = self._session.request("GET", f"jobs/ingest/{job_id}/{name}/", stream=True)
            except RequestRefused as error:
                if error.status in (400, 404):
                    raise _lost(job_id) from None
                raise
            try:
                with closing(response):
                    return list(_outcomes(response, columns))
            except (HTTPError, OSError):
                if attempt == _DOWNLOAD_ATTEMPTS:
                    raise DestinationUnreachable(
                        f"the results of Salesforce job {job_id} broke off {attempt} times; run again"
                    ) from None
        raise AssertionError("unreachable: the last attempt returns or raises")


def _outcomes(response: requests.Response, columns: Sequence[str]) -> Iterator[Outcome]:
    response.raw.decode_content = True
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    raw: Any = response.raw
    reader = csv.reader(io.TextIOWrapper(raw, encoding="utf-8", newline=""))
    names = next(reader, None)
    if names is None:
        return
    lacking = [column for column in columns if column not in names]
    if lacking:
        if next(reader, None) is None:
            # A job that was aborted before any content came knows no columns, and has no rows.
            return
        raise DestinationError(
            f"the results of a Salesforce job lack the column {lacking[0]}; the login may no longer see it, "
            "run the preflight"
        )
    keys_at = [names.index(column) for column in columns]
    id_at, created_at, error_at = (
        names.index(name) if name in names else None for name in ("sf__Id", "sf__Created", "sf__Error")
    )
    for row in reader:
        if not row:
            continue
        yield Outcome(
            key=joined(row[at] for at in keys_at),
            record_id=(row[id_at] or None) if id_at is not None else None,
            created=created_at is not None and row[created_at] == "true",
            error=row[error_at] if error_at is not None else None,
        )


def _lost(job_id: str) -> JobLost:
    return JobLost(
        f"Salesforce no longer has job {job_id} or its results (they are kept for 7 days); "
        "read the records back by key to settle its batch"
    )


def _job(body: dict[str, Any]) -> Job:
    text = str(body.get("errorMessage") or "")
    return Job(
        id=str(body["id"]),
        state=str(body["state"]),
        object=str(body.get("object", "")),
        operation=str(body.get("operation", "")),
        external_id_field=body.get("externalIdFieldName"),
        created_by=str(body.get("createdById", "")),
        created_at=datetime.fromisoformat(str(body["createdDate"])).astimezone(UTC),
        processed=int(body.get("numberRecordsProcessed") or 0),
        error_code=safe_code(text) if text else None,
        error_text=text,
    )
