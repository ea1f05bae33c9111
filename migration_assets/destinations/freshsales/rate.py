"""How many calls an account still takes, counted by all runs of this machine together: never one too many.

A file in SQLite for each account holds a line for each call of the last hour: no key, no path, no value. The
API counts a call at a moment that lies between its sending and its answer. So a call counts here from before
it is sent until a whole hour (or minute) after it was answered, and whichever way the account's window goes
(sliding, or with the clock's full hour: U), it never holds more than the limit. A call whose process died
counts as if it had taken as long as its timeouts allow.

Calls of others (another machine, another integration) are learnt of by 429 and by headers where the account
sends them (U). Nothing here makes a request.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from migration_assets.errors import ConfigurationError, DestinationLimitReached

HOUR, MINUTE = 3600.0, 60.0

_TABLES = """
CREATE TABLE IF NOT EXISTS calls (id INTEGER PRIMARY KEY AUTOINCREMENT, ended REAL NOT NULL);
CREATE INDEX IF NOT EXISTS calls_by_end ON calls (ended);
CREATE TABLE IF NOT EXISTS blocks (until REAL NOT NULL);
"""
_LOG = logging.getLogger(__name__)
_LONG_WAIT_SECONDS = 60.0
_LONGEST_LOOK_AWAY_SECONDS = 2.0
"""How long one sleeps before looking again: another run's call may have ended, or a 429 have come."""

_BUSY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls of an hour and a minute that are ours; ``speed`` is how many times faster the account's clock
    runs.

    ``longest_call`` (real seconds) is after when a call without an answer surely isn't counted any more.
    """

    hour: int
    minute: int
    longest_call: float
    speed: float = 1.0

    @property
    def windows(self) -> tuple[tuple[float, int], tuple[float, int]]:
        """Real seconds, and the calls that they hold."""
        return (HOUR / self.speed, self.hour), (MINUTE / self.speed, self.minute)


def account_file(folder: Path, address: str) -> Path:
    """The file of the account at that address; the address itself doesn't stand in its name."""
    return folder / f"freshsales-{hashlib.sha256(address.lower().encode()).hexdigest()[:16]}.sqlite"


class CallBudget:
    """The calls of one account. Any number of threads and processes may use the same file at once."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self._lock = threading.Lock()
        self._db: tuple[int, sqlite3.Connection] | None = None

    def take(self, patience: float | None = None) -> int:
        """Waits until a call may be made, and counts it; its number is for ``ended``.

        Raises DestinationLimitReached where that would take longer than ``patience`` (real seconds).
        """
        until = None if patience is None else time.monotonic() + patience
        told = False
        while True:
            number, wait = self._try()
            if number is not None:
                return number
            if wait >= _LONG_WAIT_SECONDS and not told:
                told = True
                _LOG.warning("Freshsales: the hour's calls are used up, or it said so; waiting %.0f s", wait)
            if until is not None and time.monotonic() + wait > until:
                raise DestinationLimitReached(
                    f"Freshsales: no call is left for {wait:,.0f} s ({self.limits.hour:,} an hour and "
                    f"{self.limits.minute:,} a minute are ours); wait, or use a plan with more"
                )
            time.sleep(min(wait, _LONGEST_LOOK_AWAY_SECONDS / max(self.limits.speed, 1.0)))

    def ended(self, number: int) -> None:
        """The call was answered, or given up."""
        with self._transaction() as db:
            db.execute("UPDATE calls SET ended = ? WHERE id = ?", (time.time(), number))

    def refused(self, seconds: float) -> None:
        """The account said 429: no run makes a call for that long (the account's seconds)."""
        with self._transaction() as db:
            db.execute("INSERT INTO blocks VALUES (?)", (time.time() + seconds / self.limits.speed,))

    def told(self, remaining: int) -> None:
        """What an answer's headers say is left of our hour: calls that we haven't made count as ended now."""
        now = time.time()
        (width, most), _ = self.limits.windows
        with self._transaction() as db:
            theirs = most - self._used(db, now - width) - max(remaining, 0)
            db.executemany("INSERT INTO calls (ended) VALUES (?)", [(now,)] * max(theirs, 0))

    def used(self) -> tuple[int, int]:
        """Calls of the last hour and minute, those of others as far as they are known."""
        now = time.time()
        (hour, _), (minute, _) = self.limits.windows
        with self._transaction() as db:
            return self._used(db, now - hour), self._used(db, now - minute)

    def expected_seconds(self, calls: int, seconds_a_call: float, at_once: int = 1) -> float:
        """Real seconds until so many more calls are made, begun now, with nobody else making any."""
        now = time.time()
        windows = self.limits.windows
        with self._transaction() as db:
            rows = db.execute(
                "SELECT ended FROM calls WHERE ended > ? ORDER BY ended", (now - windows[0][0],)
            )
            before = [min(float(row[0]), now) for row in rows]
            begin = max(now, self._blocked_until(db))
        return expected_end(before, begin, windows, calls, seconds_a_call / at_once) - now

    def close(self) -> None:
        with self._lock:
            if self._db is not None and self._db[0] == os.getpid():
                self._db[1].close()
            self._db = None

    def _try(self) -> tuple[int | None, float]:
        """The number of a counted call, or how long to wait (real seconds)."""
        with self._transaction() as db:
            now = time.time()
            windows = self.limits.windows
            db.execute("DELETE FROM calls WHERE ended <= ?", (now - windows[0][0],))
            db.execute("DELETE FROM blocks WHERE until <= ?", (now,))
            waits = [self._blocked_until(db) - now]
            for width, most in windows:
                over = self._used(db, now - width) - most
                if over >= 0:
                    query = "SELECT ended FROM calls WHERE ended > ? ORDER BY ended LIMIT 1 OFFSET ?"
                    free: float = db.execute(query, (now - width, over)).fetchone()[0]
                    waits.append(free + width - now)
            wait = max(waits)
            if wait > 0:
                return None, wait
            added = db.execute("INSERT INTO calls (ended) VALUES (?)", (now + self.limits.longest_call,))
            return added.lastrowid, 0.0

    def _used(self, db: sqlite3.Connection, since: float) -> int:
        return int(db.execute("SELECT count(*) FROM calls WHERE ended > ?", (since,)).fetchone()[0])

    def _blocked_until(self, db: sqlite3.Connection) -> float:
        row = db.execute("SELECT max(until) FROM blocks").fetchone()
        return float(row[0] or 0.0)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Alone in the file; what another process does waits meanwhile."""
        with self._lock:
            try:
                db = self._connection()
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                except BaseException:
                    db.execute("ROLLBACK")
                    raise
                db.execute("COMMIT")
            except (sqlite3.Error, OSError) as error:
                raise ConfigurationError(
                    f"{self.path}: the counts of Freshsales' calls can't be kept there "
                    f"({type(error).__name__}); give rate_folder a folder on a local disk that may be "
                    "written, or remove the file while no run is on its way and wait an hour"
                ) from None

    def _connection(self) -> sqlite3.Connection:
        """Of this process: a connection may not be carried through a fork."""
        if self._db is None or self._db[0] != os.getpid():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            db = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.executescript(_TABLES)
            self._db = (os.getpid(), db)
        return self._db[1]


def expected_end(
    before: Sequence[float],
    begin: float,
    windows: Sequence[tuple[float, int]],
    calls: int,
    seconds_a_call: float,
) -> float:
    """When the last of ``calls`` ends that are made one after the other as soon as the windows let them.

    ``before`` are the ends of calls that count already, oldest first; all in seconds of one clock.
    """
    holding = [(width, deque(before, maxlen=most)) for width, most in windows]
    now = begin
    for _ in range(calls):
        for width, ends in holding:
            if len(ends) == ends.maxlen:
                now = max(now, ends[0] + width)
        now += seconds_a_call
        for _, ends in holding:
            ends.append(now)
    return now
