"""The uploading worker: a process of its own that does an errand over the wire and may die at any point.

Workers are forked from a server process that has imported everything, so a start costs milliseconds. Only
what a worker does stands here; which moment it dies at is the tests' business.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

# Imported inside functions elsewhere; here the fork pays once.
import pyarrow.dataset  # noqa: F401
import simple_salesforce.api  # noqa: F401
import sqlalchemy.dialects.sqlite  # noqa: F401
from sqlalchemy import Engine, event

import migration_assets.destinations.freshsales.destination  # noqa: F401
from migration_assets.destinations.salesforce import destination, job_runs  # noqa: F401
from migration_assets.errors import ContentChanged, MigrationError
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.plan import load_mapping
from migration_assets.migration.platform import Platform, default_platform
from migration_assets.practice import Practice

CONTENTS = "contents"
"""The folder in the data folder that stands for the practice's files: ``<table>/<id>``."""
_SECONDS = 120
load_mapping("salesforce")
load_mapping("freshsales")
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class DieAt:
    """SIGKILL before the nth matching statement that the ledger's database is to execute."""

    statement: str
    nth: int = 1


@dataclass(frozen=True)
class Errand:
    """Steps are ``payload``, ``reconcile`` and ``upload <asset>``."""

    data: Path
    environment: Mapping[str, str]
    target: Target
    steps: tuple[str, ...]
    run_id: str = "run"
    die_at: DieAt | None = None
    results_at_once: int | None = None
    prepare: Callable[[], None] | None = None


@dataclass(frozen=True)
class Ended:
    """How a worker ended: what its steps returned, or the error's class and message, or by which signal."""

    returned: tuple[Any, ...] = ()
    error: str | None = None
    message: str = ""
    signal: int | None = None


@dataclass
class Worker:
    """A worker that is on its way."""

    process: ForkServerProcess
    answers: Connection
    _ended: Ended | None = field(default=None)

    def kill(self) -> None:
        if self.process.pid is not None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.wait()

    def ended_within(self, seconds: float) -> bool:
        self.process.join(seconds)
        return self.process.exitcode is not None

    def wait(self) -> Ended:
        if self._ended is None:
            self._ended = self._receive()
            self.process.join(_SECONDS)
            self.answers.close()
        return self._ended

    def _receive(self) -> Ended:
        if not self.answers.poll(_SECONDS):
            raise TimeoutError("the worker is neither done nor dead")
        try:
            ended: Ended = self.answers.recv()
        except EOFError:
            self.process.join(_SECONDS)
            return Ended(signal=-(self.process.exitcode or 0))
        return ended


def start(errand: Errand) -> Worker:
    answers, told = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=_work, args=(errand, told), daemon=True)
    process.start()
    told.close()
    return Worker(process, answers)


def run(errand: Errand) -> Ended:
    return start(errand).wait()


@dataclass(frozen=True)
class Files:
    """What the rows' files hold, in the place of the practice's database and file share."""

    folder: Path

    def pieces(self, table: str, source_id: str) -> Iterator[bytes]:
        try:
            yield (self.folder / table / source_id).read_bytes()
        except FileNotFoundError:
            raise ContentChanged(f"{table}: no such file") from None


@dataclass(frozen=True)
class MortalPlatform(Platform):
    """A platform whose ledger kills its own process before a certain statement, and whose source's files
    stand in a folder."""

    die_at: DieAt | None = None
    seen: list[str] = field(default_factory=list)

    @contextmanager
    def contents(self, practice: Practice) -> Iterator[Files]:  # type: ignore[override]  # noqa: ARG002
        yield Files(self.data / CONTENTS)

    def ledger_engine(self, practice: str) -> Engine:
        engine = super().ledger_engine(practice)
        event.listen(engine, "connect", self._watch)
        engine.dispose()
        return engine

    def _watch(self, connection: sqlite3.Connection, _record: object) -> None:
        """Every connection of this process counts on: an upload opens several."""
        connection.set_trace_callback(self._before)

    def _before(self, statement: str) -> None:
        if self.die_at is not None and re.search(self.die_at.statement, statement, re.DOTALL):
            self.seen.append(statement)
            if len(self.seen) == self.die_at.nth:
                os.kill(os.getpid(), signal.SIGKILL)


def platform_over(data: Path, die_at: DieAt | None = None) -> Platform:
    """The platform that the commands and Dagster would build over the folder, but for its source's files."""
    usual = default_platform(data)
    if die_at is None and not (data / CONTENTS).exists():
        return usual
    return MortalPlatform(
        usual.data, usual.practices, usual.destinations, profiles=usual.profiles, die_at=die_at
    )


def _work(errand: Errand, told: Connection) -> None:
    os.environ.update(errand.environment)
    if errand.prepare is not None:
        errand.prepare()
    if errand.results_at_once is not None:
        job_runs._RESULTS_AT_ONCE = errand.results_at_once
    migration = Migration(platform_over(errand.data, errand.die_at), errand.target)
    try:
        returned = tuple(_step(migration, step, errand.run_id) for step in errand.steps)
    except MigrationError as error:
        told.send(Ended(error=type(error).__name__, message=str(error)))
    else:
        told.send(Ended(returned))


def _step(migration: Migration, step: str, run_id: str) -> object:
    verb, _, asset = step.partition(" ")
    match verb:
        case "payload":
            return migration.build_payload(run_id, "all")
        case "upload":
            return migration.upload(asset, run_id)
        case _:
            return migration.reconcile(run_id).reconciliation
