"""A practice's database on the sandbox SQL server beside its records in the org, and a checker of both.

The black-box checker runs as its user would run it: a command in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from migration_assets_tests.integration.installation import PRACTICE, READER_PASSWORD
from migration_sandbox.practice.generator import Practice, write_database
from migration_sandbox.salesforce.launch import SalesforceSandbox
from migration_sandbox.sqlserver.launch import SandboxServer, odbc_driver
from migration_sandbox.sqlserver.launch import start as start_sql

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Checked:
    """What the checker said: its exit status and its lines ``Object.Field kind: n (keys)``."""

    status: int
    lines: tuple[str, ...]

    def names(self, field: str, key: str | None = None) -> bool:
        return any(line.startswith(f"{field} ") and (key is None or key in line) for line in self.lines)


@dataclass(frozen=True)
class BlackBox:
    """The checker between one SQL server and one org."""

    server: SandboxServer
    sandbox: SalesforceSandbox

    @classmethod
    def over(cls, practice: Practice, directory: Path, sandbox: SalesforceSandbox) -> BlackBox:
        directory.mkdir()
        write_database(practice, directory / f"panda_{PRACTICE}.duckdb")
        return cls(start_sql(directory, reader_password=READER_PASSWORD), sandbox)

    def check(self) -> Checked:
        command = [sys.executable, "-m", "migration_assets_tests.blackbox", "--practice", PRACTICE]
        done = subprocess.run(
            command,
            env=self._environment(),
            cwd=_ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Checked(done.returncode, tuple(line.strip() for line in done.stdout.splitlines()))

    def _environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "BLACKBOX_ODBC_DRIVER": odbc_driver(),
            "BLACKBOX_ODBC_ENCRYPT": "strict",
            "BLACKBOX_ODBC_SERVER": f"127.0.0.1,{self.server.port}",
            "BLACKBOX_ODBC_DATABASE": f"panda_{PRACTICE}",
            "BLACKBOX_ODBC_UID": "panda_reader",
            "BLACKBOX_ODBC_PWD": READER_PASSWORD,
            "BLACKBOX_ODBC_SERVERCERTIFICATE": str(self.server.certificate),
            "BLACKBOX_INSTANCE_URL": self.sandbox.url,
            "BLACKBOX_CA": str(self.sandbox.ca_path),
            "BLACKBOX_CLIENT_ID": self.sandbox.client_id,
            "BLACKBOX_CLIENT_SECRET": self.sandbox.client_secret,
        }
