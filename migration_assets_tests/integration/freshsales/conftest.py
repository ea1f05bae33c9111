"""An account over HTTPS as a process of its own, and a practice whose payload is ready to go there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from migration_assets_tests.integration.freshsales.installation import (
    PLENTY,
    Account,
    Installation,
)
from migration_assets_tests.integration.freshsales.kept import Kept
from migration_assets_tests.integration.freshsales.practices import whole
from migration_assets_tests.sandbox.freshsales_fixtures import FIRST
from migration_sandbox.freshsales.control import Control
from migration_sandbox.freshsales.launch import FreshsalesSandbox
from migration_sandbox.installation import PIPELINE, STAGES

UNLIMITED = {**FIRST, "calls_an_hour": PLENTY, "calls_a_minute": PLENTY, "unique_emails": False}


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreshsalesSandbox]:
    """One account for all tests; what it is set to is each test's own."""
    with FreshsalesSandbox(tmp_path_factory.mktemp("freshsales") / "account") as running:
        running.control.add_pipeline(PIPELINE, STAGES)
        yield running


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, sandbox: FreshsalesSandbox) -> Installation:
    """A few patients with everything: schema made, payload built, nothing sent. Tests work on copies."""
    made = Installation.create(tmp_path_factory.mktemp("template") / "data", sandbox)
    with made.in_environment():
        sandbox.control.reset(schema=True)
        sandbox.control.settings(**UNLIMITED)
        made.prepared(whole())
    return made


@pytest.fixture
def control(sandbox: FreshsalesSandbox) -> Iterator[Control]:
    """What may be done to the account behind our backs; it holds no record when a test begins."""
    control = sandbox.control
    control.reset()
    control.settings(**UNLIMITED)
    yield control
    control.reset()


@pytest.fixture
def installation(template: Installation, control: Control, tmp_path: Path) -> Iterator[Installation]:
    """A copy of the template beside an empty account that has been asked nothing yet."""
    control.forget_requests()
    made = template.copy(tmp_path / "data")
    with made.in_environment():
        made.configure()
        yield made


@pytest.fixture(scope="session")
def kept(template: Installation, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("kept")
    made = template.copy(folder / "loaded")
    with made.in_environment():
        made.configure()
        made.sandbox.control.reset()
        made.sandbox.control.settings(**UNLIMITED)
        ended = made.run(run_id="first")
    assert ended.error is None, ended.message
    return Kept.of(made, folder)


@pytest.fixture
def loaded(kept: Kept, control: Control, tmp_path: Path) -> Iterator[Installation]:  # noqa: ARG001
    """A copy of the template that was loaded into the account once."""
    made = kept.put_back(tmp_path / "data")
    with made.in_environment():
        yield made


@pytest.fixture
def account(control: Control) -> Account:
    return Account(control)
