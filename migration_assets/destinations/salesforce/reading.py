"""Records as the org holds them, typed and with the parents' keys where the org has ids.

How queries run is ``queries``'. Records that are found by the parents that they join are ``joining``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import polars as pl

from migration_assets.destinations.base import FieldSchema, ReadRequest
from migration_assets.destinations.salesforce import csv
from migration_assets.destinations.salesforce.parents import Parents, practice_prefix
from migration_assets.destinations.salesforce.queries import Queries, is_one_of, once, starts_with

VERSION = ("ContentDocumentId", "VersionNumber", "IsLatest")
"""What tells which version of which document it is."""


class Reader:
    """Reads records of one org back by their keys."""

    def __init__(self, queries: Queries, parents: Parents) -> None:
        self._queries = queries
        self._parents = parents

    def read(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        """As ``Destination.read``; one frame without rows where nothing is found.

        References to several possible objects can't be followed in a query: their record ids are looked up
        in the parents' keys, read once by the practice's part of the prefix; where only some keys are asked
        for, by the ids of a page.
        """
        schema, key = request.schema, request.schema.key_field
        names = [key, *(name for name in request.fields or schema.returned_names if name != key)]
        practice = practice_prefix(request.key_prefix)
        pointing = [schema.field(name) for name in names if _by_id(schema.field(name))]
        whole = request.keys is None
        known = {each.name: self._parents.keys(each, practice) for each in pointing if whole}
        found = False
        for texts in self._texts(request, names):
            for each in () if whole else pointing:
                ids = texts[each.name].drop_nulls().unique()
                known[each.name] = self._parents.keys_of(each, ids, practice)
            if texts.height or not found:
                found = True
                keyed = texts.with_columns(
                    pl.col(name).replace_strict(keys, default=None, return_dtype=pl.String)
                    for name, keys in known.items()
                )
                yield csv.typed(keyed, schema, names)

    def _texts(self, request: ReadRequest, names: Sequence[str]) -> Iterator[pl.DataFrame]:
        """What is there of ours, references that are by id as ids; at least one page, maybe without rows."""
        schema, key = request.schema, request.schema.key_field
        selected = ["Id", "SystemModstamp", *(_selected(schema.field(name)) for name in names)]
        named = dict(zip(selected, ["_id", "_modified_at", *names], strict=True))
        of_files = schema.content_field is not None
        # A mapped field of the same name is asked for once.
        columns = [*selected, *(each for each in VERSION if of_files and each not in selected)]
        beginning = starts_with(key, request.key_prefix)
        wanted = pl.col(key).str.starts_with(request.key_prefix)
        if request.keys is None:
            pages = self._queries.bulk(schema.name, columns, beginning)
        else:
            wanted &= pl.col(key).is_in(request.keys)
            asked = partial(is_one_of, key)
            pages = once(self._queries.named(schema.name, columns, asked, request.keys, [beginning]), "Id")
        yield pl.DataFrame(schema=dict.fromkeys(named.values(), pl.String))
        for page in latest_of_ours(pages) if of_files else pages:
            yield page.select(selected).rename(named).filter(wanted)


def latest_of_ours(pages: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Of keyed versions (texts, VERSION among them) one a document: its latest, or the latest with a key
    where somebody has added one without. Earlier versions of ours bear the same key."""
    document, number, is_latest = VERSION
    seen: set[str] = set()
    superseded: list[pl.DataFrame] = []
    for page in pages:
        latest = page[is_latest] == "true"
        seen.update(page[document].filter(latest))
        superseded.append(page.filter(~latest))
        yield page.filter(latest)
    if not superseded:
        return
    others = pl.concat(superseded).filter(~pl.col(document).is_in(list(seen)))
    if others.height:
        newest_last = others.sort(pl.col(number).cast(pl.Int64), maintain_order=True)
        yield newest_last.unique(document, keep="last", maintain_order=True)


def _by_id(field: FieldSchema) -> bool:
    return field.type.is_reference and (csv.is_polymorphic(field) or csv.is_by_id(field))


def _selected(field: FieldSchema) -> str:
    return field.name if _by_id(field) else csv.column(field)
