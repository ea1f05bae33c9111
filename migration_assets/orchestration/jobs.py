"""Jobs: extraction with staging is one, each environment's upload another, since an upload may last hours.

What failed is retried by uploading again without a new payload: what is there as it should be isn't sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from dagster import AssetKey, AssetSelection, define_asset_job
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from migration_assets.destinations.kind import destination_names
from migration_assets.orchestration import panda_assets, staged_assets
from migration_assets.orchestration.cutover_assets import CUTOVER, DELTA, REFRESH
from migration_assets.orchestration.destination_assets import BEFORE_UPLOADS


def build_jobs(upload_groups: Sequence[str]) -> list[UnresolvedAssetJobDefinition]:
    extract_and_stage = define_asset_job(
        "extract_and_stage",
        selection=AssetSelection.groups(panda_assets.GROUP, staged_assets.GROUP)
        - AssetSelection.assets(REFRESH),
        description="Read a practice's tables from PANDA and stage every migrated object.",
    )
    uploads = [
        define_asset_job(
            f"upload_{group}",
            selection=_loading(group),
            description=f"Bring {group} to the state of the staged tables, and reconcile it.",
        )
        for group in upload_groups
    ]
    retries = [
        define_asset_job(
            f"retry_{group}",
            selection=_loading(group)
            - AssetSelection.assets(*(AssetKey([group, name]) for name in BEFORE_UPLOADS)),
            description=f"Send to {group} what failed, waited or was never sent, and reconcile it.",
        )
        for group in upload_groups
    ]
    return [extract_and_stage, *uploads, *retries]


def _loading(group: str) -> AssetSelection:
    """Everything of a group but the cutover, which has jobs of its own."""
    if group not in destination_names():
        return AssetSelection.groups(group)
    return AssetSelection.groups(group) - AssetSelection.assets(
        AssetKey([group, DELTA]), AssetKey([group, CUTOVER])
    )
