"""Lists of rejects and corrections as staging leaves them, and differences in a form that tests can read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from migration_assets.migration.meaning import load_meanings
from migration_assets.migration.transport import Comparison
from migration_assets.panda.profile import load_profile

MEANINGS = load_meanings("salesforce")
KEY = "PANDA_Key__c"
DEFAULT = load_profile("default")
PROVIDER: dict[str, Any] = {
    "ProviderID": 5,
    "FirstName": " Vera ",
    "LastName": "Vale",
    "Credentials": "M.S., dds; Board Certified",
    "Specialty": "Perio",
    "Role": "periodontist",
    "NPI": "1234567893",
    "Email": "vale@example.org",
    "Phone": "555-0200",
    "PracticeName": None,
    "IsReferring": False,
    "Active": False,
    "CreatedAt": datetime(2018, 7, 1, 9, 30),
}
PROVIDER_TYPES: dict[str, pl.DataType] = dict.fromkeys(PROVIDER, pl.String()) | {
    "ProviderID": pl.Int32(),
    "IsReferring": pl.Boolean(),
    "Active": pl.Boolean(),
    "CreatedAt": pl.Datetime("us"),
}


def listed(columns: Mapping[str, pl.DataType], *rows: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame([dict.fromkeys(columns) | row for row in rows], schema=dict(columns))


def correction(column: str, code: str, table: str = "Patient", key: str = "7") -> dict[str, str]:
    return {"source_table": table, "source_key": key, "column": column, "code": code}


def found(comparison: Comparison) -> list[tuple[str, str, str]]:
    return sorted(comparison.differences.select("key", "field", "code").rows())
