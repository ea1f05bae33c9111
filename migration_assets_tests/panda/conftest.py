"""The sandbox's SQL Server, with a database for each test that wants one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from migration_assets.panda.connection import Source
from migration_assets.panda.settings import SourceSettings
from migration_sandbox.practice.schema import ddl
from migration_sandbox.sqlserver.database import Database
from migration_sandbox.sqlserver.launch import SandboxServer, start

# Together they hold what connection strings must escape, each as much as FreeTDS can be given.
OWNER_PASSWORD, READER_PASSWORD = "owner's;own", "read}er"

MakeSource = Callable[..., Source]
MakeDatabase = Callable[..., str]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    directory = tmp_path_factory.mktemp("sqlserver")
    with start(directory, owner_password=OWNER_PASSWORD, reader_password=READER_PASSWORD) as server:
        yield server


@pytest.fixture
def server(running_server: SandboxServer) -> Iterator[SandboxServer]:
    yield running_server
    running_server.clear_faults()


@pytest.fixture
def database(running_server: SandboxServer) -> MakeDatabase:
    """Makes a database out of T-SQL (default: the default profile's schema) and frames by table; its name."""

    def make(schema: str | None = None, **tables: pl.DataFrame) -> str:
        name = f"panda_{next(_numbers)}"
        path: Path = running_server.directory / f"{name}.duckdb"
        with Database.create(path, schema or ddl()) as made:
            for table, frame in tables.items():
                made.append(table, frame, check_foreign_keys=False)
        return name

    return make


@pytest.fixture
def source(running_server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> MakeSource:
    """The reader's way to a database; settings may be given by name."""
    monkeypatch.setenv("SANDBOX_READER", READER_PASSWORD)
    monkeypatch.setenv("SANDBOX_OWNER", OWNER_PASSWORD)

    def make(database: str, **given: Any) -> Source:
        usual = {
            "server": "127.0.0.1",
            "port": running_server.port,
            "database": database,
            "username": "panda_reader",
            "password": {"env": "SANDBOX_READER"},
            "trust_server_certificate": True,
            "login_timeout_seconds": 5,
        }
        return Source(SourceSettings.model_validate({**usual, **given}))

    return make
