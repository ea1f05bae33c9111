"""A batch on its way through an ingest job: the order of steps, what the ledger hears, what a crash leaves.

The job's id is journaled before any content is uploaded, so whatever state a crash leaves can be settled:
a job never closed has done nothing and is aborted, any other is followed to its end.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import polars as pl

from migration_assets.destinations.base import Batch, Journal, LoadResult, ObjectSchema, OpenBatch
from migration_assets.destinations.salesforce import bulk, csv
from migration_assets.destinations.salesforce.bulk import IngestJobs, Job, Outcome
from migration_assets.destinations.salesforce.failures import LOCKED, refusal, sentence
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import BulkSettings
from migration_assets.errors import DestinationError, DestinationLimitReached, JobFailed

_RESULTS_AT_ONCE = 2_000

ItemT = TypeVar("ItemT")


class Loader:
    """Sends and settles batches of one org."""

    def __init__(self, session: SalesforceSession, settings: BulkSettings) -> None:
        self._session = session
        self._settings = settings
        self.jobs = IngestJobs(session, settings)

    def send(self, batch: Batch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.send``; rows that met a lock go into further jobs before they count as failed.

        Raises JobFailed where a job fails before it has processed a row: its batch then has no results;
        DestinationLimitReached, before any request, where the day's requests are nearly used up.
        """
        schema = batch.schema
        self._stop_before_the_quota_ends()
        _check(batch.rows, schema)
        rows, unwritable = csv.unrepresentable(batch.rows, schema)
        if unwritable:
            yield unwritable
        rows = csv.in_parent_order(rows, schema)
        for attempt in range(1, self._settings.lock_attempts + 1):
            if rows.is_empty():
                return
            last = attempt == self._settings.lock_attempts
            locked: list[str] = []
            for results in self._through_a_job(batch.id, rows, schema, journal):
                if last:
                    yield results
                    continue
                locked += [each.key for each in results if each.code == LOCKED]
                yield [each for each in results if each.code != LOCKED]
            rows = rows.filter(pl.col(schema.key_field).is_in(locked))
            if locked:
                time.sleep(self._settings.lock_wait * attempt)

    def _stop_before_the_quota_ends(self) -> None:
        """A job that is begun must be followed, and the practice's other programs share the quota."""
        usage = self._session.http.api_usage
        if usage is None:
            return
        used, most = usage
        if most - used < most * self._settings.requests_left_free:
            raise DestinationLimitReached(
                f"{used:,} of the org's {most:,} API requests of 24 hours are used and "
                f"{self._settings.requests_left_free:.0%} are left to others (bulk.requests_left_free); "
                "nothing is lost: run the upload again tomorrow, it goes on from here"
            )

    def _through_a_job(
        self, batch_id: str, rows: pl.DataFrame, schema: ObjectSchema, journal: Journal
    ) -> Iterator[Sequence[LoadResult]]:
        payload = csv.encode(rows, schema)
        if len(payload) > self._settings.max_job_bytes:
            raise DestinationError(
                f"a batch of {schema.name} takes {len(payload):,} bytes and a job holds "
                f"{self._settings.max_job_bytes:,}; divide it with SalesforceDestination.batches"
            )
        job_id = self.jobs.create(schema)
        journal.job_created(batch_id, job_id)
        self.jobs.upload(job_id, payload)
        journal.job_submitted(batch_id)
        self.jobs.close(job_id)
        job = self.jobs.wait(job_id)
        journal.job_ended(batch_id, job.state)
        if job.state == bulk.FAILED and not job.processed:
            raise _failed(job, schema)
        yield from self._results(job, rows[schema.key_field].to_list(), schema)

    def settle(self, batch: OpenBatch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.settle``. After lock retries the id is the last job's: keys that it doesn't hold
        come back ``not_sent`` though an earlier job may have ended them; sending them again changes nothing.
        """
        if batch.job_id is None:
            yield from _not_sent(batch.keys, "NOT_SUBMITTED")
            return
        job = self.jobs.get(batch.job_id)
        never_closed = job.state == bulk.OPEN
        if never_closed:
            job = self.jobs.abort(job.id)
        if job.state not in bulk.FINAL:
            job = self.jobs.wait(job.id)
        journal.job_ended(batch.id, job.state)
        if never_closed and job.state == bulk.ABORTED:
            yield from _not_sent(batch.keys, "NOT_SUBMITTED")
        else:
            yield from self._results(job, batch.keys, batch.schema)

    def _results(self, job: Job, keys: Sequence[str], schema: ObjectSchema) -> Iterator[Sequence[LoadResult]]:
        open_keys = dict.fromkeys(keys)
        fields = _names(schema)
        for outcomes in self.jobs.outcomes(job, schema.key_field):
            results = []
            for outcome in outcomes:
                if outcome.key in open_keys:
                    del open_keys[outcome.key]
                    results.append(_result(outcome, fields))
            yield from _parts(results)
        unmentioned = {bulk.FAILED: "JOB_FAILED", bulk.ABORTED: "JOB_ABORTED"}.get(job.state, "NO_RESULT")
        yield from _not_sent(tuple(open_keys), unmentioned)

    def abandon_orphans(
        self, schema: ObjectSchema, *, since: datetime, known_jobs: Collection[str]
    ) -> tuple[str, ...]:
        """As ``Destination.abandon_orphans``: aborts Open upsert jobs of this login by the key field.

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
                and job.operation == "upsert"
                and job.created_by[:15] == user[:15]
                and earliest <= job.created_at <= latest
                and job.id not in known
                and (job.external_id_field or self.jobs.get(job.id).external_id_field) == schema.key_field
                and self.jobs.abort(job.id).state == bulk.ABORTED
            ):
                abandoned.append(job.id)
        return tuple(abandoned)


def _check(rows: pl.DataFrame, schema: ObjectSchema) -> None:
    keys = rows[schema.key_field]
    if keys.null_count() or keys.is_duplicated().any() or (keys == "").any():
        raise ValueError(f"a batch of {schema.name} needs one key a row, each different")
    width = len(csv.header(schema))
    if width > csv.MAX_HEADER_CHARACTERS:
        raise DestinationError(
            f"the header of {schema.name} has {width:,} characters and a Bulk job allows "
            f"{csv.MAX_HEADER_CHARACTERS:,}; map fewer fields or shorten their names"
        )


def _names(schema: ObjectSchema) -> dict[str, str]:
    """Every name by which the platform may call a field, to the field's name in the schema."""
    names = {field.name: field.name for field in schema.fields}
    return names | {csv.column(field): field.name for field in schema.references}


def _result(outcome: Outcome, fields: dict[str, str]) -> LoadResult:
    if outcome.error is not None:
        refused = refusal(outcome.error, fields)
        name = fields.get(refused.field) if refused.field else None
        return LoadResult(outcome.key, "failed", code=refused.code, field=name, message=refused.message)
    if outcome.record_id is None:
        return LoadResult(outcome.key, "not_sent", code="UNPROCESSED", message=sentence("UNPROCESSED"))
    return LoadResult(outcome.key, "loaded", destination_id=outcome.record_id, created=outcome.created)


def _not_sent(keys: Sequence[str], code: str) -> Iterator[Sequence[LoadResult]]:
    for part in _parts(keys):
        yield [LoadResult(key, "not_sent", code=code, message=sentence(code)) for key in part]


def _parts(whole: Sequence[ItemT]) -> Iterator[Sequence[ItemT]]:
    for start in range(0, len(whole), _RESULTS_AT_ONCE):
        yield whole[start : start + _RESULTS_AT_ONCE]


def _failed(job: Job, schema: ObjectSchema) -> JobFailed:
    named = [name for name in _names(schema) if name in job.error_text.replace(",", " ").split()]
    about = f" about {', '.join(named[:5])}" if named else ""
    return JobFailed(
        f"Salesforce job {job.id} for {schema.name} failed before it processed a row "
        f"({job.error_code or 'no reason given'}{about}); run the preflight, mend what it finds and run again"
    )
