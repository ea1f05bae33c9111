"""The job by which a person approves a live load in Dagster's UI: the same operation as ``migration-assets
approve``. Dagster knows no users, so who approves is asked for."""

from dagster import (
    AssetKey,
    AssetObservation,
    Config,
    JobDefinition,
    MetadataValue,
    OpExecutionContext,
    in_process_executor,
    job,
    op,
)
from pydantic import Field

from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.gate import LIVE
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.orchestration.approval_assets import GO_LIVE
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.partitions import PRACTICES
from migration_assets.orchestration.resources import PlatformResource


class ApprovalConfig(Config):
    """Who approves, as a name that is written down."""

    approved_by: str = Field(description="The name of the person who approves; it is an attestation.")


def build_approval_job(destination: str) -> JobDefinition:
    """``approve_<destination>``; it changes nothing in the destination."""

    @op(name=f"approve_load_of_{destination}")
    def approve(context: OpExecutionContext, config: ApprovalConfig, platform: PlatformResource) -> None:
        practice = context.partition_key
        with errors_without_values(practice):
            migration = Migration(platform.platform(), Target(practice, destination, LIVE))
            approval = migration.approve(config.approved_by)
            head = migration.audit_head()
        shown = {
            "approved_by": MetadataValue.text(approval.approved_by),
            "attestation": MetadataValue.text(str(approval.attestation)),
            "plan_hash": MetadataValue.text(approval.plan_hash),
            "rehearsal_run": MetadataValue.dagster_run(approval.rehearsal_run_id),
            AUDIT_LOG: MetadataValue.text(str(head)),
        }
        context.add_output_metadata(shown)
        context.log_event(
            AssetObservation(
                AssetKey([destination, GO_LIVE]), partition=practice, description="approved", metadata=shown
            )
        )

    @job(
        name=f"approve_{destination}",
        partitions_def=PRACTICES,
        executor_def=in_process_executor,
        tags={"migration/writes": destination},
        description=(
            f"Attest that the practice approves loading {destination} by the plan that was rehearsed last. "
            "Launch it with the name of the person who approves as approved_by."
        ),
    )
    def approve_job() -> None:
        approve.alias("approve")()

    return approve_job
