"""Groups of one destination's environment (``salesforce_rehearsal``): field inventory, preflight, schema,
owners, payload, adoptions, an upload for each object, reconciliation, field diff, and what comes after going
live. One factory for every destination and environment, driven by the mapping."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
)

from migration_assets.errors import SchemaDeploymentFailed
from migration_assets.mapping.spec import MappingSet, ObjectSpec
from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.decisions import Head
from migration_assets.migration.gate import LIVE
from migration_assets.migration.ledger import Target
from migration_assets.migration.load import UploadSummary
from migration_assets.migration.operations import Migration, Prepared
from migration_assets.migration.owners import PROVIDERS, STAFF
from migration_assets.migration.payload import staged_names
from migration_assets.migration.progress import now_and_then
from migration_assets.migration.sampling import Sample
from migration_assets.orchestration.adoption_assets import ADOPTIONS, build_adoptions
from migration_assets.orchestration.approval_assets import build_go_live
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.common import counts_table, group_name, rows_table
from migration_assets.orchestration.cutover_assets import DELTA
from migration_assets.orchestration.delta_assets import build_cutover_board, build_delta
from migration_assets.orchestration.diff_assets import build_field_diff
from migration_assets.orchestration.inspection_assets import (
    FIELD_INVENTORY,
    PREFLIGHT,
    RECORD_OWNERS,
    build_field_inventory,
    build_owners,
    build_preflight,
    findings_check,
)
from migration_assets.orchestration.practice_asset import practice_asset
from migration_assets.orchestration.reconciliation_checks import (
    FAILURES,
    RECONCILIATION_CHECKS,
    failures_check,
    reconciliation_checks,
    reconciliation_metadata,
)
from migration_assets.orchestration.refusals import MAY_UPLOAD, upload_metadata, where_allowed
from migration_assets.orchestration.report_assets import build_go_live_guide, build_report
from migration_assets.orchestration.resources import PlatformResource
from migration_assets.orchestration.staged_assets import staged_key
from migration_assets.reports.reconciliation import write_reconciliation
from migration_assets.reports.schema_checklist import ask_for_steps

SCHEMA_DRIFT = "schema_drift"
BEFORE_UPLOADS = (FIELD_INVENTORY, PREFLIGHT, "schema", RECORD_OWNERS, "payload", ADOPTIONS)
"""Assets of an environment that come before anything is sent."""


def build_destination_assets(mapping: MappingSet, environment: str) -> list[AssetsDefinition]:
    factory = _Factory(mapping, environment)
    group = group_name(mapping.destination, environment)
    staged = [staged_key(name) for name in staged_names(mapping)]
    return [
        build_field_inventory(group, mapping.destination, environment),
        build_preflight(group, mapping.destination, environment, staged),
        factory.schema(),
        build_owners(group, mapping.destination, environment, [staged_key(STAFF), staged_key(PROVIDERS)]),
        factory.payload(),
        build_adoptions(group, mapping.destination, environment),
        *(factory.upload(spec) for spec in mapping),
        factory.reconciliation(),
        build_field_diff(group, mapping.destination, environment),
        *(_of_live(group, mapping) if environment == LIVE else ()),
    ]


def _of_live(group: str, mapping: MappingSet) -> list[AssetsDefinition]:
    builders = (build_go_live_guide, build_report, build_go_live)
    return [
        build_delta(mapping),
        build_cutover_board(group),
        *(build(group, mapping.destination, LIVE) for build in builders),
    ]


class _Factory:
    def __init__(self, mapping: MappingSet, environment: str) -> None:
        self._mapping = mapping
        self._environment = environment
        self._group = group_name(mapping.destination, environment)
        self._pool = f"{mapping.destination}_api"

    def _key(self, name: str) -> AssetKey:
        return AssetKey([self._group, name])

    def _migration(self, context: AssetExecutionContext, platform: PlatformResource) -> Migration:
        target = Target(context.partition_key, self._mapping.destination, self._environment)
        return Migration(platform.platform(), target)

    def schema(self) -> AssetsDefinition:
        key = self._key("schema")

        @practice_asset(
            key,
            kinds={self._mapping.destination},
            pool=self._pool,
            deps=[self._key(FIELD_INVENTORY)],
            description="Custom objects, fields and permissions of the destination, as the plan has them.",
            checks={
                SCHEMA_DRIFT: "What is deployed is what the field inventory says.",
                MAY_UPLOAD: "The gate is open for this plan; otherwise no request is made.",
            },
        )
        def schema(
            context: AssetExecutionContext, platform: PlatformResource
        ) -> Iterator[AssetCheckResult | MaterializeResult[None]]:
            def work() -> tuple[Prepared, Head, int, Path]:
                migration = self._migration(context, platform)
                try:
                    prepared = migration.prepare(context.run.run_id)
                except SchemaDeploymentFailed as error:
                    _, page = ask_for_steps(migration, datetime.now(UTC))
                    error.args = (f"{error}; the administrator's steps: {page}",)
                    raise
                return prepared, migration.audit_head(), *ask_for_steps(migration, datetime.now(UTC))

            prepared, head, by_hand, page = yield from where_allowed(context.partition_key, work)
            deployment = prepared.deployment
            yield MaterializeResult(
                metadata={
                    "plan_hash": prepared.plan_hash,
                    "created": len(deployment.created),
                    "updated": len(deployment.updated),
                    "unchanged": len(deployment.unchanged),
                    "by_hand": by_hand,
                    "checklist": MetadataValue.path(str(page)),
                    AUDIT_LOG: str(head),
                },
                check_results=[
                    AssetCheckResult(check_name=MAY_UPLOAD, passed=True),
                    findings_check(SCHEMA_DRIFT, deployment.findings),
                ],
            )

        return schema

    def payload(self) -> AssetsDefinition:
        @practice_asset(
            self._key("payload"),
            kinds={"duckdb", "polars"},
            deps=[
                *(self._key(name) for name in ("schema", RECORD_OWNERS)),
                *(staged_key(name) for name in staged_names(self._mapping)),
            ],
            description="Every record as it will be sent, with its lineage; in this environment's own file.",
        )
        def payload(context: AssetExecutionContext, platform: PlatformResource) -> MaterializeResult[None]:
            with errors_without_values(context.partition_key):
                migration = self._migration(context, platform)
                summary = migration.build_payload(context.run.run_id)
                head = migration.audit_head()
            return MaterializeResult(
                metadata={
                    "dagster/row_count": sum(summary.records.values()),
                    **_sample_metadata(summary.sample),
                    "records": counts_table(summary.records, "object", "records"),
                    "in_scope": counts_table(summary.in_scope, "object", "records"),
                    "cannot_be_sent": counts_table(summary.problems, "object", "records"),
                    AUDIT_LOG: str(head),
                }
            )

        return payload

    def upload(self, spec: ObjectSpec) -> AssetsDefinition:
        key = self._key(spec.asset)
        parents = [self._key(self._mapping.of_object(name).asset) for name in sorted(spec.parents)]
        looked_for = [] if spec.adopt is None else [self._key(ADOPTIONS)]

        @practice_asset(
            key,
            kinds={self._mapping.destination},
            pool=self._pool,
            deps=[self._key("payload"), *looked_for, *parents],
            description=f"{spec.name} records as the payload has them; only what is new or changed is sent.",
            checks={
                MAY_UPLOAD: "The staged batch passed and the gate is open; otherwise no request is made.",
                FAILURES: RECONCILIATION_CHECKS[FAILURES],
            },
        )
        def upload(
            context: AssetExecutionContext, platform: PlatformResource
        ) -> Iterator[AssetCheckResult | MaterializeResult[None]]:
            def work() -> tuple[float, UploadSummary, Head]:
                migration = self._migration(context, platform)
                limit = migration.practice.policies.failure_limit
                summary = migration.upload(spec.asset, context.run.run_id, now_and_then(context.log.info))
                return limit, summary, migration.audit_head()

            limit, summary, head = yield from where_allowed(context.partition_key, work)
            yield MaterializeResult(
                metadata={**upload_metadata(summary), AUDIT_LOG: str(head)},
                check_results=[
                    AssetCheckResult(check_name=MAY_UPLOAD, passed=True),
                    failures_check({spec.name: (summary.failed, summary.in_scope)}, limit),
                ],
            )

        return upload

    def reconciliation(self) -> AssetsDefinition:
        key = self._key("reconciliation")
        delta = [self._key(DELTA)] if self._environment == LIVE else []

        @practice_asset(
            key,
            kinds={self._mapping.destination, "duckdb"},
            pool=self._pool,
            deps=[*(self._key(spec.asset) for spec in self._mapping), *delta],
            description="The destination read back and compared with what was sent and with PANDA's rows.",
            checks=RECONCILIATION_CHECKS,
        )
        def reconciliation(
            context: AssetExecutionContext, platform: PlatformResource
        ) -> Iterator[MaterializeResult[None]]:
            with errors_without_values(context.partition_key):
                migration = self._migration(context, platform)
                reconciled = migration.reconcile(context.run.run_id)
                directory = migration.platform.report_directory(migration.target)
                path = write_reconciliation(reconciled, directory)
                limit = migration.practice.policies.failure_limit
                head = migration.audit_head()
            yield MaterializeResult(
                metadata={
                    "report": MetadataValue.path(str(path)),
                    AUDIT_LOG: str(head),
                    **reconciliation_metadata(reconciled),
                },
                check_results=list(reconciliation_checks(reconciled, limit)),
            )

        return reconciliation


_STRATUM_COLUMNS = {"stratum": "string", "patients": "int", "chosen": "int"}


def _sample_metadata(sample: Sample | None) -> dict[str, MetadataValue | int]:
    """How many patients are rehearsed and which strata they cover; who they are stands in the diff alone."""
    if sample is None:
        return {}
    strata = [dict(zip(_STRATUM_COLUMNS, row, strict=True)) for row in sample.strata.iter_rows()]
    return {"sampled_patients": sample.patients.height, "strata": rows_table(strata, _STRATUM_COLUMNS)}
