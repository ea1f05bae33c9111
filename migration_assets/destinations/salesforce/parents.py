"""Parents by their record ids: the ids behind our keys, and the keys behind ids that a record holds.

A job names a parent by its external id where that is possible. It isn't where one field may point to several
objects of the mapping, nor where a record is found by the parents that it joins.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, LoadResult, ObjectSchema
from migration_assets.destinations.salesforce import csv
from migration_assets.destinations.salesforce.failures import PARENT_ABSENT, sentence
from migration_assets.destinations.salesforce.queries import Queries, is_one_of, starts_with


@dataclass(frozen=True, slots=True)
class Address:
    """Where the id stands that a field holds: a column of the object with our key; and what has that id."""

    column: str = "Id"
    points_to: str | None = None


_ADDRESSES = {("ContentDocumentId", "ContentVersion"): Address("ContentDocumentId", "ContentDocument")}
"""Fields that point to a companion of the object with our key, which can't carry one itself. Every version of
ours bears it, so a document is found whoever has made its latest one."""


def _address(field: FieldSchema, target: str) -> Address:
    return _ADDRESSES.get((field.name, target), Address())


def pointed_to(field: FieldSchema) -> tuple[str, ...]:
    """The reference's targets as the org's own describe names them."""
    return tuple(_address(field, target).points_to or target for target in field.targets)


def by_id(schema: ObjectSchema, fields: Sequence[FieldSchema]) -> ObjectSchema:
    """The schema of rows in which these references hold record ids: a job's columns are the fields' own."""
    named = {each.name for each in fields}
    return replace(
        schema,
        fields=tuple(
            replace(each, type=FieldType.TEXT, reference_to=None, also_to=(), relationship=None)
            if each.name in named
            else each
            for each in schema.fields
        ),
    )


class Parents:
    """Looks parents up in one org; nothing is remembered between calls, since ids change with a rollback."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def keys(self, field: FieldSchema, practice_prefix: str) -> dict[str, str]:
        """Record id -> key of every record of the practice that the field may point to."""
        found: dict[str, str] = {}
        for target in field.targets:
            columns = [_address(field, target).column, csv.PARENT_KEY]
            pages = self._queries.bulk(target, columns, starts_with(csv.PARENT_KEY, practice_prefix))
            found |= {
                record_id: key
                for page in pages
                for record_id, key in page.iter_rows()
                if key.startswith(practice_prefix)
            }
        return found

    def keys_of(self, field: FieldSchema, ids: Collection[str], practice_prefix: str) -> dict[str, str]:
        """Record id -> key of those of the practice's records that the field may point to and have one of
        these ids."""
        found: dict[str, str] = {}
        for target in field.targets:
            column = _address(field, target).column
            pages = self._queries.named(
                target,
                [column, csv.PARENT_KEY],
                partial(is_one_of, column),
                [each for each in ids if each not in found],
            )
            found |= {
                record_id: key
                for page in pages
                for record_id, key in page.iter_rows()
                if key is not None and key.startswith(practice_prefix)
            }
        return found

    def with_ids(
        self, rows: pl.DataFrame, schema: ObjectSchema, fields: Sequence[FieldSchema]
    ) -> tuple[pl.DataFrame, list[LoadResult]]:
        """The rows with the parents' ids in these references, and a failed result for each row that names a
        parent which isn't there."""
        absent: dict[str, str] = {}
        for field in fields:
            wanted = rows[field.name]
            ids = self.ids(field, wanted.drop_nulls().unique(maintain_order=True).to_list())
            found = wanted.replace_strict(ids, default=None, return_dtype=pl.String)
            lost = rows[schema.key_field].filter(wanted.is_not_null() & found.is_null())
            absent |= {key: field.name for key in lost if key not in absent}
            rows = rows.with_columns(found.alias(field.name))
        failed = [
            LoadResult(key, "failed", code=PARENT_ABSENT, field=name, message=sentence(PARENT_ABSENT))
            for key, name in absent.items()
        ]
        return rows.filter(~pl.col(schema.key_field).is_in(list(absent))), failed

    def ids(self, field: FieldSchema, keys: Collection[str]) -> dict[str, str]:
        """Key -> record id of those that the field may point to and have one of these keys."""
        wanted = set(keys)
        found: dict[str, str] = {}
        practices = dict.fromkeys(practice_prefix(key) for key in keys)
        for target in field.targets:
            pages = self._queries.named(
                target,
                [_address(field, target).column, csv.PARENT_KEY],
                partial(is_one_of, csv.PARENT_KEY),
                keys,
                [starts_with(csv.PARENT_KEY, prefix) for prefix in practices],
            )
            for page in pages:
                for record_id, key in page.iter_rows():
                    if key in wanted:
                        found.setdefault(key, record_id)
        return found


def practice_prefix(key: str) -> str:
    """``maple:`` of ``maple:exam:7``."""
    practice, colon, _ = key.partition(":")
    return practice + colon
