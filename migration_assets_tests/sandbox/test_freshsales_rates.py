"""The account's limits of calls, by themselves."""

import sqlite3
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_sandbox.freshsales.rates import Rates
from migration_sandbox.freshsales.settings import Settings


def _together(window: str, at: float, other: float, width: float) -> bool:
    """Whether the window that ends with `at` holds `other`."""
    start = at - width if window == "sliding" else at // width * width - 1e-9
    return start < other <= at


@pytest.mark.parametrize("window", ["sliding", "clock"])
@given(st.lists(st.floats(0.01, 400), max_size=60), st.integers(1, 6), st.integers(1, 20))
def test_no_window_of_an_hour_or_a_minute_ever_holds_more_than_its_limit(
    window: Literal["sliding", "clock"], pauses: list[float], minute: int, hour: int
) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE calls (at REAL NOT NULL)")
    rates = Rates(db)
    settings = Settings(calls_an_hour=hour, calls_a_minute=minute, rate_window=window)
    now, taken = 1_000_000.0, []
    for pause in pauses:
        now += pause
        wait = rates.take(now, settings)
        if wait is None:
            taken.append(now)
        else:
            now += wait
            assert rates.take(now, settings) is None
            taken.append(now)
    for width, limit in ((3600.0, hour), (60.0, minute)):
        assert all(sum(_together(window, at, other, width) for other in taken) <= limit for at in taken)
