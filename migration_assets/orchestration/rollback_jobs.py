"""Jobs that take a migration back, one that only plans and one that does it. They materialise nothing: what
an upload's asset holds afterwards is told by an observation on it."""

from collections.abc import Iterator

from dagster import (
    AssetKey,
    AssetObservation,
    Config,
    JobDefinition,
    MetadataValue,
    OpExecutionContext,
    Output,
    job,
    op,
)
from pydantic import Field

from migration_assets.destinations.removal import SchemaRemoval
from migration_assets.errors import ConfigurationError
from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.plan import load_mapping
from migration_assets.migration.rollback import Outcome, Rollback
from migration_assets.migration.rollback_plan import DELETE, LEAVE, RESTORE
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.common import counts_table, group_name, rows_table
from migration_assets.orchestration.coordinator import WRITES_TAG
from migration_assets.orchestration.partitions import PRACTICES
from migration_assets.orchestration.resources import PlatformResource
from migration_assets.reports.rollback import outcome_counts, plan_counts, write_outcome, write_plan


class PlanConfig(Config):
    """What the job that only plans is asked."""

    also: list[str] = Field(
        default_factory=list,
        description="Reasons for which records would be left, and are deleted all the same: "
        "changed_by_others, has_dependents.",
    )


class RollbackConfig(PlanConfig):
    """What the job that rolls back is asked."""

    decided_by: str = Field(description="Who decides that the migration is taken back.")
    plan: str | None = Field(
        default=None,
        description="Hash of the plan that was shown last (its beginning will do): nothing else is done. "
        "Where it is empty the plan is made now.",
    )
    remove_schema: bool = Field(
        default=False, description="Also remove custom objects and fields that nobody's record needs."
    )


def build_rollback_jobs(destination: str, environment: str) -> list[JobDefinition]:
    """``plan_rollback_<group>`` and ``roll_back_<group>``."""
    group = group_name(destination, environment)
    pool = f"{destination}_api"
    uploads = {spec.name: AssetKey([group, spec.asset]) for spec in load_mapping(destination)}

    @op(
        name=f"plan_rollback_of_{group}",
        pool=pool,
        description="Read what stands there and say what a rollback would do; nothing is changed there.",
    )
    def plan_rollback(
        context: OpExecutionContext, config: PlanConfig, platform: PlatformResource
    ) -> Iterator[Output[None]]:
        with errors_without_values(context.partition_key):
            installation = platform.platform()
            target = Target(context.partition_key, destination, environment)
            rollback = Rollback(Migration(installation, target), context.run_id)
            planned = rollback.plan(config.also)
            head = rollback.migration.audit_head()
            page, document = write_plan(planned, target, head, installation.report_directory(target))
        yield Output(
            None,
            metadata={
                "report": MetadataValue.path(str(page)),
                "json": MetadataValue.path(str(document)),
                "plan": planned.hash,
                "records": _table(plan_counts(planned)),
                "to_delete": planned.number(DELETE),
                "to_restore": planned.number(RESTORE),
                "left": planned.number(LEAVE),
                "calls_expected": planned.calls_expected,
                AUDIT_LOG: str(head),
            },
        )

    @op(
        name=f"roll_back_{group}_records",
        pool=pool,
        description="Delete what the migration created, restore what it changed, leave what others changed.",
    )
    def roll_back(
        context: OpExecutionContext, config: RollbackConfig, platform: PlatformResource
    ) -> Iterator[AssetObservation | Output[None]]:
        practice = context.partition_key
        with errors_without_values(practice):
            installation = platform.platform()
            target = Target(practice, destination, environment)
            rollback = Rollback(Migration(installation, target), context.run_id)
            if not config.decided_by.strip():
                raise ConfigurationError(f"{target}: decided_by is empty; give the name of who decides")
            outcome = rollback.roll_back(
                config.decided_by,
                rollback.shown(config.plan) if config.plan else None,
                config.also,
                remove_schema=config.remove_schema,
            )
            head = rollback.migration.audit_head()
            page, document = write_outcome(outcome, target, head, installation.report_directory(target))
        for name in dict.fromkeys(each.object for each in outcome.plan.records):
            if name in uploads and outcome.plan.has_work:
                yield AssetObservation(
                    asset_key=uploads[name],
                    partition=practice,
                    description="Rolled back",
                    metadata={
                        "report": MetadataValue.path(str(page)),
                        **_counts_of(outcome, name),
                        AUDIT_LOG: str(head),
                    },
                )
        yield Output(
            None,
            metadata={
                "report": MetadataValue.path(str(page)),
                "json": MetadataValue.path(str(document)),
                "plan": outcome.plan.hash,
                "records": _table(outcome_counts(outcome)),
                "nothing_to_do": not outcome.plan.has_work,
                "clean": outcome.clean,
                "findings": outcome.findings.height,
                **({"schema": _schema(outcome.schema)} if outcome.schema is not None else {}),
                AUDIT_LOG: str(head),
            },
        )

    tags = {WRITES_TAG: group}

    @job(
        name=f"plan_rollback_{group}",
        partitions_def=PRACTICES,
        tags=tags,
        description=f"Say what a rollback of {group} would delete, restore and leave.",
    )
    def plan_rollback_job() -> None:
        plan_rollback.alias("plan_rollback")()

    @job(
        name=f"roll_back_{group}",
        partitions_def=PRACTICES,
        tags=tags,
        description=f"Take the migration to {group} back; decided_by is required.",
    )
    def roll_back_job() -> None:
        roll_back.alias("roll_back")()

    return [plan_rollback_job, roll_back_job]


def _counts_of(outcome: Outcome, name: str) -> dict[str, int]:
    prefix = f"{name}."
    return {
        what.removeprefix(prefix): count for what, count in outcome.counts.items() if what.startswith(prefix)
    }


def _table(rows: list[dict[str, str | int]]) -> MetadataValue:
    columns = {name: "string" if name == "object" else "int" for row in rows[:1] for name in row}
    return rows_table(rows, columns or {"object": "string"})


def _schema(removal: SchemaRemoval) -> MetadataValue:
    return counts_table(
        {
            "removed": len(removal.removed),
            "kept": len(removal.kept),
            "removed and counting still": len(removal.counts_still),
        },
        "schema",
        "parts",
    )
