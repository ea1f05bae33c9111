"""What notes, appointments and documents share: an index by marker, and a creation that is never doubled.

None of them can carry a key of its own. Where they are looked for is ``notes``', ``appointments``' and
``documents``'.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from migration_assets.destinations.base import RECORD_GONE, Batch, KeyChange, LoadResult, ObjectSchema
from migration_assets.destinations.freshsales import answers, values
from migration_assets.destinations.freshsales.api import Client
from migration_assets.destinations.freshsales.errors_of_api import ApiRefused
from migration_assets.destinations.freshsales.known import Known
from migration_assets.destinations.freshsales.lists import Lists
from migration_assets.destinations.freshsales.records import LOOKS
from migration_assets.destinations.freshsales.settings import EnvironmentSettings
from migration_assets.destinations.freshsales.shapes import ParentAbsent
from migration_assets.errors import AnswerLost, DestinationUnreachable

Row = Mapping[str, Any]
"""Of a payload, or found: then with ``_id``, ``_modified_at`` and the key, and text without its marker."""


class MarkedRecords(ABC):
    """One kind of them in one account. ``_place`` is the reference that names the record that one hangs on,
    ``_told_singly`` whether the API tells one by its id."""

    _place: str
    _told_singly = False

    def __init__(self, client: Client, settings: EnvironmentSettings, lists: Lists, known: Known) -> None:
        self._client = client
        self._settings = settings
        self._lists = lists
        self._known = known
        self._index: dict[str, dict[str, Row]] = {}
        self._single: dict[str, Row | None] = {}
        self._lock = threading.RLock()

    @abstractmethod
    def _found(self, schema: ObjectSchema, prefix: str) -> Iterator[list[Row]]:
        """Those of ours whose key starts with the prefix, a page at a time, each once."""

    @abstractmethod
    def _create(self, schema: ObjectSchema, row: Row) -> Row:
        """The new record. Raises AnswerLost, ApiRefused, ParentAbsent."""

    @abstractmethod
    def _change(self, schema: ObjectSchema, row: Row, there: Row) -> Row:
        """The record as it is then. Raises ApiRefused, ParentAbsent."""

    @abstractmethod
    def _on(self, schema: ObjectSchema, target: str, keys: Collection[str]) -> Iterator[Row]:
        """Those of the keys that hang on the record with the key ``target``. Raises ParentAbsent."""

    @abstractmethod
    def _listing_is_cheaper(self, schema: ObjectSchema, calls: int) -> bool:
        """Than so many calls for single records, or for what hangs on one."""

    def _one(self, schema: ObjectSchema, record_id: str) -> Row | None:  # noqa: ARG002
        """The one with that id, where the API tells single ones; a call."""
        return None

    def _look(self, schema: ObjectSchema, row: Row) -> Row | None:
        """The record of a creation whose answer was lost, with as few calls as it takes."""
        key, target = row[schema.key_field], row.get(self._place)
        if target is None:
            pages = self._found(schema, key)
            return next((each for page in pages for each in page if each[schema.key_field] == key), None)
        return next(self._on(schema, target, {key}), None)

    def some(
        self, schema: ObjectSchema, prefix: str, keys: Collection[str], thought: pl.DataFrame | None
    ) -> list[Row]:
        """Those with these keys, each once, looked for where they are ``thought`` to be (``ReadRequest``); by
        a listing where that takes fewer calls, or nothing is thought of one."""
        key = schema.key_field
        wanted = {each for each in keys if each.startswith(prefix)}
        if not wanted:
            return []
        found = None
        if thought is not None:
            of_keys = thought.filter(pl.col(key).is_in(list(wanted)))
            ids = of_keys.select(key, "_id").drop_nulls().rows() if self._told_singly else []
            found = self._at(schema, wanted, of_keys.select(key, self._place).rows(), dict(ids))
        if found is None:
            listed = (row for page in self.found(schema, prefix) for row in page)
            found = {row[key]: row for row in listed if row[key] in wanted}
        with self._lock:
            self._single |= {each: found.get(each) for each in wanted}
            for index in self._index.values():
                index.update(found)
        return list(found.values())

    def _at(
        self,
        schema: ObjectSchema,
        keys: Collection[str],
        places: Collection[tuple[str, str | None]],
        ids: Mapping[str, str],
    ) -> dict[str, Row] | None:
        """Those found by their ids or at their places; None where a key has neither, or to list all takes
        fewer calls."""
        placed = [(key, target) for key, target in places if target is not None]
        targets = {target for key, target in placed if key not in ids}
        somewhere = {key for key, _ in placed} - {key for key, target in places if target is None}
        if not (ids.keys() | somewhere).issuperset(keys):
            return None
        if self._listing_is_cheaper(schema, len(ids) + len(targets)):
            return None
        found: dict[str, Row] = {}
        for key, record_id in ids.items():
            row = self._one(schema, record_id)
            if row is not None and row[schema.key_field] == key:
                found[key] = row
        by_target: dict[str, set[str]] = {}
        for key, target in placed:
            if key not in found:
                by_target.setdefault(target, set()).add(key)
        field = schema.field(self._place)
        self._known.prepare([field], {field.name: by_target})
        for target in by_target:
            try:
                for row in self._on(schema, target, keys):
                    found.setdefault(row[schema.key_field], row)
            except ParentAbsent:
                continue
        return found

    def found(self, schema: ObjectSchema, prefix: str) -> Iterator[list[Row]]:
        """As ``_found``; once it has come to its end it serves the look-ups of this connection too."""
        index: dict[str, Row] = {}
        for page in self._found(schema, prefix):
            for row in page:
                index.setdefault(row[schema.key_field], row)
            yield page
        with self._lock:
            self._index[prefix] = index

    def send(self, batch: Batch) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.send``: a call a record, after one look at what is there for a whole run."""
        schema = batch.schema
        answers.check_keys(batch.rows, schema)
        if batch.rows.is_empty():
            return
        self._known.prepare(
            schema.references, {each.name: batch.rows[each.name] for each in schema.references}
        )
        there = self.there(batch)
        for row in batch.rows.iter_rows(named=True):
            yield [self._bring(schema, row, there)]

    def there(self, batch: Batch) -> dict[str, Row]:
        """What is there of the batch: as it was read in this connection, or at the records that new ones are
        to hang on, or out of a listing, since one that the ledger knows may hang elsewhere."""
        schema, key = batch.schema, batch.schema.key_field
        prefix = f"{batch.rows[key][0].partition(':')[0]}:"
        with self._lock:
            if prefix in self._index:
                return self._index[prefix]
            read = [each for each in batch.rows[key] if self._is_sure(each, batch)]
            unread = batch.rows.filter(~pl.col(key).is_in(read))
            if unread.height:
                found = None
                if batch.absent.issuperset(unread[key]):
                    found = self._at(schema, set(unread[key]), unread.select(key, self._place).rows(), {})
                if found is None:
                    return self._there(schema, prefix)
                self._single |= {each: found.get(each) for each in unread[key]}
            there = ((each, self._single.get(each)) for each in batch.rows[key])
            return {each: row for each, row in there if row is not None}

    def _is_sure(self, key: str, batch: Batch) -> bool:
        """Whether it was read: found, or not found where the ledger doesn't expect it either."""
        return key in self._single and (self._single[key] is not None or key in batch.absent)

    def _there(self, schema: ObjectSchema, prefix: str) -> dict[str, Row]:
        with self._lock:
            if prefix not in self._index:
                for _ in self.found(schema, prefix):
                    pass
            return self._index[prefix]

    def write_keys(self, schema: ObjectSchema, changes: Sequence[KeyChange]) -> list[LoadResult]:
        """As ``Destination.write_keys``, of records that keep their marker.

        Raises ValueError for others: what bears no marker is never adopted.
        """
        if any(change.before != change.after for change in changes):
            raise ValueError(f"a {schema.name} keeps its marker: none is given to one, or taken from it")
        return [self._write_back(schema, change) for change in changes]

    def _write_back(self, schema: ObjectSchema, change: KeyChange) -> LoadResult:
        there = self._there(schema, f"{change.key.partition(':')[0]}:")
        found = there.get(change.key)
        if found is None or str(found["_id"]) != change.record_id:
            return answers.failed(change.key, RECORD_GONE, record_id=change.record_id)
        now = {each.name: values.from_json(each, found.get(each.name)) for each in schema.sent_fields}
        row = {**now, schema.key_field: change.key, **change.fields}
        for field in schema.references:
            if field.name in change.fields:
                row[field.name] = self._known.key_of(field, change.fields[field.name])
        try:
            there[change.key] = self._change(schema, row, found)
        except ParentAbsent as absent:
            return answers.failed(change.key, answers.PARENT_ABSENT, absent.field, change.record_id)
        except ApiRefused as error:
            return replace(answers.refused(change.key, error, schema), destination_id=change.record_id)
        return answers.loaded(change.key, change.record_id)

    def _remember(self, there: dict[str, Row], key: str, row: Row) -> None:
        with self._lock:
            there[key] = self._single[key] = row

    def drop(self, key: str) -> None:
        """The record was deleted."""
        with self._lock:
            self._single.pop(key, None)
            for index in self._index.values():
                index.pop(key, None)

    def _bring(self, schema: ObjectSchema, row: Row, there: dict[str, Row]) -> LoadResult:
        key = row[schema.key_field]
        found = there.get(key)
        try:
            if found is not None:
                try:
                    now = self._change(schema, row, found)
                    self._remember(there, key, now)
                    return answers.loaded(key, now["_id"])
                except ApiRefused as error:
                    if error.status != 404:
                        raise
                    there.pop(key, None)
            return self._once(schema, row, there)
        except ParentAbsent as absent:
            return answers.failed(key, answers.PARENT_ABSENT, absent.field)
        except ApiRefused as error:
            return answers.refused(key, error, schema)

    def _once(self, schema: ObjectSchema, row: Row, there: dict[str, Row]) -> LoadResult:
        """Create it; where an answer is lost, look before creating again. Raises DestinationUnreachable."""
        key = row[schema.key_field]
        for _ in range(self._settings.retry_attempts):
            try:
                made: Row | None = self._create(schema, row)
            except AnswerLost:
                made = self._look_again(schema, row)
            if made is not None:
                self._remember(there, key, made)
                return answers.loaded(key, made["_id"], created=True)
        raise DestinationUnreachable(
            f"Freshsales lost every answer about a {schema.name}, which isn't there; run the upload again, "
            "it looks first"
        )

    def _look_again(self, schema: ObjectSchema, row: Row) -> Row | None:
        for look in range(LOOKS):
            if look:
                time.sleep(self._settings.retry_wait * look)
            found = self._look(schema, row)
            if found is not None:
                return found
        return None
