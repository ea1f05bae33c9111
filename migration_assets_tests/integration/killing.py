"""SIGKILLs at random requests of an upload: a random time would say how busy the machine is.

What a worker was doing when it died is counted, so that a test says itself if its kills stop reaching the
phases and objects that matter.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.rollback import Rollback
from migration_assets_tests.integration import worker
from migration_assets_tests.integration.folder import PracticeFolder
from migration_assets_tests.integration.worker import DieAt, Ended, Worker
from migration_sandbox.serving.control import Control, NotHeld

_PATIENCE_SECONDS = 0.1


@dataclass(frozen=True)
class Places:
    """Where a worker dies: at one of these requests (a path's pattern, the first and the last that it may
    be)."""

    requests: Sequence[tuple[str, int, int]]
    moments: tuple[str, ...] = ("before", "after", "download")
    """When a request is stopped; one that a fault strikes only before."""
    steps: tuple[str, ...] = ()
    """What a worker does; all uploads where nothing is said."""


@dataclass
class Killer:
    """Kills workers, and notes in which phase each was."""

    installation: PracticeFolder
    control: Control
    places: Places
    dice: random.Random
    phases: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    ended: Ended | None = None
    """How the last worker that nobody could kill ended."""

    def kill_one(self, run_id: str) -> bool:
        """Start a worker and kill it; False where it was done before its time came."""
        entries = self.control.requests()
        seen = entries[-1].sequence if entries else 0
        worker = self._at_a_request(run_id)
        self.ended = worker.wait()
        if self.ended.signal is None:
            return False
        assert self.ended.signal == 9
        self.phases[self._phase(seen)] += 1
        self.objects.update(self.installation.open_batches())
        return True

    def _at_a_request(self, run_id: str) -> Worker:
        path, first, last = self.dice.choice(self.places.requests)
        moment = self.dice.choice(self.places.moments)
        hold = self.control.hold("*", path, self.dice.randint(first, last), moment, self.dice.randint(1, 200))
        worker = self.installation.start(*self.places.steps, run_id=run_id)
        while not worker.ended_within(0):
            try:
                hold.wait(_PATIENCE_SECONDS)
            except NotHeld:
                continue
            worker.kill()
            break
        hold.drop()
        return worker

    def _phase(self, seen: int) -> str:
        """What the ledger has last written of the batch under way, or what the server was last asked."""
        if self.installation.open_batches():
            [(kind,)] = self.installation.query_ledger(
                "SELECT coalesce((SELECT kind FROM batch_events e WHERE e.batch_id = b.batch_id "
                "ORDER BY sequence DESC LIMIT 1), 'intended') "
                "FROM batches b ORDER BY intended_at DESC LIMIT 1"
            )
            return f"a batch is {kind}"
        return "between batches" if self.control.requests(seen) else "before the first request"


def kill_a_rollback(installation: PracticeFolder, decided_by: str) -> None:
    """One that dies before the fourth thing that it writes into the ledger."""
    arguments = (installation.data, dict(installation.environment), installation.target, decided_by)
    process = worker._FORKS.Process(target=_roll_back, args=arguments, daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def _roll_back(data: Path, environment: dict[str, str], target: Target, decided_by: str) -> None:
    os.environ.update(environment)
    platform = worker.platform_over(data, DieAt("INSERT INTO record_events", 4))
    Rollback(Migration(platform, target), "killed").roll_back(decided_by)
