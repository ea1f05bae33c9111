"""A running sandbox SQL Server with one practice, for the tests that speak to it over the wire.

Import the fixtures that a test module uses; the server starts once a session, `practice` is a database of
its own for each test that writes.
"""

from __future__ import annotations

import datetime
import itertools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyodbc
import pytest

from migration_sandbox.sqlserver.database import Database
from migration_sandbox.sqlserver.launch import SandboxServer, start
from migration_sandbox.sqlserver.permissions import OWNER, READER

MOMENT = datetime.datetime(2024, 2, 29, 13, 45, 59, 123000)

DDL = """
CREATE TABLE dbo.Patient (
  PatientID int NOT NULL PRIMARY KEY, LastName nvarchar(20) NULL, Code varchar(10) NULL, Sex char(1) NULL,
  Inactive bit NOT NULL DEFAULT 0, Balance decimal(9,2) NULL, DateOfBirth date NULL,
  ModifiedAt datetime2(3) NOT NULL DEFAULT SYSDATETIME(), RowVer rowversion NOT NULL);
CREATE TABLE dbo.Exam (
  ExamID int NOT NULL PRIMARY KEY, PatientID int NOT NULL REFERENCES dbo.Patient(PatientID), Depth tinyint
  NULL, Notes nvarchar(max) NULL, RowVer rowversion NOT NULL);
CREATE INDEX IX_Exam_Patient ON dbo.Exam (PatientID);
CREATE TABLE dbo.Document (DocumentID int NOT NULL PRIMARY KEY, Content varbinary(max) NULL);
CREATE TABLE dbo.Kinds (
  ID int NOT NULL PRIMARY KEY, ABit bit NULL, ATiny tinyint NULL, ASmall smallint NULL, AnInt int NULL,
  ABig bigint NULL, ADecimal decimal(38,10) NULL, ASmallDecimal decimal(5,2) NULL, AMoney money NULL,
  AFloat float NULL, AReal real NULL, AChar char(5) NULL, AVarchar varchar(50) NULL, AText varchar(max) NULL,
  ANChar nchar(5) NULL, ANVarchar nvarchar(50) NULL, ANText nvarchar(max) NULL, ADate date NULL,
  ATime time(6) NULL, ADatetime datetime NULL, ADatetime2 datetime2(6) NULL, ASecond datetime2(0) NULL,
  ABinary binary(4) NULL, AVarbinary varbinary(50) NULL, ABlob varbinary(max) NULL,
  AnID uniqueidentifier NULL);
"""


@dataclass(frozen=True)
class Practice:
    """One database of the running server."""

    server: SandboxServer
    name: str
    owner_password: str
    reader_password: str

    def owner(self, *, autocommit: bool = True, trust: str | None = "yes") -> pyodbc.Connection:
        return self._connect(OWNER, self.owner_password, autocommit=autocommit, trust=trust)

    def reader(self, *, autocommit: bool = True, trust: str | None = "yes") -> pyodbc.Connection:
        return self._connect(READER, self.reader_password, autocommit=autocommit, trust=trust)

    def reader_string(self) -> str:
        return self.server.connection_string(self.name, READER, self.reader_password, trust="yes")

    def _connect(
        self, login: str, password: str, *, autocommit: bool, trust: str | None
    ) -> pyodbc.Connection:
        text = self.server.connection_string(self.name, login, password, trust=trust)
        return pyodbc.connect(text, autocommit=autocommit, timeout=10)


@dataclass(frozen=True)
class Sandbox:
    server: SandboxServer
    owner_password: str
    reader_password: str

    def practice(self, name: str) -> Practice:
        return Practice(self.server, name, self.owner_password, self.reader_password)


def fill(database: Database) -> None:
    """Three patients, of whom the first has two exams."""
    database.append(
        "Patient",
        pl.DataFrame(
            {
                "PatientID": [1, 2, 3],
                "LastName": ["Ångström", "o'Neil", None],
                "Code": ["abc", "ABC ", "x"],
                "Balance": ["10.50", "-3.25", None],
                "ModifiedAt": [MOMENT] * 3,
            }
        ).with_columns(pl.col("Balance").cast(pl.Decimal(9, 2))),
    )
    database.append(
        "Exam", pl.DataFrame({"ExamID": [1, 2], "PatientID": [1, 1], "Depth": [5, 2], "Notes": ["a 😀", ""]})
    )


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    directory = tmp_path_factory.mktemp("sqlserver")
    owner, reader = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
    with start(directory, owner_password=owner, reader_password=reader) as server:
        yield Sandbox(server, owner, reader)


_names = itertools.count(1)


@pytest.fixture(scope="session")
def make_practice(sandbox: Sandbox) -> Callable[[], Practice]:
    """A new database in the running server's directory, found at its first login."""

    def make() -> Practice:
        name = f"practice{next(_names)}"
        with Database.create(Path(sandbox.server.directory) / f"{name}.duckdb", DDL) as database:
            fill(database)
        return sandbox.practice(name)

    return make


@pytest.fixture(scope="session")
def maple(make_practice: Callable[[], Practice]) -> Practice:
    """A practice that tests only read."""
    return make_practice()


@pytest.fixture
def practice(make_practice: Callable[[], Practice]) -> Iterator[Practice]:
    made = make_practice()
    yield made
    made.server.clear_faults()


def error_of(error: pyodbc.Error) -> tuple[str, int]:
    """The SQLSTATE and SQL Server's number, which the driver puts in parentheses."""
    state, text = error.args[0], error.args[1]
    return state, int(text.rpartition(" (")[0].rpartition("(")[2].rstrip(")"))
