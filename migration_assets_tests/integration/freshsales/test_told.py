"""What an account doesn't allow: what the user is told, what is loaded all the same, and how it goes on once
the cause is mended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from migration_assets.destinations.administration import ManualStep
from migration_assets.errors import SchemaAwaitsAdministrator
from migration_assets_tests.integration.freshsales.conftest import UNLIMITED
from migration_assets_tests.integration.freshsales.installation import (
    OBJECTS,
    Account,
    Installation,
    assert_all_arrived,
    assert_there_once,
)
from migration_assets_tests.integration.freshsales.practices import whole
from migration_sandbox.freshsales.control import Control
from migration_sandbox.freshsales.launch import FreshsalesSandbox
from migration_sandbox.installation import PIPELINE, STAGES

_PEOPLE = ("upload sales_account", "upload contact")
_ADDRESS = "family@household.example"
_WAITING = re.compile(r"its [a-z_ ]+ maple:\w+:\d+ is not in the destination")
_API_WORDS = {
    "Text field": "text",
    "Text area": "textarea",
    "Dropdown": "dropdown",
    "Number": "number",
    "Checkbox": "checkbox",
    "Date picker": "date",
    "Multi-select dropdown": "multi_select_dropdown",
    "Look-up": "lookup",
}
"""What the administrator's screens call a kind of field, and the API."""


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[FreshsalesSandbox]:
    """An account of its own in which nothing has been made but the pipeline."""
    with FreshsalesSandbox(tmp_path / "account") as running:
        running.control.add_pipeline(PIPELINE, STAGES)
        running.control.settings(**UNLIMITED)
        yield running


def test_a_plan_without_modules_has_the_lines_of_plans_as_notes_on_their_deal(
    bare: FreshsalesSandbox, tmp_path: Path
) -> None:
    bare.control.settings(plan="growth")
    made = Installation.create(tmp_path / "data", bare, plan="growth")
    with made.in_environment():
        made.prepared(whole())
        ended = made.run()
        assert ended.error is None, ended.message
        account = Account(bare.control)
        assert_all_arrived(made, account)

    lines = whole().tables["TreatmentPlanLine"]["LineID"]
    keys = account.keys()
    assert keys["cm_dental_treatment_plan"] == []
    assert {f"maple:plan_line_note:{line}" for line in lines} <= set(keys["note"])


def test_an_account_whose_api_makes_no_fields_waits_for_its_administrator(
    bare: FreshsalesSandbox, tmp_path: Path
) -> None:
    control = bare.control
    control.settings(create_standard_fields=False, create_modules=False, create_module_fields=False)
    made = Installation.create(tmp_path / "data", bare)
    with made.in_environment():
        made.put(whole())
        with pytest.raises(SchemaAwaitsAdministrator) as told:
            made.migration().prepare()
        assert "have an administrator make them in the account's settings" in str(told.value)
        assert "contacts: add 'PANDA_Chart_Number__c', a Text field" in str(told.value)
        made.build()
        assert "have no field labelled 'PANDA Key'" in made.run("upload contact").message
        assert set(map(len, Account(control).keys().values())) == {0}

        with made.migration().planned() as (plan, destination):
            steps = destination.checklist(tuple(plan.schemas.values()))
        for step in steps:
            _make(control, step)
        deployed = made.migration().prepare().deployment
        assert deployed.created == ()
        made.build()
        ended = made.run()
        assert ended.error is None, ended.message
        assert_all_arrived(made, Account(control))


def _make(control: Control, step: ManualStep) -> None:
    """What an administrator does who takes the checklist at its word."""
    if step.field is None:
        control.add_module(step.object, step.label, f"{step.label}s")
        return
    more: dict[str, Any] = {"choices": list(step.choices)} if step.choices else {}
    if step.points_to is not None:
        more["lookup_entity"] = step.points_to
    control.add_field(step.place, step.label, _API_WORDS[step.kind], **more)


def test_a_full_file_store_refuses_files_and_takes_the_rest_when_there_is_room(
    installation: Installation, control: Control, account: Account
) -> None:
    control.settings(file_storage_bytes=200_000)

    ended = installation.run()

    assert ended.error == "DestinationLimitReached"
    assert ended.message == (
        "maple: freshsales/rehearsal: Freshsales: the account's file storage is full; free or buy some, "
        "then retry"
    )
    keys, expected = account.keys(), installation.payload_keys()
    assert {name: keys[name] for name in OBJECTS if name != "document"} == {
        name: expected[name] for name in OBJECTS if name != "document"
    }
    assert 0 < len(keys["document"]) < len(expected["document"])
    reconciled = installation.reconcile("without room").reconciliation
    refused = {(each.object, each.code) for each in reconciled.failures}
    assert ("document", "storage_full") in refused
    assert {name for name, _ in refused} == {"document"}

    control.settings(file_storage_bytes=None)
    ended = installation.run(run_id="with room")
    assert ended.error is None, ended.message
    assert_all_arrived(installation, account)


@pytest.mark.parametrize(
    ("policy", "then", "second"), [("second_field", "move", True), ("first", "leave_empty", False)]
)
def test_of_relatives_with_one_address_the_first_keeps_it_where_addresses_are_unique(
    policy: str, then: str, second: bool, installation: Installation, control: Control, account: Account
) -> None:
    control.settings(unique_emails=True)
    installation.configure(policies={"shared_emails": policy}, unique_emails=True)
    first, other = _relatives(installation)

    ended = installation.run(*_PEOPLE)

    assert ended.error is None and [each.failed for each in ended.returned] == [0, 0], ended
    shared = _shared(installation)
    assert shared == [{"object": "contact", "key": other, "field": "email", "first_key": first, "then": then}]
    assert _addresses(account, first) == (_ADDRESS, None)
    assert _addresses(account, other) == (None, _ADDRESS if second else None)


def test_relatives_keep_their_one_address_where_an_administrator_has_switched_uniqueness_off(
    installation: Installation, account: Account
) -> None:
    installation.configure(policies={"shared_emails": "as_is"})
    first, other = _relatives(installation)

    ended = installation.run(*_PEOPLE)

    assert ended.error is None and [each.failed for each in ended.returned] == [0, 0], ended
    assert _shared(installation) == []
    assert [_addresses(account, each) for each in (first, other)] == [(_ADDRESS, None)] * 2


def test_a_relative_whose_address_is_taken_is_listed_and_what_hangs_on_the_contact_waits(
    installation: Installation, control: Control, account: Account
) -> None:
    control.settings(unique_emails=True)
    installation.configure(policies={"shared_emails": "as_is"}, unique_emails=True)
    relatives = _relatives(installation)

    installation.run()

    reconciled = installation.reconcile().reconciliation
    [failure] = reconciled.failures
    assert (failure.object, failure.code) == ("contact", "email_taken")
    assert failure.key in relatives
    assert "which the account keeps unique; have an administrator switch that off" in failure.message
    assert _ADDRESS not in reconciled.model_dump_json()
    assert all(_WAITING.fullmatch(each.message) for each in reconciled.held_back)
    assert {each.object for each in reconciled.held_back} >= {"deal", "note", "appointment"}
    assert reconciled.balanced

    control.settings(unique_emails=False)
    ended = installation.run(run_id="switched off")
    assert ended.error is None, ended.message
    assert_there_once(installation, account)


def _relatives(installation: Installation) -> tuple[str, str]:
    """Keys of two patients whose rows say the same address now, in the order of their ids."""
    ids = installation.raw("Patient")["PatientID"].sort().head(2)
    installation.change("Patient", pl.col("PatientID").is_in(ids.implode()), Email=_ADDRESS)
    installation.migration().prepare()
    installation.build()
    first, other = (f"maple:patient:{each}" for each in ids)
    return first, other


def _shared(installation: Installation) -> list[dict[str, Any]]:
    with installation.platform.upload_warehouse(installation.target).open(read_only=True) as session:
        return session.read("upload", "shared").filter(object="contact").to_dicts()


def _addresses(account: Account, key: str) -> tuple[str | None, str | None]:
    """A contact's own address, and the one in the field for those that a relative has already."""
    dump = account.control.dump()
    [contact] = [each for each in dump["contacts"].values() if each["values"]["external_id"] == key]
    emails = [each["value"] for each in contact["values"].get("emails") or ()]
    assert len(emails) <= 1
    labels = {each["values"]["name"]: each["values"]["label"] for each in dump["field"].values()}
    second = [value for name, value in contact["custom_field"].items() if labels[name] == "Other Email"]
    return (emails[0] if emails else None), (second[0] if second else None)


def test_an_exam_that_lacks_a_tooth_has_neither_note_nor_chart_where_the_practice_holds_it(
    installation: Installation, account: Account
) -> None:
    installation.configure(policies={"on_bad_tooth": "hold_exam"})
    row = installation.raw("PeriodontalCharting").row(0, named=True)
    of_row = pl.col("ChartingID") == row["ChartingID"]
    installation.change("PeriodontalCharting", of_row, Tooth="99")
    installation.migration().prepare()
    installation.build("held")

    ended = installation.run(run_id="held")
    assert ended.error is None, ended.message
    reconciliation = installation.reconcile().reconciliation

    held = {f"maple:exam_note:{row['ExamID']}", f"maple:chart:{row['ExamID']}"}
    assert {(each.key, each.code) for each in reconciliation.held_back} == {
        (key, "chart_incomplete") for key in held
    }
    assert reconciliation.clean
    there = {key for keys in account.keys().values() for key in keys}
    assert not there & held
