"""Values through the wire and back, large objects, streaming, login and TLS, with pyodbc and arrow-odbc."""

from __future__ import annotations

import datetime
import time
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import psutil
import pyarrow as pa
import pyodbc
import pytest
from arrow_odbc import read_arrow_batches_from_odbc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_assets_tests.sandbox.sqlserver_fixtures import (  # noqa: F401
    DDL,
    Practice,
    Sandbox,
    make_practice,
    practice,
    sandbox,
)
from migration_sandbox.sqlserver.database import Database

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NARROW = st.text(st.sampled_from("abzAZ09 éÜß€'\"[]%_-"))


def stored_seconds(low: int = 1753) -> st.SearchStrategy[datetime.datetime]:
    return st.datetimes(datetime.datetime(low, 1, 1), datetime.datetime(9999, 12, 30))


COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "ABit": st.booleans(),
    "ATiny": st.integers(0, 255),
    "ASmall": st.integers(-(2**15), 2**15 - 1),
    "AnInt": st.integers(-(2**31), 2**31 - 1),
    "ABig": st.integers(-(2**63), 2**63 - 1),
    "ADecimal": st.integers(-(10**38) + 1, 10**38 - 1).map(lambda units: Decimal(f"{units}e-10")),
    "ASmallDecimal": st.decimals(-999, 999, places=2),
    "AMoney": st.integers(-(10**14), 10**14).map(lambda units: Decimal(f"{units}e-4")),
    "AFloat": st.floats(allow_nan=False, allow_infinity=False),
    "AReal": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "AVarchar": NARROW.filter(lambda text: len(text) <= 50),
    "AText": NARROW,
    "ANVarchar": TEXT.filter(lambda text: len(text.encode("utf-16-le")) <= 100),
    "ANText": TEXT,
    "ADate": st.dates(datetime.date(1, 1, 1)),
    "ATime": st.times(),
    "ADatetime2": stored_seconds(1),
    "ASecond": stored_seconds(1).map(lambda moment: moment.replace(microsecond=0)),
    "ABinary": st.binary(min_size=4, max_size=4),
    "AVarbinary": st.binary(max_size=50),
    "ABlob": st.binary(max_size=300),
    "AnID": st.uuids().map(str),
}


@pytest.fixture(scope="module")
def kinds(make_practice: Callable[[], Practice]) -> Iterator[tuple[Practice, pyodbc.Connection]]:  # noqa: F811
    made = make_practice()
    connection = made.owner()
    yield made, connection
    connection.close()


ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, values in COLUMNS.items()}),
    min_size=1,
    max_size=4,
)


def arrow_rows(rows: list[dict[str, Any]]) -> pa.Table:
    types = {"ABit": pa.bool_(), "ADecimal": pa.decimal128(38, 10), "ASmallDecimal": pa.decimal128(5, 2),
             "AMoney": pa.decimal128(19, 4), "AFloat": pa.float64(), "AReal": pa.float32(),
             "ADate": pa.date32(),
             "ATime": pa.time64("us"), "ADatetime2": pa.timestamp("us"), "ASecond": pa.timestamp("us"),
             "ABinary": pa.binary(), "AVarbinary": pa.binary(), "ABlob": pa.binary()}  # fmt: skip
    text = {"AVarchar", "AText", "ANVarchar", "ANText", "AnID"}
    columns = {
        name: pa.array(
            [row[name] for row in rows], types.get(name, pa.string() if name in text else pa.int64())
        )
        for name in COLUMNS
    }
    return pa.table({"ID": pa.array(range(len(rows)), pa.int32()), **columns})


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS)
def test_appended_values_arrive_as_they_were(
    kinds: tuple[Practice, pyodbc.Connection],
    rows: list[dict[str, Any]],
) -> None:
    _, connection = kinds
    names = ", ".join(COLUMNS)
    marks = ", ".join("?" * len(COLUMNS))
    connection.execute("TRUNCATE TABLE dbo.Kinds")
    for number, row in enumerate(rows):
        connection.execute(
            f"INSERT INTO dbo.Kinds (ID, {names}) VALUES (?, {marks})",
            number,
            *(row[name] for name in COLUMNS),
        )
    read = connection.execute(f"SELECT {names} FROM dbo.Kinds ORDER BY ID").fetchall()
    wanted = [{**row, "AnID": row["AnID"] and row["AnID"].upper()} for row in rows]
    got = [dict(zip(COLUMNS, row, strict=True)) for row in read]
    # pyodbc cuts a time to its seconds, in both directions.
    for row in wanted + got:
        row["ATime"] = row["ATime"] and row["ATime"].replace(microsecond=0)
    assert got == wanted


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS)
def test_arrow_odbc_reads_what_append_stored(sandbox: Sandbox, rows: list[dict[str, Any]]) -> None:  # noqa: F811
    name = f"kinds{uuid.uuid4().hex}"
    path = Path(sandbox.server.directory) / f"{name}.duckdb"
    with Database.create(path, DDL) as database:
        assert database.append("Kinds", arrow_rows(rows)) == len(rows)
    reader = read_arrow_batches_from_odbc(
        f"SELECT {', '.join(COLUMNS)} FROM Kinds ORDER BY ID",
        connection_string=sandbox.practice(name).reader_string(),
        max_text_size=4000,
        max_binary_size=400,
    )
    assert reader is not None
    read = pa.Table.from_batches(list(reader), reader.schema)
    assert read.schema.field("ATiny").type == pa.uint8()
    wanted = arrow_rows(rows).to_pylist()
    for got, row in zip(read.to_pylist(), wanted, strict=True):
        row.pop("ID")
        row["AnID"] = row["AnID"] and row["AnID"].upper()
        got["ATime"] = row["ATime"]  # arrow-odbc reads SQL Server's time as text
        assert {**got, "AReal": got["AReal"]} == row
    path.unlink()


def test_parameters_of_every_type_come_back(kinds: tuple[Practice, pyodbc.Connection]) -> None:
    moment = datetime.datetime(2024, 2, 29, 1, 2, 3, 456789)
    texts = ("a😀b", "", None, b"\0\xff", b"")
    values = (1, 2**40, 1.5, Decimal("-12.345"), *texts, True, moment.date(), moment)
    row = kinds[1].execute(f"SELECT {', '.join('?' * len(values))}", *values).fetchone()
    assert row is not None
    assert tuple(row) == values


def test_large_objects_stream_and_come_in_pieces(practice: Practice) -> None:  # noqa: F811
    content = np.random.default_rng(1).bytes(3_000_000)
    owner = practice.owner()
    owner.execute("INSERT INTO dbo.Document (DocumentID, Content) VALUES (?, ?)", 1, content)
    assert owner.execute("SELECT Content FROM Document").fetchval() == content
    pieces = b"".join(
        owner.execute(
            "SELECT SUBSTRING([Content], ?, ?) FROM dbo.Document WHERE DocumentID = ?", start, 1_000_000, 1
        ).fetchval()
        for start in range(1, 3_000_001, 1_000_000)
    )
    assert pieces == content


def test_a_long_note_keeps_every_character(practice: Practice) -> None:  # noqa: F811
    note = "Befund 😀 é\r\n" * 20_000
    owner = practice.owner()
    owner.execute("UPDATE dbo.Exam SET Notes = ? WHERE ExamID = 1", note)
    assert owner.execute("SELECT Notes FROM Exam WHERE ExamID = 1").fetchval() == note
    assert owner.execute("SELECT DATALENGTH(Notes) FROM Exam WHERE ExamID = 1").fetchval() == len(
        note.encode("utf-16-le")
    )


def test_a_large_result_streams_in_bounded_memory(practice: Practice) -> None:  # noqa: F811
    path = Path(practice.server.directory) / f"{practice.name}.duckdb"
    count = 400_000
    with Database.open(path) as database:
        ids = np.arange(10, 10 + count, dtype=np.int32)
        database.append("Patient", pl.DataFrame({"PatientID": ids, "LastName": [f"name {i}" for i in ids]}))
    process = psutil.Process(practice.server.process.pid)
    first = practice.reader()
    first.execute("SELECT TOP 1 * FROM Patient").fetchall()
    before = process.memory_info().rss
    peak, rows = 0, 0
    for batch in read_arrow_batches_from_odbc(
        "SELECT * FROM Patient", connection_string=practice.reader_string(), batch_size=20_000
    ):
        rows += batch.num_rows
        peak = max(peak, process.memory_info().rss)
    assert rows == count + 3
    assert peak - before < 200_000_000


def test_a_reader_that_stops_early_can_go_on(practice: Practice) -> None:  # noqa: F811
    reader = practice.reader()
    cursor = reader.cursor()
    cursor.execute(
        "SELECT a.PatientID FROM Patient a CROSS JOIN Patient b CROSS JOIN Patient c CROSS JOIN Patient d"
    )
    cursor.fetchone()
    cursor.close()
    assert reader.execute("SELECT COUNT(*) FROM Patient").fetchval() == 3


def test_several_connections_work_at_once(practice: Practice) -> None:  # noqa: F811
    first, second = practice.reader(), practice.reader()
    rows = first.execute("SELECT a.PatientID FROM Patient a CROSS JOIN Patient b")
    rows.fetchone()
    assert second.execute("SELECT COUNT(*) FROM Patient").fetchval() == 3
    assert len(rows.fetchall()) == 8


def test_a_wrong_password_and_an_unknown_database_are_told_apart(
    sandbox: Sandbox,  # noqa: F811
    practice: Practice,  # noqa: F811
) -> None:
    def refusal(database: str, password: str) -> tuple[str, str]:
        text = sandbox.server.connection_string(database, "panda_reader", password, trust="yes")
        with pytest.raises(pyodbc.Error) as caught:
            pyodbc.connect(text, timeout=5)
        return caught.value.args[0], caught.value.args[1]

    state, message = refusal(practice.name, "wrong")
    assert state == "28000"
    assert "(18456)" in message
    assert "(4060)" in refusal("nowhere", sandbox.reader_password)[1]


def test_the_certificate_is_verified(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    with pytest.raises(pyodbc.Error) as caught:
        practice.reader(trust="no")
    assert caught.value.args[0] == "08001"
    assert "certificate" in caught.value.args[1]
    assert practice.reader(trust=None).execute("SELECT 1").fetchval() == 1
    monkeypatch.setenv("SSL_CERT_FILE", str(practice.server.certificate))
    assert practice.reader(trust="no").execute("SELECT 1").fetchval() == 1


def _opened_once_free(path: Path) -> Database:
    """The server notices a client's goodbye in a thread of its own."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return Database.open(path)
        except duckdb.IOException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_the_file_is_free_once_the_last_connection_ends(practice: Practice) -> None:  # noqa: F811
    connection = practice.reader()
    connection.execute("SELECT 1").fetchall()
    connection.close()
    pyodbc.pooling = False
    path = Path(practice.server.directory) / f"{practice.name}.duckdb"
    with _opened_once_free(path) as database:
        assert database.append("Document", pl.DataFrame({"DocumentID": [1]})) == 1
    assert practice.reader().execute("SELECT COUNT(*) FROM Document").fetchval() == 1
