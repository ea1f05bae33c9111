"""Adoptions in the ledger: which records of theirs were given our keys, and which were rid of them again.

An adopted record is theirs: what it was before is kept before the key is written (its image), and stays with
the ledger until the record is given back. Where records are matched and decided about stands in ``adoption``
and ``adopting``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, delete, insert, select

from migration_assets.destinations.base import ObjectSchema
from migration_assets.migration.ledger import Outcome, Presence, Target
from migration_assets.migration.ledger_database import translated
from migration_assets.migration.ledger_queries import of_records
from migration_assets.migration.ledger_tables import BEFORE_IMAGES, RECORD_EVENTS
from migration_assets.migration.practice_keys import PracticeKeys

APART = "apart"

STANDING_COLUMNS: dict[str, pl.DataType] = {
    "key": pl.String(),
    "destination_id": pl.String(),
    "written": pl.Boolean(),
}
"""Records that are adopted now; ``written`` where an upload may have written to them since."""


@dataclass(frozen=True)
class AdoptionEvents:
    """The adoptions of one target; each method is one transaction."""

    engine: Engine
    target: Target
    keys: PracticeKeys

    def adopted(self, schema: ObjectSchema, ids: Mapping[str, str], run_id: str) -> None:
        """Records that hold our key now: key -> the destination's id."""
        self._append(schema, Presence.ADOPTED, {key: {"destination_id": ids[key]} for key in ids}, run_id)

    def set_apart(self, schema: ObjectSchema, candidates: Mapping[str, str], run_id: str) -> None:
        """Ours that somebody decided are none of the records there that they are like: key -> their hash."""
        self._append(schema, APART, {key: {"payload_hash": candidates[key]} for key in candidates}, run_id)

    def taken_back(self, schema: ObjectSchema, keys: Sequence[str], run_id: str) -> None:
        """Records that are ours no more: given back as they were, deleted, or gone.

        Their images go with the event: a record that is written once more has another past by then.
        """
        with self._transaction() as connection:
            self._insert(connection, schema, Presence.TAKEN_BACK, {key: {} for key in keys}, run_id)
            for some in of_records(BEFORE_IMAGES, self.target, schema.name, keys):
                connection.execute(delete(BEFORE_IMAGES).where(some))

    def standing(self, schema: ObjectSchema) -> pl.DataFrame:
        """STANDING_COLUMNS, sorted by key."""
        kinds = (Presence.ADOPTED, Presence.TAKEN_BACK, Outcome.LOADED, Outcome.NOT_SENT)
        found: dict[str, tuple[str, bool]] = {}
        for key, kind, destination_id, _ in self._events(schema, kinds):
            if kind == Presence.ADOPTED:
                found[key] = (destination_id, False)
            elif kind == Presence.TAKEN_BACK:
                found.pop(key, None)
            elif key in found:
                found[key] = (found[key][0], True)
        rows = [(key, *found[key]) for key in sorted(found)]
        return pl.DataFrame(rows, schema=STANDING_COLUMNS, orient="row")

    def apart(self, schema: ObjectSchema) -> dict[str, str]:
        """Key -> hash of the candidates that it was last set apart from."""
        return {key: candidates for key, _, _, candidates in self._events(schema, (APART,))}

    def images(self, schema: ObjectSchema) -> dict[str, dict[str, Any]]:
        """Key -> what stood in its record before it was adopted, of records that are adopted now."""
        standing = set(self.standing(schema)["key"])
        query = select(BEFORE_IMAGES.c.key, BEFORE_IMAGES.c.sealed).where(
            *of_records(BEFORE_IMAGES, self.target, schema.name)
        )
        with self._transaction() as connection:
            rows = [tuple(row) for row in connection.execute(query)]
        return {key: json.loads(self.keys.decrypt(sealed, key)) for key, sealed in rows if key in standing}

    def _events(self, schema: ObjectSchema, kinds: Sequence[str]) -> list[tuple[str, str, str, str]]:
        """key, kind, destination_id, payload_hash, oldest first."""
        events = RECORD_EVENTS.c
        query = (
            select(events.key, events.kind, events.destination_id, events.payload_hash)
            .where(
                *of_records(RECORD_EVENTS, self.target, schema.name),
                events.kind.in_([str(kind) for kind in kinds]),
            )
            .order_by(events.sequence)
        )
        with self._transaction() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def _append(
        self, schema: ObjectSchema, kind: str, rows: Mapping[str, Mapping[str, str]], run_id: str
    ) -> None:
        with self._transaction() as connection:
            self._insert(connection, schema, kind, rows, run_id)

    def _insert(
        self,
        connection: Connection,
        schema: ObjectSchema,
        kind: str,
        rows: Mapping[str, Mapping[str, str]],
        run_id: str,
    ) -> None:
        common = {
            **self.target.columns(),
            "object": schema.name,
            "kind": str(kind),
            "run_id": run_id,
            "at": datetime.now(UTC),
        }
        if rows:
            connection.execute(insert(RECORD_EVENTS), [{**common, "key": key, **rows[key]} for key in rows])

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with translated(str(self.target)), self.engine.begin() as connection:
            yield connection
