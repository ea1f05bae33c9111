"""What becomes of a record that somebody edited or deleted in the destination, load after load."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from migration_assets.migration.conflict_store import (
    SETTLED,
    ConflictStore,
    Standing,
    decided_for_source,
    kept_fields,
    open_conflicts,
)
from migration_assets.migration.conflicts import CRM, OPEN, SOURCE, WHOLE_RECORD
from migration_assets.migration.deleted_images import DeletedImages
from migration_assets.migration.ledger import Ledger, Presence
from migration_assets.migration.ledger_tables import CONFLICTS
from migration_assets.migration.load import Shipment, UploadSummary
from migration_assets.practice import Conflicts
from migration_assets_tests.migration.fake_destination import FakeDestination, Killed
from migration_assets_tests.migration.records import (
    CONTACT,
    KEY,
    NO_PROBLEMS,
    account,
    accounts,
    before_image,
    contact,
    loader,
    outcomes,
    payload,
)

ONE = contact(1)


@pytest.fixture
def destination() -> FakeDestination:
    return FakeDestination()


class Practice:
    """One contact on its way: each load's payload is the former one of the next."""

    def __init__(self, destination: FakeDestination, ledger: Ledger, narrow: bool = True) -> None:
        self.destination, self.ledger, self.narrow = destination, ledger, narrow
        self.former = payload(CONTACT)
        self.runs = 0

    def load(self, policy: Conflicts, *rows: dict[str, Any]) -> UploadSummary:
        self.runs += 1
        now = payload(CONTACT, *({KEY: ONE, **row} for row in rows))
        shipment = Shipment(CONTACT, now, NO_PROBLEMS, former=self.former, narrow=self.narrow)
        self.former = pl.concat([self.former, now]).unique([KEY, "_payload_hash"])
        made = replace(loader(self.destination, self.ledger, f"run{self.runs}"), conflicts=policy)
        return made.load(shipment)

    def edit(self, **values: Any) -> None:
        self.destination.records["Contact"][ONE].update(values)

    def there(self, *names: str) -> tuple[Any, ...]:
        return tuple(self.destination.records["Contact"][ONE][name] for name in names)

    def standing(self) -> list[Standing]:
        return ConflictStore.of(self.ledger).standing()

    def resolutions(self) -> dict[str, str]:
        return {each.conflict.field: each.resolution for each in self.standing()}

    def decide(self, take: str) -> None:
        store = ConflictStore.of(self.ledger)
        store.decide(store.standing(), CRM if take == CRM else SOURCE, "Dr. Vale", "decision")


@pytest.fixture(params=[True, False], ids=["narrow", "whole"])
def practice(destination: FakeDestination, ledger: Ledger, request: pytest.FixtureRequest) -> Practice:
    made = Practice(destination, ledger, narrow=request.param)
    made.load("list", {"LastName": "Quill", "Note__c": "first"})
    return made


def test_an_edit_is_overwritten_where_the_source_wins_and_both_values_are_kept(practice: Practice) -> None:
    practice.edit(LastName="Ames")
    practice.load("source_wins", {"LastName": "Quill", "Note__c": "second"})

    assert practice.there("LastName", "Note__c") == ("Quill", "second")
    assert practice.standing() == []
    assert _events(practice.ledger) == [("LastName", "found", SOURCE), ("LastName", SETTLED, SOURCE)]


@pytest.mark.parametrize(("policy", "resolution"), [("crm_wins", CRM), ("list", OPEN)])
def test_an_edited_field_stays_and_the_others_follow_the_source(
    practice: Practice, policy: Conflicts, resolution: str
) -> None:
    practice.edit(LastName="Ames")
    summary = practice.load(policy, {"LastName": "Quill", "Note__c": "second"})

    assert practice.there("LastName", "Note__c") == ("Ames", "second")
    assert (summary.updated, summary.failed, summary.held_back) == (1, 0, 0)
    assert practice.resolutions() == {"LastName": resolution}
    conflict = practice.standing()[0].conflict
    assert (conflict.former, conflict.source, conflict.crm) == ("Quill", "Quill", "Ames")


def test_later_deltas_go_on_keeping_it_and_ask_once(practice: Practice) -> None:
    practice.edit(LastName="Ames")
    for note in ("second", "third", "fourth"):
        practice.load("list", {"LastName": "Quill", "Note__c": note})

    assert practice.there("LastName", "Note__c") == ("Ames", "fourth")
    assert _events(practice.ledger) == [("LastName", "found", OPEN)]
    assert practice.load("list", {"LastName": "Quill", "Note__c": "fourth"}).unchanged == 1


def test_a_kept_field_is_named_to_the_reconciliation(practice: Practice) -> None:
    practice.edit(LastName="Ames")
    practice.load("list", {"LastName": "Quill", "Note__c": "second"})

    assert kept_fields(practice.standing()).rows() == [("Contact", ONE, "LastName")]
    assert open_conflicts(practice.standing()) == {"Contact": 1}


def test_a_decision_for_the_source_is_carried_out_by_the_next_load_though_nothing_changed(
    practice: Practice,
) -> None:
    practice.edit(LastName="Ames")
    practice.load("list", {"LastName": "Quill", "Note__c": "second"})
    practice.decide(SOURCE)
    assert decided_for_source(practice.standing()) == {"Contact": {ONE}}

    summary = practice.load("list", {"LastName": "Quill", "Note__c": "second"})

    assert (summary.sent, practice.there("LastName")) == (1, ("Quill",))
    assert practice.standing() == []
    assert practice.load("list", {"LastName": "Quill", "Note__c": "second"}).unchanged == 1


def test_a_decision_waits_for_a_load_that_comes_through(practice: Practice) -> None:
    practice.edit(LastName="Ames")
    practice.load("list", {"LastName": "Quill", "Note__c": "second"})
    practice.decide(SOURCE)
    practice.destination.refused = {ONE}
    practice.load("list", {"LastName": "Quill", "Note__c": "second"})
    assert practice.there("LastName") == ("Ames",)

    practice.destination.refused.clear()
    practice.load("list", {"LastName": "Quill", "Note__c": "second"})

    assert practice.there("LastName") == ("Quill",)
    assert practice.standing() == []


def test_a_decision_for_the_destination_stands_until_either_side_changes(practice: Practice) -> None:
    practice.edit(LastName="Ames")
    practice.load("list", {"LastName": "Quill", "Note__c": "second"})
    practice.decide(CRM)

    practice.load("list", {"LastName": "Quill", "Note__c": "third"})
    assert practice.resolutions() == {"LastName": CRM}

    practice.load("list", {"LastName": "Vale", "Note__c": "third"})
    assert practice.resolutions() == {"LastName": OPEN}
    assert practice.there("LastName") == ("Ames",)


def test_a_decision_for_the_source_is_about_the_value_that_was_shown(practice: Practice) -> None:
    practice.edit(LastName="Ames")
    practice.load("list", {"LastName": "Quill", "Note__c": "second"})
    practice.decide(SOURCE)
    practice.edit(LastName="Vale")

    practice.load("list", {"LastName": "Quill", "Note__c": "third"})

    assert practice.there("LastName") == ("Vale",)
    assert practice.resolutions() == {"LastName": OPEN}


def test_both_sides_agree_once_the_source_has_the_same(practice: Practice) -> None:
    practice.edit(LastName="Ames")
    practice.load("list", {"LastName": "Quill", "Note__c": "second"})
    practice.load("list", {"LastName": "Ames", "Note__c": "second"})
    assert practice.standing() == []

    practice.load("list", {"LastName": "Vale", "Note__c": "second"})

    assert practice.there("LastName") == ("Vale",)


@pytest.mark.parametrize("policy", ["crm_wins", "list"])
def test_a_record_that_was_deleted_there_is_not_made_again_unasked(
    practice: Practice, policy: Conflicts
) -> None:
    del practice.destination.records["Contact"][ONE]
    for note in ("second", "third"):
        summary = practice.load(policy, {"LastName": "Quill", "Note__c": note})
        assert (summary.sent, summary.held_back) == (0, 1)

    state = practice.ledger.state(CONTACT).row(0, named=True)
    assert (state["outcome"], state["code"], state["present"]) == ("held_back", "deleted_there", False)
    assert list(practice.resolutions()) == [WHOLE_RECORD]
    assert kept_fields(practice.standing()).is_empty()

    practice.decide(SOURCE)
    practice.load(policy, {"LastName": "Quill", "Note__c": "fourth"})
    assert practice.there("LastName", "Note__c") == ("Quill", "fourth")
    assert practice.standing() == []


def test_a_record_that_was_deleted_there_is_made_again_where_the_source_wins(practice: Practice) -> None:
    del practice.destination.records["Contact"][ONE]

    summary = practice.load("source_wins", {"LastName": "Quill", "Note__c": "second"})

    assert (summary.created, practice.there("LastName")) == (1, ("Quill",))
    assert _events(practice.ledger)[0] == (WHOLE_RECORD, "found", SOURCE)


def test_a_record_that_we_deleted_ourselves_is_made_again_once_its_row_is_back(practice: Practice) -> None:
    record = {**practice.destination.records["Contact"].pop(ONE), "_id": f"id-{ONE}"}
    DeletedImages(practice.ledger).keep(CONTACT, [record], "deletions")
    practice.ledger.observe(CONTACT, {ONE: Presence.ABSENT}, "deletions")

    summary = practice.load("list", {"LastName": "Quill", "Note__c": "second"})

    assert (summary.created, practice.standing()) == (1, [])


def test_the_whole_record_as_it_stood_is_kept_but_a_rollback_still_deletes_what_we_made(
    practice: Practice,
) -> None:
    practice.edit(LastName="Ames", Index__c=7)
    practice.load("list", {"LastName": "Quill", "Note__c": "second"})

    (record,) = [each.record for each in practice.standing() if each.record is not None]
    assert (record["LastName"], record["Note__c"], record["Index__c"]) == ("Ames", "first", "7")
    assert before_image(practice.ledger, CONTACT, ONE) is None


def test_an_edit_of_a_lookup_to_a_record_without_our_key_stays(practice: Practice) -> None:
    loader(practice.destination, practice.ledger).load(accounts(1))
    practice.load("list", {"LastName": "Quill", "Note__c": "second", "AccountId": account(1)})
    # A lookup to a record of theirs reads as empty: sending "empty" would cut it.
    practice.edit(AccountId=None)
    practice.destination.sent.clear()

    practice.load("list", {"LastName": "Vale", "Note__c": "second", "AccountId": account(1)})

    assert practice.there("LastName", "AccountId") == ("Vale", None)
    job = practice.destination.jobs[f"job{len(practice.destination.jobs)}"]
    assert job.rows is not None
    assert "AccountId" not in job.rows.columns


def test_an_edit_after_a_lost_answer_is_told_from_what_may_have_arrived(practice: Practice) -> None:
    practice.destination.skipped = {ONE}
    practice.load("list", {"LastName": "Quill", "Note__c": "second"})
    practice.destination.skipped.clear()
    practice.edit(Note__c="second", LastName="Ames")

    practice.load("list", {"LastName": "Quill", "Note__c": "third"})

    assert practice.there("LastName", "Note__c") == ("Ames", "third")
    assert list(practice.resolutions()) == ["LastName"]


def test_without_the_former_payload_it_is_sent_as_it_is_and_counted(
    practice: Practice, caplog: pytest.LogCaptureFixture
) -> None:
    practice.edit(LastName="Ames")
    practice.former = payload(CONTACT)
    with caplog.at_level(logging.INFO, "migration_assets"):
        practice.load("list", {"LastName": "Vale", "Note__c": "second"})

    assert practice.there("LastName") == ("Vale",)
    assert "of 1 Contact records" in caplog.text
    assert "Ames" not in caplog.text
    assert "Vale" not in caplog.text


def test_a_crash_between_the_look_and_the_sending_loses_neither_the_edit_nor_the_question(
    practice: Practice,
) -> None:
    practice.edit(LastName="Ames")
    practice.destination.die_at = len(practice.destination.steps) + 4
    with pytest.raises(Killed):
        practice.load("list", {"LastName": "Quill", "Note__c": "second"})
    practice.destination.die_at = None

    practice.load("list", {"LastName": "Quill", "Note__c": "second"})

    assert practice.there("LastName", "Note__c") == ("Ames", "second")
    assert _events(practice.ledger) == [("LastName", "found", OPEN)]


def test_a_narrow_load_reads_its_own_records_alone(destination: FakeDestination, ledger: Ledger) -> None:
    many = payload(CONTACT, *({KEY: contact(number), "LastName": "Quill"} for number in range(10)))
    loader(destination, ledger).load(Shipment(CONTACT, many, NO_PROBLEMS))
    destination.read_keys.clear()
    changed = payload(CONTACT, {KEY: ONE, "LastName": "Ames"})

    summary = loader(destination, ledger, "second").load(
        Shipment(CONTACT, changed, NO_PROBLEMS, former=many.filter(pl.col(KEY) == ONE), narrow=True)
    )

    assert destination.read_keys == [(ONE,)]
    assert (summary.in_scope, summary.updated, summary.unchanged) == (1, 1, 0)
    assert outcomes(ledger, CONTACT) == {contact(number): "loaded" for number in range(10)}


def test_a_narrow_load_knows_its_rows_parents(destination: FakeDestination, ledger: Ledger) -> None:
    loader(destination, ledger).load(accounts(1, 2))
    rows = payload(
        CONTACT,
        {KEY: contact(1), "LastName": "Quill", "AccountId": account(1)},
        {KEY: contact(2), "LastName": "Ames", "AccountId": account(3)},
        {KEY: contact(3), "LastName": "Vale"},
    )

    loader(destination, ledger).load(Shipment(CONTACT, rows, NO_PROBLEMS, narrow=True))

    assert outcomes(ledger, CONTACT) == {
        contact(1): "loaded",
        contact(2): "held_back",
        contact(3): "loaded",
    }


def _events(ledger: Ledger) -> list[tuple[str, str, str]]:
    with ledger.engine.connect() as connection:
        query = CONFLICTS.select().order_by(CONFLICTS.c.sequence)
        return [(row.field, row.event, row.resolution) for row in connection.execute(query)]
