"""The whole platform in one screen: what Dagster loads. The only file that knows all the others."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import product
from typing import Any

from dagster import Definitions, in_process_executor
from dagster_shared.utils.warnings import PreviewWarning

from migration_assets.destinations.kind import destination_names
from migration_assets.migration.plan import load_mapping
from migration_assets.orchestration.approval_jobs import build_approval_job
from migration_assets.orchestration.common import ENVIRONMENTS, group_name
from migration_assets.orchestration.cutover_assets import build_change_detection, build_refresh
from migration_assets.orchestration.cutover_jobs import build_delta_job, build_go_live_job, build_refresh_job
from migration_assets.orchestration.cutover_sensor import build_cutover_sensor
from migration_assets.orchestration.destination_assets import build_destination_assets
from migration_assets.orchestration.jobs import build_jobs
from migration_assets.orchestration.panda_assets import build_panda_assets
from migration_assets.orchestration.resources import CutoverPace, PlatformResource, WarehouseResource
from migration_assets.orchestration.rollback_jobs import build_rollback_jobs
from migration_assets.orchestration.sensors import build_practice_sensor
from migration_assets.orchestration.staged_assets import build_staged_assets

UPLOADS = tuple(product(destination_names(), ENVIRONMENTS))
"""Environments that have assets, a group each."""


def build_defs(resources: Mapping[str, Any] | None = None) -> Definitions:
    """The definitions; tests give ``resources`` of their own (``platform``) over a temporary folder."""
    with warnings.catch_warnings():
        # Partitioned asset checks are a preview: dagster is pinned to a minor version and a test holds them.
        warnings.simplefilter("ignore", PreviewWarning)
        uploads = [
            asset
            for destination, environment in UPLOADS
            for asset in build_destination_assets(load_mapping(destination), environment)
        ]
        extracted, staged = build_panda_assets(), build_staged_assets()
    changes = [
        build_change_detection(sorted(extracted.keys)),
        build_refresh([asset.key for asset in staged]),
    ]
    refresh_job = build_refresh_job()
    delta_jobs = {destination: build_delta_job(destination) for destination in destination_names()}
    warehouse = WarehouseResource()
    return Definitions(
        assets=[extracted, *staged, *changes, *uploads],
        jobs=[
            *build_jobs([group_name(*upload) for upload in UPLOADS]),
            *(build_approval_job(destination) for destination in dict.fromkeys(name for name, _ in UPLOADS)),
            *(job for upload in UPLOADS for job in build_rollback_jobs(*upload)),
            *(refresh_job, *delta_jobs.values()),
            *(build_go_live_job(destination) for destination in delta_jobs),
        ],
        sensors=[
            build_practice_sensor(),
            *(build_cutover_sensor(name, [refresh_job, delta]) for name, delta in delta_jobs.items()),
        ],
        resources={
            "warehouse": warehouse,
            "platform": PlatformResource(warehouse=warehouse),
            "cutover_pace": CutoverPace(),
            **(resources or {}),
        },
        # A step costs seconds of CPU in the multiprocess executor and nothing in-process; practices run
        # beside each other as runs of their own.
        executor=in_process_executor,
    )


defs = build_defs()
