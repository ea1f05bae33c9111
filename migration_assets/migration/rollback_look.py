"""Reads what a rollback is planned by: the ledger's records, the payloads sent, and what stands there now.

It changes nothing in the destination, but ends jobs that an upload which died left in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from migration_assets.destinations.base import (
    Destination,
    ObjectSchema,
    ReadRequest,
    payload_dtype,
)
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.ledger import Ledger
from migration_assets.migration.load import Loader
from migration_assets.migration.parents import PAYLOAD_HASH, without_absent
from migration_assets.migration.plan import Plan
from migration_assets.migration.rollback_events import Ours, RollbackEvents
from migration_assets.migration.rollback_judging import Standing, judged
from migration_assets.migration.rollback_plan import DELETE, Dependent, Record, RollbackPlan, settled
from migration_assets.migration.upload_file import UPLOAD, payload_table
from migration_assets.warehouse import Warehouse

_DEPENDENTS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Look:
    """Looks at one target in one run."""

    plan: Plan
    destination: Destination
    ledger: Ledger
    events: RollbackEvents
    warehouse: Warehouse
    run_id: str
    known_jobs: Callable[[], frozenset[str]]

    def schemas(self) -> dict[str, ObjectSchema]:
        """Objects of the mapping, parents first, also those that the chart's layout no longer fills."""
        return {spec.name: spec.schema_with(self.plan.layout) for spec in self.plan.mapping}

    def rollback_plan(self, also: Collection[str] = ()) -> RollbackPlan:
        """Every record of the practice judged; an object to which the ledger has written nothing that is
        still ours isn't asked for (it needn't exist)."""
        schemas = self.schemas()
        ids: dict[str, dict[str, str]] = {}
        records: list[list[Record]] = []
        former: set[str] = set()
        for spec in self.plan.mapping:
            schema = schemas[spec.name]
            self._settle(schema)
            ours, images = self.events.ours(schema), self.events.images(schema)
            if not ours and not images:
                continue
            former.update(record_id for each in ours.values() for record_id in each.ids)
            current = self._current(schema)
            ids[spec.name] = dict(current.select(schema.key_field, "_id").iter_rows())
            sent, known = self._sent(spec, schema, ours)
            standing = Standing(schema, ours, images, current, self._changes(schema), sent, known, ids)
            records.append(judged(standing, also))
        in_reverse = [each for of_object in reversed(records) for each in of_object]
        dependents = [each for of_object in records for each in self._dependents(schemas, of_object)]
        now = settled(in_reverse, dependents, former, also)
        unknown = {name: count for name, count in self.events.objects().items() if name not in schemas}
        return RollbackPlan(now, tuple(sorted(also)), unknown, tuple(dependents))

    def _settle(self, schema: ObjectSchema) -> None:
        if not self.ledger.open_batches(schema):
            return
        loader = Loader(
            self.destination, self.ledger, self.run_id, self.known_jobs, self.plan.schema_of_object
        )
        loader.settle(schema)

    def _current(self, schema: ObjectSchema) -> pl.DataFrame:
        types: dict[str, pl.DataType] = {"_id": pl.String()}
        types |= {each.name: payload_dtype(each) for each in schema.returned_fields}
        pages = self.destination.read(ReadRequest(schema, self.prefix))
        return pl.concat([pl.DataFrame(schema=types), *(page.select(list(types)) for page in pages)])

    @property
    def prefix(self) -> str:
        return f"{self.ledger.target.practice}:"

    def _changes(self, schema: ObjectSchema) -> dict[str, tuple[datetime, bool]]:
        """Only of records of which the destination keeps who changed them."""
        request = ReadRequest(schema, self.prefix, (schema.key_field,))
        pages = self.destination.last_changes(request)
        return {
            key: (at, by_us)
            for page in pages
            for key, at, by_us in page.select("key", "_changed_at", "_changed_by_us").iter_rows()
            if at is not None and by_us is not None
        }

    def _dependents(self, schemas: Mapping[str, ObjectSchema], records: list[Record]) -> list[Dependent]:
        wanted = [each.record_id for each in records if each.action == DELETE and each.record_id is not None]
        if not wanted:
            return []
        schema = schemas[records[0].object]
        found = []
        for start in range(0, len(wanted), _DEPENDENTS_AT_ONCE):
            for page in self.destination.dependents(schema, wanted[start : start + _DEPENDENTS_AT_ONCE]):
                rows = page.select("_id", "object", "dependent_id").iter_rows()
                found += [Dependent(on, name, record_id) for on, name, record_id in rows]
        return found

    def _sent(
        self, spec: ObjectSpec, schema: ObjectSchema, ours: Mapping[str, Ours]
    ) -> tuple[pl.DataFrame, frozenset[str]]:
        """Payload rows that may stand there, where the upload's file still has them, and the keys of which
        it has every one."""
        payload = self._payload(spec, schema)
        hashes = pl.DataFrame(
            [(key, each) for key, mine in ours.items() for each in mine.hashes],
            schema={"key": pl.String, "hash": pl.String},
            orient="row",
        )
        sent = payload.join(
            hashes, left_on=[schema.key_field, PAYLOAD_HASH], right_on=["key", "hash"], how="semi"
        )
        known = dict(sent.group_by(schema.key_field).len().iter_rows())
        wanted = dict(hashes.group_by("key").len().iter_rows())
        return sent.select(schema.field_names), frozenset(
            key for key, count in known.items() if count == wanted[key]
        )

    def _payload(self, spec: ObjectSpec, schema: ObjectSchema) -> pl.DataFrame:
        """In each form that may have been sent: one more where an optional reference had to stay empty."""
        types = {each.name: payload_dtype(each) for each in schema.fields} | {PAYLOAD_HASH: pl.String()}
        if not self.warehouse.path.exists():
            return pl.DataFrame(schema=types)
        with self.warehouse.open(read_only=True) as session:
            place = payload_table(spec.asset)
            if not session.has_table(UPLOAD, place):
                return pl.DataFrame(schema=types)
            payload = session.read(UPLOAD, place)
        if not set(types) <= set(payload.columns):
            # Built by another mapping: these rows aren't what such fields were sent with.
            return pl.DataFrame(schema=types)
        if not spec.optional_references:
            return payload
        emptied = without_absent(schema, spec.optional_references, payload, self._present)
        return pl.concat([payload, emptied]).unique([schema.key_field, PAYLOAD_HASH], maintain_order=True)

    def _present(self, object_name: str) -> pl.Series:
        state = self.ledger.state(self.plan.schema_of_object(object_name))
        return state.filter(pl.col("present"))["key"]
