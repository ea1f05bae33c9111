"""Notes and appointments: found by their marker, so that none is made twice, and read back without it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from migration_assets.destinations.base import KeyChange
from migration_assets.destinations.freshsales.destination import FreshsalesDestination, connect
from migration_assets_tests.destinations.freshsales.conftest import MakeSettings
from migration_assets_tests.destinations.freshsales.loading import (
    APPOINTMENT,
    CONTACT,
    DEAL,
    NOTE,
    batch,
    patients,
    read,
    rows,
    sent,
)
from migration_assets_tests.sandbox.freshsales_fixtures import Opened

FIRST, PLAN = "maple:patient:1", "maple:plan:1"


@pytest.fixture
def destination(account: Opened, make_settings: MakeSettings) -> Iterator[FreshsalesDestination]:
    made = connect(make_settings())
    made.deploy_schema([CONTACT, DEAL])
    sent(made, patients(1, 2))
    sent(made, batch(CONTACT, [{"external_id": "maple:provider:1", "last_name": "Root"}]))
    sent(made, batch(DEAL, [{"cf_panda_key": PLAN, "name": "Plan", "amount": 1, "contact": FIRST}]))
    account.control.forget_requests()
    yield made
    made.close()


def note(number: int, text: str | None = "Bleeding at 3.\nRecall in 3 months.", target: str = FIRST) -> Any:
    return {"_key": f"maple:note:{number}", "description": text, "target": target}


def visit(number: int, **fields: Any) -> dict[str, Any]:
    base = {
        "_key": f"maple:appointment:{number}",
        "title": "Periodontal Maintenance",
        "description": "Completed",
        "from_date": datetime(2024, 3, 10, 14, 30, tzinfo=UTC),
        "end_date": datetime(2024, 3, 10, 15, 15, tzinfo=UTC),
        "patient": FIRST,
        "provider": "maple:provider:1",
    }
    return base | fields


@pytest.mark.parametrize("in_views", [False, True])
def test_notes_come_back_as_they_were_sent(
    account: Opened, destination: FreshsalesDestination, make_settings: MakeSettings, in_views: bool
) -> None:
    account.control.settings(notes_in_views=in_views)
    other = connect(make_settings(notes_in_views=in_views))
    notes = [note(1), note(2, "<b>Deep</b> pocket", "maple:patient:2"), note(3, None), note(4, target=PLAN)]
    sent(other, batch(NOTE, notes))
    account.ok("POST", "/notes", {"note": _theirs(account)})
    assert rows(other, NOTE) == notes
    other.close()
    assert rows(destination, NOTE) == notes


def _theirs(account: Opened) -> dict[str, Any]:
    contact = next(iter(account.control.dump()["contacts"]))
    return {"description": "By hand", "targetable_type": "Contact", "targetable_id": int(contact)}


def test_reading_asks_only_those_who_have_notes(account: Opened, destination: FreshsalesDestination) -> None:
    sent(destination, batch(NOTE, [note(1)]))
    account.control.forget_requests()
    read(destination, NOTE)
    asked = [each.path for each in account.control.requests() if "/view/" not in each.path]
    assert len(asked) == 1


@pytest.mark.parametrize("kind", ["lost_after", "lost_before", "error"])
def test_a_lost_answer_makes_no_second_note_or_appointment(
    account: Opened, destination: FreshsalesDestination, kind: str
) -> None:
    account.control.fault(kind, 3, "POST", "/notes")
    account.control.fault(kind, 3, "POST", "/appointments")
    sent(destination, batch(NOTE, [note(number) for number in range(4)]))
    sent(destination, batch(APPOINTMENT, [visit(1), visit(2), visit(3, patient=None)]))
    there = account.control.counts()
    assert (there["note"], there["appointment"]) == (4, 3)


def test_another_run_changes_what_is_there(
    account: Opened, destination: FreshsalesDestination, make_settings: MakeSettings
) -> None:
    sent(destination, batch(NOTE, [note(1)]))
    sent(destination, batch(APPOINTMENT, [visit(1)]))
    again = connect(make_settings())
    results = sent(again, batch(NOTE, [note(1, "Healed.")]))
    results |= sent(again, batch(APPOINTMENT, [visit(1, provider=None, patient="maple:patient:2")]))
    assert {(each.outcome, each.created) for each in results.values()} == {("loaded", False)}
    assert rows(again, NOTE) == [note(1, "Healed.")]
    assert rows(again, APPOINTMENT) == [visit(1, provider=None, patient="maple:patient:2")]
    again.close()
    assert account.control.counts()["note"] == 1


def test_appointments_keep_times_and_people_in_any_zone(
    account: Opened, destination: FreshsalesDestination
) -> None:
    account.control.settings(time_zone="Asia/Kolkata")
    visits = [
        visit(1),
        visit(2, from_date=datetime(2031, 1, 5, 8, tzinfo=UTC), end_date=datetime(2031, 1, 5, 9, tzinfo=UTC)),
    ]
    sent(destination, batch(APPOINTMENT, visits))
    account.control.settings(time_zone="America/New_York")
    assert rows(destination, APPOINTMENT) == visits


def test_what_hangs_on_nobody_fails_alone(destination: FreshsalesDestination) -> None:
    results = sent(destination, batch(NOTE, [note(1, target="maple:patient:9"), note(2)]))
    assert [(each.outcome, each.code) for each in results.values()] == [
        ("failed", "parent_absent"),
        ("loaded", None),
    ]


def test_a_deleted_note_is_made_again(account: Opened, destination: FreshsalesDestination) -> None:
    first = sent(destination, batch(NOTE, [note(1)]))["maple:note:1"]
    account.ok("DELETE", f"/notes/{first.destination_id}")
    again = sent(destination, batch(NOTE, [note(1)]))["maple:note:1"]
    assert (again.outcome, again.created) == ("loaded", True)


def test_a_note_and_an_appointment_can_be_given_their_former_values(
    account: Opened, destination: FreshsalesDestination
) -> None:
    made = sent(destination, batch(NOTE, [note(1)])) | sent(destination, batch(APPOINTMENT, [visit(1)]))
    second = next(
        number
        for number, each in account.control.dump()["contacts"].items()
        if each["values"]["external_id"] == "maple:patient:2"
    )
    former = {
        NOTE: ("maple:note:1", {"description": "Before.", "target": second}),
        APPOINTMENT: ("maple:appointment:1", {"title": "Before", "provider": None}),
    }
    for schema, (key, fields) in former.items():
        change = KeyChange(str(made[key].destination_id), key, key, fields)
        assert [each.outcome for each in destination.write_keys(schema, [change])] == ["loaded"]
    assert rows(destination, NOTE) == [note(1, "Before.", "maple:patient:2")]
    assert rows(destination, APPOINTMENT) == [visit(1, title="Before", provider=None)]
    gone = destination.write_keys(
        NOTE, [KeyChange("1", "maple:note:9", "maple:note:9", {"description": "x"})]
    )
    assert [(each.outcome, each.code) for each in gone] == [("failed", "RECORD_GONE")]
