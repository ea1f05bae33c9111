"""Reads what a rollback is planned by: the ledger's records, the payloads sent, and what stands there now.

It changes nothing in the destination, but ends jobs that an upload which died left in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import polars as pl

from migration_assets.destinations.base import (
    Destination,
    FieldType,
    Identity,
    ObjectSchema,
    ReadRequest,
    payload_dtype,
)
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.ledger import Ledger
from migration_assets.migration.load import Loader
from migration_assets.migration.parents import PAYLOAD_HASH, Present, without_absent
from migration_assets.migration.plan import Plan
from migration_assets.migration.rollback_events import Ours, RollbackEvents, with_marks
from migration_assets.migration.rollback_judging import Standing, is_given_back, judged
from migration_assets.migration.rollback_plan import DELETE, Dependent, Record, RollbackPlan, settled
from migration_assets.migration.upload_file import UPLOAD, former_table, payload_table
from migration_assets.warehouse import Warehouse


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
        present = cache(self._present)
        for spec in self.plan.mapping:
            schema = schemas[spec.name]
            self._settle(schema)
            ours, images = self.events.ours(spec.name), self.events.images(schema)
            if not ours and not images:
                continue
            former.update(record_id for each in ours.values() for record_id in each.ids)
            current = self._current(schema)
            ids[spec.name] = dict(current.select(schema.key_field, "_id").iter_rows())
            sent, known = self._sent(spec, schema, ours, present)
            changes, rekeyed = self._changes(schema), self._rekeyed(schema, ours, images, current)
            standing = Standing(schema, ours, images, current, changes, sent, known, ids, rekeyed)
            records.append(judged(standing, also))
        in_reverse = [each for of_object in reversed(records) for each in of_object]
        dependents = [each for of_object in records for each in self._dependents(schemas, of_object)]
        now = settled(
            in_reverse, dependents, former, also, {name: parts_of(schemas[name], schemas) for name in schemas}
        )
        others = {name: len(self.events.ours(name)) for name in self.events.objects() if name not in schemas}
        unknown = {name: count for name, count in others.items() if count}
        return RollbackPlan(now, tuple(sorted(also)), unknown, tuple(dependents))

    def touched(self, schema: ObjectSchema, records: Sequence[Record]) -> list[Record]:
        """Those of records that are about to be deleted that another login has changed since they were
        judged, or that don't stand there by their key any more."""
        if not records:
            return []
        free: set[str] = set()
        for page in self._last_changes(schema):
            free.update(page.filter(pl.col("_changed_by_us").fill_null(value=True))["key"])
        return [each for each in records if each.key not in free]

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
        return {
            key: (at, by_us)
            for page in self._last_changes(schema)
            for key, at, by_us in page.select("key", "_changed_at", "_changed_by_us").iter_rows()
            if at is not None and by_us is not None
        }

    def _last_changes(self, schema: ObjectSchema) -> Iterator[pl.DataFrame]:
        return self.destination.last_changes(ReadRequest(schema, self.prefix, (schema.key_field,)))

    def _rekeyed(
        self,
        schema: ObjectSchema,
        ours: Mapping[str, Ours],
        images: Mapping[str, Mapping[str, Any]],
        current: pl.DataFrame,
    ) -> dict[str, str]:
        """Key -> id of records of ours that stand there without a key, or with one that isn't the practice's:
        everybody's are looked through, but only where some of ours aren't found by their keys.

        An adopted one that is as it was before was given back by a rollback that died.
        """
        there = set(current[schema.key_field])
        missing = {each.ids[-1]: key for key, each in ours.items() if key not in there and each.ids}
        if not missing or schema.identity is Identity.PARENTS:
            return {}
        names = [each.name for each in schema.stored_fields if each.name != schema.key_field]
        found = {}
        for page in self.destination.unkeyed(schema, names):
            for row in page.filter(pl.col("_id").is_in(list(missing))).iter_rows(named=True):
                key = missing[row["_id"]]
                if not is_given_back(schema, images.get(key, {}), row):
                    found[key] = row["_id"]
        for page in self.destination.read(ReadRequest(schema, "", (schema.key_field,))):
            others = page.filter(~pl.col(schema.key_field).str.starts_with(self.prefix))
            found |= {missing[each]: each for each in others["_id"] if each in missing}
        return found

    def _dependents(self, schemas: Mapping[str, ObjectSchema], records: list[Record]) -> list[Dependent]:
        wanted = [each.record_id for each in records if each.action == DELETE and each.record_id is not None]
        if not wanted:
            return []
        return [
            Dependent(on, name, record_id)
            for page in self.destination.dependents(schemas[records[0].object], wanted)
            for on, name, record_id in page.select("_id", "object", "dependent_id").iter_rows()
        ]

    def _sent(
        self, spec: ObjectSpec, schema: ObjectSchema, ours: Mapping[str, Ours], present: Present
    ) -> tuple[pl.DataFrame, frozenset[str]]:
        """Payload rows that may stand there, where the upload's file still has them, and the keys of which
        it has every one."""
        return may_stand(spec, schema, self._payload(spec), ours, present)

    def _payload(self, spec: ObjectSpec) -> pl.DataFrame:
        """With the rows that were replaced or are gone from the source since; nothing, not even columns,
        where none was built."""
        if not self.warehouse.path.exists():
            return pl.DataFrame()
        with self.warehouse.open(read_only=True) as session:
            if not session.has_table(UPLOAD, payload_table(spec.asset)):
                return pl.DataFrame()
            payload = session.read(UPLOAD, payload_table(spec.asset))
            if not session.has_table(UPLOAD, former_table(spec.asset)):
                return payload
            return pl.concat([payload, session.read(UPLOAD, former_table(spec.asset), payload.columns)])

    def _present(self, object_name: str) -> pl.Series:
        state = self.ledger.state(self.plan.schema_of_object(object_name))
        return state.filter(pl.col("present"))["key"]


def may_stand(
    spec: ObjectSpec, schema: ObjectSchema, payload: pl.DataFrame, ours: Mapping[str, Ours], present: Present
) -> tuple[pl.DataFrame, frozenset[str]]:
    """Those rows of ``payload`` (with their PAYLOAD_HASH) that may stand in the destination, each in the form
    in which it was sent, and the keys of all of whose possible payloads a row is among them."""
    types = {each.name: payload_dtype(each) for each in schema.fields} | {PAYLOAD_HASH: pl.String()}
    if not set(types) <= set(payload.columns):
        # Built by another mapping: these rows aren't what such fields were sent with.
        return pl.DataFrame(schema=types).select(schema.field_names), frozenset()
    if spec.optional_references:
        # An optional reference had to stay empty where its parent wasn't there.
        emptied = without_absent(schema, spec.optional_references, payload, present)
        payload = pl.concat([payload, emptied]).unique([schema.key_field, PAYLOAD_HASH], maintain_order=True)
    hashes = pl.DataFrame(
        [(key, each) for key, mine in ours.items() for each in mine.hashes],
        schema={"key": pl.String, "hash": pl.String},
        orient="row",
    )
    sent = payload.join(
        hashes, left_on=[schema.key_field, PAYLOAD_HASH], right_on=["key", "hash"], how="semi"
    )
    sent = with_marks(sent, schema.key_field, ours)
    known = dict(sent.group_by(schema.key_field).len().iter_rows())
    wanted = dict(hashes.group_by("key").len().iter_rows())
    return sent.select(schema.field_names), frozenset(
        key for key, count in known.items() if count == wanted[key]
    )


def parts_of(schema: ObjectSchema, schemas: Mapping[str, ObjectSchema]) -> tuple[str, ...]:
    """References by which a record is a part of another: those that it joins, its master, or all that it
    refers to where it can't be without it, and that not without its own (a line of a patient's plan)."""
    masters = tuple(each.name for each in schema.references if each.type is FieldType.MASTER_DETAIL)
    if schema.joins or masters:
        return schema.joins or masters
    if len(schema.references) != 1 or not schema.references[0].required:
        return ()
    whole = schemas.get(schema.references[0].reference_to or "")
    is_a_persons = whole is not None and any(each.required for each in whole.references)
    return (schema.references[0].name,) if is_a_persons else ()
