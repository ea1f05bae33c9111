"""Operations that bring a target's records to the state of the staged tables: the payload, and an upload of
one object at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from migration_assets.destinations.base import BlobSource, Destination, ObjectSchema
from migration_assets.errors import StagingRefused
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration import adoption, gate, payload
from migration_assets.migration.adoption_operations import AdoptionOperations
from migration_assets.migration.contents import RecordContents
from migration_assets.migration.decisions import PayloadBuilt, UploadBegan, UploadEnded
from migration_assets.migration.drawn_files import DrawnFiles
from migration_assets.migration.ledger import Ledger
from migration_assets.migration.left_relations import LeftRelations
from migration_assets.migration.load import Loader, Shipment, UploadSummary
from migration_assets.migration.payload import Build, PayloadSummary
from migration_assets.migration.plan import Plan, load_mapping
from migration_assets.migration.progress import Watch, unwatched
from migration_assets.migration.sampling import SampleChoice
from migration_assets.migration.staging import require_passed
from migration_assets.migration.upload_file import SCOPE_ALL, SCOPE_SAMPLE
from migration_assets.practice import Practice


@dataclass(frozen=True)
class UploadOperations(AdoptionOperations):
    """The part of ``Migration`` that uploads."""

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
        with self.platform.upload_warehouse(self.target).open() as session:
            self._require_built_by(plan, payload.read_build(session))
            copied = payload.read_copied_verdicts(session, payload.staged_names(plan.mapping))
            require_passed(practice.key, copied)
            looked = spec.adopt is None or adoption.is_looked_for(session, spec)
            shipment = payload.read_shipment(session, spec, plan)
        with self._bound(practice) as destination:
            return self._ship(destination, practice, plan, spec, shipment, run_id, watch, looked=looked)

    @contextmanager
    def _bound(self, practice: Practice) -> Iterator[Destination]:
        """Raises LedgerMismatch where the ledger belongs to another organisation."""
        with self.connected(practice) as destination:
            self.ledger(practice).bind(destination.identity())
            yield destination

    def _ship(
        self,
        destination: Destination,
        practice: Practice,
        plan: Plan,
        spec: ObjectSpec,
        shipment: Shipment,
        run_id: str,
        watch: Watch,
        *,
        looked: bool,
    ) -> UploadSummary:
        """``looked``: whether somebody has looked who of the shipment is in the destination already."""
        warehouse, ledger = self.platform.upload_warehouse(self.target), self.ledger(practice)
        of_run = {**self._of_run(run_id, plan), "object": spec.name}
        self.note(UploadBegan(**of_run, counts={"in_scope": shipment.payload.height}))
        if not looked and _has_new(shipment, ledger):
            # Nobody has looked who is there since the payload was built: nobody is to be there twice.
            self.find_adoptions(run_id)
            with warehouse.open() as session:
                shipment = payload.read_shipment(session, spec, plan)
        with self._contents(practice, spec) as blobs:
            loader = Loader(
                destination=destination,
                ledger=ledger,
                run_id=run_id,
                known_jobs=self.platform.known_jobs,
                parents=plan.schema_of_object,
                watch=watch,
                blobs=blobs,
                conflicts=practice.policies.conflicts,
            )
            summary = loader.load(shipment)
        with warehouse.open() as session:
            payload.store_upload(session, summary, run_id)

        def of_payload(schema: ObjectSchema, keys: Sequence[str]) -> Collection[str]:
            relation = plan.mapping.of_object(schema.name)
            with warehouse.open() as session:
                found = payload.read_shipment(session, relation, plan, keys).payload
            return found[schema.key_field].to_list()

        LeftRelations(destination, ledger, plan, run_id).take_away(shipment, of_payload)
        counts = {name: count for name, count in asdict(summary).items() if name != "object"}
        self.note(UploadEnded(**of_run, counts=counts))
        return summary

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
    keys = shipment.payload[shipment.schema.key_field]
    state = ledger.state(shipment.schema, keys.to_list() if shipment.narrow else None)
    return not keys.is_in(state.filter("present")["key"].implode()).all()
