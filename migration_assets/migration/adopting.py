"""Looks for records of ours that are in the destination already, adopts them by a decision, gives them back.

Each step can be cut off and done again: an image is kept before a key is written, a key is written only where
the record is still as it was shown, and what stands there is looked at before anything is changed. What a
match is stands in ``adoption``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from migration_assets.destinations.base import (
    RECORD_GONE,
    Destination,
    KeyChange,
    LoadResult,
    ObjectSchema,
    ReadRequest,
    payload_dtype,
)
from migration_assets.errors import GateClosed
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration import adoption
from migration_assets.migration.adoption_events import AdoptionEvents
from migration_assets.migration.before_adoption import given_back
from migration_assets.migration.ledger import Ledger, Outcome
from migration_assets.migration.parents import PAYLOAD_HASH
from migration_assets.migration.plan import Plan
from migration_assets.migration.upload_file import UPLOAD, payload_table
from migration_assets.practice import Practice
from migration_assets.warehouse import Warehouse

_CHANGES_A_CALL = 200
_ID = "_id"
ADOPTED_MARK = "_adopted"
"""Stands in the image of an adopted record: its references are the destination's own ids."""


@dataclass(frozen=True)
class Look:
    """Who was found: ``table`` is ADOPTION_COLUMNS, ``sides`` the undecided pairs with their values by object
    (``adoption.side_by_side``), which go into a private report and nowhere else."""

    table: pl.DataFrame
    sides: Mapping[str, pl.DataFrame]

    @property
    def list_hash(self) -> str:
        return adoption.list_hash(self.table)

    def records(self, state: str) -> int:
        """Records of ours in this state."""
        return self.table.filter(pl.col("state") == state)["key"].n_unique()


@dataclass(frozen=True, slots=True)
class Adopted:
    """``adopted`` records hold our keys now, ``apart`` records of ours become records of their own;
    ``refused`` keys weren't written, by code."""

    adopted: int = 0
    apart: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GivenBack:
    """``given_back`` records hold no key of ours any more; ``left`` of their values were changed by somebody
    since we wrote them, and stayed; ``refused`` records weren't given back, by code."""

    given_back: int = 0
    left: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """The undecided pairs of one object, as they were shown and still are."""

    spec: ObjectSpec
    table: pl.DataFrame
    already: Mapping[str, str]

    @property
    def matched(self) -> dict[str, str]:
        """Key -> id of the record there."""
        pairs = self.table.filter(pl.col("state") == adoption.MATCHED)
        return dict(pairs.select("key", "destination_id").iter_rows())


@dataclass(frozen=True)
class _Found:
    table: pl.DataFrame
    ours: pl.DataFrame
    theirs: pl.DataFrame
    ids: Mapping[str, str]


@dataclass(frozen=True)
class Adopter:
    """The adoptions of one target in one run."""

    practice: Practice
    plan: Plan
    destination: Destination
    ledger: Ledger
    events: AdoptionEvents
    warehouse: Warehouse
    run_id: str

    def look(self) -> Look:
        """Find who is there, and keep it in the upload's file; nothing is changed in the destination."""
        tables, sides = [pl.DataFrame(schema=adoption.ADOPTION_COLUMNS)], {}
        for spec in self._specs():
            found = self._find(spec)
            with self.warehouse.open() as session:
                adoption.store(session, spec, self.practice, found.table)
            tables.append(found.table)
            if spec.adopt is not None:
                sides[spec.name] = adoption.side_by_side(
                    found.table, spec.adopt, self._schema(spec), found.ours, found.theirs
                )
        return Look(pl.concat(tables), sides)

    def shown(self, list_hash: str) -> list[Shown]:
        """What a decision about the list with this hash is about, by object.

        Raises GateClosed where another list was shown last, or where it isn't so any more.
        """
        with self.warehouse.open(read_only=True) as session:
            last = adoption.undecided(adoption.read(session))
        if last.is_empty():
            raise GateClosed(f"{self.ledger.target}: no match waits for a decision; look again")
        if adoption.list_hash(last) != list_hash:
            raise self._changed()
        return [self._still_so(spec, last.filter(object=spec.name)) for spec in self._specs()]

    def _still_so(self, spec: ObjectSpec, table: pl.DataFrame) -> Shown:
        now = self._find(spec)
        open_now = _pairs(adoption.undecided(now.table))
        apart = _pairs(now.table.filter(pl.col("state") == adoption.APART))
        already: dict[str, str] = {}
        for key, record_id, state in _pairs(table) - open_now:
            if state == adoption.MATCHED and now.ids.get(key) == record_id:
                already[key] = record_id
            elif (key, record_id, adoption.APART) not in apart:
                raise self._changed()
        if not open_now <= _pairs(table):
            raise self._changed()
        return Shown(spec, table, already)

    def adopt(self, shown: Sequence[Shown]) -> Adopted:
        """Write the keys of the matched pairs; ours of the ambiguous ones become records of their own."""
        adopted = apart = 0
        refused: Counter[str] = Counter()
        for each in shown:
            schema = self._schema(each.spec)
            self.events.adopted(schema, each.already, self.run_id)
            waiting = {key: name for key, name in each.matched.items() if key not in each.already}
            there = self._keep_images(schema, waiting)
            refused[RECORD_GONE] += len(waiting) - len(there)
            ours = dict(each.already)
            for results in self._written(schema, [KeyChange(there[key], None, key) for key in there]):
                keyed = {result.key: there[result.key] for result in results if result.outcome == "loaded"}
                self.events.adopted(schema, keyed, self.run_id)
                ours |= keyed
                refused.update(result.code or "" for result in results if result.outcome != "loaded")
            adopted += len(ours)
            apart += self._set_apart(schema, each.table)
            with self.warehouse.open() as session:
                adoption.store(session, each.spec, self.practice, _decided(each.table, ours))
        return Adopted(adopted, apart, +refused)

    def standing(self) -> dict[str, int]:
        """How many records are adopted now, by object."""
        counts = {spec.name: self.events.standing(self._schema(spec)).height for spec in self._specs()}
        return {name: count for name, count in counts.items() if count}

    def give_back(self) -> GivenBack:
        """Rid adopted records of our keys, with the values that an upload wrote over as they were before."""
        count = left = 0
        refused: Counter[str] = Counter()
        for spec in self._specs():
            schema = self._schema(spec)
            standing = self.events.standing(schema)
            if standing.is_empty():
                continue
            changes, kept = given_back(
                schema, standing, self.events.images(schema), self._current(schema), self._sent(spec)
            )
            left += kept
            with self.warehouse.open() as session:
                adoption.forget_look(session, spec)
            for results in self._written(schema, changes):
                done = [result.key for result in results if result.outcome == "loaded"]
                self.events.taken_back(schema, done, self.run_id)
                count += len(done)
                refused.update(result.code or "" for result in results if result.outcome != "loaded")
        return GivenBack(count, left, +refused)

    def _specs(self) -> Iterator[ObjectSpec]:
        return (spec for spec in self.plan.specs if spec.adopt is not None)

    def _schema(self, spec: ObjectSpec) -> ObjectSchema:
        return self.plan.schemas[spec.asset]

    def _changed(self) -> GateClosed:
        return GateClosed(
            f"{self.ledger.target}: the list of matches isn't the one that was decided about; look again "
            "(migration-assets adopt), judge the new list and decide"
        )

    def _find(self, spec: ObjectSpec) -> _Found:
        schema = self._schema(spec)
        if spec.adopt is None:
            raise ValueError(f"{spec.name} has no rule of adoption")
        with self.warehouse.open(read_only=True) as session:
            payload = session.read(UPLOAD, payload_table(spec.asset))
        key = schema.key_field
        ids: dict[str, str] = {}
        request = ReadRequest(schema, f"{self.practice.key}:", (key,))
        for page in self.destination.read(request):
            ids.update(page.select(key, _ID).iter_rows())
        ours = payload.filter(~pl.col(key).is_in(list(ids)))
        names = spec.adopt.fields
        theirs = pl.DataFrame(
            schema={_ID: pl.String(), **{name: payload_dtype(schema.field(name)) for name in names}}
        )
        if ours.height:
            pages = self.destination.unkeyed(schema, names)
            theirs = pl.concat([theirs, *(page.select(theirs.columns) for page in pages)])
        table = adoption.match(spec.adopt, schema, ours, theirs)
        return _Found(adoption.with_apart(table, self.events.apart(schema)), ours, theirs, ids)

    def _keep_images(self, schema: ObjectSchema, wanted: Mapping[str, str]) -> dict[str, str]:
        """Put down what the records are before they are adopted; those of ``wanted`` that are there."""
        if not wanted:
            return {}
        keys = {record_id: key for key, record_id in wanted.items()}
        names = [each.name for each in schema.stored_fields if each.name != schema.key_field]
        there: dict[str, str] = {}
        for page in self.destination.unkeyed(schema, names):
            mine = page.filter(pl.col(_ID).is_in(list(keys)))
            images = [
                (keys[row[_ID]], {**row, schema.key_field: None, ADOPTED_MARK: True})
                for row in mine.iter_rows(named=True)
            ]
            self.ledger.keep_before_images(schema, images, self.run_id)
            there.update((keys[record_id], record_id) for record_id in mine[_ID])
        return there

    def _written(self, schema: ObjectSchema, changes: Sequence[KeyChange]) -> Iterator[list[LoadResult]]:
        for start in range(0, len(changes), _CHANGES_A_CALL):
            yield self.destination.write_keys(schema, changes[start : start + _CHANGES_A_CALL])

    def _set_apart(self, schema: ObjectSchema, table: pl.DataFrame) -> int:
        candidates = adoption.candidates(table.filter(pl.col("state") == adoption.AMBIGUOUS))
        self.events.set_apart(schema, candidates, self.run_id)
        return len(candidates)

    def _current(self, schema: ObjectSchema) -> pl.DataFrame:
        return pl.concat(self.destination.read(ReadRequest(schema, f"{self.practice.key}:")))

    def _sent(self, spec: ObjectSpec) -> pl.DataFrame:
        """Payload rows that the records hold as they are, where the upload's file still has them: not those
        that a later sending failed with."""
        schema = self._schema(spec)
        with self.warehouse.open() as session:
            place = payload_table(spec.asset)
            if not session.has_table(UPLOAD, place):
                return pl.DataFrame(schema={each.name: payload_dtype(each) for each in schema.fields})
            payload = session.read(UPLOAD, place)
        hashes = self.ledger.state(schema).filter(outcome=str(Outcome.LOADED))
        written = payload.join(
            hashes, left_on=[schema.key_field, PAYLOAD_HASH], right_on=["key", "payload_hash"], how="semi"
        )
        return written.select(schema.field_names)


def _pairs(table: pl.DataFrame) -> set[tuple[str, str, str]]:
    return set(table.select("key", "destination_id", "state").iter_rows())


def _decided(table: pl.DataFrame, ours: Mapping[str, str]) -> pl.DataFrame:
    """The table once its keys are written, or not."""
    state = (
        pl.when(pl.col("state") == adoption.AMBIGUOUS)
        .then(pl.lit(adoption.APART))
        .when(pl.col("key").is_in(list(ours)))
        .then(pl.lit(adoption.ADOPTED))
        .otherwise("state")
    )
    return table.with_columns(state=state)
