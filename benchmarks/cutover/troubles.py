"""What goes wrong in a night: a schedule by seed, and the hand that does it.

Each trouble comes at its share of the window, after the one before it is over; the last ones are over before
the window ends.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psutil

from benchmarks.cutover.names import REFRESH_JOB, delta_job
from benchmarks.cutover.services import CODE, DAEMON, Services
from benchmarks.cutover.stage import Stage

_WORKER_SECONDS = 90.0


@dataclass(frozen=True)
class Trouble:
    """``share``: of the window, when it begins; ``length``: of the window, how long it lasts."""

    share: float
    kind: str
    practice: str = ""
    length: float = 0.0


def schedule(seed: int, practices: tuple[str, ...], destination: str) -> list[Trouble]:
    """In the order of time."""
    chance = random.Random(seed)
    away, killed = chance.sample(practices, 2) if len(practices) > 1 else (practices[0],) * 2
    kinds = [
        Trouble(0, "kill a refresh", killed),
        Trouble(0, "destination unavailable", length=0.02),
        Trouble(0, "source unreachable", away, 0.08),
        Trouble(0, "kill the daemon"),
        Trouble(0, "kill a delta", chance.choice(practices)),
        Trouble(0, "destination overloaded", length=0.03),
        Trouble(0, "kill a delta", chance.choice(practices)),
        Trouble(0, "kill the code server"),
        Trouble(0, "destination unavailable", length=0.02),
        Trouble(0, "kill the daemon"),
    ]
    if destination == "salesforce":
        kinds += [Trouble(0, "sessions expired"), Trouble(0, "sessions expired"), Trouble(0, "rows locked")]
    chance.shuffle(kinds)
    step = 0.8 / len(kinds)
    return [
        Trouble(0.05 + step * (place + chance.random() / 2), each.kind, each.practice, each.length)
        for place, each in enumerate(kinds)
    ]


@dataclass
class Hand:
    """Does a schedule in a thread of its own; ``done`` says what came of it."""

    at: Stage
    services: Services
    seconds: float
    done: list[dict[str, Any]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self, troubles: list[Trouble]) -> None:
        self._thread = threading.Thread(target=self._run, args=(troubles, time.monotonic()), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Everything is well again when it returns."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self._mend()

    def _run(self, troubles: list[Trouble], began: float) -> None:
        deeds: Mapping[str, Callable[[Trouble], str]] = {
            "kill a refresh": lambda each: self._kill_worker(REFRESH_JOB, each.practice),
            "kill a delta": lambda each: self._kill_worker(delta_job(self.at.destination), each.practice),
            "kill the daemon": lambda _: self._kill(DAEMON),
            "kill the code server": lambda _: self._kill(CODE),
            "source unreachable": self._unreachable,
            "destination unavailable": lambda each: self._busy(each, 1.0),
            "destination overloaded": lambda each: self._busy(each, 0.3),
            "sessions expired": lambda _: self._expire(),
            "rows locked": lambda _: self._lock(),
        }
        for each in troubles:
            if self._over.wait(max(0.0, began + each.share * self.seconds - time.monotonic())):
                return
            entry = {"at": datetime.now(UTC).isoformat(), "kind": each.kind, "practice": each.practice}
            self.done.append(entry)
            try:
                entry["outcome"] = deeds[each.kind](each)
            except Exception as error:
                # A trouble that couldn't be made is told and is no reason to end the night.
                entry["outcome"] = f"not made: {type(error).__name__}"
            entry["until"] = datetime.now(UTC).isoformat()

    def _kill_worker(self, job: str, practice: str) -> str:
        """Any practice's where the one that is meant has no such run for a while."""
        deadline = time.monotonic() + _WORKER_SECONDS
        while time.monotonic() < deadline and not self._over.wait(0.2):
            patient = time.monotonic() < deadline - _WORKER_SECONDS / 2
            with suppress(OSError, ValueError, psutil.Error):
                for run in self.services.api.runs("STARTED"):
                    if run.job == job and (run.practice == practice or not patient):
                        worker = self.services.api.worker(run.id)
                        if worker is not None:
                            worker.kill()
                            return f"run {run.id} of {run.practice}"
        return "not made: no such run"

    def _kill(self, service: str) -> str:
        self.services.kill(service)
        return "started again by its supervisor"

    def _unreachable(self, each: Trouble) -> str:
        self.at.installation.source().unreachable(self.at.database(each.practice))
        self._over.wait(each.length * self.seconds)
        self.at.installation.source().clear_faults()
        return f"{each.length * self.seconds:.0f} s"

    def _busy(self, each: Trouble, share: float) -> str:
        control = self._destination()
        control.fault("unavailable", count=1_000_000, share=share, seed=1)
        self._over.wait(each.length * self.seconds)
        control.forget_faults()
        return f"{each.length * self.seconds:.0f} s, {share:.0%} of requests"

    def _expire(self) -> str:
        self.at.installation.live_org(self.at.running).expire_tokens()
        return "all tokens"

    def _lock(self) -> str:
        self.at.installation.live_org(self.at.running).lock_rows(20)
        return "the next 20 Bulk rows"

    def _destination(self) -> Any:
        where = self.at.installation
        if self.at.destination == "salesforce":
            return where.live_org(self.at.running)
        return where.live_account(self.at.running)

    def _mend(self) -> None:
        self.at.installation.source().clear_faults()
        self._destination().forget_faults()
