"""A night from the full migration to the verdicts, with everything in between as it is in production."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.cutover import names
from benchmarks.cutover.api import Api, NotInTime, Run, until
from benchmarks.cutover.judge import Verdict, judge
from benchmarks.cutover.percentiles import spread
from benchmarks.cutover.services import Services, services
from benchmarks.cutover.simulators import Pace, simulators
from benchmarks.cutover.stage import PRACTICES, Stage, stage
from benchmarks.cutover.troubles import Hand, schedule

_LATE = 300.0
"""Seconds that the simulators may need longer than the window."""
_QUIET = 45.0
"""After so many seconds without a run nothing more is coming."""
_SETTLING, _CLOSING = 1_200.0, 1_800.0
_ATTEMPTS = 3


@dataclass(frozen=True)
class Plan:
    """``seconds``: how long the window is, in which ``hours`` of the practices' pass."""

    folder: Path
    destination: str = "salesforce"
    hours: float = 48.0
    seconds: float = 1_500.0
    patients: int = 60
    pace: float = 1.0
    poll_seconds: int = 15
    seed: int = 1
    practices: tuple[str, ...] = PRACTICES


@dataclass
class Night:
    """What happened, as plain data."""

    plan: Plan
    events: dict[str, dict[str, int]] = field(default_factory=dict)
    troubles: list[dict[str, Any]] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)
    ticks: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, dict[str, int]] = field(default_factory=dict)
    run_seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    go_live: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    boards: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        closed = all(tries and tries[-1]["closed"] for tries in self.go_live.values())
        return closed and bool(self.verdicts) and all(each.passed for each in self.verdicts)

    def as_json(self) -> dict[str, Any]:
        told = {name: value for name, value in vars(self).items() if name not in ("plan", "verdicts")}
        plan = {**asdict(self.plan), "folder": self.plan.folder.name}
        verdicts = [each.as_json() for each in self.verdicts]
        return {"passed": self.passed, "plan": plan, **told, "verdicts": verdicts}


def run(plan: Plan, say: Callable[[str], None]) -> Night:
    """Raises NotMigrated, NotInTime and SimulatorFailed where the night itself can't be held."""
    night = Night(plan)
    with stage(plan.folder, plan.destination, plan.patients, plan.poll_seconds, plan.practices) as at:
        say("migrating the practices to live")
        at.migrate()
        with services(plan.folder / "services", at.environment) as dagster:
            _cut_over(night, at, dagster, say)
        say("judging")
        night.verdicts = [judge(at, practice) for practice in plan.practices]
        night.boards = [str(board) for practice in plan.practices for board in _kept_boards(at, practice)]
    return night


def _cut_over(night: Night, at: Stage, dagster: Services, say: Callable[[str], None]) -> None:
    plan, sensor = night.plan, names.sensor(at.destination)
    now = datetime.now(UTC)
    at.write_window(now, now + timedelta(seconds=plan.seconds))
    dagster.api.start_sensor(sensor)
    say(f"the sensor is on, the window open for {plan.seconds:.0f} s")
    hand = Hand(at, dagster, plan.seconds)
    try:
        with simulators(at, Pace(plan.hours, plan.seconds, plan.pace, plan.seed)) as people:
            hand.start(schedule(plan.seed, plan.practices, plan.destination))
            people.wait(plan.seconds + _LATE)
            night.events = {practice: dict(events) for practice, events in people.events.items()}
    finally:
        hand.stop()
        night.troubles = hand.done
    say("the practices have stopped working; waiting for the last deltas")
    # What is still unsent then is the last drain's to find.
    with suppress(NotInTime):
        _settle(dagster.api)
    for practice in plan.practices:
        say(f"{practice}: going live")
        night.go_live[practice] = _go_live(dagster.api, at.destination, practice)
    night.restarts = dict(dagster.restarts)
    night.ticks = _ticks(dagster.api, sensor)
    _count_runs(night, dagster.api.runs())


def _settle(api: Api) -> None:
    """Until no run has been active for a while. Raises NotInTime."""
    quiet_since = time.monotonic()

    def quiet() -> bool | None:
        nonlocal quiet_since
        with suppress(OSError, ValueError):
            if any(not each.over for each in api.runs()):
                quiet_since = time.monotonic()
        return time.monotonic() - quiet_since > _QUIET or None

    until("the runs are over", quiet, _SETTLING, 2.0)


def _go_live(api: Api, destination: str, practice: str) -> list[dict[str, Any]]:
    """Each attempt: how its run ended, and the checks that failed."""
    tries: list[dict[str, Any]] = []
    while len(tries) < _ATTEMPTS and not (tries and tries[-1]["closed"]):
        config = names.go_live_config(destination, "Night engineer")
        run_id = api.launch(names.go_live_job(destination), practice, config)
        status = api.wait(run_id, _CLOSING)
        checks = api.checks(run_id)
        drained = checks.get(f"{'/'.join(names.board_asset(destination))} {names.DRAINED_CHECK}", False)
        tries.append(
            {
                "run": run_id,
                "status": status,
                "drained": drained,
                "closed": status == "SUCCESS" and drained,
                "failed_checks": sorted(name for name, passed in checks.items() if not passed),
            }
        )
    return tries


def _ticks(api: Api, sensor: str) -> dict[str, Any]:
    found = api.ticks(sensor)
    seconds = [each["endTimestamp"] - each["timestamp"] for each in found if each["endTimestamp"]]
    return {
        "by_status": dict(Counter(each["status"] for each in found)),
        "runs_requested": sum(len(each["runIds"]) for each in found),
        "seconds": spread(seconds),
    }


def _count_runs(night: Night, runs: list[Run]) -> None:
    for job in sorted({each.job for each in runs}):
        of_job = [each for each in runs if each.job == job]
        night.runs[job] = dict(Counter(each.status for each in of_job))
        night.run_seconds[job] = spread(
            each.ended - each.started
            for each in of_job
            if each.status == "SUCCESS" and each.ended and each.started
        )


def _kept_boards(at: Stage, practice: str) -> list[Path]:
    """Copies beside the summary."""
    kept = []
    for name in names.BOARD:
        made = names.reports(at.data, practice, at.destination) / name
        if made.exists():
            copy = at.folder / f"{practice}-{name}"
            shutil.copy2(made, copy)
            kept.append(copy.relative_to(at.folder))
    return kept
