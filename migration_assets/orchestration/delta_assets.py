"""Assets of the cutover on a live destination's side: the delta that sends what was refreshed, and the board,
which reads both sides once more and closes the window where somebody says so."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    AssetObservation,
    AssetsDefinition,
    Config,
    MaterializeResult,
    MetadataValue,
)
from pydantic import Field

from migration_assets.errors import ConfigurationError, GateClosed
from migration_assets.mapping.spec import MappingSet
from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.decisions import Head
from migration_assets.migration.delta_operations import DeltaOutcome, Drained
from migration_assets.migration.detection import Detection
from migration_assets.migration.gate import LIVE
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.platform import Platform
from migration_assets.migration.progress import now_and_then
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.common import counts_table, rows_table
from migration_assets.orchestration.cutover_assets import (
    CUTOVER,
    DELTA,
    NO_CUTOVER,
    REFRESH,
    cutover_window,
    goes_live,
    passed_over,
    require_who_closes,
)
from migration_assets.orchestration.practice_asset import practice_asset
from migration_assets.orchestration.reconciliation_checks import (
    FAILURES,
    RECONCILIATION_CHECKS,
    failures_check,
)
from migration_assets.orchestration.refusals import MAY_UPLOAD, upload_metadata, where_allowed
from migration_assets.orchestration.resources import PlatformResource
from migration_assets.reports.reconciliation import read_reconciliation

CONFLICTS, DRAINED = "conflicts", "drained"
_OBJECT_COLUMNS = {
    "object": "string",
    "sent": "int",
    "created": "int",
    "updated": "int",
    "failed": "int",
    "held_back": "int",
    "conflicts": "int",
}


class DeltaConfig(Config):
    """What a delta is asked."""

    everything: bool = Field(
        default=False,
        description="Compare every record with the ledger, not only those of refreshed patients.",
    )


class CutoverConfig(Config):
    """What the board is asked."""

    closed_by: str = Field(
        default="", description="Who closes the window, as a name that is written down; empty: it stays open."
    )


def build_delta(mapping: MappingSet) -> AssetsDefinition:
    group = mapping.destination
    key = AssetKey([group, DELTA])
    uploads = {spec.name: AssetKey([group, spec.asset]) for spec in mapping}

    @practice_asset(
        key,
        kinds={group},
        pool=f"{group}_api",
        deps=[REFRESH, *uploads.values()],
        description=(
            "Records of the patients that were refreshed since the last delta, with what failed or waited "
            "before; only what is new or changed is sent, and what was sent is read back."
        ),
        checks={
            MAY_UPLOAD: "The staged tables passed and the gate is open; otherwise no request is made.",
            FAILURES: RECONCILIATION_CHECKS[FAILURES],
            CONFLICTS: "No field that somebody changed in the destination waits for a decision.",
        },
    )
    def delta(
        context: AssetExecutionContext, config: DeltaConfig, platform: PlatformResource
    ) -> Iterator[AssetCheckResult | MaterializeResult[None]]:
        practice = context.partition_key

        def work() -> tuple[DeltaOutcome, float, Head] | str:
            require_who_closes(context)
            installation = platform.platform()
            if cutover_window(installation, context) is None:
                return NO_CUTOVER
            migration = Migration(installation, Target(practice, group, LIVE))
            closing = goes_live(context)
            whole = closing or _is_of_a_whole_load(context, group)
            if whole and not closing and _is_up_to_date(installation, migration):
                return "nothing was refreshed since the payload was built"
            outcome = migration.send_delta(
                context.run.run_id, now_and_then(context.log.info), everything=config.everything or whole
            )
            return outcome, migration.practice.policies.failure_limit, migration.audit_head()

        done = yield from where_allowed(practice, work)
        if isinstance(done, str):
            yield passed_over(done, MAY_UPLOAD, FAILURES, CONFLICTS)
            return
        outcome, limit, head = done
        for summary in outcome.uploads:
            if summary.sent:
                context.log_event(
                    AssetObservation(
                        uploads[summary.object],
                        partition=practice,
                        description="Delta",
                        metadata={**upload_metadata(summary), AUDIT_LOG: str(head)},
                    )
                )
        contested = sum(outcome.conflicts.values())
        yield MaterializeResult(
            metadata={**_delta_metadata(outcome), AUDIT_LOG: str(head)},
            check_results=[
                AssetCheckResult(check_name=MAY_UPLOAD, passed=True),
                failures_check(_failed(outcome), limit),
                AssetCheckResult(
                    check_name=CONFLICTS,
                    passed=not contested,
                    severity=AssetCheckSeverity.WARN,
                    description=(
                        f"{contested:,} fields were changed in the destination since we wrote them; see "
                        f"`migration-assets conflicts {practice} {group}`"
                        if contested
                        else None
                    ),
                    metadata={"conflicts": contested},
                ),
            ],
        )

    return delta


def build_cutover_board(group: str) -> AssetsDefinition:
    key = AssetKey([group, CUTOVER])

    @practice_asset(
        key,
        kinds={group, "html"},
        pool=f"{group}_api",
        deps=[AssetKey([group, name]) for name in (DELTA, "reconciliation")],
        description=(
            "The cutover board: what was found, sent, failed and contested in the window, and how long it "
            "took to arrive. Once the window has begun, source and destination are read once more for it."
        ),
        checks={DRAINED: "Source and destination, read once more, agree: nothing changed, waits or differs."},
    )
    def cutover(
        context: AssetExecutionContext, config: CutoverConfig, platform: PlatformResource
    ) -> Iterator[MaterializeResult[None]]:
        practice, run_id = context.partition_key, context.run.run_id
        with errors_without_values(practice):
            require_who_closes(context)
            installation = platform.platform()
            window = cutover_window(installation, context)
            if window is None:
                yield passed_over(NO_CUTOVER, DRAINED)
                return
            migration = Migration(installation, Target(practice, group, LIVE))
            closed_by = config.closed_by.strip()
            told: Drained | None = None
            check, wanting = _not_looked("the window hasn't begun"), ["the window hasn't begun"]
            if migration.window_closed() is not None:
                check, wanting = _not_looked("the window is closed"), []
            elif closed_by or window.phase(datetime.now(UTC)) != "before":
                told = drained = migration.drained(run_id)
                wanting = [*_undrained(drained), *_unreconciled(migration, run_id)]
                check = _drained_check(drained, warning=window.phase(datetime.now(UTC)) == "open")
                if closed_by and not wanting:
                    migration.close_window(run_id, closed_by)
            pages, counts = write_board_of(migration, told)
            head = migration.note_exported(run_id, pages)
        yield MaterializeResult(
            metadata={
                "report": MetadataValue.path(str(pages[0])),
                "json": MetadataValue.path(str(pages[1])),
                **counts,
                AUDIT_LOG: str(head),
            },
            check_results=[check],
        )
        if closed_by and wanting:
            with errors_without_values(practice):
                raise GateClosed(f"{migration.target}: the window stays open: {'; '.join(wanting)}")

    return cutover


def write_board_of(
    migration: Migration, drained: "Drained | None"
) -> tuple[tuple[Path, Path], dict[str, int | float | str]]:
    """The board's page and document, written anew, and its figures."""
    from migration_assets.migration.board import DrainedFacts
    from migration_assets.reports.cutover_board import board_counts, make_board, write_board

    now = datetime.now(UTC)
    told = None if drained is None else DrainedFacts(now, drained.passed, _counts(drained))
    facts = make_board(migration.platform, migration.target, now, told)
    directory = migration.platform.report_directory(migration.target)
    return write_board(facts, migration.audit_head(), directory), board_counts(facts)


def _is_of_a_whole_load(context: AssetExecutionContext, group: str) -> bool:
    """Whether what follows in the run is about all records, so that a delta may not narrow the scope."""
    selected = context.job_def.asset_layer.selected_asset_keys
    return AssetKey([group, "reconciliation"]) in selected


def _is_up_to_date(installation: Platform, migration: Migration) -> bool:
    return migration.delta_progress() == Detection(installation, migration.target.practice).progress()


def _delta_metadata(outcome: DeltaOutcome) -> dict[str, MetadataValue | int | float]:
    names = ("sent", "created", "updated", "failed", "held_back")
    rows = [
        {
            "object": each.object,
            **{name: getattr(each, name) for name in names},
            "conflicts": outcome.conflicts.get(each.object, 0),
        }
        for each in outcome.uploads
    ]
    return {
        "dagster/row_count": sum(each.in_scope for each in outcome.uploads),
        "sequence": outcome.sequence,
        **{name: sum(getattr(each, name) for each in outcome.uploads) for name in names},
        "objects": rows_table(rows, _OBJECT_COLUMNS),
        "deletions": counts_table(outcome.deletions, "outcome", "records"),
        "found": outcome.found,
        "different": outcome.different,
        "overtaken": sum(outcome.overtaken.values()),
        "seconds": round(outcome.seconds, 3),
    }


def _failed(outcome: "DeltaOutcome") -> dict[str, tuple[int, int]]:
    """Failed and in scope by object; a file that was changed again meanwhile is nobody's fault."""
    return {
        each.object: (each.failed - outcome.overtaken.get(each.object, 0), each.in_scope)
        for each in outcome.uploads
    }


def _not_looked(why: str) -> AssetCheckResult:
    return AssetCheckResult(check_name=DRAINED, passed=True, description=why)


def _drained_check(drained: Drained, *, warning: bool) -> AssetCheckResult:
    """While the window is open it is no fault that something is on its way."""
    missing = _undrained(drained)
    return AssetCheckResult(
        check_name=DRAINED,
        passed=drained.passed,
        severity=AssetCheckSeverity.WARN if warning else AssetCheckSeverity.ERROR,
        description="; ".join(missing) or None,
        metadata=_counts(drained),
    )


def _counts(drained: Drained) -> dict[str, int]:
    names = ("source_changes", "waiting", "behind", "not_sent", "different", "open_conflicts")
    return {name: getattr(drained, name) for name in names}


def _undrained(drained: Drained) -> list[str]:
    if drained.passed:
        return []
    said = {
        "source_changes": "rows have changed in PANDA since",
        "waiting": "changed rows wait for a refresh",
        "behind": "refreshes aren't sent",
        "not_sent": "records aren't sent",
        "different": "records or fields differ in the destination",
        "open_conflicts": "conflicts wait for a decision",
    }
    counts = _counts(drained)
    return [f"{counts[name]:,} {words}" for name, words in said.items() if counts[name]] or [
        "source and destination don't agree"
    ]


def _unreconciled(migration: Migration, run_id: str) -> list[str]:
    """What this run's own reconciliation lacks."""
    try:
        found = read_reconciliation(migration.platform.report_directory(migration.target))
    except ConfigurationError:
        found = None
    if found is None or found.run_id != run_id:
        group = migration.target.destination
        return [f"there is no reconciliation of this run; run go_live_{group}"]
    missing = [] if found.balanced else ["the reconciliation isn't balanced"]
    return [*missing, *([f"{found.different:,} fields differ"] if found.different else [])]
