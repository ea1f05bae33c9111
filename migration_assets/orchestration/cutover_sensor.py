"""The sensor of one destination's cutovers: asks for the runs that keep live up with PANDA inside a
practice's window. Off until somebody switches it on; it writes nothing to a destination itself.

A tick looks at the practices that are due, side by side and in turn, and asks for at most so many runs. What
isn't done in its time is left for the next, with the former cursor: changes found stand in the practice's own
store, so nothing is lost. How one practice is looked at stands in ``cutover_looks``, what its runs did in
``cutover_runs``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from migration_assets.errors import ConfigurationError
from migration_assets.migration.gate import LIVE
from migration_assets.migration.ledger import Target
from migration_assets.migration.platform import Platform
from migration_assets.orchestration.cutover_cursor import (
    Entry,
    SensorCursor,
    asked_resets,
    load_sensor_cursor,
    sensor_name,
)
from migration_assets.orchestration.cutover_jobs import refresh_config
from migration_assets.orchestration.cutover_looks import (
    OpenSides,
    Question,
    Seen,
    Wish,
    look,
    open_sides,
)
from migration_assets.orchestration.cutover_runs import (
    DRAIN_TAG,
    REFRESH_JOB,
    delta_job,
    drain_word,
    is_drained,
    job_history,
    under_way,
)
from migration_assets.orchestration.partitions import PRACTICES
from migration_assets.orchestration.resources import CutoverPace, PlatformResource
from migration_assets.orchestration.side_by_side import SideBySide
from migration_assets.practice import CutoverWindow

INTERVAL_SECONDS = 10
_FOR_THE_REST = 2.0
"""Seconds of a tick that are kept for what follows the looks."""


def build_cutover_sensor(
    destination: str,
    jobs: Sequence[UnresolvedAssetJobDefinition],
    opening: OpenSides = open_sides,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SensorDefinition:
    """``cutover_<destination>``, asking for runs of ``jobs``; a look that isn't done outlives its tick."""
    looks: SideBySide[Seen] = SideBySide()

    @sensor(
        name=sensor_name(destination),
        jobs=jobs,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.STOPPED,
        description=(
            f"Keeps {destination} up with PANDA inside each practice's cutover window: looks for changes, "
            f"asks for {REFRESH_JOB} and {delta_job(destination)}, drains once more after the window and "
            "stops. Its cursor is read and reset by `migration-assets cutover`."
        ),
    )
    def cutover(
        context: SensorEvaluationContext, platform: PlatformResource, cutover_pace: CutoverPace
    ) -> SensorResult:
        tick = _Tick(destination, platform.platform(), context.instance, cutover_pace, now(), looks, opening)
        try:
            cursor = load_sensor_cursor(context.cursor)
        except ConfigurationError as error:
            # Nobody is there to mend it at night: what each practice begins with again loses nothing.
            tick.say(f"{error}; begun again")
            cursor = SensorCursor()
        after = tick.serve(cursor)
        told = "; ".join(tick.told()) or "no practice has a cutover to this destination in its file"
        if tick.requests:
            context.log.info(told)
        return SensorResult(
            run_requests=tick.requests or None,
            skip_reason=None if tick.requests else told,
            cursor=after.dumped(),
        )

    return cutover


@dataclass
class _Tick:
    destination: str
    platform: Platform
    instance: DagsterInstance
    pace: CutoverPace
    now: datetime
    looks: SideBySide[Seen]
    opening: OpenSides
    requests: list[RunRequest] = field(default_factory=list)
    _told: list[str] = field(default_factory=list)
    _quiet: list[str] = field(default_factory=list)
    _began: float = field(default_factory=monotonic)

    def say(self, sentence: str) -> None:
        self._told.append(sentence)

    def told(self) -> list[str]:
        return [*self._told, *([f"nothing new: {', '.join(self._quiet)}"] if self._quiet else [])]

    def serve(self, cursor: SensorCursor) -> SensorCursor:
        """What the practices' entries are after the tick; ``requests`` and ``told`` say what it did."""
        scan = self.platform.registry.scan()
        for problem in scan.problems.values():
            self.say(problem)
        windows = {
            practice.key: practice.cutover
            for practice in scan.practices.values()
            if practice.cutover is not None
            and self.platform.is_configured(practice, self._target(practice.key))
        }
        unread = {name.rpartition(".")[0] for name in scan.problems}
        entries = {key: entry for key, entry in cursor.practices.items() if key in windows or key in unread}
        resets = asked_resets(self.instance, self.destination, windows)
        for practice, window in windows.items():
            entries[practice] = _current(entries.get(practice, Entry()), window, resets.get(practice))
        questions = self._questions(windows, entries)
        seen = self.looks.run(
            {
                practice: partial(look, partial(self.opening, self.platform, question.target), question)
                for practice, question in questions.items()
            },
            self._seconds_left(),
            self.pace.polls_at_once,
        )
        unfinished = self.looks.unfinished()
        for practice in questions:
            entry = entries[practice]
            found = seen.get(practice)
            if found is not None and _is_of(found.entry, entry):
                entries[practice] = self._settle(practice, found, windows[practice])
            elif found is not None:
                self.say(f"{practice}: was reset while it was looked at; it is looked at again")
            elif practice in unfinished:
                since = unfinished[practice]
                self.say(
                    f"{practice}: being looked at since {since:%H:%M:%S} UTC, its cursor stays as it was"
                )
            else:
                self.say(f"{practice}: had no turn in the time of a tick and comes first in the next")
        return SensorCursor(practices=entries)

    def _target(self, practice: str) -> Target:
        return Target(practice, self.destination, LIVE)

    def _seconds_left(self) -> float:
        return max(self.pace.tick_seconds - (monotonic() - self._began), 0.0)

    def _questions(
        self, windows: Mapping[str, CutoverWindow], entries: dict[str, Entry]
    ) -> dict[str, Question]:
        """Of the practices that are to be looked at now, whoever waited longest first."""
        partitions = set(PRACTICES.get_partition_keys(dynamic_partitions_store=self.instance))
        busy = under_way(self.instance, self.destination)
        wanted = []
        for practice, window in windows.items():
            entry, phase = entries[practice], window.phase(self.now)
            if practice not in partitions:
                self.say(f"{practice}: has no partition yet; switch the sensor `practices` on")
            elif entry.stopped is not None:
                self.say(f"{practice}: its window is {entry.stopped}, nothing is asked of it any more")
            elif phase == "before":
                self.say(f"{practice}: its window begins at {window.begins:%Y-%m-%d %H:%M} UTC")
            elif practice in busy:
                self.say(f"{practice}: {busy[practice]}")
                entries[practice] = entry.model_copy(update={"look_at": None})
            elif entry.look_at is not None and entry.look_at > self.now:
                self._quiet.append(practice)
            else:
                wanted.append(practice)
        wanted.sort(key=lambda practice: (entries[practice].served_at or _LONG_AGO, practice))
        return {
            practice: self._question(practice, windows[practice], entries[practice]) for practice in wanted
        }

    def _question(self, practice: str, window: CutoverWindow, entry: Entry) -> Question:
        deltas = job_history(self.instance, delta_job(self.destination), practice)
        refreshes = job_history(self.instance, REFRESH_JOB, practice)
        over = window.phase(self.now) == "over"
        return Question(
            target=self._target(practice),
            entry=entry,
            now=self.now,
            due=entry.polled_at is None or self.now >= _due(entry.polled_at, window),
            over=over,
            drained=over and is_drained(self.instance, practice, window.ends),
            refresh_after=refreshes.next_at(window.poll_seconds),
            delta_after=deltas.next_at(window.poll_seconds),
            delta_failed=deltas.failures > 0,
            until=self._began + self.pace.tick_seconds - _FOR_THE_REST,
        )

    def _settle(self, practice: str, found: Seen, window: CutoverWindow) -> Entry:
        """The practice's entry after the look; its wish is asked for where the tick has a request left."""
        polled_at = self.now if found.polled else found.entry.polled_at
        changed: dict[str, object] = {
            "cursor": found.cursor,
            "polled_at": polled_at,
            "comparing": found.entry.comparing and not found.polled,
            "stopped": found.stopped,
        }
        says = f"{practice}: {found.says}"
        if found.wish is None:
            due = _due(polled_at or self.now, window)
            changed.update(look_at=due if due > self.now else _due(self.now, window), served_at=self.now)
        elif len(self.requests) < self.pace.requests_a_tick:
            self.requests.append(self._request(practice, found.wish, window))
            changed.update(look_at=None, served_at=self.now)
        else:
            changed.update(look_at=None)
            says = (
                f"{practice}: {found.wish} waits for the next tick, which asks for no more runs than it may"
            )
        if found.quiet:
            self._quiet.append(practice)
        else:
            self.say(says)
        return found.entry.model_copy(update=changed)

    def _request(self, practice: str, wish: Wish, window: CutoverWindow) -> RunRequest:
        """Its key is of this tick: one that is taken up again after a crash asks for the same run, a later
        one for another."""
        drain = wish == "drain"
        # One in the middle of the window ends nothing: a table had changed too much for a look.
        ends = drain and window.phase(self.now) == "over"
        return RunRequest(
            run_key=f"{practice}/{wish}/{self.now.isoformat()}",
            job_name=delta_job(self.destination) if wish == "delta" else REFRESH_JOB,
            partition_key=practice,
            run_config={} if wish == "delta" else refresh_config(drain=drain),
            tags={DRAIN_TAG: drain_word(window.ends)} if ends else {},
        )


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _due(polled_at: datetime, window: CutoverWindow) -> datetime:
    return polled_at + timedelta(seconds=window.poll_seconds)


def _is_of(looked_at: Entry, entry: Entry) -> bool:
    """Whether what was found at the one holds for the other; a look may be older than this tick."""
    parts = ("cursor", "reset", "comparing", "window_end")
    return all(getattr(looked_at, name) == getattr(entry, name) for name in parts)


def _current(entry: Entry, window: CutoverWindow, reset: str | None) -> Entry:
    """The entry for the window as the file has it now, begun anew where a reset was asked for since."""
    if reset is not None and reset != entry.reset:
        return Entry(reset=reset, comparing=True, served_at=entry.served_at, window_end=window.ends)
    if entry.window_end != window.ends:
        return entry.model_copy(update={"window_end": window.ends, "stopped": None, "look_at": None})
    return entry
