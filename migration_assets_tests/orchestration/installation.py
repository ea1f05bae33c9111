"""An installation as a data engineer has it, in a temporary folder: practice files, a Dagster instance out of
our own dagster.yaml, and both outside systems as running sandboxes. Runs happen in this process."""

from __future__ import annotations

import os
import secrets
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    TableMetadataValue,
)
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from sqlalchemy import Engine, create_engine
from sqlalchemy.event import listen

from migration_assets.definitions import build_defs
from migration_assets.migration.platform import Platform
from migration_assets.orchestration.resources import PlatformResource, WarehouseResource
from migration_sandbox.practice.generator import Practice, write_database
from migration_sandbox.salesforce.launch import SalesforceSandbox
from migration_sandbox.sqlserver.launch import SandboxServer, start

ROOT = Path(__file__).parents[2]
SOURCE_TABLES = tuple(
    f"panda/{table}"
    for table in (
        "provider",
        "patient",
        "clinical_exam",
        "periodontal_charting",
        "treatment_plan",
        "treatment_plan_line",
        "exam_finding",
        "periodontal_classification",
        "insurance",
        "clinical_note",
        "appointment",
        "referral",
        "document",
        "letter",
        "letter_template",
        "radiograph",
        "staff_user",
        "share_files",
    )
)
STAGED_TABLES = tuple(
    f"staged/{name}"
    for name in (
        "providers",
        "patients",
        "households",
        "charting",
        "clinical_exams",
        "chart_summaries",
        "treatment_plans",
        "treatment_plan_lines",
        "exam_findings",
        "classifications",
        "insurances",
        "clinical_notes",
        "appointments",
        "referrers",
        "referrals",
        "documents",
        "letters",
        "radiographs",
        "offices",
        "office_ties",
        "staff_users",
    )
)


LIVE = "salesforce"
DEFAULT_OWNER = "migration@sandbox.example"
"""The org's own login."""


@dataclass(frozen=True)
class Outside:
    """The systems that a practice's data move between, and what must never be written anywhere.

    ``org`` is where practices rehearse, ``live`` where they go afterwards.
    """

    sql: SandboxServer
    org: SalesforceSandbox
    live: SalesforceSandbox
    secrets: Mapping[str, str]
    sql_log: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables that the practice files refer to."""
        return {
            **self.secrets,
            "TEST_SALESFORCE_URL": self.org.url,
            "TEST_SALESFORCE_CA": str(self.org.ca_path),
            "TEST_LIVE_URL": self.live.url,
            "TEST_LIVE_CA": str(self.live.ca_path),
        }

    def add_practice(self, practice: Practice, database: str) -> None:
        write_database(practice, self.sql.directory / f"{database}.duckdb")


@contextmanager
def outside(directory: Path) -> Iterator[Outside]:
    """Both sandboxes, started and ended."""
    words = {
        name: f"{name.lower()}-{secrets.token_hex(12)}"
        for name in (
            "TEST_KEY",
            "TEST_SQL_PASSWORD",
            "TEST_OWNER_PASSWORD",
            "TEST_CLIENT_ID",
            "TEST_CLIENT_SECRET",
        )
    }
    folder = directory / "sqlserver"
    folder.mkdir()
    log = directory / "sqlserver.log"
    with _output_into(log):
        server = start(
            folder, owner_password=words["TEST_OWNER_PASSWORD"], reader_password=words["TEST_SQL_PASSWORD"]
        )
    org, live = (
        SalesforceSandbox(
            directory / name,
            sandbox_org=name == "org",
            client_id=words["TEST_CLIENT_ID"],
            client_secret=words["TEST_CLIENT_SECRET"],
        )
        for name in ("org", "live")
    )
    with server, org, live:
        yield Outside(server, org, live, words, log)


@contextmanager
def _output_into(path: Path) -> Iterator[None]:
    """What a process started inside writes goes to a file."""
    kept = {number: os.dup(number) for number in (1, 2)}
    with path.open("ab") as file:
        for number in kept:
            os.dup2(file.fileno(), number)
        try:
            yield
        finally:
            sys.stdout.flush()
            for number, former in kept.items():
                os.dup2(former, number)
                os.close(former)


@dataclass
class Office:
    """One practice's installation: its file, its data, and a Dagster instance for its runs."""

    outside: Outside
    data: Path
    instance: DagsterInstance
    practice: str
    defs: Definitions = field(init=False)
    resource: PlatformResource = field(init=False)

    def __post_init__(self) -> None:
        warehouse = WarehouseResource(lock_timeout_seconds=5.0)
        self.resource = PlatformResource(data=str(self.data), practices=None, warehouse=warehouse)
        self.defs = build_defs({"warehouse": warehouse, "platform": self.resource})
        self.instance.add_dynamic_partitions("practice", [self.practice])

    @property
    def platform(self) -> Platform:
        return self.resource.platform()

    def write_file(self, database: str, **changes: Any) -> Path:
        """The practice's file; ``source__port=1`` changes a nested setting."""
        document = practice_document(self.outside, self.practice, database)
        for name, value in changes.items():
            *parents, last = name.split("__")
            part: Any = document
            for parent in parents:
                part = part.setdefault(parent, {})
            part[last] = value
        path = self.data / "practices" / f"{self.practice}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    def materialize(self, *assets: str) -> ExecuteInProcessResult:
        """A run of these assets (default: all but the live ones) for the practice; a failure is in its
        events."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            partition_key=self.practice,
            instance=self.instance,
            asset_selection=[AssetKey(name.split("/")) for name in assets] or sorted(self._all_but_live),
            raise_on_error=False,
        )

    @property
    def _all_but_live(self) -> set[AssetKey]:
        """Also of destinations that the practice hasn't."""
        graph = self.defs.resolve_asset_graph()
        return {key for key in graph.get_all_asset_keys() if key.path[0] != LIVE}

    @property
    def before_live(self) -> set[AssetKey]:
        return {key for key in self._all_but_live if not key.path[0].startswith("freshsales")}

    def group(self, name: str) -> list[str]:
        """Every asset of a group, as ``materialize`` takes them."""
        keys = self.defs.resolve_asset_graph().get_all_asset_keys()
        return sorted(key.to_user_string() for key in keys if key.path[0] == name)

    def run_job(self, name: str, config: Mapping[str, Any]) -> ExecuteInProcessResult:
        """A job of the UI's for the practice, with its configuration."""
        return self.defs.resolve_job_def(name).execute_in_process(
            partition_key=self.practice, instance=self.instance, run_config=config, raise_on_error=False
        )

    def extract(self) -> ExecuteInProcessResult:
        return self.materialize(*SOURCE_TABLES)

    def places_of_leaks(self, words: Sequence[str]) -> list[str]:
        """Files of logs, events and servers, and names of files, that hold one of these words."""
        wanted = [word.encode() for word in words]
        searched = [
            *(self.data / "dagster").rglob("*"),
            self.outside.org.log_path,
            self.outside.live.log_path,
            self.outside.sql_log,
        ]
        files = [path for path in searched if path.is_file()]
        assert sum(path.suffix == ".db" for path in files) >= 2, "the event log isn't where it is looked for"
        holding = [str(path) for path in files if _holds(path.read_bytes(), wanted)]
        names = [path.name for path in self.data.rglob("*") if any(word in path.name for word in words)]
        return holding + names


def _holds(content: bytes, words: Sequence[bytes]) -> bool:
    return any(word in content for word in words)


def practice_document(around: Outside, practice: str, database: str) -> dict[str, Any]:
    rehearsal = {
        "instance_url": {"env": "TEST_SALESFORCE_URL"},
        "ca_bundle": {"env": "TEST_SALESFORCE_CA"},
        "auth": {
            "flow": "client_credentials",
            "client_id": {"env": "TEST_CLIENT_ID"},
            "client_secret": {"env": "TEST_CLIENT_SECRET"},
        },
        "retry_wait": 0.01,
        "default_owner": DEFAULT_OWNER,
        "bulk": {"poll_first": 0.05, "lock_wait": 0.01, "lock_attempts": 2},
    }
    live = {
        **rehearsal,
        "instance_url": {"env": "TEST_LIVE_URL"},
        "ca_bundle": {"env": "TEST_LIVE_CA"},
    }
    return {
        "practice": practice,
        "name": "Maple Periodontics",
        "time_zone": "America/New_York",
        "encryption_key": {"env": "TEST_KEY"},
        "policies": {"reject_limit": 0.5},
        "source": {
            "server": "127.0.0.1",
            "port": around.sql.port,
            "database": database,
            "username": "panda_reader",
            "password": {"env": "TEST_SQL_PASSWORD"},
            "trust_server_certificate": True,
            "login_timeout_seconds": 5,
        },
        # Everything, so that what is asserted of a rehearsal is asserted of a whole practice.
        "rehearsal": {"patients": "all"},
        "destinations": {"salesforce": {"environments": {"rehearsal": rehearsal, "live": live}}},
    }


@contextmanager
def own_instance(data: Path) -> Iterator[DagsterInstance]:
    """An instance of our dagster.yaml whose storage stands in ``data``; the variables must name it."""
    (data / "dagster").mkdir(parents=True, exist_ok=True)
    with _kept_open(), DagsterInstance.from_config(str(ROOT)) as instance:
        assert instance.storage_directory().startswith(str(data))
        yield instance


@contextmanager
def _kept_open() -> Iterator[None]:
    """Dagster makes an engine and opens its database anew for each event, which takes longer than most of our
    assets do. Here each database keeps its connections to the end, and no write waits for the disk, since
    nobody cuts the power."""
    engines: dict[str, Engine] = {}

    def engine(url: str, connect_args: Mapping[str, Any] | None = None, **_: object) -> Engine:
        if url not in engines:
            engines[url] = create_engine(url, connect_args=dict(connect_args or {}))
            listen(engines[url], "connect", _hurry)
            patch.setattr(engines[url], "dispose", lambda: None)
        return engines[url]

    with pytest.MonkeyPatch.context() as patch:
        for storage in (sqlite_event_log, sqlite_run_storage):
            patch.setattr(storage, "create_engine", engine)
        yield
    for each in engines.values():
        each.dispose()


def _hurry(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")
    # Its log stays as small as when each connection closes: a test lets files grow to a fifth of a megabyte.
    connection.execute("PRAGMA wal_autocheckpoint=16")


def failure_messages(result: ExecuteInProcessResult) -> dict[str, str]:
    """What the UI shows for each failed step."""
    found = {}
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data.user_failure_data
            found[str(event.step_key)] = str(data.description if data else event.step_failure_data.error)
    return found


def verdicts(result: ExecuteInProcessResult) -> dict[str, bool]:
    """``group/asset check`` -> passed, for every check that was evaluated."""
    return {
        f"{each.asset_key.to_user_string()} {each.check_name}": each.passed for each in evaluations(result)
    }


def evaluations(result: ExecuteInProcessResult) -> list[AssetCheckEvaluation]:
    return list(result.get_asset_check_evaluations())


def metadata(result: ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """The last materialisation's metadata as plain values."""
    key = AssetKey(asset.split("/"))
    found = [
        event.step_materialization_data.materialization
        for event in result.all_events
        if event.is_step_materialization and event.asset_key == key
    ]
    shown = found[-1].metadata.items()
    return {name: value if isinstance(value, TableMetadataValue) else value.value for name, value in shown}
