"""The hour's limit: a whole practice passes through it, never one call too many, and takes as long as it was
said beforehand.

The account is small here as the practice is; 500 patients under 1,000 calls an hour are a benchmark
(``benchmarks/freshsales_rate.py``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migration_assets_tests.integration.freshsales.conftest import UNLIMITED
from migration_assets_tests.integration.freshsales.installation import Installation
from migration_assets_tests.integration.freshsales.practices import whole
from migration_sandbox.freshsales.launch import FreshsalesSandbox
from migration_sandbox.installation import PIPELINE, STAGES

_AN_HOUR, _A_MINUTE = 64, 30
"""Of the practice's 267 calls few are left for the fifth hour: what they take isn't in what was said."""
_SPEED = 720.0
"""The account's hour takes five seconds."""


@pytest.fixture(scope="module")
def hurrying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A payload beside an account of its own, whose clock is ahead of ours afterwards."""
    folder = tmp_path_factory.mktemp("hurrying")
    with FreshsalesSandbox(folder / "account") as running:
        running.control.add_pipeline(PIPELINE, STAGES)
        running.control.settings(**UNLIMITED)
        made = Installation.create(folder / "data", running)
        with made.in_environment():
            made.put(whole())
            made.migration().prepare()
            made.stage()
            # By a worker: what workers are forked from is there when the time is taken.
            built = made.run("payload")
            assert built.error is None, built.message
        yield made


@pytest.mark.parametrize("rate_window", ["sliding", "clock"])
def test_a_practice_passes_through_the_hourly_limit_in_the_time_that_was_said(
    rate_window: str, hurrying: Installation, tmp_path: Path
) -> None:
    limits: dict[str, Any] = {"calls_an_hour": _AN_HOUR, "calls_a_minute": _A_MINUTE, "clock_speed": _SPEED}
    control = hurrying.sandbox.control
    control.reset()
    control.settings(**UNLIMITED)
    made = hurrying.copy(tmp_path / "data")
    with made.in_environment():
        control.settings(**limits, rate_window=rate_window)
        made.configure(**limits, rate_folder=str(tmp_path / "rates"))
        said = made.forecast()
        control.forget_rates()
        control.forget_requests()
        began = time.time()

        made.migration().prepare()
        ended = made.run()
        assert ended.error is None, ended.message
        reconciled = made.reconcile().reconciliation

        rates, last = control.rates(), control.requests()[-1]
    assert reconciled.clean
    assert rates["peak_hour"] <= _AN_HOUR
    assert rates["peak_minute"] <= _A_MINUTE
    assert rates["refused"] == 0
    assert said.total == pytest.approx(rates["total"], rel=0.1)
    # The practice's own work is done in the hours that it waits for.
    assert said.seconds == pytest.approx(last.time - began, rel=0.1)
