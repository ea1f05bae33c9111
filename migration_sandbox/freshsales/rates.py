"""How many calls an account has made: the limits of an hour and a minute, which all its users share.

Calls are kept on disk, so a killed server doesn't forget them. A window slides or begins with the clock's
full hour (a setting).
"""

import math
import sqlite3
from bisect import bisect_left
from dataclasses import dataclass, field

from migration_sandbox.freshsales.settings import Settings

HOUR, MINUTE = 3600.0, 60.0


@dataclass
class Rates:
    """Times of counted calls in the last hour, oldest first, and what was seen at worst."""

    db: sqlite3.Connection
    times: list[float] = field(default_factory=list)
    peak_hour: int = 0
    peak_minute: int = 0
    refused: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        self.times = [row[0] for row in self.db.execute("SELECT at FROM calls ORDER BY at")]
        self.total = len(self.times)

    def take(self, now: float, settings: Settings) -> float | None:
        """Counts a call; seconds to wait where a limit is reached already."""
        wait = max(
            self._wait(now, HOUR, settings.hourly, settings),
            self._wait(now, MINUTE, settings.calls_a_minute, settings),
        )
        if wait > 0:
            self.refused += 1
            if not settings.refused_calls_count:
                return wait
        self._count(now, settings)
        return wait if wait > 0 else None

    def used(self, now: float, width: float, settings: Settings) -> int:
        return len(self.times) - bisect_left(self.times, self._start(now, width, settings))

    def _start(self, now: float, width: float, settings: Settings) -> float:
        if settings.rate_window == "clock":
            return math.floor(now / width) * width
        return math.nextafter(now - width, math.inf)

    def _wait(self, now: float, width: float, limit: int, settings: Settings) -> float:
        start = self._start(now, width, settings)
        first = bisect_left(self.times, start)
        used = len(self.times) - first
        if used < limit:
            return 0.0
        if limit <= 0:
            return width
        if settings.rate_window == "clock":
            return start + width - now
        # A little more, since times are floats: at the end of it the call is out of the window.
        return self.times[len(self.times) - limit] + width - now + 0.001

    def _count(self, now: float, settings: Settings) -> None:
        self.times.append(now)
        self.total += 1
        self.db.execute("INSERT INTO calls VALUES (?)", (now,))
        stale = bisect_left(self.times, now - 2 * HOUR)
        if stale > 500:
            self.db.execute("DELETE FROM calls WHERE at < ?", (self.times[stale],))
            del self.times[:stale]
        self.peak_hour = max(self.peak_hour, self.used(now, HOUR, settings))
        self.peak_minute = max(self.peak_minute, self.used(now, MINUTE, settings))

    def forget(self) -> None:
        self.db.execute("DELETE FROM calls")
        self.times.clear()
        self.peak_hour = self.peak_minute = self.refused = self.total = 0

    def shown(self, now: float, settings: Settings) -> dict[str, int]:
        return {
            "hour": self.used(now, HOUR, settings),
            "minute": self.used(now, MINUTE, settings),
            "peak_hour": self.peak_hour,
            "peak_minute": self.peak_minute,
            "refused": self.refused,
            "total": self.total,
        }
