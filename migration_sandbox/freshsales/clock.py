"""The account's clock: it may run faster than the world's, and goes on while the server is down."""

import time
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass
class Clock:
    """Seconds since the epoch as the account counts them, from a moment at which both clocks are known."""

    real: float
    account: float
    speed: float

    def now(self) -> float:
        return self.account + (time.time() - self.real) * self.speed

    def set(self, account: float, speed: float) -> None:
        self.real, self.account, self.speed = time.time(), account, speed

    def kept(self) -> list[float]:
        return [self.real, self.account, self.speed]


def shown(seconds: float | None, zone: ZoneInfo) -> str | None:
    """2026-11-22T09:30:00-05:00, as the API writes times."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(int(seconds), zone).isoformat()
