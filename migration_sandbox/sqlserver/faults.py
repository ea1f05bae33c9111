"""Faults that a test asks for, and the count of what clients asked: kinds of statements and tables, never
values."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass, field

from .errors import deadlocked

_REMEMBERED = 10_000


@dataclass(frozen=True)
class StatementRecord:
    number: int
    session: int
    login: str
    database: str
    kind: str  # "SELECT", "INSERT", "SET ISOLATION SNAPSHOT", "sp_columns_100"
    tables: tuple[str, ...]
    parameters: int
    error: int = 0


@dataclass
class Faults:
    """Shared by all connections of a server."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cut_after: int | None = None
    _deadlocks: dict[str, int] = field(default_factory=dict)
    _delay: float = 0.0
    _unreachable: set[str] = field(default_factory=set)
    _records: deque[StatementRecord] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _count: int = 0

    def cut_next_result(self, after_bytes: int) -> None:
        """The connection of the next SELECT's result breaks off after this many bytes of it."""
        with self._lock:
            self._cut_after = after_bytes

    def deadlock(self, table: str, times: int = 1) -> None:
        """The next SELECTs that read the table are chosen as a deadlock's victim."""
        with self._lock:
            self._deadlocks[table.casefold().removeprefix("dbo.")] = times

    def delay(self, seconds: float) -> None:
        """Every statement waits this long before it runs; 0 ends it."""
        with self._lock:
            self._delay = seconds

    def unreachable(self, database: str) -> None:
        """The reader's connections to it are cut, new ones too, while the owner goes on working."""
        with self._lock:
            self._unreachable.add(database.casefold())

    def is_unreachable(self, database: str) -> bool:
        with self._lock:
            return database.casefold() in self._unreachable

    def clear(self) -> None:
        with self._lock:
            self._unreachable.clear()
            self._cut_after, self._delay = None, 0.0
            self._deadlocks.clear()

    def take_cut(self) -> int | None:
        with self._lock:
            taken, self._cut_after = self._cut_after, None
            return taken

    def seconds(self) -> float:
        with self._lock:
            return self._delay

    def check_deadlock(self, tables: tuple[str, ...], session: int) -> None:
        with self._lock:
            for table in tables:
                left = self._deadlocks.get(table.casefold(), 0)
                if not left:
                    continue
                self._deadlocks[table.casefold()] = left - 1
                raise deadlocked(session)

    def record(
        self,
        session: int,
        login: str,
        database: str,
        kind: str,
        tables: tuple[str, ...],
        parameters: int,
        error: int,
    ) -> None:
        with self._lock:
            self._count += 1
            self._records.append(
                StatementRecord(self._count, session, login, database, kind, tables, parameters, error)
            )

    def statements(self) -> list[dict[str, object]]:
        with self._lock:
            return [asdict(record) for record in self._records]

    def forget_statements(self) -> None:
        with self._lock:
            self._records.clear()
