"""The preflight: each thing that would stop or spoil a load is found by its code, and nothing is changed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migration_assets.destinations.base import FieldType, Finding, Volumes
from migration_assets.destinations.freshsales.client import FreshsalesClient
from migration_assets.destinations.freshsales.discovery import Discovery
from migration_assets.destinations.freshsales.preflight import findings
from migration_assets.destinations.freshsales.preflight_calls import calls_needed, shown
from migration_assets.destinations.freshsales.schema import deploy_schema
from migration_assets.destinations.freshsales.users import users
from migration_assets_tests.destinations.freshsales.conftest import KEY_VARIABLE, MakeSettings
from migration_assets_tests.destinations.freshsales.schema_samples import (
    ALL,
    CONTACT,
    DEAL,
    NOTE,
    standard,
    with_field,
)
from migration_assets_tests.sandbox.freshsales_fixtures import Opened, opened

VOLUMES = Volumes({"contact": 500, "deal": 300, "note": 800}, files=2, file_bytes=3_000_000)


def found(settings: Any, *schemas: Any, volumes: Volumes | None = None) -> dict[str, Finding]:
    return {each.code: each for each in findings(settings, schemas or ALL, volumes)}


def test_an_account_that_is_ready_has_notes_only_and_stays_as_it_was(
    account: Opened, client: FreshsalesClient, discovery: Discovery, make_settings: MakeSettings
) -> None:
    deploy_schema(client, discovery, make_settings(), ALL)
    account.control.forget_requests()
    told = found(make_settings(), volumes=VOLUMES)
    assert {each.severity for each in told.values()} == {"note"}
    assert {each.method for each in account.control.requests()} == {"GET"}
    assert len(account.control.requests()) < 15


def test_nothing_is_well_before_two_things_are_confirmed_in_writing(make_settings: MakeSettings) -> None:
    told = found(make_settings(baa_confirmed=False, automations_off=False))
    assert told["baa_not_confirmed"].severity == told["automations_not_confirmed"].severity == "error"


def test_missing_fields_are_mended_by_deploying_or_named_one_by_one(make_settings: MakeSettings) -> None:
    assert found(make_settings())["fields_missing"].mended_by_deploying
    steps = [
        each
        for each in findings(make_settings(create_schema="by_hand"), [CONTACT])
        if each.code == "add_by_hand"
    ]
    assert {each.field for each in steps} == {each.name for each in CONTACT.fields if each.custom}
    assert not any(each.mended_by_deploying for each in steps)


def test_a_plan_without_modules_is_told(make_settings: MakeSettings) -> None:
    assert found(make_settings(plan="growth"))["module_not_in_plan"].object == "cm_dental_treatment_plan"


def test_a_kind_without_room_is_told_with_its_numbers(account: Opened, make_settings: MakeSettings) -> None:
    account.control.fill_fields("contacts", "date", 30)
    told = found(make_settings(plan="growth"), CONTACT)
    assert "1 more date fields and has room for 0 (plan growth allows 30" in told["no_room_for_kind"].message


def test_an_account_that_has_more_than_its_plan_allows_contradicts_the_settings(
    account: Opened, make_settings: MakeSettings
) -> None:
    account.control.fill_fields("contacts", "date", 31)
    assert "31 date fields" in found(make_settings(plan="growth"))["plan_contradicted"].message
    assert "plan_contradicted" not in found(make_settings(plan="enterprise"))


def test_stages_that_the_pipeline_lacks_and_a_pipeline_that_is_not_there_are_told(
    make_settings: MakeSettings,
) -> None:
    values = ("Consultation", "New", "Lost")
    deal = with_field(DEAL, standard("deal_stage", "Stage", FieldType.PICKLIST, values=values))
    assert "no stage Consultation;" in found(make_settings(), deal)["stage_missing"].message
    assert "pipeline_missing" in found(make_settings(pipeline="Dental"), deal)


def test_users_who_share_an_e_mail_are_told_by_their_ids(
    tmp_path: Path, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "crowded") as account:
        monkeypatch.setenv("CROWDED_KEY", account.sandbox.api_key)
        settings = make_settings(
            bundle_url=f"https://{account.sandbox.bundle}",
            api_key={"env": "CROWDED_KEY"},
            ca_bundle=str(account.sandbox.ca_path),
        )
        one = account.control.add_user("twin@maple.example", "Twin One")
        other = account.control.add_user("Twin@maple.example", "Twin Two")
        away = account.control.add_user("away@maple.example", "Away", active=False)
        message = found(settings)["owner_twice"].message
        assert str(one) in message and str(other) in message and "maple.example" not in message
        with closing(FreshsalesClient(settings)) as client:
            known = {each.id: each for each in users(Discovery(client))}
        assert known[str(one)].may_own and not known[str(away)].may_own


def test_a_default_owner_whom_the_account_lacks_is_told(make_settings: MakeSettings) -> None:
    assert "default_owner_unknown" in found(make_settings(default_owner="nobody@maple.example"))


def test_relatives_with_one_e_mail_are_warned_of_where_it_is_unique(make_settings: MakeSettings) -> None:
    assert found(make_settings(unique_emails=True))["emails_unique"].severity == "warning"


def test_files_that_do_not_fit_are_told(make_settings: MakeSettings) -> None:
    told = found(make_settings(files={"storage_bytes": 1_000_000}), volumes=VOLUMES)
    assert told["file_storage_short"].severity == "error"


def test_the_load_is_told_in_calls_and_hours(make_settings: MakeSettings) -> None:
    settings = make_settings(plan="growth", calls_an_hour=1_000, calls_a_minute=400)
    told = found(settings, volumes=VOLUMES)
    calls = calls_needed(VOLUMES.records, settings, (CONTACT, DEAL, NOTE))
    # Words and lists, of deals three; what they point to; the sending; and the reading back.
    assert calls == {
        "contact": (2 + 1) + 5 * 4 + (2 + 5),
        "deal": (2 + 3) + (2 + 5) + 300 + (2 + 4) + 300,
        "note": (2 + 5) + (2 + 4) + 800 + 2 * (5 + 4) + 800,
    }
    assert "about 2 h" in told["load_estimate"].message
    slow = found(make_settings(calls_an_hour=50), volumes=VOLUMES)
    assert slow["load_takes_days"].severity == "warning"


def test_a_refused_key_is_a_finding(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "not-the-key")
    assert found(make_settings())["key_refused"].severity == "error"


def test_an_hour_without_a_call_left_is_told_instead_of_waited_for(
    account: Opened, make_settings: MakeSettings
) -> None:
    told = found(make_settings(calls_an_hour=2))
    assert "2 an hour" in told["no_calls_left"].message
    assert len(account.control.requests()) == 2


def test_durations_are_words() -> None:
    assert [shown(seconds) for seconds in (12, 600, 8_400)] == ["12 s", "10 min", "2 h 20 min"]
