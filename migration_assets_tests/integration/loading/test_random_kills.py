"""SIGKILLs at random moments of an upload, by a fixed seed: each time it is resumed to the same end.

Half of the workers die after a random time, half at a random request. What they were doing then is counted,
so that the test says itself if its kills stop reaching the phases and objects that matter.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field

from migration_assets_tests.integration.installation import Installation, Org, assert_all_arrived
from migration_assets_tests.integration.worker import Worker
from migration_sandbox.salesforce.control import Control, NotHeld

_SEED, _KILLS, _KILLS_A_ROUND = 20_261_122, 16, 8
_PLACES = (("/services/", 36), ("/jobs/ingest", 16))
"""Where a worker dies that dies at a request: which ones are counted, and the last that it may be."""
_PATIENCE_SECONDS = 0.1
_EARLIEST, _LATEST = 0.05, 0.4
"""Parts of an upload's time after which a worker dies: so early that ten die before the upload is done."""


@dataclass
class _Killer:
    """Kills workers, and notes in which phase each was."""

    installation: Installation
    control: Control
    org: Org
    seconds: float
    dice: random.Random = field(default_factory=lambda: random.Random(_SEED))
    phases: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)

    def kill_one(self, run_id: str) -> bool:
        """Start a worker and kill it; False where it was done before its time came."""
        seen = self.org.last_request()
        at_a_request = self.dice.random() < 0.5
        died = self._at_a_request(run_id) if at_a_request else self._after_a_while(run_id)
        if died:
            self.phases[self._phase(seen)] += 1
            self.objects.update(self.installation.open_batches())
        return died

    def _after_a_while(self, run_id: str) -> bool:
        worker = self.installation.start(run_id=run_id)
        if worker.ended_within(self.dice.uniform(_EARLIEST, _LATEST) * self.seconds):
            return self._was_killed(worker)
        worker.kill()
        return self._was_killed(worker)

    def _at_a_request(self, run_id: str) -> bool:
        moment, (path, last) = self.dice.choice(["before", "after", "download"]), self.dice.choice(_PLACES)
        hold = self.control.hold("*", path, self.dice.randint(3, last), moment, self.dice.randint(1, 200))
        worker = self.installation.start(run_id=run_id)
        while not worker.ended_within(0):
            try:
                hold.wait(_PATIENCE_SECONDS)
            except NotHeld:
                continue
            worker.kill()
            break
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


def _usual_seconds(template: Installation, installation: Installation, control: Control) -> float:
    """How long an upload takes that nobody kills; the first worker of all takes longer to start."""
    installation.run("upload account")
    control.reset()
    unhurried = template.copy(installation.data.with_name("unhurried"))
    began = time.monotonic()
    unhurried.run()
    return time.monotonic() - began


def test_random_kills_lose_nothing_and_double_nothing(
    template: Installation, installation: Installation, control: Control, org: Org
) -> None:
    usual = _usual_seconds(template, installation, control)
    killer = _Killer(installation, control, org, usual)
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
