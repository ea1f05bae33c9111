"""Finding out what became of a batch after every kind of crash, and ending jobs that nobody knows."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from migration_assets.destinations.base import Batch, OpenBatch
from migration_assets.destinations.salesforce.destination import SalesforceDestination
from migration_assets.errors import DestinationError, DestinationUnreachable, JobLost
from migration_assets_tests.destinations.salesforce.batches import (
    collected,
    numbered,
    open_batch,
    outcomes,
)
from migration_assets_tests.destinations.salesforce.conftest import Connect, Notes
from migration_assets_tests.destinations.salesforce.schemas import CONTACT, EXAM
from migration_sandbox.salesforce.control import Control

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _empty_org(control: Control) -> None:
    control.reset()


def broken_off(org: SalesforceDestination, batch: Batch, journal: Notes) -> OpenBatch:
    """Send until the org stops answering, and what the ledger knows then."""
    with pytest.raises(DestinationError):
        collected(org.send(batch, journal))
    return open_batch(batch, journal.jobs[-1] if journal.jobs else None)


def test_what_never_got_a_job_was_not_sent(org: SalesforceDestination, journal: Notes) -> None:
    settled = outcomes(org.settle(open_batch(numbered(2), None), journal))
    assert [each[1] for each in settled] == ["not_sent", "not_sent"]
    assert journal.steps == []


def test_a_job_that_was_never_closed_is_aborted(
    connected: Connect, org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    batch = numbered(4)
    held = control.hold("PATCH", "/jobs/ingest")
    left = broken_off(connected(read_timeout=0.3, retry_attempts=1), batch, journal)
    held.drop()
    assert journal.steps == ["created", "submitted"]
    settled = outcomes(org.settle(left, journal))
    assert [each[1] for each in settled] == ["not_sent"] * 4
    assert journal.events[-1] == ("ended", "b1", "Aborted")
    assert control.counts().get("ClinicalExam__c", 0) == 0


def test_a_job_whose_closing_was_heard_is_followed_to_its_end(
    connected: Connect, org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    held = control.hold("PATCH", "/jobs/ingest", moment="after")
    left = broken_off(connected(read_timeout=0.3, retry_attempts=1), numbered(4), journal)
    held.drop()
    settled = collected(org.settle(left, journal))
    assert {each.outcome for each in settled.values()} == {"loaded"}
    assert journal.events[-1] == ("ended", "b1", "JobComplete")


def test_a_job_that_is_being_processed_is_followed_to_its_end(
    connected: Connect, org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    control.settings(bulk_batch_rows=10, bulk_batch_pause_seconds=0.2)
    left = broken_off(connected(bulk={"poll_limit": 0.1}), numbered(40), journal)
    assert journal.steps == ["created", "submitted"]
    settled = collected(org.settle(left, journal))
    assert len(settled) == 40
    assert {each.outcome for each in settled.values()} == {"loaded"}


def test_a_job_that_somebody_aborted_gives_results_for_what_was_done(
    connected: Connect, org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    control.settings(bulk_batch_rows=10, bulk_batch_pause_seconds=0.3)
    left = broken_off(connected(bulk={"poll_limit": 0.45}), numbered(60), journal)
    assert left.job_id is not None
    org._loader.jobs.abort(left.job_id)
    settled = collected(org.settle(left, journal))
    found = {each.outcome for each in settled.values()}
    assert len(settled) == 60
    assert found == {"loaded", "not_sent"}
    assert sum(each.outcome == "loaded" for each in settled.values()) == control.counts()["ClinicalExam__c"]


def test_a_job_that_was_complete_gives_its_results_again(org: SalesforceDestination, journal: Notes) -> None:
    batch = numbered(5)
    first = outcomes(org.send(batch, journal))
    assert outcomes(org.settle(open_batch(batch, journal.jobs[0]), journal)) == first


def test_keys_that_the_job_does_not_hold_were_not_sent(org: SalesforceDestination, journal: Notes) -> None:
    collected(org.send(numbered(2), journal))
    settled = collected(org.settle(open_batch(numbered(3), journal.jobs[0]), journal))
    assert (settled["maple:exam:0002"].outcome, settled["maple:exam:0002"].code) == ("not_sent", "NO_RESULT")


def test_a_job_that_failed_before_any_row_was_not_sent(
    org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    control.fail_jobs()
    batch = numbered(3)
    left = broken_off(org, batch, journal)
    assert {each[1] for each in outcomes(org.settle(left, journal))} == {"not_sent"}


def test_expired_results_are_a_lost_job(org: SalesforceDestination, control: Control, journal: Notes) -> None:
    batch = numbered(3)
    collected(org.send(batch, journal))
    control.expire_results(journal.jobs[0])
    with pytest.raises(JobLost, match="by key"):
        collected(org.settle(open_batch(batch, journal.jobs[0]), journal))


def test_a_job_that_is_gone_is_lost(org: SalesforceDestination, journal: Notes) -> None:
    batch = numbered(3)
    collected(org.send(batch, journal))
    org._loader.jobs.delete(journal.jobs[0])
    with pytest.raises(JobLost):
        collected(org.settle(open_batch(batch, journal.jobs[0]), journal))


def test_results_that_break_off_are_fetched_again(
    connected: Connect, control: Control, journal: Notes
) -> None:
    control.hold("GET", "successfulResults", moment="download", size=200)
    sent = collected(connected(read_timeout=0.5).send(numbered(50), journal))
    assert len(sent) == 50
    assert {each.outcome for each in sent.values()} == {"loaded"}


def test_an_upload_that_breaks_off_leaves_a_job_that_can_be_settled(
    connected: Connect, org: SalesforceDestination, control: Control, journal: Notes
) -> None:
    held = control.hold("PUT", "/batches", moment="upload", size=100)
    left = broken_off(connected(read_timeout=0.3, retry_attempts=1), numbered(50), journal)
    held.drop()
    assert journal.steps == ["created"]
    assert {each[1] for each in outcomes(org.settle(left, journal))} == {"not_sent"}
    assert control.counts().get("ClinicalExam__c", 0) == 0


def unknown_job(org: SalesforceDestination) -> str:
    return org._loader.jobs.create(EXAM.name, "upsert", EXAM.key_field)


def test_a_job_that_nobody_knows_is_abandoned(org: SalesforceDestination) -> None:
    orphan, known = unknown_job(org), unknown_job(org)
    abandoned: tuple[str, ...] = ()
    deadline = time.monotonic() + 5
    # The org's clock is read from its Date header, which knows whole seconds only.
    while orphan not in abandoned and time.monotonic() < deadline:
        abandoned = org.abandon_orphans(EXAM, since=LONG_AGO, known_jobs=[known])
    assert orphan in abandoned
    assert known not in abandoned
    assert org._loader.jobs.get(orphan).state == "Aborted"
    assert org._loader.jobs.get(known).state == "Open"
    assert org.abandon_orphans(CONTACT, since=LONG_AGO, known_jobs=[]) == ()


def test_a_young_job_is_left_to_the_run_that_may_be_writing_it_down(connected: Connect) -> None:
    org = connected(bulk={"orphan_grace": 60})
    orphan = unknown_job(org)
    assert orphan not in org.abandon_orphans(EXAM, since=LONG_AGO, known_jobs=[])
    assert org._loader.jobs.get(orphan).state == "Open"


def test_jobs_from_before_the_time_are_left_alone(connected: Connect) -> None:
    org = connected(bulk={"clock_tolerance": 0})
    orphan = unknown_job(org)
    assert orphan not in org.abandon_orphans(
        EXAM, since=datetime.now(UTC) + timedelta(minutes=1), known_jobs=[]
    )


def test_an_org_that_goes_away_in_the_middle_is_unreachable(
    connected: Connect, control: Control, journal: Notes
) -> None:
    control.hold("GET", "/jobs/ingest/")
    org = connected(read_timeout=0.3, retry_attempts=1)
    with pytest.raises(DestinationUnreachable):
        collected(org.send(numbered(2), journal))
    assert journal.steps == ["created", "submitted"]
