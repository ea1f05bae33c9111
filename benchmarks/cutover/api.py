"""Questions and commands to a running Dagster over its GraphQL: sensors, runs, ticks, checks."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psutil

from benchmarks.cutover.names import LOCATION, REPOSITORY

_PATIENCE = 180.0
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")
_TICKS = "ticks(limit: 5000) {timestamp endTimestamp status runIds skipReason error {message}}"
T = TypeVar("T")


class NotInTime(Exception):
    """What was waited for didn't come."""


def until(what: str, look: Callable[[], T | None], seconds: float = _PATIENCE, pause: float = 1.0) -> T:
    """What ``look`` finds. Raises NotInTime."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(pause)
    raise NotInTime(f"not within {seconds:g} s: {what}")


@dataclass(frozen=True)
class Run:
    id: str
    job: str
    status: str
    practice: str
    started: float | None
    ended: float | None

    @property
    def over(self) -> bool:
        return self.status in _ENDED


@dataclass(frozen=True)
class Api:
    """Of the web server on a port of this machine."""

    port: int

    def ask(self, query: str, **variables: Any) -> Any:
        """Raises OSError where the web server doesn't answer, ValueError where it refuses."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as response:
            told = json.load(response)
        if told.get("errors"):
            raise ValueError(str(told["errors"])[:500])
        return told["data"]

    def start_sensor(self, name: str) -> None:
        """Raises NotInTime."""

        def started() -> bool | None:
            with suppress(OSError, ValueError):
                told = self.ask(
                    "mutation($s: SensorSelector!) {startSensor(sensorSelector: $s)"
                    "{__typename ... on Sensor {sensorState {status}}}}",
                    s=_selector("sensorName", name),
                )["startSensor"]
                return bool(told["__typename"] == "Sensor" and told["sensorState"]["status"] == "RUNNING")
            return None

        until(f"the sensor {name} is on", started)

    def ticks(self, sensor: str) -> list[dict[str, Any]]:
        told = self.ask(
            "query($s: SensorSelector!) {sensorOrError(sensorSelector: $s) {... on Sensor {sensorState"
            f"{{{_TICKS}}}}}}}}}",
            s=_selector("sensorName", sensor),
        )
        found: list[dict[str, Any]] = told["sensorOrError"]["sensorState"]["ticks"]
        return found

    def launch(self, job: str, practice: str, config: Mapping[str, object]) -> str:
        """The run's id. Raises NotInTime where no run could be launched."""

        def launched() -> str | None:
            params = {
                "selector": _selector("jobName", job),
                "executionMetadata": {"tags": [{"key": "dagster/partition", "value": practice}]},
                "runConfigData": json.dumps(config),
            }
            with suppress(OSError):
                told = self.ask(
                    "mutation($p: ExecutionParams!) {launchRun(executionParams: $p)"
                    "{__typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}"
                    "... on RunConfigValidationInvalid {errors {message}}}}",
                    p=params,
                )["launchRun"]
                if told["__typename"] == "LaunchRunSuccess":
                    return str(told["run"]["runId"])
                if told["__typename"] != "PipelineNotFoundError":  # so while the code server comes back
                    raise ValueError(str(told)[:500])
            return None

        return until(f"{job} could be launched", launched)

    def runs(self, *statuses: str) -> list[Run]:
        """All of them, or those that have one of these statuses."""
        told = self.ask(
            "query($f: RunsFilter) {runsOrError(limit: 5000, filter: $f) {... on Runs {results"
            "{runId jobName status startTime endTime tags {key value}}}}}",
            f={"statuses": statuses} if statuses else {},
        )
        return [_run(each) for each in told["runsOrError"]["results"]]

    def wait(self, run: str, seconds: float) -> str:
        """The status that a run ends with. Raises NotInTime."""

        def ended() -> str | None:
            with suppress(OSError):
                told = self.ask("query($r: ID!) {runOrError(runId: $r) {... on Run {status}}}", r=run)
                status = str(told["runOrError"]["status"])
                return status if status in _ENDED else None
            return None

        return until("the run ends", ended, seconds, 2.0)

    def checks(self, run: str) -> dict[str, bool]:
        """``asset check`` -> passed, of a run."""
        told = self.ask(
            "query($r: ID!) {logsForRun(runId: $r, limit: 5000) {... on EventConnection {events"
            "{... on AssetCheckEvaluationEvent {evaluation {checkName success assetKey {path}}}}}}}",
            r=run,
        )
        found = [each["evaluation"] for each in told["logsForRun"]["events"] if each.get("evaluation")]
        return {
            f"{'/'.join(each['assetKey']['path'])} {each['checkName']}": each["success"] for each in found
        }

    def worker(self, run: str) -> psutil.Process | None:
        """The process that a run happens in; None where it hasn't begun or is over."""
        told = self.ask(
            "query($r: ID!) {logsForRun(runId: $r) {... on EventConnection {events"
            "{... on EngineEvent {message}}}}}",
            r=run,
        )
        said = " ".join(event.get("message") or "" for event in told["logsForRun"]["events"])
        found = re.search(r"pid: (\d+)", said)
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(int(found[1])) if found else None
        return None

    def loaded(self) -> bool | None:
        """Whether the code location is there."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            return bool(self.ask("{assetNodes {assetKey {path}}}")["assetNodes"])
        return None


def _selector(kind: str, name: str) -> dict[str, str]:
    return {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, kind: name}


def _run(told: Mapping[str, Any]) -> Run:
    tags = {each["key"]: each["value"] for each in told["tags"]}
    return Run(
        told["runId"], told["jobName"], told["status"], tags.get("dagster/partition", ""),
        told["startTime"], told["endTime"],
    )  # fmt: skip
