"""Records whose last sending didn't end well: failed, held back, or never sent. They are few, and found by
what happened to them, so that no other record is looked at."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl
from sqlalchemy import select

from migration_assets.destinations.base import ObjectSchema
from migration_assets.migration.ledger import Ledger, Outcome
from migration_assets.migration.ledger_database import translated
from migration_assets.migration.ledger_queries import of_records
from migration_assets.migration.ledger_tables import RECORD_EVENTS

NOT_WELL = (Outcome.FAILED, Outcome.HELD_BACK, Outcome.NOT_SENT)


def unsettled(ledger: Ledger, schema: ObjectSchema, outcomes: Collection[Outcome] = NOT_WELL) -> list[str]:
    """Keys of records whose last sending ended in one of these ways, sorted."""
    events = RECORD_EVENTS.c
    query = select(events.key.distinct()).where(
        *of_records(RECORD_EVENTS, ledger.target, schema.name),
        events.kind.in_([str(kind) for kind in outcomes]),
    )
    with translated(str(ledger.target)), ledger.engine.connect() as connection:
        once = list(connection.execute(query).scalars())
    state = ledger.state(schema, once)
    return state.filter(pl.col("outcome").is_in([str(each) for each in outcomes]))["key"].sort().to_list()
