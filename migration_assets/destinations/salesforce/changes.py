"""When records of ours were last changed in an org, and whether by this login; pure over what is read.

SystemModstamp moves with the platform's own work (a new index, a recalculated share), so LastModifiedDate and
LastModifiedById tell what people and programs did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, ReadRequest
from migration_assets.destinations.salesforce.audit import Described

_CHANGED_AT = FieldSchema("LastModifiedDate", "Last Modified Date", FieldType.DATETIME, False, read_only=True)
_CHANGED_BY = FieldSchema("LastModifiedById", "Last Modified By ID", FieldType.TEXT, False, read_only=True)
_ID_CHARACTERS = 15
"""Of an id's 18, the last three only say which of the others are capitals."""

Read = Callable[[ReadRequest], Iterator[pl.DataFrame]]


def last_changes(
    read: Read, described: Described, user_id: str, request: ReadRequest
) -> Iterator[pl.DataFrame]:
    """As ``Destination.last_changes``. A file's link keeps nobody's name: its ``_changed_by_us`` is null, and
    its time is SystemModstamp's."""
    schema, key = request.schema, request.schema.key_field
    org = described.get(schema.name)
    named = org is None or _CHANGED_BY.name in org.fields
    more = (_CHANGED_AT, _CHANGED_BY) if named else ()
    extended = replace(schema, fields=(*schema.fields, *more))
    names = tuple(each.name for each in more) or schema.joins
    by_us = pl.col(_CHANGED_BY.name).str.slice(0, _ID_CHARACTERS) == user_id[:_ID_CHARACTERS]
    for page in read(replace(request, schema=extended, fields=names)):
        yield page.select(
            "_id",
            pl.col(key).alias("key"),
            pl.col(_CHANGED_AT.name if named else "_modified_at").alias("_changed_at"),
            (by_us if named else pl.lit(None, dtype=pl.Boolean)).alias("_changed_by_us"),
        )
