"""The field inventory: every field that the migration fills, where its value comes from and how.

One row a field and source, as a frame; how people get to see it is the reports' affair.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from migration_assets.destinations.base import FieldSchema
from migration_assets.mapping.apply import source_table
from migration_assets.mapping.chart_layout import ChartLayout, fields
from migration_assets.mapping.spec import MappingSet, ObjectSpec

INVENTORY_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "field": pl.String(),
    "label": pl.String(),
    "type": pl.String(),
    "length": pl.Int32(),
    "precision": pl.Int32(),
    "scale": pl.Int32(),
    "required": pl.Boolean(),
    "custom": pl.Boolean(),
    "source_table": pl.String(),
    "staged_table": pl.String(),
    "source_column": pl.String(),
    "transform": pl.String(),
    "mission_name": pl.String(),
    "help_text": pl.String(),
}
"""``length`` in characters, ``precision`` and ``scale`` in digits; ``source_column`` is the staged column
(null for a constant); ``mission_name`` the field's name in the mission's own list, where it has one."""


def inventory(mapping: MappingSet, layout: ChartLayout | None) -> pl.DataFrame:
    """INVENTORY_COLUMNS of all objects in loading order, fields in the payload's order.

    ``layout`` adds the wide fields to the object that carries the chart.
    """
    rows = [row for spec in mapping for row in (*_declared(spec), *_charted(spec, layout))]
    return pl.DataFrame(rows, schema=INVENTORY_COLUMNS, orient="row")


def _declared(spec: ObjectSpec) -> Iterator[dict[str, Any]]:
    for field in spec.schema.fields:
        for source in spec.sources:
            if field.name == spec.schema.key_field:
                column: str | None = "source_id"
                transform = f"key {source.key_space}"
            elif field.name in source.rules:
                rule = source.rules[field.name]
                column, transform = rule.column, rule.transform
            else:
                continue
            yield _row(spec, field, source.staged, column, transform, spec.mission_names.get(field.name))


def _charted(spec: ObjectSpec, layout: ChartLayout | None) -> Iterator[dict[str, Any]]:
    if spec.chart is None or layout is None:
        return
    for field, wide in zip(fields(layout), layout.columns, strict=True):
        # The mission names chart fields by this very pattern: PocketDepth_MB_UR6__c.
        yield _row(spec, field, spec.chart.staged, wide.column, f"tooth {wide.slot}", field.name)


def _row(
    spec: ObjectSpec,
    field: FieldSchema,
    staged: str,
    column: str | None,
    transform: str,
    mission_name: str | None,
) -> dict[str, Any]:
    return {
        "object": spec.name,
        "field": field.name,
        "label": field.label,
        "type": field.type.value,
        "length": field.length,
        "precision": field.precision,
        "scale": field.scale,
        "required": field.required,
        "custom": field.custom,
        "source_table": source_table(staged),
        "staged_table": staged,
        "source_column": column,
        "transform": transform,
        "mission_name": mission_name,
        "help_text": field.help_text,
    }
