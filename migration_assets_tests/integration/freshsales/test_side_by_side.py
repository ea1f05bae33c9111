"""One practice on its way to two destinations at once: neither waits for the other, though they share the
practice's folder and its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from migration_assets_tests.integration import installation as salesforce
from migration_assets_tests.integration.folder import PRACTICE
from migration_assets_tests.integration.freshsales.installation import Account, Installation
from migration_assets_tests.integration.freshsales.practices import whole
from migration_sandbox.freshsales.control import Control
from migration_sandbox.freshsales.launch import FreshsalesSandbox
from migration_sandbox.salesforce.launch import SalesforceSandbox

_FEW_CALLS = 60
"""Of an hour, which is over only after the test: the rest of the load has to wait for it."""
_UPLOADS = ("upload account", "upload contact", "upload treatment_plan")


@pytest.fixture
def org(tmp_path: Path) -> Iterator[SalesforceSandbox]:
    with SalesforceSandbox(tmp_path / "org", edition="professional", sandbox_org=True) as running:
        yield running


def test_a_load_that_waits_for_its_hour_holds_up_no_load_of_another_destination(
    sandbox: FreshsalesSandbox, control: Control, org: SalesforceSandbox, tmp_path: Path
) -> None:
    there = salesforce.Installation.create(tmp_path / "data", org)
    others = yaml.safe_load((there.data / "practices" / f"{PRACTICE}.yaml").read_text(encoding="utf-8"))
    here = Installation.create(tmp_path / "data", sandbox, others=others["destinations"])
    both = {**there.environment, **here.environment}
    there, here = replace(there, environment=both), replace(here, environment=both)
    with here.in_environment():
        here.prepared(whole())
        there.migration().prepare()
        there.build()
        control.settings(calls_an_hour=_FEW_CALLS)
        control.forget_rates()
        here.configure(others=others["destinations"], calls_an_hour=_FEW_CALLS, rate_folder=str(tmp_path))

        waiting = here.start()
        while control.rates()["total"] < _FEW_CALLS:
            assert not waiting.ended_within(0.1)
        ended = there.run(*_UPLOADS)

        assert ended.error is None, ended.message
        assert [each.sent == each.in_scope > 0 for each in ended.returned] == [True] * len(_UPLOADS)
        assert not waiting.ended_within(0)
        rates = control.rates()
        assert (rates["total"], rates["refused"]) == (_FEW_CALLS, 0)

        # The Freshsales load goes on where it stood, while the other has something to do again.
        control.settings(calls_an_hour=None)
        waiting.kill()
        here.configure(others=others["destinations"])
        again = there.start(*_UPLOADS)
        ended = here.run(run_id="in the next hour")
        assert ended.error is None, ended.message
        assert again.wait().error is None
        assert Account(control).keys() == here.payload_keys()
