"""A practice's night for change detection over the wire: four tables, one for each strategy, whose writers'
journal is the oracle of every poll. Which traps are laid is test_change_traps.py's business.

One database serves all nights: its file, the known state and the cursor are put back between them, as a
backup would be.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyodbc

from migration_assets.panda.change_cursor import Cursor, Strategy, load_cursor
from migration_assets.panda.change_looking import Pace
from migration_assets.panda.change_store import ChangeStore
from migration_assets.panda.changes import Changes, begin_detection, last_drain, poll
from migration_assets.panda.connection import Source
from migration_assets.panda.extract import extract
from migration_assets.panda.profile import Profile
from migration_assets.warehouse import DuckDBSettings, Warehouse
from migration_sandbox.practice.desk import Desk
from migration_sandbox.practice.generator import generate
from migration_sandbox.practice.journal import Cells, Journal, last_states, state
from migration_sandbox.practice.schema import ddl, frame_schema, key_column, table_names
from migration_sandbox.sqlserver.database import Database
from migration_sandbox.sqlserver.launch import SandboxServer

TABLES = {
    Strategy.CHANGE_TRACKING: "ClinicalNote",
    Strategy.ROWVERSION: "TreatmentPlanLine",
    Strategy.MODIFIED_AT: "Insurance",
    Strategy.COMPARE: "ExamFinding",
}
TEXTS = {
    "ClinicalNote": "Body",
    "TreatmentPlanLine": "Description",
    "Insurance": "Carrier",
    "ExamFinding": "FindingValue",
}
"""A column of each table's that the traps write to."""
_DATABASE = "panda_nights"
_WITHOUT_ROWVERSION = (TABLES[Strategy.MODIFIED_AT], TABLES[Strategy.COMPARE])
_MOST_ROWS = 20
_AT_ONCE = Pace(compare_every=timedelta(0))
_ONE_THREAD = DuckDBSettings(threads=1)
_DAYS = 3  # change tracking's unit of the retention

Keys = dict[int, bool]
"""Of one table: key -> whether its row is gone."""
Rows = dict[int, Cells]


def _profile() -> Profile:
    tables: dict[str, dict[str, Any]] = {}
    for strategy, table in TABLES.items():
        tables[table] = {"name": table, "key": key_column(table), "columns": list(frame_schema(table))}
        if strategy is Strategy.MODIFIED_AT:
            tables[table]["modified_at"] = "ModifiedAt"
    return Profile.model_validate({"name": "nights", "tables": tables})


PROFILE = _profile()


@dataclass(frozen=True)
class Look:
    """One poll: what it reported pending by table, what the journal says had changed since the last one, and
    why a table was compared as a whole, where it was."""

    reported: Mapping[str, Keys]
    expected: Mapping[str, Keys]
    compared: Mapping[str, str | None]


@dataclass
class Ground:
    """What every night begins with."""

    folder: Path
    server: SandboxServer
    reader: Source
    owner: str
    cursor: Cursor
    begin: dict[str, Rows]

    @property
    def database(self) -> Path:
        return self.server.directory / f"{_DATABASE}.duckdb"

    @property
    def backup(self) -> Path:
        return self.folder / f"{_DATABASE}.duckdb"

    def restore(self) -> None:
        """Once its last session is over the database's file is free."""
        deadline = time.monotonic() + 10
        while True:
            try:
                duckdb.connect(str(self.database)).close()
                break
            except duckdb.Error:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        shutil.copyfile(self.backup, self.database)

    def connect(self) -> pyodbc.Connection:
        return pyodbc.connect(self.owner, autocommit=False)


def lay_ground(
    folder: Path, server: SandboxServer, reader: Callable[[str], Source], owner: Callable[[str], str]
) -> Ground:
    """``reader`` and ``owner`` (a connection string) are given the database's name."""
    _make_database(folder / f"{_DATABASE}.duckdb")
    shutil.copyfile(folder / f"{_DATABASE}.duckdb", server.directory / f"{_DATABASE}.duckdb")
    source = reader(_DATABASE)
    extracted = Warehouse(folder / "panda.duckdb", _ONE_THREAD)
    store = Warehouse(folder / "changes.duckdb", _ONE_THREAD)
    extract(source, PROFILE, extracted, list(PROFILE.tables))
    cursor, choices = begin_detection(source, PROFILE, extracted, store, list(PROFILE.tables))
    assert {each.strategy: each.table for each in choices} == TABLES
    ground = Ground(folder, server, source, owner(_DATABASE), cursor, {})
    with night(ground, folder / "beginning") as first:
        ground.begin |= first.held()
    return ground


def _make_database(path: Path) -> None:
    schema = ddl()
    for table in _WITHOUT_ROWVERSION:
        schema = re.sub(
            rf"(CREATE TABLE dbo\.{table} \(.*?),\s+RowVer\s+rowversion\s+NOT NULL(\n\);)",
            r"\1\2",
            schema,
            flags=re.DOTALL,
        )
    practice = generate(5, 12, exams_per_patient=1.0, planted=0, tables="all")
    with Database.create(path, schema) as made:
        for table in table_names():
            frame = practice.tables[table]
            made.append(table, frame.head(_MOST_ROWS) if table in TEXTS else frame)
        tracked, cursor = made.table(TABLES[Strategy.CHANGE_TRACKING]), made.cursor()
        with made.write_lock, made.transaction(cursor):
            made.tracking.enable(cursor, made.name, (3, _DAYS, 1))
            made.tracking.enable_table(cursor, tracked)
            made.tracking.grant(cursor, "panda_reader", tracked)


def _cells(row: Mapping[str, Any]) -> Cells:
    cells: Cells = (state(row) or {})["cells"]
    return cells


@dataclass
class Night:
    """``copy`` is the follower's: what the pending keys led it to read."""

    ground: Ground
    folder: Path
    journal: Journal
    store: Warehouse
    cursor: Cursor
    open: ExitStack
    copy: dict[str, Rows]
    journal_file: Path
    looks: list[Look] = field(default_factory=list)
    drain: Look | None = None
    source: dict[str, Rows] = field(default_factory=dict)
    usual: Desk | None = None
    moved: timedelta = timedelta(0)

    # What the practice does.

    def write(self, *events: Callable[[Desk, str], object]) -> None:
        """The events in each table, in one transaction."""
        desk = self._begin(self._desk(), *events)
        desk.commit(desk.write())

    def begun(self, *events: Callable[[Desk, str], object]) -> Desk:
        """The same by somebody else, not committed yet: ``desk.commit(desk.write())`` does."""
        return self._begin(self._new_desk(), *events)

    def _desk(self) -> Desk:
        if self.usual is None:
            self.usual = self._new_desk()
        return self.usual

    def _new_desk(self) -> Desk:
        return Desk(self.open.enter_context(closing(self.ground.connect())), self.journal, {})

    def _begin(self, desk: Desk, *events: Callable[[Desk, str], object]) -> Desk:
        desk.begin("trap")
        for table in TEXTS:
            for event in events:
                event(desk, table)
        return desk

    def pass_time(self, hours: float) -> None:
        """Of the server's clock, backwards too; nothing else takes notice."""
        self.moved += timedelta(hours=hours)
        self.ground.server.set_clock(datetime.now(UTC) + self.moved)

    def restore(self) -> None:
        """The database is again what it was when the night began."""
        self.open.close()
        self.usual = None
        self.ground.restore()
        self.journal_file = self.folder / "after the restore.jsonl"
        self.journal = self.open.enter_context(Journal(self.journal_file))

    # What a follower does.

    def poll(self, *, lose_cursor: bool = False) -> None:
        look, cursor = self._take(poll(self.ground.reader, PROFILE, self.cursor, self.store, _AT_ONCE))
        self.looks.append(look)
        if not lose_cursor:
            self.cursor = cursor

    def last_drain(self) -> None:
        self.drain, _ = self._take(last_drain(self.ground.reader, PROFILE, self.cursor, self.store))

    def held(self) -> dict[str, Rows]:
        """What the tables hold, by the database itself."""
        return {table: self._read(table, "1 = 1") for table in TEXTS}

    @property
    def model(self) -> dict[str, Rows]:
        """What the tables hold, by the journal alone."""
        model = {table: dict(rows) for table, rows in self.ground.begin.items()}
        for (table, key), cells in last_states(self.journal_file).items():
            if cells is None:
                model[table].pop(key, None)
            else:
                model[table][key] = cells
        return model

    def _take(self, changes: Changes) -> tuple[Look, Cursor]:
        expected = {table: _changed(self.copy[table], rows) for table, rows in self.model.items()}
        with self.store.open() as session:
            store = ChangeStore(session)
            reported = {
                table: {
                    int(key): deleted
                    for page in store.pending(table, changes.poll, page_rows=25)
                    for key, deleted in page.iter_rows()
                }
                for table in TEXTS
            }
            store.acknowledge(changes.poll)
        self._refresh(reported)
        compared = {each.table: each.compared for each in changes.tables}
        return Look(reported, expected, compared), load_cursor(changes.cursor.dumped())

    def _refresh(self, reported: Mapping[str, Keys]) -> None:
        for table, keys in reported.items():
            for key in keys:
                self.copy[table].pop(key, None)
            present = ", ".join(str(key) for key, deleted in keys.items() if not deleted)
            if present:
                self.copy[table] |= self._read(table, f"{key_column(table)} IN ({present})")

    def _read(self, table: str, where: str) -> Rows:
        desk = self._desk()
        rows = {row[key_column(table)]: _cells(row) for row in desk.rows(table, where)}
        desk.rollback()
        return rows


def _changed(before: Rows, after: Rows) -> Keys:
    gone = {key: True for key in before if key not in after}
    return gone | {key: False for key, cells in after.items() if before.get(key) != cells}


@contextmanager
def night(ground: Ground, folder: Path) -> Iterator[Night]:
    ground.restore()
    folder.mkdir()
    shutil.copyfile(ground.folder / "changes.duckdb", folder / "changes.duckdb")
    store = Warehouse(folder / "changes.duckdb", _ONE_THREAD)
    copy = {table: dict(rows) for table, rows in ground.begin.items()}
    try:
        with ExitStack() as still_open:
            journal = still_open.enter_context(Journal(folder / "journal.jsonl"))
            yield Night(
                ground, folder, journal, store, ground.cursor, still_open, copy, folder / "journal.jsonl"
            )
    finally:
        ground.server.reset_clock()
