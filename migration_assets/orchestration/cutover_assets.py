"""Assets of the cutover on PANDA's side: the beginning of change detection, and the refresh that takes what
changed. What is sent, and the board, stand in ``delta_assets``."""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    Config,
    MaterializeResult,
    MetadataValue,
)
from pydantic import Field

from migration_assets.errors import ConfigurationError
from migration_assets.migration.platform import Platform
from migration_assets.orchestration.boundary import errors_without_values
from migration_assets.orchestration.common import rows_table
from migration_assets.orchestration.coordinator import LOCK_TAG_PREFIX
from migration_assets.orchestration.practice_asset import practice_asset
from migration_assets.orchestration.resources import PlatformResource
from migration_assets.practice import CutoverWindow

CHANGE_DETECTION = AssetKey(["panda", "change_detection"])
REFRESH = AssetKey(["panda", "refresh"])
DELTA, CUTOVER = "delta", "cutover"
GO_LIVE_TAG = LOCK_TAG_PREFIX + "go_live"
"""On a run that closes a window: the destination that goes live."""
NO_CUTOVER = "its file has no part 'cutover'; add that part where PANDA stays in use after the load"
_CUTOVER_NAMES = frozenset({CHANGE_DETECTION.path[-1], REFRESH.path[-1], DELTA, CUTOVER})
_PLAN_COLUMNS = {
    "table": "string",
    "strategy": "string",
    "column": "string",
    "reason": "string",
    "deletions": "string",
    "rows_a_look": "int",
    "every_seconds": "int",
}
_CHANGE_COLUMNS = {"table": "string", "changed": "int", "deleted": "int"}
_STAGED_COLUMNS = {"object": "string", "staged": "int", "rejected": "int", "passed": "string"}


class RefreshConfig(Config):
    """What a refresh is asked."""

    drain: bool = Field(
        default=False,
        description="The last drain: first compare keys and row hashes of every table whatever its strategy.",
    )


def build_change_detection(tables: Sequence[AssetKey]) -> AssetsDefinition:
    """``tables``: the extracted ones, with which it begins."""

    @practice_asset(
        CHANGE_DETECTION,
        kinds={"sqlserver", "duckdb"},
        deps=tables,
        pool="panda_source",
        description=(
            "How each table's changes are found from this extraction on, and why so: change tracking, "
            "rowversion, a modified-at column, or the comparison of every row; with what a look costs. "
            "Nothing is begun for a practice without a cutover in its file."
        ),
    )
    def change_detection(
        context: AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_without_values(context.partition_key):
            from migration_assets.migration.detection import Detection

            installation = platform.platform()
            window = cutover_window(installation, context)
            begun = None if window is None else Detection(installation, context.partition_key).begin()
        if begun is None or window is None:
            yield passed_over(NO_CUTOVER)
            return
        choices = begun.choices
        whole = choices.filter("reads_whole")
        yield MaterializeResult(
            metadata={
                "begins": MetadataValue.timestamp(window.begins),
                "ends": MetadataValue.timestamp(window.ends),
                "server": begun.cursor.server.server,
                "database": begun.cursor.server.database,
                "strategies": _plan_table(choices, window),
                "tables_read_whole": whole.height,
                "rows_of_a_look": int(whole["rows"].sum()),
            }
        )

    return change_detection


def build_refresh(staged: Sequence[AssetKey]) -> AssetsDefinition:
    """``staged``: the staged tables, which it brings up to what changed."""

    @practice_asset(
        REFRESH,
        kinds={"sqlserver", "duckdb", "polars"},
        deps=[CHANGE_DETECTION, *staged],
        pool="panda_source",
        description=(
            "Rows that changed in PANDA since the extraction or the last refresh, read by their keys and "
            "staged anew with everything of the same patients; the other rows aren't touched."
        ),
    )
    def refresh(
        context: AssetExecutionContext, config: RefreshConfig, platform: PlatformResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_without_values(context.partition_key):
            from migration_assets.migration.detection import Detection

            require_who_closes(context)
            installation = platform.platform()
            window = cutover_window(installation, context)
            refreshed = None
            if window is not None:
                detection = Detection(installation, context.partition_key)
                drain = config.drain or goes_live(context)
                refreshed = detection.refresh(context.run.run_id, drain=drain)
        if refreshed is None:
            yield passed_over(NO_CUTOVER)
            return
        tables = dict.fromkeys([*refreshed.changed, *refreshed.deleted])
        changes: list[dict[str, str | int]] = [
            {
                "table": table,
                "changed": refreshed.changed.get(table, 0),
                "deleted": refreshed.deleted.get(table, 0),
            }
            for table in tables
        ]
        restaged: list[dict[str, str | int]] = [
            {
                "object": each.object,
                "staged": each.staged,
                "rejected": each.rejected,
                "passed": "yes" if each.passed else "no",
            }
            for each in refreshed.verdicts
        ]
        yield MaterializeResult(
            metadata={
                "dagster/row_count": refreshed.rows,
                "sequence": refreshed.sequence,
                "changes": rows_table(changes, _CHANGE_COLUMNS),
                "staged": rows_table(restaged, _STAGED_COLUMNS),
                "units": refreshed.units,
                "rows_read": refreshed.rows_read,
                "found_by_drain": refreshed.found_by_drain,
                "seconds": round(refreshed.seconds, 3),
            }
        )

    return refresh


def passed_over(why: str, *checks: str) -> MaterializeResult[None]:
    """Of a run of everything in which the practice has no part here: what hangs on it goes on, its checks
    find nothing."""
    return MaterializeResult(
        metadata={"passed_over": why},
        check_results=[AssetCheckResult(check_name=name, passed=True, description=why) for name in checks],
    )


def cutover_window(installation: Platform, context: AssetExecutionContext) -> CutoverWindow | None:
    """None where the practice has no cutover and the run is of more than the cutover; asked for by name it
    raises ConfigurationError."""
    window = installation.practice(context.partition_key).cutover
    if window is None and _asked_by_name(context):
        raise ConfigurationError(f"practice {context.partition_key}: {NO_CUTOVER}")
    return window


def goes_live(context: AssetExecutionContext) -> bool:
    return GO_LIVE_TAG in context.run.tags


def require_who_closes(context: AssetExecutionContext) -> None:
    """Before anything of going live is done; raises ConfigurationError where nobody is named."""
    destination = context.run.tags.get(GO_LIVE_TAG)
    if destination is None:
        return
    op = f"{destination}__{CUTOVER}"
    asked: Any = context.run.run_config
    if not str(asked.get("ops", {}).get(op, {}).get("config", {}).get("closed_by") or "").strip():
        raise ConfigurationError(
            f"practice {context.partition_key}: who closes the window isn't said; launch "
            f"{context.run.job_name} with the name as closed_by of {op}"
        )


def _asked_by_name(context: AssetExecutionContext) -> bool:
    selected = context.job_def.asset_layer.selected_asset_keys
    return goes_live(context) or {key.path[-1] for key in selected} <= _CUTOVER_NAMES


def _plan_table(choices: pl.DataFrame, window: CutoverWindow) -> MetadataValue:
    """``choices``: CHOICES_COLUMNS of detection.py."""
    rows = [
        {
            "table": each["table"],
            "strategy": each["strategy"].replace("_", " "),
            "column": each["column"] or "",
            "reason": each["reason"],
            "deletions": each["deletions"],
            "rows_a_look": each["rows"] if each["reads_whole"] else 0,
            "every_seconds": window.compare_minutes * 60 if each["reads_whole"] else window.poll_seconds,
        }
        for each in choices.iter_rows(named=True)
    ]
    return rows_table(rows, _PLAN_COLUMNS)
