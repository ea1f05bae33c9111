"""Small things that all asset factories share: owners, names, tables as metadata."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dagster import MetadataValue, TableColumn, TableRecord, TableSchema

from migration_assets.migration.gate import LIVE, REHEARSAL

OWNERS = ["team:data-engineering"]


ENVIRONMENTS = (REHEARSAL, LIVE)


def group_name(destination: str, environment: str) -> str:
    """``salesforce`` for live, ``salesforce_rehearsal`` otherwise: a rehearsal never turns live green."""
    return destination if environment == LIVE else f"{destination}_{environment}"


def snake_case(name: str) -> str:
    """``PeriodontalCharting`` -> ``periodontal_charting``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def counts_table(counts: Mapping[str, int], what: str = "code", unit: str = "rows") -> MetadataValue:
    """A two-column table of names and counts."""
    return rows_table(
        [{what: name, unit: count} for name, count in counts.items()], {what: "string", unit: "int"}
    )


def rows_table(rows: Sequence[Mapping[str, str | int | float]], columns: Mapping[str, str]) -> MetadataValue:
    schema = TableSchema([TableColumn(name, kind) for name, kind in columns.items()])
    return MetadataValue.table([TableRecord(dict(row)) for row in rows], schema)
