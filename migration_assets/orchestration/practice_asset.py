"""What every asset of one practice at a time has in common: its partition, its group, its owners, and checks
that know the practice they were evaluated for. Assets that share one function have their own decorator."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dagster import AssetCheckSpec, AssetKey, AssetsDefinition, asset

from migration_assets.orchestration.common import OWNERS
from migration_assets.orchestration.partitions import PRACTICES


def practice_asset(
    key: AssetKey,
    *,
    kinds: set[str],
    description: str,
    deps: Iterable[AssetKey] = (),
    checks: Mapping[str, str] | None = None,
    pool: str | None = None,
    may_pass: bool = False,
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """A decorator as ``dagster.asset``; the group is the key's first part, ``checks`` is name -> what it says
    when it passes. One that ``may_pass`` may yield nothing, and then what hangs on it is skipped."""
    return asset(
        key=key,
        group_name=key.path[0],
        kinds=kinds,
        owners=OWNERS,
        partitions_def=PRACTICES,
        pool=pool,
        output_required=not may_pass,
        deps=list(deps),
        description=description,
        check_specs=[
            AssetCheckSpec(name, asset=key, partitions_def=PRACTICES, description=says)
            for name, says in (checks or {}).items()
        ],
    )
