"""The asset that shows who is in a destination already without our key. It changes nothing there: adopting is
a person's decision, made on the command line."""

from collections.abc import Iterator
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

from migration_assets.migration.adoption import AMBIGUOUS, MATCHED
from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.practice_asset import practice_asset
from migration_assets.orchestration.resources import PlatformResource
from migration_assets.reports.adoption import counts, write_adoptions

ADOPTIONS = "adoptions"
ADOPTIONS_DECIDED = "adoptions_decided"


def build_adoptions(group: str, destination: str, environment: str) -> AssetsDefinition:
    key = AssetKey([group, ADOPTIONS])

    @practice_asset(
        key,
        kinds={destination, "excel"},
        pool=f"{destination}_api",
        deps=[AssetKey([group, "payload"])],
        description=(
            "Records that are in the destination already and may be ours, matched by the mapping's rule and "
            "shown side by side; a person decides which are adopted (migration-assets adopt)."
        ),
        checks={ADOPTIONS_DECIDED: "No match waits for somebody's decision."},
    )
    def adoptions(
        context: AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_without_values(context.partition_key):
            installation = platform.platform()
            target = Target(context.partition_key, destination, environment)
            migration = Migration(installation, target)
            found = migration.find_adoptions(context.run.run_id)
            directory, head = installation.report_directory(target), migration.audit_head()
            workbook, document = write_adoptions(found, target, datetime.now(UTC), head, directory)
        number = counts(found)
        yield MaterializeResult(
            metadata={
                "report": MetadataValue.path(str(workbook)),
                "json": MetadataValue.path(str(document)),
                "list_hash": found.list_hash,
                AUDIT_LOG: str(head),
                **number,
            },
            check_results=[
                AssetCheckResult(
                    check_name=ADOPTIONS_DECIDED,
                    passed=not number[MATCHED] and not number[AMBIGUOUS],
                    severity=AssetCheckSeverity.WARN,
                    metadata=number,
                )
            ],
        )

    return adoptions
