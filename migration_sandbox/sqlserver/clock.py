"""The server's clock, which a test sets: to another moment, backwards too, and to another speed.

One process stands for the servers of several practices, each in a time zone of its own.
"""

from __future__ import annotations

import datetime
import threading
import time
from zoneinfo import ZoneInfo


class Clock:
    """The process's own time until it is set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._base: datetime.datetime | None = None
        self._since = 0.0
        self._speed = 1.0

    def utc(self) -> datetime.datetime:
        """The moment in UTC, without an offset."""
        with self._lock:
            return self._utc()

    def local(self) -> datetime.datetime:
        """The same in the process's time zone, without an offset."""
        return self.utc().replace(tzinfo=datetime.UTC).astimezone().replace(tzinfo=None)

    def set(self, moment: datetime.datetime | None = None, speed: float | None = None) -> None:
        """moment: UTC, None for what the clock shows; speed: seconds a second, None for the present one."""
        if speed is not None and speed < 0:
            raise ValueError("a clock's speed is zero or more; it goes back by being set")
        with self._lock:
            self._base = self._utc() if moment is None else moment
            self._since = time.monotonic()
            self._speed = self._speed if speed is None else speed

    def reset(self) -> None:
        with self._lock:
            self._base, self._speed = None, 1.0

    def _utc(self) -> datetime.datetime:
        if self._base is None:
            return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        return self._base + datetime.timedelta(seconds=(time.monotonic() - self._since) * self._speed)


class ClockElsewhere(Clock):
    """A clock as a server in a time zone shows it."""

    def __init__(self, clock: Clock, zone: ZoneInfo) -> None:
        super().__init__()
        self._clock = clock
        self._zone = zone

    def utc(self) -> datetime.datetime:
        return self._clock.utc()

    def local(self) -> datetime.datetime:
        return self.utc().replace(tzinfo=datetime.UTC).astimezone(self._zone).replace(tzinfo=None)
