"""Starting and ending an HTTP server as a process of its own, for tests, benchmarks and the demo."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from migration_sandbox.serving.control import Control

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


class StartFailed(Exception):
    """The server's process ended, or didn't answer in time; its log file says why."""


@dataclass(kw_only=True)
class ServerProcess:
    """A server over a directory that keeps its state. A subclass says which, and its options."""

    directory: Path
    port: int = 0
    plain_http: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str = ""
    ca_path: Path | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def module(self) -> str:
        raise NotImplementedError

    def options(self) -> list[str]:
        return []

    def secrets(self) -> dict[str, str]:
        return {}

    @property
    def control(self) -> Control:
        raise NotImplementedError

    @property
    def log_path(self) -> Path:
        return self.directory.with_name(self.directory.name + ".log")

    def start(self) -> Self:
        """Start the process and wait until it answers. A second start takes the port of the first."""
        status = self.directory.with_name(self.directory.name + ".status.json")
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        status.unlink(missing_ok=True)
        command = [
            sys.executable, "-m", self.module(), "--directory", str(self.directory),
            "--port", str(self.port), "--status-file", str(status), *self.options(),
            *(["--plain-http"] if self.plain_http else []),
        ]  # fmt: skip
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        environment = {**os.environ, **self.environment, "PYTHONPATH": path, **self.secrets()}
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self._wait(status)
        return self

    def _wait(self, status: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise StartFailed(f"{self.module()} ended at start; see {self.log_path}")
            if status.exists():
                told = json.loads(status.read_text())
                self.url = told["url"]
                self.ca_path = Path(told["ca"]) if told["ca"] else None
                self.port = int(self.url.rpartition(":")[2])
                if self.control.answers():
                    return
            time.sleep(0.02)
        self.kill()
        raise StartFailed(f"{self.module()} didn't answer; see {self.log_path}")

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: what a power-less process loses is lost."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
