"""How a table is read, planned from its catalog entry: columns, T-SQL and the size of buffers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from migration_assets.errors import SourceColumnMissing, SourceTableMissing
from migration_assets.panda.catalog import Catalog, SourceColumn, SourceTable
from migration_assets.panda.connection import BATCH_BYTES, BATCH_ROWS
from migration_assets.panda.profile import TableProfile, load_profile
from migration_assets.panda.reading import as_binary, measure, plan_reading

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
        "[ModifiedAt] AS [ModifiedAt], CAST(DATALENGTH([Content]) AS bigint) AS [Content__bytes], "
        "LOWER(CONVERT(varchar(32), HASHBYTES('MD5', [Content]), 2)) AS [Content__md5] FROM [dbo].[Doc]]s]"
    )


def test_only_a_table_with_declared_large_objects_is_read_in_smaller_batches() -> None:
    without = PROFILE.model_copy(update={"blobs": {}})
    reading = plan_reading(DOCUMENT, without)
    assert "__" not in reading.query
    assert reading.batch_rows == BATCH_ROWS > plan_reading(DOCUMENT, PROFILE).batch_rows


@pytest.mark.parametrize(
    ("kind", "bytes_of_it"),
    [
        ("varbinary", "[Content]"),
        ("image", "CAST([Content] AS varbinary(max))"),
        ("nvarchar", "CAST([Content] AS varbinary(max))"),
        ("ntext", "CAST(CAST([Content] AS nvarchar(max)) AS varbinary(max))"),
    ],
)
def test_the_server_hashes_and_cuts_only_what_it_can_as_binary(kind: str, bytes_of_it: str) -> None:
    assert as_binary(SourceColumn("Content", kind, -1)) == bytes_of_it


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


def test_there_is_room_for_an_md5_where_no_text_is_as_long() -> None:
    table = SourceTable("dbo", "Scan", False, (SourceColumn("ID", "int", None), DOCUMENT.columns[5]))
    profile = TableProfile.model_validate(
        {"name": "Scan", "key": "ID", "columns": ["ID"], "blobs": ["Content"]}
    )
    assert measure(lambda _: [(1,)], plan_reading(table, profile)).max_text_size == 32


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
