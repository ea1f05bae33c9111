"""Deletes records of ours whose rows are gone from the source, children first.

Judged as a rollback judges: nothing that stood there before, that somebody has worked with since, or on which
records that stay hang. Only these records are read; what stood in them is kept before each is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from migration_assets.destinations.base import Destination, ObjectSchema, ReadRequest, payload_dtype
from migration_assets.migration.adoption_events import AdoptionEvents
from migration_assets.migration.deleted_images import DeletedImages
from migration_assets.migration.deletion_outcomes import GONE, NEEDED, STOOD_BEFORE, Deletion, left
from migration_assets.migration.known_places import known_places
from migration_assets.migration.ledger import Ledger, Presence
from migration_assets.migration.plan import Plan
from migration_assets.migration.rollback_events import Ours, RollbackEvents
from migration_assets.migration.rollback_judging import Standing, judged
from migration_assets.migration.rollback_look import may_stand, parts_of
from migration_assets.migration.rollback_plan import (
    DELETE,
    LEAVE,
    RESTORE,
    Dependent,
    Record,
    RollbackPlan,
    settled,
)
from migration_assets.migration.rollback_plan import GONE as NOT_THERE
from migration_assets.migration.rollback_tally import Tally, children_first

PayloadOfGone = Callable[[str, Sequence[str]], pl.DataFrame]


@dataclass
class _Found:
    """What was read: the records themselves by object, ids by object and key, and every id that was ours."""

    current: dict[str, pl.DataFrame] = field(default_factory=dict)
    ids: dict[str, dict[str, str]] = field(default_factory=dict)
    our_ids: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Deleting:
    """Deletions in one target in one run."""

    plan: Plan
    ledger: Ledger
    destination: Destination
    run_id: str
    payload_of_gone: PayloadOfGone

    def deleted(self, gone: Mapping[str, Sequence[str]]) -> list[Deletion]:
        """What became of these records (by object, parents first), of those that are or were there."""
        found, done = _Found(), []
        records: list[list[Record]] = []
        for name, keys in gone.items():
            schema = self.plan.schema_of_object(name)
            present = self.ledger.state(schema, keys).filter(pl.col("present"))
            before = DeletedImages(self.ledger).of(schema, keys).keys() - set(present["key"])
            done += [Deletion(name, key, "deleted", GONE) for key in sorted(before)]
            if not present.is_empty():
                records.append(self._judged(name, present, found))
        planned = self._settled(records, found)
        done += [left(each) for each in planned.records if each.action == LEAVE]
        return done + self._carried_out(planned, found)

    def _judged(self, name: str, present: pl.DataFrame, found: _Found) -> list[Record]:
        """Each record judged by itself; one that stood there before stays as it is."""
        spec, schema = self.plan.mapping.of_object(name), self.plan.schema_of_object(name)
        keys = present["key"].to_list()
        events = RollbackEvents(self.ledger.engine, self.ledger.target, self.ledger.keys)
        ours, images = events.ours(name, keys), events.images(schema, keys)
        payload = self.payload_of_gone(name, keys)
        request = ReadRequest(schema, self._prefix, (), tuple(keys), known_places(schema, present, [payload]))
        current = self._current(request)
        found.current[name] = current
        found.our_ids.update(record_id for each in ours.values() for record_id in each.ids)
        self._learn_parents(schema, [current, payload], found.ids)
        found.ids.setdefault(name, {}).update(current.select(schema.key_field, "_id").iter_rows())
        ids = {of: pl.Series(list(known), dtype=pl.String) for of, known in found.ids.items()}
        none = pl.Series([], dtype=pl.String)
        sent, known = may_stand(spec, schema, payload, ours, lambda of: ids.get(of, none))
        standing = Standing(
            schema, ours, images, current, self._changes(request, ours), sent, known, found.ids
        )
        records = [_staying(each) if each.action == RESTORE else each for each in judged(standing)]
        told = {each.key for each in records}
        return records + [Record(name, key, None, NOT_THERE) for key in keys if key not in told]

    def _current(self, request: ReadRequest) -> pl.DataFrame:
        schema = request.schema
        types: dict[str, pl.DataType] = {"_id": pl.String()}
        types |= {each.name: payload_dtype(each) for each in schema.returned_fields}
        pages = (page.select(list(types)) for page in self.destination.read(request))
        whole = pl.concat([pl.DataFrame(schema=types), *pages])
        return whole.filter(pl.col(schema.key_field).is_in(request.keys or ()))

    def _changes(self, request: ReadRequest, ours: Mapping[str, Ours]) -> dict[str, tuple[datetime, bool]]:
        """Only of records of which the destination keeps who changed them."""
        narrow = replace(request, fields=(request.schema.key_field,))
        return {
            key: (at, by_us)
            for page in self.destination.last_changes(narrow)
            for key, at, by_us in page.select("key", "_changed_at", "_changed_by_us").iter_rows()
            if key in ours and at is not None and by_us is not None
        }

    def _learn_parents(
        self, schema: ObjectSchema, frames: Sequence[pl.DataFrame], ids: dict[str, dict[str, str]]
    ) -> None:
        """Ids of the records to which these refer, or referred, as the ledger has them."""
        for reference in schema.references:
            named = {
                key
                for frame in frames
                if reference.name in frame.columns
                for key in frame[reference.name].drop_nulls().to_list()
            }
            for target in reference.targets if named else ():
                state = self.ledger.state(self.plan.schema_of_object(target), sorted(named))
                there = state.filter(pl.col("present") & pl.col("destination_id").is_not_null())
                for key, record_id in there.select("key", "destination_id").iter_rows():
                    ids.setdefault(target, {}).setdefault(key, record_id)

    def _settled(self, records: Sequence[Sequence[Record]], found: _Found) -> RollbackPlan:
        """Children first; left is also what records hang on that stay, and what those that are left need."""
        schemas = {spec.name: self.plan.schema_of_object(spec.name) for spec in self.plan.mapping}
        dependents = [
            Dependent(on, name, record_id)
            for of_object in records
            for page in self._dependents(schemas, of_object)
            for on, name, record_id in page.select("_id", "object", "dependent_id").iter_rows()
        ]
        in_reverse = [each for of_object in reversed(records) for each in of_object]
        parts = {name: parts_of(schema, schemas) for name, schema in schemas.items()}
        now = settled(in_reverse, dependents, found.our_ids, (), parts)
        return RollbackPlan(now, dependents=tuple(dependents))

    def _dependents(
        self, schemas: Mapping[str, ObjectSchema], records: Sequence[Record]
    ) -> Sequence[pl.DataFrame]:
        wanted = [str(each.record_id) for each in records if each.action == DELETE]
        return list(self.destination.dependents(schemas[records[0].object], wanted)) if wanted else []

    def _carried_out(self, planned: RollbackPlan, found: _Found) -> list[Deletion]:
        doing, done = Tally(planned), list[Deletion]()
        goes_along: set[tuple[str, str]] = set()
        for name in dict.fromkeys(each.object for each in planned.records):
            schema = self.plan.schema_of_object(name)
            records = [each for each in planned.records if each.object == name]
            absent = [each for each in records if each.action == NOT_THERE]
            self._lost(schema, [each.key for each in absent])
            doing.gone(absent)
            done += [Deletion(name, each.key, "deleted", GONE) for each in absent]
            for wave in children_first(schema, [each for each in records if each.action == DELETE]):
                by_key = {each.key: each for each in doing.free(wave)}
                done += self._delete(schema, by_key, found.current[name], doing, goes_along)
        for each in doing.went_along():
            self._taken_back(self.plan.schema_of_object(each.object), [each.key])
            done.append(Deletion(each.object, each.key, "deleted"))
        for row in doing.refused.iter_rows(named=True):
            name, key, code = row["object"], row["key"], row["code"]
            stays = code == NEEDED or (name, key) in goes_along
            done.append(Deletion(name, key, "retained" if stays else "failed", code, row["message"]))
        return done

    def _delete(
        self,
        schema: ObjectSchema,
        by_key: Mapping[str, Record],
        current: pl.DataFrame,
        doing: Tally,
        goes_along: set[tuple[str, str]],
    ) -> list[Deletion]:
        if not by_key:
            return []
        done = []
        standing = current.filter(pl.col(schema.key_field).is_in(list(by_key)))
        DeletedImages(self.ledger).keep(schema, standing.iter_rows(named=True), self.run_id)
        ids = {key: str(each.record_id) for key, each in by_key.items()}
        for removals in self.destination.delete(schema, ids):
            absent = [each for each in removals if each.outcome in ("deleted", "gone")]
            self._taken_back(schema, [each.key for each in absent])
            doing.gone([by_key[each.key] for each in absent])
            for each in absent:
                code = GONE if each.outcome == "gone" else None
                done.append(Deletion(schema.name, each.key, "deleted", code))
            for each in removals:
                if each.outcome == "failed":
                    doing.refuse(by_key[each.key], each.code, each.message)
                elif each.outcome == "with_parent":
                    goes_along.add((schema.name, each.key))
                    doing.wait(by_key[each.key], each.code, each.message)
        return done

    def _taken_back(self, schema: ObjectSchema, keys: Sequence[str]) -> None:
        """None of ours from now on: a row that comes back in the source makes a new record, and no person
        has deleted the old one."""
        events = AdoptionEvents(self.ledger.engine, self.ledger.target, self.ledger.keys)
        events.taken_back(schema, keys, self.run_id)

    def _lost(self, schema: ObjectSchema, keys: Sequence[str]) -> None:
        """They aren't there: deleted by a run of ours that was cut off before it had written so, or by
        somebody else."""
        ours = DeletedImages(self.ledger).of(schema, keys).keys()
        self._taken_back(schema, [key for key in keys if key in ours])
        others = [key for key in keys if key not in ours]
        self.ledger.observe(schema, dict.fromkeys(others, Presence.ABSENT), self.run_id)

    @property
    def _prefix(self) -> str:
        return f"{self.ledger.target.practice}:"


def _staying(record: Record) -> Record:
    return replace(record, action=LEAVE, reason=STOOD_BEFORE, change=None)
