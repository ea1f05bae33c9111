"""A sandbox installation in one folder: SQL Server, two Salesforce orgs, secrets, the demo practices' data.

One org is for rehearsals (a sandbox org), the other one is live (a production org).

Secrets are made at random once and kept in a file that only its owner can read; ports are kept too, so that
a practice file which names the variables goes on working after a restart.
"""

import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import psutil

from migration_sandbox.practice.generator import Practice, generate, write_database, write_share
from migration_sandbox.practice.nhanes import nhanes_practice
from migration_sandbox.practice.teeth import Habit
from migration_sandbox.salesforce.launch import SalesforceSandbox
from migration_sandbox.sqlserver import launch as sqlserver
from migration_sandbox.sqlserver.launch import SandboxServer

PRACTICES = ("maple", "linden", "hawthorn", "nhanes")
"""Keys of the demo practices; each has a file in data/practices and a database panda_<key> here."""

DEFAULT_OWNER = "owner@sandbox.example"
"""The user whom the demo's practice files name as the owner of records of no provider's user."""

_PATIENTS = 200
_GENERATED: dict[str, tuple[int, Habit]] = {
    "maple": (7, "Universal"),
    "linden": (8, "FDI"),
    "hawthorn": (9, "Palmer"),
}
"""Seed, and the numbering system in which the practice charts."""
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
)


@dataclass(frozen=True)
class Running:
    """What a client needs to reach the servers; `salesforce_...` is the rehearsal's org."""

    sql_port: int
    sql_certificate: Path
    salesforce_url: str
    salesforce_ca: Path
    salesforce_live_url: str
    salesforce_live_ca: Path


class Installation:
    """The sandbox servers over ``directory``, started here or by another process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

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
            orgs = [stack.enter_context(org) for org in (self._rehearsal_org(ports), self._live_org(ports))]
            rehearsal, live = orgs
            for org in orgs:
                self.furnish(org)
            now = Running(sql.port, sql.certificate, rehearsal.url, _ca(rehearsal), live.url, _ca(live))
            self._write(
                "ports.json", {"sql": sql.port, "salesforce": rehearsal.port, "salesforce_live": live.port}
            )
            stack.callback((self.directory / "running.json").unlink, missing_ok=True)
            self._write("running.json", {"pid": os.getpid(), **_as_text(now)})
            yield now

    def make_databases(self) -> None:
        """Generate the demo practices that aren't there yet, each with its manifest and its image share."""
        for key in PRACTICES:
            database = self.sql_directory / f"panda_{key}.duckdb"
            shared = self.share(key).exists() or key not in _GENERATED
            if database.exists() and shared:
                continue
            practice = _practice(key)
            if not shared:
                self._write_share(key, practice)
            if not database.exists():
                self._write_database(key, practice, database)

    def furnish(self, org: SalesforceSandbox) -> None:
        """Give a running org what the demo's practices choose of it, and their users; twice is once."""
        org.control.settings(contacts_to_multiple_accounts=True)
        for user in self._users():
            org.control.add_user(**user)

    def environment(self, running: Running) -> dict[str, str]:
        """Variables that the demo's practice files and the checker refer to."""
        kept = self.secrets()
        return {
            "DEMO_ENCRYPTION_KEY": kept["encryption_key"],
            "DEMO_SQL_PORT": str(running.sql_port),
            "DEMO_SQL_PASSWORD": kept["reader_password"],
            "DEMO_SQL_CERTIFICATE": str(running.sql_certificate),
            "DEMO_SALESFORCE_URL": running.salesforce_url,
            "DEMO_SALESFORCE_CA": str(running.salesforce_ca),
            "DEMO_SALESFORCE_CLIENT_ID": kept["client_id"],
            "DEMO_SALESFORCE_CLIENT_SECRET": kept["client_secret"],
            "DEMO_SALESFORCE_LIVE_URL": running.salesforce_live_url,
            "DEMO_SALESFORCE_LIVE_CA": str(running.salesforce_live_ca),
            "DEMO_SALESFORCE_LIVE_CLIENT_ID": kept["live_client_id"],
            "DEMO_SALESFORCE_LIVE_CLIENT_SECRET": kept["live_client_secret"],
            **{f"DEMO_FILE_SHARE_{key.upper()}": str(self.share(key)) for key in _GENERATED},
        }

    @property
    def sql_directory(self) -> Path:
        return self.directory / "sqlserver"

    def share(self, practice: str) -> Path:
        """The folder that stands for the practice's image share."""
        return self.directory / "shares" / practice

    def manifest(self, practice: str) -> Path:
        return self.directory / "manifests" / practice / "manifest.json"

    def _people(self, practice: str) -> Path:
        return self.manifest(practice).with_name("users.json")

    def _users(self) -> list[dict[str, Any]]:
        """Users of the org: the owner of last resort, and the staff who have a login there already."""
        files = (path for key in PRACTICES if (path := self._people(key)).exists())
        staff = [user for path in files for user in json.loads(path.read_text(encoding="utf-8"))]
        owner = {"username": DEFAULT_OWNER, "email": DEFAULT_OWNER, "last_name": "Owner"}
        return [owner, *staff]

    def secrets(self) -> dict[str, str]:
        """Made at random once; an installation of an older version gets what it lacks."""
        path = self.directory / "secrets.json"
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        lacking = {name: secrets.token_hex(24) for name in _SECRETS if name not in kept}
        if lacking:
            kept |= lacking
            self._write(path.name, dict(kept))
        return kept

    def _write_database(self, key: str, practice: Practice, database: Path) -> None:
        self.sql_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = database.with_name(f"unfinished-{database.name}")
        unfinished.unlink(missing_ok=True)
        write_database(practice, unfinished)
        practice.manifest.write(self.manifest(key))
        self._people(key).write_text(json.dumps(_with_a_login(practice)), encoding="utf-8")
        unfinished.rename(database)

    def _write_share(self, key: str, practice: Practice) -> None:
        share = self.share(key)
        share.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = share.with_name(f"unfinished-{share.name}")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        write_share(practice, unfinished)
        unfinished.rename(share)

    def _start_sql(self, port: int) -> SandboxServer:
        kept = self.secrets()
        return sqlserver.start(
            self.sql_directory,
            owner_password=kept["owner_password"],
            reader_password=kept["reader_password"],
            port=_free_or_any(port),
        )

    def _rehearsal_org(self, ports: dict[str, int]) -> SalesforceSandbox:
        kept = self.secrets()
        return SalesforceSandbox(
            self.directory / "salesforce",
            sandbox_org=True,
            port=_free_or_any(ports.get("salesforce", 0)),
            client_id=kept["client_id"],
            client_secret=kept["client_secret"],
            control_token=kept["control_token"],
        )

    def _live_org(self, ports: dict[str, int]) -> SalesforceSandbox:
        kept = self.secrets()
        return SalesforceSandbox(
            self.directory / "salesforce-live",
            sandbox_org=False,
            port=_free_or_any(ports.get("salesforce_live", 0)),
            client_id=kept["live_client_id"],
            client_secret=kept["live_client_secret"],
            control_token=kept["live_control_token"],
        )

    def _ports(self) -> dict[str, int]:
        path = self.directory / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return ports

    def _already_running(self) -> Running | None:
        with suppress(FileNotFoundError, ValueError, KeyError):
            told = json.loads((self.directory / "running.json").read_text(encoding="utf-8"))
            if psutil.pid_exists(told["pid"]) and not _is_free(int(told["sql_port"])):
                return Running(
                    int(told["sql_port"]),
                    Path(told["sql_certificate"]),
                    told["salesforce_url"],
                    Path(told["salesforce_ca"]),
                    told["salesforce_live_url"],
                    Path(told["salesforce_live_ca"]),
                )
        return None

    def _write(self, name: str, content: dict[str, object]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self.directory / f".{name}.part"
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        part.replace(self.directory / name)


def _practice(key: str) -> Practice:
    if key == "nhanes":
        return nhanes_practice(key)
    seed, numbering = _GENERATED[key]
    return generate(seed, _PATIENTS, name=key, numbering=numbering, tables="all")


def _with_a_login(practice: Practice) -> list[dict[str, Any]]:
    """Every other of those at work, one of them as a user who has been deactivated."""
    if "StaffUser" not in practice.tables:
        return []
    staff = practice.tables["StaffUser"].filter(pl.col("Active") & pl.col("Email").is_not_null())
    people = staff.gather_every(2).select("FullName", "Email").iter_rows()
    return [
        {
            "username": email,
            "email": email,
            "first_name": name.rpartition(" ")[0] or None,
            "last_name": name.rpartition(" ")[2],
            "active": place != 1,
        }
        for place, (name, email) in enumerate(people)
    ]


def _ca(org: SalesforceSandbox) -> Path:
    if org.ca_path is None:
        raise RuntimeError("the Salesforce sandbox was started without TLS")
    return org.ca_path


def _as_text(running: Running) -> dict[str, object]:
    return {name: str(getattr(running, name)) for name in Running.__dataclass_fields__}


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
