"""A running sandbox account for the tests of the Freshsales destination, reached over real HTTPS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migration_assets.destinations.freshsales.client import FreshsalesClient
from migration_assets.destinations.freshsales.discovery import Discovery
from migration_assets.destinations.freshsales.settings import EnvironmentSettings
from migration_assets_tests.sandbox.freshsales_fixtures import FIRST, Opened, fresh, opened

KEY_VARIABLE = "TEST_FRESHSALES_KEY"
Connect = Callable[..., FreshsalesClient]
MakeSettings = Callable[..., EnvironmentSettings]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """One account for all tests; each takes it through ``account``."""
    with (
        pytest.MonkeyPatch.context() as patch,
        opened(tmp_path_factory.mktemp("freshsales") / "account") as account,
    ):
        patch.setenv(KEY_VARIABLE, account.sandbox.api_key)
        yield account


@pytest.fixture
def account(running: Opened) -> Opened:
    """The account as new (users and pipelines stay), without faults, its calls forgotten."""
    return fresh(running, **{**FIRST, "calls_an_hour": 100_000, "calls_a_minute": 100_000})


@pytest.fixture
def make_settings(account: Opened, tmp_path: Path) -> MakeSettings:
    """Settings of that account; arguments replace some. Counts of calls are kept apart for each test."""

    def make(**changes: Any) -> EnvironmentSettings:
        base: dict[str, Any] = {
            "bundle_url": f"https://{account.sandbox.bundle}",
            "api_key": {"env": KEY_VARIABLE},
            "plan": "enterprise",
            "ca_bundle": str(account.sandbox.ca_path),
            "calls_an_hour": 100_000,
            "calls_a_minute": 100_000,
            "rate_folder": str(tmp_path / "rates"),
            "retry_wait": 0.01,
            "connect_timeout": 5,
            "read_timeout": 10,
            "baa_confirmed": True,
            "automations_off": True,
            "unique_emails": False,
        }
        return EnvironmentSettings.model_validate(base | changes)

    return make


@pytest.fixture
def connected(make_settings: MakeSettings) -> Iterator[Connect]:
    """Makes clients of the account; arguments replace settings."""
    made: list[FreshsalesClient] = []

    def make(*, patience: float | None = None, **changes: Any) -> FreshsalesClient:
        made.append(FreshsalesClient(make_settings(**changes), patience))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(connected: Connect) -> FreshsalesClient:
    return connected()


@pytest.fixture
def discovery(client: FreshsalesClient) -> Discovery:
    return Discovery(client)
