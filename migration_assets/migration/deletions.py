"""Records whose rows are gone from the source: reported, marked in the destination, or deleted there.

The practice's policy says which. What it asks of records that it can't be done to is listed as retained, with
a code. How records are judged and deleted stands in ``deleting``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl

from migration_assets.destinations.base import (
    KEY_CHANGED,
    RECORD_GONE,
    Destination,
    FieldSchema,
    KeyChange,
    LoadResult,
    ObjectSchema,
    ReadRequest,
)
from migration_assets.mapping.payload_hash import hash_rows
from migration_assets.migration.deleting import Deleting, PayloadOfGone
from migration_assets.migration.deletion_outcomes import DELETION_COLUMNS, GONE, NO_FLAG, NOT_OURS, Deletion
from migration_assets.migration.ledger import Ledger, Outcome, Presence
from migration_assets.migration.load import Loader
from migration_assets.migration.plan import Plan
from migration_assets.migration.rollback_events import MARKED, RollbackEvents
from migration_assets.practice import Deletions

_MARKED_AT_ONCE = 200
"""What ``Destination.write_keys`` says of a record that isn't there, or holds another key."""


def carry_out(
    plan: Plan,
    ledger: Ledger,
    destination: Destination,
    gone: Mapping[str, Collection[str]],
    policy: Deletions,
    run_id: str,
    payload_of_gone: PayloadOfGone,
    *,
    known_jobs: Callable[[], frozenset[str]],
) -> pl.DataFrame:
    """DELETION_COLUMNS: what became of those records of ``gone`` (object -> keys that the payload has lost)
    that are in the destination, for all that the ledger knows.

    To be called once everything else is sent, so that no record of the payload refers to one of these any
    more. It may be cut off and called again. ``payload_of_gone`` gives an object's keys' rows as they stood
    in the payload last, with PAYLOAD_HASH; none where they aren't known. ``report`` makes no request.

    Raises DestinationError where the destination fails as a whole; what was done until then is in the ledger.
    """
    wanted = {spec.name: sorted(gone[spec.name]) for spec in plan.mapping if gone.get(spec.name)}
    schemas = {name: plan.schema_of_object(name) for name in wanted}
    if policy != "report":
        loader = Loader(destination, ledger, run_id, known_jobs, plan.schema_of_object)
        for schema in schemas.values():
            if ledger.open_batches(schema):
                loader.settle(schema)
    match policy:
        case "report":
            found = [
                Deletion(name, key, "retained")
                for name, keys in wanted.items()
                for key in ledger.present(schemas[name], keys)
            ]
        case "flag":
            marking = _Marking(plan, ledger, destination, run_id)
            found = [each for name, keys in wanted.items() for each in marking.marked(name, keys)]
        case "delete":
            found = Deleting(plan, ledger, destination, run_id, payload_of_gone).deleted(wanted)
    return pl.DataFrame([each.row for each in found], schema=DELETION_COLUMNS, orient="row")


class _Marking:
    """Ticks the box of records that stay, by their ids, so that none is made anew.

    The ledger knows a marked record by the hash of its key and mark: one that comes back in the source is
    sent again, and its payload unticks the box.
    """

    def __init__(self, plan: Plan, ledger: Ledger, destination: Destination, run_id: str) -> None:
        self._plan = plan
        self._ledger = ledger
        self._destination = destination
        self._run_id = run_id
        self._events = RollbackEvents(ledger.engine, ledger.target, ledger.keys)

    def marked(self, name: str, keys: Sequence[str]) -> Iterator[Deletion]:
        schema, flag = self._plan.schema_of_object(name), self._plan.mapping.of_object(name).deleted_flag
        state = self._ledger.state(schema, keys).filter(pl.col("present"))
        if flag is None:
            yield from (Deletion(name, key, "retained", NO_FLAG) for key in state["key"])
            return
        marks = pl.DataFrame({schema.key_field: state["key"], flag.name: [True] * state.height})
        hashes = dict(zip(state["key"], hash_rows(marks), strict=True))
        ours = self._events.ours(name, keys)
        ids: dict[str, str | None] = {}
        for row in state.iter_rows(named=True):
            key = row["key"]
            if key not in ours:
                yield Deletion(name, key, "retained", NOT_OURS)
            elif row["outcome"] == Outcome.LOADED and row["payload_hash"] == hashes[key]:
                yield Deletion(name, key, "flagged")
            else:
                ids[key] = row["destination_id"]
        found = self._with_ids(schema, ids)
        lost = [key for key in ids if key not in found]
        self._ledger.observe(schema, dict.fromkeys(lost, Presence.ABSENT), self._run_id)
        yield from (Deletion(name, key, "deleted", GONE) for key in lost)
        every = list(found.items())
        for start in range(0, len(every), _MARKED_AT_ONCE):
            part = dict(every[start : start + _MARKED_AT_ONCE])
            yield from self._mark(schema, flag, part, hashes)

    def _with_ids(self, schema: ObjectSchema, ids: Mapping[str, str | None]) -> dict[str, str]:
        """The destination's ids; it is asked for those that the ledger doesn't know."""
        found = {key: record_id for key, record_id in ids.items() if record_id is not None}
        unknown = tuple(key for key in ids if key not in found)
        if unknown:
            key_field = schema.key_field
            prefix = f"{self._ledger.target.practice}:"
            for page in self._destination.read(ReadRequest(schema, prefix, (key_field,), unknown)):
                there = page.filter(pl.col(key_field).is_in(unknown))
                found |= dict(there.select(key_field, "_id").iter_rows())
        return found

    def _mark(
        self, schema: ObjectSchema, flag: FieldSchema, ids: Mapping[str, str], hashes: Mapping[str, str]
    ) -> Iterator[Deletion]:
        """What is intended is written down first: after a crash nobody takes the record for as it was."""
        batch_id = self._ledger.intend(schema, [(key, hashes[key]) for key in ids], self._run_id)
        changes = [KeyChange(record_id, key, key, {flag.name: True}) for key, record_id in ids.items()]
        results = self._destination.write_keys(schema, changes)
        told = [
            replace(each, code=MARKED, field=flag.name) if each.outcome == "loaded" else each
            for each in results
        ]
        self._ledger.record(schema, told, self._run_id, batch_id)
        lost = [each.key for each in results if each.code == RECORD_GONE]
        self._ledger.observe(schema, dict.fromkeys(lost, Presence.ABSENT), self._run_id)
        self._ledger.settled(batch_id)
        yield from (_marked(schema.name, each) for each in results)


def _marked(name: str, result: LoadResult) -> Deletion:
    if result.outcome == "loaded":
        return Deletion(name, result.key, "flagged")
    if result.code == RECORD_GONE:
        return Deletion(name, result.key, "deleted", GONE)
    if result.code == KEY_CHANGED:
        return Deletion(name, result.key, "retained", result.code, result.message)
    return Deletion(name, result.key, "failed", result.code, result.message)
