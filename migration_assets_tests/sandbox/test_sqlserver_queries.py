"""T-SQL through Microsoft's driver: answers as SQL Server gives them, or refusals."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator
from decimal import Decimal

import pyodbc
import pytest

from migration_assets_tests.sandbox.sqlserver_fixtures import (  # noqa: F401
    MOMENT,
    Practice,
    error_of,
    make_practice,
    maple,
    practice,
    sandbox,
)


@pytest.fixture(scope="module")
def cursor(maple: Practice) -> Iterator[pyodbc.Cursor]:  # noqa: F811
    connection = maple.reader()
    yield connection.cursor()
    connection.close()


FAITHFUL = [
    ("SELECT 5 / 2, -7 / 2, -7 % 3, 5 / 2e0", (2, -3, -1, 2.5)),
    ("SELECT 1.10 + 2, 1.5 * 1.5", (Decimal("3.10"), Decimal("2.25"))),
    ("SELECT N'a' + NULL, 'a' + 'b', CONCAT('a', NULL, 'b')", (None, "ab", "ab")),
    ("SELECT CONVERT(varchar(3), 'abcdef'), CAST(12345 AS varchar(3))", ("abc", "*")),
    (
        "SELECT CAST(1.999 AS int), CAST(-1.999 AS int), CAST(1.005 AS decimal(5,2))",
        (1, -1, Decimal("1.01")),
    ),
    ("SELECT CONVERT(varchar(10), CAST('2024-02-29' AS date), 112)", ("20240229",)),
    (
        "SELECT CONVERT(varchar(30), ModifiedAt, 121) FROM Patient WHERE PatientID = 1",
        ("2024-02-29 13:45:59.123",),
    ),
    ("SELECT DATALENGTH(N'aé😀'), DATALENGTH('aé'), LEN(N'ab  '), DATALENGTH(N'ab  ')", (8, 2, 2, 8)),
    (
        "SELECT SUBSTRING('hello', 2, 3), SUBSTRING('hello', 0, 3), SUBSTRING(0x0102030405, 2, 2)",
        ("ell", "he", b"\2\3"),
    ),
    (
        "SELECT ISNULL(CAST(NULL AS varchar(2)), 'abcd'), COALESCE(NULL, 2, 3.5), NULLIF('a', 'A')",
        ("ab", Decimal("2.0"), None),
    ),
    (
        "SELECT DATEDIFF(day, '2024-02-28T23:59:59', '2024-03-01'), "
        "DATEADD(month, 1, CAST('2024-01-31' AS date))",
        (2, datetime.date(2024, 2, 29)),
    ),
    ("SELECT COUNT(*) FROM Patient WHERE LastName = N'O''NEIL  '", (1,)),
    ("SELECT COUNT(*) FROM Patient WHERE LastName LIKE N'%STR_M'", (1,)),
    ("SELECT COUNT(*) FROM Patient WHERE LastName LIKE N'[a-z]''%'", (1,)),
    ("SELECT COUNT(DISTINCT Code) FROM Patient", (2,)),
    (
        "SELECT MIN(Balance), MAX(Balance), SUM(Balance), COUNT(Balance), COUNT_BIG(*) FROM Patient",
        (Decimal("-3.25"), Decimal("10.50"), Decimal("7.25"), 2, 3),
    ),
    ("SELECT AVG(Depth), SUM(Depth) FROM Exam", (3, 7)),
    ("SELECT MAX(DATALENGTH(Notes)), MAX(LEN(Notes)) FROM Exam", (8, 4)),
    (
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM Exam e WHERE e.PatientID = p.PatientID) THEN 'y' "
        "ELSE 'n' END FROM Patient p WHERE p.PatientID = 2",
        ("n",),
    ),
    (
        "WITH e AS (SELECT PatientID, COUNT(*) AS n FROM Exam GROUP BY PatientID) "
        "SELECT p.PatientID, e.n FROM Patient p JOIN e ON e.PatientID = p.PatientID",
        (1, 2),
    ),
    ("SELECT DB_NAME(), SUSER_SNAME(), USER_NAME(), @@TRANCOUNT", None),
]


@pytest.mark.parametrize(("sql", "expected"), FAITHFUL, ids=[sql[:60] for sql, _ in FAITHFUL])
def test_a_query_answers_as_sql_server_would(
    cursor: pyodbc.Cursor,
    maple: Practice,  # noqa: F811
    sql: str,
    expected: tuple[object, ...] | None,
) -> None:
    row = cursor.execute(sql).fetchone()
    assert row is not None
    assert tuple(row) == (expected or (maple.name, "panda_reader", "panda_reader", 0))


def test_nulls_sort_first_and_strings_without_case(cursor: pyodbc.Cursor) -> None:
    names = [row[0] for row in cursor.execute("SELECT LastName FROM Patient ORDER BY LastName").fetchall()]
    assert names == [None, "Ångström", "o'Neil"]
    descending = cursor.execute("SELECT TOP 1 LastName FROM Patient ORDER BY LastName DESC").fetchval()
    assert descending == "o'Neil"


def test_groups_ignore_case_and_trailing_blanks(cursor: pyodbc.Cursor) -> None:
    counts = cursor.execute("SELECT Code, COUNT_BIG(*) FROM Patient GROUP BY Code ORDER BY 2 DESC").fetchall()
    assert [count for _, count in counts] == [2, 1]


def test_pages_by_offset_and_by_key(cursor: pyodbc.Cursor) -> None:
    page = "SELECT PatientID FROM Patient ORDER BY PatientID OFFSET ? ROWS FETCH NEXT ? ROWS ONLY"
    assert [row[0] for row in cursor.execute(page, 1, 5).fetchall()] == [2, 3]
    after = "SELECT [PatientID], [LastName] FROM [dbo].[Patient] WHERE [PatientID] > ? ORDER BY [PatientID]"
    assert [row[0] for row in cursor.execute(after, 1).fetchall()] == [2, 3]


def test_hashes_are_of_the_value_s_own_bytes(cursor: pyodbc.Cursor) -> None:
    row = cursor.execute(
        "SELECT HASHBYTES('SHA2_256', N'é'), HASHBYTES('MD5', 'é'), HASHBYTES('MD5', 0x01)"
    ).fetchone()
    assert row is not None
    assert row[0] == hashlib.sha256("é".encode("utf-16-le")).digest()
    assert row[1] == hashlib.md5("é".encode("cp1252")).digest()
    assert row[2] == hashlib.md5(b"\x01").digest()


def test_a_hash_shows_as_hexadecimal_text_and_a_null_has_none(practice: Practice) -> None:  # noqa: F811
    cursor = practice.owner().cursor()
    cursor.execute("INSERT INTO dbo.Document (DocumentID, Content) VALUES (1, 0xAB), (2, 0x), (3, NULL)")
    rows = cursor.execute(
        "SELECT CONVERT(varchar(32), HASHBYTES('MD5', Content), 2), CONVERT(varchar(34), HASHBYTES('MD5', "
        "Content), 1), CONVERT(varchar(8), HASHBYTES('MD5', Content), 2), DATALENGTH(Content), "
        "SUBSTRING(Content, 1, 9) FROM dbo.Document ORDER BY DocumentID"
    ).fetchall()
    hashes = [hashlib.md5(content).hexdigest().upper() for content in (b"\xab", b"")]
    assert [tuple(row) for row in rows] == [
        (hashes[0], f"0x{hashes[0]}", hashes[0][:8], 1, b"\xab"),
        (hashes[1], f"0x{hashes[1]}", hashes[1][:8], 0, b""),
        (None,) * 5,
    ]
    described = cursor.execute(
        "SELECT LOWER(CONVERT(varchar(32), HASHBYTES('MD5', Content), 2)) AS a, "
        "CAST(DATALENGTH(Content) AS bigint) AS b FROM dbo.Document"
    ).description
    assert [(column[1], column[3]) for column in described] == [(str, 32), (int, 19)]


REFUSED = [
    "SELECT ROW_NUMBER() OVER (ORDER BY PatientID) FROM Patient",
    "SELECT LastName FROM Patient WITH (NOLOCK)",
    "SELECT 1.0 / 3",
    "SELECT AVG(Balance) FROM Patient",
    "SELECT CONVERT(varchar(30), GETDATE(), 100)",
    "SELECT REPLACE('a', 'A', 'b')",
    "SELECT LastName FROM Patient FOR XML AUTO",
    "SELECT 1 UNION SELECT 2",
    "SELECT * INTO dbo.Copy FROM Patient",
    "CREATE TABLE dbo.T (a int)",
    "DECLARE @x int",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SELECT CAST('29/02/2024' AS date)",
    "USE master",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_what_it_cant_answer_faithfully_is_refused(cursor: pyodbc.Cursor, sql: str) -> None:
    with pytest.raises(pyodbc.Error) as caught:
        cursor.execute(sql).fetchall()
    assert error_of(caught.value)[1] == 50000


ERRORS = [
    ("SELECT * FROM dbo.Nowhere", "42S02", 208),
    ("SELECT Nothing FROM Patient", "42S22", 207),
    ("SELECT x.LastName FROM Patient p", "42000", 4104),
    ("SELECT PatientID FROM Patient p JOIN Exam e ON p.PatientID = e.PatientID", "42000", 209),
    ("SELECT LastName, COUNT(*) FROM Patient", "42000", 8120),
    ("SELECT FROM Patient", "42000", 156),
    ("SELECT 1 +", "42000", 102),
    ("SELECT 'open", "42000", 105),
    ("SELECT 1 / 0", "22012", 8134),
    ("SELECT 2147483647 + 1", "22003", 8115),
    ("SELECT CAST(256 AS tinyint)", "22003", 220),
    ("SELECT CAST('12x' AS int)", "22018", 245),
    ("SELECT (SELECT ExamID FROM Exam)", "21000", 512),
    ("SELECT CAST('2024-02-30' AS date)", "22007", 241),
    ("EXEC sp_nothing", "42000", 2812),
    ("COMMIT TRAN", "25000", 3902),
]


@pytest.mark.parametrize(("sql", "state", "number"), ERRORS)
def test_an_error_has_sql_server_s_number(cursor: pyodbc.Cursor, sql: str, state: str, number: int) -> None:
    with pytest.raises(pyodbc.Error) as caught:
        cursor.execute(sql).fetchall()
    assert error_of(caught.value) == (state, number)


def test_the_session_s_settings_that_drivers_send_are_taken(cursor: pyodbc.Cursor) -> None:
    cursor.execute("SET NOCOUNT ON; SET LOCK_TIMEOUT 5000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    cursor.execute("IF @@TRANCOUNT > 0 COMMIT TRAN")
    assert cursor.execute("SELECT @@TRANCOUNT").fetchval() == 0


def test_types_of_columns_are_sql_server_s(cursor: pyodbc.Cursor) -> None:
    cursor.execute(
        "SELECT PatientID, LastName, Balance, DateOfBirth, ModifiedAt, RowVer FROM Patient WHERE PatientID "
        "= 1"
    )
    described = [(column[0], column[1], column[3], column[5]) for column in cursor.description]
    assert described == [
        ("PatientID", int, 10, 0),
        ("LastName", str, 20, 0),
        ("Balance", Decimal, 9, 2),
        ("DateOfBirth", datetime.date, 10, 0),
        ("ModifiedAt", datetime.datetime, 23, 3),
        ("RowVer", bytearray, 8, 0),
    ]
    row = cursor.fetchone()
    assert row is not None
    assert row.ModifiedAt == MOMENT
