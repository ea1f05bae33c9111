"""How a table is read, planned from its catalog entry: columns, T-SQL and the size of buffers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from migration_assets.errors import SourceColumnMissing, SourceTableMissing
from migration_assets.panda.catalog import Catalog, SourceColumn, SourceTable
from migration_assets.panda.connection import BATCH_BYTES
from migration_assets.panda.profile import TableProfile, load_profile
from migration_assets.panda.reading import measure, plan_reading

DOCUMENT = SourceTable(
    "dbo",
    "Doc]s",
    is_view=False,
    columns=(
        SourceColumn("ID", "int", None),
        SourceColumn("Name", "nvarchar", 255),
        SourceColumn("Notes", "nvarchar", -1),
        SourceColumn("Legacy", "text", 2**31 - 1),
        SourceColumn("Code", "varchar", -1),
        SourceColumn("Content", "varbinary", -1),
        SourceColumn("Thumbnail", "image", 2**31 - 1),
        SourceColumn("Place", "geography", -1),
        SourceColumn("RowVer", "timestamp", None),
        SourceColumn("ModifiedAt", "datetime2", None),
    ),
)
PROFILE = TableProfile.model_validate(
    {
        "name": "Doc]s",
        "key": "ID",
        "modified_at": "ModifiedAt",
        "columns": ["ID", "Name", "ModifiedAt", "RowVer"],
        "blobs": ["Content"],
    }
)


def test_undeclared_columns_come_along_and_large_objects_do_not() -> None:
    reading = plan_reading(DOCUMENT, PROFILE)
    assert reading.undeclared == ("Notes", "Legacy", "Code")
    assert reading.left_out == ("Content", "Thumbnail", "Place")
    assert reading.query == (
        "SELECT [ID] AS [ID], [Name] AS [Name], [Notes] AS [Notes], "
        "CAST([Legacy] AS nvarchar(max)) AS [Legacy], [Code] AS [Code], [RowVer] AS [RowVer], "
        "[ModifiedAt] AS [ModifiedAt] FROM [dbo].[Doc]]s]"
    )


def test_buffers_hold_the_longest_value_and_never_less_than_a_declared_length() -> None:
    asked: list[str] = []

    def answer(query: str) -> list[tuple[Any, ...]]:
        asked.append(query)
        return [(3, datetime(2026, 1, 2), 200_000, None, 9)]

    found = measure(answer, plan_reading(DOCUMENT, PROFILE))
    assert asked[0].startswith(
        "SELECT COUNT_BIG(*) AS n, MAX([ModifiedAt]) AS latest, MAX(DATALENGTH([Notes]))"
    )
    assert (found.rows, found.max_modified_at, found.max_text_size) == (3, datetime(2026, 1, 2), 100_000)
    assert found.max_bytes_per_batch == BATCH_BYTES


def test_an_empty_table_still_has_room_for_its_declared_lengths() -> None:
    found = measure(lambda _: [(0, None, None, None, None)], plan_reading(DOCUMENT, PROFILE))
    assert (found.rows, found.max_text_size, found.max_modified_at) == (0, 255, None)


def test_a_batch_has_room_for_one_row_of_giant_texts() -> None:
    found = measure(lambda _: [(1, None, 2**28, None, None)], plan_reading(DOCUMENT, PROFILE))
    assert found.max_bytes_per_batch > 2**28


def test_all_missing_tables_and_columns_are_named_with_the_profiles_keys() -> None:
    profile = load_profile("default")
    provider = profile.table("Provider")
    columns = [c for c in provider.columns if c not in ("NPI", "Email")]
    found = SourceTable(
        "dbo", "PROVIDER", False, tuple(SourceColumn(c, "int", None) for c in [*columns, "npi"])
    )
    catalog = Catalog({"dbo.provider": found}, snapshot_allowed=True, change_tracking_on=False)
    with pytest.raises(SourceTableMissing) as no_table:
        catalog.fitting(profile, ["Provider", "Patient", "Letter"])
    assert "dbo.Patient (tables.Patient.name); dbo.Letter (tables.Letter.name)" in str(no_table.value)
    with pytest.raises(SourceColumnMissing) as no_column:
        catalog.fitting(profile, ["Provider"])
    assert "dbo.Provider.NPI, which it spells npi (tables.Provider.columns.NPI)" in str(no_column.value)
    assert "dbo.Provider.Email (tables.Provider.columns.Email)" in str(no_column.value)
