"""Relations that a destination keeps by itself when a record's own reference moves to another parent: a
contact whose account changes stays related to the former one. In the source it isn't any more: taken away.

Before the move the reference itself joined the two, so that such a relation is nobody's but the move's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from migration_assets.destinations.base import (
    Destination,
    FieldSchema,
    Identity,
    LoadResult,
    ObjectSchema,
    ReadRequest,
    joined_keys,
)
from migration_assets.migration.adoption_events import AdoptionEvents
from migration_assets.migration.ledger import Ledger, Outcome
from migration_assets.migration.load import Shipment
from migration_assets.migration.plan import Plan


@dataclass(frozen=True)
class LeftRelations:
    """For one target in one run."""

    destination: Destination
    ledger: Ledger
    plan: Plan
    run_id: str

    def take_away(
        self, shipment: Shipment, of_payload: Callable[[ObjectSchema, Sequence[str]], Collection[str]]
    ) -> int:
        """After the shipment was sent; ``of_payload`` tells which of some keys the payload has: these stay.
        Answers how many were taken away. The ledger knows each before it is deleted."""
        taken = 0
        for schema, keys in self._left(shipment):
            known = self.ledger.present(schema, keys)
            asked = tuple(sorted(set(keys) - set(known) - set(of_payload(schema, keys))))
            request = ReadRequest(schema, f"{self.ledger.target.practice}:", keys=asked)
            ids = {
                row[schema.key_field]: row["_id"]
                for page in (self.destination.read(request) if asked else ())
                for row in page.iter_rows(named=True)
            }
            if ids:
                self._remove(schema, ids)
                taken += len(ids)
        return taken

    def _remove(self, schema: ObjectSchema, ids: dict[str, str]) -> None:
        """A run that is cut off here leaves them as records of ours that the source hasn't any more."""
        made = [LoadResult(key, "loaded", destination_id=ids[key], created=True) for key in ids]
        self.ledger.record(schema, made, self.run_id)
        events = AdoptionEvents(self.ledger.engine, self.ledger.target, self.ledger.keys)
        for removals in self.destination.delete(schema, ids):
            gone = [each.key for each in removals if each.outcome in ("deleted", "gone")]
            events.taken_back(schema, gone, self.run_id)

    def _left(self, shipment: Shipment) -> Iterator[tuple[ObjectSchema, list[str]]]:
        """Relations that join records of the shipment with what they referred to before."""
        own = shipment.schema
        if shipment.former.is_empty():
            return
        moved = [
            (schema, ours.name, self._moved(shipment, reference.name, ours.name, other.name))
            for schema, ours, other in self._relations(own)
            for reference in own.references
            if set(reference.targets) & set(other.targets)
        ]
        keys = {key for _, ours, pairs in moved for key in pairs[ours]}
        if not keys:
            return
        loaded = self.ledger.state(own, sorted(keys)).filter(pl.col("outcome") == Outcome.LOADED)["key"]
        for schema, ours, pairs in moved:
            there = pairs.filter(pl.col(ours).is_in(loaded.implode()))
            if there.height:
                key = joined_keys(schema, self.ledger.target.practice)
                yield schema, there.select(key.alias("key"))["key"].to_list()

    def _relations(self, own: ObjectSchema) -> Iterator[tuple[ObjectSchema, FieldSchema, FieldSchema]]:
        """Objects that join a record of this one with another's: the field for ours, and for the other."""
        for schema in self.plan.schemas.values():
            if schema.identity is Identity.PARENTS and schema.key_space is not None:
                fields = [schema.field(name) for name in schema.joins]
                ours = [each for each in fields if own.name in each.targets]
                others = [each for each in fields if own.name not in each.targets]
                if len(ours) == len(others) == 1:
                    yield schema, ours[0], others[0]

    def _moved(self, shipment: Shipment, reference: str, ours: str, other: str) -> pl.DataFrame:
        """``ours`` and ``other``: key and former parent of records whose reference is another one now."""
        pair = [shipment.schema.key_field, reference]
        before = shipment.former.select(pair).drop_nulls().unique()
        moved = before.join(shipment.payload.select(pair), on=pair, how="anti")
        return moved.select(pl.col(pair[0]).alias(ours), pl.col(pair[1]).alias(other))
