"""What notes, appointments and documents share: an index by marker, and a creation that is never doubled.

None of them can carry a key of its own. Where they are looked for is ``notes``', ``appointments``' and
``documents``'.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from migration_assets.destinations.base import Batch, KeyChange, LoadResult, ObjectSchema
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
    """One kind of them in one account."""

    def __init__(self, client: Client, settings: EnvironmentSettings, lists: Lists, known: Known) -> None:
        self._client = client
        self._settings = settings
        self._lists = lists
        self._known = known
        self._index: dict[str, dict[str, Row]] = {}
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
    def _look(self, schema: ObjectSchema, row: Row) -> Row | None:
        """The record of a creation whose answer was lost, with as few calls as it takes."""

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
        practice = batch.rows[schema.key_field][0].partition(":")[0]
        there = self._there(schema, f"{practice}:")
        for row in batch.rows.iter_rows(named=True):
            yield [self._bring(schema, row, there)]

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
            return answers.failed(change.key, answers.RECORD_GONE, record_id=change.record_id)
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

    def drop(self, key: str) -> None:
        """The record was deleted."""
        with self._lock:
            for index in self._index.values():
                index.pop(key, None)

    def _bring(self, schema: ObjectSchema, row: Row, there: dict[str, Row]) -> LoadResult:
        key = row[schema.key_field]
        found = there.get(key)
        try:
            if found is not None:
                try:
                    now = self._change(schema, row, found)
                    there[key] = now
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
                there[key] = made
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
