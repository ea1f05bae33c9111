"""Records of the account that nobody's migration has given a key: given one, and rid of it again.

Values of records that keep their key are put back in the same way. Each record is looked at first, since
between the look that people judged and the decision anybody may have changed it: a call for each of a few,
a listing for many; and a call to write each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from migration_assets.destinations.base import (
    KEY_CHANGED,
    RECORD_GONE,
    FieldSchema,
    KeyChange,
    LoadResult,
    ObjectSchema,
)
from migration_assets.destinations.freshsales import answers, shapes
from migration_assets.destinations.freshsales.api import Client, Json
from migration_assets.destinations.freshsales.errors_of_api import ApiRefused
from migration_assets.destinations.freshsales.known import Known, entry_of
from migration_assets.destinations.freshsales.lists import Lists
from migration_assets.destinations.freshsales.shapes import CONTACT, NoSuchStage, shape_of
from migration_assets.destinations.freshsales.vocabulary import Vocabulary

_FEW = 10


class Adoptions:
    """Writes keys in one account."""

    def __init__(self, client: Client, lists: Lists, known: Known, vocabulary: Vocabulary) -> None:
        self._client = client
        self._lists = lists
        self._known = known
        self._vocabulary = vocabulary

    def write_keys(self, schema: ObjectSchema, changes: Sequence[KeyChange]) -> list[LoadResult]:
        """As ``Destination.write_keys``, of records that have a key field."""
        there = self._there(schema, {change.record_id for change in changes})
        return [self._write(schema, change, there.get(change.record_id)) for change in changes]

    def _there(self, schema: ObjectSchema, ids: set[str]) -> dict[str, Json]:
        shape = shape_of(schema.name)
        if len(ids) > _FEW:
            includes = ("sales_accounts",) if schema.name == CONTACT else ()
            pages = self._lists.whole(shape, includes)
            return {str(each["id"]): each for page in pages for each in page if str(each["id"]) in ids}
        found = {}
        for record_id in ids:
            try:
                found[record_id] = self._client.get(f"{shape.path}/{record_id}")[shape.root]
            except ApiRefused as error:
                if error.status != 404:
                    raise
        return found

    def _write(self, schema: ObjectSchema, change: KeyChange, record: Json | None) -> LoadResult:
        if record is None:
            return answers.failed(change.key, RECORD_GONE, record_id=change.record_id)
        standing = self._known.key(schema.name, record)
        if standing == change.after and not (change.before == change.after and change.fields):
            return answers.loaded(change.key, change.record_id)
        if standing != change.before:
            return answers.failed(change.key, KEY_CHANGED, record_id=change.record_id)
        shape = shape_of(schema.name)
        try:
            body = self._body(schema, change)
            self._client.put(f"{shape.path}/{change.record_id}", {shape.root: body})
        except NoSuchStage:
            return answers.failed(change.key, answers.NO_SUCH_STAGE, shapes.STAGE, change.record_id)
        except ApiRefused as error:
            return replace(answers.refused(change.key, error, schema), destination_id=change.record_id)
        if change.before is not None and change.before != change.after:
            self._known.drop(schema.name, change.before)
        if change.after is not None:
            self._known.put(schema.name, change.after, entry_of(record))
        return answers.loaded(change.key, change.record_id)

    def _body(self, schema: ObjectSchema, change: KeyChange) -> Json:
        row = {**change.fields, schema.key_field: change.after}
        narrow = replace(schema, fields=tuple(each for each in schema.fields if each.name in row))
        return shapes.body(narrow, row, self._vocabulary.words(narrow), _as_id, creating=False)


def _as_id(_field: FieldSchema, record_id: str) -> int:
    return int(record_id)
