"""The operations that a person or a schedule starts, each joined from the parts of this package.

Orchestration and the command line call these and add nothing but their own way of showing the outcome.
Order for one target: ``prepare`` (schema and plan), ``match_owners``, ``build_payload``, ``upload`` an object
after its parents, ``reconcile``. Who is there already is looked for before the upload (``find_adoptions``)
and adopted by a person's decision (``adopt``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from migration_assets.destinations.administration import ManualStep
from migration_assets.destinations.base import BlobSource, Destination, SchemaDeployment
from migration_assets.errors import StagingRefused
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration import adoption, gate, owners, payload, recording
from migration_assets.migration.adoption_operations import AdoptionOperations
from migration_assets.migration.approving import make_approval, require_approvable
from migration_assets.migration.contents import RecordContents
from migration_assets.migration.decisions import (
    Approval,
    PayloadBuilt,
    RehearsalCompleted,
    SchemaDeployed,
    UploadBegan,
    UploadEnded,
)
from migration_assets.migration.drawn_files import DrawnFiles
from migration_assets.migration.ledger import Ledger, Target
from migration_assets.migration.load import Loader, Shipment, UploadSummary
from migration_assets.migration.owners import Owners
from migration_assets.migration.payload import Build, PayloadSummary
from migration_assets.migration.plan import Plan, load_mapping, make_plan
from migration_assets.migration.progress import Watch, unwatched
from migration_assets.migration.reconcile import Reconciled, Reconciler
from migration_assets.migration.sampling import SampleChoice
from migration_assets.migration.staging import require_passed
from migration_assets.migration.upload_file import SCOPE_ALL, SCOPE_SAMPLE
from migration_assets.practice import Practice


@dataclass(frozen=True, slots=True)
class Prepared:
    plan_hash: str
    deployment: SchemaDeployment


@dataclass(frozen=True)
class Migration(AdoptionOperations):
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

    def build_payload(self, run_id: str, scope: str | None = None) -> PayloadSummary:
        """Payload of the staged tables as they are now; raises StagingRefused without a passing verdict.

        ``scope``: ``all`` or ``sample``; otherwise what the environment wants: a rehearsal a sample, unless
        the practice rehearses everything.
        """
        practice = self.practice
        plan = self._stored_plan(practice)
        summary = payload.build(
            practice,
            plan,
            self.platform.panda_warehouse(practice.key),
            self.platform.upload_warehouse(self.target),
            self.platform.minted_keys(practice),
            run_id=run_id,
            sample=self._sample_choice(practice, scope),
        )
        self.note(PayloadBuilt(**self._of_run(run_id, plan), counts=summary.in_scope))
        return summary

    def _sample_choice(self, practice: Practice, scope: str | None) -> SampleChoice | None:
        wanted = practice.rehearsal.patients
        if scope is None:
            rehearses = self.target.environment == gate.REHEARSAL
            scope = SCOPE_SAMPLE if rehearses and wanted != "all" else SCOPE_ALL
        if scope == SCOPE_ALL:
            return None
        size = wanted if isinstance(wanted, int) else self.platform.sample_size(self.target)
        return SampleChoice(size, practice.rehearsal.seed)

    def upload(self, asset: str, run_id: str, watch: Watch = unwatched) -> UploadSummary:
        """Bring one object's records in scope to the payload's state; ``watch`` is told of every answer.

        Raises GateClosed or StagingRefused before the first request.
        """
        practice = self.practice
        plan = self._allowed_plan(practice)
        current = payload.current_verdicts(self.platform.panda_warehouse(practice.key), plan.mapping)
        require_passed(practice.key, current)
        if asset not in plan.schemas:
            # Assets are fixed before a practice chooses and any layout is planned: a companion that got no
            # measure has no records.
            name = load_mapping(self.target.destination).of_asset(asset).name
            return UploadSummary(name, 0, 0, 0, 0, 0, 0, 0)
        spec = plan.mapping.of_asset(asset)
        warehouse = self.platform.upload_warehouse(self.target)
        with warehouse.open() as session:
            self._require_built_by(plan, payload.read_build(session))
            copied = payload.read_copied_verdicts(session, payload.staged_names(plan.mapping))
            require_passed(practice.key, copied)
            looked = spec.adopt is None or adoption.is_looked_for(session, spec)
            shipment = payload.read_shipment(session, spec, plan)
        ledger = self.ledger(practice)
        of_run = {**self._of_run(run_id, plan), "object": spec.name}
        self.note(UploadBegan(**of_run, counts={"in_scope": shipment.payload.height}))
        if not looked and _has_new(shipment, ledger):
            # Nobody has looked who is there since the payload was built: nobody is to be there twice.
            self.find_adoptions(run_id)
            with warehouse.open() as session:
                shipment = payload.read_shipment(session, spec, plan)
        with self.connected(practice) as destination, self._contents(practice, spec) as blobs:
            ledger.bind(destination.identity())
            loader = Loader(
                destination=destination,
                ledger=ledger,
                run_id=run_id,
                known_jobs=self.platform.known_jobs,
                parents=plan.schema_of_object,
                watch=watch,
                blobs=blobs,
            )
            summary = loader.load(shipment)
        with warehouse.open() as session:
            payload.store_upload(session, summary, run_id)
        counts = {name: count for name, count in asdict(summary).items() if name != "object"}
        self.note(UploadEnded(**of_run, counts=counts))
        return summary

    def reconcile(self, run_id: str) -> Reconciled:
        """Read everything back and compare; a rehearsal's outcome is written into the decisions log."""
        practice = self.practice
        plan = self._stored_plan(practice)
        warehouse = self.platform.upload_warehouse(self.target)
        with warehouse.open(read_only=True) as session:
            self._require_built_by(plan, payload.read_build(session))
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

    def _of_run(self, run_id: str | None, plan: Plan) -> dict[str, Any]:
        return {
            "destination": self.target.destination,
            "environment": self.target.environment,
            "run_id": run_id,
            "plan_hash": plan.hash,
        }

    def _require_built_by(self, plan: Plan, build: Build) -> None:
        if build.plan_hash != plan.hash:
            raise StagingRefused(
                f"{self.target}: the payload was built by plan {build.plan_hash[:12]}, but the mapping, the "
                f"profile or the practice's settings have changed since (now {plan.hash[:12]}); "
                "materialise the payload again"
            )

    @contextmanager
    def _contents(self, practice: Practice, spec: ObjectSpec) -> Iterator[BlobSource | None]:
        """What the records' files hold, where they are files; nothing is opened before it is asked for."""
        if spec.schema.content_field is None:
            yield None
            return
        with self.platform.contents(practice) as contents:
            yield RecordContents(contents, DrawnFiles(self.platform.upload_warehouse(self.target)), spec)


def _has_new(shipment: Shipment, ledger: Ledger) -> bool:
    """Whether any record in scope isn't in the destination, for all that the ledger knows."""
    present = ledger.state(shipment.schema).filter("present")["key"]
    return not shipment.payload[shipment.schema.key_field].is_in(present.implode()).all()
