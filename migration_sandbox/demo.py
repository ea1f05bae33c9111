"""`make demo`: the whole way of the demo practices into each destination (rehearsal, approval, live), and a
proof by somebody who doesn't trust it.

Drives the platform as its user would, by its commands, and imports nothing of it.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import yaml

from migration_sandbox.expectations import unexpected
from migration_sandbox.installation import PRACTICES, Installation, Running
from migration_sandbox.sqlserver.launch import odbc_driver

_BIN = Path(sys.executable).parent
_STEP_DONE = re.compile(r" - STEP_SUCCESS - ")
_STEP_NAME = re.compile(r" - (\w+) - STEP_SUCCESS - ")
_DESTINATIONS = ("salesforce", "freshsales")
SOURCE = "group:panda or group:staged"
_APPROVED_BY = "Demo user"
_PAGES = {
    "rehearsal": ("field_diff.html",),
    "live": (
        "field_diff.html",
        "report.html",
        "letter_templates.html",
        "checklist.html",
        "go_live_guide.html",
    ),
}
"""What a person reads of an environment, in the folder of its reports."""


def run(installation: Installation, data: Path) -> int:
    """0 where every practice is balanced, equal and as its manifest expects; else 1."""
    began = time.monotonic()
    _say("Starting a SQL Server with the demo practices, two Salesforce orgs and two Freshsales accounts ...")
    with installation.running() as running:
        environment = {**os.environ, **installation.environment(running)}
        _call([_BIN / "migration-assets", "register"], environment)
        failed = [key for key in PRACTICES if not _migrate(installation, running, environment, data, key)]
    _say(f"{time.monotonic() - began:.0f} s. Reports: {data / 'reports'}. To look around: make ui")
    if failed:
        _say(f"NOT as it should be: {', '.join(failed)}")
    return 1 if failed else 0


def check(installation: Installation, practices: Sequence[str] = PRACTICES) -> int:
    """Run the black-box checker on what the SQL Server, the live org and the live account hold now."""
    with installation.running() as running:
        environment = {**os.environ, **installation.environment(running)}
        results = [
            black_box(installation, running, environment, key, destination)
            for key in practices
            for destination in _DESTINATIONS
        ]
    return 0 if all(results) else 1


def _migrate(
    installation: Installation, running: Running, environment: Mapping[str, str], data: Path, key: str
) -> bool:
    _say(f"\n{key}: extracting and staging")
    log = data / "dagster" / f"demo-{key}-source.log"
    if not materialize(environment, key, SOURCE, log):
        return False
    # The second one also where the first isn't as it should be: they know nothing of each other.
    brought = [_bring(installation, running, environment, data, key, each) for each in _DESTINATIONS]
    return all(brought)


def _bring(
    installation: Installation,
    running: Running,
    environment: Mapping[str, str],
    data: Path,
    key: str,
    destination: str,
) -> bool:
    steps = Steps(environment, data, key, destination)
    return (
        steps.rehearse()
        and steps.approve()
        and steps.go_live()
        and all(
            # Every proof is shown, also after one that failed.
            [
                steps.report("live"),
                _as_planted(installation.manifest(key), steps.folder("live") / "reconciliation.json"),
                black_box(installation, running, environment, key, destination),
            ]
        )
    )


@dataclass(frozen=True)
class Steps:
    """The commands by which a practice is brought to a destination; each answers whether it went well."""

    environment: Mapping[str, str]
    data: Path
    key: str
    destination: str

    def rehearse(self) -> bool:
        _say(f"\n{self.key}, {self.destination}: rehearsing with a sample of patients")
        return self._materialize(f"group:{self.destination}_rehearsal", "rehearsal") and self.report(
            "rehearsal"
        )

    def approve(self) -> bool:
        _say(f"\n{self.key}, {self.destination}: approving what was rehearsed")
        return self._command("approve", self.key, self.destination, "--by", _APPROVED_BY)

    def go_live(self) -> bool:
        _say(f"\n{self.key}, {self.destination}: migrating everything, live")
        return self._materialize(f"group:{self.destination}", "live")

    def report(self, name: str) -> bool:
        """Print an environment's reconciliation, and where its pages are."""
        clean = self._command("report", self.key, self.destination, "--environment", name)
        for page in _PAGES[name]:
            path = self.folder(name) / page
            if path.exists():
                _say(f"  {path}")
        return clean

    def folder(self, name: str) -> Path:
        return self.data / "reports" / self.key / self.destination / name

    def _command(self, *arguments: str) -> bool:
        return _call([_BIN / "migration-assets", *arguments], self.environment)

    def _materialize(self, selection: str, name: str) -> bool:
        log = self.data / "dagster" / f"demo-{self.key}-{self.destination}-{name}.log"
        return materialize(self.environment, self.key, selection, log)


def _as_planted(manifest: Path, reconciliation: Path) -> bool:
    lines = unexpected(manifest, reconciliation)
    planted = "every planted defect ended as expected, nothing else was rejected, corrected or held back"
    _say("\n".join(lines) if lines else f"manifest: {planted}")
    return not lines


def materialize(environment: Mapping[str, str], key: str, selection: str, log: Path) -> bool:
    """Dagster's own command; its log goes to a file, a line a step to the terminal."""
    command: list[str | Path] = [
        _BIN / "dagster",
        "asset",
        "materialize",
        "--select",
        selection,
        "--partition",
        key,
    ]
    command += ["-m", "migration_assets.definitions"]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        began = time.monotonic()
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for line in process.stdout or ():
            file.write(line)
            if _STEP_DONE.search(line) and (step := _STEP_NAME.search(line)):
                _say(f"  {time.monotonic() - began:5.1f} s  {step[1].replace('__', '/')}")
        if process.wait() != 0:
            _say(f"  failed; see {log} or the run in Dagster's UI (make ui)")
    return process.returncode == 0


def black_box(
    installation: Installation,
    running: Running,
    environment: Mapping[str, str],
    key: str,
    destination: str,
    *,
    manifest: Path | None = None,
    output: TextIO | None = None,
) -> bool:
    """Whether what is live holds what the practice's database does: a rehearsal's holds a sample.

    The platform's own file of the practice says two things that no database says of itself. ``manifest``:
    what may be missing, where that is no longer what was planted; ``output``: instead of the terminal.
    """
    practices = Path(environment.get("MIGRATION_PRACTICES", installation.directory.parent / "practices"))
    practice = yaml.safe_load((practices / f"{key}.yaml").read_text(encoding="utf-8"))
    command: list[str | Path] = [sys.executable, "-m", "migration_assets_tests.blackbox", "--practice", key]
    command += ["--destination", destination]
    command += ["--practice-name", practice["name"], "--zone", practice["time_zone"]]
    command += ["--expect-manifest", manifest or installation.manifest(key)]
    command += _choices(practice, environment, destination)
    given = {
        "BLACKBOX_ODBC_DRIVER": odbc_driver(),
        # The driver compares with a certificate of its own choice under strict encryption alone.
        "BLACKBOX_ODBC_ENCRYPT": "strict",
        "BLACKBOX_ODBC_SERVER": f"127.0.0.1,{running.sql_port}",
        "BLACKBOX_ODBC_DATABASE": f"panda_{key}",
        "BLACKBOX_ODBC_UID": "panda_reader",
        "BLACKBOX_ODBC_PWD": environment["DEMO_SQL_PASSWORD"],
        "BLACKBOX_ODBC_SERVERCERTIFICATE": str(running.sql_certificate),
        **_address(running, environment, destination),
    }
    return _call(command, {**environment, **given}, output)


def _address(running: Running, environment: Mapping[str, str], destination: str) -> dict[str, str]:
    if destination == "freshsales":
        return {
            "BLACKBOX_BUNDLE_URL": environment["DEMO_FRESHSALES_LIVE_URL"],
            "BLACKBOX_CA": running.freshsales_live.ca,
            "BLACKBOX_API_KEY": environment["DEMO_FRESHSALES_LIVE_API_KEY"],
        }
    return {
        "BLACKBOX_INSTANCE_URL": running.salesforce_live.url,
        "BLACKBOX_CA": running.salesforce_live.ca,
        "BLACKBOX_CLIENT_ID": environment["DEMO_SALESFORCE_LIVE_CLIENT_ID"],
        "BLACKBOX_CLIENT_SECRET": environment["DEMO_SALESFORCE_LIVE_CLIENT_SECRET"],
    }


def _choices(practice: Mapping[str, Any], environment: Mapping[str, str], destination: str) -> list[str]:
    """What the practice chose that the destination shows, and where its share is mounted."""

    def said(setting: str | Mapping[str, str]) -> str:
        return setting if isinstance(setting, str) else environment[setting["env"]]

    settings = practice["destinations"][destination]["environments"]["live"]
    policies = practice.get("policies", {})
    owner = settings.get("default_owner")
    options = ["--accounts", policies.get("accounts", "practice")]
    if destination == "freshsales":
        options += ["--shared-emails", policies.get("shared_emails", "second_field")]
        options += ["--several-practices", "on" if settings.get("several_practices") else "off"]
    else:
        options += ["--account-relations", "on" if settings.get("account_relations") else "off"]
    options += ["--default-owner", said(owner)] if owner else []
    for prefix, folder in practice["source"].get("file_share", {}).items():
        options += ["--file-share", f"{prefix}={said(folder)}"]
    return options


def _call(
    command: Sequence[str | Path], environment: Mapping[str, str], output: TextIO | None = None
) -> bool:
    return subprocess.run(command, env=environment, check=False, stdout=output, stderr=output).returncode == 0


def _say(line: str) -> None:
    print(line, flush=True)
