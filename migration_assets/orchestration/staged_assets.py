"""Group ``staged``: each migrated object as a checked table, made by one factory from the registry."""

from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    asset,
)

from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.decisions import Head
from migration_assets.migration.recording import record_staging
from migration_assets.migration.staging import StagingOutcome, stage
from migration_assets.objects.base import StagedObject
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.common import OWNERS, counts_table
from migration_assets.orchestration.panda_assets import panda_key
from migration_assets.orchestration.partitions import PRACTICES
from migration_assets.orchestration.resources import PlatformResource

GROUP = "staged"
ROWS_ACCOUNTED_FOR = "rows_accounted_for"
REJECT_SHARE = "reject_share"


def staged_key(name: str) -> AssetKey:
    return AssetKey([GROUP, name])


def build_staged_assets() -> list[AssetsDefinition]:
    return [_staged_asset(each) for each in STAGED_OBJECTS]


def _staged_asset(staged_object: StagedObject) -> AssetsDefinition:
    key = staged_key(staged_object.name)

    @asset(
        key=key,
        group_name=GROUP,
        kinds={"duckdb", "polars", "pandera"},
        owners=OWNERS,
        partitions_def=PRACTICES,
        deps=[
            *(panda_key(table) for table in staged_object.reads),
            *(staged_key(name) for name in staged_object.uses),
        ],
        description=_description(staged_object),
        check_specs=[
            AssetCheckSpec(
                ROWS_ACCOUNTED_FOR,
                asset=key,
                partitions_def=PRACTICES,
                blocking=True,
                description="Rows extracted = rows staged + rows rejected.",
            ),
            AssetCheckSpec(
                REJECT_SHARE,
                asset=key,
                partitions_def=PRACTICES,
                blocking=True,
                description="The share of rejects is within the practice's reject_limit.",
            ),
        ],
    )
    def staged_asset(
        context: AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_without_values(context.partition_key):
            installation = platform.platform()
            practice = installation.practice(context.partition_key)
            outcome = stage(
                staged_object,
                practice,
                installation.profile(practice),
                installation.panda_warehouse(practice.key),
            )
            head = record_staging(installation, practice, context.run.run_id, outcome)
        yield _result(outcome, head)

    return staged_asset


def _result(outcome: StagingOutcome, head: Head) -> MaterializeResult[None]:
    verdict = outcome.verdict
    return MaterializeResult(
        metadata={
            "dagster/row_count": verdict.staged,
            "extracted": verdict.extracted,
            "rejected": verdict.rejected,
            "corrected": verdict.corrected,
            "batch": verdict.batch_id,
            "rejects_by_code": counts_table(outcome.rejects_by_code),
            "corrections_by_code": counts_table(outcome.corrections_by_code, unit="values"),
            "findings": counts_table(outcome.findings),
            AUDIT_LOG: str(head),
        },
        check_results=[
            AssetCheckResult(
                check_name=ROWS_ACCOUNTED_FOR,
                passed=verdict.balanced,
                metadata={
                    "extracted": verdict.extracted,
                    "staged": verdict.staged,
                    "rejected": verdict.rejected,
                },
            ),
            AssetCheckResult(
                check_name=REJECT_SHARE,
                passed=verdict.rejected <= verdict.reject_limit * verdict.extracted,
                metadata={"share": verdict.reject_share, "limit": verdict.reject_limit},
                description=None if verdict.passed else verdict.complaint(),
            ),
        ],
    )


def _description(staged_object: StagedObject) -> str:
    table = staged_object.source_table
    if staged_object.derived:
        return (
            f"What several rows of PANDA's table {table} name together; another object accounts for the rows."
        )
    return (
        f"Rows of PANDA's table {table} that passed their schema; the others stand in staged.rejects, each "
        "with a code and a sentence."
    )
