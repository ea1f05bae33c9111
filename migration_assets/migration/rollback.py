"""Takes a practice's migration back: plans it, does what was shown and nothing else, checks what came of it.

Each step can be cut off and done again: what becomes of a record is written into the ledger after the
destination has answered, and a rollback that is called again plans anew and goes on. Only records of the
practice's key prefix that its own ledger has written are touched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from migration_assets.destinations.base import Destination, ObjectSchema
from migration_assets.destinations.removal import SchemaRemoval
from migration_assets.errors import ConfigurationError, GateClosed
from migration_assets.migration import adoption
from migration_assets.migration.adoption_events import AdoptionEvents
from migration_assets.migration.decisions import (
    Decision,
    Head,
    RollbackDecided,
    RollbackPlanned,
    RolledBack,
    SchemaRemoved,
)
from migration_assets.migration.operations import Migration
from migration_assets.migration.plan import Plan
from migration_assets.migration.rollback_check import FINDING_COLUMNS, Check
from migration_assets.migration.rollback_events import RollbackEvents
from migration_assets.migration.rollback_look import Look
from migration_assets.migration.rollback_plan import (
    CHANGED,
    DELETE,
    GONE,
    LEAVE,
    MAY_ALSO,
    RESTORE,
    Record,
    RollbackPlan,
    still_so,
)
from migration_assets.migration.rollback_tally import REFUSED_COLUMNS, Tally, children_first
from migration_assets.migration.upload_file import UPLOAD

_SHOWN, _SHOWN_PLAN = "rollback_shown", "rollback_plan"
_CHANGES_A_CALL = 200
_TOUCHED = "somebody has changed the record, its key or that it is there since the plan was made; plan again"


@dataclass(frozen=True)
class Outcome:
    """What a rollback did: ``counts`` by object and outcome (``Contact.deleted``, restored, gone, left,
    refused), ``refused`` as REFUSED_COLUMNS, ``findings`` as FINDING_COLUMNS; ``head`` is None where
    there was nothing to do, and nothing was written."""

    plan: RollbackPlan
    counts: Mapping[str, int] = field(default_factory=dict)
    refused: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REFUSED_COLUMNS))
    findings: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FINDING_COLUMNS))
    schema: SchemaRemoval | None = None
    head: Head | None = None

    @property
    def clean(self) -> bool:
        """Everything that was planned is done and found so."""
        return self.refused.is_empty() and self.findings.is_empty()

    def number(self, outcome: str) -> int:
        return sum(count for name, count in self.counts.items() if name.endswith(f".{outcome}"))


@dataclass(frozen=True)
class Rollback:
    """The rollback of one target in one run."""

    migration: Migration
    run_id: str

    def plan(self, also: Collection[str] = ()) -> RollbackPlan:
        """What a rollback would do now; it is kept as the plan that was shown, and written into the log.

        ``also``: reasons (MAY_ALSO) for which a record would be left and is deleted all the same.
        """
        _require_known(also)
        with self._looking() as (look, _):
            planned = look.rollback_plan(also)
        self._keep(planned)
        self._append(RollbackPlanned, look.plan, planned)
        return planned

    def shown(self, beginning: str = "") -> str:
        """Hash of the plan that was shown last.

        Raises GateClosed where none was, or where it doesn't begin so.
        """
        last = self._last_shown()[0]
        if not last.startswith(beginning):
            raise GateClosed(
                f"{self.migration.target}: rollback plan {beginning[:12]} isn't the one that was shown last "
                f"({last[:12]}); read that one, or plan again"
            )
        return last

    def roll_back(
        self,
        decided_by: str,
        plan_hash: str | None = None,
        also: Collection[str] = (),
        *,
        remove_schema: bool = False,
    ) -> Outcome:
        """Do the plan with this hash, or one that is made now where none is given.

        The decision is written down before anything is done.

        Raises GateClosed where another plan was shown last, or where it isn't so any more.
        """
        _require_known(also)
        shown: pl.DataFrame | None = None
        if plan_hash is not None:
            last, kept_also, shown = self._last_shown()
            if last != plan_hash:
                raise self._changed()
            also = kept_also
        with self._looking() as (look, destination):
            planned = look.rollback_plan(also)
            if shown is not None and not still_so(planned, shown):
                raise self._changed()
            outcome = Outcome(planned)
            if not planned.has_work and not remove_schema:
                return outcome
            if shown is None:
                self._keep(planned)
                self._append(RollbackPlanned, look.plan, planned)
            hashes = {"rollback_plan": plan_hash or planned.hash}
            self._append(RollbackDecided, look.plan, planned, decided_by=decided_by, hashes=hashes)
            if planned.has_work:
                outcome = self._do(look, destination, planned)
                counts = {**outcome.counts, "findings": outcome.findings.height}
                head = self._append(RolledBack, look.plan, planned, counts=counts, hashes=hashes)
                outcome = replace(outcome, head=head)
            if remove_schema:
                removed = destination.remove_schema(tuple(look.plan.schemas.values()))
                counts = {
                    "removed": len(removed.removed),
                    "kept": len(removed.kept),
                    "counts_still": len(removed.counts_still),
                }
                head = self._append(
                    SchemaRemoved, look.plan, planned, decided_by=decided_by, counts=counts, hashes=hashes
                )
                outcome = replace(outcome, schema=removed, head=head)
        return outcome

    def _do(self, look: Look, destination: Destination, planned: RollbackPlan) -> Outcome:
        schemas = look.schemas()
        doing = Tally(planned)
        events = AdoptionEvents(look.events.engine, look.events.target, look.events.keys)
        for name in dict.fromkeys(each.object for each in planned.records):
            schema = schemas[name]
            records = [each for each in planned.records if each.object == name]
            gone = [each.key for each in records if each.action == GONE]
            events.taken_back(schema, gone, self.run_id)
            doing.count(name, "gone", len(gone))
            doing.gone([each for each in records if each.action == GONE])
            self._restore(look.plan, destination, events, schema, records, doing)
            if CHANGED not in planned.also:
                for each in look.touched(schema, [each for each in records if each.action == DELETE]):
                    doing.refuse(each, CHANGED, _TOUCHED)
            self._delete(destination, events, schema, records, doing)
            doing.count(name, "left", sum(each.action == LEAVE for each in records))
        for each in doing.went_along():
            events.taken_back(schemas[each.object], [each.key], self.run_id)
            doing.count(each.object, "deleted", 1)
        check = Check(destination, schemas, look.prefix, planned, frozenset(doing.refused_keys))
        findings = check.findings()
        return Outcome(planned, doing.told(), doing.refused, findings)

    def _restore(
        self,
        plan: Plan,
        destination: Destination,
        events: AdoptionEvents,
        schema: ObjectSchema,
        records: Sequence[Record],
        doing: Tally,
    ) -> None:
        wanted = [each for each in records if each.action == RESTORE]
        if not wanted:
            return
        spec = plan.mapping.of_object(schema.name)
        if spec.adopt is not None:
            # Who is there without our key is looked for again before anything is sent.
            with self._warehouse().open() as session:
                adoption.forget_look(session, spec)
        by_key = {each.key: each for each in wanted}
        changes = [each.change for each in wanted if each.change is not None]
        for start in range(0, len(changes), _CHANGES_A_CALL):
            results = destination.write_keys(schema, changes[start : start + _CHANGES_A_CALL])
            done = [result.key for result in results if result.outcome == "loaded"]
            events.taken_back(schema, done, self.run_id)
            doing.count(schema.name, "restored", len(done))
            for result in results:
                if result.outcome != "loaded":
                    doing.refuse(by_key[result.key], result.code, result.message)

    def _delete(
        self,
        destination: Destination,
        events: AdoptionEvents,
        schema: ObjectSchema,
        records: Sequence[Record],
        doing: Tally,
    ) -> None:
        for wave in children_first(schema, [each for each in records if each.action == DELETE]):
            by_key = {each.key: each for each in doing.free(wave)}
            if not by_key:
                continue
            ids = {key: str(each.record_id) for key, each in by_key.items()}
            for removals in destination.delete(schema, ids):
                done = [each.key for each in removals if each.outcome in ("deleted", "gone")]
                events.taken_back(schema, done, self.run_id)
                doing.gone([by_key[key] for key in done])
                for removal in removals:
                    match removal.outcome:
                        case "failed":
                            doing.refuse(by_key[removal.key], removal.code, removal.message)
                        case "with_parent":
                            doing.wait(by_key[removal.key], removal.code, removal.message)
                        case "deleted" | "gone":
                            doing.count(schema.name, removal.outcome, 1)

    @contextmanager
    def _looking(self) -> Iterator[tuple[Look, Destination]]:
        migration = self.migration
        practice, plan = migration.practice, migration.stored_plan()
        ledger = migration.ledger(practice)
        engine, keys = migration.platform.ledger_engine(practice.key), migration.platform.keys(practice)
        with migration.connected(practice) as destination:
            ledger.bind(destination.identity())
            yield (
                Look(
                    plan,
                    destination,
                    ledger,
                    RollbackEvents(engine, migration.target, keys),
                    self._warehouse(),
                    self.run_id,
                    migration.platform.known_jobs,
                ),
                destination,
            )

    def _warehouse(self) -> Any:
        return self.migration.platform.upload_warehouse(self.migration.target)

    def _keep(self, planned: RollbackPlan) -> None:
        about = pl.DataFrame(
            {"plan_hash": [planned.hash], "also": [list(planned.also)]},
            schema={"plan_hash": pl.String, "also": pl.List(pl.String)},
        )
        with self._warehouse().open() as session:
            session.execute(f"CREATE SCHEMA IF NOT EXISTS {UPLOAD}")
            with session.transaction():
                session.replace_table(UPLOAD, _SHOWN_PLAN, planned.table)
                session.replace_table(UPLOAD, _SHOWN, about)

    def _last_shown(self) -> tuple[str, tuple[str, ...], pl.DataFrame]:
        with self._warehouse().open() as session:
            if not session.has_table(UPLOAD, _SHOWN):
                raise GateClosed(
                    f"{self.migration.target}: no rollback was planned yet; plan it first "
                    f"(migration-assets rollback {self.migration.target.practice} "
                    f"{self.migration.target.destination})"
                )
            about = session.read(UPLOAD, _SHOWN).row(0, named=True)
            return about["plan_hash"], tuple(about["also"]), session.read(UPLOAD, _SHOWN_PLAN)

    def _changed(self) -> GateClosed:
        target = self.migration.target
        return GateClosed(
            f"{target}: the rollback plan isn't the one that was decided about; plan again "
            f"(migration-assets rollback {target.practice} {target.destination} --environment "
            f"{target.environment}), read the new plan and decide"
        )

    def _append(self, kind: type[Any], plan: Plan, planned: RollbackPlan, **more: Any) -> Head:
        target = self.migration.target
        entry: Decision = kind(
            **{
                "destination": target.destination,
                "environment": target.environment,
                "run_id": self.run_id,
                "plan_hash": plan.hash,
                "counts": planned.counts,
                "hashes": {"rollback_plan": planned.hash},
                **more,
            }
        )
        return self.migration.note(entry)


def _require_known(also: Collection[str]) -> None:
    unknown = sorted(set(also) - set(MAY_ALSO))
    if unknown:
        raise ConfigurationError(
            f"records can't be deleted in spite of {', '.join(unknown)}; possible: {', '.join(MAY_ALSO)}"
        )
