"""What a client learns of the database: catalog views, the driver's catalog calls, permissions, versions."""

from __future__ import annotations

from collections.abc import Iterator

import pyodbc
import pytest

from migration_assets_tests.sandbox.sqlserver_fixtures import (  # noqa: F401
    Practice,
    make_practice,
    maple,
    sandbox,
)


@pytest.fixture(scope="module")
def cursor(maple: Practice) -> Iterator[pyodbc.Cursor]:  # noqa: F811
    connection = maple.reader()
    yield connection.cursor()
    connection.close()


def test_the_driver_finds_tables_columns_keys_and_indexes(cursor: pyodbc.Cursor) -> None:
    assert [row.table_name for row in cursor.tables(tableType="TABLE").fetchall()] == [
        "Document",
        "Exam",
        "Kinds",
        "Patient",
    ]
    columns = [
        (row.column_name, row.type_name, row.column_size, row.nullable)
        for row in cursor.columns("Exam").fetchall()
    ]
    assert columns == [
        ("ExamID", "int", 10, 0),
        ("PatientID", "int", 10, 0),
        ("Depth", "tinyint", 3, 1),
        ("Notes", "nvarchar", 0, 1),
        ("RowVer", "timestamp", 8, 0),
    ]
    assert [row.column_name for row in cursor.primaryKeys("Exam").fetchall()] == ["ExamID"]
    assert [row.fkcolumn_name for row in cursor.foreignKeys(table="Patient").fetchall()] == ["PatientID"]
    indexes = {row.index_name for row in cursor.statistics("Exam").fetchall() if row.index_name}
    assert "IX_Exam_Patient" in indexes
    assert {row.type_name for row in cursor.getTypeInfo().fetchall()} >= {
        "int",
        "nvarchar",
        "datetime2",
        "varbinary",
    }


def test_the_sys_views_join_as_on_sql_server(cursor: pyodbc.Cursor) -> None:
    rows = cursor.execute("""
        SELECT t.name, c.name, y.name, c.max_length, c.is_nullable
        FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id
        JOIN sys.columns c ON c.object_id = t.object_id JOIN sys.types y ON y.user_type_id = c.user_type_id
        WHERE s.name = N'dbo' AND t.name = N'patient' ORDER BY c.column_id""").fetchall()
    assert [tuple(row) for row in rows[:3]] == [
        ("Patient", "PatientID", "int", 4, False),
        ("Patient", "LastName", "nvarchar", 40, True),
        ("Patient", "Code", "varchar", 10, True),
    ]
    counts = cursor.execute("""
        SELECT t.name, SUM(p.rows) FROM sys.tables t JOIN sys.partitions p ON p.object_id = t.object_id
        WHERE p.index_id IN (0, 1) GROUP BY t.name ORDER BY t.name""").fetchall()
    assert dict(map(tuple, counts)) == {"Document": 0, "Exam": 2, "Kinds": 0, "Patient": 3}
    key = cursor.execute("""
        SELECT c.name FROM sys.key_constraints k JOIN sys.index_columns i
        ON i.object_id = k.parent_object_id AND i.index_id = k.unique_index_id
        JOIN sys.columns c ON c.object_id = i.object_id AND c.column_id = i.column_id
        WHERE k.type = 'PK' AND k.parent_object_id = OBJECT_ID('dbo.Patient')""").fetchval()
    assert key == "PatientID"


def test_what_a_reflecting_client_asks_of_columns_is_told(cursor: pyodbc.Cursor) -> None:
    found = cursor.execute("""
        SELECT c.name, d.definition, i.is_identity, m.definition, CAST(e.value AS nvarchar(max))
        FROM sys.columns c
        LEFT JOIN sys.default_constraints d
        ON d.object_id = c.default_object_id AND d.parent_column_id = c.column_id
        LEFT JOIN sys.identity_columns i ON i.object_id = c.object_id AND i.column_id = c.column_id
        LEFT JOIN sys.computed_columns m ON m.object_id = c.object_id AND m.column_id = c.column_id
        LEFT JOIN sys.extended_properties e ON e.major_id = c.object_id AND e.minor_id = c.column_id
        WHERE c.object_id = OBJECT_ID('dbo.Patient') ORDER BY c.column_id""").fetchall()
    defaults = {name: definition for name, definition, *_ in found if definition}
    assert defaults == {"Inactive": "(0)", "ModifiedAt": "(SYSDATETIME())"}
    assert {tuple(rest) for _, _, *rest in found} == {(None, None, None)}


def test_the_database_says_what_it_allows(cursor: pyodbc.Cursor) -> None:
    row = cursor.execute(
        "SELECT name, snapshot_isolation_state, snapshot_isolation_state_desc, is_read_committed_snapshot_on "
        "FROM sys.databases WHERE name = DB_NAME()"
    ).fetchone()
    assert row is not None
    assert tuple(row)[1:] == (1, "ON", True)
    assert cursor.execute("SELECT COUNT(*) FROM sys.change_tracking_tables").fetchval() == 0
    assert (
        cursor.execute("SELECT SUM(CAST(size AS bigint)) FROM sys.database_files WHERE type = 0").fetchval()
        >= 1024
    )
    assert cursor.execute("SELECT SERVERPROPERTY('EngineEdition')").fetchval() == 4
    assert "sandbox" in cursor.execute("SELECT @@VERSION").fetchval()


PERMISSIONS = [
    ("HAS_PERMS_BY_NAME(N'[dbo].[Patient]', N'OBJECT', N'SELECT')", 1, 1),
    ("HAS_PERMS_BY_NAME(N'[dbo].[Patient]', N'OBJECT', N'INSERT')", 0, 1),
    ("HAS_PERMS_BY_NAME(N'[dbo].[Nowhere]', N'OBJECT', N'INSERT')", None, None),
    ("HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE TABLE')", 0, 1),
    ("HAS_PERMS_BY_NAME(NULL, NULL, N'CONTROL SERVER')", 0, 0),
    ("IS_SRVROLEMEMBER(N'sysadmin')", 0, 0),
    ("IS_ROLEMEMBER(N'db_owner')", 0, 1),
    ("IS_MEMBER(N'db_datareader')", 1, 0),
    ("IS_MEMBER(N'nonsense')", None, None),
]


@pytest.mark.parametrize(("question", "reader", "owner"), PERMISSIONS)
def test_permissions_are_true_to_the_login(
    maple: Practice,  # noqa: F811
    cursor: pyodbc.Cursor,
    question: str,
    reader: int | None,
    owner: int | None,
) -> None:
    assert cursor.execute(f"SELECT {question}").fetchval() == reader
    connection = maple.owner()
    assert connection.execute(f"SELECT {question}").fetchval() == owner
    connection.close()


def test_fn_my_permissions_lists_what_the_reader_has(cursor: pyodbc.Cursor) -> None:
    database = cursor.execute("SELECT permission_name FROM fn_my_permissions(NULL, 'DATABASE')").fetchall()
    assert {row[0] for row in database} >= {"CONNECT", "SELECT"}
    assert not {row[0] for row in database} & {"INSERT", "CREATE TABLE"}
    table = cursor.execute("SELECT * FROM fn_my_permissions(N'dbo.Patient', 'OBJECT')").fetchall()
    assert {row.permission_name for row in table} == {"SELECT"}
