"""Change detection over TDS: its T-SQL, as the sandbox's server answers it, from extraction to last drain."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyodbc
import pytest

from migration_assets.errors import SourceError
from migration_assets.panda.change_cursor import Strategy
from migration_assets.panda.change_looking import Pace
from migration_assets.panda.change_store import ChangeStore
from migration_assets.panda.changes import Changes, begin_detection, last_drain, poll
from migration_assets.panda.connection import Source, connection_string
from migration_assets.panda.extract import extract
from migration_assets.panda.profile import Profile
from migration_assets.warehouse import Warehouse
from migration_assets_tests.panda.conftest import MakeDatabase, MakeSource
from migration_assets_tests.panda.relay import Relay
from migration_sandbox.sqlserver.launch import SandboxServer

SCHEMA = """
CREATE TABLE dbo.Tracked (ID int NOT NULL PRIMARY KEY, Name nvarchar(40) NULL, RowVer rowversion NOT NULL);
CREATE TABLE dbo.Versioned (
  ID int NOT NULL PRIMARY KEY, Notes nvarchar(max) NULL, RowVer rowversion NOT NULL);
CREATE TABLE dbo.Stamped (
  ID varchar(10) NOT NULL PRIMARY KEY, Name nvarchar(40) NULL, ModifiedAt datetime2(3) NULL);
CREATE TABLE dbo.Bare (ID bigint NOT NULL PRIMARY KEY, Cost decimal(12,2) NULL, Scan varbinary(max) NULL);
"""
TABLES = ("Tracked", "Versioned", "Stamped", "Bare")
PROFILE = Profile.model_validate(
    {
        "name": "four",
        "tables": {
            "Tracked": {"name": "Tracked", "key": "ID", "columns": ["ID", "Name"]},
            "Versioned": {"name": "Versioned", "key": "ID", "columns": ["ID", "Notes"]},
            "Stamped": {
                "name": "Stamped",
                "key": "ID",
                "columns": ["ID", "Name", "ModifiedAt"],
                "modified_at": "ModifiedAt",
            },
            "Bare": {"name": "Bare", "key": "ID", "columns": ["ID", "Cost"], "blobs": ["Scan"]},
        },
    }
)
OWNER = {"username": "panda_owner", "password": {"env": "SANDBOX_OWNER"}}
AT_ONCE = Pace(compare_every=timedelta(0))
ROWS = """
INSERT INTO dbo.Tracked (ID, Name) VALUES (1, N'a'), (2, N'b'), (3, N'c');
INSERT INTO dbo.Versioned (ID, Notes) VALUES (1, N'a'), (2, N'b'), (3, N'c');
INSERT INTO dbo.Stamped (ID, Name, ModifiedAt)
  VALUES ('x1', N'a', SYSDATETIME()), ('x2', N'b', SYSDATETIME());
INSERT INTO dbo.Bare (ID, Cost, Scan) VALUES (1, 1.50, 0x0102), (2, 2.50, 0x03)
"""

Execute = Callable[[str], None]


@pytest.fixture
def written(database: MakeDatabase, source: MakeSource) -> tuple[Source, Execute]:
    """The reader's way to the four tables, and the owner's to change them."""
    name = database(SCHEMA)
    owner = connection_string(source(name, **OWNER).settings)

    def execute(statements: str) -> None:
        with closing(pyodbc.connect(owner, autocommit=True)) as connection:
            for statement in filter(str.strip, statements.split(";")):
                connection.execute(statement)

    execute(f"ALTER DATABASE {name} SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 3 DAYS)")
    execute("ALTER TABLE dbo.Tracked ENABLE CHANGE_TRACKING")
    execute("GRANT VIEW CHANGE TRACKING ON OBJECT::dbo.Tracked TO panda_reader")
    execute(ROWS)
    return source(name), execute


def _found(changes: Changes) -> dict[str, tuple[int, int]]:
    return {
        each.table: (each.changed, each.deleted) for each in changes.tables if each.changed or each.deleted
    }


def _pending(store: Warehouse, upto: int) -> dict[str, list[tuple[Any, ...]]]:
    with store.open() as session:
        pages = {table: list(ChangeStore(session).pending(table, upto)) for table in TABLES}
    return {table: pl.concat(found).rows() for table, found in pages.items() if found}


def test_each_strategy_finds_its_table_s_changes(written: tuple[Source, Execute], tmp_path: Path) -> None:
    reader, execute = written
    extracted, store = Warehouse(tmp_path / "panda.duckdb"), Warehouse(tmp_path / "changes.duckdb")
    extract(reader, PROFILE, extracted, TABLES)
    cursor, chosen = begin_detection(reader, PROFILE, extracted, store, TABLES)
    assert [each.strategy for each in chosen] == list(Strategy)

    nothing = poll(reader, PROFILE, cursor, store, AT_ONCE)
    assert (nothing.found, nothing.distrust) == (0, None)

    execute(
        "UPDATE dbo.Tracked SET Name = N'other' WHERE ID = 1; DELETE FROM dbo.Tracked WHERE ID = 2;"
        "UPDATE dbo.Versioned SET Notes = N'other' WHERE ID = 1; DELETE FROM dbo.Versioned WHERE ID = 2;"
        "UPDATE dbo.Stamped SET Name = N'other', ModifiedAt = SYSDATETIME() WHERE ID = 'x1';"
        "DELETE FROM dbo.Stamped WHERE ID = 'x2';"
        "UPDATE dbo.Bare SET Scan = 0x99 WHERE ID = 1; DELETE FROM dbo.Bare WHERE ID = 2"
    )
    changes = poll(reader, PROFILE, nothing.cursor, store, AT_ONCE)
    assert _found(changes) == dict.fromkeys(TABLES, (1, 1))
    assert _pending(store, changes.poll) == {
        "Tracked": [("1", False), ("2", True)],
        "Versioned": [("1", False), ("2", True)],
        "Stamped": [("x1", False), ("x2", True)],
        "Bare": [("1", False), ("2", True)],
    }
    assert last_drain(reader, PROFILE, changes.cursor, store).found == 0


def test_a_poll_that_finds_nothing_costs_a_small_query_for_each_table_that_has_a_version(
    written: tuple[Source, Execute], server: SandboxServer, tmp_path: Path
) -> None:
    reader, _ = written
    extracted, store = Warehouse(tmp_path / "panda.duckdb"), Warehouse(tmp_path / "changes.duckdb")
    extract(reader, PROFILE, extracted, TABLES)
    cursor, _ = begin_detection(reader, PROFILE, extracted, store, TABLES)
    stamped = {"Stamped": cursor.tables.pop("Stamped")}

    server.forget_statements()
    nothing = poll(reader, PROFILE, cursor, store)
    # The database's versions, the oldest tracked ones, and a query for Tracked and for Versioned.
    assert (nothing.queries, nothing.rows_read) == (4, 0)
    asked = [each for each in server.statements() if each["login"] == "panda_reader"]
    assert len(asked) == 4 + 3, "the transaction's level, its beginning and its end besides"

    # Rows as old as the overlap are read again each time: the catalog, their measures and they.
    again = poll(reader, PROFILE, cursor.model_copy(update={"tables": stamped}), store)
    assert (again.found, again.queries, again.rows_read) == (0, 1 + 1 + 3 + 2, 2)


@pytest.mark.parametrize("falls_silent_after", [0, 1000, 2200])
def test_a_server_that_hangs_ends_a_poll_within_its_time_outs(
    falls_silent_after: int, written: tuple[Source, Execute], source: MakeSource, tmp_path: Path
) -> None:
    """Before its first byte, in the middle of the handshake, and once the login is done."""
    reader, _ = written
    extracted, store = Warehouse(tmp_path / "panda.duckdb"), Warehouse(tmp_path / "changes.duckdb")
    extract(reader, PROFILE, extracted, TABLES)
    cursor, _ = begin_detection(reader, PROFILE, extracted, store, TABLES)
    with Relay(reader.settings.resolved_port(), [falls_silent_after + 1] * 5, silent=True) as line:
        hanging = source(
            str(reader.settings.database), port=line.port, login_timeout_seconds=2, query_timeout_seconds=2
        )
        began = time.monotonic()
        with pytest.raises(SourceError):
            poll(hanging, PROFILE, cursor, store, AT_ONCE)
        took = time.monotonic() - began
    assert took < 6
