"""Records with a key field that nothing keeps unique: sales accounts, deals, records of a custom module.

Before one is created one looks whether it is there: a listing of the object (a call for 100 records) serves
the whole run. Then each record is a call, a create or a change by its id; a create whose answer was lost is
looked for among the newest before it is sent again. Contacts are ``contacts``'.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from migration_assets.destinations.base import Batch, LoadResult, ObjectSchema
from migration_assets.destinations.freshsales import answers, shapes
from migration_assets.destinations.freshsales.api import Client, Json
from migration_assets.destinations.freshsales.errors_of_api import EXTERNAL_ID_TAKEN, ApiRefused
from migration_assets.destinations.freshsales.known import Entry, Known, entry_of
from migration_assets.destinations.freshsales.lists import Lists
from migration_assets.destinations.freshsales.settings import EnvironmentSettings
from migration_assets.destinations.freshsales.shapes import NoSuchStage, ParentAbsent, Words, shape_of
from migration_assets.destinations.freshsales.vocabulary import Vocabulary
from migration_assets.errors import AnswerLost, DestinationUnreachable

LOOKS = 3
"""How often one looks for a record whose answer was lost: it may yet be saved."""

Row = Mapping[str, Any]


class Records:
    """Sends records of one account one by one."""

    def __init__(
        self,
        client: Client,
        settings: EnvironmentSettings,
        lists: Lists,
        known: Known,
        vocabulary: Vocabulary,
    ) -> None:
        self._client = client
        self._settings = settings
        self._lists = lists
        self._known = known
        self._vocabulary = vocabulary

    def send(self, batch: Batch) -> Iterator[Sequence[LoadResult]]:
        """As ``Destination.send``: each record is answered as soon as its call is."""
        schema = batch.schema
        answers.check_keys(batch.rows, schema)
        words = self._vocabulary.words(schema)
        self._known.prepare(
            schema.references, {each.name: batch.rows[each.name] for each in schema.references}
        )
        self.there(batch)
        for row in batch.rows.iter_rows(named=True):
            yield [self.bring(schema, row, words)]

    def there(self, batch: Batch) -> dict[str, Entry]:
        """What is there of the batch, by key; what the ledger takes to be there is looked for until it is
        found, or all have been listed."""
        name, keys = batch.schema.name, batch.rows[batch.schema.key_field]
        found = self._known.find(name, keys)
        return found | self._known.find(
            name, (key for key in keys if key not in batch.absent and key not in found), surely=True
        )

    def bring(self, schema: ObjectSchema, row: Row, words: Words) -> LoadResult:
        """One record, created or changed by its id."""
        key = row[schema.key_field]
        entry = self._known.find(schema.name, [key]).get(key)
        try:
            body = self.body(schema, row, words, entry)
            if entry is not None:
                try:
                    return self._change(schema, key, body, entry)
                except ApiRefused as error:
                    if error.status != 404:
                        raise
                    self._known.drop(schema.name, key)
                    body = self.body(schema, row, words, None)
            return self._create(schema, key, body)
        except ParentAbsent as absent:
            return answers.failed(key, answers.PARENT_ABSENT, absent.field)
        except NoSuchStage:
            return answers.failed(key, answers.NO_SUCH_STAGE, shapes.STAGE)
        except ApiRefused as error:
            return answers.refused(key, error, schema)

    def body(self, schema: ObjectSchema, row: Row, words: Words, entry: Entry | None) -> Json:
        """Raises ParentAbsent, NoSuchStage."""
        return shapes.body(
            schema,
            row,
            words,
            self._known.id_of,
            creating=entry is None,
            other_accounts=() if entry is None else self._not_ours(schema, entry),
        )

    def _not_ours(self, schema: ObjectSchema, entry: Entry) -> tuple[int, ...]:
        """Accounts of a contact that somebody else related it to."""
        if shapes.ACCOUNTS_OF_CONTACT not in schema.field_names or not entry.accounts:
            return ()
        field = schema.field(shapes.ACCOUNTS_OF_CONTACT)
        return tuple(each for each in entry.accounts if self._known.key_of(field, each) is None)

    def _change(self, schema: ObjectSchema, key: str, body: Json, entry: Entry) -> LoadResult:
        shape = shape_of(schema.name)
        self._client.put(f"{shape.path}/{entry.id}", {shape.root: body})
        return answers.loaded(key, entry.id)

    def _create(self, schema: ObjectSchema, key: str, body: Json) -> LoadResult:
        """Raises ApiRefused, DestinationUnreachable where every answer is lost and nothing is there."""
        shape = shape_of(schema.name)
        for _ in range(self._settings.retry_attempts):
            try:
                record = self._client.post(shape.path, {shape.root: body})[shape.root]
                return self._made(schema, key, entry_of(record))
            except AnswerLost:
                found = self._look(schema, key)
            except ApiRefused as error:
                if EXTERNAL_ID_TAKEN not in {reason.code for reason in error.reasons}:
                    raise
                # A creation before, whose answer was lost too, may have come to its end meanwhile.
                found = self._newest(schema, key)
                if found is None:
                    raise
            if found is not None:
                return self._made(schema, key, found)
        raise DestinationUnreachable(
            f"Freshsales lost every answer about a record of {schema.name}, which isn't there; run the "
            "upload again, it looks first"
        )

    def _made(self, schema: ObjectSchema, key: str, entry: Entry) -> LoadResult:
        self._known.put(schema.name, key, entry)
        return answers.loaded(key, entry.id, created=True)

    def _look(self, schema: ObjectSchema, key: str) -> Entry | None:
        """The record among the newest; a call each look."""
        for look in range(LOOKS):
            if look:
                time.sleep(self._settings.retry_wait * look)
            found = self._newest(schema, key)
            if found is not None:
                return found
        return None

    def _newest(self, schema: ObjectSchema, key: str) -> Entry | None:
        for record in self._lists.newest(shape_of(schema.name)):
            if self._known.key(schema.name, record) == key:
                return entry_of(record)
        return None
