"""An org over HTTPS as a process of its own, and a practice whose payload is ready to go there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from migration_assets_tests.integration.installation import Installation, Org
from migration_assets_tests.integration.practices import generated
from migration_sandbox.salesforce.control import Control
from migration_sandbox.salesforce.launch import SalesforceSandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceSandbox]:
    with SalesforceSandbox(tmp_path_factory.mktemp("salesforce") / "org", sandbox_org=True) as running:
        yield running


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, sandbox: SalesforceSandbox) -> Installation:
    """12 patients with 35 exams: schema deployed, payload built, nothing sent. Tests work on copies."""
    made = Installation.create(tmp_path_factory.mktemp("template") / "data", sandbox)
    with made.in_environment():
        made.put_rows(generated().tables)
        made.migration().prepare()
        made.build()
    return made


@pytest.fixture
def installation(template: Installation, control: Control, tmp_path: Path) -> Iterator[Installation]:
    """A copy of the template beside an empty org that has been asked nothing yet."""
    control.forget_requests()
    made = template.copy(tmp_path / "data")
    with made.in_environment():
        yield made


@pytest.fixture
def control(sandbox: SalesforceSandbox) -> Iterator[Control]:
    """What may be done to the org behind our backs; the org holds no record when a test begins."""
    control = sandbox.control
    control.reset()
    yield control
    control.reset()


@pytest.fixture
def org(sandbox: SalesforceSandbox) -> Org:
    return Org.of(sandbox)
