"""The hour's limit: a whole practice passes through it, never one call too many, and takes as long as it was
said beforehand.

The account is small here as the practice is; 500 patients under 1,000 calls an hour are a benchmark
(``benchmarks/freshsales_rate.py``).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_assets_tests.integration.freshsales.conftest import UNLIMITED
from migration_assets_tests.integration.freshsales.installation import (
    Account,
    Installation,
    assert_there_once,
)
from migration_assets_tests.integration.freshsales.practices import whole
from migration_sandbox.freshsales.control import Control
from migration_sandbox.freshsales.launch import FreshsalesSandbox

_AN_HOUR, _A_MINUTE = 100, 40
_SPEED = 1_800.0
"""The account's hour takes two seconds."""


@pytest.mark.parametrize("rate_window", ["sliding", "clock"])
def test_a_practice_passes_through_the_hourly_limit_in_the_time_that_was_said(
    rate_window: str, sandbox: FreshsalesSandbox, control: Control, tmp_path: Path
) -> None:
    limits = {"calls_an_hour": _AN_HOUR, "calls_a_minute": _A_MINUTE, "clock_speed": _SPEED}
    made = Installation.create(tmp_path / "data", sandbox, **limits)
    with made.in_environment():
        made.put(whole(6))
        made.stage()
        control.settings(**{**UNLIMITED, **limits, "rate_window": rate_window})
        said = made.forecast()
        control.forget_rates()
        began = control.time()

        made.migration().prepare()
        made.build()
        ended = made.run()
        assert ended.error is None, ended.message
        made.reconcile()

        took = (control.time() - began) / _SPEED
        rates = control.rates()
        print(said, took, rates)
    assert rates["peak_hour"] <= _AN_HOUR and rates["peak_minute"] <= _A_MINUTE
    assert rates["refused"] == 0
    assert rates["peak_hour"] == _AN_HOUR, "the limit doesn't bind"
    assert said.total == pytest.approx(rates["total"], rel=0.1)
    assert said.seconds == pytest.approx(took, rel=0.1)
