"""A practice at work: events drawn by a seed and written over the owner's login, with a journal of each row.

Events come at random in office hours and rarely outside of them; some transactions stay open while others
commit. What hour it is at the practice is counted from where a run begins, ``speed`` times as fast as time
passes here; the rows are stamped by the source server's own clock, whether that runs as fast or not. The same
seed on the same database writes the same changes, but for times and for events that met another writer's
lock.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from types import TracebackType
from typing import Self

import pyodbc

from migration_sandbox.practice.desk import Desk
from migration_sandbox.practice.events import EVENTS, Event
from migration_sandbox.practice.journal import Journal

_OFFICE = range(8, 18)
_OUTSIDE = 0.02  # of the office's pace, at night and at weekends
_LOCK_MILLISECONDS = 200
_GIVEN_UP = ("1222", "1205", "3960", "547", "50000")
"""Errors after which an event is dropped: locks, conflicts, a row still in use, what the sandbox refuses."""


@dataclass
class _Late:
    """A transaction written but not committed yet."""

    connection: pyodbc.Connection
    desk: Desk
    transaction: int
    events_left: int


class Days:
    """A practice's events on one database; use it as a context manager, which commits what is still open.

    ``connect`` opens a connection of the owner's with autocommit off. ``late`` is the share of events whose
    transaction commits only after some later ones did; at most one is open at a time. ``events``: how often
    each happens in an hour of the office's.
    """

    def __init__(
        self,
        connect: Callable[[], pyodbc.Connection],
        journal: Journal,
        seed: int,
        *,
        late: float = 0.02,
        events: Mapping[Event, float] = EVENTS,
    ) -> None:
        self._connect = connect
        self._journal = journal
        self._random = Random(seed)
        self._events = events
        self._stopped = threading.Event()
        self._late_share = late
        self._late: _Late | None = None
        self._keys: dict[str, int] = {}
        self.written: Counter[str] = Counter()
        """Events by name; "given up" counts those that met a lock or a rule."""
        self._connection, self._desk = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.commit_late()
        finally:
            with suppress(pyodbc.Error):
                self._connection.close()

    def run(
        self, hours: float, *, speed: float = 1.0, pace: float = 1.0, begins: datetime | None = None
    ) -> None:
        """So many hours of the practice's, of which ``speed`` pass in one of this process's.

        ``pace`` multiplies how often events come. It is ``begins`` at the practice where the run begins,
        without one what the source's clock shows then.
        """
        busiest = pace * sum(self._events.values())
        opened = self._source_time() if begins is None else begins
        began = time.monotonic()
        passed = 0.0
        while True:
            passed += self._random.expovariate(busiest) * 3600
            due = began + min(passed, hours * 3600) / speed
            if self._stopped.wait(max(0.0, due - time.monotonic())) or passed >= hours * 3600:
                return
            if self._random.random() < _busy(opened + timedelta(seconds=passed)):
                self.step()

    def stop(self) -> None:
        """Ends a run after the event that it is at; from another thread, or from a signal's handler."""
        self._stopped.set()

    def step(self, event: Event | None = None) -> None:
        """One event, drawn or given, committed unless it is one of those that commit late."""
        chosen = event or self._random.choices(list(self._events), list(self._events.values()))[0]
        if self._late is None and event is None and self._random.random() < self._late_share:
            self._begin_late(chosen)
            return
        if self._written(self._desk, chosen):
            self._desk.commit(self._desk.write())
        if self._late is not None:
            self._late.events_left -= 1
            if self._late.events_left <= 0:
                self.commit_late()

    def commit_late(self) -> None:
        """What is still open, if anything, becomes visible now."""
        late, self._late = self._late, None
        if late is not None:
            late.desk.commit(late.transaction)
            late.connection.close()

    def _begin_late(self, event: Event) -> None:
        connection, desk = self._open()
        if self._written(desk, event):
            self._late = _Late(connection, desk, desk.write(), self._random.randrange(2, 12))
        else:
            connection.close()

    def _written(self, desk: Desk, event: Event) -> bool:
        """Whether the event has written rows, which wait for their commit; else there is nothing open."""
        name = event.__name__.replace("_", " ")
        try:
            desk.begin(name)
            event(desk, self._random)
        except pyodbc.Error as error:
            if not any(f"({number})" in str(error.args[-1]) for number in _GIVEN_UP):
                raise
            desk.rollback()
            self.written["given up"] += 1
            return False
        if not desk.changed:
            desk.rollback()
            return False
        self.written[name] += 1
        return True

    def _open(self) -> tuple[pyodbc.Connection, Desk]:
        connection = self._connect()
        connection.execute(f"SET LOCK_TIMEOUT {_LOCK_MILLISECONDS}")
        return connection, Desk(connection, self._journal, self._keys)

    def _source_time(self) -> datetime:
        now: datetime = self._connection.execute("SELECT SYSDATETIME()").fetchval()
        self._connection.rollback()
        return now


def _busy(now: datetime) -> float:
    return 1.0 if now.weekday() < 5 and now.hour in _OFFICE else _OUTSIDE
