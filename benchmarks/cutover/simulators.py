"""The practices at work: a day simulator for each, as a process of its own, until its hours are over."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from benchmarks.cutover.services import ROOT
from benchmarks.cutover.stage import Stage

BEGINS = datetime(2026, 12, 1, 18)
"""A Tuesday after work: 48 hours hold two days and two nights."""

_COUNT = re.compile(r"(\d+) ([a-z ]+)")


class SimulatorFailed(Exception):
    """A practice's simulator ended with an error, so that what happened isn't what was meant."""


@dataclass(frozen=True)
class Pace:
    """``hours`` of the practice's in ``seconds`` of ours; ``pace``: events against a usual practice's."""

    hours: float
    seconds: float
    pace: float
    seed: int

    @property
    def speed(self) -> float:
        return self.hours * 3600 / self.seconds


@dataclass
class Simulators:
    """``events``: once they are over, what each practice's people did."""

    events: dict[str, Counter[str]] = field(default_factory=dict)
    _processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def start(self, at: Stage, pace: Pace) -> None:
        for place, practice in enumerate(at.practices):
            at.journal(practice).parent.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "migration_sandbox.days", at.database(practice), "--upheavals"]
            command += ["--journal", str(at.journal(practice)), "--seed", str(pace.seed + place)]
            command += ["--hours", str(pace.hours), "--speed", str(pace.speed), "--pace", str(pace.pace)]
            command += ["--begins", BEGINS.isoformat()]
            self._processes[practice] = subprocess.Popen(
                command, cwd=ROOT, env=dict(at.environment), stdout=subprocess.PIPE, text=True
            )

    def wait(self, seconds: float) -> None:
        """Until their hours are over; who is late by then ends after its event. Raises SimulatorFailed."""
        for practice, process in self._processes.items():
            try:
                said, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.terminate()
                said, _ = process.communicate(timeout=60)
            if process.returncode != 0:
                raise SimulatorFailed(practice)
            self.events[practice] = Counter({name: int(count) for count, name in _COUNT.findall(said)})
            seconds = 5.0

    def stop(self) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=60)


@contextmanager
def simulators(at: Stage, pace: Pace) -> Iterator[Simulators]:
    made = Simulators()
    try:
        made.start(at, pace)
        yield made
    finally:
        made.stop()
