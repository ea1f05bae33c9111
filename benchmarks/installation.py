"""Both sandboxes with one practice, and an installation's folder whose practice file names them."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from migration_sandbox.practice.generator import Practice
    from migration_sandbox.salesforce.launch import SalesforceSandbox
    from migration_sandbox.sqlserver.launch import SandboxServer

PRACTICE = "bench"
_DATABASE = "panda_bench"
_KEY, _READER, _OWNER = "BENCH_KEY", "BENCH_SQL_PASSWORD", "BENCH_SQL_OWNER_PASSWORD"
_CLIENT_ID, _CLIENT_SECRET = "BENCH_CLIENT_ID", "BENCH_CLIENT_SECRET"


@dataclass(frozen=True)
class Installation:
    """A data folder, and the org that its practice's file names."""

    data: Path
    org: SalesforceSandbox


@dataclass(frozen=True)
class Source:
    """A running SQL server with one practice."""

    server: SandboxServer
    folder: Path

    @contextmanager
    def installation(self) -> Iterator[Installation]:
        """A data folder in which nothing has run yet, beside an org that holds nothing."""
        from migration_sandbox.salesforce.launch import SalesforceSandbox

        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            data = Path(folder) / "data"
            with SalesforceSandbox(
                Path(folder) / "org",
                sandbox_org=True,
                client_id=os.environ[_CLIENT_ID],
                client_secret=os.environ[_CLIENT_SECRET],
            ) as org:
                file = data / "practices" / f"{PRACTICE}.yaml"
                file.parent.mkdir(parents=True)
                file.write_text(yaml.safe_dump(self._document(org)), encoding="utf-8")
                yield Installation(data, org)

    def _document(self, org: SalesforceSandbox) -> dict[str, Any]:
        rehearsal = {
            "instance_url": org.url,
            "ca_bundle": str(org.ca_path),
            "auth": {
                "flow": "client_credentials",
                "client_id": {"env": _CLIENT_ID},
                "client_secret": {"env": _CLIENT_SECRET},
            },
            # The org is on this machine: waiting between two looks at a job isn't what is measured.
            "bulk": {"poll_first": 0.05, "poll_longest": 0.25, "lock_wait": 0.5},
        }
        return {
            "practice": PRACTICE,
            "name": "Bench Periodontics",
            "time_zone": "America/New_York",
            "encryption_key": {"env": _KEY},
            "policies": {"reject_limit": 0.1},
            "source": {
                "server": "127.0.0.1",
                "port": self.server.port,
                "database": _DATABASE,
                "username": "panda_reader",
                "password": {"env": _READER},
                "trust_server_certificate": True,
            },
            "destinations": {"salesforce": {"environments": {"rehearsal": rehearsal}}},
        }


@contextmanager
def source(practice: Practice) -> Iterator[Source]:
    """The SQL server, started and ended; secrets go to the processes that are started meanwhile."""
    from migration_sandbox.practice.generator import write_database
    from migration_sandbox.sqlserver.launch import start

    for name in (_KEY, _READER, _OWNER, _CLIENT_ID, _CLIENT_SECRET):
        os.environ[name] = secrets.token_hex(32)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        directory = Path(folder) / "sqlserver"
        write_database(practice, directory / f"{_DATABASE}.duckdb")
        with start(
            directory, owner_password=os.environ[_OWNER], reader_password=os.environ[_READER]
        ) as server:
            yield Source(server, Path(folder))
