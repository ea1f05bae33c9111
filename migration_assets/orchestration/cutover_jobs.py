"""Jobs of the cutover: the refresh of a practice's tables, the delta of each destination, and going live.

Refresh and delta are two, since a delta may last hours and must not hold the practice's tables meanwhile. The
sensor asks for them (``cutover_sensor``); going live is a person's.
"""

from __future__ import annotations

from dagster import AssetKey, AssetSelection, define_asset_job
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from migration_assets.orchestration.approval_assets import GO_LIVE
from migration_assets.orchestration.cutover_assets import CUTOVER, DELTA, GO_LIVE_TAG, REFRESH
from migration_assets.orchestration.cutover_runs import REFRESH_JOB, delta_job
from migration_assets.orchestration.report_assets import GO_LIVE_GUIDE, REPORT


def build_refresh_job() -> UnresolvedAssetJobDefinition:
    return define_asset_job(
        REFRESH_JOB,
        selection=AssetSelection.assets(REFRESH),
        description="Take the rows that changed in PANDA into the practice's tables and stage them anew.",
    )


def build_delta_job(destination: str) -> UnresolvedAssetJobDefinition:
    return define_asset_job(
        delta_job(destination),
        selection=AssetSelection.assets(AssetKey([destination, DELTA])),
        description=f"Send to {destination} what was refreshed since the last delta.",
    )


def build_go_live_job(destination: str) -> UnresolvedAssetJobDefinition:
    """``go_live_<destination>``; ``closed_by`` of its board has to be given at the launch."""
    names = (DELTA, "reconciliation", "field_diff", CUTOVER, REPORT, GO_LIVE_GUIDE, GO_LIVE)
    return define_asset_job(
        f"go_live_{destination}",
        selection=AssetSelection.assets(REFRESH, *(AssetKey([destination, name]) for name in names)),
        config=go_live_config(destination, ""),
        tags={GO_LIVE_TAG: destination},
        description=(
            "Close the practice's window: the last drain of every table, its delta, a full reconciliation, "
            "the board with both sides read once more, report, guide and checklist. Where anything is "
            "missing the run fails, says what, and the window stays open. Launch it with the name of who "
            f"closes it as closed_by of {destination}__{CUTOVER}."
        ),
    )


def go_live_config(destination: str, closed_by: str) -> dict[str, object]:
    """The run configuration of ``go_live_<destination>``."""
    return {"ops": {f"{destination}__{CUTOVER}": {"config": {"closed_by": closed_by}}}}


def refresh_config(*, drain: bool) -> dict[str, object]:
    """The run configuration of ``refresh_panda``."""
    return {"ops": {REFRESH.to_python_identifier(): {"config": {"drain": drain}}}}
