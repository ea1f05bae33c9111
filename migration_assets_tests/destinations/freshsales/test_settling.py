"""After a crash: what a job did is known, the rest is sent again, and nothing is there twice."""

from collections.abc import Iterator

import pytest

from migration_assets.destinations.freshsales.destination import FreshsalesDestination, connect
from migration_assets_tests.destinations.freshsales.conftest import MakeSettings
from migration_assets_tests.destinations.freshsales.loading import (
    CONTACT,
    NOTE,
    Journal,
    batch,
    by_key,
    open_batch,
    patients,
    sent,
)
from migration_assets_tests.sandbox.freshsales_fixtures import Opened


class Killed(Exception):
    """The process ends here."""


class KillingJournal(Journal):
    def job_submitted(self, batch_id: str) -> None:  # noqa: ARG002
        raise Killed


@pytest.fixture
def destination(make_settings: MakeSettings) -> Iterator[FreshsalesDestination]:
    made = connect(make_settings(bulk={"poll_first": 0.05}))
    made.deploy_schema([CONTACT])
    yield made
    made.close()


def test_what_a_job_did_while_nobody_watched_is_loaded(
    account: Opened, destination: FreshsalesDestination, make_settings: MakeSettings
) -> None:
    account.control.settings(bulk_row_seconds=0.02)
    of, journal = patients(*range(12)), KillingJournal()
    with pytest.raises(Killed):
        sent(destination, of, journal)
    again = connect(make_settings(bulk={"poll_first": 0.05}))
    results = by_key(again.settle(open_batch(of, journal.jobs[0]), Journal()))
    again.close()
    assert {(each.outcome, each.created) for each in results.values()} == {("loaded", True)}
    assert len({each.destination_id for each in results.values()}) == 12


@pytest.mark.parametrize("failures", ["listed", "silent"])
def test_rows_of_a_job_that_may_have_failed_are_sent_again(
    account: Opened, destination: FreshsalesDestination, failures: str
) -> None:
    account.control.settings(bulk_failures=failures)
    account.control.fail_rows(2)
    of, journal = patients(*range(6)), KillingJournal()
    with pytest.raises(Killed):
        sent(destination, of, journal)
    results = by_key(destination.settle(open_batch(of, journal.jobs[0]), Journal()))
    assert {each.outcome for each in results.values()} == {"not_sent"}
    assert {each.outcome for each in sent(destination, of).values()} == {"loaded"}
    assert account.control.counts()["contacts"] == 6


def test_batches_without_a_job_and_with_one_that_is_forgotten_are_sent_again(
    destination: FreshsalesDestination,
) -> None:
    of = patients(1, 2)
    notes = batch(NOTE, [{"_key": "maple:note:1", "description": "x", "target": "maple:patient:1"}])
    for open_one in (open_batch(of), open_batch(of, "31999999999"), open_batch(notes)):
        results = by_key(destination.settle(open_one, Journal()))
        assert results.keys() == set(open_one.keys)
        assert {each.outcome for each in results.values()} == {"not_sent"}


def test_a_run_that_broke_off_in_the_middle_leaves_nothing_double(
    account: Opened, destination: FreshsalesDestination, make_settings: MakeSettings
) -> None:
    sent(destination, patients(1, 2, 3))
    notes = batch(
        NOTE,
        [
            {"_key": f"maple:note:{number}", "description": "x", "target": f"maple:patient:{number % 3 + 1}"}
            for number in range(9)
        ],
    )
    for number, _ in enumerate(destination.send(notes, Journal())):
        if number == 4:
            break
    again = connect(make_settings())
    results = sent(again, notes)
    again.close()
    assert [each.created for each in results.values()] == [False] * 5 + [True] * 4
    assert account.control.counts()["note"] == 9
