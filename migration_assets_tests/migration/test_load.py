"""An upload brings the destination to the payload's state and accounts for every record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.destinations.base import LoadResult
from migration_assets.errors import LedgerError
from migration_assets.migration.ledger import Ledger, Presence
from migration_assets.migration.load import Shipment
from migration_assets_tests.migration.fake_destination import FakeDestination, Job
from migration_assets_tests.migration.records import (
    CONTACT,
    KEY,
    NO_PROBLEMS,
    account,
    accounts,
    before_image,
    contact,
    contacts,
    fresh_ledger,
    loader,
    outcomes,
    payload,
)


@pytest.fixture
def destination() -> FakeDestination:
    return FakeDestination()


def test_a_first_upload_sends_every_record(destination: FakeDestination, ledger: Ledger) -> None:
    summary = loader(destination, ledger).load(contacts(1, 2, 3, 4))

    assert destination.keys(CONTACT) == {contact(number) for number in (1, 2, 3, 4)}
    assert (summary.in_scope, summary.sent, summary.created) == (4, 4, 4)
    assert (summary.updated, summary.unchanged, summary.failed, summary.held_back) == (0, 0, 0, 0)


def test_a_second_upload_of_the_same_rows_sends_nothing(destination: FakeDestination, ledger: Ledger) -> None:
    loader(destination, ledger).load(contacts(1, 2))
    destination.sent.clear()

    summary = loader(destination, ledger, "second").load(contacts(1, 2))

    assert destination.sent == []
    assert (summary.sent, summary.unchanged) == (0, 2)


def test_a_changed_row_is_sent_alone(destination: FakeDestination, ledger: Ledger) -> None:
    loader(destination, ledger).load(contacts(1, 2, 3))
    destination.sent.clear()
    rows = pl.concat([contacts(1, 3).payload, contacts(2, name="Ames").payload])

    summary = loader(destination, ledger, "second").load(Shipment(CONTACT, rows, NO_PROBLEMS))

    assert destination.sent == [[contact(2)]]
    assert destination.records["Contact"][contact(2)]["LastName"] == "Ames"
    assert (summary.created, summary.updated, summary.unchanged) == (0, 1, 2)


def test_a_row_that_was_changed_back_is_sent_again(destination: FakeDestination, ledger: Ledger) -> None:
    for run, name in enumerate(["Quill", "Ames", "Quill"]):
        loader(destination, ledger, f"run{run}").load(contacts(1, name=name))

    assert destination.records["Contact"][contact(1)]["LastName"] == "Quill"


def test_a_failed_row_is_tried_again(destination: FakeDestination, ledger: Ledger) -> None:
    destination.refused = {contact(2)}
    first = loader(destination, ledger).load(contacts(1, 2))
    destination.refused.clear()
    destination.sent.clear()

    second = loader(destination, ledger, "second").load(contacts(1, 2))

    assert (first.created, first.failed) == (1, 1)
    assert destination.sent == [[contact(2)]]
    assert (second.created, second.failed, second.unchanged) == (1, 0, 1)


def test_a_row_that_the_job_left_unprocessed_counts_as_failed_and_is_sent_again(
    destination: FakeDestination, ledger: Ledger
) -> None:
    destination.skipped = {contact(1)}
    first = loader(destination, ledger).load(contacts(1))
    destination.skipped.clear()

    second = loader(destination, ledger, "second").load(contacts(1))

    assert (first.failed, second.created) == (1, 1)


def test_a_record_that_was_deleted_in_the_destination_is_sent_again(
    destination: FakeDestination, ledger: Ledger
) -> None:
    loader(destination, ledger).load(contacts(1, 2))
    del destination.records["Contact"][contact(1)]
    ledger.observe(CONTACT, {contact(1): Presence.ABSENT}, "reconciliation")

    summary = loader(destination, ledger, "second").load(contacts(1, 2))

    assert contact(1) in destination.keys(CONTACT)
    assert (summary.created, summary.unchanged) == (1, 1)


def test_a_child_waits_for_its_parent_and_the_reason_names_it(
    destination: FakeDestination, ledger: Ledger
) -> None:
    summary = loader(destination, ledger).load(contacts(1, parent=account(1)))

    row = ledger.state(CONTACT).row(0, named=True)
    assert destination.sent == []
    assert (summary.sent, summary.held_back) == (0, 1)
    assert (row["outcome"], row["code"]) == ("held_back", "parent_absent")
    assert account(1) in row["message"]


def test_a_child_goes_through_once_its_parent_is_there(destination: FakeDestination, ledger: Ledger) -> None:
    destination.refused = {account(1)}
    loader(destination, ledger).load(accounts(1))
    loader(destination, ledger).load(contacts(1, parent=account(1)))
    destination.refused.clear()

    loader(destination, ledger, "second").load(accounts(1))
    summary = loader(destination, ledger, "second").load(contacts(1, parent=account(1)))

    assert (summary.created, summary.held_back) == (1, 0)


def test_only_children_of_the_absent_parent_wait(destination: FakeDestination, ledger: Ledger) -> None:
    loader(destination, ledger).load(accounts(1))
    rows = pl.concat([contacts(1, parent=account(1)).payload, contacts(2, parent=account(2)).payload])

    loader(destination, ledger).load(Shipment(CONTACT, rows, NO_PROBLEMS))

    assert outcomes(ledger, CONTACT) == {contact(1): "loaded", contact(2): "held_back"}


def test_a_row_that_no_destination_could_take_fails_without_being_sent(
    destination: FakeDestination, ledger: Ledger
) -> None:
    problems = [
        {"key": contact(2), "field": "LastName", "code": "text_too_long", "message": "too long"},
        {"key": contact(2), "field": "Note__c", "code": "text_too_long", "message": "too long"},
    ]
    shipment = replace(contacts(1, 2), problems=pl.DataFrame(problems, schema=NO_PROBLEMS.schema))

    summary = loader(destination, ledger).load(shipment)

    assert destination.sent == [[contact(1)]]
    assert (summary.created, summary.failed) == (1, 1)
    failed = ledger.state(CONTACT).filter(pl.col("outcome") == "failed").row(0, named=True)
    assert (failed["key"], failed["field"], failed["code"]) == (contact(2), "LastName", "text_too_long")


def test_a_problem_of_a_row_outside_the_scope_is_nobodys(
    destination: FakeDestination, ledger: Ledger
) -> None:
    problem = {"key": contact(9), "field": "LastName", "code": "text_too_long", "message": "too long"}
    shipment = replace(contacts(1), problems=pl.DataFrame([problem], schema=NO_PROBLEMS.schema))

    assert loader(destination, ledger).load(shipment).failed == 0
    assert set(outcomes(ledger, CONTACT)) == {contact(1)}


def test_an_empty_shipment_sends_nothing(destination: FakeDestination, ledger: Ledger) -> None:
    summary = loader(destination, ledger).load(contacts())

    assert (summary.in_scope, summary.sent) == (0, 0)


def test_what_stood_there_before_is_kept_before_it_is_overwritten(
    destination: FakeDestination, ledger: Ledger
) -> None:
    destination.put(CONTACT, {KEY: contact(1), "LastName": "Before"})

    summary = loader(destination, ledger).load(contacts(1, 2))

    image = before_image(ledger, CONTACT, contact(1))
    assert image is not None
    assert image["LastName"] == "Before"
    assert before_image(ledger, CONTACT, contact(2)) is None
    assert (summary.created, summary.updated) == (1, 1)


def test_our_own_record_has_no_before_image(destination: FakeDestination, ledger: Ledger) -> None:
    loader(destination, ledger).load(contacts(1))
    loader(destination, ledger, "second").load(contacts(1, name="Ames"))

    assert before_image(ledger, CONTACT, contact(1)) is None


def test_a_record_outside_the_scope_has_no_before_image(destination: FakeDestination, ledger: Ledger) -> None:
    destination.put(CONTACT, {KEY: contact(9), "LastName": "Before"})

    loader(destination, ledger).load(contacts(1))

    assert before_image(ledger, CONTACT, contact(9)) is None


class Forgetful(FakeDestination):
    """Answers for the first record of each batch only, which the port forbids."""

    def _results(self, job: Job, keys: Sequence[str]) -> Iterator[Sequence[LoadResult]]:
        yield from super()._results(job, keys[:1])


def test_a_batch_without_all_its_answers_is_an_error_and_stays_open(ledger: Ledger) -> None:

    with pytest.raises(LedgerError, match="1 of 2 Contact records") as error:
        loader(Forgetful(), ledger).load(contacts(1, 2))

    assert contact(2) not in str(error.value)
    assert [batch.keys for batch in ledger.open_batches(CONTACT)] == [(contact(2),)]


@settings(max_examples=15, deadline=None)
@given(
    fates=st.lists(
        st.sampled_from(["created", "updated", "unchanged", "failed", "held_back", "problem"]), max_size=12
    )
)
def test_every_record_in_scope_is_counted_once(fates: list[str]) -> None:
    def ship(name: str, *chosen: str) -> Shipment:
        rows = [
            {KEY: contact(number), "LastName": name, "AccountId": "absent" if fate == "held_back" else None}
            for number, fate in enumerate(fates)
            if fate in chosen
        ]
        return Shipment(CONTACT, payload(CONTACT, *rows), NO_PROBLEMS)

    of_fate = {fate: [contact(n) for n, each in enumerate(fates) if each == fate] for fate in fates}
    destination = FakeDestination(refused=set(of_fate.get("failed", [])))
    problems = [
        {"key": key, "field": "LastName", "code": "text_too_long", "message": "too long"}
        for key in of_fate.get("problem", [])
    ]
    everything = replace(ship("New", *of_fate), problems=pl.DataFrame(problems, schema=NO_PROBLEMS.schema))
    with fresh_ledger() as ledger:
        loader(destination, ledger, "first").load(ship("Old", "updated"))
        loader(destination, ledger, "first").load(ship("New", "unchanged"))

        summary = loader(destination, ledger, "second").load(everything)

    assert summary.in_scope == len(fates)
    assert summary.created == fates.count("created")
    assert summary.updated == fates.count("updated")
    assert summary.unchanged == fates.count("unchanged")
    assert summary.failed == fates.count("failed") + fates.count("problem")
    assert summary.held_back == fates.count("held_back")
    assert summary.sent == summary.created + summary.updated + fates.count("failed")
