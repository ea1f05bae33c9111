"""`dagster dev` as `make ui` starts it, whose processes are killed: a practice is free again by itself."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
import yaml

from migration_assets_tests.orchestration.installation import ROOT, Outside, practice_document
from migration_sandbox.practice.generator import Practice, generate

PRACTICE, DATABASE = "undying", "panda_undying"
PATIENCE = 120.0
T = TypeVar("T")


def _until(what: str, look: Callable[[], T | None], seconds: float = PATIENCE) -> T:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(1)
    raise AssertionError(f"not within {seconds:g} s: {what}")


@dataclass(frozen=True)
class Dagster:
    """The processes of one `dagster dev` and its GraphQL."""

    process: psutil.Process
    url: str
    groups: tuple[str, ...] = ("panda", "staged", "salesforce_rehearsal")

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as response:
            return json.load(response)["data"]

    def assets(self) -> list[dict[str, Any]]:
        with suppress(urllib.error.URLError, ConnectionError, TypeError, KeyError):
            keys = [each["assetKey"] for each in self.ask("{assetNodes{assetKey{path}}}")["assetNodes"]]
            return [key for key in keys if key["path"][0] in self.groups]
        return []

    def launch_all(self) -> str:
        """Starts a run of every asset of the groups for the practice, as soon as the code location is there;
        its id."""

        def launched() -> str | None:
            if not (assets := self.assets()):
                return None
            params = {
                "selector": {
                    "repositoryLocationName": "migration_assets",
                    "repositoryName": "__repository__",
                    "jobName": "__ASSET_JOB",
                    "assetSelection": assets,
                },
                "executionMetadata": {"tags": [{"key": "dagster/partition", "value": PRACTICE}]},
                "runConfigData": "{}",
            }
            answer = self.ask(
                "mutation($p: ExecutionParams!) {launchRun(executionParams: $p)"
                "{... on LaunchRunSuccess {run {runId}}}}",
                p=params,
            )
            run: dict[str, str] | None = answer["launchRun"].get("run")
            return run["runId"] if run else None

        return _until("a run could be launched", launched)

    def status(self, run: str) -> str:
        answer = self.ask("query($r: ID!) {runOrError(runId: $r) {... on Run {status}}}", r=run)
        return str(answer["runOrError"]["status"])

    def wait_for(self, run: str, *statuses: str) -> float:
        """Seconds until the run has one of these statuses."""
        began = time.monotonic()
        _until(f"run is {statuses}", lambda: self.status(run) in statuses or None)
        return time.monotonic() - began

    def worker(self, run: str) -> psutil.Process:
        answer = self.ask(
            "query($r: ID!) {logsForRun(runId: $r) {... on EventConnection {events "
            "{... on EngineEvent {message}}}}}",
            r=run,
        )
        messages = " ".join(event.get("message") or "" for event in answer["logsForRun"]["events"])
        found = re.search(r"pid: (\d+)", messages)
        assert found
        return psutil.Process(int(found[1]))

    def in_pools(self) -> set[str]:
        """Runs that have a place in a pool."""
        limits = self.ask("{instance {concurrencyLimits {claimedSlots {runId}}}}")["instance"]
        return {slot["runId"] for pool in limits["concurrencyLimits"] for slot in pool["claimedSlots"]}

    def code_servers(self) -> list[psutil.Process]:
        return [
            each
            for each in self.process.children(recursive=True)
            if {"code-server", "grpc"} & set(_command(each))
        ]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@contextmanager
def _dagster_dev(data: Path, environment: dict[str, str]) -> Iterator[Dagster]:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("dagster")), "dev", "-h", "127.0.0.1", "-p", str(port)]
    with (data / "dagster-dev.log").open("ab") as log:
        started = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    process = psutil.Process(started.pid)
    dagster = Dagster(process, f"http://127.0.0.1:{port}")
    family: list[psutil.Process] = []
    try:
        _until("the web server answers", dagster.assets)
        yield dagster
    finally:
        family = process.children(recursive=True)
        started.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            started.wait(timeout=20)
        for each in [*family, process]:
            with suppress(psutil.NoSuchProcess):
                each.kill()


@pytest.fixture
def few(around: Outside) -> Practice:
    """What is loaded here is no matter, so it is little."""
    made = generate(11, 8, exams_per_patient=1.5, planted=0, tables="all")
    around.add_practice(made, DATABASE)
    return made


@pytest.fixture
def environment(around: Outside, few: Practice, tmp_path: Path) -> dict[str, str]:  # noqa: ARG001
    """The installation's variables, with its practice registered."""
    (tmp_path / "practices").mkdir()
    document = practice_document(around, PRACTICE, DATABASE)
    (tmp_path / "practices" / f"{PRACTICE}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return {
        **os.environ,
        "DAGSTER_HOME": str(ROOT),
        "MIGRATION_DATA": str(tmp_path),
        "MIGRATION_DAGSTER_STORAGE": str(tmp_path / "dagster"),
        "MIGRATION_DAGSTER_LOGS": str(tmp_path / "dagster" / "logs"),
    }


def test_a_practice_is_free_again_after_its_worker_or_the_code_server_was_killed(
    around: Outside, environment: dict[str, str], tmp_path: Path, words: list[str], few: Practice
) -> None:
    control = around.org.control
    with _dagster_dev(tmp_path, environment) as dagster:
        held = control.hold("POST", "/jobs/ingest$")
        killed = dagster.launch_all()
        held.wait(60)
        waiting = replace(dagster, groups=("salesforce_rehearsal",)).launch_all()
        assert dagster.status(waiting) == "QUEUED"
        assert killed in dagster.in_pools()
        held = control.hold("POST", "/jobs/ingest$")
        dagster.worker(killed).kill()
        assert dagster.wait_for(killed, "FAILURE") < 30

        held.wait(PATIENCE)
        for process in [*dagster.code_servers(), dagster.worker(waiting)]:
            process.kill()
        assert dagster.wait_for(waiting, "FAILURE") < 30

        third = replace(dagster, groups=("panda",)).launch_all()
        dagster.wait_for(third, "SUCCESS", "FAILURE")
        assert dagster.status(third) == "SUCCESS"
        _until("the dead have let go of the pools", lambda: {killed, waiting}.isdisjoint(dagster.in_pools()))
    said = b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.suffix in {".log", ".db", ".err"}
    )
    assert PRACTICE.encode() in said
    assert [word for word in [*words, *few.manifest.tokens()] if word.encode() in said] == []
