"""Records that join others as the org holds them: found by the records that they join, and typed.

What joins records of a practice is asked for at once, what joins a few of them by these. Which of it is sent
is ``joining``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

import polars as pl

from migration_assets.destinations.base import (
    FieldSchema,
    ObjectSchema,
    ReadRequest,
    joined_key,
    joined_keys,
)
from migration_assets.destinations.salesforce import csv
from migration_assets.destinations.salesforce.parents import Parents, practice_prefix
from migration_assets.destinations.salesforce.queries import Queries, is_one_of, once, starts_with

_ID = "_id"
_LINK, _DOCUMENT = "ContentDocumentLink", "ContentDocumentId"
_LINKS_A_QUERY = 400
"""Documents that one GET names: an id takes 27 characters of an address, which holds about 16,000."""

_PLATFORMS_OWN = {
    "EventRelation": ("IsInvitee", "IsInvitee = true"),
    "AccountContactRelation": (None, "IsDirect = false"),
}
"""Objects of which the platform makes records itself (an event's WhoId, a contact's own account): the field
without which an org has none of these, and the condition that leaves them out."""

_Joined = tuple[tuple[str, ...], ...]
"""What may stand in each of a record's joins, in their order: ids or keys; nothing where a key is no joined
one."""


class JoinedReader:
    """Reads joining records of one org."""

    def __init__(self, queries: Queries, parents: Parents) -> None:
        self._queries = queries
        self._parents = parents

    def joining(
        self, schema: ObjectSchema, pairs: Sequence[tuple[str, ...]], practice: str
    ) -> Iterator[pl.DataFrame]:
        """What joins these records, whoever made it, and maybe more: ``_id``, ``_modified_at`` and the sent
        fields, references as ids. At least one page."""
        if schema.name == _LINK:
            place = schema.joins.index(_DOCUMENT)
            return self._links(schema, schema.sent_fields, (pair[place] for pair in pairs))
        items = [tuple((each,) for each in pair) for pair in pairs]
        columns = dict(enumerate(schema.joins))
        return self._pages(schema, schema.sent_fields, practice, (columns, items), ours=False)

    def _pages(
        self,
        schema: ObjectSchema,
        fields: Sequence[FieldSchema],
        practice: str,
        some: tuple[Mapping[int, str], Sequence[_Joined]] | None = None,
        *,
        ours: bool,
    ) -> Iterator[pl.DataFrame]:
        """Typed records, references as ids: all that join a record of the practice, or ``some`` of them. At
        least one page, maybe without rows.

        ``some`` are columns by their place among the joins, and what stands in each of all joins' places.
        """
        key = schema.field(schema.joins[_followed(schema)[0]])
        of_practice = starts_with(f"{key.relationship}.{csv.PARENT_KEY}", practice)
        own = _PLATFORMS_OWN.get(schema.name)
        leave_out = ours and own is not None and own[0] in (None, *schema.field_names)
        left_out = f" AND {own[1]}" if own is not None and leave_out else ""
        if some is None:
            asked = partial(self._queries.bulk, condition=of_practice + left_out)
        else:
            columns, items = some

            def joining(part: Sequence[_Joined]) -> str:
                conditions = [
                    is_one_of(column, sorted({each for item in part for each in item[place]}))
                    for place, column in columns.items()
                ]
                return " AND ".join(conditions) + left_out

            asked = partial(
                self._queries.named, condition=joining, items=items, otherwise=[of_practice + left_out]
            )
        return self._typed(schema, fields, asked)

    def _links(
        self, schema: ObjectSchema, fields: Sequence[FieldSchema], documents: Iterable[str]
    ) -> Iterator[pl.DataFrame]:
        """The same of files' links, by the documents' ids, since the platform answers nothing else."""
        ids = list(dict.fromkeys(documents))

        def asked(name: str, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
            for start in range(0, len(ids), _LINKS_A_QUERY):
                condition = is_one_of(_DOCUMENT, ids[start : start + _LINKS_A_QUERY])
                yield from self._queries.rest(name, columns, condition)

        return self._typed(schema, fields, asked)

    @staticmethod
    def _typed(
        schema: ObjectSchema,
        fields: Sequence[FieldSchema],
        asked: Callable[[str, Sequence[str]], Iterator[pl.DataFrame]],
    ) -> Iterator[pl.DataFrame]:
        names = list(dict.fromkeys([*schema.joins, *(each.name for each in fields)]))
        columns = ["Id", "SystemModstamp", *names]
        yield csv.typed(_renamed(pl.DataFrame(schema=dict.fromkeys(columns, pl.String))), schema, names)
        for page in asked(schema.name, columns):
            yield csv.typed(_renamed(page), schema, names)

    def read(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        """As ``Destination.read``: what joins ours only, without what the platform makes by itself."""
        schema, key = request.schema, request.schema.key_field
        practice = practice_prefix(request.key_prefix)
        names = [each for each in request.fields or schema.returned_names if each != key]
        references = [each for each in schema.references if each.name in {*names, *schema.joins}]
        if not practice:
            raise ValueError(f"{schema.name} is read by practice: its keys are made of the parents' keys")
        wanted = pl.col(key).str.starts_with(request.key_prefix)
        whole = request.keys is None
        keys = {each.name: self._parents.keys(each, practice) for each in references if whole}
        if request.keys is not None:
            wanted &= pl.col(key).is_in(request.keys)
        for page in once(self._asked(request, names, keys), _ID):
            for each in () if whole else references:
                ids = page[each.name].drop_nulls().unique()
                keys[each.name] = self._parents.keys_of(each, ids, practice)
            named = page.with_columns(
                pl.col(name).replace_strict(known, default=None, return_dtype=pl.String)
                for name, known in keys.items()
            ).drop_nulls(list(schema.joins))
            named = named.with_columns(joined_keys(schema, practice.removesuffix(":")).alias(key))
            yield named.filter(wanted).select(_ID, "_modified_at", key, *names)

    def _asked(
        self, request: ReadRequest, names: Sequence[str], keys: Mapping[str, Collection[str]]
    ) -> Iterator[pl.DataFrame]:
        """What may be among the records that are asked for; ``keys`` are the parents' by reference, where all
        of the practice's are known."""
        schema, practice = request.schema, practice_prefix(request.key_prefix)
        stored = [schema.field(each) for each in names]
        items = (
            None
            if request.keys is None
            else [joined for key in request.keys if (joined := _joined_by(schema, practice, key))]
        )
        if schema.name == _LINK:
            return self._links(schema, stored, self._documents(schema, items, keys))
        if items is None:
            return self._pages(schema, stored, practice, ours=True)
        columns = {
            place: f"{schema.field(schema.joins[place]).relationship}.{csv.PARENT_KEY}"
            for place in _followed(schema)
        }
        return self._pages(schema, stored, practice, (columns, items), ours=True)

    def _documents(
        self,
        schema: ObjectSchema,
        items: Sequence[_Joined] | None,
        keys: Mapping[str, Collection[str]],
    ) -> Collection[str]:
        if items is None:
            return keys[_DOCUMENT]
        place = schema.joins.index(_DOCUMENT)
        named = {each for item in items for each in item[place]}
        return self._parents.ids(schema.field(_DOCUMENT), named).values()


def _followed(schema: ObjectSchema) -> list[int]:
    """Places of the joins whose parent's key a query can reach."""
    fields = [schema.field(name) for name in schema.joins]
    found = [
        place
        for place, field in enumerate(fields)
        if not csv.is_by_id(field) and not csv.is_polymorphic(field) and field.relationship
    ]
    if not found:
        raise ValueError(f"{schema.name} joins no object by a relationship that a query can follow")
    return found


def _renamed(page: pl.DataFrame) -> pl.DataFrame:
    return page.rename({"Id": _ID, "SystemModstamp": "_modified_at"})


def parents_of(schema: ObjectSchema, practice: str, key: str) -> list[list[str]]:
    """Every way to read the parents' keys out of a record's key."""
    text = key.removeprefix(joined_key(practice.removesuffix(":"), schema.key_space or "", []))
    return [[practice + part for part in parts] for parts in _splits(text, len(schema.joins))]


def _joined_by(schema: ObjectSchema, practice: str, key: str) -> _Joined:
    """For each place among the joins every parent that the key may mean there."""
    return tuple(tuple(dict.fromkeys(each)) for each in zip(*parents_of(schema, practice, key), strict=True))


def _splits(text: str, parts: int) -> Iterator[list[str]]:
    """Every way to divide ``text`` at ``+`` into that many parts: a source id may hold one itself."""
    if parts == 1:
        yield [text]
        return
    for at, character in enumerate(text):
        if character == "+":
            for rest in _splits(text[at + 1 :], parts - 1):
                yield [text[:at], *rest]
