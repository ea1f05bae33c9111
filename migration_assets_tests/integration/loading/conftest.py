"""An org of the smallest edition and a practice that charts little: what is killed here is the loading, again
and again, and hundreds of fields a record would only make it slow. The tests beside this folder load wide
charts.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from migration_assets_tests.integration.installation import Installation
from migration_assets_tests.integration.practices import generated, with_few_teeth
from migration_sandbox.salesforce.launch import SalesforceSandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceSandbox]:
    directory = tmp_path_factory.mktemp("professional") / "org"
    with SalesforceSandbox(directory, edition="professional", sandbox_org=True) as running:
        yield running


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, sandbox: SalesforceSandbox) -> Installation:
    """12 patients with 35 exams of a tooth or two, which have records of their own: ready to be sent."""
    made = Installation.create(tmp_path_factory.mktemp("template") / "data", sandbox)
    with made.in_environment():
        made.put_rows(with_few_teeth(generated().tables))
        made.migration().prepare()
        made.build()
    return made
