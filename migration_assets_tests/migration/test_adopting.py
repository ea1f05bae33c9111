"""Adoption by a decision, and the way back, over a destination in memory that can die at any step."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from copy import deepcopy
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from migration_assets.errors import GateClosed
from migration_assets.migration.adoption import AMBIGUOUS, APART, MATCHED, NO, UNDECIDED
from migration_assets.migration.decisions import AdoptionDecided, AdoptionTakenBack
from migration_assets_tests.migration.fake_destination import FakeDestination, Killed
from migration_assets_tests.migration.test_operations import FILE, Office, founded, opened, patient

BORN = datetime(1970, 2, 28)
DAY = date(1970, 2, 28)


def person(number: int, **more: Any) -> dict[str, Any]:
    return patient(number, FirstName=f"Ann{number}", DateOfBirth=BORN, **more)


def contact(number: int, **more: Any) -> dict[str, Any]:
    """A contact of theirs who is our patient of this number."""
    known = {"LastName": f"QUILL{number}", "FirstName": f"Ann{number}", "Birthdate": DAY}
    return {
        **known,
        "Inactive__c": False,
        "Preferred_Name__c": "theirs",
        "AccountId": "their-account",
        **more,
    }


@pytest.fixture(scope="module")
def keyed() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPLE_KEY", "x" * 32)
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, keyed: None) -> Office:  # noqa: ARG001
    """Five patients, of whom the destination has three; one of these stands there twice."""
    office = founded(tmp_path_factory.mktemp("office"))
    office.patients = [person(number) for number in range(1, 6)]
    office.exams, office.teeth, office.plans, office.lines = [], [], [], []
    office.stage()
    office.migration().prepare()
    office.migration().build_payload("build", "all")
    office.destination.unkeyed_records["Contact"] = {
        "r1": contact(1),
        "r2": contact(2),
        "r3": contact(3),
        "r3b": contact(3),
        "r9": {"LastName": "Stranger", "FirstName": "Ann1", "Birthdate": DAY},
    }
    return office


@pytest.fixture
def office(template: Office, tmp_path: Path) -> Office:
    shutil.copytree(template.platform.data, tmp_path / "data")
    copied = opened(tmp_path / "data", deepcopy(template.destination))
    copied.exams, copied.teeth, copied.plans, copied.lines = [], [], [], []
    return copied


def upload(office: Office) -> dict[str, int]:
    """Of the contacts: how many were created, updated and held back."""
    migration = office.migration()
    migration.upload("account", "up")
    done = migration.upload("contact", "up")
    return {"created": done.created, "updated": done.updated, "held_back": done.held_back}


def adopt(office: Office) -> None:
    office.migration().adopt("Dr. Ames", office.migration().find_adoptions("look").list_hash)


def test_nobody_is_made_twice_before_a_decision_even_if_nobody_has_looked(office: Office) -> None:
    assert upload(office) == {"created": 5, "updated": 0, "held_back": 3}

    found = office.migration().find_adoptions("look")
    counts = {state: found.records(state) for state in (MATCHED, AMBIGUOUS, NO)}
    assert counts == {MATCHED: 2, AMBIGUOUS: 1, NO: 0}
    assert len(office.destination.unkeyed_records["Contact"]) == 5
    ledger = office.platform.ledger(office.platform.practice("maple"), office.migration().target)
    held = ledger.state(_schema(office)).filter(outcome="held_back")
    assert held.select("key", "code").rows() == [
        (f"maple:patient:{number}", UNDECIDED) for number in (1, 2, 3)
    ]


def test_a_practice_may_rather_have_them_twice(office: Office) -> None:
    file = office.platform.practices / "maple.yaml"
    file.write_text(FILE.replace("{reject_limit", "{undecided_adoptions: create, reject_limit"))
    office.migration().build_payload("again", "all")
    office.migration().find_adoptions("look")

    assert upload(office) == {"created": 8, "updated": 0, "held_back": 0}


def test_a_decision_adopts_the_matched_and_makes_the_others_records_of_their_own(office: Office) -> None:
    adopt(office)
    before_the_upload = office.migration().find_adoptions("look again")
    assert [before_the_upload.records(state) for state in (MATCHED, AMBIGUOUS, APART)] == [0, 0, 1]
    with pytest.raises(GateClosed, match="no match waits"):
        office.migration().adopt("Dr. Ames", before_the_upload.list_hash)

    assert upload(office) == {"created": 6, "updated": 2, "held_back": 0}
    contacts = office.destination.records["Contact"]
    assert office.destination.ids == {"maple:patient:1": "r1", "maple:patient:2": "r2"}
    assert contacts["maple:patient:1"]["LastName"] == "Quill1"
    assert set(office.destination.unkeyed_records["Contact"]) == {"r3", "r3b", "r9"}
    assert office.destination.unkeyed_records["Contact"]["r3"] == contact(3)
    (entry,) = (each for each in office.migration().decisions.entries() if isinstance(each, AdoptionDecided))
    assert (entry.decided_by, entry.object, entry.count) == ("Dr. Ames", "Contact", 2)


@pytest.mark.parametrize("change", ["one more", "one gone", "one changed", "never shown"])
def test_another_list_than_was_shown_isnt_adopted(office: Office, change: str) -> None:
    shown = office.migration().find_adoptions("look").list_hash
    there = office.destination.unkeyed_records["Contact"]
    if change == "one more":
        there["r4"] = contact(4)
    elif change == "one gone":
        del there["r1"]
    elif change == "never shown":
        shown = "0" * 64
    else:
        there["r1"]["LastName"] = "Other"

    with pytest.raises(GateClosed, match="list of matches"):
        office.migration().adopt("Dr. Ames", shown)

    assert office.destination.ids == {}
    assert "adoption_decided" not in {each.kind for each in office.migration().decisions.entries()}


def test_an_adoption_that_dies_anywhere_is_ended_by_deciding_again(office: Office) -> None:
    shown = office.migration().find_adoptions("look").list_hash
    before = deepcopy(office.destination)
    office.destination.steps.clear()
    died = 0
    for step in range(1, 40):
        office.destination.die_at = len(office.destination.steps) + step
        try:
            office.migration().adopt("Dr. Ames", shown)
        except Killed:
            died += 1
        else:
            break
    office.destination.die_at = None

    assert died >= len(before.unkeyed_records["Contact"])
    assert office.destination.ids == {"maple:patient:1": "r1", "maple:patient:2": "r2"}
    assert upload(office) == {"created": 6, "updated": 2, "held_back": 0}
    office.migration().take_back_adoptions("Dr. Ames")
    assert _given_by_id(office.destination) == _given_by_id(before)


def test_a_record_that_refuses_the_key_is_counted_and_stays_undecided(office: Office) -> None:
    office.destination.refused = {"maple:patient:2"}
    migration = office.migration()

    done = migration.adopt("Dr. Ames", migration.find_adoptions("look").list_hash)

    assert (done.adopted, done.apart, done.refused) == (1, 1, {"REFUSED": 1})
    assert upload(office)["held_back"] == 1


def test_taking_back_gives_each_record_back_as_it_was(office: Office) -> None:
    before = deepcopy(office.destination)
    adopt(office)
    upload(office)
    assert office.destination.records["Contact"]["maple:patient:1"]["Preferred_Name__c"] is None

    done = office.migration().take_back_adoptions("Dr. Ames")

    assert (done.given_back, done.left, done.refused) == (2, 0, {})
    assert _given_by_id(office.destination) == _given_by_id(before)
    assert not {"maple:patient:1", "maple:patient:2"} & office.destination.keys(_schema(office))
    last = office.migration().decisions.entries()[-1]
    assert isinstance(last, AdoptionTakenBack)
    assert last.count == 2
    # They are there without our key again, so that nobody is made twice without another decision.
    assert upload(office)["held_back"] == 2


def test_a_value_that_somebody_changed_since_stays(office: Office) -> None:
    adopt(office)
    upload(office)
    office.destination.records["Contact"]["maple:patient:1"]["Preferred_Name__c"] = "changed since"

    done = office.migration().take_back_adoptions("Dr. Ames")

    assert done.left == 1
    record = office.destination.unkeyed_records["Contact"]["r1"]
    assert (record["Preferred_Name__c"], record["LastName"]) == ("changed since", "QUILL1")


def test_what_a_later_sending_failed_with_isnt_taken_for_what_stands_there(office: Office) -> None:
    before = deepcopy(office.destination)
    adopt(office)
    upload(office)
    office.patients = [person(number, PreferredName="new") for number in range(1, 6)]
    office.stage()
    office.migration().build_payload("again", "all")
    office.destination.refused = {"maple:patient:1"}
    upload(office)
    office.destination.refused = set()

    office.migration().take_back_adoptions("Dr. Ames")

    assert _given_by_id(office.destination) == _given_by_id(before)


def test_a_way_back_that_dies_anywhere_is_ended_by_another(office: Office) -> None:
    before = deepcopy(office.destination)
    adopt(office)
    upload(office)
    for step in range(1, 40):
        office.destination.die_at = len(office.destination.steps) + step
        try:
            office.migration().take_back_adoptions("Dr. Ames")
        except Killed:
            continue
        break
    office.destination.die_at = None

    assert _given_by_id(office.destination) == _given_by_id(before)
    assert office.migration().take_back_adoptions("Dr. Ames").given_back == 0


def test_a_record_adopted_once_more_is_given_back_as_it_was_then(office: Office) -> None:
    adopt(office)
    office.migration().take_back_adoptions("Dr. Ames")
    office.destination.unkeyed_records["Contact"]["r1"]["Preferred_Name__c"] = "later"
    adopt(office)
    upload(office)
    assert office.destination.records["Contact"]["maple:patient:1"]["Preferred_Name__c"] is None

    office.migration().take_back_adoptions("Dr. Ames")

    assert office.destination.unkeyed_records["Contact"]["r1"]["Preferred_Name__c"] == "later"


def _schema(office: Office) -> Any:
    return office.migration().stored_plan().schema_of_object("Contact")


def _given_by_id(destination: FakeDestination) -> dict[str, dict[str, Any]]:
    """What the records without a key say, without what they don't."""
    return {
        record_id: {name: value for name, value in record.items() if value not in (None, False)}
        for record_id, record in destination.unkeyed_records["Contact"].items()
    }


def test_a_destination_without_strangers_is_asked_once_and_adopts_nobody(office: Office) -> None:
    assert isinstance(office.destination, FakeDestination)
    office.destination.unkeyed_records.clear()

    assert upload(office) == {"created": 8, "updated": 0, "held_back": 0}
    office.destination.steps.clear()
    assert upload(office) == {"created": 0, "updated": 0, "held_back": 0}
    assert "about to look who is there" not in office.destination.steps
