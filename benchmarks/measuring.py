"""Measuring a piece of work in a process of its own: seconds, CPU seconds, memory beyond what stood before.

Each piece runs in a new interpreter, so that one's memory doesn't count for the next and no thread of a
library is lost in a fork; pieces that are compared run in turn, several times, and the medians are shown
with their ratio, since the machine is shared.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

_ROUNDS = 5


@dataclass(frozen=True)
class Measured:
    """Medians: wall and CPU seconds, and the peak of memory above what the process began with, in MB."""

    name: str
    seconds: float
    cpu_seconds: float
    extra_mb: float


Work = Callable[[], object]
Prepare = Callable[[], Work]
"""Picklable; makes in the new process what the work needs, which isn't measured."""


def measure(pieces: Sequence[tuple[str, Prepare]], rounds: int = _ROUNDS) -> list[Measured]:
    """The pieces in turn, ``rounds`` times over; medians in the given order."""
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name, _ in pieces}
    for _ in range(rounds):
        for name, prepare in pieces:
            taken[name].append(_in_a_child(prepare))
    return [
        Measured(name, *(statistics.median(values) for values in zip(*figures, strict=True)))
        for name, figures in taken.items()
    ]


def _in_a_child(prepare: Prepare) -> tuple[float, float, float]:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(prepare, sender))
    child.start()
    sender.close()
    try:
        figures: tuple[float, float, float] = receiver.recv()
    except EOFError:
        raise RuntimeError("a measured piece of work failed; its traceback stands above") from None
    finally:
        child.join()
    return figures


def _run(prepare: Prepare, sender: Connection) -> None:
    work = prepare()
    before_mb = _resident_mb()
    began, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sender.send((seconds, cpu_seconds, max(0.0, peak_mb - before_mb)))
    sender.close()


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
