"""Deleting records of an account, and what hangs on them.

Contacts, accounts, deals and records of modules go into the recycle bin (90 days), a hundred a call; what
hangs on them goes with them. Notes and appointments go for good, a call each, and so do files where the
account deletes them at all (no source has that call). What is deleted, and in which order, is for the
engine to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import polars as pl

from migration_assets.destinations.base import ObjectSchema
from migration_assets.destinations.freshsales import answers
from migration_assets.destinations.freshsales.api import Client, Json
from migration_assets.destinations.freshsales.documents import Documents
from migration_assets.destinations.freshsales.errors_of_api import ApiRefused
from migration_assets.destinations.freshsales.known import Known
from migration_assets.destinations.freshsales.lists import Lists
from migration_assets.destinations.freshsales.marked import MarkedRecords
from migration_assets.destinations.freshsales.shapes import (
    ACCOUNT,
    CONTACT,
    DEAL,
    DOCUMENT,
    shape_of,
)
from migration_assets.destinations.removal import DEPENDENT_COLUMNS, Removal

_RECORDS_A_CALL = 100
_ON_RECORDS = {
    CONTACT: ("notes", "tasks", "appointments", "deals"),
    ACCOUNT: ("notes", "tasks", "appointments"),
    DEAL: ("notes", "tasks", "appointments"),
}
_GO_WITH_IT = frozenset({"notes", "tasks"})
_BATCHES_GONE = (404, 405, 501)

Dependent = tuple[str, str, str, bool]


class Remover:
    """Deletes records of one account, and looks for what depends on them."""

    def __init__(
        self, client: Client, lists: Lists, known: Known, marked: Mapping[str, MarkedRecords]
    ) -> None:
        self._client = client
        self._lists = lists
        self._known = known
        self._marked = marked

    def delete(self, schema: ObjectSchema, records: Mapping[str, str]) -> Iterator[Sequence[Removal]]:
        """As ``Destination.delete``."""
        pairs = list(records.items())
        for start in range(0, len(pairs), _RECORDS_A_CALL):
            part = pairs[start : start + _RECORDS_A_CALL]
            if schema.name not in self._marked and len(part) > 1 and self._together(schema, part):
                yield [self._gone(schema, key, "deleted") for key, _ in part]
                continue
            for key, record_id in part:
                yield [self._delete(schema, key, record_id)]

    def _together(self, schema: ObjectSchema, part: Sequence[tuple[str, str]]) -> bool:
        """False where one of them isn't there any more, or the account doesn't take the call."""
        body = {"selected_ids": [int(record_id) for _, record_id in part]}
        try:
            self._client.post(f"{shape_of(schema.name).path}/bulk_destroy", body, repeatable=True)
        except ApiRefused as error:
            if error.status not in (400, *_BATCHES_GONE):
                raise
            return False
        return True

    def _delete(self, schema: ObjectSchema, key: str, record_id: str) -> Removal:
        try:
            if schema.name == DOCUMENT:
                return self._delete_file(schema, key, record_id)
            path = f"{schema.name}s" if schema.name in self._marked else shape_of(schema.name).path
            was_there = self._client.delete(f"{path}/{record_id}")
        except ApiRefused as error:
            return Removal(key, "failed", error.code, answers.told(error.code))
        return self._gone(schema, key, "deleted" if was_there else "gone")

    def _delete_file(self, schema: ObjectSchema, key: str, record_id: str) -> Removal:
        documents = self._marked[DOCUMENT]
        assert isinstance(documents, Documents)
        if not documents.delete(schema, key, int(record_id)):
            code = answers.GOES_WITH_RECORD
            return Removal(key, "with_parent", code, answers.told(code))
        return self._gone(schema, key, "deleted")

    def _gone(self, schema: ObjectSchema, key: str, outcome: str) -> Removal:
        if schema.name in self._marked:
            self._marked[schema.name].drop(key)
        else:
            self._known.drop(schema.name, key)
        return Removal(key, "gone" if outcome == "gone" else "deleted")

    def dependents(
        self, schema: ObjectSchema, record_ids: Collection[str], modules: Mapping[str, Sequence[str]]
    ) -> Iterator[pl.DataFrame]:
        """As ``Destination.dependents``. ``modules`` are the account's custom modules, each with the API
        names of its fields that look such a record up.

        Calls: one a record for what hangs on it and one for its files; a listing of each module and, for
        sales accounts, of contacts and deals. Files and activities have no dependents.
        """
        ids = dict.fromkeys(record_ids)
        found: list[Dependent] = []
        if ids and schema.name not in self._marked:
            for record_id in ids:
                if schema.name in _ON_RECORDS:
                    found += self._hanging_on(schema, record_id)
            for name, fields in modules.items():
                found += self._of_module(name, fields, set(ids))
            if schema.name == ACCOUNT:
                found += self._of_account(set(ids))
        unique = list(dict.fromkeys(found))
        yield pl.DataFrame(unique, schema=DEPENDENT_COLUMNS, orient="row")

    def _hanging_on(self, schema: ObjectSchema, record_id: str) -> Iterator[Dependent]:
        shape = shape_of(schema.name)
        names = _ON_RECORDS[schema.name]
        try:
            answer = self._client.get(f"{shape.path}/{record_id}", {"include": ",".join(names)})
        except ApiRefused as error:
            if error.status == 404:
                return
            raise
        for name in names:
            for each in answer.get(name) or []:
                yield record_id, name.removesuffix("s"), str(each["id"]), name in _GO_WITH_IT
        for document in self._lists.documents(shape, int(record_id)):
            yield record_id, DOCUMENT, str(document["id"]), True

    def _of_module(self, name: str, fields: Sequence[str], ids: set[str]) -> Iterator[Dependent]:
        for record in self._every(name, ()):
            for field in fields:
                value = str((record.get("custom_field") or {}).get(field))
                if value in ids:
                    yield value, name, str(record["id"]), False

    def _of_account(self, ids: set[str]) -> Iterator[Dependent]:
        for record in self._every(CONTACT, ("sales_accounts",)):
            for link in record.get("sales_accounts") or []:
                if str(link["id"]) in ids:
                    yield str(link["id"]), CONTACT, str(record["id"]), False
        for record in self._every(DEAL, ("sales_account",)):
            if str(record.get("sales_account_id")) in ids:
                yield str(record["sales_account_id"]), DEAL, str(record["id"]), False

    def _every(self, name: str, includes: Sequence[str]) -> Iterator[Json]:
        for page in self._lists.whole(shape_of(name), includes):
            yield from page
