"""Three practices between the sandboxes, each migrated to live as the demo does it, and their windows.

Everything of a night stands in one folder: servers, data, practice files, journals.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyodbc
import yaml

from benchmarks.cutover.services import ROOT
from migration_sandbox.demo import SOURCE, Steps, materialize
from migration_sandbox.installation import Installation, Running
from migration_sandbox.sqlserver.permissions import OWNER

PRACTICES = ("maple", "linden", "hawthorn")
_PLANNED = timedelta(days=7)
"""Until the practices are loaded their windows lie ahead."""


class NotMigrated(Exception):
    """A practice didn't come to live, so that there is nothing to cut over."""


@dataclass(frozen=True)
class Stage:
    """The servers run. ``environment``: what Dagster and the commands are started with."""

    folder: Path
    practices: tuple[str, ...]
    destination: str
    poll_seconds: int
    installation: Installation
    running: Running
    environment: Mapping[str, str]

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def database(self, practice: str) -> str:
        return f"panda_{practice}"

    def journal(self, practice: str) -> Path:
        return self.folder / "journals" / f"{practice}.jsonl"

    def owner(self, practice: str, *, autocommit: bool = True) -> pyodbc.Connection:
        """The practice's own program's login."""
        server, password = self.installation.source(), self.installation.secrets()["owner_password"]
        text = server.connection_string(self.database(practice), OWNER, password, trust="yes")
        return pyodbc.connect(text, autocommit=autocommit, timeout=30)

    def practice_file(self, practice: str) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self._file(practice).read_text(encoding="utf-8"))
        return found

    def write_window(self, begins: datetime, ends: datetime) -> None:
        """Of each practice, into its file, which it makes out of the demo's where there is none yet."""
        for practice in self.practices:
            demo = ROOT / "data" / "practices" / f"{practice}.yaml"
            document = yaml.safe_load(demo.read_text(encoding="utf-8"))
            document["destinations"] = {self.destination: document["destinations"][self.destination]}
            # What the source no longer has is to be gone, or nobody could say that both are equal.
            policies = {"deletions": "delete", "conflicts": "source_wins", "reject_limit": 0.1}
            document["policies"] = {**document.get("policies", {}), **policies}
            document["cutover"] = {
                "begins": begins.isoformat(),
                "ends": ends.isoformat(),
                "poll_seconds": self.poll_seconds,
                "compare_minutes": 1,
            }
            file = self._file(practice)
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_suffix(".part")
            part.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
            part.replace(file)

    def migrate(self) -> None:
        """Everything to live, one practice after the other. Raises NotMigrated."""
        now = datetime.now(UTC)
        self.write_window(now + _PLANNED, now + 2 * _PLANNED)
        commands = Path(sys.executable).parent
        subprocess.run([commands / "migration-assets", "register"], env=dict(self.environment), check=True)
        with ThreadPoolExecutor(os.cpu_count() or 1) as several:
            done = dict(zip(self.practices, several.map(self._migrate, self.practices), strict=True))
        if failed := [practice for practice, well in done.items() if not well]:
            raise NotMigrated(", ".join(failed))

    def _migrate(self, practice: str) -> bool:
        log = self.data / "dagster" / f"{practice}-source.log"
        steps = Steps(self.environment, self.data, practice, self.destination)
        return (
            materialize(self.environment, practice, SOURCE, log)
            and steps.rehearse()
            and steps.approve()
            and steps.go_live()
            and steps.report("live")
        )

    def _file(self, practice: str) -> Path:
        return self.data / "practices" / f"{practice}.yaml"


@contextmanager
def stage(
    folder: Path, destination: str, patients: int, poll_seconds: int, practices: Sequence[str] = PRACTICES
) -> Iterator[Stage]:
    """The servers for the duration; practices without planted defects, whose mistakes their days make."""
    data = folder / "data"
    installation = Installation(data / "sandbox", practices, patients=patients, planted=0)
    with installation.running() as running:
        environment = {
            **os.environ,
            **installation.environment(running),
            "DAGSTER_HOME": str(ROOT),
            "MIGRATION_DATA": str(data),
            "MIGRATION_DAGSTER_STORAGE": str(data / "dagster"),
            "MIGRATION_DAGSTER_LOGS": str(data / "dagster" / "logs"),
        }
        yield Stage(folder, tuple(practices), destination, poll_seconds, installation, running, environment)
