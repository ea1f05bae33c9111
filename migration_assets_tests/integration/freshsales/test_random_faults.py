"""Calls that fail, answers that are lost and workers that are killed, at random by a fixed seed, over the
whole load of a practice: resumed until it is done, nothing is twice and nothing lost, notes and files too.

What was struck is counted from the account's own log, so that the test says itself if its faults stop
reaching every object.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Mapping
from itertools import cycle

from migration_assets_tests.integration.freshsales.installation import (
    OBJECTS,
    Account,
    Installation,
    assert_all_arrived,
    contents,
)
from migration_assets_tests.integration.freshsales.practices import whole
from migration_assets_tests.integration.killing import Killer, Places
from migration_sandbox.freshsales.control import Control, RequestEntry

_SEED, _MOST_RUNS = 20_261_123, 60
_SPEED = 20.0
"""What we take the account's clock for: what Retry-After says is waited for a twentieth of it."""
_MOMENTS = ("before", "after", "before", "download")
"""Of its creation when a worker dies, by turns of the objects."""
_ROWS = 6
"""Contacts of a call: with so few there are several."""
_WRITES = {
    "sales_account": "/sales_accounts$",
    "contact": "/contacts/bulk_upsert$",
    "deal": "/deals$",
    "cm_dental_treatment_plan": "/custom_module/cm_dental_treatment_plan$",
    "appointment": "/appointments$",
    "note": "/notes$",
    "document": "/documents$",
}
"""What creates the records of each object."""
_KINDS = ("lost_before", "lost_after", "limit", "limit_unsaid", "error", "unavailable", "gateway")
_ANYWHERE = 0.01
"""The share of all calls that each kind of fault strikes."""
_AT_CREATIONS, _MOST_OFTEN, _FEW = 3, 0.4, 20
"""How many of an object's creations each kind is to strike besides, and at which share at most: so that of
few creations each kind strikes one."""


def _let_loose(control: Control, dice: random.Random, creations: Mapping[str, int]) -> None:
    for kind in _KINDS:
        control.fault(kind, 10_000, share=_ANYWHERE, seed=dice.randint(0, 10**6))
    for name, path in _WRITES.items():
        share = min(_AT_CREATIONS / creations[name], _MOST_OFTEN)
        for kind in _KINDS:
            most = 1 if creations[name] < _FEW else 2 * _AT_CREATIONS
            control.fault(kind, most, "POST", path, share=share, seed=dice.randint(0, 10**6))


def _ended(entries: list[RequestEntry]) -> dict[str, Counter[str]]:
    """How the creations of each object were answered: lost, limited, failed, done."""
    found: dict[str, Counter[str]] = {name: Counter() for name in _WRITES}
    for entry in entries:
        name = next((each for each, path in _WRITES.items() if entry.path.endswith(path.rstrip("$"))), None)
        if entry.method == "POST" and name is not None:
            status = entry.status or 0
            told = "lost" if not status else "limited" if status == 429 else "done"
            found[name]["failed" if status >= 500 else told] += 1
    return found


def test_random_faults_over_a_whole_load_lose_nothing_and_double_nothing(
    installation: Installation, control: Control, account: Account
) -> None:
    dice = random.Random(_SEED)
    installation.configure(clock_speed=_SPEED, bulk={"rows": _ROWS, "poll_first": 0.02, "poll_longest": 0.05})
    rows = {name: len(keys) for name, keys in installation.payload_keys().items()}
    _let_loose(control, dice, {**rows, "contact": rows["contact"] // _ROWS})
    killer = Killer(installation, control, Places(()), dice)
    run = (f"run-{number}" for number in range(_MOST_RUNS))
    for name, moment in zip(OBJECTS, cycle(_MOMENTS), strict=False):
        at = ((_WRITES[name], 1, 4),)
        killer.places = Places(at, (moment,), (f"upload {name}",))
        killer.kill_one(next(run))
        while killer.ended is None or killer.ended.error or killer.ended.signal:
            killer.ended = installation.run(f"upload {name}", run_id=next(run))
    struck = _ended(control.requests())
    control.forget_faults()
    # What an answer that never came has left open is settled by the next run.
    last = installation.run(run_id="last")
    assert last.error is None, last.message

    assert_all_arrived(installation, account)
    held = contents(whole())
    for key, digest in account.hashes().items():
        _, space, source_id = key.split(":")
        table = {"document": "Document", "radiograph": "Radiograph"}.get(space)
        if table is not None:
            assert digest == hashlib.sha256(held[table, source_id]).hexdigest()
    made = {name: len(keys) for name, keys in account.keys().items()}
    for name, answers in struck.items():
        assert answers["lost"], (name, answers)
        assert answers["limited"] + answers["failed"], (name, answers)
        if name != "contact":
            # Some of the lost answers were about records that were made.
            assert answers["done"] < made[name], (name, answers)
    assert struck.keys() == set(OBJECTS)
    assert len(killer.objects) >= len(OBJECTS) // 2, (killer.objects, killer.phases)
