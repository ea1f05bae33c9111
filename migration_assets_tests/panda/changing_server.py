"""A database of one table whose rows change between polls, in place of ``Source``: what change detection
asks, and nothing else, is answered out of Python values. Its own state is the journal that tests compare
with.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pyarrow as pa

from migration_assets.panda.connection import Source
from migration_assets.panda.profile import Profile

TABLE = "Thing"
_RV = re.compile(r"\[RowVer\] >= 0x(\w{16})")
_MODIFIED = re.compile(r"\[ModifiedAt\] >= CAST\('([^']+)' AS datetime2\(3\)\)")
_TRACKED = re.compile(r"CHANGETABLE\(CHANGES \[dbo\]\.\[Thing\], (\d+)\)")


def profile(**given: str) -> Profile:
    columns = ["ThingID", "Value", *given.values()]
    table = {"name": TABLE, "key": "ThingID", "columns": columns, **given}
    return Profile.model_validate({"name": "thing", "tables": {TABLE: table}})


ROWVERSION = profile(rowversion="RowVer")
MODIFIED_AT = profile(modified_at="ModifiedAt")
NO_VERSION = profile()


@dataclass
class Row:
    value: str
    rowversion: int
    modified_at: datetime


@dataclass
class Open:
    """A transaction that has written ``rows`` (None: deleted) and hasn't committed."""

    rows: dict[int, Row | None]
    first_rowversion: int


@dataclass
class ChangingServer:
    """``versions``: which of RowVer and ModifiedAt the table has; ``tracking``: change tracking is on."""

    versions: tuple[str, ...] = ()
    tracking: bool = False
    snapshot: bool = True
    rows: dict[int, Row] = field(default_factory=dict)
    clock: datetime = datetime(2026, 3, 2, 8)
    last_rowversion: int = 2000
    version: int = 0
    oldest: int = 0
    log: list[tuple[int, int]] = field(default_factory=list)
    opened: list[Open] = field(default_factory=list)
    name: str = "PANDA01"
    passed_by: set[int] = field(default_factory=set)
    """Keys that the next scan of the whole table misses, as one without a snapshot may."""
    asked: list[str] = field(default_factory=list)

    # What an application does.

    def write(self, key: int, value: str) -> None:
        self._commit({key: self._row(value)})

    def delete(self, key: int) -> None:
        self._commit({key: None})

    def move(self, key: int, to: int) -> None:
        """Changes the primary key."""
        self._commit({key: None, to: self._row(self.rows[key].value)})

    def write_all(self, value: str) -> None:
        self._commit({key: self._row(value) for key in self.rows})

    def truncate(self) -> None:
        """Change tracking doesn't tell the rows; its versions until then are too old (Microsoft Learn, "Work
        with change tracking", TRUNCATE TABLE)."""
        self.rows.clear()
        self.version += 1
        self.forget_changes()

    def write_slowly(self, key: int, value: str) -> None:
        row = self._row(value)
        self.opened.append(Open({key: row}, row.rowversion))

    def commit_first(self) -> None:
        if self.opened:
            self._commit(self.opened.pop(0).rows)

    def pass_time(self, minutes: int) -> None:
        self.clock += timedelta(minutes=minutes)

    def forget_changes(self) -> None:
        """Change tracking's clean-up."""
        self.log.clear()
        self.oldest = self.version

    def backup(self) -> ChangingServer:
        return copy.deepcopy(self)

    def restore(self, backup: ChangingServer) -> None:
        for part in ("rows", "last_rowversion", "version", "oldest", "log"):
            setattr(self, part, copy.deepcopy(getattr(backup, part)))
        self.opened.clear()

    def values(self) -> dict[int, str]:
        return {key: row.value for key, row in self.rows.items()}

    def _row(self, value: str) -> Row:
        self.last_rowversion += 1
        self.clock += timedelta(seconds=1)
        return Row(value, self.last_rowversion, self.clock)

    def _commit(self, rows: dict[int, Row | None]) -> None:
        self.version += 1
        for key, row in rows.items():
            self.log.append((self.version, key))
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row

    # What change detection asks.

    settings: ClassVar[SimpleNamespace] = SimpleNamespace(login_timeout_seconds=0, query_timeout_seconds=0)

    @property
    def source(self) -> Source:
        return cast(Source, self)

    @contextmanager
    def bulk(self) -> Iterator[Connection]:
        self.asked = []
        yield Connection(self)

    def answer(self, query: str) -> list[tuple[Any, ...]]:
        self.asked.append(query)
        for part, answer in self._catalog().items():
            if part in query:
                return answer
        if query.startswith("SELECT COUNT_BIG(*) AS n FROM CHANGETABLE"):
            return [(len(self._changed(query)),)]
        counts = [len(self.rows)] if "AS touched" in query else []
        latest = [max((row.modified_at for row in self.rows.values()), default=None)]
        return [(*counts, len(self._chosen(query)), *(latest if "AS latest" in query else []))]

    def _catalog(self) -> dict[str, list[tuple[Any, ...]]]:
        columns = [("dbo", TABLE, "BASE TABLE", name, kind, length) for name, kind, length in self._columns()]
        return {
            "MIN_ACTIVE_ROWVERSION": [self._moment()],
            "INFORMATION_SCHEMA.COLUMNS": columns,
            "sys.change_tracking_databases": [(int(self.tracking),)],
            "sys.change_tracking_tables": [("dbo", TABLE, self.oldest)] if self.tracking else [],
            "FROM sys.databases": [(int(self.snapshot),)],
            "HAS_PERMS_BY_NAME": [(1,)],
            "is_primary_key": [("ThingID",)],
        }

    def read(self, query: str) -> pa.RecordBatchReader:
        self.asked.append(query)
        if "= 'D'" in query:
            gone = [key for key in self._changed(query) if key not in self.rows]
            return pa.table({"source_key": pa.array(gone, pa.int32())}).to_reader()
        if "AS source_key" in query:
            return pa.table({"source_key": pa.array(list(self._scanned()), pa.int32())}).to_reader()
        rows = self._chosen(query) if "WHERE" in query else self._scanned()
        return self.table(rows).to_reader(max_chunksize=1000)

    def table(self, rows: dict[int, Row] | None = None) -> pa.Table:
        rows = self.rows if rows is None else rows
        cells = {
            "ThingID": pa.array(list(rows), pa.int32()),
            "Value": pa.array([row.value for row in rows.values()], pa.string()),
            "RowVer": pa.array([row.rowversion.to_bytes(8) for row in rows.values()], pa.binary()),
            "ModifiedAt": pa.array([row.modified_at for row in rows.values()], pa.timestamp("us")),
        }
        return pa.table({name: cells[name] for name, *_ in self._columns()})

    @property
    def bound(self) -> int:
        return min([each.first_rowversion for each in self.opened] or [self.last_rowversion + 1])

    def _scanned(self) -> dict[int, Row]:
        missed, self.passed_by = self.passed_by, set()
        return {key: row for key, row in self.rows.items() if key not in missed}

    def _moment(self) -> tuple[Any, ...]:
        tracking = self.version if self.tracking else None
        made = datetime(2020, 1, 1)
        return (self.name, "panda", made, int(self.snapshot), self.bound.to_bytes(8), tracking, self.clock)

    def _columns(self) -> list[tuple[str, str, int | None]]:
        known = {"RowVer": ("timestamp", None), "ModifiedAt": ("datetime2", None)}
        return [("ThingID", "int", None), ("Value", "nvarchar", 50), *((v, *known[v]) for v in self.versions)]

    def _changed(self, query: str) -> list[int]:
        found = _TRACKED.search(query)
        assert found is not None
        assert int(found[1]) >= self.oldest, "SQL Server may answer anything for a version below the oldest"
        return list({key for version, key in self.log if version > int(found[1])})

    def _chosen(self, query: str) -> dict[int, Row]:
        if _TRACKED.search(query):
            changed = self._changed(query)
            return {key: row for key, row in self.rows.items() if key in changed}
        if found := _RV.search(query):
            return {key: row for key, row in self.rows.items() if row.rowversion >= int(found[1], 16)}
        if found := _MODIFIED.search(query):
            since = datetime.fromisoformat(found[1])
            return {key: row for key, row in self.rows.items() if row.modified_at >= since}
        return dict(self.rows)


class Connection:
    """As BulkConnection."""

    def __init__(self, server: ChangingServer) -> None:
        self._server = server

    def execute(self, statement: str, doing: str) -> None:
        assert doing and statement.partition(" ")[0] in ("SET", "BEGIN", "COMMIT")

    def rows(self, query: str, **_: Any) -> list[tuple[Any, ...]]:
        return self._server.answer(query)

    def batches(self, query: str, **_: Any) -> pa.RecordBatchReader:
        return self._server.read(query)
