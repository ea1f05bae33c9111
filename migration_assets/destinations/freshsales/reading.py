"""Records as the account holds them, typed, with the parents' keys where the account has ids.

How lists are paged is ``lists``', how a record's values stand in them ``shapes``', ``notes``',
``appointments``' and ``documents``'. Calls: one for 100 records of an object and of each object that it
refers to (once a connection), and what the modules of notes, documents and of a deal's contacts say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema, ReadRequest
from migration_assets.destinations.freshsales import documents, shapes, values
from migration_assets.destinations.freshsales.api import Json
from migration_assets.destinations.freshsales.documents import Documents
from migration_assets.destinations.freshsales.known import Known
from migration_assets.destinations.freshsales.lists import Lists
from migration_assets.destinations.freshsales.marked import MarkedRecords
from migration_assets.destinations.freshsales.shapes import CONTACT, DEAL, shape_of
from migration_assets.destinations.freshsales.vocabulary import Vocabulary
from migration_assets.destinations.removal import LAST_CHANGE_COLUMNS

ROWS_A_FRAME = 1_000
_LOOKED_UP = ("id", "external_id", "custom_field", "sales_accounts")


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
            rows = self._of_marked(schema, names, request.key_prefix)
        else:
            rows = (row for row, _ in self._of_records(schema, names, request.key_prefix))
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
            found = ((row, {}) for row in self._of_marked(schema, [key], request.key_prefix))
        else:
            found = self._of_records(schema, [key], request.key_prefix, ("updater",))
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

    def _of_marked(
        self, schema: ObjectSchema, names: Sequence[str], prefix: str
    ) -> Iterator[Mapping[str, Any]]:
        reader = self._marked[schema.name]
        for page in reader.found(schema, prefix):
            for row in page:
                if isinstance(reader, Documents) and documents.CHECKSUM in names:
                    yield {**row, documents.CHECKSUM: reader.checksum(row)}
                else:
                    yield row

    def _of_records(
        self, schema: ObjectSchema, names: Sequence[str], prefix: str, includes: Sequence[str] = ()
    ) -> Iterator[tuple[dict[str, Any], Json]]:
        """Rows and records of ours. The whole listing also tells what is there by key."""
        narrow = _narrowed(schema, names)
        words = self._vocabulary.words(narrow)
        every: list[Json] = []
        for record in self._listed(narrow, prefix, includes, every):
            key = self._known.key(schema.name, record)
            if key is not None and key.startswith(prefix):
                yield {**shapes.row(narrow, record, words, self._known.key_of), schema.key_field: key}, record
        self._known.learn(schema.name, every)

    def _listed(
        self,
        schema: ObjectSchema,
        prefix: str = "",
        includes: Sequence[str] = (),
        every: list[Json] | None = None,
    ) -> Iterator[Json]:
        """All records; ``every`` gets the little of each that look-ups need. A deal whose contact isn't asked
        for, or whose key hasn't the prefix, takes no call of its own."""
        shape = shape_of(schema.name)
        asked = [*includes, *_includes(schema)]

        def wanted(record: Json) -> bool:
            key = self._known.key(schema.name, record)
            return key is not None and key.startswith(prefix) if prefix else key is None

        if schema.name == DEAL and shapes.CONTACTS_OF_DEAL in schema.field_names:
            pages = self._lists.with_children(shape, "contacts", wanted, asked)
        else:
            pages = self._lists.whole(shape, asked)
        for page in pages:
            for record in page:
                if every is not None:
                    every.append({name: record.get(name) for name in _LOOKED_UP})
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
