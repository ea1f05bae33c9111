"""One look at one practice in its cutover: what its source, its files and its destination want done next.

Runs in a thread of the sensor's, knows nothing of Dagster's runs but what it is told in the Question, and
raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Literal, Protocol

from migration_assets.migration.ledger import Target
from migration_assets.migration.platform import Platform
from migration_assets.orchestration.boundary import sentence_of
from migration_assets.orchestration.cutover_cursor import Entry, Stopped
from migration_assets.orchestration.cutover_runs import REFRESH_JOB, delta_job
from migration_assets.panda.change_cursor import Cursor
from migration_assets.panda.changes import Changes

Wish = Literal["refresh", "drain", "delta"]
LOGIN_TIMEOUT_SECONDS = 3
_LOCK_TIMEOUT_SECONDS = 3.0
_AT_LEAST_SECONDS = 1.0
_NOT_BEGUN = "its changes aren't detected yet; materialise panda/change_detection"


class Detects(Protocol):
    """What is asked of a practice's change detection."""

    def begun(self) -> Cursor | None: ...
    def reset(self) -> Cursor: ...
    def poll(self, cursor: Cursor, *, seconds: float, login_timeout_seconds: int = ...) -> Changes: ...
    def waiting(self) -> int: ...
    def progress(self) -> int: ...


class Sends(Protocol):
    """What is asked of a practice's migration to a destination."""

    def delta_progress(self) -> int | None: ...
    def window_closed(self) -> object | None: ...


@dataclass(frozen=True, slots=True)
class Sides:
    detection: Detects
    migration: Sends


OpenSides = Callable[[Platform, Target], Sides]


def open_sides(platform: Platform, target: Target) -> Sides:
    """The real ones; a busy file is waited for no longer than a tick bears."""
    from migration_assets.migration.detection import Detection
    from migration_assets.migration.operations import Migration

    duckdb = platform.duckdb.model_copy(update={"lock_timeout_seconds": _LOCK_TIMEOUT_SECONDS})
    impatient = replace(platform, duckdb=duckdb)
    return Sides(Detection(impatient, target.practice), Migration(impatient, target))


@dataclass(frozen=True, slots=True)
class Question:
    """``due``: the interval of polls is over. ``over``: the window is; ``drained``: its last drain has run.
    ``refresh_after``, ``delta_after``: not before then, since the last run of that job failed.
    ``delta_failed``: the last delta didn't end well. ``until``: when a poll has to end, by the
    monotonic clock."""

    target: Target
    entry: Entry
    now: datetime
    due: bool
    over: bool
    drained: bool
    refresh_after: datetime | None
    delta_after: datetime | None
    delta_failed: bool
    until: float

    @property
    def may_refresh(self) -> bool:
        return self.refresh_after is None or self.refresh_after <= self.now

    @property
    def may_send(self) -> bool:
        return self.delta_after is None or self.delta_after <= self.now


@dataclass(frozen=True, slots=True)
class Seen:
    """``entry``: the one that the look began with; ``cursor`` the detection's position after it. ``stopped``:
    nothing more is to be asked of this window. ``quiet``: nothing of it needs to be told by name."""

    entry: Entry
    says: str
    cursor: Cursor | None = None
    polled: bool = False
    wish: Wish | None = None
    stopped: Stopped | None = None
    quiet: bool = False


def look(open_both: Callable[[], Sides], question: Question) -> Seen:
    """A failure of the practice's is told and leaves its entry as it is."""
    try:
        return _Look(open_both(), question).seen()
    except Exception as error:
        # Of this practice alone: the others are served, and its sentence quotes nothing.
        return Seen(question.entry, sentence_of(question.target.practice, error), question.entry.cursor)


class _Look:
    def __init__(self, sides: Sides, question: Question) -> None:
        self._detection, self._migration = sides.detection, sides.migration
        self._ask = question
        self._entry = question.entry
        self._notes: list[str] = []

    def seen(self) -> Seen:
        if self._migration.window_closed() is not None:
            return self._seen("its window is closed, nothing is asked of it any more", stopped="closed")
        if self._delta_is_due():
            if self._ask.may_send:
                again = "the last delta didn't end well" if self._ask.delta_failed else "refreshed"
                return self._seen(f"{again}: {self._delta_job} asked for", wish="delta")
            self._notes.append(_waits(self._delta_job, self._ask.delta_after))
        return self._after_the_window() if self._ask.over else self._in_the_window()

    @property
    def _delta_job(self) -> str:
        return delta_job(self._ask.target.destination)

    def _delta_is_due(self) -> bool:
        sent = self._migration.delta_progress()
        if sent is None:
            group = self._ask.target.destination
            self._notes.append(
                f"no payload of the last extraction for it to follow; run upload_{group} first"
            )
            return False
        return self._detection.progress() > sent or self._ask.delta_failed

    def _after_the_window(self) -> Seen:
        if self._ask.drained:
            if self._notes:
                return self._seen("its window is over")
            go_live = f"go_live_{self._ask.target.destination}"
            return self._seen(
                f"its window is over and drained, nothing is asked of it any more; run {go_live}",
                stopped="drained",
            )
        if self._detection.begun() is None:
            return self._seen(_NOT_BEGUN)
        if not self._ask.may_refresh:
            return self._seen(_waits("the last drain", self._ask.refresh_after))
        return self._seen("its window is over: the last drain asked for", wish="drain")

    def _in_the_window(self) -> Seen:
        cursor, changes = self._entry.cursor, None
        if self._ask.due:
            cursor = self._cursor()
            if cursor is None:
                return self._seen(_NOT_BEGUN)
            seconds = max(self._ask.until - monotonic(), _AT_LEAST_SECONDS)
            changes = self._detection.poll(
                cursor, seconds=seconds, login_timeout_seconds=LOGIN_TIMEOUT_SECONDS
            )
            cursor = changes.cursor
            if changes.distrust is not None:
                self._notes.append(f"every table was compared, since {changes.distrust}")
        waiting = self._detection.waiting() if changes is None else changes.waiting
        polled = changes is not None
        left = () if changes is None else changes.left_to_drain
        if not waiting and not left:
            return self._seen("nothing new", cursor, polled=polled, quiet=not self._notes)
        told = f"{waiting:,} changed rows wait"
        if left:
            # More than a tick can read: a run compares it.
            told += f", and {', '.join(left)} changed too much for a look"
        if not self._ask.may_refresh:
            return self._seen(
                f"{told}; {_waits(REFRESH_JOB, self._ask.refresh_after)}", cursor, polled=polled
            )
        asked = f"{told}: {REFRESH_JOB} asked for"
        return self._seen(asked, cursor, polled=polled, wish="drain" if left else "refresh")

    def _cursor(self) -> Cursor | None:
        """Where to look from: the entry's, unless somebody else has looked since (the last drain, the sensor
        of another destination), or an extraction began anew."""
        begun = self._detection.begun()
        if begun is None:
            return None
        if self._entry.comparing:
            return self._detection.reset()
        held = self._entry.cursor
        newer = held is not None and held.store == begun.store and held.polls >= begun.polls
        return held if newer else begun

    def _seen(
        self,
        says: str,
        cursor: Cursor | None = None,
        *,
        polled: bool = False,
        wish: Wish | None = None,
        stopped: Stopped | None = None,
        quiet: bool = False,
    ) -> Seen:
        told = "; ".join([*self._notes, says])
        kept = self._entry.cursor if cursor is None else cursor
        return Seen(self._entry, told, kept, polled, wish, stopped, quiet)


def _waits(job: str, until: datetime | None) -> str:
    return f"{job} waits until {until:%H:%M:%S} UTC, since the last one failed"
