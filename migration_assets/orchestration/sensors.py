"""Sensors that keep Dagster's view of the practices up to date. None of them starts an upload."""

from collections.abc import Mapping

from dagster import DefaultSensorStatus, SensorDefinition, SensorEvaluationContext, SensorResult, sensor

from migration_assets.orchestration.partitions import PRACTICES
from migration_assets.orchestration.resources import PlatformResource

_INTERVAL_SECONDS = 30


def build_practice_sensor() -> SensorDefinition:
    @sensor(
        name="practices",
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description=(
            "Adds a partition for each valid file in data/practices. A practice whose file is gone keeps its "
            "partition as long as it has a ledger; an invalid file changes nothing and is reported here."
        ),
    )
    def practices(context: SensorEvaluationContext, platform: PlatformResource) -> SensorResult:
        installation = platform.platform()
        folder = installation.registry.directory
        if not folder.is_dir():
            # Not the same as an empty one: a disk that isn't mounted must not take the practices away.
            return SensorResult(skip_reason=f"{folder} isn't there, so nothing was changed; make or mount it")
        scan = installation.registry.scan()
        present = set(PRACTICES.get_partition_keys(dynamic_partitions_store=context.instance))
        named = {name.rpartition(".")[0] for name in scan.problems}
        gone = present - scan.practices.keys() - named
        archived = sorted(key for key in gone if installation.has_ledger(key))
        added = sorted(scan.practices.keys() - present)
        removed = sorted(gone - set(archived))
        for name, problem in scan.problems.items():
            context.log.warning(f"{name} is not used: {problem}")
        return SensorResult(
            dynamic_partitions_requests=[
                request
                for request in (
                    PRACTICES.build_add_request(added) if added else None,
                    PRACTICES.build_delete_request(removed) if removed else None,
                )
                if request is not None
            ],
            skip_reason=_summary(added, removed, archived, scan.problems),
        )

    return practices


def _summary(added: list[str], removed: list[str], archived: list[str], problems: Mapping[str, str]) -> str:
    parts = [
        f"{what}: {', '.join(keys)}"
        for what, keys in (("added", added), ("removed", removed), ("archived (ledger kept)", archived))
        if keys
    ]
    parts.extend(problems.values())
    return "; ".join(parts) or "no practice file has changed"
