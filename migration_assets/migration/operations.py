"""The operations that a person or a schedule starts, each joined from the parts of this package.

Orchestration and the command line call these and add nothing but their own way of showing the outcome.
Order for one target: ``prepare`` (schema and plan), ``match_owners``, ``build_payload``, ``upload`` an object
after its parents, ``reconcile``. Who is there already is looked for before the upload (``find_adoptions``)
and adopted by a person's decision (``adopt``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from migration_assets.destinations.administration import ManualStep
from migration_assets.destinations.base import Destination, SchemaDeployment
from migration_assets.migration import gate, owners, payload, recording
from migration_assets.migration.approving import make_approval, require_approvable
from migration_assets.migration.decisions import (
    Approval,
    RehearsalCompleted,
    SchemaDeployed,
)
from migration_assets.migration.delta_operations import DeltaOperations
from migration_assets.migration.ledger import Target
from migration_assets.migration.owners import Owners
from migration_assets.migration.plan import Plan, make_plan
from migration_assets.migration.reconcile import Reconciled, Reconciler
from migration_assets.migration.whole_scope import widen_scope


@dataclass(frozen=True, slots=True)
class Prepared:
    plan_hash: str
    deployment: SchemaDeployment


@dataclass(frozen=True)
class Migration(DeltaOperations):
    """One practice on its way to one environment of one destination."""

    def approve(self, approved_by: str) -> Approval:
        """Write down that a person approves the live load of the plan as it was rehearsed last.

        Raises GateClosed saying what is missing or what changed since the rehearsal.
        """
        pages = recording.hashes_of(page for page in self.rehearsal_pages() if page.exists())
        approval = make_approval(self.target, self.plan_facts(), self.approvable(), approved_by, pages)
        self.note(approval)
        return approval

    def approvable(self) -> RehearsalCompleted:
        """The rehearsal that an approval would be of; raises GateClosed as ``approve`` does."""
        return require_approvable(self.decisions.entries(), self.target, self.plan_facts())

    def rehearsal_pages(self) -> list[Path]:
        """What the person who approves has to look at."""
        rehearsal = Target(self.target.practice, self.target.destination, gate.REHEARSAL)
        folder = self.platform.report_directory(rehearsal)
        return [folder / name for name in recording.REHEARSAL_PAGES]

    def prepare(self, run_id: str | None = None) -> Prepared:
        """Plan the chart's layout if it isn't planned, and bring the destination's schema up to the plan.

        Raises GateClosed before the first request where the plan may not be deployed.
        """
        practice = self.practice
        if self.target.environment != gate.REHEARSAL:
            self._allowed_plan(practice)
        with self.planned() as (plan, destination):
            self._require_open(practice, plan)
            deployment = destination.deploy_schema(tuple(plan.schemas.values()))
        counts = {name: len(getattr(deployment, name)) for name in ("created", "updated", "unchanged")}
        self.note(SchemaDeployed(**self._of_run(run_id, plan), counts=counts))
        return Prepared(plan.hash, deployment)

    def steps_by_hand(self) -> tuple[Plan, list[ManualStep]]:
        """What the destination's administrator has to make before the plan's schema fits, as it is now."""
        with self.planned() as (plan, destination):
            return plan, destination.checklist(tuple(plan.schemas.values()))

    @contextmanager
    def planned(self) -> Iterator[tuple[Plan, Destination]]:
        """The plan, its chart's layout planned now where it isn't yet, with the destination open.

        Raises LedgerMismatch where the ledger belongs to another organisation.
        """
        practice = self.practice
        with self.connected(practice) as destination:
            self.ledger(practice).bind(destination.identity())
            plan = make_plan(
                practice,
                self.platform.profile(practice),
                self.target,
                self.platform.ledger_engine(practice.key),
                destination,
                chart=self.platform.chart_choice(practice, self.target),
                options=self.platform.options(practice, self.target),
            )
            yield plan, destination

    def match_owners(self, run_id: str) -> Owners:
        """Match staff and providers with the destination's users, and keep who owns whose records.

        Raises ConfigurationError where the default owner can't own records; nothing is kept then.
        """
        practice = self.practice
        with self.platform.panda_warehouse(practice.key).open(read_only=True) as session:
            staff, providers = (session.read("staged", name) for name in (owners.STAFF, owners.PROVIDERS))
        with self.connected(practice) as destination:
            self.ledger(practice).bind(destination.identity())
            users, wanted = destination.users(), destination.default_owner
        where = f"practice {practice.key}, {self.target.destination}/{self.target.environment}"
        default = None if wanted is None else owners.find_default_owner(users, wanted, where)
        found = owners.match(staff, providers, users, run_id=run_id, default=default)
        with self.platform.upload_warehouse(self.target).open() as session:
            owners.store(session, found)
        return found

    def reconcile(self, run_id: str) -> Reconciled:
        """Read everything back and compare, whatever a delta had in scope; a rehearsal's outcome is written
        into the decisions log."""
        practice = self.practice
        plan = self._stored_plan(practice)
        warehouse = self.platform.upload_warehouse(self.target)
        with warehouse.open() as session:
            self._require_built_by(plan, payload.read_build(session))
            widen_scope(session, practice, plan)
        ledger = self.ledger(practice)
        with self.connected(practice) as destination:
            ledger.bind(destination.identity())
            reconciler = Reconciler(
                practice,
                self.platform.profile(practice),
                plan,
                destination,
                ledger,
                run_id,
                self.platform.options(practice, self.target),
            )
            reconciled = reconciler.reconcile(warehouse)
        reconciliation = reconciled.reconciliation
        entry = recording.reconciled(self.target, run_id, reconciliation, reconciled.as_json())
        self.note(entry)
        if self.target.environment == gate.REHEARSAL:
            self.note(recording.rehearsed(self.target, run_id, reconciliation, plan, entry))
        return reconciled
