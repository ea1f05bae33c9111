"""How far an upload is: what a person who waits for it wants to know, in counts only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from migration_assets.destinations.base import LoadResult


@dataclass(frozen=True, slots=True)
class Progress:
    """An object's upload so far: records to send and those answered, after ``seconds`` of sending."""

    object: str
    to_send: int
    accepted: int
    failed: int
    seconds: float

    @property
    def answered(self) -> int:
        return self.accepted + self.failed

    @property
    def rate(self) -> float:
        """Records answered a second."""
        return self.answered / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None before the first answer."""
        return (self.to_send - self.answered) / self.rate if self.rate else None

    def __str__(self) -> str:
        told = (
            f"{self.object}: {self.answered:,} of {self.to_send:,} records answered, {self.accepted:,} "
            f"accepted, {self.failed:,} not, {self.rate:,.0f} a second"
        )
        left = self.seconds_left
        return told if left is None or self.answered == self.to_send else f"{told}, {_clock(left)} left"


Watch = Callable[[Progress], None]


def unwatched(_progress: Progress) -> None:
    """Nobody looks on."""


class Told:
    """Counts the answers of all batches of one object and tells them on."""

    def __init__(self, object_name: str, to_send: int, watch: Watch) -> None:
        self._progress = Progress(object_name, to_send, 0, 0, 0.0)
        self._watch = watch
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def listening(self, results: Iterator[Sequence[LoadResult]]) -> Iterator[Sequence[LoadResult]]:
        for chunk in results:
            yield chunk
            accepted = sum(each.outcome == "loaded" for each in chunk)
            with self._lock:
                self._progress = replace(
                    self._progress,
                    accepted=self._progress.accepted + accepted,
                    failed=self._progress.failed + len(chunk) - accepted,
                    seconds=time.monotonic() - self._began,
                )
                self._watch(self._progress)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def now_and_then(say: Callable[[str], None], seconds: float = 10.0) -> Watch:
    """Says how far it is every so many ``seconds``, and when the last record is answered."""
    said = 0.0

    def watch(progress: Progress) -> None:
        nonlocal said
        now = time.monotonic()
        if progress.answered == progress.to_send or now - said >= seconds:
            said = now
            say(str(progress))

    return watch
