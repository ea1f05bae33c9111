"""The limits of calls: never one too many, by all processes of a machine, and how long a load will take."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.destinations.freshsales.rate import CallBudget, Limits, account_file, expected_end
from migration_assets.errors import ConfigurationError, DestinationLimitReached
from migration_assets_tests.destinations.freshsales.conftest import KEY_VARIABLE, Connect, MakeSettings
from migration_assets_tests.sandbox.freshsales_fixtures import Opened, opened

HOURLY, MINUTELY = 40, 15
SPEED = 1_200.0
"""An hour lasts three seconds, in which 40 calls are allowed, and a minute a twentieth, with 15."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """An account apart: its clock runs ahead of the world's."""
    with (
        pytest.MonkeyPatch.context() as patch,
        opened(tmp_path_factory.mktemp("hurried") / "account") as account,
    ):
        patch.setenv(KEY_VARIABLE, account.sandbox.api_key)
        yield account


def limited(account: Opened, **more: object) -> None:
    limits = {"calls_an_hour": HOURLY, "calls_a_minute": MINUTELY, "clock_speed": SPEED}
    account.control.settings(**{**limits, **more})
    account.control.forget_rates()


def budget(path: Path, hour: int = 5, minute: int = 5, speed: float = 1.0) -> CallBudget:
    return CallBudget(path, Limits(hour, minute, longest_call=10.0, speed=speed))


@pytest.mark.parametrize("window", ["sliding", "clock"])
def test_three_processes_together_never_exceed_the_limits_of_their_account(
    account: Opened, make_settings: MakeSettings, window: str
) -> None:
    limited(account, rate_window=window, clock_speed=2 * SPEED)
    settings = make_settings(
        calls_an_hour=HOURLY, calls_a_minute=MINUTELY, clock_speed=2 * SPEED, calls_at_once=2
    )
    command = [sys.executable, "-m", "migration_assets_tests.destinations.freshsales.rate_worker"]
    workers = [
        subprocess.Popen(
            [*command, settings.model_dump_json(), "35"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    ended = [worker.communicate(timeout=60) for worker in workers]
    assert len(ended) == 3 and [worker.returncode for worker in workers] == [0, 0, 0]
    rates = account.control.rates()
    assert rates["total"] == 105
    assert rates["refused"] == 0
    assert rates["peak_hour"] <= HOURLY
    assert rates["peak_minute"] <= MINUTELY


def test_a_load_lasts_as_long_as_was_said_before(account: Opened, connected: Connect) -> None:
    limited(account)
    client = connected(calls_an_hour=HOURLY, calls_a_minute=MINUTELY, clock_speed=SPEED)
    for _ in range(10):
        client.get("selector/currencies")
    expected = client.budget.expected_seconds(90, client.seconds_a_call)
    begun = time.monotonic()
    for _ in range(90):
        client.get("selector/currencies")
    assert time.monotonic() - begun == pytest.approx(expected, rel=0.1)
    assert account.control.rates()["refused"] == 0


def test_calls_of_others_are_learnt_of_where_the_account_tells_them(
    account: Opened, connected: Connect
) -> None:
    limited(account, rate_headers=True, clock_speed=1.0, calls_a_minute=1_000)
    client = connected(calls_an_hour=HOURLY, patience=0.0)
    client.get("selector/currencies")
    for _ in range(30):
        account.ok("GET", "/selector/currencies")
    for _ in range(HOURLY - 31):
        client.get("selector/currencies")
    with pytest.raises(DestinationLimitReached):
        client.get("selector/currencies")
    assert account.control.rates()["refused"] == 0
    assert account.control.rates()["hour"] == HOURLY


def test_a_refusal_for_the_limit_holds_up_every_run_of_the_account(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    budget(path, hour=100, minute=100, speed=10).refused(3)
    begun = time.monotonic()
    budget(path, hour=100, minute=100, speed=10).take()
    assert 0.25 < time.monotonic() - begun < 1


def test_a_call_whose_process_died_counts_until_it_surely_ended(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    code = (
        "import os, sys; from pathlib import Path\n"
        "from migration_assets.destinations.freshsales.rate import CallBudget, Limits\n"
        "CallBudget(Path(sys.argv[1]), Limits(1, 1, longest_call=10.0, speed=36000.0)).take()\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    with pytest.raises(DestinationLimitReached):
        budget(path, hour=1, minute=1, speed=36_000).take(patience=5)


def test_a_call_counts_for_a_whole_hour_after_its_answer(tmp_path: Path) -> None:
    one = budget(tmp_path / "calls.sqlite", hour=1, minute=1, speed=7_200)
    number = one.take()
    time.sleep(0.3)
    answered = time.monotonic()
    one.ended(number)
    one.take()
    assert time.monotonic() - answered >= 0.5


def test_who_cannot_wait_is_told_how_long_it_would_be(tmp_path: Path) -> None:
    full = budget(tmp_path / "calls.sqlite", hour=2, minute=2)
    full.ended(full.take())
    full.ended(full.take())
    with pytest.raises(DestinationLimitReached, match="2 an hour"):
        full.take(patience=1)


def test_accounts_have_files_of_their_own_that_name_none(tmp_path: Path) -> None:
    one = account_file(tmp_path, "https://maple.myfreshworks.com/crm/sales")
    assert one == account_file(tmp_path, "https://MAPLE.myfreshworks.com/crm/sales")
    assert one != account_file(tmp_path, "https://oak.myfreshworks.com/crm/sales")
    assert "maple" not in one.name


def test_a_folder_that_cannot_hold_the_counts_is_named(tmp_path: Path) -> None:
    (tmp_path / "calls.sqlite").write_text("no database at all, but long enough to be read as one" * 20)
    with pytest.raises(ConfigurationError, match="rate_folder"):
        budget(tmp_path / "calls.sqlite").take()


@given(
    st.lists(st.floats(0, 3_600), max_size=30).map(sorted),
    st.integers(1, 40),
    st.integers(1, 12),
    st.integers(1, 8),
    st.floats(0.01, 30),
)
def test_a_forecast_keeps_the_limits_itself_and_wastes_nothing(
    before: list[float], calls: int, hour: int, minute: int, seconds: float
) -> None:
    windows = ((3_600.0, hour), (60.0, minute))
    begin = 3_600.0
    ends = [expected_end(before, begin, windows, count, seconds) for count in range(1, calls + 1)]
    begins = [end - seconds for end in ends]
    everything = [*before, *ends]
    for at, started in enumerate(begins):
        earlier = [*before, *ends[:at]]
        waits = [begin, *ends[:at][-1:]]
        for width, most in windows:
            held = sorted(earlier)[-most:]
            if len(held) == most:
                waits.append(held[0] + width)
        assert started == pytest.approx(max(waits))
    assert len(everything) == len(before) + calls
