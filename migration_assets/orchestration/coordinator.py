"""A run coordinator that knows which single-writer locks a run needs.

Every run, whether from a job, the asset graph, a backfill or a sensor, gets a tag for each lock (one key
a writer, the practice in the value) from its assets and its partition, or, where its job has no assets, from
the tag WRITES_TAG and its partition; the queue starts only one run for
each value. So two runs never wait for one DuckDB file, and practices don't wait for each other. The
file's own lock is the backstop.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import product, starmap
from typing import Any

from dagster import AssetKey, DagsterRun
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._serdes import ConfigurableClassData

from migration_assets.destinations.kind import destination_names
from migration_assets.orchestration.common import ENVIRONMENTS, group_name

LOCK_TAG_PREFIX = "migration/"
PANDA_LOCK = LOCK_TAG_PREFIX + "panda"
CPU_TAG = "migration/cpu_bound"
WRITES_TAG = "migration/writes"
"""On a job of ops: the group whose file and ledger it writes."""
_PANDA_GROUPS = frozenset({"panda", "staged"})
_WRITERS = ("panda", *starmap(group_name, product(destination_names(), ENVIRONMENTS)))


def locks(asset_keys: Iterable[AssetKey], practice: str) -> dict[str, str]:
    """Tags for the files that these assets write: one a file, named by its writer, with the practice.

    ``panda/*`` and ``staged/*`` share panda.duckdb, each environment of a destination has its own file.
    """
    tags: dict[str, str] = {}
    for key in asset_keys:
        group = key.path[0]
        if group in _PANDA_GROUPS:
            tags[PANDA_LOCK] = practice
            tags[CPU_TAG] = "yes"
        else:
            tags[LOCK_TAG_PREFIX + group] = practice
    return tags


def job_locks(tags: Mapping[str, str], practice: str) -> dict[str, str]:
    """Tags for the file that a job without assets writes, as its own tags say."""
    group = tags.get(WRITES_TAG)
    return {} if group is None else {LOCK_TAG_PREFIX + group: practice}


class PracticeRunCoordinator(QueuedRunCoordinator):
    """QueuedRunCoordinator whose limits come from this file: one run a lock, CPU-bound runs a core each."""

    def __init__(
        self,
        tag_concurrency_limits: Sequence[Mapping[str, Any]] | None = None,
        inst_data: ConfigurableClassData | None = None,
        **settings: Any,
    ) -> None:
        one_each = {"applyLimitPerUniqueValue": True}
        limits = [{"key": LOCK_TAG_PREFIX + name, "value": one_each, "limit": 1} for name in _WRITERS]
        limits.append({"key": CPU_TAG, "value": "yes", "limit": os.cpu_count() or 1})
        super().__init__(
            tag_concurrency_limits=[*limits, *(tag_concurrency_limits or ())], inst_data=inst_data, **settings
        )

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        run = context.dagster_run
        practice = run.tags.get(PARTITION_NAME_TAG)
        if practice is None:
            return super().submit_run(context)
        tags = locks(_asset_keys(context), practice) | job_locks(run.tags, practice)
        if tags:
            self._instance.add_run_tags(run.run_id, tags)
        return super().submit_run(context)


def _asset_keys(context: SubmitRunContext) -> Iterable[AssetKey]:
    """The run's own selection, or every asset of its job where it has none."""
    run = context.dagster_run
    if run.asset_selection is not None:
        return run.asset_selection
    origin = run.remote_job_origin
    if origin is None:
        return ()
    location = context.workspace.get_code_location(origin.location_name)
    repository = location.get_repository(origin.repository_origin.repository_name)
    return [node.asset_key for node in repository.get_asset_node_snaps(run.job_name)]
