"""Extraction from a server that misbehaves: what is tried again and how often, and what stays as it was."""

from __future__ import annotations

import shutil
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import pytest

from migration_assets.errors import (
    MigrationError,
    SourceConnectionLost,
    SourceDeadlock,
    SourceLoginFailed,
    SourceTimeout,
    SourceUnreachable,
)
from migration_assets.panda import connection, reading, retrying
from migration_assets.panda.connection import Batches, BulkConnection, Source
from migration_assets.panda.extract import extract
from migration_assets.panda.odbc_errors import SourcePermissionDenied
from migration_assets.panda.profile import Profile, load_profile
from migration_assets.panda.retrying import ATTEMPTS
from migration_assets.warehouse import DuckDBSettings, Warehouse
from migration_assets_tests.panda.conftest import READER_PASSWORD, MakeDatabase, MakeSource
from migration_assets_tests.panda.relay import Relay
from migration_sandbox.practice.generator import Practice, generate, write_database
from migration_sandbox.sqlserver.launch import SandboxServer, start

PROFILE = load_profile("default")
TABLES = ("Patient", "PeriodontalCharting", "ClinicalExam")
CHART = "dbo.PeriodontalCharting"
DATABASE = "panda_faults"
IN_THE_MIDDLE = 60_000
"""Bytes of the chart's result, of more than 200,000 in all."""

Action = Callable[[BulkConnection], None]
Tables = dict[str, pl.DataFrame]


class BeforeReading(Protocol):
    """Does something when a table is about to be read, after its rows were counted: so many times."""

    def __call__(self, table: str, action: Action, times: int = 99) -> None: ...


@dataclass(frozen=True)
class Places:
    """The practice that is to be read, in a database of the server's and in the file of one that can be
    stopped; and a warehouse that holds another one."""

    practice: Practice
    directory: Path
    filled: Path


@pytest.fixture(scope="module")
def places(running_server: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Places:
    former, practice = (generate(5, patients, planted=0) for patients in (8, 20))
    write_database(practice, running_server.directory / f"{DATABASE}.duckdb")
    folder = tmp_path_factory.mktemp("places")
    (folder / "sql").mkdir()
    shutil.copy(running_server.directory / f"{DATABASE}.duckdb", folder / "sql")
    warehouse = Warehouse(folder / "panda.duckdb")
    with warehouse.open() as session:
        for table in (*TABLES, "not_in_scope", "extractions"):
            session.replace_table("panda", table, former.tables.get(table, pl.DataFrame({"former": [1]})))
    return Places(practice, folder / "sql", warehouse.path)


@pytest.fixture
def practice(places: Places) -> Practice:
    return places.practice


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "panda.duckdb", DuckDBSettings(threads=1, lock_timeout_seconds=5))


@pytest.fixture
def former(places: Places, warehouse: Warehouse) -> Tables:
    """What an earlier extraction has left in the warehouse: every table of its schema."""
    shutil.copy(places.filled, warehouse.path)
    return content(warehouse)


@pytest.fixture
def reader(places: Places, source: MakeSource, server: SandboxServer) -> Source:  # noqa: ARG001
    """The way to the practice, at a server that was asked nothing yet."""
    server.forget_statements()
    return source(DATABASE)


@pytest.fixture
def before_reading(monkeypatch: pytest.MonkeyPatch) -> BeforeReading:
    sound = BulkConnection.batches

    def arm(table: str, action: Action, times: int = 99) -> None:
        left = [action] * times

        def batches(self: BulkConnection, query: str, **how: Any) -> Batches:
            if how["doing"] == f"reading {table}" and left:
                left.pop()(self)
            return sound(self, query, **how)

        monkeypatch.setattr(BulkConnection, "batches", batches)

    return arm


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the extraction would have waited before each further attempt."""
    slept: list[float] = []
    monkeypatch.setattr(retrying, "time", types.SimpleNamespace(sleep=slept.append))
    return slept


def content(warehouse: Warehouse) -> Tables:
    with warehouse.open(read_only=True) as session:
        return {name: session.read("panda", name) for name in session.tables("panda")}


def assert_holds(warehouse: Warehouse, practice: Practice) -> None:
    """Every cell of the practice's tables, each row once, and a line for each table."""
    found = content(warehouse)
    for logical in TABLES:
        key, rows = PROFILE.table(logical).key, practice.tables[logical]
        arrived = found[logical].select(rows.columns).sort(key)
        assert arrived.equals(rows.sort(key).cast(arrived.schema)), logical
    assert sorted(found["extractions"]["logical_table"]) == sorted(TABLES)


def assert_untouched(warehouse: Warehouse, former: Tables) -> None:
    found = content(warehouse)
    assert list(found) == list(former)
    assert all(found[name].equals(former[name]) for name in former)


def attempts_at(server: SandboxServer) -> int:
    """How many transactions the server saw."""
    return sum(each["kind"] == "BEGIN TRANSACTION" for each in server.statements())


def assert_a_clear_sentence(error: MigrationError, *parts: str) -> None:
    text = str(error)
    assert all(part in text for part in parts), text
    assert "\n" not in text
    assert not any(name in text for name in ("127.0.0.1", "panda_reader", READER_PASSWORD, "Microsoft"))
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_a_deadlock_is_answered_by_starting_again(
    reader: Source, practice: Practice, warehouse: Warehouse, server: SandboxServer, pauses: list[float]
) -> None:
    server.deadlock("PeriodontalCharting")
    extract(reader, PROFILE, warehouse, TABLES)
    assert_holds(warehouse, practice)
    assert (attempts_at(server), len(pauses)) == (2, 1)


def test_too_many_deadlocks_leave_the_former_tables(
    reader: Source, former: Tables, warehouse: Warehouse, server: SandboxServer, pauses: list[float]
) -> None:
    server.deadlock("ClinicalExam", times=50)
    with pytest.raises(SourceDeadlock) as raised:
        extract(reader, PROFILE, warehouse, TABLES)
    assert_a_clear_sentence(raised.value, "deadlock victim", "error 1205")
    assert attempts_at(server) == ATTEMPTS
    assert len(set(pauses)) == ATTEMPTS - 1
    assert pauses == sorted(pauses)
    assert_untouched(warehouse, former)


def test_a_chart_cut_in_its_middle_is_read_again_from_the_first_table(
    reader: Source,
    practice: Practice,
    warehouse: Warehouse,
    server: SandboxServer,
    before_reading: BeforeReading,
    pauses: list[float],
) -> None:
    before_reading(CHART, lambda _: server.cut_next_result(IN_THE_MIDDLE), times=1)
    extract(reader, PROFILE, warehouse, TABLES)
    assert_holds(warehouse, practice)
    assert (attempts_at(server), len(pauses)) == (2, 1)


def test_a_chart_that_is_cut_each_time_leaves_the_former_tables(
    reader: Source,
    former: Tables,
    warehouse: Warehouse,
    server: SandboxServer,
    before_reading: BeforeReading,
    pauses: list[float],
) -> None:
    before_reading(CHART, lambda _: server.cut_next_result(IN_THE_MIDDLE))
    with pytest.raises(SourceConnectionLost) as raised:
        extract(reader, PROFILE, warehouse, TABLES)
    assert_a_clear_sentence(raised.value, f"reading {CHART}: the connection broke", "check the network")
    assert (attempts_at(server), len(pauses)) == (ATTEMPTS, ATTEMPTS - 1)
    assert_untouched(warehouse, former)


@pytest.mark.parametrize("cut", [2_500, 30_000, 180_000])
def test_wherever_the_line_breaks_the_tables_are_whole_in_the_end(
    cut: int,
    source: MakeSource,
    practice: Practice,
    warehouse: Warehouse,
    server: SandboxServer,
    pauses: list[float],
) -> None:
    with Relay(server.port, cuts=[cut]) as relay:
        extract(source(DATABASE, port=relay.port), PROFILE, warehouse, TABLES)
    assert_holds(warehouse, practice)
    assert (relay.connections, len(pauses)) == (2, 1)


def test_a_slow_server_is_told_apart_and_not_asked_again(
    source: MakeSource,
    former: Tables,
    warehouse: Warehouse,
    server: SandboxServer,
    before_reading: BeforeReading,
    pauses: list[float],
) -> None:
    before_reading(CHART, lambda _: server.delay(20))
    server.forget_statements()
    reader = source(DATABASE, query_timeout_seconds=2)
    with pytest.raises(SourceTimeout) as raised:
        extract(reader, PROFILE, warehouse, TABLES)
    assert_a_clear_sentence(raised.value, f"reading {CHART}", "source.query_timeout_seconds")
    assert (attempts_at(server), pauses) == (1, [])
    assert_untouched(warehouse, former)


def test_a_server_that_stops_in_the_middle_of_a_result_isn_t_waited_for_without_end(
    source: MakeSource,
    former: Tables,
    warehouse: Warehouse,
    server: SandboxServer,
    pauses: list[float],
) -> None:
    with Relay(server.port, cuts=[IN_THE_MIDDLE + 60_000], silent=True) as relay:
        reader = source(DATABASE, port=relay.port, query_timeout_seconds=2)
        with pytest.raises(SourceTimeout) as raised:
            extract(reader, PROFILE, warehouse, TABLES)
    assert_a_clear_sentence(raised.value, f"reading {CHART}", "source.query_timeout_seconds")
    assert (relay.connections, pauses) == (1, [])
    assert_untouched(warehouse, former)


class Restartable:
    """A server of its own that can be stopped, and started again at the same port."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.running = self._start(0)
        self.port = self.running.port

    def stop(self) -> None:
        self.running.stop()

    def start(self) -> None:
        self.running = self._start(self.port)

    def _start(self, port: int) -> SandboxServer:
        return start(self._directory, reader_password=READER_PASSWORD, port=port)


@pytest.fixture
def restartable(places: Places) -> Iterator[Restartable]:
    made = Restartable(places.directory)
    yield made
    made.stop()


def test_a_server_started_again_between_two_tables_is_waited_for(
    restartable: Restartable,
    source: MakeSource,
    practice: Practice,
    warehouse: Warehouse,
    before_reading: BeforeReading,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first attempt breaks, the second finds a closed port, the third an answer."""
    reader = source(DATABASE, port=restartable.port, login_timeout_seconds=1)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            restartable.start()

    before_reading(CHART, lambda _: restartable.stop(), times=1)
    monkeypatch.setattr(retrying, "time", types.SimpleNamespace(sleep=sleep))
    extract(reader, PROFILE, warehouse, TABLES)
    assert_holds(warehouse, practice)
    assert len(pauses) == 2


def test_a_server_that_doesn_t_come_back_leaves_the_former_tables(
    restartable: Restartable,
    source: MakeSource,
    former: Tables,
    warehouse: Warehouse,
    before_reading: BeforeReading,
    pauses: list[float],
) -> None:
    reader = source(DATABASE, port=restartable.port, login_timeout_seconds=1)
    before_reading(CHART, lambda _: restartable.stop())
    with pytest.raises(SourceUnreachable) as raised:
        extract(reader, PROFILE, warehouse, TABLES)
    assert_a_clear_sentence(raised.value, "no server answered", "source.port")
    assert len(pauses) == ATTEMPTS - 1
    assert_untouched(warehouse, former)


@pytest.mark.parametrize(
    ("given", "kind", "remedy"),
    [
        ({"password": {"env": "SANDBOX_OWNER"}}, SourceLoginFailed, "source.username"),
        ({"database": "nowhere"}, SourceLoginFailed, "source.database"),
        ({"port": 1, "login_timeout_seconds": 1}, SourceUnreachable, "source.port"),
    ],
)
def test_a_server_that_won_t_have_us_is_asked_once(
    given: dict[str, Any],
    kind: type[MigrationError],
    remedy: str,
    source: MakeSource,
    former: Tables,
    warehouse: Warehouse,
    pauses: list[float],
) -> None:
    with pytest.raises(kind) as raised:
        extract(source(**{"database": DATABASE, **given}), PROFILE, warehouse, TABLES)
    assert_a_clear_sentence(raised.value, remedy)
    assert pauses == []
    assert_untouched(warehouse, former)


def test_what_the_login_may_not_do_isn_t_tried_again(
    reader: Source,
    former: Tables,
    warehouse: Warehouse,
    server: SandboxServer,
    before_reading: BeforeReading,
    pauses: list[float],
) -> None:
    before_reading(CHART, lambda bulk: bulk.execute(f"DELETE FROM {CHART}", f"reading {CHART}"))
    with pytest.raises(SourcePermissionDenied) as raised:
        extract(reader, PROFILE, warehouse, TABLES)
    assert_a_clear_sentence(raised.value, f"reading {CHART}: the login may not read this", "GRANT SELECT")
    assert (attempts_at(server), pauses) == (1, [])
    assert_untouched(warehouse, former)


def test_no_row_is_lost_or_doubled_where_a_batch_ends(
    source: MakeSource, database: MakeDatabase, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BATCH_ROWS", 7)
    sizes = (0, 1, 6, 7, 8, 13, 14, 15)
    names = [f"Of{size}" for size in sizes]
    rows = {name: pl.DataFrame({"ID": range(size)}) for name, size in zip(names, sizes, strict=True)}
    tables = {name: {"name": name, "key": "ID", "columns": ["ID"]} for name in names}
    ddl = "".join(f"CREATE TABLE dbo.{name} (ID bigint NOT NULL PRIMARY KEY);" for name in names)
    profile = Profile.model_validate({"name": "sizes", "tables": tables})

    extracted = extract(source(database(ddl, **rows)), profile, warehouse, names)

    found = content(warehouse)
    assert {name: found[name]["ID"].to_list() for name in names} == {
        name: list(range(size)) for name, size in zip(names, sizes, strict=True)
    }
    assert [table.rows for table in extracted.tables] == list(sizes)


def test_a_batch_with_room_for_a_few_long_rows_only_loses_none(
    reader: Source, practice: Practice, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH_BYTES", 1)
    extract(reader, PROFILE, warehouse, TABLES)
    assert_holds(warehouse, practice)
