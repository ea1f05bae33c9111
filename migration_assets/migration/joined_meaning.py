"""Which records must join two others, from the raw rows that name both.

A part of the comparison of meaning: no code of objects/ and mapping/ is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from migration_assets.migration import raw_files
from migration_assets.migration.field_meaning import is_staged, staged_keys
from migration_assets.migration.office_meaning import Tied, tied
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.practice import Settings


class JoinMeaning(Settings):
    """One of the joined records, which ``field`` names: ``column`` of the raw row holds its id in
    ``key_space``.

    ``tied``: what the row ties together by its texts or by the practice's choice, instead of an id's column.
    ``of`` is its table, where a row that wasn't staged joins nothing. ``or_practice``: the practice itself
    where the column is empty, unless it chose no accounts. ``on_share``: only a row joins anything whose own
    file was read from the share.
    """

    field: str
    column: str = ""
    key_space: str = ""
    tied: Tied | None = None
    of: str | None = None
    or_practice: bool = False
    on_share: bool = False


def joined_records(table: str, joins: Sequence[JoinMeaning], raw: RawPractice) -> pl.DataFrame:
    """A row each record: ``id``, what its key ends in (``appointment:7+provider:3``), and by the joins'
    fields the keys of what it joins."""
    named = pl.DataFrame([_named(table, join, raw).alias(join.field) for join in joins])
    rows = named.filter(is_staged(table, raw)).drop_nulls().unique(maintain_order=True)
    keys = {name: f"{raw.practice}:" + pl.col(name) for name in named.columns}
    return rows.select(id=pl.concat_str(named.columns, separator="+"), **keys)


def _named(table: str, join: JoinMeaning, raw: RawPractice) -> pl.Series:
    if join.tied is not None:
        return tied(join.tied, table, raw)
    ids = raw.keys(table, join.column).replace("", None)
    if join.or_practice and raw.policies.accounts != "none":
        nobody = ids.is_null()
        named = (f"{join.key_space}:" + ids).set(nobody, f"practice:{raw.practice}")
    else:
        named = f"{join.key_space}:" + ids
    joins = pl.Series([True]).new_from_index(0, ids.len())
    if join.of is not None:
        joins &= ids.is_in(staged_keys(join.of, raw).implode()).fill_null(value=False)
    if join.on_share:
        joins &= raw_files.contents(table, raw)["md5"].is_not_null()
    return named.set(~joins, None)
