"""What the ledger knows that a rollback needs: which records are ours, by which sendings, and their images.

Derived from the same events as ``Ledger.state``; a record that was taken back is none of ours from then on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
from sqlalchemy import Engine, select

from migration_assets.destinations.base import ObjectSchema
from migration_assets.migration.ledger import Outcome, Presence, Target
from migration_assets.migration.ledger_database import translated
from migration_assets.migration.ledger_queries import is_target, of_records
from migration_assets.migration.ledger_tables import BEFORE_IMAGES, RECORD_EVENTS
from migration_assets.migration.practice_keys import PracticeKeys

MARKED = "marked"
"""Code of an answer to the mark of a record whose row is gone from the source; its field is the box. The rest
of the record stands as it was sent before."""
_KINDS = (Outcome.LOADED, Outcome.NOT_SENT, Presence.ADOPTED, Presence.TAKEN_BACK)


@dataclass(frozen=True, slots=True)
class Ours:
    """One record that is ours now, or may be.

    ``written`` where an upload may have written to it, the last time ``at``; ``adopted`` where it was there
    before; ``hashes`` are the payloads that may stand there; ``ids`` the destination's ids that it ever had
    (a file gets one a version), the last one last. ``marked`` is the box that was ticked, where nothing has
    been written since its row was gone from the source but this mark.
    """

    adopted: bool = False
    written: bool = False
    at: datetime | None = None
    hashes: frozenset[str] = frozenset()
    ids: tuple[str, ...] = field(default=())
    marked: str | None = None

    def after(
        self,
        kind: str,
        destination_id: str | None,
        payload_hash: str | None,
        at: datetime,
        code: str | None = None,
        field_name: str | None = None,
    ) -> Ours:
        ids = self.ids if destination_id is None else (*self.ids, destination_id)
        hashes = frozenset() if payload_hash is None else frozenset({payload_hash})
        if kind == Presence.ADOPTED:
            return replace(self, adopted=True, at=at, ids=ids)
        if kind == Outcome.LOADED and code == MARKED:
            return replace(self, written=True, at=at, ids=ids, marked=field_name)
        if kind == Outcome.LOADED:
            return replace(self, written=True, at=at, hashes=hashes, ids=ids, marked=None)
        return replace(self, written=True, at=at, hashes=self.hashes | hashes, ids=ids)


@dataclass(frozen=True)
class RollbackEvents:
    """The records of one target."""

    engine: Engine
    target: Target
    keys: PracticeKeys

    def ours(self, object_name: str, keys: Sequence[str] | None = None) -> dict[str, Ours]:
        """Key -> what is known of each record that is ours now; of ``keys`` alone if given."""
        events = RECORD_EVENTS.c
        found: dict[str, Ours] = {}
        with translated(str(self.target)), self.engine.connect() as connection:
            for of_object in of_records(RECORD_EVENTS, self.target, object_name, keys):
                query = (
                    select(
                        events.key,
                        events.kind,
                        events.destination_id,
                        events.payload_hash,
                        events.at,
                        events.code,
                        events.field,
                    )
                    .where(of_object, events.kind.in_([str(kind) for kind in _KINDS]))
                    .order_by(events.sequence)
                )
                for key, kind, destination_id, payload_hash, at, *mark in connection.execute(query):
                    if kind == Presence.TAKEN_BACK:
                        found.pop(key, None)
                    else:
                        moment = at if at.tzinfo else at.replace(tzinfo=UTC)
                        mine = found.get(key, Ours())
                        found[key] = mine.after(kind, destination_id, payload_hash, moment, *mark)
        return found

    def images(self, schema: ObjectSchema, keys: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Key -> what stood in its record before we wrote; of ``keys`` alone if given."""
        rows: list[tuple[str, bytes]] = []
        with translated(str(self.target)), self.engine.connect() as connection:
            for of_object in of_records(BEFORE_IMAGES, self.target, schema.name, keys):
                query = select(BEFORE_IMAGES.c.key, BEFORE_IMAGES.c.sealed).where(of_object)
                rows += [(key, sealed) for key, sealed in connection.execute(query)]
        return {key: json.loads(self.keys.decrypt(sealed, key)) for key, sealed in rows}

    def objects(self) -> list[str]:
        """Objects that the ledger has ever written to, whatever the mapping is now."""
        events = RECORD_EVENTS.c
        query = (
            select(events.object.distinct())
            .where(is_target(RECORD_EVENTS, self.target), events.kind.in_([Outcome.LOADED, Presence.ADOPTED]))
            .order_by(events.object)
        )
        with translated(str(self.target)), self.engine.connect() as connection:
            return list(connection.execute(query).scalars())


def with_marks(sent: pl.DataFrame, key_field: str, ours: Mapping[str, Ours]) -> pl.DataFrame:
    """``sent`` with the boxes ticked that were ticked since."""
    for box in {mine.marked for mine in ours.values() if mine.marked in sent.columns}:
        marked = [key for key, mine in ours.items() if mine.marked == box]
        ticked = pl.col(str(box)).cast(pl.Boolean) | pl.col(key_field).is_in(marked)
        sent = sent.with_columns(ticked.alias(str(box)))
    return sent
