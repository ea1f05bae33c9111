"""SIGKILLs at random requests of an upload, by a fixed seed: each time it is resumed to the same end.

What the workers were doing is counted, so that the test says itself if its kills stop reaching the phases and
objects that matter.
"""

from __future__ import annotations

import random

from migration_assets_tests.integration.installation import Installation, Org, assert_all_arrived
from migration_assets_tests.integration.killing import Killer, Places
from migration_sandbox.salesforce.control import Control

_SEED, _KILLS, _KILLS_A_ROUND = 20_261_123, 8, 8
_PLACES = Places((("/services/", 3, 36), ("/jobs/ingest", 3, 30), ("/jobs/ingest", 3, 12)))
"""Two of three aim at a batch, near or far."""


def test_random_kills_lose_nothing_and_double_nothing(
    template: Installation, installation: Installation, control: Control, org: Org
) -> None:
    killer = Killer(installation, control, _PLACES, random.Random(_SEED))
    killed, rounds = 0, 0
    while killed < _KILLS:
        rounds += 1
        control.reset()
        killer.installation = template.copy(installation.data.with_name(f"round-{rounds}"))
        for attempt in range(min(_KILLS_A_ROUND, _KILLS - killed)):
            if not killer.kill_one(f"attempt-{attempt}"):
                assert killer.ended is not None and killer.ended.error is None, killer.ended
                break
            killed += 1
        killer.installation.run(run_id="last")
        assert_all_arrived(killer.installation, org)

    assert killed == _KILLS
    assert len(killer.phases) >= 3, killer.phases
    assert len(killer.objects) >= 4, killer.objects
