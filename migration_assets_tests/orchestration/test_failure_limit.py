"""Refused records turn a run yellow or red by the practice's limit, and never leave it green."""

from __future__ import annotations

import pytest
from dagster import AssetCheckSeverity
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.orchestration.reconciliation_checks import failures_check

RED, YELLOW = AssetCheckSeverity.ERROR, AssetCheckSeverity.WARN


@pytest.mark.parametrize(
    ("failed", "limit", "severity"),
    [(1, 0.0, RED), (10, 0.0099, RED), (10, 0.01, YELLOW), (1, 0.01, YELLOW), (1000, 1.0, YELLOW)],
)
def test_failures_are_yellow_up_to_the_limit_and_red_beyond(
    failed: int, limit: float, severity: AssetCheckSeverity
) -> None:
    check = failures_check({"Contact": (failed, 1_000), "Event": (0, 5)}, limit)

    assert (check.passed, check.severity) == (False, severity)
    assert f"{failed:,} records failed, most of Contact" in str(check.description)


def test_an_object_that_failed_as_a_whole_is_not_hidden_behind_a_large_one() -> None:
    check = failures_check({"Contact": (0, 100_000), "Account": (1, 1)}, limit=0.5)

    assert check.severity is RED
    assert "most of Account: 100.00%" in str(check.description)


def test_nothing_failed_is_green() -> None:
    assert failures_check({"Contact": (0, 10), "Event": (0, 0)}, 0.0).passed
    assert failures_check({}, 0.0).passed


@given(st.dictionaries(st.text(max_size=3), st.tuples(st.integers(0, 9), st.integers(0, 9))), st.floats(0, 1))
def test_a_run_with_failures_is_never_green(counted: dict[str, tuple[int, int]], limit: float) -> None:
    assert failures_check(counted, limit).passed is not any(failed for failed, _ in counted.values())
