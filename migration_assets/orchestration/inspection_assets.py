"""Assets of a destination's environment that look and change nothing there: the field inventory, the
preflight, and whose user is whose. What is loaded, and the schema that it needs, stand in
``destination_assets``."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
)

from migration_assets.destinations.base import Finding
from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.data_findings import WITHIN_THE_LIMIT
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.plan import wide_layout
from migration_assets.migration.scoping import Scope
from migration_assets.migration.survey import survey
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.common import rows_table
from migration_assets.orchestration.practice_asset import practice_asset
from migration_assets.orchestration.resources import PlatformResource
from migration_assets.reports.destination_preflight import scope_rows, worst_first, write_preflight
from migration_assets.reports.inventory import counts_as_rows, make_inventory, write_inventory
from migration_assets.reports.owners import outcome_counts, write_users

FIELD_INVENTORY, PREFLIGHT, RECORD_OWNERS = "field_inventory", "preflight", "owners"
READY_TO_LOAD, OWNERS_MATCHED = "ready_to_load", "owners_matched"
_OBJECT_COLUMNS = {"object": "string", "fields": "int", "custom_fields": "int"}
_FINDING_COLUMNS = {"severity": "string", "code": "string", "where": "string", "message": "string"}
_OUTCOME_COLUMNS = {"outcome": "string", "staff": "int", "providers": "int"}
_SCOPE_COLUMNS = {
    "object": "string",
    "source_rows": "int",
    "records": "int",
    "grade": "string",
    "why": "string",
    "seconds": "int",
}
_FINDINGS_SHOWN = 100


def build_field_inventory(group: str, destination: str, environment: str) -> AssetsDefinition:
    @practice_asset(
        AssetKey([group, FIELD_INVENTORY]),
        kinds={destination, "excel"},
        pool=f"{destination}_api",
        description=(
            "Every object and field that the migration fills, where its value comes from and why it sits "
            "there: a workbook for people and JSON for programs, before anything is deployed."
        ),
        may_pass=True,
    )
    def field_inventory(
        context: AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_without_values(context.partition_key):
            installation = platform.platform()
            target = Target(context.partition_key, destination, environment)
            migration = Migration(installation, target)
            if _asked_for_more(context) and not installation.is_configured(migration.practice, target):
                context.log.warning(f"{target} isn't in the practice's file: nothing is done for it")
                return
            with migration.planned() as (plan, connected):
                name, head = migration.practice.name, migration.audit_head()
                rooms = connected.plans(tuple(plan.schemas.values()))
                made = make_inventory(target, name, plan, datetime.now(UTC), head, rooms)
            workbook, document = write_inventory(made, installation.report_directory(target))
        yield MaterializeResult(
            metadata={
                "plan_hash": plan.hash,
                "report": MetadataValue.path(str(workbook)),
                "json": MetadataValue.path(str(document)),
                "fields": sum(each.fields for each in made.counts),
                "custom_fields": sum(each.custom_fields for each in made.counts),
                "objects": rows_table(counts_as_rows(made), _OBJECT_COLUMNS),
                AUDIT_LOG: str(head),
            }
        )

    return field_inventory


def _asked_for_more(context: AssetExecutionContext) -> bool:
    """Whether the run is to materialise other groups, too: everything there is, not this one by name."""
    return len({key.path[0] for key in context.job_def.asset_layer.selected_asset_keys}) > 1


def build_preflight(
    group: str, destination: str, environment: str, staged: Sequence[AssetKey]
) -> AssetsDefinition:
    key = AssetKey([group, PREFLIGHT])

    @practice_asset(
        key,
        kinds={destination},
        pool=f"{destination}_api",
        deps=[AssetKey([group, FIELD_INVENTORY]), *staged],
        description=(
            "Everything that would stop or spoil a load, found without changing anything: room, quotas, "
            "permissions, rules and automation of the organisation, and what the staged rows say; with the "
            "scope of the migration. As often as one likes."
        ),
        checks={READY_TO_LOAD: "Nothing was found that somebody has to mend or decide before the load."},
    )
    def preflight(
        context: AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_without_values(context.partition_key):
            installation = platform.platform()
            target = Target(context.partition_key, destination, environment)
            practice = installation.practice(target.practice)
            zone = practice.time_zone.key
            free = installation.chart_choice(practice, target).fields_left_free
            migration = Migration(installation, target)
            with migration.planned() as (plan, connected):
                surveyed = survey(installation, target, plan, wide_layout(plan, connected, free))
                counted = None if surveyed is None else surveyed.volumes
                findings = connected.preflight(tuple(plan.schemas.values()), counted, zone)
            findings = [*findings, *([] if surveyed is None else surveyed.findings)]
            directory = installation.report_directory(target)
            head = migration.audit_head()
            path = write_preflight(target, plan.hash, datetime.now(UTC), head, findings, surveyed, directory)
        yield MaterializeResult(
            metadata={
                "plan_hash": plan.hash,
                "report": MetadataValue.path(str(path)),
                "records": sum(counted.records.values()) if counted else 0,
                "errors": sum(each.severity == "error" for each in findings),
                "warnings": sum(each.severity == "warning" for each in findings),
                "mended_by_deploying": sum(each.mended_by_deploying for each in findings),
                "findings": findings_table(findings),
                AUDIT_LOG: str(head),
                **_scope_metadata(None if surveyed is None else surveyed.scope),
            },
            check_results=[
                findings_check(
                    READY_TO_LOAD,
                    [
                        each
                        for each in findings
                        if not each.mended_by_deploying and each.code not in WITHIN_THE_LIMIT
                    ],
                )
            ],
        )

    return preflight


def build_owners(
    group: str, destination: str, environment: str, staged: Sequence[AssetKey]
) -> AssetsDefinition:
    key = AssetKey([group, RECORD_OWNERS])

    @practice_asset(
        key,
        kinds={destination, "excel"},
        pool=f"{destination}_api",
        deps=[AssetKey([group, "schema"]), *staged],
        description=(
            "Which user of the destination each of the practice's people is, matched by e-mail and never "
            "guessed: who will own a provider's records, and whom to invite."
        ),
        checks={
            OWNERS_MATCHED: (
                "Each of the practice's providers has a user or there is a default owner, and no match "
                "is left to decide."
            )
        },
    )
    def owners(
        context: AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_without_values(context.partition_key):
            installation = platform.platform()
            target = Target(context.partition_key, destination, environment)
            migration = Migration(installation, target)
            found = migration.match_owners(context.run.run_id)
            name, head = migration.practice.name, migration.audit_head()
            directory = installation.report_directory(target)
            workbook, document = write_users(found, target, name, datetime.now(UTC), head, directory)
        counts: dict[str, int | MetadataValue[bool | None]] = {
            "matched": len(found.matched),
            "to_invite": len(found.to_invite),
            "ambiguous": len(found.ambiguous),
            "providers_with_user": len(found.by_provider),
            "providers_without_user": len(found.without_user),
            "default_owner": MetadataValue.bool(found.default is not None),
        }
        yield MaterializeResult(
            metadata={
                "report": MetadataValue.path(str(workbook)),
                "json": MetadataValue.path(str(document)),
                **counts,
                "outcomes": rows_table(outcome_counts(found), _OUTCOME_COLUMNS),
                AUDIT_LOG: str(head),
            },
            check_results=[
                AssetCheckResult(
                    check_name=OWNERS_MATCHED,
                    passed=found.complete,
                    severity=AssetCheckSeverity.WARN,
                    metadata=counts,
                )
            ],
        )

    return owners


def _scope_metadata(scope: Scope | None) -> dict[str, MetadataValue]:
    if scope is None:
        return {}
    return {
        "complexity": MetadataValue.text(scope.grade),
        "source_rows": MetadataValue.int(scope.source_rows),
        "expected_seconds": MetadataValue.int(round(scope.expected_seconds)),
        "scope": rows_table(scope_rows(scope), _SCOPE_COLUMNS),
    }


def findings_check(name: str, findings: Sequence[Finding]) -> AssetCheckResult:
    """Fails where a finding is an error or a warning, as one of them; notes are shown and pass."""
    severities = {each.severity for each in findings}
    return AssetCheckResult(
        check_name=name,
        passed=not severities & {"error", "warning"},
        severity=AssetCheckSeverity.ERROR if "error" in severities else AssetCheckSeverity.WARN,
        metadata={"findings_in_all": len(findings), "findings": findings_table(findings)},
    )


def findings_table(findings: Sequence[Finding]) -> MetadataValue:
    """The worst first, at most 100; the report has them all."""
    rows = [
        {
            "severity": each.severity,
            "code": each.code,
            "where": ".".join(name for name in (each.object, each.field) if name),
            "message": each.message,
        }
        for each in worst_first(findings)[:_FINDINGS_SHOWN]
    ]
    return rows_table(rows, _FINDING_COLUMNS)
