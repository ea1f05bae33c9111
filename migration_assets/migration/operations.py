"""The operations that a person or a schedule starts, each joined from the parts of this package.

Orchestration and the command line call these and add nothing but their own way of showing the outcome.
Order for one target: ``prepare`` (schema and plan), ``build_payload``, ``upload`` an object after its
parents, ``reconcile``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from migration_assets.destinations.base import Destination, SchemaDeployment
from migration_assets.errors import DestinationError, StagingRefused
from migration_assets.migration import gate, payload
from migration_assets.migration.decisions import Head, RehearsalCompleted
from migration_assets.migration.ledger import Ledger, Target
from migration_assets.migration.load import Loader, UploadSummary
from migration_assets.migration.payload import Build, PayloadSummary
from migration_assets.migration.plan import Plan, make_plan, stored_plan
from migration_assets.migration.platform import Platform
from migration_assets.migration.progress import Watch, unwatched
from migration_assets.migration.reconcile import Reconciled, Reconciler
from migration_assets.migration.staging import require_passed
from migration_assets.practice import Practice


@dataclass(frozen=True, slots=True)
class Prepared:
    plan_hash: str
    deployment: SchemaDeployment


@dataclass(frozen=True)
class Migration:
    """One practice on its way to one environment of one destination."""

    platform: Platform
    target: Target

    @property
    def practice(self) -> Practice:
        return self.platform.practice(self.target.practice)

    def prepare(self) -> Prepared:
        """Plan the chart's layout if it isn't planned, and bring the destination's schema up to the plan."""
        with self.planned() as (plan, destination):
            return Prepared(plan.hash, destination.deploy_schema(tuple(plan.schemas.values())))

    @contextmanager
    def planned(self) -> Iterator[tuple[Plan, Destination]]:
        """The plan, its chart's layout planned now where it isn't yet, with the destination open.

        Raises LedgerMismatch where the ledger belongs to another organisation.
        """
        practice = self.practice
        with self._connected(practice) as destination:
            self._ledger(practice).bind(destination.identity())
            plan = make_plan(
                practice,
                self.platform.profile(practice),
                self.target,
                self.platform.ledger_engine(practice.key),
                destination,
                chart=self.platform.chart_choice(practice, self.target),
            )
            yield plan, destination

    def build_payload(self, run_id: str, scope: str) -> PayloadSummary:
        """Payload of the staged tables as they are now; raises StagingRefused without a passing verdict."""
        practice = self.practice
        return payload.build(
            practice,
            self._stored_plan(practice),
            self.platform.panda_warehouse(practice.key),
            self.platform.upload_warehouse(self.target),
            self.platform.minted_keys(practice),
            run_id=run_id,
            scope=scope,
        )

    def upload(self, asset: str, run_id: str, watch: Watch = unwatched) -> UploadSummary:
        """Bring one object's records in scope to the payload's state; ``watch`` is told of every answer.

        Raises GateClosed or StagingRefused before the first request.
        """
        practice = self.practice
        plan = self._stored_plan(practice)
        self._require_open(practice, plan)
        current = payload.current_verdicts(self.platform.panda_warehouse(practice.key), plan.mapping)
        require_passed(practice.key, current)
        spec = plan.mapping.of_asset(asset)
        if spec not in plan.specs:
            # Assets are fixed before any layout is planned; a companion that got no measure has no records.
            return UploadSummary(spec.name, 0, 0, 0, 0, 0, 0, 0)
        warehouse = self.platform.upload_warehouse(self.target)
        with warehouse.open() as session:
            self._require_built_by(plan, payload.read_build(session))
            copied = payload.read_copied_verdicts(session, payload.staged_names(plan.mapping))
            require_passed(practice.key, copied)
            shipment = payload.read_shipment(session, spec, plan)
        ledger = self._ledger(practice)
        with self._connected(practice) as destination:
            ledger.bind(destination.identity())
            loader = Loader(
                destination=destination,
                ledger=ledger,
                run_id=run_id,
                known_jobs=self.platform.known_jobs,
                parents=plan.schema_of_object,
                watch=watch,
            )
            summary = loader.load(shipment)
        with warehouse.open() as session:
            payload.store_upload(session, summary, run_id)
        return summary

    def reconcile(self, run_id: str) -> Reconciled:
        """Read everything back and compare; a rehearsal's outcome is written into the decisions log."""
        practice = self.practice
        plan = self._stored_plan(practice)
        warehouse = self.platform.upload_warehouse(self.target)
        with warehouse.open(read_only=True) as session:
            self._require_built_by(plan, payload.read_build(session))
        ledger = self._ledger(practice)
        with self._connected(practice) as destination:
            ledger.bind(destination.identity())
            reconciler = Reconciler(
                practice, self.platform.profile(practice), plan, destination, ledger, run_id
            )
            reconciled = reconciler.reconcile(warehouse)
        if self.target.environment == gate.REHEARSAL:
            self._note_rehearsal(practice, reconciled)
        return reconciled

    def _note_rehearsal(self, practice: Practice, reconciled: Reconciled) -> Head:
        reconciliation = reconciled.reconciliation
        return self.platform.decisions(practice).append(
            RehearsalCompleted(
                destination=self.target.destination,
                run_id=reconciliation.run_id,
                plan_hash=reconciliation.plan_hash,
                clean=reconciliation.clean,
            )
        )

    def _require_open(self, practice: Practice, plan: Plan) -> None:
        gate.require_open(
            self.platform.decisions(practice).entries(),
            practice=practice.key,
            destination=self.target.destination,
            environment=self.target.environment,
            plan_hash=plan.hash,
        )

    def _require_built_by(self, plan: Plan, build: Build) -> None:
        if build.plan_hash != plan.hash:
            raise StagingRefused(
                f"{self.target}: the payload was built by plan {build.plan_hash[:12]}, but the mapping, the "
                f"profile or the practice's settings have changed since (now {plan.hash[:12]}); "
                "materialise the payload again"
            )

    def stored_plan(self) -> Plan:
        """The plan without asking the destination; raises WarehouseTableMissing before the first plan."""
        return self._stored_plan(self.practice)

    def _stored_plan(self, practice: Practice) -> Plan:
        return stored_plan(
            practice,
            self.platform.profile(practice),
            self.target,
            self.platform.ledger_engine(practice.key),
            self.platform.chart_choice(practice, self.target).kind,
        )

    def _ledger(self, practice: Practice) -> Ledger:
        return self.platform.ledger(practice, self.target)

    @contextmanager
    def _connected(self, practice: Practice) -> Iterator[Destination]:
        destination = self.platform.destination(practice, self.target)
        try:
            yield destination
        except DestinationError as error:
            # A destination doesn't know whose it is; a reader of several practices' logs has to.
            error.args = (f"{self.target}: {error}",)
            raise
        finally:
            destination.close()
