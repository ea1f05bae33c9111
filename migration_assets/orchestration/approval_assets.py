"""The asset that says whether a practice may go live: the gate's requirements and what the load left."""

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
from migration_assets.migration.checklist import checklist, ready
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.common import rows_table
from migration_assets.orchestration.practice_asset import practice_asset
from migration_assets.orchestration.resources import PlatformResource
from migration_assets.reports.checklist import read_facts, write_checklist

GO_LIVE, READY = "go_live", "ready"
_COLUMNS = {"requirement": "string", "state": "string", "evidence": "string", "what_to_do": "string"}


def build_go_live(group: str, destination: str, environment: str) -> AssetsDefinition:
    key = AssetKey([group, GO_LIVE])

    @practice_asset(
        key,
        kinds={destination},
        deps=[AssetKey([group, name]) for name in ("reconciliation", "report")],
        description=(
            "What a practice needs to go live, line by line, met or missing with what to do: preflight, "
            "rehearsal, approval, loads, reconciliation, delta, report."
        ),
        checks={READY: "Nothing is missing to go live."},
    )
    def go_live(
        context: AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_without_values(context.partition_key):
            installation = platform.platform()
            target = Target(context.partition_key, destination, environment)
            migration = Migration(installation, target)
            rows = checklist(read_facts(migration))
            directory = installation.report_directory(target)
            name = migration.practice.name
            paths = write_checklist(rows, target, name, migration.audit_head(), datetime.now(UTC), directory)
            head = migration.note_exported(context.run.run_id, paths)
        missing = [row.requirement for row in rows if row.state == "missing"]
        shown = [
            {
                "requirement": row.requirement,
                "state": row.state,
                "evidence": row.evidence,
                "what_to_do": row.remedy,
            }
            for row in rows
        ]
        yield MaterializeResult(
            metadata={
                "report": MetadataValue.path(str(paths[0])),
                "json": MetadataValue.path(str(paths[1])),
                "ready": MetadataValue.bool(ready(rows)),
                "checklist": rows_table(shown, _COLUMNS),
                AUDIT_LOG: str(head),
            },
            check_results=[
                AssetCheckResult(
                    check_name=READY,
                    passed=ready(rows),
                    description=f"missing: {', '.join(missing)}" if missing else None,
                    metadata={"missing": len(missing)},
                )
            ],
        )

    return go_live
