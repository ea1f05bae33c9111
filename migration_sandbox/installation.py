"""A sandbox installation in one folder: SQL Server, two Salesforce orgs, two Freshsales accounts, secrets.

The demo practices' data beside them are demo_data.py's. One org and one account are for rehearsals, the
others are live.

Secrets are made at random once and kept in a file that only its owner can read; ports are kept too, so that
a practice file which names the variables goes on working after a restart.
"""

import json
import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from migration_sandbox.demo_data import WITH_A_SHARE, DemoData
from migration_sandbox.freshsales.control import Control as FreshsalesControl
from migration_sandbox.freshsales.launch import FreshsalesSandbox
from migration_sandbox.salesforce.control import Control as SalesforceControl
from migration_sandbox.salesforce.launch import SalesforceSandbox
from migration_sandbox.serving.launch import ServerProcess
from migration_sandbox.sqlserver import launch as sqlserver
from migration_sandbox.sqlserver.launch import SandboxServer, ServerAddress

PRACTICES = ("maple", "linden", "hawthorn", "nhanes")
"""Keys of the demo practices; each has a file in data/practices and a database panda_<key> here."""

DEFAULT_OWNER = "owner@sandbox.example"
"""The user whom the demo's practice files name as the owner of records of no provider's user."""

STAGES = (
    ("Consultation", "Open", 20),
    ("Accepted", "Open", 60),
    ("In Treatment", "Open", 80),
    ("Completed", "Closed Won", 100),
    ("Lost", "Closed Lost", 0),
)
"""Of the pipeline for plans that an administrator has made in each account: name, kind, probability."""

ACCOUNT_CLOCK = 600.0
"""An account's clock runs that many times faster: its plan's calls an hour are those of some seconds here."""

PIPELINE = "Treatment plans"
_SECRETS = (
    "encryption_key",
    "owner_password",
    "reader_password",
    "client_id",
    "client_secret",
    "control_token",
    "live_client_id",
    "live_client_secret",
    "live_control_token",
    "freshsales_api_key",
    "freshsales_control_token",
    "freshsales_live_api_key",
    "freshsales_live_control_token",
)


@dataclass(frozen=True)
class Address:
    """Where a server answers, and the authority that its certificate is from."""

    url: str
    ca: str


@dataclass(frozen=True)
class Running:
    """What a client needs to reach the servers; `salesforce` and `freshsales` are the rehearsal's."""

    sql_port: int
    sql_certificate: Path
    salesforce: Address
    salesforce_live: Address
    freshsales: Address
    freshsales_live: Address


_ADDRESSES = tuple(name for name, kind in Running.__annotations__.items() if kind is Address)


class Installation:
    """The sandbox servers over ``directory``, started here or by another process.

    Which demo practices it has and how large those are that are generated may be chosen; ``planted`` is how
    often they have each defect.
    """

    def __init__(
        self,
        directory: Path,
        practices: Sequence[str] | None = None,
        *,
        patients: int = 200,
        planted: int = 1,
    ) -> None:
        self.directory = directory
        self.practices = tuple(PRACTICES if practices is None else practices)
        self._data = DemoData(directory, patients, planted)

    @contextmanager
    def running(self) -> Iterator[Running]:
        """All servers, started for the duration unless another process already runs them."""
        self.make_databases()
        found = self._already_running()
        if found is not None:
            yield found
            return
        ports = self._ports()
        with ExitStack() as stack:
            sql = self._start_sql(ports.get("sql", 0))
            stack.callback(sql.stop)
            servers = self._servers(ports)
            for server in servers.values():
                stack.enter_context(server)
                self.furnish(server)
            now = Running(
                sql.port, sql.certificate, **{name: _address(each) for name, each in servers.items()}
            )
            self._write(
                "ports.json", {"sql": sql.port, **{name: each.port for name, each in servers.items()}}
            )
            stack.callback((self.directory / "running.json").unlink, missing_ok=True)
            told = {**asdict(now), "sql_certificate": str(now.sql_certificate)}
            self._write("running.json", {"pid": os.getpid(), **told})
            yield now

    def make_databases(self) -> None:
        """Make the demo practices that aren't there yet, each with its manifest and its image share."""
        for key in self.practices:
            self._data.make(key)

    def furnish(self, server: ServerProcess) -> None:
        """Give a running org or account what the demo's practices choose of it, and their users; twice is
        once."""
        if isinstance(server, SalesforceSandbox):
            server.control.settings(contacts_to_multiple_accounts=True)
            for user in self._users():
                server.control.add_user(**user)
        elif isinstance(server, FreshsalesSandbox):
            server.control.settings(clock_speed=ACCOUNT_CLOCK)
            there = server.control.dump()
            if all(each["name"] != PIPELINE for each in there["pipeline"].values()):
                server.control.add_pipeline(PIPELINE, STAGES)
            known = {each["email"] for each in there["user"].values()}
            for user in self._users():
                if user["email"] not in known:
                    name = " ".join(filter(None, (user.get("first_name"), user["last_name"])))
                    server.control.add_user(user["email"], name, active=user.get("active", True))

    def environment(self, running: Running) -> dict[str, str]:
        """Variables that the demo's practice files and the checker refer to."""
        kept = self.secrets()
        return {
            "DEMO_ENCRYPTION_KEY": kept["encryption_key"],
            "DEMO_SQL_PORT": str(running.sql_port),
            "DEMO_SQL_PASSWORD": kept["reader_password"],
            "DEMO_SQL_CERTIFICATE": str(running.sql_certificate),
            "DEMO_SALESFORCE_URL": running.salesforce.url,
            "DEMO_SALESFORCE_CA": running.salesforce.ca,
            "DEMO_SALESFORCE_CLIENT_ID": kept["client_id"],
            "DEMO_SALESFORCE_CLIENT_SECRET": kept["client_secret"],
            "DEMO_SALESFORCE_LIVE_URL": running.salesforce_live.url,
            "DEMO_SALESFORCE_LIVE_CA": running.salesforce_live.ca,
            "DEMO_SALESFORCE_LIVE_CLIENT_ID": kept["live_client_id"],
            "DEMO_SALESFORCE_LIVE_CLIENT_SECRET": kept["live_client_secret"],
            "DEMO_FRESHSALES_URL": f"{running.freshsales.url}/crm/sales",
            "DEMO_FRESHSALES_CA": running.freshsales.ca,
            "DEMO_FRESHSALES_API_KEY": kept["freshsales_api_key"],
            "DEMO_FRESHSALES_LIVE_URL": f"{running.freshsales_live.url}/crm/sales",
            "DEMO_FRESHSALES_LIVE_CA": running.freshsales_live.ca,
            "DEMO_FRESHSALES_LIVE_API_KEY": kept["freshsales_live_api_key"],
            **{f"DEMO_FILE_SHARE_{key.upper()}": str(self.share(key)) for key in WITH_A_SHARE},
        }

    def source(self) -> ServerAddress:
        """The running SQL Server, for what an administrator or a fault does to it."""
        return sqlserver.running(self.sql_directory)

    def live_org(self, running: Running) -> SalesforceControl:
        at = running.salesforce_live
        return SalesforceControl(at.url, self.secrets()["live_control_token"], Path(at.ca))

    def live_account(self, running: Running) -> FreshsalesControl:
        at = running.freshsales_live
        return FreshsalesControl(at.url, self.secrets()["freshsales_live_control_token"], Path(at.ca))

    @property
    def sql_directory(self) -> Path:
        return self._data.databases

    def share(self, practice: str) -> Path:
        """The folder that stands for the practice's image share."""
        return self._data.share(practice)

    def manifest(self, practice: str) -> Path:
        return self._data.manifest(practice)

    def _users(self) -> list[dict[str, Any]]:
        """Users of the org: the owner of last resort, and the staff who have a login there already."""
        owner = {"username": DEFAULT_OWNER, "email": DEFAULT_OWNER, "last_name": "Owner"}
        return [owner, *(user for key in self.practices for user in self._data.users(key))]

    def secrets(self) -> dict[str, str]:
        """Made at random once; an installation of an older version gets what it lacks."""
        path = self.directory / "secrets.json"
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        lacking = {name: secrets.token_hex(24) for name in _SECRETS if name not in kept}
        if lacking:
            kept |= lacking
            self._write(path.name, dict(kept))
        return kept

    def _start_sql(self, port: int) -> SandboxServer:
        kept = self.secrets()
        return sqlserver.start(
            self.sql_directory,
            owner_password=kept["owner_password"],
            reader_password=kept["reader_password"],
            port=_free_or_any(port),
        )

    def _servers(self, ports: dict[str, int]) -> dict[str, ServerProcess]:
        """By their names in Running; not started yet."""
        kept = self.secrets()

        def port(name: str) -> int:
            return _free_or_any(ports.get(name, 0))

        def org(name: str, prefix: str, *, sandbox_org: bool) -> SalesforceSandbox:
            return SalesforceSandbox(
                self.directory / name.replace("_", "-"),
                sandbox_org=sandbox_org,
                port=port(name),
                client_id=kept[f"{prefix}client_id"],
                client_secret=kept[f"{prefix}client_secret"],
                control_token=kept[f"{prefix}control_token"],
            )

        def account(name: str) -> FreshsalesSandbox:
            return FreshsalesSandbox(
                self.directory / name.replace("_", "-"),
                port=port(name),
                api_key=kept[f"{name}_api_key"],
                control_token=kept[f"{name}_control_token"],
            )

        return {
            "salesforce": org("salesforce", "", sandbox_org=True),
            "salesforce_live": org("salesforce_live", "live_", sandbox_org=False),
            "freshsales": account("freshsales"),
            "freshsales_live": account("freshsales_live"),
        }

    def _ports(self) -> dict[str, int]:
        path = self.directory / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return ports

    def _already_running(self) -> Running | None:
        with suppress(FileNotFoundError, ValueError, KeyError):
            told = json.loads((self.directory / "running.json").read_text(encoding="utf-8"))
            if psutil.pid_exists(told["pid"]) and not _is_free(int(told["sql_port"])):
                servers = {name: Address(**told[name]) for name in _ADDRESSES}
                return Running(int(told["sql_port"]), Path(told["sql_certificate"]), **servers)
        return None

    def _write(self, name: str, content: dict[str, object]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self.directory / f".{name}.part"
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        part.replace(self.directory / name)


def _address(server: ServerProcess) -> Address:
    if server.ca_path is None:
        raise RuntimeError(f"{server.module()} was started without TLS")
    return Address(server.url, str(server.ca_path))


def _free_or_any(port: int) -> int:
    """The port of last time, or any where something else has taken it since."""
    return port if port and _is_free(port) else 0


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
