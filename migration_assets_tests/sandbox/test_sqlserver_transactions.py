"""Writes, keys, row versions, isolation and faults over the wire."""

from __future__ import annotations

import time

import pyodbc
import pytest

from migration_assets_tests.sandbox.sqlserver_fixtures import (  # noqa: F401
    MOMENT,
    Practice,
    error_of,
    make_practice,
    practice,
    sandbox,
)


def failed(cursor: pyodbc.Cursor, sql: str, *parameters: object) -> tuple[str, int]:
    with pytest.raises(pyodbc.Error) as caught:
        cursor.execute(sql, *parameters).fetchall()
    return error_of(caught.value)


def test_the_reader_may_write_nothing(practice: Practice) -> None:  # noqa: F811
    reader = practice.reader().cursor()
    assert failed(reader, "INSERT INTO dbo.Document (DocumentID) VALUES (1)") == ("42000", 229)
    assert failed(reader, "UPDATE dbo.Patient SET LastName = N'x'") == ("42000", 229)
    assert failed(reader, "DELETE FROM dbo.Exam WHERE ExamID = ?", 1) == ("42000", 229)
    assert failed(reader, "TRUNCATE TABLE dbo.Document")[1] == 1088
    assert reader.execute("SELECT COUNT(*) FROM Exam").fetchval() == 2


def test_writes_obey_the_table_s_rules(practice: Practice) -> None:  # noqa: F811
    owner = practice.owner().cursor()
    insert = "INSERT INTO dbo.Exam (ExamID, PatientID, Depth) VALUES (?, ?, ?)"
    assert owner.execute(insert, 3, 2, 255).rowcount == 1
    assert failed(owner, insert, 3, 2, 1) == ("23000", 2627)
    assert failed(owner, insert, 4, 99, 1) == ("23000", 547)
    assert failed(owner, insert, 4, None, 1) == ("23000", 515)
    assert failed(owner, "INSERT INTO dbo.Exam (ExamID, PatientID, Depth) VALUES (4, 1, 256)") == (
        "22003",
        220,
    )
    assert failed(owner, "INSERT INTO dbo.Patient (PatientID, Sex) VALUES (9, 'xx')")[1] == 2628
    assert failed(owner, "DELETE FROM dbo.Patient WHERE PatientID = 1") == ("23000", 547)
    assert failed(owner, "TRUNCATE TABLE dbo.Patient")[1] == 4712
    assert failed(owner, "INSERT INTO dbo.Patient (PatientID, RowVer) VALUES (9, 0x01)")[1] == 273
    assert (
        owner.execute("UPDATE dbo.Exam SET Depth = Depth + 1, Notes = NULL WHERE PatientID = 1").rowcount == 2
    )
    assert [r[0] for r in owner.execute("SELECT Depth FROM Exam ORDER BY ExamID").fetchall()] == [6, 3, 255]
    assert owner.execute("DELETE FROM dbo.Exam WHERE PatientID = ?", 1).rowcount == 2


def test_a_default_fills_what_an_insert_leaves_out(practice: Practice) -> None:  # noqa: F811
    owner = practice.owner().cursor()
    owner.execute("INSERT INTO dbo.Patient (PatientID, Sex) VALUES (7, N'f')")
    row = owner.execute("SELECT Inactive, ModifiedAt, Sex FROM Patient WHERE PatientID = 7").fetchone()
    assert row is not None
    assert row.Inactive is False
    assert row.ModifiedAt > MOMENT
    assert row.Sex == "f"


def test_fast_executemany_stores_every_row(practice: Practice) -> None:  # noqa: F811
    connection = practice.owner(autocommit=False)
    cursor = connection.cursor()
    cursor.fast_executemany = True
    rows = [(number, f"ü{number}", None if number % 3 else "c", MOMENT) for number in range(10, 110)]
    cursor.executemany(
        "INSERT INTO dbo.Patient (PatientID, LastName, Code, ModifiedAt) VALUES (?, ?, ?, ?)", rows
    )
    connection.commit()
    stored = cursor.execute(
        "SELECT PatientID, LastName, Code, ModifiedAt FROM Patient WHERE PatientID >= 10 ORDER BY 1"
    )
    assert [tuple(row) for row in stored.fetchall()] == rows


def test_each_write_takes_a_higher_row_version(practice: Practice) -> None:  # noqa: F811
    owner = practice.owner().cursor()
    upper = owner.execute("SELECT MIN_ACTIVE_ROWVERSION()").fetchval()
    assert owner.execute("SELECT COUNT(*) FROM Patient WHERE RowVer >= ?", upper).fetchval() == 0
    owner.execute("UPDATE dbo.Patient SET LastName = N'New' WHERE PatientID = 2")
    changed = owner.execute("SELECT PatientID FROM Patient WHERE RowVer >= ?", upper).fetchall()
    assert [row[0] for row in changed] == [2]
    assert owner.execute("SELECT @@DBTS").fetchval() == upper


def test_an_open_transaction_holds_min_active_rowversion_back(practice: Practice) -> None:  # noqa: F811
    writer, other = practice.owner(autocommit=False), practice.reader().cursor()
    before = other.execute("SELECT MIN_ACTIVE_ROWVERSION()").fetchval()
    writer.execute("UPDATE dbo.Patient SET LastName = N'x'")
    assert other.execute("SELECT MIN_ACTIVE_ROWVERSION()").fetchval() == before
    writer.commit()
    assert other.execute("SELECT MIN_ACTIVE_ROWVERSION()").fetchval() > before


def test_a_snapshot_does_not_see_what_is_committed_later(practice: Practice) -> None:  # noqa: F811
    reader, writer = practice.reader(autocommit=False), practice.owner()
    reader.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
    assert reader.execute("SELECT COUNT(*) FROM Document").fetchval() == 0
    writer.execute("INSERT INTO dbo.Document (DocumentID, Content) VALUES (1, 0x01)")
    writer.execute("DELETE FROM dbo.Exam")
    assert reader.execute("SELECT COUNT(*) FROM Document").fetchval() == 0
    assert reader.execute("SELECT COUNT(*) FROM Exam").fetchval() == 2
    reader.commit()
    assert reader.execute("SELECT COUNT(*) FROM Document").fetchval() == 1


def test_read_committed_sees_commits_and_nothing_before_them(practice: Practice) -> None:  # noqa: F811
    reader, writer = practice.reader(autocommit=False), practice.owner(autocommit=False)
    count = "SELECT COUNT(*) FROM Document"
    assert reader.execute(count).fetchval() == 0
    writer.execute("INSERT INTO dbo.Document (DocumentID) VALUES (1)")
    assert writer.execute(count).fetchval() == 1
    assert reader.execute(count).fetchval() == 0
    writer.commit()
    assert reader.execute(count).fetchval() == 1
    writer.execute("DELETE FROM dbo.Document")
    writer.rollback()
    assert reader.execute(count).fetchval() == 1


def test_a_second_writer_waits_until_its_lock_timeout(practice: Practice) -> None:  # noqa: F811
    first, second = practice.owner(autocommit=False), practice.owner()
    first.execute("UPDATE dbo.Patient SET LastName = N'x'")
    second.execute("SET LOCK_TIMEOUT 100")
    assert failed(second.cursor(), "UPDATE dbo.Patient SET LastName = N'y'")[1] == 1222
    first.rollback()
    second.execute("UPDATE dbo.Patient SET LastName = N'y'")


def test_a_snapshot_that_updates_what_has_changed_is_3960(practice: Practice) -> None:  # noqa: F811
    late, early = practice.owner(autocommit=False), practice.owner()
    late.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
    late.execute("SELECT COUNT(*) FROM Patient").fetchval()
    early.execute("UPDATE dbo.Patient SET LastName = N'a' WHERE PatientID = 1")
    assert failed(late.cursor(), "UPDATE dbo.Patient SET LastName = N'b' WHERE PatientID = 1")[1] == 3960


def test_a_deadlock_comes_once_and_the_transaction_is_gone(practice: Practice) -> None:  # noqa: F811
    reader = practice.reader(autocommit=False)
    practice.server.deadlock("Patient")
    assert reader.execute("SELECT COUNT(*) FROM Exam").fetchval() == 2
    assert failed(reader.cursor(), "SELECT COUNT(*) FROM Patient") == ("40001", 1205)
    assert reader.execute("SELECT COUNT(*) FROM Patient").fetchval() == 3


def test_a_cut_result_is_a_lost_connection(practice: Practice) -> None:  # noqa: F811
    reader = practice.reader()
    practice.server.cut_next_result(200)
    with pytest.raises(pyodbc.Error) as caught:
        reader.execute("SELECT * FROM Patient p CROSS JOIN Patient q").fetchall()
    assert caught.value.args[0] == "08S01"
    assert practice.reader().execute("SELECT COUNT(*) FROM Patient").fetchval() == 3


def test_a_query_timeout_cancels_the_statement_alone(practice: Practice) -> None:  # noqa: F811
    reader = practice.reader()
    reader.timeout = 1
    practice.server.delay(5)
    started = time.monotonic()
    with pytest.raises(pyodbc.Error) as caught:
        reader.execute("SELECT COUNT(*) FROM Patient")
    assert caught.value.args[0] == "HYT00"
    assert time.monotonic() - started < 4
    practice.server.clear_faults()
    assert reader.execute("SELECT COUNT(*) FROM Patient").fetchval() == 3


def test_the_statement_log_tells_kinds_and_tables_and_no_values(practice: Practice) -> None:  # noqa: F811
    reader = practice.reader()
    practice.server.forget_statements()
    reader.execute("SELECT LastName FROM Patient WHERE LastName = ?", "secret-name").fetchall()
    log = practice.server.statements()
    assert [(entry["kind"], entry["tables"], entry["login"]) for entry in log] == [
        ("SELECT", ["Patient"], "panda_reader")
    ]
    assert "secret-name" not in str(log)
