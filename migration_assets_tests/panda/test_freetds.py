"""FreeTDS beside Microsoft's driver: the same rows, the same errors, nothing unverified and nothing cut."""

from __future__ import annotations

import os
import socket
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from migration_assets.errors import (
    ConfigurationError,
    MigrationError,
    SourceConnectionLost,
    SourceDeadlock,
    SourceError,
    SourceLoginFailed,
    SourceTimeout,
    SourceUnreachable,
)
from migration_assets.panda import freetds
from migration_assets.panda.connection import connection_string
from migration_assets.panda.extract import extract
from migration_assets.panda.odbc_errors import diagnose, translated
from migration_assets.panda.preflight import preflight
from migration_assets.panda.settings import SourceSettings
from migration_assets.warehouse import DuckDBSettings, Warehouse
from migration_assets_tests.panda.conftest import MakeDatabase, MakeSource
from migration_assets_tests.panda.test_extract import ODD, ODD_PROFILE, OWNER, PROFILE
from migration_assets_tests.panda.test_extract_faults import content
from migration_sandbox.practice.generator import generate
from migration_sandbox.sqlserver.launch import SandboxServer

FREETDS = {"driver": "freetds"}
ROWS = 5_000
IN_THE_MIDDLE = 60_000
"""Bytes of the numbered rows' result, of more than 200,000 in all."""

NUMBERED = "CREATE TABLE dbo.Numbered (ID int NOT NULL PRIMARY KEY, Name nvarchar(40) NULL);"
EXTREMES = pl.DataFrame(
    {
        "ID": [1, 2, 3],
        "Name": ["🦷" * 20, "", None],
        "Plain": ["café €", "", None],
        "Fixed": ["ab", "🦷🦷", None],
        "Notes": ["é" * 70_000, "", None],
        "Cost": pl.Series([Decimal("-9999999999.99"), Decimal("0.01"), None], dtype=pl.Decimal(12, 2)),
        "Big": pl.Series([Decimal("9" * 28 + ".5"), Decimal("-1E-10"), None], dtype=pl.Decimal(38, 10)),
        "Paid": pl.Series([Decimal("-12.3456"), Decimal("0.0001"), None], dtype=pl.Decimal(19, 4)),
        "Grade": [255, 0, None],
        "Depth": [-(2**15), 2**15 - 1, None],
        "Number": [-(2**63), 2**63 - 1, None],
        "Yes": [True, False, None],
        "Ratio": [1.7976931348623157e308, -0.1, None],
        "Born": [date(1, 1, 1), date(9999, 12, 31), None],
        "Seen": [datetime(1, 1, 1, 0, 0, 0, 1000), datetime(9999, 12, 31, 23, 59, 59, 999_000), None],
        "Exact": [datetime(1, 1, 1, 0, 0, 0, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), None],
        "Starts": [time(0), time(23, 59, 59, 999_000), None],
        "Mark": ["6F9619FF-8B86-D011-B42D-00C04FC964FF", "00000000-0000-0000-0000-000000000001", None],
        "Raw": [bytes(range(16)), b"", None],
        "Scan": [bytes(range(256)) * 1000, b"", None],
    }
)  # fmt: skip


def warehouse(folder: Path) -> Warehouse:
    return Warehouse(folder / "panda.duckdb", DuckDBSettings(threads=1, lock_timeout_seconds=5))


def settings(**given: Any) -> SourceSettings:
    usual = {"server": "sql.maple", "database": "panda", "username": "reader", "password": {"env": "MAPLE"}}
    return SourceSettings.model_validate({**usual, **FREETDS, **given})


def test_a_practice_is_extracted_as_by_microsofts_driver(
    source: MakeSource, database: MakeDatabase, tmp_path: Path
) -> None:
    name = database(**generate(5, 45, planted=0, numbering="mixed", tables="all").tables)
    found = {}
    for driver in ("microsoft", "freetds"):
        place = warehouse(tmp_path / driver)
        extract(source(name, driver=driver), PROFILE, place, list(PROFILE.tables))
        found[driver] = content(place)
        for of_the_run in ("extractions", "base"):
            found[driver].pop(of_the_run)
    assert found["freetds"].keys() == found["microsoft"].keys()
    for logical, expected in found["microsoft"].items():
        arrived = found["freetds"][logical]
        assert arrived.schema == expected.schema, logical
        assert arrived.sort(arrived.columns[0]).equals(expected.sort(expected.columns[0])), logical


def test_the_ends_of_every_type_arrive_as_by_microsofts_driver(
    source: MakeSource, database: MakeDatabase, tmp_path: Path
) -> None:
    name = database(ODD, Odd=EXTREMES)
    extracted, read = [], []
    for driver in ("microsoft", "freetds"):
        place = warehouse(tmp_path / driver)
        extract(source(name, driver=driver), ODD_PROFILE, place, ["Odd"])
        extracted.append(content(place)["Odd"].sort("ID"))
        with source(name, driver=driver).catalog() as connection:
            read.append(connection.rows("SELECT * FROM dbo.Odd WHERE ID > ? ORDER BY ID", 0))
    assert extracted[0].schema == extracted[1].schema
    assert extracted[0].equals(extracted[1])
    assert read[0] == read[1]
    assert [[type(value) for value in row] for row in read[0]] == [[type(v) for v in row] for row in read[1]]
    assert extracted[1]["Exact"].to_list() == EXTREMES["Exact"].to_list()


def test_the_preflight_finds_the_same(source: MakeSource, database: MakeDatabase) -> None:
    name = database(**generate(5, 20, planted=0, tables="all").tables)
    assert preflight(source(name, **FREETDS), PROFILE) == preflight(source(name), PROFILE)


@pytest.mark.parametrize(
    ("value", "size"), [("x" * 100, 99), ("🦷" * 50, 99), ("🦷" * 50, 98), ("é" * 100, 1)]
)
def test_a_text_that_freetds_cuts_is_an_error(
    source: MakeSource, database: MakeDatabase, value: str, size: int
) -> None:
    name = database(ODD, Odd=pl.DataFrame({"ID": [1, 2], "Notes": ["x", value]}))
    query = "SELECT [Notes] FROM [dbo].[Odd]"
    with source(name, **FREETDS).bulk() as connection:
        with pytest.raises(SourceError, match="longer than the") as raised:
            list(connection.batches(query, doing="reading", max_text_size=size))
        assert value[:10] not in str(raised.value)
    with source(name, **FREETDS).bulk() as connection:
        batches = connection.batches(query, doing="reading", max_text_size=100)
        assert pl.concat([pl.DataFrame(pl.from_arrow(b)) for b in batches])["Notes"].to_list() == ["x", value]


def test_a_binary_that_freetds_cuts_is_an_error(source: MakeSource, database: MakeDatabase) -> None:
    name = database(ODD, Odd=pl.DataFrame({"ID": [1], "Scan": [b"\xff" * 100]}))
    with source(name, **FREETDS).bulk() as connection, pytest.raises(SourceError, match="longer than the 99"):
        list(connection.batches("SELECT [Scan] FROM [dbo].[Odd]", doing="reading", max_binary_size=99))


def test_a_value_of_exactly_its_limit_is_whole() -> None:
    batch = pa.record_batch({"text": ["🦷é", None, ""], "raw": [b"abc", None, b""]})
    freetds.refuse_cut(batch, "reading", 3, 3)
    with pytest.raises(SourceError):
        freetds.refuse_cut(batch, "reading", 2, 3)
    with pytest.raises(SourceError):
        freetds.refuse_cut(batch, "reading", 3, 2)


def test_the_servers_certificate_is_verified_with_its_name(
    source: MakeSource,
    database: MakeDatabase,
    server: SandboxServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = database()

    def opened(**given: Any) -> list[tuple[Any, ...]]:
        with source(name, **FREETDS, **{"trust_server_certificate": False, **given}).catalog() as connection:
            return connection.rows("SELECT DB_NAME() AS name")

    def refused(**given: Any) -> None:
        with pytest.raises(SourceUnreachable, match="trust_server_certificate"):
            opened(**given)

    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv(freetds.CONFIGURATION_VARIABLE, str(tmp_path / "own.conf"))
    refused()
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    assert opened() == [(name,)]
    assert opened(server="localhost") == [(name,)]
    refused(server="127.1")  # the same address under a name that the certificate doesn't have
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    refused()
    assert opened(trust_server_certificate=True) == [(name,)]
    assert os.environ[freetds.CONFIGURATION_VARIABLE] == str(tmp_path / "own.conf")


@pytest.mark.parametrize(
    ("given", "kind", "remedy"),
    [
        ({"password": {"env": "SANDBOX_OWNER"}}, SourceLoginFailed, "source.username"),
        ({"database": "nowhere"}, SourceLoginFailed, "source.database"),
        ({"port": 1, "login_timeout_seconds": 1}, SourceUnreachable, "source.port"),
    ],
)
def test_what_keeps_us_out_is_named_with_its_remedy(
    source: MakeSource, database: MakeDatabase, given: dict[str, Any], kind: type[MigrationError], remedy: str
) -> None:
    chosen = {"database": database(), **FREETDS, **given}
    for opening in (source(**chosen).catalog(), source(**chosen).bulk()):
        with pytest.raises(kind, match=remedy) as raised, opening:
            pass
        assert "127.0.0.1" not in str(raised.value)


def test_both_passwords_arrive_whole(source: MakeSource, database: MakeDatabase) -> None:
    for login in ({}, OWNER):
        with source(database(), **FREETDS, **login).bulk() as connection:
            assert connection.rows("SELECT 1 AS one") == [(1,)]


@pytest.mark.parametrize("way", ["catalog", "bulk"])
def test_a_cut_line_a_deadlock_and_a_slow_server_are_told_apart(
    source: MakeSource, database: MakeDatabase, server: SandboxServer, way: str
) -> None:
    rows = pl.DataFrame({"ID": range(ROWS), "Name": ["x" * 20] * ROWS})
    reader = source(database(NUMBERED, Numbered=rows), query_timeout_seconds=1, **FREETDS)

    def read() -> int:
        with reader.catalog() if way == "catalog" else reader.bulk() as connection:
            return len(connection.rows("SELECT ID, Name FROM dbo.Numbered"))

    assert read() == ROWS
    server.cut_next_result(IN_THE_MIDDLE)
    with pytest.raises(SourceConnectionLost):
        read()
    server.deadlock("Numbered")
    with pytest.raises(SourceDeadlock):
        read()
    server.delay(2)
    with pytest.raises(SourceTimeout, match=r"source\.query_timeout_seconds"):
        read()


@pytest.mark.parametrize(
    "error",
    [
        Exception("HY000", "[HY000] [FreeTDS][SQL Server]Unknown error (0) (SQLExecDirectW)"),
        Exception(
            "ODBC emitted an error calling 'SQLExecDirect':\n"
            "State: HY000, Native error: 0, Message: [FreeTDS][SQL Server]Unknown error"
        ),
    ],
)
def test_what_freetds_says_of_a_connection_that_ended_while_idle(error: Exception) -> None:
    assert type(translated(diagnose(error), "reading")) is SourceConnectionLost


def test_a_server_that_doesnt_answer_a_login_is_unreachable(source: MakeSource) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader = source("panda", port=listener.getsockname()[1], login_timeout_seconds=1, **FREETDS)
        for opening in (reader.catalog(), reader.bulk()):
            with pytest.raises(SourceUnreachable, match=r"source\.port"), opening:
                pass


def test_connections_are_encrypted_verified_and_read_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MAPLE", "a;Encryption=off")
    parts = connection_string(settings(driver_path="/own/libtdsodbc.so"))
    assert parts.startswith("DRIVER={/own/libtdsodbc.so};")
    assert "Encryption=require;" in parts
    assert "ApplicationIntent=ReadOnly" in parts
    assert "PWD={a;Encryption=off};" in parts
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "office.pem"))
    with freetds.configuration(settings(server=r"FRONTDESK\PANDA")):
        written = Path(os.environ[freetds.CONFIGURATION_VARIABLE]).read_text(encoding="utf-8").splitlines()
    assert {
        "host = FRONTDESK",
        "instance = PANDA",
        "encryption = require",
        f"ca file = {tmp_path / 'office.pem'}",
        "check certificate hostname = yes",
    } <= set(written)


@pytest.mark.parametrize("password", ["a}b;Encryption=off", "{a}", " a}", "schlüssel", "a\nb"])
def test_a_password_that_freetds_cant_be_given_is_refused(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("MAPLE", password)
    with pytest.raises(ConfigurationError, match=r"'source\.password'") as raised:
        connection_string(settings())
    assert password not in str(raised.value)


def test_a_server_name_can_not_add_lines_to_the_configuration() -> None:
    with (
        pytest.raises(ConfigurationError, match=r"source\.server"),
        freetds.configuration(settings(server="maple\nencryption = off")),
    ):
        pass


def test_what_freetds_can_not_verify_is_refused() -> None:
    with pytest.raises(ValueError, match="FreeTDS can't compare with 'server_certificate'"):
        settings(server_certificate="office.pem")


def test_without_the_library_the_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="apt-get install tdsodbc"):
        freetds.find_library((tmp_path,))
