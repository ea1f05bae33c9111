"""Assets that tell a practice's people how its migration went and where everything is now: the post-migration
report and the go-live guide. They read what the reconciliation left and connect to nothing."""

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
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.common import counts_table
from migration_assets.orchestration.cutover_assets import CUTOVER
from migration_assets.orchestration.practice_asset import practice_asset
from migration_assets.orchestration.resources import PlatformResource
from migration_assets.reports.go_live_guide import make_guide, write_guide
from migration_assets.reports.migration_report import make_report, write_report

REPORT, GO_LIVE_GUIDE = "report", "go_live_guide"
REPORT_BALANCED = "report_balanced"


def build_report(group: str, destination: str, environment: str) -> AssetsDefinition:
    key = AssetKey([group, REPORT])

    @practice_asset(
        key,
        kinds={destination, "html"},
        deps=[AssetKey([group, name]) for name in ("reconciliation", "field_diff", CUTOVER)],
        description=(
            "The post-migration report for the practice: counts with their equations, what isn't there and "
            "why, files, a spot check with charts, and what has to be built by hand; as a page and as PDF."
        ),
        checks={REPORT_BALANCED: "Every equation of the report holds and no compared value differs."},
    )
    def report(
        context: AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_without_values(context.partition_key):
            target = Target(context.partition_key, destination, environment)
            migration = Migration(platform.platform(), target)
            made = make_report(migration, datetime.now(UTC))
            written = write_report(made, migration.platform.report_directory(target))
            head = migration.note_exported(context.run.run_id, written.paths)
        counts = {ending: made.count(ending) for ending in ("rejected", "failed", "held_back", "corrected")}
        yield MaterializeResult(
            metadata={
                "report": MetadataValue.path(str(written.html)),
                "pdf": MetadataValue.path(str(written.pdf)),
                "json": MetadataValue.path(str(written.json)),
                "letter_templates": MetadataValue.path(str(written.letter_templates)),
                "exceptions": counts_table(counts, "ending", "records"),
                "files": made.facts.files.height,
                "files_same": int(made.facts.files["same"].sum()),
                "spot_check_patients": made.diff.patients.height,
                AUDIT_LOG: str(head),
            },
            check_results=[
                AssetCheckResult(
                    check_name=REPORT_BALANCED,
                    passed=made.state != "not",
                    metadata={"different": made.reconciliation.different, **counts},
                )
            ],
        )

    return report


def build_go_live_guide(group: str, destination: str, environment: str) -> AssetsDefinition:
    @practice_asset(
        AssetKey([group, GO_LIVE_GUIDE]),
        kinds={destination, "html"},
        deps=[AssetKey([group, "schema"])],
        description=(
            "A guide for the practice's people, made from the mapping: where each kind of record is found, "
            "how plans and charts are read, which field is which of PANDA's."
        ),
    )
    def go_live_guide(context: AssetExecutionContext, platform: PlatformResource) -> MaterializeResult[None]:
        with errors_without_values(context.partition_key):
            target = Target(context.partition_key, destination, environment)
            migration = Migration(platform.platform(), target)
            guide = make_guide(migration.stored_plan(), target, migration.practice.name)
            head = migration.audit_head()
            page, pdf = write_guide(guide, head, migration.platform.report_directory(target))
            head = migration.note_exported(context.run.run_id, (page, pdf))
        return MaterializeResult(
            metadata={
                "report": MetadataValue.path(str(page)),
                "pdf": MetadataValue.path(str(pdf)),
                "kinds_of_records": len(guide.places),
                "fields": sum(len(fields) for fields in guide.fields.values()),
                AUDIT_LOG: str(head),
            }
        )

    return go_live_guide
