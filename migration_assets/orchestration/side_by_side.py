"""Work for several practices at once, each in a thread of its own, for which nobody waits longer than asked.

A thread that hangs holds up nobody and nothing, not even the end of the process. What is done late is had by
the next call. Nothing of the work itself stands here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Condition, Thread
from typing import Generic, TypeVar

Done = TypeVar("Done")


@dataclass
class _Job(Generic[Done]):
    began_at: datetime
    done: Done | None = None


class SideBySide(Generic[Done]):
    """Never two threads of one name, over all calls."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job[Done]] = {}
        self._changed = Condition()

    def run(self, work: Mapping[str, Callable[[], Done]], seconds: float, at_once: int) -> dict[str, Done]:
        """What is done after at most ``seconds``, by name; begun in the order given, ``at_once`` at a time.

        A name whose work of an earlier call is done since has that; one whose work still goes on has nothing.
        The work may not raise.
        """
        until = time.monotonic() + seconds
        ready = [name for name in work if name not in self.unfinished()]
        waiting = [name for name in ready if name not in self._jobs]
        begun: set[str] = set()
        with self._changed:
            while True:
                going = {name for name in begun if self._jobs[name].done is None}
                while waiting and len(going) < at_once and time.monotonic() < until:
                    name = waiting.pop(0)
                    self._begin(name, work[name])
                    begun.add(name)
                    going.add(name)
                left = until - time.monotonic()
                if not going or left <= 0:
                    break
                self._changed.wait(left)
            return {
                name: self._jobs.pop(name).done  # type: ignore[misc]  # asked for in the condition
                for name in ready
                if name in self._jobs and self._jobs[name].done is not None
            }

    def unfinished(self) -> dict[str, datetime]:
        """Whose work goes on, and since when."""
        with self._changed:
            return {name: job.began_at for name, job in self._jobs.items() if job.done is None}

    def _begin(self, name: str, work: Callable[[], Done]) -> None:
        job = self._jobs[name] = _Job(datetime.now(UTC))

        def run() -> None:
            done = work()
            with self._changed:
                job.done = done
                self._changed.notify_all()

        Thread(target=run, name=f"cutover {name}", daemon=True).start()
