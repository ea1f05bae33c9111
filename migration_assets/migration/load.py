"""Brings a destination's records to the state of the payload, within a scope; resumable at any point.

One operation for rehearsal, live, delta and retry: settle what an earlier run left in flight, compare
payload hashes with the ledger, hold back children of absent parents, look what stands there
(``sending_look``), send the rest and write down every answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import polars as pl

from migration_assets.destinations.base import (
    Batch,
    BlobSource,
    Destination,
    FieldSchema,
    LoadResult,
    ObjectSchema,
    OpenBatch,
)
from migration_assets.errors import JobLost, LedgerError
from migration_assets.migration.conflict_store import ConflictStore, Standing, decided_for_source
from migration_assets.migration.conflicts import sendings
from migration_assets.migration.ledger import Hold, Ledger, Outcome
from migration_assets.migration.parents import (
    PAYLOAD_HASH,
    Present,
    in_waves,
    present_of,
    without_absent,
)
from migration_assets.migration.progress import Told, Watch, unwatched
from migration_assets.migration.sending_look import Looked, SendingLook
from migration_assets.migration.upload_file import HOLD_COLUMNS
from migration_assets.practice import Conflicts

_ORPHANS_LIVE = timedelta(days=7)
"""How long after a crash a job is looked for that nobody wrote down: one found too young to be touched is
ended by a later run, and destinations forget unfinished jobs within days."""
KEY = "_sent_key"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UploadSummary:
    """What one upload of one object did, in records. in_scope = unchanged + failed + held_back + loaded
    in this run (created + updated)."""

    object: str
    in_scope: int
    sent: int
    created: int
    updated: int
    unchanged: int
    failed: int
    held_back: int


@dataclass(frozen=True)
class Shipment:
    """What to bring there: ``payload`` has the schema's fields and PAYLOAD_HASH, a row a key in scope;
    ``problems`` (key, field, code, message) are rows that no destination could take as they are, ``holds``
    (key, code, message) those that the practice's own choice keeps back; ``optional`` are references that a
    record goes without where its parent isn't in the destination. ``former`` has the payload's columns: rows
    of keys in scope as they stood in the payload before, each with the hash that it had then. A ``narrow``
    shipment is small beside the practice: its load looks at nothing but its own keys.
    """

    schema: ObjectSchema
    payload: pl.DataFrame
    problems: pl.DataFrame
    holds: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=HOLD_COLUMNS))
    optional: frozenset[str] = frozenset()
    former: pl.DataFrame = field(default_factory=pl.DataFrame)
    narrow: bool = False


@dataclass(frozen=True)
class Loader:
    """Sends shipments of one target in one run; ``conflicts`` says whose value stays where somebody has
    edited a record of ours there."""

    destination: Destination
    ledger: Ledger
    run_id: str
    known_jobs: Callable[[], frozenset[str]]
    parents: Callable[[str], ObjectSchema]
    watch: Watch = unwatched
    blobs: BlobSource | None = None
    conflicts: Conflicts = "source_wins"

    def load(self, shipment: Shipment) -> UploadSummary:
        """Every key of the shipment has an outcome in the ledger when this returns.

        Records that name others of the shipment are sent after these.

        Raises DestinationError where the destination fails as a whole; what was answered until then is
        in the ledger, and the next call goes on from there.
        """
        schema = shipment.schema
        self.settle(schema)
        unchanged = 0
        sent = [pl.Series(KEY, [], dtype=pl.String)]
        for wave in in_waves(schema, shipment.payload):
            unchanged_now, sent_now = self._load_wave(shipment, wave)
            unchanged += unchanged_now
            sent.append(sent_now)
        return self._summary(shipment, unchanged, pl.concat(sent))

    def _load_wave(self, shipment: Shipment, wave: pl.DataFrame) -> tuple[int, pl.Series]:
        """How many rows are there as they should be already, and the keys that were sent."""
        schema = shipment.schema
        present = self._presence(shipment, wave)
        possible = without_absent(schema, shipment.optional, wave, present)
        keyed = possible.with_columns(pl.col(schema.key_field).alias(KEY))
        keys = keyed[KEY].to_list() if shipment.narrow else None
        state = self.ledger.state(schema, keys)
        conflicts = ConflictStore.of(self.ledger)
        due = decided_for_source(conflicts.standing(schema.name, keys)).get(schema.name, frozenset())
        unchanged = _unchanged(keyed, state).filter(~pl.col(KEY).is_in(list(due)))
        open_rows = keyed.join(unchanged, on=KEY, how="anti")

        refused = self._refuse_unsendable(shipment, open_rows)
        sendable = open_rows.filter(~pl.col(KEY).is_in(refused))
        held = self._hold_back(shipment, sendable, present, state)
        to_send = sendable.filter(~pl.col(KEY).is_in(held))
        if to_send.is_empty():
            return unchanged.height, to_send[KEY]

        looked = self._look(shipment, wave, to_send, state.select("key", "destination_id"))
        self.ledger.hold_back(schema, looked.holds, self.run_id)
        to_send = to_send.filter(~pl.col(KEY).is_in([hold.key for hold in looked.holds]))
        there = set(state.filter("present")["key"]) - looked.gone
        absent = frozenset(key for key in to_send[KEY] if key not in there)
        told = Told(schema.name, to_send.height, self.watch)
        for sent_by, rows in sendings(schema, to_send, looked.kept, looked.current):
            self._send(sent_by, rows, absent, told)
        if looked.settling:
            self._settle_conflicts(schema, conflicts, looked.settling)
        return unchanged.height, to_send[KEY]

    def _presence(self, shipment: Shipment, rows: pl.DataFrame) -> Present:
        """Asked of the ledger once an object; of a narrow shipment's parents those that its rows name."""

        @cache
        def present(object_name: str) -> pl.Series:
            named = None
            if shipment.narrow:
                columns = [
                    rows[each.name].cast(pl.String)
                    for each in shipment.schema.references
                    if object_name in each.targets
                ]
                named = pl.concat(columns).drop_nulls().unique().to_list()
            return self.ledger.present(self.parents(object_name), named)

        return present

    def _look(
        self, shipment: Shipment, wave: pl.DataFrame, to_send: pl.DataFrame, ids: pl.DataFrame
    ) -> Looked:
        look = SendingLook(self.destination, self.ledger, self.run_id, self.conflicts, self._is_there)
        looked = look.look(
            shipment.schema,
            shipment.optional,
            to_send,
            _candidates(shipment, wave),
            ids if shipment.narrow else None,
        )
        if looked.unknown_former:
            _LOG.info(
                "%s: of %d %s records it isn't known what they were sent with last; an edit there can't be "
                "told from a change in the source",
                self.ledger.target,
                looked.unknown_former,
                shipment.schema.name,
            )
        return looked

    def _is_there(self, reference: FieldSchema, key: str) -> bool:
        return any(self.ledger.present(self.parents(name), [key]).len() for name in reference.targets)

    def _settle_conflicts(
        self, schema: ObjectSchema, conflicts: ConflictStore, settling: Sequence[Standing]
    ) -> None:
        state = self.ledger.state(schema, {each.conflict.key for each in settling})
        loaded = set(state.filter(pl.col("outcome") == Outcome.LOADED)["key"])
        conflicts.settle([each for each in settling if each.conflict.key in loaded], self.run_id)

    def settle(self, schema: ObjectSchema) -> None:
        """Find out what became of batches that an earlier run left open; their keys get an outcome."""
        since = self.ledger.earliest_without_job(schema, datetime.now(UTC) - _ORPHANS_LIVE)
        if since is not None:
            self.destination.abandon_orphans(schema, since=since, known_jobs=self.known_jobs())
        for batch in self.ledger.open_batches(schema):
            try:
                self._record_all(batch.id, batch.keys, schema, self.destination.settle(batch, self.ledger))
            except JobLost:
                lost = [
                    LoadResult(key, Outcome.NOT_SENT.value, code="job_lost")
                    for key in self._unanswered(batch)
                ]
                self.ledger.record(schema, lost, self.run_id, batch.id)
            self.ledger.settled(batch.id)

    def _unanswered(self, batch: OpenBatch) -> tuple[str, ...]:
        """Keys still open now: results of a part may have come before the job was found to be lost."""
        for current in self.ledger.open_batches(batch.schema):
            if current.id == batch.id:
                return current.keys
        return ()

    def _refuse_unsendable(self, shipment: Shipment, open_rows: pl.DataFrame) -> list[str]:
        problems = shipment.problems.filter(pl.col("key").is_in(open_rows[KEY].to_list()))
        first = problems.unique(subset="key", keep="first", maintain_order=True)
        failures = [
            LoadResult(row["key"], "failed", code=row["code"], field=row["field"], message=row["message"])
            for row in first.iter_rows(named=True)
        ]
        self.ledger.record(shipment.schema, failures, self.run_id)
        return [failure.key for failure in failures]

    def _hold_back(
        self, shipment: Shipment, rows: pl.DataFrame, present: Present, state: pl.DataFrame
    ) -> list[str]:
        """What the practice keeps back waits, and so does a record whose parent isn't in the destination:
        it would fail there. What waits for the same reason as before isn't written down again."""
        schema = shipment.schema
        chosen = shipment.holds.join(rows.select(pl.col(KEY).alias("key")), on="key", how="semi")
        holds = {row["key"]: Hold(**row) for row in chosen.iter_rows(named=True)}
        for reference in schema.references:
            parents = present_of(reference, present)
            waiting = rows.filter(
                pl.col(reference.name).is_not_null() & ~pl.col(reference.name).is_in(parents.implode())
            )
            for key, parent in waiting.select(KEY, reference.name).iter_rows():
                message = f"its {' or '.join(reference.targets)} {parent} is not in the destination"
                holds.setdefault(key, Hold(key, "parent_absent", message, reference.name))
        waited = state.filter(pl.col("outcome") == Outcome.HELD_BACK).select("key", "code", "message")
        before = set(waited.iter_rows())
        news = [each for each in holds.values() if (each.key, each.code, each.message) not in before]
        self.ledger.hold_back(schema, news, self.run_id)
        return list(holds)

    def _send(self, schema: ObjectSchema, rows: pl.DataFrame, absent: frozenset[str], told: Told) -> None:
        """Several batches are on their way at once, as many as the destination likes.

        Where one fails as a whole no further one begins; those on their way are followed to their end.
        """
        most = self.destination.batches_at_once
        with ThreadPoolExecutor(most, thread_name_prefix="batch") as threads:
            on_their_way: set[Future[None]] = set()
            for part in self.destination.batches(schema, rows.drop(KEY)):
                if len(on_their_way) == most:
                    ended, on_their_way = wait(on_their_way, return_when=FIRST_COMPLETED)
                    for each in ended:
                        each.result()
                on_their_way.add(threads.submit(self._send_batch, schema, part, absent, told))
            for each in as_completed(on_their_way):
                each.result()

    def _send_batch(
        self, schema: ObjectSchema, part: pl.DataFrame, absent: frozenset[str], told: Told
    ) -> None:
        hashes = zip(part[schema.key_field], part[PAYLOAD_HASH], strict=True)
        batch_id = self.ledger.intend(schema, hashes, self.run_id)
        keys = tuple(part[schema.key_field])
        batch = Batch(batch_id, schema, part.drop(PAYLOAD_HASH), absent.intersection(keys), self.blobs)
        results = told.listening(self.destination.send(batch, self.ledger))
        self._record_all(batch_id, keys, schema, results)
        self.ledger.settled(batch_id)

    def _record_all(
        self,
        batch_id: str,
        keys: Sequence[str],
        schema: ObjectSchema,
        results: Iterator[Sequence[LoadResult]],
    ) -> None:
        expected = set(keys)
        for chunk in results:
            answered = [result for result in chunk if result.key in expected]
            expected.difference_update(result.key for result in answered)
            self.ledger.record(schema, answered, self.run_id, batch_id)
        if expected:
            raise LedgerError(
                f"{self.ledger.target}: {len(expected)} of {len(keys)} {schema.name} records of a batch got "
                "no answer; run the upload again, it settles them first"
            )

    def _summary(self, shipment: Shipment, unchanged: int, sent: pl.Series) -> UploadSummary:
        schema = shipment.schema
        keys = shipment.payload.select(pl.col(schema.key_field).alias("key"))
        named = keys["key"].to_list() if shipment.narrow else None
        state = self.ledger.state(schema, named).join(keys, on="key", how="semi")
        loaded_now = state.filter((pl.col("outcome") == Outcome.LOADED) & pl.col("key").is_in(sent.to_list()))
        created = self.ledger.created_in_run(schema, self.run_id, named)
        created_now = loaded_now.filter(pl.col("key").is_in(list(created))).height
        return UploadSummary(
            object=schema.name,
            in_scope=keys.height,
            sent=sent.len(),
            created=created_now,
            updated=loaded_now.height - created_now,
            unchanged=unchanged,
            failed=state.filter(pl.col("outcome").is_in([Outcome.FAILED, Outcome.NOT_SENT])).height,
            held_back=state.filter(pl.col("outcome") == Outcome.HELD_BACK).height,
        )


def _unchanged(keyed: pl.DataFrame, state: pl.DataFrame) -> pl.DataFrame:
    """Keys that are there with exactly this payload."""
    loaded = state.filter((pl.col("outcome") == Outcome.LOADED) & pl.col("present"))
    return (
        keyed.select(KEY, PAYLOAD_HASH)
        .join(loaded, left_on=[KEY, PAYLOAD_HASH], right_on=["key", "payload_hash"], how="semi")
        .select(KEY)
    )


def _candidates(shipment: Shipment, wave: pl.DataFrame) -> pl.DataFrame:
    """Rows that a record of the wave may have been sent with, as far as they are known, with PAYLOAD_HASH."""
    names = [*shipment.schema.field_names, PAYLOAD_HASH]
    now = wave.select(_text(wave, name) for name in names)
    if shipment.former.is_empty():
        return now
    former = shipment.former.join(wave, on=shipment.schema.key_field, how="semi")
    return pl.concat([now, former.select(_text(former, name) for name in names)], how="vertical_relaxed")


def _text(rows: pl.DataFrame, name: str) -> pl.Expr:
    """The column with an Enum as its text; null where an earlier plan didn't have it."""
    if name not in rows.columns:
        return pl.lit(None).alias(name)
    return pl.col(name).cast(pl.String) if rows[name].dtype == pl.Enum else pl.col(name)
