"""The one dimension: a partition for each practice, added by the practice sensor and never removed by it."""

from __future__ import annotations

from dagster import DynamicPartitionsDefinition

PRACTICES = DynamicPartitionsDefinition(name="practice")
