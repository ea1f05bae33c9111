"""A server that keeps long results: the second answer is the first one's bytes, and nothing can change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyodbc
import pytest

from migration_assets_tests.sandbox.sqlserver_fixtures import DDL, error_of
from migration_sandbox.sqlserver.database import Database
from migration_sandbox.sqlserver.launch import SandboxServer, start
from migration_sandbox.sqlserver.permissions import OWNER
from migration_sandbox.sqlserver.recordings import SHORTEST

_PASSWORD = "owner's own"
_ROWS = SHORTEST + 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    directory = tmp_path_factory.mktemp("recordings")
    ids = pl.int_range(_ROWS, eager=True)
    with Database.create(directory / "maple.duckdb", DDL) as database:
        database.append("Kinds", pl.DataFrame({"ID": ids, "ANVarchar": "Ä" + ids.cast(pl.String)}))
    with start(directory, owner_password=_PASSWORD, keep_results=True) as running:
        yield running


@pytest.fixture
def client(server: SandboxServer) -> Iterator[pyodbc.Connection]:
    text = server.connection_string("maple", OWNER, _PASSWORD, trust="yes")
    with pyodbc.connect(text, autocommit=True, timeout=10) as connection:
        yield connection


def test_a_kept_result_is_answered_again_row_for_row(client: pyodbc.Connection) -> None:
    query = "SELECT ID, ANVarchar, ASmall FROM dbo.Kinds ORDER BY ID"
    first, second = (client.execute(query).fetchall() for _ in range(2))
    assert [tuple(row) for row in second] == [tuple(row) for row in first]
    assert (len(first), tuple(first[-1])) == (_ROWS, (_ROWS - 1, f"Ä{_ROWS - 1}", None))


def test_a_result_of_other_parameters_is_another_one(client: pyodbc.Connection) -> None:
    query = "SELECT ID FROM dbo.Kinds WHERE ID >= ?"
    counts = [len(client.execute(query, limit).fetchall()) for limit in (0, 1, 0)]
    assert counts == [_ROWS, _ROWS - 1, _ROWS]


def test_nothing_can_be_written(client: pyodbc.Connection) -> None:
    with pytest.raises(pyodbc.Error) as raised:
        client.execute("UPDATE dbo.Kinds SET ASmall = 1")
    assert error_of(raised.value)[1] == 3906


def test_a_server_keeps_nothing_unless_it_is_told_to(tmp_path: Path) -> None:
    with Database.create(tmp_path / "maple.duckdb", DDL) as database:
        database.append("Kinds", pl.DataFrame({"ID": pl.int_range(_ROWS, eager=True)}))
    with start(tmp_path, owner_password=_PASSWORD) as running:
        text = running.connection_string("maple", OWNER, _PASSWORD, trust="yes")
        with pyodbc.connect(text, autocommit=True, timeout=10) as connection:
            for changed in (0, 1):
                found = connection.execute("SELECT ID FROM dbo.Kinds WHERE ASmall IS NULL").fetchall()
                assert len(found) == _ROWS - changed
                connection.execute("UPDATE dbo.Kinds SET ASmall = 1 WHERE ID = 0")
