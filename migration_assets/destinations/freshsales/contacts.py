"""Contacts: upserted in hundreds by jobs, singly where a job has no answer for a row.

A hundred contacts take about four calls: the job, a look or two at it, and one listing of what it has
changed, which tells ids and whether each row is there as sent. What a finished job says of rows that failed
is unconfirmed (their messages, their number, nothing), as is whether rows may be found by ``external_id``:
an account that refuses that gets new contacts one by one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from migration_assets.destinations.base import (
    Batch,
    FieldType,
    Journal,
    LoadResult,
    ObjectSchema,
    OpenBatch,
)
from migration_assets.destinations.freshsales import answers, shapes, values
from migration_assets.destinations.freshsales.api import Client, Json
from migration_assets.destinations.freshsales.errors_of_api import ApiRefused
from migration_assets.destinations.freshsales.known import Entry, Known, entry_of
from migration_assets.destinations.freshsales.lists import Lists
from migration_assets.destinations.freshsales.records import Records, Row
from migration_assets.destinations.freshsales.settings import EnvironmentSettings
from migration_assets.destinations.freshsales.shapes import CONTACT, ParentAbsent, Words, shape_of
from migration_assets.destinations.freshsales.vocabulary import Vocabulary
from migration_assets.errors import DestinationError

_FEW = 3
"""So many cost no more calls one by one than by a job."""
_POLL_GROWTH = 2.0
_INCLUDES = ("owner", "sales_accounts")


class Contacts:
    """Sends and settles batches of contacts of one account."""

    def __init__(
        self,
        client: Client,
        settings: EnvironmentSettings,
        lists: Lists,
        known: Known,
        vocabulary: Vocabulary,
        records: Records,
    ) -> None:
        self._client = client
        self._settings = settings
        self._lists = lists
        self._known = known
        self._vocabulary = vocabulary
        self._records = records
        self._bulk_by_key = True

    def send(self, batch: Batch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.send``. A refused e-mail that a relative has already is ``email_taken``."""
        schema = batch.schema
        answers.check_keys(batch.rows, schema)
        words = self._vocabulary.words(schema)
        self._known.prepare(
            schema.references, {each.name: batch.rows[each.name] for each in schema.references}
        )
        there = self._records.there(batch)
        rows = {row[schema.key_field]: row for row in batch.rows.iter_rows(named=True)}
        bodies: dict[str, Json] = {}
        absent = []
        for key, row in rows.items():
            try:
                bodies[key] = self._records.body(schema, row, words, there.get(key))
            except ParentAbsent as missing:
                absent.append(answers.failed(key, answers.PARENT_ABSENT, missing.field))
        if absent:
            yield absent
        answered: list[LoadResult] = []
        if len(bodies) > _FEW:
            answered = self._by_job(batch, bodies, there, words, journal)
            if answered:
                yield answered
        known = {each.key for each in answered}
        for key in bodies:
            if key not in known:
                yield [self._records.bring(schema, rows[key], words)]

    def _by_job(
        self,
        batch: Batch,
        bodies: Mapping[str, Json],
        there: Mapping[str, Entry],
        words: Words,
        journal: Journal,
    ) -> list[LoadResult]:
        """Results of the rows that the job has certainly brought there."""
        while True:
            keys = [key for key in bodies if key in there or self._bulk_by_key]
            if not keys:
                return []
            rows = [_bulk_row(key, bodies[key], there.get(key)) for key in keys]
            try:
                # The rows name their records, so that a second job changes nothing more.
                answer = self._client.post("contacts/bulk_upsert", {"contacts": rows}, repeatable=True)
                break
            except ApiRefused as error:
                if error.status != 400 or all(key in there for key in keys):
                    raise
                self._bulk_by_key = False
        job_id = str(answer["job_status_url"]).rstrip("/").rpartition("/")[2]
        journal.job_created(batch.id, job_id)
        journal.job_submitted(batch.id)
        job = self._ended(job_id)
        journal.job_ended(batch.id, str(job.get("status")))
        sent = {row[batch.schema.key_field]: row for row in batch.rows.iter_rows(named=True)}
        sure = _failures(job) == 0 and job.get("status") not in self._settings.bulk.failed
        results = []
        for key, record in self._changed_by(job, set(keys)).items():
            if sure or self._is_as_sent(batch.schema, sent[key], record, words):
                self._known.put(CONTACT, key, entry_of(record))
                results.append(answers.loaded(key, record["id"], created=key not in there))
        return results

    def _ended(self, job_id: str) -> Json:
        """The job at its end; each look is a call. Raises DestinationError where it takes too long."""
        bulk = self._settings.bulk
        deadline, pause = time.monotonic() + bulk.poll_limit, bulk.poll_first
        while True:
            time.sleep(pause)
            job = self._client.get(f"job_statuses/{job_id}")
            if job.get("status") in bulk.done | bulk.failed:
                return job
            if time.monotonic() > deadline:
                raise DestinationError(
                    f"Freshsales' job {job_id} hasn't ended within {bulk.poll_limit:.0f} s; run the upload "
                    "again, it asks for the job first"
                )
            pause = min(pause * _POLL_GROWTH, bulk.poll_longest)

    def _changed_by(self, job: Json, keys: set[str]) -> dict[str, Json]:
        """Contacts with these keys that were changed since the job began."""
        found: dict[str, Json] = {}
        since = values.utc(job["created_at"])
        for page in self._lists.changed_since(shape_of(CONTACT), since, _INCLUDES):
            for record in page:
                key = self._known.key(CONTACT, record)
                if key in keys:
                    found.setdefault(str(key), record)
            if len(found) == len(keys):
                break
        return found

    def _is_as_sent(self, schema: ObjectSchema, row: Row, record: Json, words: Words) -> bool:
        found = shapes.row(schema, record, words, self._known.key_of)
        for field in schema.sent_fields:
            if field.type is FieldType.USER and row[field.name] is None:
                continue
            sent = values.from_json(field, values.as_json(field, row[field.name]))
            try:
                if sent != values.from_json(field, found[field.name]):
                    return False
            except (ValueError, TypeError):
                return False
        return True

    def settle(self, batch: OpenBatch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.settle``: ``loaded`` is what a job without failures has changed. The rest is
        ``not_sent``, which is safe: a key is upserted, and sending again changes nothing more.
        """
        done: list[LoadResult] = []
        if batch.job_id is not None:
            job = self._job(batch.job_id)
            if job is not None:
                journal.job_ended(batch.id, str(job.get("status")))
                if _failures(job) == 0 and job.get("status") in self._settings.bulk.done:
                    began = values.utc(job["created_at"])
                    done = [
                        answers.loaded(key, record["id"], created=values.utc(record["created_at"]) >= began)
                        for key, record in self._changed_by(job, set(batch.keys)).items()
                    ]
        if done:
            yield done
        settled = {each.key for each in done}
        yield answers.not_sent(key for key in batch.keys if key not in settled)

    def _job(self, job_id: str) -> Json | None:
        try:
            return self._ended(job_id)
        except ApiRefused as error:
            if error.status == 404:
                return None
            raise


def _bulk_row(key: str, body: Json, entry: Entry | None) -> dict[str, Any]:
    return {"external_id": key, "data": body} if entry is None else {"id": entry.id, "data": body}


def _failures(job: Json) -> int | None:
    """How many rows failed; None where the account doesn't say."""
    told = job.get("data")
    count = told.get("failed_count") if isinstance(told, dict) else None
    return int(count) if count is not None else None
