"""Records as the account holds them, typed, with the parents' keys where the account has ids.

How lists are paged is ``lists``', how a record's values stand in them ``shapes``', ``notes``',
``appointments``' and ``documents``'. Calls: one for 100 records of an object and of each object that it
refers to (once a connection), and what the modules of notes, documents and of a deal's contacts say. Some
records by their keys: one for those among the 100 that were changed last, and one each for others whose id
the caller knows, two where it doesn't; never many more than the listing takes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema, ReadRequest
from migration_assets.destinations.freshsales import documents, shapes, values
from migration_assets.destinations.freshsales.api import Json
from migration_assets.destinations.freshsales.documents import Documents
from migration_assets.destinations.freshsales.known import Known, entry_of, told_of
from migration_assets.destinations.freshsales.lists import Lists
from migration_assets.destinations.freshsales.marked import MarkedRecords
from migration_assets.destinations.freshsales.shapes import CONTACT, DEAL, shape_of
from migration_assets.destinations.freshsales.vocabulary import Vocabulary
from migration_assets.destinations.removal import LAST_CHANGE_COLUMNS

ROWS_A_FRAME = 1_000


class Reader:
    """Reads records of one account back. ``marked`` are the objects that are found by a marker."""

    def __init__(
        self, lists: Lists, known: Known, vocabulary: Vocabulary, marked: Mapping[str, MarkedRecords]
    ) -> None:
        self._lists = lists
        self._known = known
        self._vocabulary = vocabulary
        self._marked = marked

    def read(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        """As ``Destination.read``; one frame without rows where nothing is found."""
        schema, key = request.schema, request.schema.key_field
        names = [key, *(name for name in request.fields or schema.returned_names if name != key)]
        if schema.name in self._marked:
            rows = self._of_marked(request, names)
        else:
            rows = (row for row, _ in self._of_records(request, names))
        yield from _frames(schema, names, rows)

    def unkeyed(self, schema: ObjectSchema, fields: Sequence[str]) -> Iterator[pl.DataFrame]:
        """As ``Destination.unkeyed``. What is found by a marker is never adopted: none is given."""
        if schema.name in self._marked:
            yield values.frame(schema, fields, [])
            return
        narrow = _narrowed(schema, fields)
        words = self._vocabulary.words(narrow)
        rows = (
            shapes.row(narrow, record, words, _as_id)
            for record in self._listed(narrow)
            if self._known.key(schema.name, record) is None
        )
        yield from _frames(schema, fields, rows)

    def last_changes(self, request: ReadRequest, user_id: int | None) -> Iterator[pl.DataFrame]:
        """As ``Destination.last_changes``; without the key's own user, and of what is found by a marker, it
        isn't known who it was. No call more than a reading of the keys takes.
        """
        schema, key = request.schema, request.schema.key_field
        found: Iterator[tuple[Mapping[str, Any], Json]]
        if schema.name in self._marked:
            found = ((row, {}) for row in self._of_marked(request, [key]))
        else:
            found = self._of_records(request, [key], ("updater",))
        rows = []
        for row, record in found:
            by = record.get("updater_id")
            rows.append(
                {
                    "_id": str(row["_id"]),
                    "key": row[key],
                    "_changed_at": values.utc(row["_modified_at"]),
                    "_changed_by_us": None if by is None or user_id is None else by == user_id,
                }
            )
        yield pl.DataFrame(rows, schema=LAST_CHANGE_COLUMNS)

    def _of_marked(self, request: ReadRequest, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        schema, prefix = request.schema, request.key_prefix
        reader = self._marked[schema.name]
        if request.keys is None:
            pages = reader.found(schema, prefix)
        else:
            pages = iter([reader.some(schema, prefix, request.keys, request.thought)])
        for page in pages:
            for row in page:
                if isinstance(reader, Documents) and documents.CHECKSUM in names:
                    yield {**row, documents.CHECKSUM: reader.checksum(row)}
                else:
                    yield row

    def _of_records(
        self, request: ReadRequest, names: Sequence[str], includes: Sequence[str] = ()
    ) -> Iterator[tuple[dict[str, Any], Json]]:
        """Rows and records of ours."""
        schema = request.schema
        narrow = _narrowed(schema, names)
        words = self._vocabulary.words(narrow)
        if request.keys is None:
            records = self._of_prefix(narrow, request.key_prefix, includes)
        else:
            keys = [key for key in dict.fromkeys(request.keys) if key.startswith(request.key_prefix)]
            records = self._of_keys(narrow, keys, _ids(request), includes)
        for record in records:
            key = self._known.key(schema.name, record)
            yield {**shapes.row(narrow, record, words, self._known.key_of), schema.key_field: key}, record

    def _of_prefix(self, schema: ObjectSchema, prefix: str, includes: Sequence[str]) -> Iterator[Json]:
        """The whole listing also tells what is there by key."""
        every: list[Json] = []
        for record in self._listed(schema, prefix, includes, every):
            key = self._known.key(schema.name, record)
            if key is not None and key.startswith(prefix):
                yield record
        self._known.learn(schema.name, every)

    def _of_keys(
        self, schema: ObjectSchema, keys: Collection[str], ids: Mapping[str, str], includes: Sequence[str]
    ) -> Iterator[Json]:
        """Of the records that were changed last, then one by one, or out of the listing."""
        name, shape, asked = schema.name, shape_of(schema.name), [*includes, *_includes(schema)]
        wanted = set(keys)
        with_contacts = _has_contacts(schema)
        pages = 0
        if len(wanted) > 1 or not wanted <= ids.keys():
            with_accounts = ["sales_accounts"] if name == CONTACT else []
            latest = self._lists.latest(shape, list(dict.fromkeys([*asked, *with_accounts])))
            self._known.opened(name, latest)
            pages = latest.pages
            for record in sorted(latest.records, key=lambda each: int(each["id"])):
                key = self._known.key(name, record)
                if key in wanted and not with_contacts:
                    wanted.discard(key)
                    yield record
            if latest.whole:
                there = self._known.of(name)
                wanted &= there.keys()
        if not wanted:
            return
        calls = sum(1 if key in ids else 2 for key in wanted)
        if pages and calls > pages + (len(wanted) if with_contacts else 0):
            yield from self._of_those(schema, wanted, includes)
            return
        asked += ["contacts"] if with_contacts else []
        for key in keys:
            if key in wanted:
                found = self._by_id(schema, key, ids.get(key), asked)
                if found is not None:
                    yield found

    def _of_those(
        self, schema: ObjectSchema, keys: Collection[str], includes: Sequence[str]
    ) -> Iterator[Json]:
        every: list[Json] = []
        for record in self._listed(schema, "", includes, every, keys):
            if self._known.key(schema.name, record) in keys:
                yield record
        self._known.learn(schema.name, every)

    def _by_id(self, schema: ObjectSchema, key: str, told: str | None, asked: Sequence[str]) -> Json | None:
        """By the id that the caller knows, else by the one that a search finds."""
        name, shape = schema.name, shape_of(schema.name)
        if told is not None:
            record = self._lists.one(shape, told, asked)
            if record is not None and self._known.key(name, record) == key:
                self._known.put(name, key, entry_of(record))
                return record
            self._known.drop(name, key)
        entry = self._known.find(name, [key]).get(key)
        if entry is None or str(entry.id) == told:
            return None
        record = self._lists.one(shape, entry.id, asked)
        return record if record is not None and self._known.key(name, record) == key else None

    def _listed(
        self,
        schema: ObjectSchema,
        prefix: str = "",
        includes: Sequence[str] = (),
        every: list[Json] | None = None,
        keys: Collection[str] | None = None,
    ) -> Iterator[Json]:
        """All records; ``every`` gets the little of each that look-ups need. A deal whose contact isn't asked
        for, whose key hasn't the prefix or is none of the ``keys``, takes no call of its own."""
        shape = shape_of(schema.name)
        asked = [*includes, *_includes(schema)]

        def wanted(record: Json) -> bool:
            key = self._known.key(schema.name, record)
            if keys is not None:
                return key in keys
            return key is not None and key.startswith(prefix) if prefix else key is None

        if _has_contacts(schema):
            pages = self._lists.with_children(shape, "contacts", wanted, asked)
        else:
            pages = self._lists.whole(shape, asked)
        for page in pages:
            for record in page:
                if every is not None:
                    every.append(told_of(record))
                yield record


def _includes(schema: ObjectSchema) -> list[str]:
    """Includes of a list without which it lacks a field of the schema."""
    found = []
    if any(each.type is FieldType.USER for each in schema.fields):
        found.append("owner")
    if schema.name == CONTACT:
        found.append("sales_accounts")
    if schema.name == DEAL and "sales_account" in schema.field_names:
        found.append("sales_account")
    return found


def _has_contacts(schema: ObjectSchema) -> bool:
    """Whether a field of it stands in a list of its own, beside the record."""
    return schema.name == DEAL and shapes.CONTACTS_OF_DEAL in schema.field_names


def _ids(request: ReadRequest) -> dict[str, str]:
    """Key -> id, as far as the caller thinks to know it."""
    thought = request.thought
    if thought is None or "_id" not in thought.columns:
        return {}
    return dict(thought.select(request.schema.key_field, "_id").drop_nulls().iter_rows())


def _narrowed(schema: ObjectSchema, names: Sequence[str]) -> ObjectSchema:
    wanted = {*names, schema.key_field}
    return replace(schema, fields=tuple(each for each in schema.fields if each.name in wanted))


def _as_id(_field: FieldSchema, record_id: Any) -> str | None:
    return None if record_id is None else str(record_id)


def _frames(
    schema: ObjectSchema, names: Sequence[str], rows: Iterator[Mapping[str, Any]]
) -> Iterator[pl.DataFrame]:
    part: list[Mapping[str, Any]] = []
    empty = True
    for row in rows:
        part.append(row)
        if len(part) == ROWS_A_FRAME:
            yield values.frame(schema, names, part)
            part, empty = [], False
    if part or empty:
        yield values.frame(schema, names, part)
