"""One account in one directory: settings, users, schema, records, and the one transaction that changes them.

Everything is an SQLite file (WAL) beside a folder of file contents (blobs.py). All rows also stand in memory,
loaded at the start; `commit` writes one SQLite transaction and only then changes memory, so a killed server
comes back with exactly what it had answered for, and a bulk job goes on after its last committed row.
"""

import json
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from migration_sandbox.freshsales.blobs import Blobs
from migration_sandbox.freshsales.clock import Clock, shown
from migration_sandbox.freshsales.rates import Rates
from migration_sandbox.freshsales.settings import Settings

FIRST_ID = 31_000_000_000
"""Ids have eleven digits. One sequence serves all entities: an id taken for another's is found out."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
    entity TEXT NOT NULL, id INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (entity, id)
);
CREATE TABLE IF NOT EXISTS calls (at REAL NOT NULL);
"""


@dataclass
class Row:
    """One record. `values` are standard fields by name, `custom` those of `custom_field`; times are the
    account's seconds since the epoch; `deleted` is when it went into the recycle bin."""

    id: int
    values: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    created: float = 0.0
    updated: float = 0.0
    deleted: float | None = None
    creater_id: int | None = None
    updater_id: int | None = None

    @property
    def live(self) -> bool:
        return self.deleted is None


Keys = Callable[[Row], Iterable[Hashable]]
Change = tuple[str, Row]


class Index:
    """Ids of the rows that have a key."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._ids: dict[Hashable, set[int]] = defaultdict(set)

    def add(self, row: Row) -> None:
        for key in self.keys(row):
            self._ids[key].add(row.id)

    def drop(self, row: Row) -> None:
        for key in self.keys(row):
            self._ids[key].discard(row.id)

    def ids(self, key: Hashable) -> list[int]:
        return sorted(self._ids.get(key, ()))


class Account:
    """The state of an account. Every change and every consistent read happens under `lock`."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.lock = threading.RLock()
        self.db = sqlite3.connect(directory / "account.sqlite", check_same_thread=False, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.executescript(SCHEMA)
        self.is_new = self.meta("settings") is None
        self.settings = settings if self.is_new else Settings(**self.meta("settings"))
        self.clock = Clock(*(self.meta("clock") or [0.0, 0.0, 1.0]))
        if self.is_new:
            self.clock.set(time.time(), settings.clock_speed)
        self._next_id = int(self.meta("next_id") or FIRST_ID)
        self.tables: dict[str, dict[int, Row]] = defaultdict(dict)
        self.indexes: dict[str, dict[str, Index]] = defaultdict(dict)
        self.blobs = Blobs(directory / "files")
        for entity, text in self.db.execute("SELECT entity, value FROM records ORDER BY id"):
            row = Row(**json.loads(text))
            self.tables[entity][row.id] = row
        self.rates = Rates(self.db)
        self.blobs.sweep({row.values["blob"] for row in self.tables["document"].values()})
        self.save_settings(self.settings)

    def meta(self, key: str) -> Any:
        found = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if found is None else json.loads(found[0])

    def set_meta(self, key: str, value: object) -> None:
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def save_settings(self, settings: Settings) -> None:
        with self.lock:
            if settings.clock_speed != self.clock.speed:
                self.clock.set(self.clock.now(), settings.clock_speed)
            self.settings = settings
            self.set_meta("settings", settings.model_dump())
            self.set_meta("clock", self.clock.kept())

    def advance(self, seconds: float) -> None:
        """Move the account's clock forward."""
        with self.lock:
            self.clock.set(self.clock.now() + seconds, self.clock.speed)
            self.set_meta("clock", self.clock.kept())

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.time_zone)

    def time(self, seconds: float | None) -> str | None:
        return shown(seconds, self.zone)

    def now(self) -> float:
        return self.clock.now()

    def new_id(self) -> int:
        """Ids of a change that isn't committed are lost, as a database's sequences lose them."""
        self._next_id += 1
        return self._next_id

    def index(self, entity: str, name: str, keys: Keys) -> Index:
        """The index of that name, made at its first use and kept up by `commit`."""
        found = self.indexes[entity].get(name)
        if found is None:
            found = self.indexes[entity][name] = Index(keys)
            for row in self.tables[entity].values():
                found.add(row)
        return found

    def get(self, entity: str, record_id: int) -> Row | None:
        return self.tables[entity].get(record_id)

    def copy(self, entity: str, record_id: int) -> Row | None:
        """A row to change and commit; what `get` gives is never to be changed."""
        return deepcopy(self.get(entity, record_id))

    def rows(self, entity: str) -> list[Row]:
        return list(self.tables[entity].values())

    def commit(self, changes: Sequence[Change], removed: Sequence[tuple[str, int]] = ()) -> None:
        with self.lock:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                for entity, row in changes:
                    self.db.execute(
                        "INSERT OR REPLACE INTO records VALUES (?, ?, ?)",
                        (entity, row.id, json.dumps(asdict(row))),
                    )
                for entity, record_id in removed:
                    self.db.execute("DELETE FROM records WHERE entity = ? AND id = ?", (entity, record_id))
                self.set_meta("next_id", self._next_id)
            except BaseException:
                self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")
            for entity, row in changes:
                self._replace(entity, row.id, row)
            for entity, record_id in removed:
                self._replace(entity, record_id, None)

    def _replace(self, entity: str, record_id: int, row: Row | None) -> None:
        old = self.tables[entity].pop(record_id, None)
        for index in self.indexes[entity].values():
            if old is not None:
                index.drop(old)
            if row is not None:
                index.add(row)
        if row is not None:
            self.tables[entity][record_id] = row

    def used_file_bytes(self) -> int:
        return sum(row.values["content_file_size"] for row in self.rows("document"))

    def file_storage(self) -> int:
        active = sum(1 for row in self.rows("user") if row.values["is_active"])
        return self.settings.storage(active)

    def close(self) -> None:
        with self.lock:
            self.db.close()
