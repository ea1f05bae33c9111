"""Extraction over the wire: every cell as it stood, one moment for all tables. Faults: its neighbour."""

from __future__ import annotations

import threading
from datetime import date, datetime, time
from decimal import Decimal
from hashlib import md5
from pathlib import Path

import polars as pl
import pyodbc
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from migration_assets.errors import ConfigurationError, SourceError
from migration_assets.panda.connection import connection_string
from migration_assets.panda.extract import extract
from migration_assets.panda.profile import Profile, load_profile
from migration_assets.panda.share import SHARE_FILES_COLUMNS
from migration_assets.warehouse import DuckDBSettings, Warehouse
from migration_assets_tests.panda.conftest import MakeDatabase, MakeSource
from migration_sandbox.practice.generator import generate
from migration_sandbox.practice.schema import ddl

PROFILE = load_profile("default")
OWNER = {"username": "panda_owner", "password": {"env": "SANDBOX_OWNER"}}

ODD = """
CREATE TABLE dbo.Odd (
  ID int NOT NULL PRIMARY KEY, Name nvarchar(40) NULL, Plain varchar(10) NULL, Fixed nchar(4) NULL,
  Notes nvarchar(max) NULL, Cost decimal(12,2) NULL, Big decimal(38,10) NULL, Paid money NULL,
  Grade tinyint NULL, Depth smallint NULL, Number bigint NULL, Yes bit NULL, Ratio float NULL,
  Born date NULL, Seen datetime2(3) NULL, Exact datetime2(6) NULL, Starts time(3) NULL,
  Mark uniqueidentifier NULL, Raw varbinary(16) NULL, Scan varbinary(max) NULL, RowVer rowversion NOT NULL
);
"""
ODD_PROFILE = Profile.model_validate(
    {"name": "odd", "tables": {"Odd": {"name": "Odd", "key": "ID", "columns": ["ID"], "blobs": ["Scan"]}}}
)
ODD_TYPES: dict[str, pl.DataType] = {
    "Name": pl.String(),
    "Notes": pl.String(),
    "Cost": pl.Decimal(12, 2),
    "Big": pl.Decimal(38, 10),
    "Grade": pl.UInt8(),
    "Depth": pl.Int16(),
    "Number": pl.Int64(),
    "Yes": pl.Boolean(),
    "Ratio": pl.Float64(),
    "Born": pl.Date(),
    "Seen": pl.Datetime("us"),
    "Exact": pl.Datetime("us"),
    "Raw": pl.Binary(),
}


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    limit = 10**precision - 1
    return st.integers(-limit, limit).map(lambda n: Decimal(n).scaleb(-scale))


def odd_text(units: int) -> st.SearchStrategy[str]:
    """Any characters, counted in UTF-16 units as nvarchar counts them."""
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=units // 2)


MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_000))
ODD_ROWS = st.fixed_dictionaries(
    {
        "Name": odd_text(40) | st.none(),
        "Notes": odd_text(6000) | st.none(),
        "Cost": decimals(12, 2) | st.none(),
        "Big": decimals(38, 10) | st.none(),
        "Grade": st.integers(0, 255) | st.none(),
        "Depth": st.integers(-(2**15), 2**15 - 1) | st.none(),
        "Number": st.integers(-(2**63), 2**63 - 1) | st.none(),
        "Yes": st.booleans() | st.none(),
        "Ratio": st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False) | st.none(),
        "Born": st.dates(date(1, 1, 1), date(9999, 12, 31)) | st.none(),
        "Seen": MOMENTS.map(lambda m: m.replace(microsecond=m.microsecond // 1000 * 1000)) | st.none(),
        "Exact": MOMENTS | st.none(),
        "Raw": st.binary(max_size=16) | st.none(),
    }
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "maple" / "panda.duckdb", DuckDBSettings(threads=1, lock_timeout_seconds=5))


def table(warehouse: Warehouse, name: str) -> pl.DataFrame:
    with warehouse.open(read_only=True) as session:
        return session.read("panda", name)


@hypothesis_settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=st.lists(ODD_ROWS, min_size=1, max_size=30))
def test_every_cell_arrives_as_it_stood(
    source: MakeSource, database: MakeDatabase, warehouse: Warehouse, rows: list[dict[str, object]]
) -> None:
    given = pl.DataFrame(rows, schema=ODD_TYPES).with_columns(ID=pl.int_range(len(rows), dtype=pl.Int32))
    extract(source(database(ODD, Odd=given)), ODD_PROFILE, warehouse, ["Odd"])
    found = table(warehouse, "Odd").sort("ID").select(given.columns)
    assert found.schema == given.schema
    assert found.equals(given)


def test_the_other_types_arrive_too_and_large_objects_stay(
    source: MakeSource, database: MakeDatabase, warehouse: Warehouse
) -> None:
    rows = pl.DataFrame(
        {
            "ID": [1],
            "Plain": ["café"],
            "Fixed": ["ab"],
            "Paid": pl.Series([Decimal("12.3456")], dtype=pl.Decimal(19, 4)),
            "Starts": [time(8, 30, 15, 250_000)],
            "Mark": ["6F9619FF-8B86-D011-B42D-00C04FC964FF"],
            "Scan": [b"\xff\xd8" * 100],
        }
    )
    extraction = extract(source(database(ODD, Odd=rows)), ODD_PROFILE, warehouse, ["Odd"])
    found = table(warehouse, "Odd")
    assert extraction.tables[0].left_out == ("Scan",)
    assert "Notes" in extraction.tables[0].undeclared_columns
    assert found.row(0, named=True)["Fixed"] == "ab  "
    assert found.select("Plain", "Paid").row(0) == ("café", Decimal("12.3456"))
    assert found["Starts"].item() == time(8, 30, 15, 250_000)
    assert str(found["Mark"].item()).upper() == "6F9619FF-8B86-D011-B42D-00C04FC964FF"
    assert [len(version) for version in found["RowVer"]] == [8]


def test_a_long_text_is_never_cut(source: MakeSource, database: MakeDatabase, warehouse: Warehouse) -> None:
    notes = ["🦷" * 300_000, "", None, "short"]
    rows = pl.DataFrame({"ID": range(4), "Notes": notes})
    extract(source(database(ODD, Odd=rows)), ODD_PROFILE, warehouse, ["Odd"])
    assert table(warehouse, "Odd").sort("ID")["Notes"].to_list() == notes


def test_of_a_large_object_come_its_size_and_its_md5(
    source: MakeSource, database: MakeDatabase, warehouse: Warehouse
) -> None:
    scans = [b"\xff\xd8" * 2_000_000, b"", None]
    rows = pl.DataFrame({"ID": range(3), "Scan": pl.Series(scans, dtype=pl.Binary)})
    extract(source(database(ODD, Odd=rows)), ODD_PROFILE, warehouse, ["Odd"])
    found = table(warehouse, "Odd").sort("ID").select("Scan__bytes", "Scan__md5")
    assert found.schema == {"Scan__bytes": pl.Int64, "Scan__md5": pl.String}
    assert found.rows() == [(len(scan), md5(scan).hexdigest()) for scan in scans[:2] if scan is not None] + [
        (None, None)
    ]


def test_every_file_that_a_path_leads_to_is_looked_at_once(
    source: MakeSource, database: MakeDatabase, warehouse: Warehouse, tmp_path: Path
) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "a.png").write_bytes(b"image")
    paths = ["\\\\PANDA01\\Images\\a.png", "\\\\PANDA01\\Images\\b.png", "\\\\OTHER\\c.png"]
    rows = {"RadiographID": range(5), "PatientID": [1] * 5, "FilePath": [*paths, paths[0], None]}
    name = database(Radiograph=pl.DataFrame({**rows, "ModifiedAt": [datetime(2024, 2, 29)] * 5}))
    folders = {"\\\\PANDA01\\Images": str(tmp_path / "share")}
    read = extract(source(name, file_share=folders), PROFILE, warehouse, ["Radiograph", "Patient"])
    assert dict(read.share_files) == {"read": 1, "file_not_found": 1, "share_not_mapped": 1}
    assert sorted(table(warehouse, "share_files").rows()) == [
        (paths[2], None, None, "share_not_mapped"),
        (paths[0], 5, md5(b"image").hexdigest(), None),
        (paths[1], None, None, "file_not_found"),
    ]
    with pytest.raises(ConfigurationError, match="mount"):
        extract(source(name, file_share={"P:": str(tmp_path / "gone")}), PROFILE, warehouse, ["Radiograph"])
    assert table(warehouse, "share_files").height == 3
    extract(source(name), PROFILE, warehouse, ["Patient"])
    empty = table(warehouse, "share_files")
    assert (empty.height, dict(empty.schema)) == (0, SHARE_FILES_COLUMNS)


def test_a_text_longer_than_its_buffer_is_an_error(source: MakeSource, database: MakeDatabase) -> None:
    name = database(ODD, Odd=pl.DataFrame({"ID": [1], "Notes": ["x" * 100]}))
    with source(name).bulk() as connection:
        batches = connection.batches("SELECT [Notes] FROM [dbo].[Odd]", doing="reading", max_text_size=99)
        with pytest.raises(SourceError) as raised:
            list(batches)
    assert "x" * 10 not in str(raised.value)


def test_a_whole_practice_arrives_and_its_watermarks_are_kept(
    source: MakeSource, database: MakeDatabase, warehouse: Warehouse
) -> None:
    practice = generate(5, 45)
    schema = ddl() + "\nCREATE TABLE dbo.Billing (BillID int NOT NULL PRIMARY KEY);"
    name = database(schema, **practice.tables, Billing=pl.DataFrame({"BillID": [1, 2]}))
    extraction = extract(source(name), PROFILE, warehouse, list(PROFILE.tables))
    for logical, rows in practice.tables.items():
        key = PROFILE.table(logical).key
        columns = [c for c in rows.columns if c in PROFILE.table(logical).columns]
        found = table(warehouse, logical).select(columns).sort(key)
        assert found.equals(rows.select(columns).sort(key).cast(found.schema)), logical
    kept = table(warehouse, "extractions")
    assert kept["batch_id"].unique().to_list() == [extraction.batch_id]
    assert dict(kept.select("logical_table", "rows").iter_rows()) == {
        each.logical: each.rows for each in extraction.tables
    }
    assert kept["isolation"].unique().to_list() == ["SNAPSHOT"]
    newest = table(warehouse, "Patient")["ModifiedAt"].max()
    assert kept.filter(logical_table="Patient")["max_modified_at"].item() == newest
    highest = max(version.hex() for version in table(warehouse, "Patient")["RowVer"])
    assert extraction.min_active_rowversion > highest
    assert table(warehouse, "not_in_scope").rows() == [("dbo.Billing", 2)]


def test_tables_declared_but_not_migrated_are_counted_as_out_of_scope(
    source: MakeSource, database: MakeDatabase, warehouse: Warehouse
) -> None:
    extraction = extract(
        source(database()), PROFILE, warehouse, ["Patient"], in_scope=["Patient", "Provider"]
    )
    assert len(extraction.not_in_scope) == len(PROFILE.tables) - 2


def test_all_tables_are_of_one_moment_while_the_practice_works(
    source: MakeSource, database: MakeDatabase, warehouse: Warehouse
) -> None:
    pairs = "".join(f"CREATE TABLE dbo.{n} (ID int NOT NULL PRIMARY KEY);" for n in ("Lefts", "Rights"))
    both = {name: {"name": name, "key": "ID", "columns": ["ID"]} for name in ("Lefts", "Rights")}
    profile = Profile.model_validate({"name": "pairs", "tables": both})
    reader = source(database(pairs, Lefts=pl.DataFrame({"ID": range(-50_000, 0)})))
    writer = source(reader.settings.database, **OWNER)
    stop, written = threading.Event(), 0

    def keep_writing() -> None:
        nonlocal written
        connection = pyodbc.connect(connection_string(writer.settings), autocommit=False)
        while not stop.is_set():
            connection.execute("INSERT INTO dbo.Lefts (ID) VALUES (?)", written)
            connection.execute("INSERT INTO dbo.Rights (ID) VALUES (?)", written)
            connection.commit()
            written += 1
        connection.close()

    thread = threading.Thread(target=keep_writing)
    thread.start()
    try:
        for _ in range(3):
            extract(reader, profile, warehouse, ["Lefts", "Rights"])
            lefts, rights = table(warehouse, "Lefts"), table(warehouse, "Rights")
            assert lefts.filter(pl.col("ID") >= 0).sort("ID").equals(rights.sort("ID"))
    finally:
        stop.set()
        thread.join()
    assert written > rights.height
