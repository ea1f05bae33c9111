"""Records that join others and can't carry a key: found by the ids of the records that they join.

Invitees of events, links of files, further accounts of contacts. Before anything is sent one looks what is
there; what is new is inserted, what differs is updated by its id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl

from migration_assets.destinations.base import (
    Batch,
    FieldSchema,
    FieldType,
    Journal,
    LoadResult,
    ObjectSchema,
    OpenBatch,
    ReadRequest,
    payload_dtype,
)
from migration_assets.destinations.salesforce import csv
from migration_assets.destinations.salesforce.bulk import joined
from migration_assets.destinations.salesforce.job_runs import (
    JobRuns,
    Work,
    check_header,
    check_keys,
    in_parts,
    not_sent,
)
from migration_assets.destinations.salesforce.joined_records import JoinedReader, parents_of
from migration_assets.destinations.salesforce.parents import Parents, by_id, practice_prefix

_ID = "_id"
_RECORD = FieldSchema("Id", "Record ID", FieldType.TEXT, False)


class Joiner:
    """Sends and settles joining records of one org."""

    def __init__(self, runs: JobRuns, parents: Parents, reader: JoinedReader) -> None:
        self._runs = runs
        self._parents = parents
        self._reader = reader

    def send(self, batch: Batch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.send``: through an insert job and an update job, each only where it has rows."""
        schema = batch.schema
        self._runs.stop_before_the_quota_ends()
        check_keys(batch.rows, schema)
        check_header(by_id(schema, schema.references))
        rows, unwritable = csv.unrepresentable(batch.rows, schema)
        if unwritable:
            yield unwritable
        rows, absent = self._parents.with_ids(rows, schema, schema.references)
        if absent:
            yield absent
        if rows.is_empty():
            return
        rows = rows.join(self._there(schema, rows), on=list(schema.joins), how="left", suffix=_THERE)
        new = rows.filter(pl.col(_ID).is_null())
        old = rows.filter(pl.col(_ID).is_not_null())
        changeable = [each for each in schema.sent_fields if each.name not in schema.joins]
        differs = old.select(_differs(changeable).alias("differs"))["differs"]
        for equal in in_parts(old.filter(~differs).select(schema.key_field, _ID).rows()):
            yield [LoadResult(key, "loaded", destination_id=found) for key, found in equal]
        insert = by_id(schema, schema.references)
        for part in self._runs.parts(new, insert):
            yield from self._runs.run(
                batch.id, part, schema.key_field, lambda each: _inserting(insert, each), journal
            )
        update = replace(insert, fields=(_RECORD, *(insert.field(each.name) for each in changeable)))
        changed = old.filter(differs).with_columns(pl.col(_ID).alias(_RECORD.name))
        for part in self._runs.parts(changed, replace(update, key_field=_RECORD.name)):
            yield from self._runs.run(
                batch.id, part, schema.key_field, lambda each: _updating(update, each), journal
            )

    def _there(self, schema: ObjectSchema, rows: pl.DataFrame) -> pl.DataFrame:
        """What joins the same records already, whoever made it: ``_id`` and the sent fields, joins as ids."""
        wanted = rows.select(schema.joins)
        practice = practice_prefix(rows[schema.key_field][0])
        pages = [
            page.join(wanted, on=list(schema.joins), how="semi")
            for page in self._reader.joining(schema, wanted.rows(), practice)
        ]
        return pl.concat(pages).unique(list(schema.joins), keep="first", maintain_order=True)

    def settle(self, batch: OpenBatch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.settle``. What the last job doesn't hold comes back ``not_sent``: sending looks
        what is there first, so nothing is doubled.
        """
        if batch.job_id is None:
            yield from not_sent(batch.keys, "NOT_SUBMITTED")
            return
        job, did_nothing = self._runs.ended(batch.id, batch.job_id, journal)
        if did_nothing:
            yield from not_sent(batch.keys, "NOT_SUBMITTED")
            return
        schema = batch.schema
        if job.operation == "update":
            by: tuple[str, ...] = (_RECORD.name,)
            rows = self._keys_of_records(batch)
        else:
            by = schema.joins
            rows = self._keys_of_pairs(batch)
        held = set(rows.values())
        yield from self._runs.results(job, by, rows, schema)
        yield from not_sent([key for key in batch.keys if key not in held], "NO_RESULT")

    def _keys_of_pairs(self, batch: OpenBatch) -> dict[str, str]:
        """The ids of what a record joins, as a result file has them, to the batch's key."""
        schema, practice = batch.schema, practice_prefix(batch.keys[0])
        parents = {key: parents_of(schema, practice, key) for key in batch.keys}
        ids_of = [
            self._parents.ids(schema.field(name), {way[place] for ways in parents.values() for way in ways})
            for place, name in enumerate(schema.joins)
        ]
        found: dict[str, str] = {}
        for key, ways in parents.items():
            for way in ways:
                ids = [ids_of[place].get(parent) for place, parent in enumerate(way)]
                if all(ids):
                    found[joined(str(each) for each in ids)] = key
        return found

    def _keys_of_records(self, batch: OpenBatch) -> dict[str, str]:
        schema, practice = batch.schema, practice_prefix(batch.keys[0])
        request = ReadRequest(schema, practice, schema.joins, keys=batch.keys)
        pages = (page.select(_ID, schema.key_field).rows() for page in self._reader.read(request))
        return {record: key for page in pages for record, key in page}

    def abandon_orphans(
        self, schema: ObjectSchema, *, since: datetime, known_jobs: Collection[str]
    ) -> tuple[str, ...]:
        return self._runs.abandon_orphans(schema, ("insert", "update"), since=since, known_jobs=known_jobs)


_THERE = "\x00there"


def _inserting(schema: ObjectSchema, rows: pl.DataFrame) -> Work:
    pairs = (joined(pair) for pair in rows.select(schema.joins).iter_rows())
    return Work(schema, rows, "insert", schema.joins, dict(zip(pairs, rows[schema.key_field], strict=True)))


def _updating(schema: ObjectSchema, rows: pl.DataFrame) -> Work:
    keys = dict(zip(rows[_RECORD.name], rows[schema.key_field], strict=True))
    return Work(schema, rows, "update", (_RECORD.name,), keys)


def differing(field: FieldSchema, sent: pl.Expr, found: pl.Expr) -> pl.Expr:
    """Whether a payload's value isn't what is there, as the field's type compares (see ``payload_dtype``)."""
    dtype = payload_dtype(field)
    if dtype == pl.Boolean:
        sent = sent.fill_null(False)
    elif dtype == pl.String:
        sent = sent.replace("", None)
    return sent.cast(dtype).ne_missing(found)


def _differs(fields: Sequence[FieldSchema]) -> pl.Expr:
    return pl.any_horizontal(
        pl.lit(False), *(differing(each, pl.col(each.name), pl.col(each.name + _THERE)) for each in fields)
    )
