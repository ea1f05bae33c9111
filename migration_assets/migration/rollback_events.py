"""What the ledger knows that a rollback needs: which records are ours, by which sendings, and their images.

Derived from the same events as ``Ledger.state``; a record that was taken back is none of ours from then on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Table, and_, select

from migration_assets.destinations.base import ObjectSchema
from migration_assets.migration.ledger import Outcome, Presence, Target
from migration_assets.migration.ledger_database import translated
from migration_assets.migration.ledger_tables import BEFORE_IMAGES, RECORD_EVENTS
from migration_assets.migration.practice_keys import PracticeKeys

_KEYS_A_QUERY = 10_000
_KINDS = (Outcome.LOADED, Outcome.NOT_SENT, Presence.ADOPTED, Presence.TAKEN_BACK)


@dataclass(frozen=True, slots=True)
class Ours:
    """One record that is ours now, or may be.

    ``written`` where an upload may have written to it, the last time ``at``; ``adopted`` where it was there
    before; ``hashes`` are the payloads that may stand there; ``ids`` the destination's ids that it ever had
    (a file gets one a version), the last one last.
    """

    adopted: bool = False
    written: bool = False
    at: datetime | None = None
    hashes: frozenset[str] = frozenset()
    ids: tuple[str, ...] = field(default=())

    def after(self, kind: str, destination_id: str | None, payload_hash: str | None, at: datetime) -> Ours:
        ids = self.ids if destination_id is None else (*self.ids, destination_id)
        hashes = frozenset() if payload_hash is None else frozenset({payload_hash})
        if kind == Presence.ADOPTED:
            return replace(self, adopted=True, at=at, ids=ids)
        if kind == Outcome.LOADED:
            return replace(self, written=True, at=at, hashes=hashes, ids=ids)
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
            for of_object in self._of(RECORD_EVENTS, object_name, keys):
                query = (
                    select(events.key, events.kind, events.destination_id, events.payload_hash, events.at)
                    .where(of_object, events.kind.in_([str(kind) for kind in _KINDS]))
                    .order_by(events.sequence)
                )
                for key, kind, destination_id, payload_hash, at in connection.execute(query):
                    if kind == Presence.TAKEN_BACK:
                        found.pop(key, None)
                    else:
                        moment = at if at.tzinfo else at.replace(tzinfo=UTC)
                        found[key] = found.get(key, Ours()).after(kind, destination_id, payload_hash, moment)
        return found

    def images(self, schema: ObjectSchema, keys: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Key -> what stood in its record before we wrote; of ``keys`` alone if given."""
        rows: list[tuple[str, bytes]] = []
        with translated(str(self.target)), self.engine.connect() as connection:
            for of_object in self._of(BEFORE_IMAGES, schema.name, keys):
                query = select(BEFORE_IMAGES.c.key, BEFORE_IMAGES.c.sealed).where(of_object)
                rows += [(key, sealed) for key, sealed in connection.execute(query)]
        return {key: json.loads(self.keys.decrypt(sealed, key)) for key, sealed in rows}

    def objects(self) -> list[str]:
        """Objects that the ledger has ever written to, whatever the mapping is now."""
        events = RECORD_EVENTS.c
        query = (
            select(events.object.distinct())
            .where(self._is_target(RECORD_EVENTS), events.kind.in_([Outcome.LOADED, Presence.ADOPTED]))
            .order_by(events.object)
        )
        with translated(str(self.target)), self.engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def _of(self, table: Table, object_name: str, keys: Sequence[str] | None) -> Iterator[Any]:
        """Conditions that together hold for the object's rows, or for those of these keys."""
        of_object = and_(self._is_target(table), table.c.object == object_name)
        if keys is None:
            yield of_object
            return
        for start in range(0, len(keys), _KEYS_A_QUERY):
            yield and_(of_object, table.c.key.in_(keys[start : start + _KEYS_A_QUERY]))

    def _is_target(self, table: Any) -> Any:
        return and_(*(table.c[name] == value for name, value in self.target.columns().items()))
