"""Dagster's services as production supervises them: code server, daemon, web server, each a process of its
own that is started again when it was killed."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

from benchmarks.cutover.api import Api, until
from benchmarks.cutover.names import LOCATION

ROOT = Path(__file__).parents[2]
CODE, DAEMON, WEB = "code server", "daemon", "web server"
_BIN = Path(sys.executable).parent
_RESTART_SECONDS = 3.0


@dataclass
class Services:
    """Running until ``stop``; a service that ends is started again after some seconds."""

    folder: Path
    environment: Mapping[str, str]
    restarts: dict[str, int] = field(default_factory=dict)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _supervisor: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._code_port = _free_port()
        self.api = Api(_free_port())
        self.folder.mkdir(parents=True, exist_ok=True)
        server = {"host": "127.0.0.1", "port": self._code_port, "location_name": LOCATION}
        self._workspace = self.folder / "workspace.yaml"
        self._workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")

    def start(self) -> None:
        """Until the code location is loaded. Raises NotInTime."""
        self._start(CODE)
        until("the code server listens", lambda: _listens(self._code_port))
        for name in (WEB, DAEMON):
            self._start(name)
        until("the code location is loaded", self.api.loaded)
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._supervisor is not None:
            self._supervisor.join()
        families = {name: _family(process) for name, process in self._processes.items()}
        for process in self._processes.values():
            process.send_signal(signal.SIGINT)
        for name, process in self._processes.items():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            for each in families[name]:
                with suppress(psutil.NoSuchProcess):
                    each.kill()

    def kill(self, name: str) -> None:
        """SIGKILL to the service and, of the code server, to all that it has started."""
        process = self._processes[name]
        for each in _family(process) if name == CODE else [psutil.Process(process.pid)]:
            with suppress(psutil.NoSuchProcess):
                each.kill()

    def _start(self, name: str) -> None:
        workspace, code = ["-w", str(self._workspace)], ["-m", "migration_assets.definitions"]
        commands = {
            CODE: ["dagster", "code-server", "start", *code, "-h", "127.0.0.1", "-p", str(self._code_port)],
            DAEMON: ["dagster-daemon", "run", *workspace],
            WEB: ["dagster-webserver", "-h", "127.0.0.1", "-p", str(self.api.port), *workspace],
        }
        program, *arguments = commands[name]
        with (self.folder / f"{name.replace(' ', '-')}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(_BIN / program), *arguments],
                cwd=ROOT,
                env=dict(self.environment),
                stdout=log,
                stderr=log,
            )

    def _supervise(self) -> None:
        while not self._stopping.wait(1.0):
            for name, process in list(self._processes.items()):
                if process.poll() is not None and not self._stopping.wait(_RESTART_SECONDS):
                    self.restarts[name] = self.restarts.get(name, 0) + 1
                    self._start(name)


@contextmanager
def services(folder: Path, environment: Mapping[str, str]) -> Iterator[Services]:
    made = Services(folder, environment)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        return [*parent.children(recursive=True), parent]
    return []


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
