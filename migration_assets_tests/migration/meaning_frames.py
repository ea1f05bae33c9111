"""Lists of rejects and corrections as staging leaves them, and differences in a form that tests can read."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from migration_assets.migration.meaning import load_meanings
from migration_assets.migration.transport import Comparison
from migration_assets.panda.profile import load_profile

MEANINGS = load_meanings("salesforce")
KEY = "PANDA_Key__c"
DEFAULT = load_profile("default")


def listed(columns: Mapping[str, pl.DataType], *rows: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame([dict.fromkeys(columns) | row for row in rows], schema=dict(columns))


def correction(column: str, code: str, table: str = "Patient", key: str = "7") -> dict[str, str]:
    return {"source_table": table, "source_key": key, "column": column, "code": code}


def found(comparison: Comparison) -> list[tuple[str, str, str]]:
    return sorted(comparison.differences.select("key", "field", "code").rows())
