"""Waiting no longer than allowed for a call into a driver that may never come back.

A driver's own time-outs end with the line: once it has sent its cancellation to a server that has fallen
silent, it waits for the answer to that. Which calls are watched is decided where they are made.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from migration_assets.errors import SourceTimeout

GRACE_SECONDS = 1.0
"""How much longer than the driver we wait: where it can, it is to speak first and end the query properly."""

_T = TypeVar("_T")


def within(
    seconds: float, doing: str, call: Callable[[], _T], setting: str = "source.query_timeout_seconds"
) -> _T:
    """What ``call`` gives or raises, in a thread beside ours; SourceTimeout after ``seconds`` and the grace
    (0: no bound), which names the ``setting`` that the bound comes from.

    A call that never comes back keeps its thread, which dies with the process.
    """
    if not seconds:
        return call()
    told: queue.SimpleQueue[Callable[[], _T]] = queue.SimpleQueue()
    threading.Thread(target=lambda: told.put(_outcome(call)), name="watched", daemon=True).start()
    try:
        outcome = told.get(timeout=seconds + GRACE_SECONDS)
    except queue.Empty:
        raise SourceTimeout(
            f"{doing}: the server has said nothing for {seconds:g} s; look whether it and the line to it are "
            f"up, raise '{setting}' or read at a quieter time"
        ) from None
    return outcome()


def _outcome(call: Callable[[], _T]) -> Callable[[], _T]:
    """A function that gives or raises, elsewhere, what the call gave or raised here."""
    try:
        given = call()
    except BaseException as error:
        raised = error

        def fail() -> _T:
            raise raised

        return fail
    return lambda: given
