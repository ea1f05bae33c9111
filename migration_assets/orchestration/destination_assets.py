"""Groups of one destination's environment (``salesforce_rehearsal``): field inventory, preflight, schema,
owners, payload, adoptions, an upload for each object, reconciliation. One factory for every destination and
environment, driven by the mapping."""

from collections.abc import Iterator, Mapping

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    asset,
)

from migration_assets.errors import GateClosed, StagingRefused
from migration_assets.mapping.spec import MappingSet, ObjectSpec
from migration_assets.migration.ledger import Target
from migration_assets.migration.load import UploadSummary
from migration_assets.migration.operations import Migration
from migration_assets.migration.owners import PROVIDERS, STAFF
from migration_assets.migration.payload import staged_names
from migration_assets.migration.progress import now_and_then
from migration_assets.migration.reconcile import Reconciled
from migration_assets.migration.sampling import Sample
from migration_assets.orchestration.adoption_assets import ADOPTIONS, build_adoptions
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.common import OWNERS, counts_table, rows_table
from migration_assets.orchestration.inspection_assets import (
    FIELD_INVENTORY,
    PREFLIGHT,
    RECORD_OWNERS,
    build_field_inventory,
    build_owners,
    build_preflight,
    findings_check,
)
from migration_assets.orchestration.partitions import PRACTICES
from migration_assets.orchestration.resources import PlatformResource
from migration_assets.orchestration.staged_assets import staged_key
from migration_assets.reports.reconciliation import write_reconciliation

MAY_UPLOAD = "may_upload"
SCHEMA_DRIFT = "schema_drift"
FAILURES = "failures"
BEFORE_UPLOADS = (FIELD_INVENTORY, PREFLIGHT, "schema", RECORD_OWNERS, "payload", ADOPTIONS)
"""Assets of an environment that come before anything is sent."""
_RECONCILIATION_CHECKS = {
    "sources_accounted_for": "Per source table: extracted = staged + rejected.",
    "lineage_total": "Every staged row is in a payload or excused by a stated reason.",
    "records_accounted_for": "In scope = loaded + failed + held back; loaded + stale + retained = found.",
    "transport": "What was sent equals what the destination returns, field by field.",
    "meaning": "What the destination returns equals the practice's raw rows, field by field.",
    FAILURES: "The destination refused no record; an error beyond the practice's failure_limit.",
}


def group_name(destination: str, environment: str) -> str:
    """``salesforce`` for live, ``salesforce_rehearsal`` otherwise: a rehearsal never turns live green."""
    return destination if environment == "live" else f"{destination}_{environment}"


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

        @asset(
            key=key,
            group_name=self._group,
            kinds={self._mapping.destination},
            owners=OWNERS,
            partitions_def=PRACTICES,
            pool=self._pool,
            deps=[self._key(FIELD_INVENTORY)],
            description="Custom objects, fields and permissions of the destination, as the plan has them.",
            check_specs=[
                AssetCheckSpec(
                    SCHEMA_DRIFT,
                    asset=key,
                    partitions_def=PRACTICES,
                    description="What is deployed is what the field inventory says.",
                )
            ],
        )
        def schema(
            context: AssetExecutionContext, platform: PlatformResource
        ) -> Iterator[MaterializeResult[None]]:
            with errors_without_values(context.partition_key):
                prepared = self._migration(context, platform).prepare()
            deployment = prepared.deployment
            yield MaterializeResult(
                metadata={
                    "plan_hash": prepared.plan_hash,
                    "created": len(deployment.created),
                    "updated": len(deployment.updated),
                    "unchanged": len(deployment.unchanged),
                },
                check_results=[findings_check(SCHEMA_DRIFT, deployment.findings)],
            )

        return schema

    def payload(self) -> AssetsDefinition:
        @asset(
            key=self._key("payload"),
            group_name=self._group,
            kinds={"duckdb", "polars"},
            owners=OWNERS,
            partitions_def=PRACTICES,
            deps=[
                *(self._key(name) for name in ("schema", RECORD_OWNERS)),
                *(staged_key(name) for name in staged_names(self._mapping)),
            ],
            description="Every record as it will be sent, with its lineage; in this environment's own file.",
        )
        def payload(context: AssetExecutionContext, platform: PlatformResource) -> MaterializeResult[None]:
            with errors_without_values(context.partition_key):
                summary = self._migration(context, platform).build_payload(context.run.run_id)
            return MaterializeResult(
                metadata={
                    "dagster/row_count": sum(summary.records.values()),
                    "records": counts_table(summary.records, "object", "records"),
                    "in_scope": counts_table(summary.in_scope, "object", "records"),
                    "cannot_be_sent": counts_table(summary.problems, "object", "records"),
                    **_sample_metadata(summary.sample),
                }
            )

        return payload

    def upload(self, spec: ObjectSpec) -> AssetsDefinition:
        key = self._key(spec.asset)
        parents = [self._key(self._mapping.of_object(name).asset) for name in sorted(spec.parents)]
        looked_for = [] if spec.adopt is None else [self._key(ADOPTIONS)]

        @asset(
            key=key,
            group_name=self._group,
            kinds={self._mapping.destination},
            owners=OWNERS,
            partitions_def=PRACTICES,
            pool=self._pool,
            deps=[self._key("payload"), *looked_for, *parents],
            description=f"{spec.name} records as the payload has them; only what is new or changed is sent.",
            check_specs=[
                AssetCheckSpec(
                    MAY_UPLOAD,
                    asset=key,
                    partitions_def=PRACTICES,
                    description="The staged batch passed and the gate is open; otherwise no request is made.",
                ),
                AssetCheckSpec(
                    FAILURES,
                    asset=key,
                    partitions_def=PRACTICES,
                    description=_RECONCILIATION_CHECKS[FAILURES],
                ),
            ],
        )
        def upload(
            context: AssetExecutionContext, platform: PlatformResource
        ) -> Iterator[AssetCheckResult | MaterializeResult[None]]:
            refusal = None
            with errors_without_values(context.partition_key):
                migration = self._migration(context, platform)
                limit = migration.practice.policies.failure_limit
                try:
                    summary = migration.upload(spec.asset, context.run.run_id, now_and_then(context.log.info))
                except (GateClosed, StagingRefused) as error:
                    refusal = error
            if refusal is not None:
                yield AssetCheckResult(check_name=MAY_UPLOAD, passed=False, description=str(refusal))
                with errors_without_values(context.partition_key):
                    raise refusal
            yield MaterializeResult(
                metadata=_upload_metadata(summary),
                check_results=[
                    AssetCheckResult(check_name=MAY_UPLOAD, passed=True),
                    failures_check({spec.name: (summary.failed, summary.in_scope)}, limit),
                ],
            )

        return upload

    def reconciliation(self) -> AssetsDefinition:
        key = self._key("reconciliation")

        @asset(
            key=key,
            group_name=self._group,
            kinds={self._mapping.destination, "duckdb"},
            owners=OWNERS,
            partitions_def=PRACTICES,
            pool=self._pool,
            deps=[self._key(spec.asset) for spec in self._mapping],
            description="The destination read back and compared with what was sent and with PANDA's rows.",
            check_specs=[
                AssetCheckSpec(name, asset=key, partitions_def=PRACTICES, description=description)
                for name, description in _RECONCILIATION_CHECKS.items()
            ],
        )
        def reconciliation(
            context: AssetExecutionContext, platform: PlatformResource
        ) -> Iterator[MaterializeResult[None]]:
            with errors_without_values(context.partition_key):
                migration = self._migration(context, platform)
                reconciled = migration.reconcile(context.run.run_id)
                directory = migration.platform.report_directory(migration.target)
                path = write_reconciliation(reconciled.reconciliation, directory)
                limit = migration.practice.policies.failure_limit
                head = migration.platform.decisions(migration.practice).verify()
            yield MaterializeResult(
                metadata={
                    "report": MetadataValue.path(str(path)),
                    "decisions_log": f"{head.sequence}:{head.link}",
                    **_reconciliation_metadata(reconciled),
                },
                check_results=list(_reconciliation_checks(reconciled, limit)),
            )

        return reconciliation


_STRATUM_COLUMNS = {"stratum": "string", "patients": "int", "chosen": "int"}


def _sample_metadata(sample: Sample | None) -> dict[str, MetadataValue | int]:
    """How many patients are rehearsed and which strata they cover; who they are stands in the diff alone."""
    if sample is None:
        return {}
    strata = [dict(zip(_STRATUM_COLUMNS, row, strict=True)) for row in sample.strata.iter_rows()]
    return {"sampled_patients": sample.patients.height, "strata": rows_table(strata, _STRATUM_COLUMNS)}


def _upload_metadata(summary: UploadSummary) -> dict[str, int]:
    return {
        "dagster/row_count": summary.in_scope,
        "sent": summary.sent,
        "created": summary.created,
        "updated": summary.updated,
        "unchanged": summary.unchanged,
        "failed": summary.failed,
        "held_back": summary.held_back,
    }


_OBJECT_COLUMNS = {
    "object": "string",
    "in_scope": "int",
    "loaded": "int",
    "failed": "int",
    "held_back": "int",
    "in_destination": "int",
    "fields_different": "int",
    "meaning_different": "int",
}


def _reconciliation_metadata(reconciled: Reconciled) -> dict[str, MetadataValue | str | int]:
    reconciliation = reconciled.reconciliation
    rows = [
        {
            "object": each.object,
            "fields_different": each.fields_different,
            "meaning_different": each.meaning_different,
            **{
                name: getattr(each.state, name)
                for name in ("in_scope", "loaded", "failed", "held_back", "in_destination")
            },
        }
        for each in reconciliation.objects
    ]
    return {
        "plan_hash": reconciliation.plan_hash,
        "balanced": MetadataValue.bool(reconciliation.balanced),
        "line_breaks_changed": reconciled.line_breaks,
        "objects": rows_table(rows, _OBJECT_COLUMNS),
    }


def failures_check(counted: Mapping[str, tuple[int, int]], limit: float) -> AssetCheckResult:
    """``counted``: object -> records failed and in scope. Passes where none failed; otherwise a warning as
    long as no object's share is larger than ``limit``, and an error beyond."""
    shares = {name: failed / max(scope, failed) for name, (failed, scope) in counted.items() if failed}
    name, worst = max(shares.items(), key=lambda each: each[1], default=("", 0.0))
    failed = sum(failed for failed, _ in counted.values())
    beyond = worst > limit
    said = (
        f"{failed:,} records failed, most of {name}: {worst:.2%} of those in scope, "
        f"{'beyond' if beyond else 'within'} the practice's failure_limit of {limit:.2%}; see the report "
        "for each one's cause and what to do"
    )
    return AssetCheckResult(
        check_name=FAILURES,
        passed=not failed,
        severity=AssetCheckSeverity.ERROR if beyond else AssetCheckSeverity.WARN,
        description=said if failed else None,
        metadata={"failed": failed, "largest_share": worst, "failure_limit": limit},
    )


def _reconciliation_checks(reconciled: Reconciled, limit: float) -> Iterator[AssetCheckResult]:
    reconciliation = reconciled.reconciliation
    objects = reconciliation.objects
    transport = sum(each.fields_different for each in objects)
    meaning = sum(each.meaning_different for each in objects)
    accounted = [each.state.scope_balanced and each.state.destination_balanced for each in objects]
    strangers = reconciled.differences["code"].str.starts_with("record_").sum()
    verdicts = {
        "sources_accounted_for": (all(each.balanced for each in reconciliation.sources), {}),
        "lineage_total": (all(each.total for each in reconciliation.lineage), {}),
        "records_accounted_for": (
            all(accounted) and not strangers,
            {"missing_doubled_or_unexpected": int(strangers)},
        ),
        "transport": (
            transport == 0,
            {"compared": sum(each.fields_compared for each in objects), "different": transport},
        ),
        "meaning": (
            meaning == 0,
            {"compared": sum(each.meaning_compared for each in objects), "different": meaning},
        ),
    }
    for name, (passed, metadata) in verdicts.items():
        yield AssetCheckResult(check_name=name, passed=passed, metadata=metadata)
    yield failures_check({each.object: (each.state.failed, each.state.in_scope) for each in objects}, limit)
