"""Jobs: extraction with staging is one, each environment's upload another, since an upload may last hours.

What failed is retried by uploading again without a new payload: what is there as it should be isn't sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from dagster import AssetKey, AssetSelection, define_asset_job
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from migration_assets.orchestration import panda_assets, staged_assets
from migration_assets.orchestration.destination_assets import BEFORE_UPLOADS


def build_jobs(upload_groups: Sequence[str]) -> list[UnresolvedAssetJobDefinition]:
    extract_and_stage = define_asset_job(
        "extract_and_stage",
        selection=AssetSelection.groups(panda_assets.GROUP, staged_assets.GROUP),
        description="Read a practice's tables from PANDA and stage every migrated object.",
    )
    uploads = [
        define_asset_job(
            f"upload_{group}",
            selection=AssetSelection.groups(group),
            description=f"Bring {group} to the state of the staged tables, and reconcile it.",
        )
        for group in upload_groups
    ]
    retries = [
        define_asset_job(
            f"retry_{group}",
            selection=AssetSelection.groups(group)
            - AssetSelection.assets(*(AssetKey([group, name]) for name in BEFORE_UPLOADS)),
            description=f"Send to {group} what failed, waited or was never sent, and reconcile it.",
        )
        for group in upload_groups
    ]
    return [extract_and_stage, *uploads, *retries]
