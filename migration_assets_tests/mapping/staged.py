"""Small staged frames, typed by the objects' own models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from migration_assets.mapping.spec import OWNERS_TABLE, PRACTICE_TABLE, ObjectSpec
from migration_assets.objects.registry import MAPPED_OBJECTS

STAGED_MODELS = {each.name: each.model for each in MAPPED_OBJECTS}


def rows(table: str, *given: dict[str, Any]) -> pl.DataFrame:
    """Rows of ``staged.<table>`` with the columns that matter; the others are null."""
    if table == OWNERS_TABLE:
        return pl.DataFrame(given, schema={"provider_id": pl.String, "user_id": pl.String}, orient="row")
    columns = STAGED_MODELS[table].to_schema().columns
    schema = {name: column.dtype.type for name, column in columns.items()}
    return pl.DataFrame([dict.fromkeys(schema) | row for row in given], schema=schema)


def complete(spec: ObjectSpec, given: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """All that ``apply`` needs for the spec: what isn't given has no rows."""
    missing = [table for table in spec.staged_tables if table not in given and table != PRACTICE_TABLE]
    return {**{table: rows(table) for table in missing}, **given}


def practice() -> pl.DataFrame:
    """The practice's own pseudo-table."""
    told = {"source_id": "maple", "name": "Maple Periodontics", "time_zone": "America/New_York"}
    return pl.DataFrame([told])
