"""The asset that shows, field by field, what became of a sample of patients: source, mapping, destination. It
connects to nothing: it reads what the payload and the reconciliation wrote down."""

from collections.abc import Iterator
from datetime import UTC, datetime

from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
)

from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.field_diff.compute import compute
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.common import counts_table
from migration_assets.orchestration.practice_asset import practice_asset
from migration_assets.orchestration.resources import PlatformResource
from migration_assets.reports.field_diff.document import classes, diagnoses, differing
from migration_assets.reports.field_diff.files import failed_checks, write_diff

FIELD_DIFF = "field_diff"
NO_FIELD_LOST_OR_CHANGED = "no_field_lost_or_changed"
CHARTS_AND_REFERENCES = "charts_lines_and_providers"


def build_field_diff(group: str, destination: str, environment: str) -> AssetsDefinition:
    key = AssetKey([group, FIELD_DIFF])

    @practice_asset(
        key,
        kinds={"html", "duckdb"},
        deps=[AssetKey([group, "reconciliation"])],
        description=(
            "Every field of the sample's patients: as PANDA holds it, as the mapping makes it, as the "
            "destination returned it, with charts side by side; a page for the practice's manager."
        ),
        checks={
            NO_FIELD_LOST_OR_CHANGED: "No field of the sample is lost, changed or added.",
            CHARTS_AND_REFERENCES: "Numbering systems, plan lines, providers and charts are as in PANDA.",
        },
    )
    def field_diff(
        context: AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_without_values(context.partition_key):
            installation = platform.platform()
            target = Target(context.partition_key, destination, environment)
            migration = Migration(installation, target)
            diff = compute(migration)
            directory = installation.report_directory(target)
            name, before = migration.practice.name, migration.audit_head()
            paths = write_diff(diff, target, name, before, directory, datetime.now(UTC))
            head = migration.note_exported(context.run.run_id, paths)
        failed = failed_checks(diff)
        wrong = differing(diff)
        yield MaterializeResult(
            metadata={
                "report": MetadataValue.path(str(paths[0])),
                "json": MetadataValue.path(str(paths[1])),
                AUDIT_LOG: str(head),
                "patients": diff.patients.height,
                "classes": counts_table(classes(diff), "class", "fields"),
                "diagnoses": counts_table(diagnoses(diff), "diagnosis", "fields"),
                "failed_checks": counts_table(failed, "check", "failed"),
            },
            check_results=[
                AssetCheckResult(
                    check_name=NO_FIELD_LOST_OR_CHANGED, passed=not any(wrong.values()), metadata=dict(wrong)
                ),
                AssetCheckResult(
                    check_name=CHARTS_AND_REFERENCES, passed=not any(failed.values()), metadata=dict(failed)
                ),
            ],
        )

    return field_diff
