"""Operations of the cutover: what was refreshed since the last payload is sent, read back and written down;
whether both sides agree; and the end of the window.

They are the upload's own, on a scope that change detection has made. What changed is told by ``detection``.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial

import polars as pl

from migration_assets.destinations.base import Destination
from migration_assets.errors import ContentChanged, WarehouseTableMissing
from migration_assets.migration import payload
from migration_assets.migration.conflict_store import ConflictStore, decided_for_source, open_conflicts
from migration_assets.migration.decisions import (
    DeltaSent,
    DrainChecked,
    Extracted,
    PayloadBuilt,
    WindowClosed,
    closing_of,
)
from migration_assets.migration.deletion_outcomes import DELETION_COLUMNS
from migration_assets.migration.deletions import carry_out
from migration_assets.migration.delta_payload import build_delta
from migration_assets.migration.delta_records import DeltaRecords
from migration_assets.migration.delta_times import record_times
from migration_assets.migration.detection import Detection
from migration_assets.migration.former_rows import clear_gone, former_rows, read_gone
from migration_assets.migration.ledger import Ledger, Outcome
from migration_assets.migration.load import Shipment, UploadSummary
from migration_assets.migration.plan import Plan
from migration_assets.migration.progress import Watch, unwatched
from migration_assets.migration.read_again import FOUND_COLUMNS, Found, find_again
from migration_assets.migration.staging import require_passed
from migration_assets.migration.unsettled import unsettled
from migration_assets.migration.upload_operations import UploadOperations
from migration_assets.panda.extract import SCHEMA
from migration_assets.panda.refresh_log import BASE
from migration_assets.practice import Practice
from migration_assets.warehouse import Session


@dataclass(frozen=True)
class DeltaOutcome:
    """What one delta did. ``uploads``: objects with records in scope; ``conflicts`` found by object,
    ``deletions`` by outcome; ``found`` records were read back as they were sent, in ``different`` a field
    wasn't. ``overtaken``: failed records by object whose file was changed again before it was read; the next
    refresh brings it."""

    sequence: int
    uploads: tuple[UploadSummary, ...]
    conflicts: Mapping[str, int]
    deletions: Mapping[str, int]
    found: int
    different: int
    seconds: float
    overtaken: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Drained:
    """Whether source and destination agree, read once more. ``source_changes`` were found by comparing every
    table, ``waiting`` changes aren't refreshed, ``behind`` refreshes aren't sent, ``not_sent`` records were
    never processed, and of the ``compared``, all that any delta reached, ``different`` aren't there as sent.
    ``open_conflicts`` are a person's to decide; what failed or is held back is the reconciliation's."""

    source_changes: int
    waiting: int
    behind: int
    not_sent: int
    different: int
    compared: int
    open_conflicts: int

    @property
    def passed(self) -> bool:
        return not (self.source_changes or self.waiting or self.behind or self.not_sent or self.different)


@dataclass(frozen=True)
class DeltaOperations(UploadOperations):
    """The part of ``Migration`` that keeps up with the source."""

    def delta_progress(self) -> int | None:
        """The last refresh that is in the payload; None where there is no payload, or a whole extraction
        came after it."""
        with suppress(WarehouseTableMissing), self._both_files() as (session, base):
            build = payload.read_build(session)
            return build.sequence if build.base == base else None
        return None

    def send_delta(self, run_id: str, watch: Watch = unwatched, *, everything: bool = False) -> DeltaOutcome:
        """Brings to the destination what was refreshed since the last payload, and what is still unsettled.

        With ``everything`` all records are in scope; what is there as it should be isn't sent. Raises
        GateClosed or StagingRefused before the first request.
        """
        started = time.monotonic()
        practice = self.practice
        plan = self._allowed_plan(practice)
        panda = self.platform.panda_warehouse(practice.key)
        require_passed(practice.key, payload.current_verdicts(panda, plan.mapping))
        ledger = self.ledger(practice)
        upload = self.platform.upload_warehouse(self.target)
        minted = self.platform.minted_keys(practice)
        since = self._last_sent()
        build = build_delta(
            practice,
            plan,
            panda,
            upload,
            minted,
            profile=self.platform.profile(practice),
            run_id=run_id,
            unsettled=self._unsettled(plan, ledger),
            everything=everything,
        )
        if build.needs_full:
            full = payload.build(practice, plan, panda, upload, minted, run_id=run_id)
            in_scope = full.in_scope
        else:
            in_scope = build.in_scope
        self.note(PayloadBuilt(**self._of_run(run_id, plan), counts=in_scope))
        with self._bound(practice) as destination:
            uploads = tuple(self._send(destination, practice, plan, in_scope, run_id, watch))
            removed = self._remove_gone(destination, practice, plan, ledger, run_id)
            shipments = self._shipments(plan, in_scope, None)
            found = find_again(
                destination, ledger, plan, shipments, run_id, only_sent_now=everything or build.needs_full
            )
        times = record_times(practice.key, plan, panda, upload, since=since)
        self._write_records(ledger, times, found, removed, run_id)
        outcome = DeltaOutcome(
            sequence=self.delta_progress() or 0,
            uploads=uploads,
            conflicts=ConflictStore.of(ledger).found_in_run(run_id),
            deletions=dict(removed["outcome"].value_counts().iter_rows()),
            found=found.equal,
            different=found.different,
            seconds=time.monotonic() - started,
            overtaken=self._overtaken(plan, ledger, uploads),
        )
        counts = {"sent": sum(each.sent for each in uploads), "found": found.equal}
        counts |= {"different": found.different, **outcome.deletions}
        self.note(DeltaSent(**self._of_run(run_id, plan), sequence=outcome.sequence, counts=counts))
        return outcome

    def drained(self, run_id: str) -> Drained:
        """Compares every table of the source once more, and reads back every record that a delta has sent."""
        practice = self.practice
        plan = self._stored_plan(practice)
        ledger = self.ledger(practice)
        detection = Detection(self.platform, practice.key)
        changes = detection.drain()
        progress, sent = detection.progress(), self.delta_progress()
        window = practice.cutover
        records = DeltaRecords(ledger.engine, self.target).read(None if window is None else window.begins)
        sent_keys = records.select("object", "key").unique()
        shipments = self._shipments(plan, [spec.name for spec in plan.specs], sent_keys)
        with self._bound(practice) as destination:
            found = find_again(destination, ledger, plan, shipments, run_id)
        not_sent = [len(unsettled(ledger, each, [Outcome.NOT_SENT])) for each in plan.schemas.values()]
        standing = ConflictStore.of(ledger).standing()
        drained = Drained(
            source_changes=changes.found,
            waiting=changes.waiting,
            behind=progress if sent is None else progress - sent,
            not_sent=sum(not_sent),
            different=found.different,
            compared=found.records.height,
            open_conflicts=sum(open_conflicts(standing).values()),
        )
        of_run = self._of_run(run_id, plan)
        self.note(DrainChecked(**of_run, passed=drained.passed, counts=asdict(drained)))
        return drained

    def close_window(self, run_id: str, closed_by: str) -> None:
        """Writes down that a person ends the cutover; the sensor asks for nothing of it any more."""
        plan = self._stored_plan(self.practice)
        self.note(WindowClosed(**self._of_run(run_id, plan), decided_by=closed_by))

    def window_closed(self) -> WindowClosed | None:
        """Who ended the cutover whose window stands in the practice's file; None while it goes on."""
        return closing_of(self.practice.cutover, self.decisions.entries(), self.target)

    def _unsettled(self, plan: Plan, ledger: Ledger) -> dict[str, list[str]]:
        """What is sent again, whatever changed: what didn't end well, and what a person has decided."""
        decided = decided_for_source(ConflictStore.of(ledger).standing())
        return {
            schema.name: sorted({*unsettled(ledger, schema), *decided.get(schema.name, ())})
            for schema in plan.schemas.values()
        }

    def _overtaken(self, plan: Plan, ledger: Ledger, uploads: Iterable[UploadSummary]) -> dict[str, int]:
        found = {}
        for each in uploads:
            if each.failed:
                schema = plan.schema_of_object(each.object)
                failed = ledger.state(schema, unsettled(ledger, schema, [Outcome.FAILED]))
                found[each.object] = int((failed["code"].str.to_lowercase() == ContentChanged.code).sum())
        return {name: count for name, count in found.items() if count}

    def _last_sent(self) -> int:
        """The refresh that the last whole delta went up to; 0 where an extraction has begun anew since."""
        sequence = 0
        for each in self.decisions.entries():
            if isinstance(each, Extracted):
                sequence = 0
            elif isinstance(each, DeltaSent) and each.is_of(self.target):
                sequence = each.sequence
        return sequence

    def _send(
        self,
        destination: Destination,
        practice: Practice,
        plan: Plan,
        in_scope: Mapping[str, int],
        run_id: str,
        watch: Watch,
    ) -> Iterator[UploadSummary]:
        """Objects with records in scope, parents first. Who is new has to be looked for in the destination:
        the practice may have entered the same person on both sides."""
        for spec in plan.specs:
            if in_scope.get(spec.name):
                with self.platform.upload_warehouse(self.target).open() as session:
                    shipment = payload.read_shipment(session, spec, plan)
                looked = spec.adopt is None
                yield self._ship(destination, practice, plan, spec, shipment, run_id, watch, looked=looked)

    def _remove_gone(
        self, destination: Destination, practice: Practice, plan: Plan, ledger: Ledger, run_id: str
    ) -> pl.DataFrame:
        """What became of records whose rows are gone; those that are to be judged again stay listed."""
        policy = practice.policies.deletions
        with self.platform.upload_warehouse(self.target).open() as session:
            gone = read_gone(session)
            if not gone:
                return pl.DataFrame(schema=DELETION_COLUMNS)
            removed = carry_out(
                plan,
                ledger,
                destination,
                gone,
                policy,
                run_id,
                partial(former_rows, session, plan),
                known_jobs=self.platform.known_jobs,
            )
            for name, keys in gone.items():
                of_object = removed.filter(object=name)
                # What never arrived isn't told; what is only reported may be flagged or deleted some day.
                again = of_object.filter((pl.col("outcome") == "failed") | (policy == "report"))["key"]
                clear_gone(session, name, sorted(set(keys) - set(again)))
        return removed

    def _shipments(
        self, plan: Plan, objects: Collection[str], records: pl.DataFrame | None
    ) -> list[Shipment]:
        """Of these objects what is in scope, or what is among ``records`` (object, key)."""
        found = []
        with self.platform.upload_warehouse(self.target).open() as session:
            for spec in plan.specs:
                keys = None if records is None else records.filter(object=spec.name)["key"].to_list()
                if spec.name in objects and keys != []:
                    found.append(payload.read_shipment(session, spec, plan, keys))
        return found

    def _write_records(
        self, ledger: Ledger, times: pl.DataFrame, found: Found, removed: pl.DataFrame, run_id: str
    ) -> None:
        """A row for each record that a change has reached or that was sent now; what waits as it did before
        isn't written again."""
        on = ["object", "key"]
        gone = removed.select("object", "key", "outcome").with_columns(
            pl.when(pl.col("outcome") == "deleted").then(pl.lit(datetime.now(UTC))).alias("found_at")
        )
        gone = gone.with_columns(sent_now=pl.lit(value=False)).select(list(FOUND_COLUMNS))
        every = pl.concat([found.records, gone.cast(pl.Schema(FOUND_COLUMNS))]).join(times, on=on, how="left")
        reached = every.filter(pl.col("sent_now") | pl.col("changed_at").is_not_null())
        DeltaRecords(ledger.engine, self.target).add(reached.drop("sent_now"), run_id)

    @contextmanager
    def _both_files(self) -> Iterator[tuple[Session, str | None]]:
        """The upload's file and the batch of the whole extraction that stands in panda.duckdb."""
        panda = self.platform.panda_warehouse(self.target.practice)
        with panda.open(read_only=True) as session:
            base = session.read(SCHEMA, BASE).item() if session.has_table(SCHEMA, BASE) else None
        with self.platform.upload_warehouse(self.target).open(read_only=True) as session:
            yield session, base
