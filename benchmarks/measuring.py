"""Measuring a piece of work in an interpreter of its own: wall and CPU seconds, peak memory.

Each piece runs in a new interpreter, so that one's memory doesn't count for the next, no thread of a library
is lost in a fork, and a piece may need packages that others lack. Pieces that are compared run by turns,
several times, since the machine is shared: medians are shown, and the medians of each round's ratios.

Only the standard library is imported here: an interpreter with other packages measures by this module too.
"""

from __future__ import annotations

import importlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[1]
_ROUNDS = 5
_SHOWN = 5_000
_STATUS = Path("/proc/self/status")

Work = Callable[[], Any]
Prepare = Callable[..., Work]
"""At the top of a module; makes in the new interpreter what the work needs, which isn't measured. A dict that
the work returns, fit for JSON, goes into ``Taken.told``."""


@dataclass(frozen=True)
class Piece:
    """``arguments`` are for ``prepare`` and pass through JSON."""

    name: str
    prepare: Prepare
    arguments: Mapping[str, Any] = field(default_factory=dict)
    python: str = sys.executable


@dataclass(frozen=True)
class Taken:
    """One round: CPU seconds of the process and of the children that it waited for, memory in MB.

    ``peak_mb`` is the process's whole resident memory at its highest during the work, ``extra_mb`` that
    without what was resident before.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    extra_mb: float
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """All rounds of one piece, and the medians over them."""

    name: str
    rounds: tuple[Taken, ...]

    @property
    def seconds(self) -> float:
        return statistics.median(each.seconds for each in self.rounds)

    @property
    def fastest(self) -> float:
        return min(each.seconds for each in self.rounds)

    @property
    def cpu_seconds(self) -> float:
        return statistics.median(each.cpu_seconds for each in self.rounds)

    @property
    def peak_mb(self) -> float:
        return statistics.median(each.peak_mb for each in self.rounds)

    @property
    def extra_mb(self) -> float:
        return statistics.median(each.extra_mb for each in self.rounds)

    def ratio(self, other: Measured, of: Literal["seconds", "cpu_seconds"]) -> float:
        """Median over the rounds of ours divided by the other's in the same round."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        ratios: list[float] = [getattr(ours, of) / getattr(theirs, of) for ours, theirs in pairs]
        return statistics.median(ratios)


def measure(pieces: Sequence[Piece], rounds: int = _ROUNDS) -> list[Measured]:
    """The pieces by turns, ``rounds`` times over, in the given order."""
    taken: dict[str, list[Taken]] = {piece.name: [] for piece in pieces}
    for _ in range(rounds):
        for piece in pieces:
            taken[piece.name].append(_in_an_interpreter(piece))
    return [Measured(name, tuple(figures)) for name, figures in taken.items()]


def take(work: Work) -> Taken:
    """Do the work and say what it took."""
    before = _reset_peak_mb()
    began, cpu = time.perf_counter(), _cpu_seconds()
    told = work()
    seconds, cpu_seconds = time.perf_counter() - began, _cpu_seconds() - cpu
    peak = _peak_mb()
    return Taken(seconds, cpu_seconds, peak, max(0.0, peak - before), told if isinstance(told, dict) else {})


def _in_an_interpreter(piece: Piece) -> Taken:
    asked = {
        "module": piece.prepare.__module__,
        "name": piece.prepare.__qualname__,
        "arguments": dict(piece.arguments),
    }
    with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
        done = subprocess.run(
            [piece.python, "-m", __name__, json.dumps(asked)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=complaints,
            check=False,
            encoding="utf-8",
        )
        if done.returncode:
            complaints.seek(0)
            raise RuntimeError(f"{piece.name} failed:\n{complaints.read()[-_SHOWN:]}")
    return Taken(**json.loads(done.stdout.splitlines()[-1]))


def _cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _reset_peak_mb() -> float:
    """Memory resident now, from which on the peak is counted where the kernel lets us begin anew."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status_mb("VmRSS")


def _peak_mb() -> float:
    # ru_maxrss won't do: a process begins with its parent's.
    return _status_mb("VmHWM")


def _status_mb(name: str) -> float:
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def _main() -> None:
    asked = json.loads(sys.argv[1])
    prepare: Prepare = getattr(importlib.import_module(asked["module"]), asked["name"])
    print(json.dumps(asdict(take(prepare(**asked["arguments"])))))


if __name__ == "__main__":
    _main()
