"""The field inventory: every field that the migration fills, where its value comes from and how.

One row a field and source, as a frame; how people get to see it is the reports' affair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from migration_assets.destinations.base import FieldSchema
from migration_assets.mapping.apply import source_table
from migration_assets.mapping.chart_layout import ChartLayout
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
    "source_column": pl.String(),
    "staged_table": pl.String(),
    "staged_column": pl.String(),
    "transform": pl.String(),
    "mission_name": pl.String(),
    "help_text": pl.String(),
}
"""``length`` in characters, ``precision`` and ``scale`` in digits. ``source_table`` and ``source_column`` are
the source's logical names, ``staged_column`` the column that was mapped; both columns are null where no
column is. ``mission_name`` is the field's name in the mission's own list, where it has one."""

SourceColumns = Mapping[str, Mapping[str, str]]
"""Staged table -> staged column -> logical source column."""


def inventory(mapping: MappingSet, layout: ChartLayout | None, source_columns: SourceColumns) -> pl.DataFrame:
    """INVENTORY_COLUMNS of all objects in loading order, fields in the payload's order.

    ``layout`` adds the chart's fields to the objects that share it, and leaves out companions without any.
    ``source_columns`` are the objects' own lists; a column that they don't know (those of the practice
    itself) keeps its staged name.
    """
    rows = [
        row for spec in mapping if spec.is_used(layout) for row in (*_declared(spec), *_charted(spec, layout))
    ]
    for row in rows:
        column = row["staged_column"]
        row["source_column"] = source_columns.get(row["staged_table"], {}).get(column, column)
    return pl.DataFrame(rows, schema=INVENTORY_COLUMNS)


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
            yield _row(
                spec,
                field,
                staged=source.staged,
                column=column,
                transform=transform,
                mission_name=spec.mission_names.get(field.name),
            )


def _charted(spec: ObjectSpec, layout: ChartLayout | None) -> Iterator[dict[str, Any]]:
    if spec.chart is None or layout is None:
        return
    schema = spec.schema_with(layout)
    for column in spec.chart_columns(layout):
        # The mission names chart fields by this very pattern: PocketDepth_MB_UR6__c, Recession_DB__c.
        yield _row(
            spec,
            schema.field(column.field),
            staged=spec.chart.declaration.staged,
            column=column.column,
            transform="copy" if column.slot is None else f"tooth {column.slot}",
            mission_name=column.field,
        )


def _row(
    spec: ObjectSpec,
    field: FieldSchema,
    *,
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
        "staged_column": column,
        "transform": transform,
        "mission_name": mission_name,
        "help_text": field.help_text,
    }
