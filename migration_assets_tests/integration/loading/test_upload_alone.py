"""An upload started alone, past every check before it: without leave it doesn't speak to the org at all.

Not even for a token: the org's log of requests stays empty.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from migration_assets.errors import GateClosed, MigrationError, StagingRefused
from migration_assets_tests.integration.installation import (
    LIVE,
    OBJECTS,
    PRACTICE,
    REHEARSAL,
    Installation,
)
from migration_sandbox.salesforce.control import Control


def _spoil(installation: Installation) -> None:
    """A batch in which every second patient has no name."""
    installation.change("Patient", pl.col("PatientID") % 2 == 0, LastName=None)
    installation.stage()


def _failed_before_any_payload(installation: Installation) -> None:
    installation.platform.upload_warehouse(REHEARSAL).path.unlink()
    _spoil(installation)
    with pytest.raises(StagingRefused):
        installation.migration().build_payload("run", "all")


def _failed_after_a_passing_payload(installation: Installation) -> None:
    _spoil(installation)


def _failed_while_the_payload_was_built_anew(installation: Installation) -> None:
    _spoil(installation)
    with pytest.raises(StagingRefused):
        installation.migration().build_payload("run", "all")


def _no_verdict_at_all(installation: Installation) -> None:
    with installation.platform.panda_warehouse(PRACTICE).open() as session:
        session.execute("DROP TABLE staged.verdicts")


@pytest.mark.parametrize(
    ("without_leave", "told"),
    [
        (_failed_before_any_payload, "the staged batch may not be uploaded: patients: "),
        (_failed_after_a_passing_payload, "the staged batch may not be uploaded: patients: "),
        (_failed_while_the_payload_was_built_anew, "the staged batch may not be uploaded: patients: "),
        (_no_verdict_at_all, "nothing has been staged yet; materialise staged/* first"),
    ],
)
def test_an_upload_without_a_passing_verdict_sends_no_request(
    without_leave: Callable[[Installation], None],
    told: str,
    installation: Installation,
    control: Control,
) -> None:
    without_leave(installation)

    for asset in OBJECTS:
        with pytest.raises(StagingRefused) as refused:
            installation.migration().upload(asset, "run")
        assert told in str(refused.value)

    assert control.requests() == []


def test_an_upload_of_a_payload_of_another_plan_sends_no_request(
    installation: Installation, control: Control
) -> None:
    installation.configure(reject_limit=0.5)

    with pytest.raises(StagingRefused, match="materialise the payload again"):
        installation.migration().upload("contact", "run")

    assert control.requests() == []


@pytest.mark.parametrize("rehearsed", [False, True], ids=["not rehearsed", "rehearsed, not approved"])
def test_a_live_upload_that_nobody_approved_sends_no_request(
    rehearsed: bool, installation: Installation, control: Control
) -> None:
    installation.configure(live=True)
    if rehearsed:
        installation.run()
        installation.reconcile()
        control.forget_requests()

    with pytest.raises(GateClosed) as refused:
        installation.migration(LIVE).upload("contact", "run")

    assert str(refused.value).startswith("practice maple: salesforce/live may not be loaded: ")
    assert "approval of plan" in str(refused.value)
    assert ("clean rehearsal of plan" in str(refused.value)) is not rehearsed
    assert control.requests() == []


def test_an_upload_before_anything_was_prepared_says_what_comes_first(
    installation: Installation, control: Control
) -> None:
    (installation.data / "ledger" / f"{PRACTICE}.sqlite").unlink()

    with pytest.raises(MigrationError, match="materialise the destination's schema asset first"):
        installation.migration().upload("contact", "run")

    assert control.requests() == []
