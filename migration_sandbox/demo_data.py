"""The demo practices as files of a sandbox installation: databases, image shares, manifests, users.

What is there is kept; what an older installation lacks is made.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from migration_sandbox.practice.generator import Practice, generate, write_database, write_share
from migration_sandbox.practice.nhanes import nhanes_practice
from migration_sandbox.practice.teeth import Habit

_GENERATED: dict[str, tuple[int, Habit]] = {
    "maple": (7, "Universal"),
    "linden": (8, "FDI"),
    "hawthorn": (9, "Palmer"),
}
"""Seed, and the numbering system in which the practice charts."""

WITH_A_SHARE = tuple(_GENERATED)

_ZONES = {"linden": "America/Chicago", "hawthorn": "America/Denver"}
"""Of the servers that the databases stand for, as the practice files have them; New York for others."""


@dataclass(frozen=True)
class DemoData:
    """``patients`` and ``planted`` (how often each defect) are of the practices that are generated."""

    directory: Path
    patients: int
    planted: int

    @property
    def databases(self) -> Path:
        return self.directory / "sqlserver"

    def share(self, key: str) -> Path:
        return self.directory / "shares" / key

    def manifest(self, key: str) -> Path:
        return self.directory / "manifests" / key / "manifest.json"

    def users(self, key: str) -> list[dict[str, Any]]:
        """Of the practice's staff those who have a login in the destination already."""
        path = self._users(key)
        told: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        return told

    def make(self, key: str) -> None:
        database = self.databases / f"panda_{key}.duckdb"
        self.databases.mkdir(parents=True, exist_ok=True, mode=0o700)
        database.with_suffix(".zone").write_text(_ZONES.get(key, "America/New_York"), encoding="utf-8")
        shared = self.share(key).exists() or key not in WITH_A_SHARE
        if database.exists() and shared:
            return
        practice = self._practice(key)
        if not shared:
            self._write_share(key, practice)
        if not database.exists():
            self._write_database(key, practice, database)

    def _users(self, key: str) -> Path:
        return self.manifest(key).with_name("users.json")

    def _practice(self, key: str) -> Practice:
        if key == "nhanes":
            return nhanes_practice(key)
        seed, numbering = _GENERATED[key]
        return generate(
            seed, self.patients, name=key, numbering=numbering, planted=self.planted, tables="all"
        )

    def _write_database(self, key: str, practice: Practice, database: Path) -> None:
        unfinished = database.with_name(f"unfinished-{database.name}")
        unfinished.unlink(missing_ok=True)
        write_database(practice, unfinished)
        practice.manifest.write(self.manifest(key))
        self._users(key).write_text(json.dumps(_with_a_login(practice)), encoding="utf-8")
        unfinished.rename(database)

    def _write_share(self, key: str, practice: Practice) -> None:
        share = self.share(key)
        share.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = share.with_name(f"unfinished-{share.name}")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        write_share(practice, unfinished)
        unfinished.rename(share)


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
