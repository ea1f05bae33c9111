"""Reading again what a deadlock or a broken connection ended: how often, and after what pause."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from migration_assets.errors import SourceConnectionLost, SourceDeadlock, SourceError, SourceUnreachable

ATTEMPTS = 3
PAUSE_SECONDS = 2.0

_Read = TypeVar("_Read")


class SourceChanged(SourceError):
    """Rows were added or removed between counting and reading, without a snapshot to hold them."""

    code = "source_changed"


def read_again(read: Callable[[], _Read], attempts: int, pause_seconds: float) -> _Read:
    """What ``read`` gives, which connects and begins anew at each of ``attempts`` calls.

    The pause before each further one grows. A server that doesn't answer is asked again only after a
    connection broke: one that is being restarted refuses clients for a while. Time-outs, refused logins and
    missing permissions are raised at once: asking again would not mend them.
    """
    again: tuple[type[SourceError], ...] = (SourceDeadlock, SourceConnectionLost, SourceChanged)
    for attempt in range(1, attempts + 1):
        try:
            return read()
        except again as error:
            if attempt == attempts:
                raise
            if isinstance(error, SourceConnectionLost):
                again = (*again, SourceUnreachable)
            time.sleep(pause_seconds * attempt)
    raise SourceError("no attempt at reading was allowed; give 'attempts' of 1 or more")
