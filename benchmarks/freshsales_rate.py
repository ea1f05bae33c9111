"""A practice of 500 patients into a Freshsales account of 1,000 calls an hour: how many calls, how long, and
whether both were said beforehand.

The account's clock and ours run faster by the same factor, so an hour is over in half a minute. The rest is
as it is for a practice: the schema is made by the API, every record is sent, everything is read back.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Aim, Figures, Section

if TYPE_CHECKING:
    from migration_sandbox.freshsales.launch import FreshsalesSandbox

PATIENTS, CALLS_AN_HOUR, CALLS_A_MINUTE = 500, 1_000, 400
SPEED = 120.0
WINDOW = "sliding"
_NEAR = 0.1


@dataclass(frozen=True)
class Outcome:
    """``rates`` as the account counted them; seconds are real ones, of a clock that runs ``speed`` times
    faster; ``records`` are those in the account at the end."""

    patients: int
    speed: float
    said_calls: dict[str, int]
    said_seconds: float
    seconds: float
    rates: dict[str, int]
    records: int

    @property
    def ratio(self) -> float:
        return self.said_seconds / self.seconds


def run(patients: int = PATIENTS, speed: float = SPEED, rate_window: str = WINDOW) -> Outcome:
    """Raises RuntimeError where the load isn't balanced and equal at the end."""
    from migration_assets_tests.integration.freshsales.installation import Installation
    from migration_assets_tests.integration.freshsales.practices import whole
    from migration_sandbox.freshsales.launch import FreshsalesSandbox
    from migration_sandbox.installation import PIPELINE, STAGES

    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        FreshsalesSandbox(Path(folder) / "account") as sandbox,
    ):
        limits = {"calls_an_hour": CALLS_AN_HOUR, "calls_a_minute": CALLS_A_MINUTE, "clock_speed": speed}
        sandbox.control.add_pipeline(PIPELINE, STAGES)
        sandbox.control.settings(**limits, rate_window=rate_window, unique_emails=False)
        made = Installation.create(Path(folder) / "data", sandbox, **limits)
        os.environ.update(made.environment)
        made.put(whole(patients, seed=7, cut=False))
        made.stage()
        return _loaded(made, sandbox, patients, speed)


def _loaded(made: Any, sandbox: FreshsalesSandbox, patients: int, speed: float) -> Outcome:
    said = made.forecast()
    migration = made.migration()
    sandbox.control.forget_rates()
    began = time.time()
    migration.prepare()
    migration.build_payload("bench", "all")
    for asset in made.objects:
        migration.upload(asset, "bench")
    reconciled = migration.reconcile("bench").reconciliation
    if not reconciled.clean:
        raise RuntimeError(f"balanced: {reconciled.balanced}, different: {reconciled.different}")
    # The comparisons after the last call aren't the account's time.
    ended = sandbox.control.requests()[-1].time
    return Outcome(
        patients,
        speed,
        dict(said.calls),
        said.seconds,
        ended - began,
        sandbox.control.rates(),
        sum(each.state.in_destination for each in reconciled.objects),
    )


def section() -> Section:
    outcome = run()
    rates, said = outcome.rates, sum(outcome.said_calls.values())

    def hours(seconds: float) -> str:
        return f"{seconds * outcome.speed / 3_600:.1f} h of the account ({seconds:.0f} s)"

    rows = [
        ("records brought there", f"{outcome.records:,}", ""),
        ("calls", f"{rates['total']:,}", f"{said:,}"),
        ("time", hours(outcome.seconds), hours(outcome.said_seconds)),
        ("most calls in any hour", f"{rates['peak_hour']:,}", f"at most {CALLS_AN_HOUR:,}"),
        ("most calls in any minute", f"{rates['peak_minute']:,}", f"at most {CALLS_A_MINUTE:,}"),
        ("calls refused", f"{rates['refused']:,}", "0"),
    ]
    kept = (
        rates["peak_hour"] <= CALLS_AN_HOUR
        and rates["peak_minute"] <= CALLS_A_MINUTE
        and not rates["refused"]
    )
    return Section(
        f"A practice of {outcome.patients:,} patients under {CALLS_AN_HOUR:,} calls an hour",
        f"Into a Freshsales account on this machine whose clock runs {outcome.speed:.0f} times faster, with "
        "the making of the schema and the reading back of everything; balanced and equal at the end.",
        [Figures(("what", "it was", "it was said"), rows)],
        [
            Aim("never a call over the limit", f"{rates['refused']} refused", kept),
            Aim(
                "the duration said beforehand, within 10 %",
                f"{outcome.ratio:.2f} of what it took",
                abs(outcome.ratio - 1) <= _NEAR,
            ),
        ],
    )
