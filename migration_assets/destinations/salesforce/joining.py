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
    joined_key,
    joined_keys,
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
from migration_assets.destinations.salesforce.parents import Parents, by_id, practice_prefix
from migration_assets.destinations.salesforce.queries import Queries, is_one_of, starts_with

_ID = "_id"
_RECORD = FieldSchema("Id", "Record ID", FieldType.TEXT, False)
_LINK, _DOCUMENT = "ContentDocumentLink", "ContentDocumentId"
_LINKS_A_QUERY = 400
"""Documents that one GET names: an id takes 27 characters of an address, which holds about 16,000."""

_PLATFORMS_OWN = {
    "EventRelation": ("IsInvitee", "IsInvitee = true"),
    "AccountContactRelation": (None, "IsDirect = false"),
}
"""Objects of which the platform makes records itself (an event's WhoId, a contact's own account): the field
without which an org has none of these, and the condition that leaves them out."""


class Joiner:
    """Sends, settles and reads joining records of one org."""

    def __init__(self, runs: JobRuns, queries: Queries, parents: Parents) -> None:
        self._runs = runs
        self._queries = queries
        self._parents = parents

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
        practice = practice_prefix(rows[schema.key_field][0])
        wanted = rows.select(schema.joins)
        documents = rows[_DOCUMENT].to_list() if schema.name == _LINK else []
        pages = [
            page.join(wanted, on=list(schema.joins), how="semi")
            for page in self._pages(schema, schema.sent_fields, practice, documents, ours=False)
        ]
        return pl.concat(pages).unique(list(schema.joins), keep="first", maintain_order=True)

    def _pages(
        self,
        schema: ObjectSchema,
        fields: Sequence[FieldSchema],
        practice: str,
        documents: Collection[str],
        *,
        ours: bool,
    ) -> Iterator[pl.DataFrame]:
        """Typed records, references as ids: all that join a record of the practice, links of files by the
        documents' ids, since the platform answers nothing else. At least one page, maybe without rows.
        """
        names = list(dict.fromkeys([*schema.joins, *(each.name for each in fields)]))
        columns = ["Id", "SystemModstamp", *names]
        own = _PLATFORMS_OWN.get(schema.name)
        leave_out = ours and own is not None and own[0] in (None, *schema.field_names)
        left_out = f" AND {own[1]}" if own is not None and leave_out else ""
        if schema.name == _LINK:
            ids = list(dict.fromkeys(documents))
            conditions = [
                is_one_of(_DOCUMENT, ids[start : start + _LINKS_A_QUERY])
                for start in range(0, len(ids), _LINKS_A_QUERY)
            ]
            pages: Iterator[pl.DataFrame] = (
                page for each in conditions for page in self._queries.rest(_LINK, columns, each)
            )
        else:
            key = f"{schema.field(self._followed(schema)).relationship}.{csv.PARENT_KEY}"
            pages = self._queries.bulk(schema.name, columns, starts_with(key, practice) + left_out)
        yield csv.typed(_renamed(pl.DataFrame(schema=dict.fromkeys(columns, pl.String))), schema, names)
        for page in pages:
            yield csv.typed(_renamed(page), schema, names)

    @staticmethod
    def _followed(schema: ObjectSchema) -> str:
        """The first join whose parent's key a query can reach."""
        for name in schema.joins:
            field = schema.field(name)
            if not csv.is_by_id(field) and not csv.is_polymorphic(field) and field.relationship:
                return name
        raise ValueError(f"{schema.name} joins no object by a relationship that a query can follow")

    def read(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        """As ``Destination.read``: what joins ours only, without what the platform makes by itself."""
        schema, key = request.schema, request.schema.key_field
        practice = practice_prefix(request.key_prefix)
        names = [each for each in request.fields or schema.returned_names if each != key]
        stored = [schema.field(each) for each in names]
        references = [each for each in schema.references if each.name in {*names, *schema.joins}]
        keys = {each.name: self._parents.keys(each, practice) for each in references}
        if not practice:
            raise ValueError(f"{schema.name} is read by practice: its keys are made of the parents' keys")
        documents = keys[_DOCUMENT] if schema.name == _LINK else {}
        for page in self._pages(schema, stored, practice, documents, ours=True):
            named = page.with_columns(
                pl.col(name).replace_strict(known, default=None, return_dtype=pl.String)
                for name, known in keys.items()
            ).drop_nulls(list(schema.joins))
            named = named.with_columns(joined_keys(schema, practice.removesuffix(":")).alias(key))
            yield named.filter(pl.col(key).str.starts_with(request.key_prefix)).select(
                _ID, "_modified_at", key, *names
            )

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
        columns = [self._parents.keys(schema.field(name), practice) for name in schema.joins]
        name, space = practice.removesuffix(":"), schema.key_space or ""
        wanted = set(batch.keys)
        ids_of = [_inverted(each) for each in columns]
        found: dict[str, str] = {}
        start = joined_key(name, space, [])
        for key in wanted:
            for parts in _splits(key.removeprefix(start), len(columns)):
                ids = [ids_of[at].get(practice + part) for at, part in enumerate(parts)]
                if all(ids):
                    found[joined(str(each) for each in ids)] = key
        return found

    def _keys_of_records(self, batch: OpenBatch) -> dict[str, str]:
        wanted = set(batch.keys)
        request = ReadRequest(batch.schema, practice_prefix(batch.keys[0]), batch.schema.joins)
        pages = (page.select(_ID, batch.schema.key_field).rows() for page in self.read(request))
        return {record: key for page in pages for record, key in page if key in wanted}

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


def _renamed(page: pl.DataFrame) -> pl.DataFrame:
    return page.rename({"Id": _ID, "SystemModstamp": "_modified_at"})


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


def _inverted(known: dict[str, str]) -> dict[str, str]:
    return {value: key for key, value in known.items()}


def _splits(text: str, parts: int) -> Iterator[list[str]]:
    """Every way to divide ``text`` at ``+`` into that many parts: a source id may hold one itself."""
    if parts == 1:
        yield [text]
        return
    for at, character in enumerate(text):
        if character == "+":
            for rest in _splits(text[at + 1 :], parts - 1):
                yield [text[:at], *rest]
