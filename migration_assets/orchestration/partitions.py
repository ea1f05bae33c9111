"""The one dimension: a partition for each practice, added by the practice sensor and never removed by it."""

from __future__ import annotations

from collections.abc import Sequence

from dagster import DagsterInstance, DynamicPartitionsDefinition

PRACTICES = DynamicPartitionsDefinition(name="practice")


def register_practices(keys: Sequence[str]) -> list[str]:
    """Add these partitions to the instance of DAGSTER_HOME; returns those that weren't there."""
    with DagsterInstance.get() as instance:
        present = set(PRACTICES.get_partition_keys(dynamic_partitions_store=instance))
        added = [key for key in keys if key not in present]
        if added:
            instance.add_dynamic_partitions(str(PRACTICES.name), added)
        return added
