"""What the ledger knows of records that are about to be sent again: which are ours, and which we deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select

from migration_assets.destinations.base import ObjectSchema
from migration_assets.migration.ledger import Ledger
from migration_assets.migration.ledger_database import translated
from migration_assets.migration.ledger_queries import aware, of_records
from migration_assets.migration.ledger_tables import DELETED_IMAGES
from migration_assets.migration.rollback_events import Ours, RollbackEvents


def written_records(
    ledger: Ledger, schema: ObjectSchema, keys: Sequence[str] | None = None
) -> dict[str, Ours]:
    """By key, of every record of the object, or of those of ``keys``, that an upload wrote to, or may have,
    and that wasn't taken back since. An adopted record that we haven't written to is none of them."""
    events = RollbackEvents(ledger.engine, ledger.target, ledger.keys)
    return {key: ours for key, ours in events.ours(schema.name, keys).items() if ours.written}


def deleted_by_us(ledger: Ledger, schema: ObjectSchema, written: Mapping[str, Ours]) -> Collection[str]:
    """Those of ``written`` that we have deleted ourselves since, as their rows were gone from the source."""
    columns = DELETED_IMAGES.c
    last: dict[str, datetime] = {}
    with translated(str(ledger.target)), ledger.engine.connect() as connection:
        for some in of_records(DELETED_IMAGES, ledger.target, schema.name, written):
            query = select(columns.key, func.max(columns.at)).where(some).group_by(columns.key)
            last |= {key: aware(at) for key, at in connection.execute(query)}
    return {key for key, at in last.items() if at >= (written[key].at or at)}
