"""Small staged frames, typed by the objects' own models."""

from __future__ import annotations

from typing import Any

import polars as pl

from migration_assets.objects.registry import STAGED_OBJECTS

STAGED_MODELS = {each.name: each.model for each in STAGED_OBJECTS}


def rows(table: str, *given: dict[str, Any]) -> pl.DataFrame:
    """Rows of ``staged.<table>`` with the columns that matter; the others are null."""
    columns = STAGED_MODELS[table].to_schema().columns
    schema = {name: column.dtype.type for name, column in columns.items()}
    return pl.DataFrame([dict.fromkeys(schema) | row for row in given], schema=schema)


def practice() -> pl.DataFrame:
    """The practice's own pseudo-table."""
    return pl.DataFrame({"source_id": ["maple"], "name": ["Maple Periodontics"]})
