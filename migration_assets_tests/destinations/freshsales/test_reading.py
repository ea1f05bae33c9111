"""What is read back: typed whatever the account's styles, ours alone, with few calls."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from migration_assets.destinations.base import FieldType, KeyChange, ReadRequest
from migration_assets.destinations.freshsales.destination import FreshsalesDestination, connect
from migration_assets.errors import DestinationError
from migration_assets_tests.destinations.freshsales import schema_samples as samples
from migration_assets_tests.destinations.freshsales.conftest import MakeSettings
from migration_assets_tests.destinations.freshsales.loading import (
    ALL,
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

CHARTED = samples.with_field(
    CONTACT,
    samples.custom("cf_credentials", "Credentials__c", FieldType.MULTI_PICKLIST, values=("DDS", "MS", "DMD")),
)
PATIENT = {
    "external_id": "maple:patient:1",
    "last_name": "Sampleton",
    "cf_last_depth": Decimal("6.5"),
    "cf_staging_date": date(2024, 7, 1),
    "cf_credentials": "DDS;MS",
}


@pytest.fixture
def destination(account: Opened, make_settings: MakeSettings) -> Iterator[FreshsalesDestination]:
    made = connect(make_settings(bulk={"poll_first": 0.05}))
    made.deploy_schema([CHARTED, *(each for each in ALL if each.name != "contact")])
    account.control.forget_requests()
    yield made
    made.close()


@pytest.mark.parametrize(
    "styles",
    [
        {"date_style": "datetime", "time_zone": "Asia/Kolkata"},
        {"date_style": "datetime", "time_zone": "America/New_York"},
        {"number_style": "string"},
        {"multi_select_style": "semicolons"},
    ],
)
def test_values_are_typed_whatever_the_accounts_styles(
    account: Opened, destination: FreshsalesDestination, styles: dict[str, str]
) -> None:
    account.control.settings(**styles)
    sent(destination, batch(CHARTED, [PATIENT]))
    there = rows(destination, CHARTED)[0]
    account.control.settings(time_zone="America/New_York")
    assert {name: there[name] for name in PATIENT} == PATIENT


def test_every_object_reads_as_an_empty_typed_frame(destination: FreshsalesDestination) -> None:
    for schema in ALL:
        wanted = CHARTED if schema.name == "contact" else schema
        frame = read(destination, wanted)
        assert frame.is_empty()
        assert frame.columns == ["_id", "_modified_at", *wanted.returned_names] or set(frame.columns) == {
            "_id",
            "_modified_at",
            *wanted.returned_names,
        }


def test_only_what_bears_the_prefix_is_read(account: Opened, destination: FreshsalesDestination) -> None:
    sent(destination, patients(1))
    account.contact(external_id="oak:patient:1")
    account.contact(last_name="Nobody")
    assert read(destination, CHARTED, "last_name")["external_id"].to_list() == ["maple:patient:1"]
    unkeyed = pl.concat(destination.unkeyed(CHARTED, ["last_name"]))
    assert unkeyed["last_name"].to_list() == ["Nobody"]
    assert unkeyed.columns == ["_id", "_modified_at", "last_name"]


def test_deals_cost_a_call_of_their_own_only_where_their_contact_is_asked_for(
    account: Opened, destination: FreshsalesDestination
) -> None:
    sent(destination, patients(1))
    plans = [
        {"cf_panda_key": f"maple:plan:{number}", "name": "Plan", "amount": 1, "contact": "maple:patient:1"}
        for number in range(5)
    ]
    sent(destination, batch(DEAL, plans))
    account.control.forget_requests()
    read(destination, DEAL, "name")
    assert len(account.control.requests()) <= 3
    assert read(destination, DEAL, "contact")["contact"].to_list() == ["maple:patient:1"] * 5


def test_a_field_of_another_kind_is_named_without_its_value(
    account: Opened, destination: FreshsalesDestination
) -> None:
    sent(destination, batch(CHARTED, [PATIENT]))
    account.control.corrupt(
        "swap_fields", "contacts", field="cf_credentials_c", other_field="cf_staging_date_c"
    )
    with pytest.raises(DestinationError, match=r"contact\.cf_staging_date") as raised:
        read(destination, CHARTED)
    assert "DDS" not in str(raised.value)


def test_last_changes_tell_us_from_others_where_one_person_is_active(
    destination: FreshsalesDestination,
) -> None:
    sent(destination, patients(1))
    sent(
        destination, batch(NOTE, [{"_key": "maple:note:1", "description": "x", "target": "maple:patient:1"}])
    )
    changes = pl.concat(destination.last_changes(ReadRequest(CHARTED, "maple:")))
    assert changes.select("key", "_changed_by_us").rows() == [("maple:patient:1", True)]
    assert abs((changes["_changed_at"][0] - datetime.now(UTC)).total_seconds()) < 60
    notes = pl.concat(destination.last_changes(ReadRequest(NOTE, "maple:")))
    assert notes.select("key", "_changed_by_us").rows() == [("maple:note:1", None)]


def test_keys_are_given_and_taken_only_where_they_stand_as_expected(
    account: Opened, destination: FreshsalesDestination
) -> None:
    nobody = str(account.contact(last_name="Nobody")["id"])
    other = str(account.contact(last_name="Other", external_id="maple:patient:8")["id"])
    results = destination.write_keys(
        CHARTED,
        [
            KeyChange(nobody, None, "maple:patient:7", {"last_name": "Known", "cf_staging_date": None}),
            KeyChange(other, None, "maple:patient:9"),
            KeyChange("31999999999", None, "maple:patient:10"),
        ],
    )
    assert [(each.key, each.outcome, each.code) for each in results] == [
        ("maple:patient:7", "loaded", None),
        ("maple:patient:9", "failed", "KEY_CHANGED"),
        ("maple:patient:10", "failed", "RECORD_GONE"),
    ]
    assert rows(destination, CHARTED)[0]["last_name"] == "Known"
    taken = destination.write_keys(CHARTED, [KeyChange(nobody, "maple:patient:7", None)])
    assert taken[0].outcome == "loaded"
    assert [each["external_id"] for each in rows(destination, CHARTED)] == ["maple:patient:8"]
