"""The server as a subprocess of a test or a demo: started, awaited, told to misbehave, stopped.

with start(directory, owner_password="...", reader_password="...") as server:
    pyodbc.connect(server.connection_string("maple", "panda_reader", "..."))
"""

from __future__ import annotations

import datetime
import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from .permissions import OWNER, PASSWORD_VARIABLES, READER

_START_SECONDS = 30.0
_STATUS_FILE = "sandbox-server.json"


@dataclass
class ServerAddress:
    """A running server; `certificate` is the PEM file that a client names to verify it."""

    directory: Path
    port: int
    control_port: int
    certificate: Path

    def connection_string(self, database: str, login: str, password: str, *, trust: str | None = None) -> str:
        """For Microsoft's ODBC Driver 18, with the server verified by its certificate.

        The driver reads ServerCertificate under Encrypt=strict alone (TDS 8.0). trust="no" is Encrypt=yes
        verified by OpenSSL's authorities, which know this server only where SSL_CERT_FILE names its
        certificate; trust="yes" is Encrypt=yes without verification.
        """
        verification = f"Encrypt=yes;TrustServerCertificate={trust}"
        if trust is None:
            verification = f"Encrypt=strict;ServerCertificate={self.certificate}"
        return (
            f"DRIVER={{{odbc_driver()}}};SERVER=127.0.0.1,{self.port};DATABASE={database};UID={login};"
            f"PWD={{{password.replace('}', '}}')}}};{verification}"
        )

    def cut_next_result(self, after_bytes: int) -> None:
        self._control("POST", "/faults", {"cut_next_result": after_bytes})

    def deadlock(self, table: str, times: int = 1) -> None:
        self._control("POST", "/faults", {"deadlock": table, "times": times})

    def delay(self, seconds: float) -> None:
        self._control("POST", "/faults", {"delay": seconds})

    def unreachable(self, database: str) -> None:
        """For the reader, until the faults are cleared; the practice's own login goes on."""
        self._control("POST", "/faults", {"unreachable": database})

    def clear_faults(self) -> None:
        self._control("DELETE", "/faults")

    def set_clock(self, utc: datetime.datetime | None = None, speed: float | None = None) -> None:
        """What SYSUTCDATETIME and its kin say: another moment (backwards too), another speed, or both."""
        asked = {"utc": None if utc is None else utc.isoformat(), "speed": speed}
        self._control("POST", "/clock", {name: value for name, value in asked.items() if value is not None})

    def reset_clock(self) -> None:
        self._control("DELETE", "/clock")

    def clean_up_changes(self, database: str) -> None:
        """As if change tracking's retention had passed: versions up to now are no longer valid."""
        self._control("POST", "/change-tracking/cleanup", {"database": database})

    def statements(self) -> list[dict[str, Any]]:
        """What clients asked so far: kind, tables, login, database, count of parameters, error number."""
        found: list[dict[str, Any]] = self._control("GET", "/statements")
        return found

    def forget_statements(self) -> None:
        self._control("DELETE", "/statements")

    def _control(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.control_port}{path}", data=data, method=method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as response:
            return json.load(response)


@dataclass
class SandboxServer(ServerAddress):
    """A server that this process has started."""

    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> SandboxServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(
    directory: Path,
    *,
    owner_password: str = "",
    reader_password: str = "",
    port: int = 0,
    verbose: bool = False,
    keep_results: bool = False,
) -> SandboxServer:
    """Starts the server and waits until it accepts clients; an empty password leaves its login disabled.

    With ``keep_results`` the second answer to a long query costs the server nothing but its bytes' way out;
    its databases can't be written to then.
    Raises RuntimeError where the process ends, TimeoutError where it doesn't answer in half a minute.
    """
    status_file = directory / _STATUS_FILE
    status_file.unlink(missing_ok=True)
    environment = dict(os.environ)
    for login, password in ((OWNER, owner_password), (READER, reader_password)):
        environment[PASSWORD_VARIABLES[login]] = password
    root = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "migration_sandbox.sqlserver", "--directory", str(directory)]
    command += ["--port", str(port), "--port-file", str(status_file), "--until-stdin-closes"]
    command += ["--verbose"] if verbose else []
    command += ["--keep-results"] if keep_results else []
    # A killed test leaves no server behind: the server ends when this pipe does.
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
    deadline = time.monotonic() + _START_SECONDS
    while not status_file.exists():
        if process.poll() is not None:
            raise RuntimeError(f"the sandbox SQL Server ended with {process.returncode} before it answered")
        if time.monotonic() > deadline:
            process.kill()
            raise TimeoutError("the sandbox SQL Server didn't answer")
        time.sleep(0.02)
    found = running(directory)
    return SandboxServer(directory, found.port, found.control_port, found.certificate, process)


def running(directory: Path) -> ServerAddress:
    """The server over this directory, by the file it wrote; raises FileNotFoundError without one."""
    status = json.loads((directory / _STATUS_FILE).read_text())
    return ServerAddress(directory, status["port"], status["control_port"], Path(status["certificate"]))


def odbc_driver() -> str:
    """The path of Microsoft's ODBC Driver 18 inside the package mssql-python-odbc."""
    spec = importlib.util.find_spec("mssql_python_odbc")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("mssql-python-odbc isn't installed; it brings Microsoft's ODBC Driver 18")
    pattern = "libs/linux/debian_ubuntu/x86_64/lib/libmsodbcsql-18*.so*"
    found = sorted(Path(spec.submodule_search_locations[0]).glob(pattern))
    if not found:
        raise RuntimeError(f"no ODBC driver {pattern} in mssql-python-odbc")
    return str(found[-1])
