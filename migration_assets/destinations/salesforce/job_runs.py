"""Rows on their way through an ingest job: the order of steps, what the ledger hears, what a crash leaves.

The job's id is journaled before any content is uploaded, so whatever state a crash leaves can be settled:
a job never closed has done nothing and is aborted, any other is followed to its end. Which rows need which
operation is for the callers to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import polars as pl

from migration_assets.destinations.base import Journal, LoadResult, ObjectSchema
from migration_assets.destinations.salesforce import bulk, csv
from migration_assets.destinations.salesforce.bulk import IngestJobs, Job, Operation, Outcome
from migration_assets.destinations.salesforce.failures import LOCKED, refusal, sentence
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import BulkSettings
from migration_assets.errors import DestinationError, DestinationLimitReached, JobFailed

_RESULTS_AT_ONCE = 2_000

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Work:
    """What one job is to do. ``schema`` is that of its columns, ``by`` those that tell its rows apart, and
    ``keys`` leads from what stands there (``bulk.joined``) to the record's key."""

    schema: ObjectSchema
    rows: pl.DataFrame
    operation: Operation
    by: tuple[str, ...]
    keys: Mapping[str, str]


class JobRuns:
    """Runs jobs of one org to their end."""

    def __init__(self, session: SalesforceSession, settings: BulkSettings) -> None:
        self._session = session
        self._settings = settings
        self.jobs = IngestJobs(session, settings)

    def stop_before_the_quota_ends(self) -> None:
        """A job that is begun must be followed, and the practice's other programs share the quota.

        Raises DestinationLimitReached where the day's requests are nearly used up.
        """
        usage = self._session.http.api_usage
        if usage is None:
            return
        used, most = usage
        if most - used < most * self._settings.requests_left_free:
            raise DestinationLimitReached(
                f"{used:,} of the org's {most:,} API requests of 24 hours are used and "
                f"{self._settings.requests_left_free:.0%} are left to others (bulk.requests_left_free); "
                "nothing is lost: run it again tomorrow, it goes on from here"
            )

    def parts(self, rows: pl.DataFrame, schema: ObjectSchema) -> Iterator[pl.DataFrame]:
        """Rows in parts that each fit a job."""
        return csv.split(rows, schema, self._settings.max_job_bytes, self._settings.max_job_rows)

    def run(
        self,
        batch_id: str,
        rows: pl.DataFrame,
        key_field: str,
        prepare: Callable[[pl.DataFrame], Work],
        journal: Journal,
    ) -> Iterator[Sequence[LoadResult]]:
        """The rows through a job, and those that met a lock through further ones before they count as failed.

        Raises JobFailed where a job fails before it has processed a row: its rows then have no results.
        """
        for attempt in range(1, self._settings.lock_attempts + 1):
            if rows.is_empty():
                return
            last = attempt == self._settings.lock_attempts
            locked: list[str] = []
            for results in self._through_a_job(batch_id, prepare(rows), journal):
                if last:
                    yield results
                    continue
                locked += [each.key for each in results if each.code == LOCKED]
                yield [each for each in results if each.code != LOCKED]
            rows = rows.filter(pl.col(key_field).is_in(locked))
            if locked:
                time.sleep(self._settings.lock_wait * attempt)

    def _through_a_job(self, batch_id: str, work: Work, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        schema = work.schema
        payload = csv.encode(work.rows, schema)
        if len(payload) > self._settings.max_job_bytes:
            raise DestinationError(
                f"a batch of {schema.name} takes {len(payload):,} bytes and a job holds "
                f"{self._settings.max_job_bytes:,}; divide it with SalesforceDestination.batches"
            )
        upsert_by = schema.key_field if work.operation == "upsert" else None
        job_id = self.jobs.create(schema.name, work.operation, upsert_by)
        journal.job_created(batch_id, job_id)
        self.jobs.upload(job_id, payload)
        journal.job_submitted(batch_id)
        self.jobs.close(job_id)
        job = self.jobs.wait(job_id)
        journal.job_ended(batch_id, job.state)
        if job.state == bulk.FAILED and not job.processed:
            raise _failed(job, schema)
        yield from self.results(job, work.by, work.keys, schema)

    def ended(self, batch_id: str, job_id: str, journal: Journal) -> tuple[Job, bool]:
        """The job in its last state, and whether it did nothing since it was never closed.

        Raises JobLost where the org doesn't know it any more.
        """
        job = self.jobs.get(job_id)
        never_closed = job.state == bulk.OPEN
        if never_closed:
            job = self.jobs.abort(job.id)
        if job.state not in bulk.FINAL:
            job = self.jobs.wait(job.id)
        journal.job_ended(batch_id, job.state)
        return job, never_closed and job.state == bulk.ABORTED

    def results(
        self, job: Job, by: Sequence[str], keys: Mapping[str, str], schema: ObjectSchema
    ) -> Iterator[Sequence[LoadResult]]:
        """One result for each of ``keys``' keys."""
        open_rows = dict(keys)
        names = field_names(schema)
        for outcomes in self.jobs.outcomes(job, by):
            results = []
            for outcome in outcomes:
                key = open_rows.pop(outcome.key, None)
                if key is not None:
                    results.append(_result(key, outcome, names))
            yield from in_parts(results)
        unmentioned = {bulk.FAILED: "JOB_FAILED", bulk.ABORTED: "JOB_ABORTED"}.get(job.state, "NO_RESULT")
        yield from not_sent(tuple(open_rows.values()), unmentioned)

    def abandon_orphans(
        self,
        schema: ObjectSchema,
        operations: Collection[str],
        *,
        since: datetime,
        known_jobs: Collection[str],
    ) -> tuple[str, ...]:
        """As ``Destination.abandon_orphans``: aborts Open jobs of this login with these operations, upserts
        by the key field only.

        A job younger than ``orphan_grace`` by the org's clock stays: another practice's run may be between
        creating it and writing it down. It holds no content then, and a later run finds it.
        """
        earliest = since - timedelta(seconds=self._settings.clock_tolerance)
        known, user = set(known_jobs), self._session.user_id()
        jobs = list(self.jobs.all())
        # The org tells its time in whole seconds, a job's creation in milliseconds.
        now = (self._session.http.server_time or datetime.now(UTC)) + timedelta(seconds=1)
        latest = now - timedelta(seconds=self._settings.orphan_grace)
        abandoned = []
        for job in jobs:
            if (
                job.state == bulk.OPEN
                and job.object == schema.name
                and job.operation in operations
                and job.created_by[:15] == user[:15]
                and earliest <= job.created_at <= latest
                and job.id not in known
                and (job.operation != "upsert" or self._upserts_by(job) == schema.key_field)
                and self.jobs.abort(job.id).state == bulk.ABORTED
            ):
                abandoned.append(job.id)
        return tuple(abandoned)

    def _upserts_by(self, job: Job) -> str | None:
        return job.external_id_field or self.jobs.get(job.id).external_id_field


def check_keys(rows: pl.DataFrame, schema: ObjectSchema) -> None:
    keys = rows[schema.key_field]
    if keys.null_count() or keys.is_duplicated().any() or (keys == "").any():
        raise ValueError(f"a batch of {schema.name} needs one key a row, each different")


def check_header(schema: ObjectSchema) -> None:
    width = len(csv.header(schema))
    if width > csv.MAX_HEADER_CHARACTERS:
        raise DestinationError(
            f"the header of {schema.name} has {width:,} characters and a Bulk job allows "
            f"{csv.MAX_HEADER_CHARACTERS:,}; map fewer fields or shorten their names"
        )


def field_names(schema: ObjectSchema) -> dict[str, str]:
    """Every name by which the platform may call a field, to the field's name in the schema."""
    names = {field.name: field.name for field in schema.stored_fields}
    references = (field for field in schema.stored_fields if field.type.is_reference)
    return names | {csv.column(field): field.name for field in references}


def _result(key: str, outcome: Outcome, names: Mapping[str, str]) -> LoadResult:
    if outcome.error is not None:
        refused = refusal(outcome.error, names)
        name = names.get(refused.field) if refused.field else None
        return LoadResult(key, "failed", code=refused.code, field=name, message=refused.message)
    if outcome.record_id is None:
        return LoadResult(key, "not_sent", code="UNPROCESSED", message=sentence("UNPROCESSED"))
    return LoadResult(key, "loaded", destination_id=outcome.record_id, created=outcome.created)


def not_sent(keys: Sequence[str], code: str) -> Iterator[Sequence[LoadResult]]:
    for part in in_parts(keys):
        yield [LoadResult(key, "not_sent", code=code, message=sentence(code)) for key in part]


def in_parts(whole: Sequence[ItemT]) -> Iterator[Sequence[ItemT]]:
    for start in range(0, len(whole), _RESULTS_AT_ONCE):
        yield whole[start : start + _RESULTS_AT_ONCE]


def _failed(job: Job, schema: ObjectSchema) -> JobFailed:
    named = [name for name in field_names(schema) if name in job.error_text.replace(",", " ").split()]
    about = f" about {', '.join(named[:5])}" if named else ""
    return JobFailed(
        f"Salesforce job {job.id} for {schema.name} failed before it processed a row "
        f"({job.error_code or 'no reason given'}{about}); run the preflight, mend what it finds and run again"
    )
