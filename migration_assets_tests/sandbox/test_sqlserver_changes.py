"""What change detection asks of a server that is written to: tracked changes, late commits, the clock."""

from __future__ import annotations

import datetime
import threading

import pyodbc
import pytest

from migration_assets_tests.sandbox.sqlserver_fixtures import (  # noqa: F401
    Practice,
    error_of,
    make_practice,
    practice,
    sandbox,
)

CHANGES = (
    "SELECT ct.SYS_CHANGE_OPERATION, ct.PatientID, p.LastName FROM CHANGETABLE(CHANGES dbo.Patient, ?) AS ct "
    "LEFT JOIN dbo.Patient p ON p.PatientID = ct.PatientID ORDER BY ct.PatientID"
)
VERSION = "SELECT CHANGE_TRACKING_CURRENT_VERSION()"
VALID_FROM = "SELECT CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID('dbo.{}'))"


def failed(cursor: pyodbc.Cursor, sql: str, *parameters: object) -> int:
    with pytest.raises(pyodbc.Error) as caught:
        cursor.execute(sql, *parameters).fetchall()
    return error_of(caught.value)[1]


@pytest.fixture
def tracked(practice: Practice) -> Practice:  # noqa: F811
    """Change tracking on for patients and documents; the reader may see the patients'."""
    owner = practice.owner().cursor()
    owner.execute(f"ALTER DATABASE {practice.name} SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 3 DAYS)")
    owner.execute("ALTER TABLE dbo.Patient ENABLE CHANGE_TRACKING")
    owner.execute("ALTER TABLE dbo.Document ENABLE CHANGE_TRACKING WITH (TRACK_COLUMNS_UPDATED = OFF)")
    owner.execute("GRANT VIEW CHANGE TRACKING ON OBJECT::dbo.Patient TO panda_reader")
    return practice


def changes(cursor: pyodbc.Cursor, since: int | None) -> list[tuple[object, ...]]:
    return [tuple(row) for row in cursor.execute(CHANGES, since).fetchall()]


def test_the_net_change_of_each_key_since_a_version(tracked: Practice) -> None:
    owner, reader = tracked.owner().cursor(), tracked.reader().cursor()
    start = reader.execute(VERSION).fetchval()
    owner.execute("INSERT INTO dbo.Patient (PatientID, LastName) VALUES (8, N'new'), (9, N'gone')")
    owner.execute("UPDATE dbo.Patient SET LastName = N'newer' WHERE PatientID = 8")
    owner.execute("UPDATE dbo.Patient SET LastName = N'a' WHERE PatientID = 1")
    owner.execute("UPDATE dbo.Patient SET LastName = N'b' WHERE PatientID = 1")
    owner.execute("DELETE FROM dbo.Patient WHERE PatientID IN (3, 9)")
    assert changes(reader, start) == [("U", 1, "b"), ("D", 3, None), ("I", 8, "newer"), ("D", 9, None)]
    assert reader.execute(VERSION).fetchval() == start + 5
    assert changes(reader, start + 3) == [("U", 1, "b"), ("D", 3, None), ("D", 9, None)]


def test_a_changed_primary_key_is_a_deletion_and_an_insertion(tracked: Practice) -> None:
    owner, reader = tracked.owner().cursor(), tracked.reader().cursor()
    start = reader.execute(VERSION).fetchval()
    owner.execute("UPDATE dbo.Patient SET PatientID = 30 WHERE PatientID = 3")
    assert changes(reader, start) == [("D", 3, None), ("I", 30, None)]
    assert failed(owner, "UPDATE dbo.Patient SET PatientID = 10 WHERE PatientID = 1") == 547


def test_a_rolled_back_change_has_no_version_and_a_late_one_a_late_version(tracked: Practice) -> None:
    late, quick, reader = tracked.owner(autocommit=False), tracked.owner(), tracked.reader().cursor()
    start = reader.execute(VERSION).fetchval()
    late.execute("UPDATE dbo.Patient SET LastName = N'late' WHERE PatientID = 1")
    quick.execute("UPDATE dbo.Patient SET LastName = N'quick' WHERE PatientID = 2")
    assert changes(reader, start) == [("U", 2, "quick")]
    between = reader.execute(VERSION).fetchval()
    late.commit()
    assert changes(reader, between) == [("U", 1, "late")]
    late.execute("DELETE FROM dbo.Patient WHERE PatientID = 3")
    late.rollback()
    assert reader.execute(VERSION).fetchval() == between + 1


def test_a_snapshot_sees_the_versions_of_its_own_moment(tracked: Practice) -> None:
    reader, owner = tracked.reader(autocommit=False), tracked.owner()
    reader.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
    start = reader.execute(VERSION).fetchval()
    owner.execute("UPDATE dbo.Patient SET LastName = N'x' WHERE PatientID = 1")
    assert reader.execute(VERSION).fetchval() == start
    assert changes(reader.cursor(), start) == []
    reader.commit()
    assert len(changes(reader.cursor(), start)) == 1


def test_truncation_and_the_end_of_retention_make_older_versions_invalid(tracked: Practice) -> None:
    owner = tracked.owner().cursor()
    owner.execute("INSERT INTO dbo.Document (DocumentID) VALUES (1), (2)")
    before = owner.execute(VERSION).fetchval()
    assert owner.execute(VALID_FROM.format("Document")).fetchval() <= before
    owner.execute("TRUNCATE TABLE dbo.Document")
    owner.execute("INSERT INTO dbo.Document (DocumentID) VALUES (1)")
    assert owner.execute(VALID_FROM.format("Document")).fetchval() == before + 1
    seen = owner.execute("SELECT SYS_CHANGE_OPERATION FROM CHANGETABLE(CHANGES dbo.Document, 0) AS ct")
    assert [row[0] for row in seen.fetchall()] == ["I"]
    tracked.server.clean_up_changes(tracked.name)
    assert owner.execute(VALID_FROM.format("Patient")).fetchval() == owner.execute(VERSION).fetchval()


def test_who_may_see_changes_and_switch_them(tracked: Practice) -> None:
    reader, owner = tracked.reader().cursor(), tracked.owner().cursor()
    allowed = "SELECT HAS_PERMS_BY_NAME('dbo.{}', 'OBJECT', 'VIEW CHANGE TRACKING')"
    assert reader.execute(allowed.format("Patient")).fetchval() == 1
    assert reader.execute(allowed.format("Document")).fetchval() == 0
    listed = reader.execute(
        "SELECT permission_name FROM fn_my_permissions('dbo.Patient', 'OBJECT')"
    ).fetchall()
    assert "VIEW CHANGE TRACKING" in {row[0] for row in listed}
    assert failed(reader, "SELECT * FROM CHANGETABLE(CHANGES dbo.Document, 0) AS ct") == 229
    assert failed(owner, "SELECT * FROM CHANGETABLE(CHANGES dbo.Exam, 0) AS ct") == 22105
    assert failed(reader, "ALTER TABLE dbo.Exam ENABLE CHANGE_TRACKING") == 1088
    assert failed(owner, "ALTER TABLE dbo.Patient ENABLE CHANGE_TRACKING") == 4996
    assert failed(owner, f"ALTER DATABASE {tracked.name} SET CHANGE_TRACKING = OFF") == 22115
    shown = "SELECT OBJECT_NAME(object_id) FROM sys.change_tracking_tables"
    assert failed(owner, shown) == 50000  # of a column, which the sandbox doesn't evaluate
    tables = reader.execute(
        "SELECT t.name FROM sys.change_tracking_tables c JOIN sys.tables t ON t.object_id = c.object_id "
        "ORDER BY t.name"
    ).fetchall()
    assert [row[0] for row in tables] == ["Document", "Patient"]
    assert reader.execute("SELECT retention_period FROM sys.change_tracking_databases").fetchval() == 3


def test_changes_outlive_the_database_s_last_session(tracked: Practice) -> None:
    with tracked.owner() as owner:
        start = owner.execute(VERSION).fetchval()
        owner.execute("DELETE FROM dbo.Patient WHERE PatientID = 3")
    owner.close()
    again = tracked.owner().cursor()
    assert changes(again, start) == [("D", 3, None)]


def test_row_versions_are_given_when_written_and_seen_when_committed(practice: Practice) -> None:  # noqa: F811
    late, quick, reader = practice.owner(autocommit=False), practice.owner(), practice.reader().cursor()
    newer = "SELECT PatientID FROM Patient WHERE RowVer >= ? AND RowVer < ? ORDER BY PatientID"
    safe, top = "SELECT MIN_ACTIVE_ROWVERSION()", "SELECT MAX(RowVer) FROM Patient"
    start = reader.execute(safe).fetchval()
    late.execute("UPDATE dbo.Patient SET LastName = N'late' WHERE PatientID = 1")
    quick.execute("UPDATE dbo.Patient SET LastName = N'quick' WHERE PatientID = 2")
    bound = reader.execute(safe).fetchval()
    highest_seen = reader.execute(top).fetchval()
    assert reader.execute(newer, start, bound).fetchall() == []
    late.commit()
    found = reader.execute(newer, bound, reader.execute(safe).fetchval()).fetchall()
    assert [row[0] for row in found] == [1, 2]
    # Who goes on from the highest version seen never learns of the late one.
    missed = reader.execute("SELECT PatientID FROM Patient WHERE RowVer > ?", highest_seen).fetchall()
    assert missed == []


def test_writers_of_different_rows_do_not_wait_and_of_the_same_row_do(practice: Practice) -> None:  # noqa: F811
    first, second = practice.owner(autocommit=False), practice.owner()
    first.execute("UPDATE dbo.Patient SET LastName = N'x' WHERE PatientID = 1")
    second.execute("SET LOCK_TIMEOUT 50")
    second.execute("INSERT INTO dbo.Exam (ExamID, PatientID) VALUES (7, 1)")
    assert failed(second.cursor(), "UPDATE dbo.Patient SET LastName = N'y' WHERE PatientID = 1") == 1222
    assert failed(second.cursor(), "TRUNCATE TABLE dbo.Patient") == 4712
    second.execute("SET LOCK_TIMEOUT -1")
    threading.Timer(0.3, first.commit).start()
    second.execute("UPDATE dbo.Patient SET LastName = LastName + N'y' WHERE PatientID = 1")
    assert second.execute("SELECT LastName FROM Patient WHERE PatientID = 1").fetchval() == "xy"


def test_two_writers_in_each_other_s_way_are_a_deadlock(practice: Practice) -> None:  # noqa: F811
    first, second = practice.owner(autocommit=False), practice.owner(autocommit=False)
    update = "UPDATE dbo.Patient SET LastName = N'x' WHERE PatientID = ?"
    first.execute(update, 1)
    second.execute(update, 2)
    victims: list[int] = []

    def cross(connection: pyodbc.Connection, other: int) -> None:
        try:
            connection.execute(update, other)
        except pyodbc.Error as error:
            victims.append(error_of(error)[1])
        else:
            connection.commit()

    writers = [threading.Thread(target=cross, args=pair) for pair in ((first, 2), (second, 1))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(10)
    assert victims == [1205]


def test_a_transaction_that_would_see_an_older_moment_is_refused(practice: Practice) -> None:  # noqa: F811
    long, other = practice.owner(autocommit=False), practice.owner()
    long.execute("UPDATE dbo.Patient SET LastName = N'x' WHERE PatientID = 1")
    other.execute("UPDATE dbo.Patient SET LastName = N'y' WHERE PatientID = 2")
    assert failed(long.cursor(), "SELECT LastName FROM dbo.Patient") == 50000
    long.commit()
    assert len(long.execute("SELECT LastName FROM dbo.Patient").fetchall()) == 3


def test_the_clock_runs_as_it_is_told_backwards_too(practice: Practice) -> None:  # noqa: F811
    owner = practice.owner().cursor()
    moment = datetime.datetime(2026, 6, 1, 9)
    try:
        practice.server.set_clock(moment, speed=0)
        assert owner.execute("SELECT SYSUTCDATETIME()").fetchval() == moment
        owner.execute("INSERT INTO dbo.Patient (PatientID) VALUES (7)")
        earlier = moment - datetime.timedelta(minutes=10)
        practice.server.set_clock(earlier)
        assert owner.execute("SELECT SYSUTCDATETIME()").fetchval() == earlier
        stamped = owner.execute("SELECT ModifiedAt FROM Patient WHERE PatientID = 7").fetchval()
        assert stamped > owner.execute("SELECT SYSDATETIME()").fetchval()
    finally:
        practice.server.reset_clock()


def test_an_unreachable_server_still_serves_the_practice(practice: Practice) -> None:  # noqa: F811
    reader, owner = practice.reader(), practice.owner()
    practice.server.unreachable(practice.name)
    with pytest.raises(pyodbc.Error) as lost:
        reader.execute("SELECT COUNT(*) FROM Patient")
    assert lost.value.args[0] == "08S01"
    with pytest.raises(pyodbc.Error):
        practice.reader()
    assert owner.execute("UPDATE dbo.Patient SET LastName = N'x'").rowcount == 3
    practice.server.clear_faults()
    assert practice.reader().execute("SELECT COUNT(*) FROM Patient").fetchval() == 3
