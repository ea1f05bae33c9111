"""Records with an external id of ours: upserted by it, or inserted where they may have their original date.

How a job runs is ``job_runs``'; files and records without an external id are ``files``' and ``joining``'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from migration_assets.destinations.base import (
    Batch,
    FieldSchema,
    FieldType,
    Journal,
    LoadResult,
    ObjectSchema,
    OpenBatch,
)
from migration_assets.destinations.salesforce import csv
from migration_assets.destinations.salesforce.audit import CREATED, ORIGINAL, AuditFields
from migration_assets.destinations.salesforce.bulk import Operation
from migration_assets.destinations.salesforce.failures import DUPLICATE, NOT_WRITABLE
from migration_assets.destinations.salesforce.job_runs import (
    JobRuns,
    Work,
    check_header,
    check_keys,
    not_sent,
)
from migration_assets.destinations.salesforce.parents import Parents

_CREATED_FIELD = FieldSchema(CREATED, "Created Date", FieldType.DATETIME, False)
_BY_UPSERT = frozenset({DUPLICATE, NOT_WRITABLE})
"""What an insert may answer of a record that an upsert brings there all the same."""


class Loader:
    """Sends and settles batches of one org."""

    def __init__(self, runs: JobRuns, parents: Parents, audit: AuditFields) -> None:
        self._runs = runs
        self._parents = parents
        self._audit = audit
        self.jobs = runs.jobs

    def send(self, batch: Batch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.send``; rows that met a lock go into further jobs before they count as failed.

        Raises JobFailed where a job fails before it has processed a row: its batch then has no results;
        DestinationLimitReached, before any request, where the day's requests are nearly used up.
        """
        schema = batch.schema
        self._runs.stop_before_the_quota_ends()
        check_keys(batch.rows, schema)
        check_header(schema)
        rows, unwritable = csv.unrepresentable(batch.rows, schema)
        if unwritable:
            yield unwritable
        several = [each for each in schema.references if csv.is_by_id(each)]
        if several:
            rows, absent = self._parents.with_ids(rows, schema, several)
            if absent:
                yield absent
        rows = csv.in_parent_order(rows, schema)
        dated = self._dated(batch, rows)
        by_upsert: list[str] = []
        if not dated.is_empty():
            yield from self._insert(batch.id, dated, schema, journal, by_upsert)
        known = pl.col(schema.key_field).is_in(dated[schema.key_field].implode())
        rest = rows.filter(~known | pl.col(schema.key_field).is_in(by_upsert))
        yield from self._runs.run(
            batch.id, rest, schema.key_field, lambda part: _work(schema, part, "upsert"), journal
        )

    def _dated(self, batch: Batch, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows that may be made with their original date: none is there, and the date has passed."""
        absent = rows.filter(pl.col(batch.schema.key_field).is_in(list(batch.absent)))
        if absent.is_empty() or not self._audit.may_insert_dated(batch.schema):
            return rows.clear()
        return absent.filter(pl.col(ORIGINAL) <= datetime.now(UTC))

    def _insert(
        self, batch_id: str, rows: pl.DataFrame, schema: ObjectSchema, journal: Journal, by_upsert: list[str]
    ) -> Iterator[Sequence[LoadResult]]:
        """Keys that were refused since they are there after all are added to ``by_upsert`` instead."""
        dated = replace(schema, fields=(*schema.fields, _CREATED_FIELD))
        with_date = rows.with_columns(pl.col(ORIGINAL).alias(CREATED))
        for part in self._runs.parts(with_date, dated):
            results = self._runs.run(
                batch_id, part, schema.key_field, lambda each: _work(dated, each, "insert"), journal
            )
            for some in results:
                by_upsert += [each.key for each in some if each.code in _BY_UPSERT]
                yield [each for each in some if each.code not in _BY_UPSERT]

    def settle(self, batch: OpenBatch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.settle``. After further jobs the id is the last one's: keys that it doesn't hold
        come back ``not_sent`` though an earlier job may have ended them; sending them again changes nothing.
        """
        if batch.job_id is None:
            yield from not_sent(batch.keys, "NOT_SUBMITTED")
            return
        job, did_nothing = self._runs.ended(batch.id, batch.job_id, journal)
        if did_nothing:
            yield from not_sent(batch.keys, "NOT_SUBMITTED")
            return
        keys = {key: key for key in batch.keys}
        for some in self._runs.results(job, (batch.schema.key_field,), keys, batch.schema):
            if job.operation != "insert":
                yield some
                continue
            refused = [each.key for each in some if each.code in _BY_UPSERT]
            yield [each for each in some if each.code not in _BY_UPSERT]
            yield from not_sent(refused, DUPLICATE)

    def abandon_orphans(
        self, schema: ObjectSchema, *, since: datetime, known_jobs: Collection[str]
    ) -> tuple[str, ...]:
        operations = ("upsert", "insert") if self._audit.wanted(schema) else ("upsert",)
        return self._runs.abandon_orphans(schema, operations, since=since, known_jobs=known_jobs)


def _work(schema: ObjectSchema, rows: pl.DataFrame, operation: Operation) -> Work:
    keys = {key: key for key in rows[schema.key_field]}
    return Work(schema, rows, operation, (schema.key_field,), keys)
