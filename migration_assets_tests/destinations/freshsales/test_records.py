"""Contacts, accounts, deals and plan lines: brought there once, with what the account says of each."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from migration_assets.destinations.freshsales.destination import FreshsalesDestination, connect
from migration_assets_tests.destinations.freshsales.conftest import MakeSettings
from migration_assets_tests.destinations.freshsales.loading import (
    ACCOUNT,
    CONTACT,
    DEAL,
    LINE,
    Journal,
    batch,
    patients,
    rows,
    sent,
)
from migration_assets_tests.sandbox.freshsales_fixtures import Opened

BULK = {"poll_first": 0.05, "poll_longest": 0.2}


@pytest.fixture
def destination(account: Opened, make_settings: MakeSettings) -> Iterator[FreshsalesDestination]:
    with_schema = connect(make_settings(bulk=BULK))
    with_schema.deploy_schema([ACCOUNT, CONTACT, DEAL, LINE])
    account.control.forget_requests()
    yield with_schema
    with_schema.close()


def calls(account: Opened, method: str = "") -> list[str]:
    return [f"{each.method} {each.path}" for each in account.control.requests() if method in each.method]


def test_a_hundred_contacts_take_a_handful_of_calls(
    account: Opened, destination: FreshsalesDestination
) -> None:
    journal = Journal()
    results = sent(destination, patients(*range(100)), journal)
    assert {(each.outcome, each.created) for each in results.values()} == {("loaded", True)}
    assert journal.ended == ["completed"]
    of_discovery_and_listing = 3
    assert len(calls(account)) <= of_discovery_and_listing + 6
    dumped = account.control.dump()["contacts"]
    assert {each["values"]["external_id"]: number for number, each in dumped.items()} == {
        key: each.destination_id for key, each in results.items()
    }


def test_contacts_come_back_as_they_were_sent(destination: FreshsalesDestination) -> None:
    sent(destination, batch(ACCOUNT, [{"cf_panda_key": "maple:office:1", "name": "Maple"}]))
    row = {
        "external_id": "maple:patient:1",
        "last_name": "Sampleton",
        "email": "ann@example.com",
        "owner_id": None,
        "cf_periodontal_stage": "III",
        "cf_last_depth": Decimal("6.5"),
        "cf_staging_date": date(2024, 2, 29),
        "cf_referring": False,
        "sales_account": "maple:office:1",
    }
    others = [{"external_id": f"maple:patient:{number}", "last_name": "Other"} for number in range(2, 6)]
    sent(destination, batch(CONTACT, [row, *others]))
    there = rows(destination, CONTACT)
    assert there[0] | {"owner_id": None} == row
    sent(destination, batch(CONTACT, [row | {"cf_staging_date": None, "email": None}]))
    assert rows(destination, CONTACT)[0] | {"owner_id": None} == row | {
        "cf_staging_date": None,
        "email": None,
    }


@pytest.mark.parametrize("told", ["listed", "counted", "silent"])
def test_relatives_with_one_email_fail_by_name_whatever_the_job_tells(
    account: Opened, destination: FreshsalesDestination, told: str
) -> None:
    account.control.settings(bulk_failures=told)
    family = patients(1, 2, 3, 4, 5, email="family@example.com")
    results = sent(destination, family)
    failed = [each for each in results.values() if each.outcome == "failed"]
    assert [(each.code, each.field) for each in failed] == [("email_taken", "email")] * 4
    assert len(rows(destination, CONTACT)) == 1


def test_an_account_that_takes_no_external_ids_in_bulk_gets_contacts_one_by_one(
    account: Opened, destination: FreshsalesDestination
) -> None:
    account.control.settings(bulk_contact_keys=["emails"])
    assert {each.outcome for each in sent(destination, patients(*range(6))).values()} == {"loaded"}
    changed = sent(destination, patients(*range(6), cf_periodontal_stage="II"))
    account.control.settings(bulk_contact_keys=["emails", "external_id"])
    assert {(each.outcome, each.created) for each in changed.values()} == {("loaded", False)}
    assert [each["cf_periodontal_stage"] for each in rows(destination, CONTACT)] == ["II"] * 6


def test_rows_that_a_job_lost_are_sent_singly(account: Opened, destination: FreshsalesDestination) -> None:
    account.control.fail_rows(3)
    assert {each.outcome for each in sent(destination, patients(*range(10))).values()} == {"loaded"}
    account.control.fail_jobs(1)
    assert {each.outcome for each in sent(destination, patients(*range(20, 30))).values()} == {"loaded"}
    assert len(rows(destination, CONTACT)) == 20


@pytest.mark.parametrize("told", ["counted", "silent"])
def test_changes_that_a_job_lost_are_sent_singly(
    account: Opened, destination: FreshsalesDestination, told: str
) -> None:
    account.control.settings(bulk_failures=told)
    sent(destination, patients(*range(6)))
    account.control.fail_rows(2)
    sent(destination, patients(*range(6), cf_periodontal_stage="II"))
    assert [each["cf_periodontal_stage"] for each in rows(destination, CONTACT)] == ["II"] * 6


def test_deals_and_lines_are_linked_and_read_back(destination: FreshsalesDestination) -> None:
    sent(destination, batch(ACCOUNT, [{"cf_panda_key": "maple:office:1", "name": "Maple"}]))
    sent(destination, patients(1))
    deal = {
        "cf_panda_key": "maple:plan:1",
        "name": "Implant",
        "deal_stage": "Lost",
        "contact": "maple:patient:1",
        "amount": Decimal("5600.5"),
        "sales_account": "maple:office:1",
    }
    line = {
        "cf_panda_key": "maple:line:1",
        "name": "D6010",
        "cf_deal": "maple:plan:1",
        "cf_contact": "maple:patient:1",
        "cf_notes": "Graft first.\nThen wait.",
    }
    assert sent(destination, batch(DEAL, [deal]))["maple:plan:1"].created
    assert sent(destination, batch(LINE, [line]))["maple:line:1"].created
    assert rows(destination, DEAL) == [deal]
    assert rows(destination, LINE) == [line]
    changed = sent(destination, batch(DEAL, [deal | {"deal_stage": "New"}]))["maple:plan:1"]
    assert (changed.outcome, changed.created) == ("loaded", False)
    assert rows(destination, DEAL) == [deal | {"deal_stage": "New"}]


def test_a_second_run_finds_what_is_there(
    account: Opened, destination: FreshsalesDestination, make_settings: MakeSettings
) -> None:
    deals = [
        {"cf_panda_key": f"maple:plan:{number}", "name": "Plan", "amount": Decimal(1), "deal_stage": stage}
        for number, stage in enumerate(["New", "Won", "Lost"])
    ]
    sent(destination, batch(DEAL, deals))
    account.control.forget_requests()
    again = connect(make_settings(bulk=BULK))
    assert not any(each.created for each in sent(again, batch(DEAL, deals)).values())
    again.close()
    assert len(account.control.dump()["deals"]) == 3
    assert not calls(account, "POST")


@pytest.mark.parametrize("kind", ["lost_after", "lost_before", "error"])
def test_a_lost_answer_never_makes_a_second_record(
    account: Opened, destination: FreshsalesDestination, kind: str
) -> None:
    plans = [
        {"cf_panda_key": f"maple:plan:{number}", "name": "Plan", "amount": Decimal(1)} for number in range(6)
    ]
    account.control.fault(kind, 3, "POST", "/deals")
    results = sent(destination, batch(DEAL, plans))
    assert {each.outcome for each in results.values()} == {"loaded"}
    account.control.fault(kind, 2, "POST", "/contacts$")
    sent(destination, patients(1, 2, 3))
    account.control.fault(kind, 1, "POST", "/contacts/bulk_upsert")
    sent(destination, patients(*range(4, 12)))
    there = account.control.counts()
    assert (there["deals"], there["contacts"]) == (6, 11)


def test_what_points_to_nothing_and_a_stage_that_isnt_there_fail_alone(
    destination: FreshsalesDestination,
) -> None:
    sent(destination, patients(1))
    base = {"name": "Plan", "amount": Decimal(1)}
    results = sent(
        destination,
        batch(
            DEAL,
            [
                base | {"cf_panda_key": "maple:plan:1", "contact": "maple:patient:9"},
                base | {"cf_panda_key": "maple:plan:2", "deal_stage": "Somewhere"},
                base | {"cf_panda_key": "maple:plan:3", "contact": "maple:patient:1"},
            ],
        ),
    )
    assert [(each.outcome, each.code, each.field) for each in results.values()] == [
        ("failed", "parent_absent", "contact"),
        ("failed", "no_such_stage", "deal_stage"),
        ("loaded", None, None),
    ]


def test_accounts_that_people_added_to_a_contact_stay(
    account: Opened, destination: FreshsalesDestination, make_settings: MakeSettings
) -> None:
    sent(destination, batch(ACCOUNT, [{"cf_panda_key": "maple:office:1", "name": "Maple"}]))
    sent(destination, patients(1, sales_account="maple:office:1"))
    contact = next(iter(account.control.dump()["contacts"]))
    theirs = account.ok("POST", "/sales_accounts", {"sales_account": {"name": "Oak"}})["sales_account"]["id"]
    ours = account.ok("GET", f"/contacts/{contact}")["contact"]["sales_accounts"][0]["id"]
    links = [{"id": ours, "is_primary": True}, {"id": theirs, "is_primary": False}]
    account.ok("PUT", f"/contacts/{contact}", {"contact": {"sales_accounts": links}})
    again = connect(make_settings(bulk=BULK))
    sent(again, patients(1, sales_account="maple:office:1", cf_referring=True))
    assert rows(again, CONTACT)[0]["sales_account"] == "maple:office:1"
    again.close()
    told = account.ok("GET", f"/contacts/{contact}")["contact"]["sales_accounts"]
    assert [(each["id"], each["is_primary"]) for each in told] == [(ours, True), (theirs, False)]
