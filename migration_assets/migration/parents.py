"""Parents and children in one shipment: which records go first, which go without a parent that isn't there.

Pure but for what it is told of the destination. Records of one object can refer to each other (a patient's
provider is a contact too), and a bulk job takes its rows in any order: a record goes in a later wave than
those it names.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import polars as pl

from migration_assets.destinations.base import FieldSchema, ObjectSchema
from migration_assets.mapping.payload_hash import hash_rows

PAYLOAD_HASH = "_payload_hash"

Present = Callable[[str], pl.Series]
"""Object -> keys of its records that are in the destination."""


def present_of(reference: FieldSchema, present: Present) -> pl.Series:
    """Keys of all records in the destination that the reference may point to."""
    return pl.concat([pl.Series([], dtype=pl.String), *(present(target) for target in reference.targets)])


def in_waves(schema: ObjectSchema, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """``rows`` in parts, each after those that hold a record which it names; together every row once.

    Records that name each other in a circle come last, together: none of them can find the other there.
    """
    to_itself = [each.name for each in schema.references if schema.name in each.targets]
    if not to_itself:
        yield rows
        return
    waiting = rows
    while waiting.height:
        keys = waiting[schema.key_field].implode()
        follows = pl.any_horizontal(pl.col(name).is_in(keys).fill_null(False) for name in to_itself)
        ready = waiting.filter(~follows)
        yield ready if ready.height else waiting
        waiting = waiting.filter(follows) if ready.height else waiting.clear()


def without_absent(
    schema: ObjectSchema, optional: Collection[str], rows: pl.DataFrame, present: Present
) -> pl.DataFrame:
    """``rows`` with each optional reference to an absent record made null, and their PAYLOAD_HASH anew.

    ``rows`` has the schema's fields and PAYLOAD_HASH among others. The hash is that of what is sent, so the
    record is sent again once its parent is there.
    """
    changed = pl.Series([False]).new_from_index(0, rows.height)
    for reference in schema.references:
        if reference.name not in optional:
            continue
        there = rows[reference.name].is_in(present_of(reference, present).implode())
        absent = rows[reference.name].is_not_null() & ~there.fill_null(False)
        rows = rows.with_columns(rows[reference.name].set(absent, None).alias(reference.name))
        changed |= absent
    if not changed.any():
        return rows
    anew = hash_rows(rows.filter(changed).select(schema.field_names))
    return rows.with_columns(rows[PAYLOAD_HASH].scatter(changed.arg_true(), anew).alias(PAYLOAD_HASH))
