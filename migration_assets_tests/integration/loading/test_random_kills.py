"""SIGKILLs at random moments of an upload, by a fixed seed: each time it is resumed to the same end.

Half of the workers die at a random request, half a random time after one; time alone would say how busy the
machine is. What they were doing then is counted, so that the test says itself if its kills stop reaching the
phases and objects that matter.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from migration_assets_tests.integration.installation import Installation, Org, assert_all_arrived
from migration_assets_tests.integration.worker import Worker
from migration_sandbox.salesforce.control import Control, NotHeld

_SEED, _KILLS, _KILLS_A_ROUND = 20_261_123, 12, 8
_PLACES = (("/services/", 36), ("/jobs/ingest", 30), ("/jobs/ingest", 12))
"""Which requests are counted, and the last that it may be: two of three kills aim at a batch, near or far."""
_PATIENCE_SECONDS = 0.1
_LATEST_SECONDS = 0.2
"""How long after a request a worker dies that doesn't die at it."""


@dataclass
class _Killer:
    """Kills workers, and notes in which phase each was."""

    installation: Installation
    control: Control
    org: Org
    dice: random.Random = field(default_factory=lambda: random.Random(_SEED))
    phases: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)

    def kill_one(self, run_id: str) -> bool:
        """Start a worker and kill it; False where it was done before its time came."""
        seen = self.org.last_request()
        died = self._start_and_kill(run_id)
        if died:
            self.phases[self._phase(seen)] += 1
            self.objects.update(self.installation.open_batches())
        return died

    def _start_and_kill(self, run_id: str) -> bool:
        moment, (path, last) = self.dice.choice(["before", "after", "download"]), self.dice.choice(_PLACES)
        hold = self.control.hold("*", path, self.dice.randint(3, last), moment, self.dice.randint(1, 200))
        later = self.dice.choice([0, self.dice.uniform(0, _LATEST_SECONDS)])
        worker = self.installation.start(run_id=run_id)
        while not worker.ended_within(0):
            try:
                hold.wait(_PATIENCE_SECONDS)
            except NotHeld:
                continue
            if later:
                hold.release()
            if not worker.ended_within(later):
                worker.kill()
            break
        if hold.state != "released":
            hold.drop()
        return self._was_killed(worker)

    @staticmethod
    def _was_killed(worker: Worker) -> bool:
        ended = worker.wait()
        assert ended.error is None, ended.message
        return ended.signal == 9

    def _phase(self, seen: int) -> str:
        """What the ledger has last written of the batch under way, or what the org was last asked."""
        if self.installation.open_batches():
            [(kind,)] = self.installation.query_ledger(
                "SELECT coalesce((SELECT kind FROM batch_events e WHERE e.batch_id = b.batch_id "
                "ORDER BY sequence DESC LIMIT 1), 'intended') "
                "FROM batches b ORDER BY intended_at DESC LIMIT 1"
            )
            return f"a batch is {kind}"
        return "between batches" if self.org.sandbox.control.requests(seen) else "before the first request"


def test_random_kills_lose_nothing_and_double_nothing(
    template: Installation, installation: Installation, control: Control, org: Org
) -> None:
    killer = _Killer(installation, control, org)
    killed, rounds = 0, 0
    while killed < _KILLS:
        rounds += 1
        control.reset()
        killer.installation = template.copy(installation.data.with_name(f"round-{rounds}"))
        for attempt in range(min(_KILLS_A_ROUND, _KILLS - killed)):
            if not killer.kill_one(f"attempt-{attempt}"):
                break
            killed += 1
        killer.installation.run(run_id="last")
        assert_all_arrived(killer.installation, org)

    assert killed == _KILLS
    assert len(killer.phases) >= 3, killer.phases
    assert len(killer.objects) >= 4, killer.objects
