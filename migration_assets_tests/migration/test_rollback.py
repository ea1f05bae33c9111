"""A rollback over a destination in memory that can die at any step."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

from migration_assets.destinations.base import ObjectSchema
from migration_assets.destinations.removal import Removal
from migration_assets.errors import ConfigurationError, GateClosed
from migration_assets.migration.decisions import RollbackDecided, RollbackPlanned, RolledBack
from migration_assets.migration.ledger import Target
from migration_assets.migration.platform import Platform
from migration_assets.migration.rollback import Outcome, Rollback
from migration_assets.migration.rollback_plan import RollbackPlan
from migration_assets_tests.migration.fake_destination import FakeDestination, Killed
from migration_assets_tests.migration.test_adopting import contact, person
from migration_assets_tests.migration.test_operations import (
    ASSETS,
    CONTACT,
    Office,
    founded,
    opened,
)
from migration_assets_tests.open_files import OpenWarehouse, held_open

PATIENT = "maple:patient:1"
OTHERS = {"PANDA_Key__c": "oak:patient:1", "LastName": "Other"}


@dataclass(frozen=True, kw_only=True)
class WithOpenUpload(Platform):
    """A rollback opens its upload's file for every object, which takes longer than the rest."""

    open_upload: OpenWarehouse

    def upload_warehouse(self, target: Target) -> OpenWarehouse:  # noqa: ARG002
        return self.open_upload


@contextmanager
def held(office: Office) -> Iterator[Office]:
    usual = {each.name: getattr(office.platform, each.name) for each in fields(Platform)}
    with held_open(office.platform.upload_warehouse(office.migration().target)) as upload:
        yield replace(office, platform=WithOpenUpload(**usual, open_upload=upload))


@pytest.fixture(scope="module")
def keyed() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPLE_KEY", "x" * 32)
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, keyed: None) -> Office:  # noqa: ARG001
    """Everything is loaded: patient 1 was there before and was adopted; another practice has a contact."""
    office = founded(tmp_path_factory.mktemp("office"), "per_tooth")
    office.patients = [person(1, PrimaryProviderID=5, PreferredName="ours"), person(2, PrimaryProviderID=6)]
    office.stage()
    office.destination.unkeyed_records["Contact"] = {"r1": contact(1)}
    office.destination.records["Contact"] = {"oak:patient:1": dict(OTHERS)}
    with held(office) as opened_once:
        migration = opened_once.migration()
        migration.prepare()
        migration.build_payload("build", "all")
        migration.adopt("Dr. Ames", migration.find_adoptions("look").list_hash)
        for asset in ASSETS:
            migration.upload(asset, "load")
    return office


@pytest.fixture
def office(template: Office, tmp_path: Path) -> Iterator[Office]:
    shutil.copytree(template.platform.data, tmp_path / "data")
    copied = opened(tmp_path / "data", deepcopy(template.destination), "per_tooth")
    with held(copied) as opened_once:
        yield opened_once


def rollback(office: Office, run_id: str = "back") -> Rollback:
    return Rollback(office.migration(), run_id)


def roll_back(office: Office, **more: Any) -> Outcome:
    return rollback(office).roll_back("Dr. Ames", **more)


def rows(plan: RollbackPlan, action: str) -> dict[str, tuple[str | None, str | None]]:
    """Key -> reason and detail of the records with this action."""
    return {each.key: (each.reason, each.detail) for each in plan.records if each.action == action}


def ours(office: Office) -> set[str]:
    return {key for there in office.destination.records.values() for key in there if key.startswith("maple:")}


def assert_as_before(destination: FakeDestination) -> None:
    assert {name: there for name, there in destination.records.items() if there} == {
        "Contact": {"oak:patient:1": OTHERS}
    }
    (back,) = destination.unkeyed_records["Contact"].values()
    assert {name: value for name, value in back.items() if value not in (None, False)} == {
        name: value for name, value in contact(1).items() if value is not False
    }


def test_what_we_made_goes_what_was_there_is_as_before_and_another_practice_is_untouched(
    office: Office,
) -> None:
    made = len(ours(office)) - 1

    done = roll_back(office)

    assert (done.number("deleted"), done.number("restored"), done.number("left")) == (made, 1, 0)
    assert done.clean
    assert_as_before(office.destination)


def test_the_plan_changes_nothing_and_is_what_is_done(office: Office) -> None:
    before = deepcopy(office.destination.records)
    planned = rollback(office).plan()
    assert office.destination.records == before
    assert rows(planned, "restore") == {PATIENT: (None, None)}

    done = roll_back(office, plan_hash=rollback(office).shown())

    assert done.plan.hash == planned.hash
    entries = office.platform.decisions(office.platform.practice("maple")).entries()
    planned_entry, decided, ended = [
        each for each in entries if isinstance(each, RollbackPlanned | RollbackDecided | RolledBack)
    ]
    assert planned_entry.hashes == decided.hashes == {"rollback_plan": planned.hash}
    assert (decided.decided_by, decided.counts["Contact.restore"]) == ("Dr. Ames", 1)
    assert ended.counts["Contact.restored"] == 1


def test_a_second_rollback_has_nothing_to_do_and_writes_nothing(office: Office) -> None:
    roll_back(office)
    log = office.platform.decisions(office.platform.practice("maple"))
    entries = [each.kind for each in log.entries()]
    office.destination.steps.clear()

    again = roll_back(office)

    assert not again.plan.records
    assert again.head is None
    assert [each.kind for each in log.entries()] == entries
    assert office.destination.steps == []


def test_a_migration_afterwards_believes_nothing_to_be_there_and_keeps_its_images_anew(
    office: Office,
) -> None:
    roll_back(office, remove_schema=True)
    assert "ClinicalExam__c" in office.destination.removed_schemas
    office.destination.unkeyed_records["Contact"]["r1"]["Preferred_Name__c"] = "later"
    office.migration().prepare()
    migration = office.migration()
    held = migration.upload("account", "again"), migration.upload("contact", "again")
    assert [each.held_back for each in held] == [0, 1]
    migration.adopt("Dr. Ames", migration.find_adoptions("look").list_hash)

    summaries = [migration.upload(asset, "again") for asset in ASSETS]

    assert {each.failed + each.held_back for each in summaries} == {0}
    assert migration.reconcile("again").reconciliation.clean
    roll_back(office)
    assert office.destination.unkeyed_records["Contact"]["r1"]["Preferred_Name__c"] == "later"


def test_a_rollback_that_dies_anywhere_is_ended_by_another_with_the_same_plan(office: Office) -> None:
    planned = rollback(office).plan()
    died = 0
    for step in range(1, 400, 7):
        office.destination.die_at = len(office.destination.steps) + step
        try:
            roll_back(office, plan_hash=planned.hash)
        except Killed:
            died += 1
        else:
            break
    office.destination.die_at = None

    assert died > 5
    assert len(set(office.destination.deleted)) == len(office.destination.deleted)
    assert_as_before(office.destination)
    assert not rollback(office).plan().records


def test_what_somebody_changed_is_left_with_all_that_it_refers_to(office: Office) -> None:
    exam = next(iter(office.destination.records["ClinicalExam__c"]))
    office.destination.records["ClinicalExam__c"][exam]["Exam_Notes__c"] = "theirs"

    planned = rollback(office).plan()
    left = rows(planned, "leave")
    assert left[exam][0] == "changed_by_others"
    assert [each.stays for each in planned.records if each.key == exam] == [("Exam_Notes__c",)]
    provider = "maple:provider:5"
    assert {reason for key, (reason, _) in left.items() if key != exam} <= {"needed", "part_of_left"}
    parts = ("ClinicalExamTooth__c", "ClinicalExamFinding__c")
    of_exam = {
        key
        for name in parts
        for key, part in office.destination.records[name].items()
        if part["ClinicalExam__c"] == exam
    }
    assert of_exam and {key for key, (reason, _) in left.items() if reason == "part_of_left"} == of_exam
    done = roll_back(office)

    assert done.clean
    assert exam in ours(office)
    assert (provider in left) == (provider in ours(office))
    assert set(left) == ours(office)


def test_a_record_that_somebody_elses_records_hang_on_is_left_unless_decided_otherwise(
    office: Office,
) -> None:
    plan_key, record_id = "maple:patient:2", "id-maple:patient:2"
    office.destination.hanging[record_id] = [("Task", "t1", True), ("Task", "t2", True), ("Case", "c", False)]
    assert rows(rollback(office).plan(), "leave")[plan_key] == ("has_dependents", "Case: 1, Task: 2")

    also = rollback(office).plan(["has_dependents"])

    assert plan_key in rows(also, "delete")
    with pytest.raises(ConfigurationError, match="not_ours"):
        rollback(office).plan(["not_ours"])


def test_a_record_that_another_login_touched_is_left_though_its_values_are_ours(office: Office) -> None:
    office.destination.touched = {"maple:patient:2"}
    assert rows(rollback(office).plan(), "leave")["maple:patient:2"] == ("changed_by_others", None)


def test_a_value_of_an_adopted_record_that_somebody_changed_stays_and_the_others_come_back(
    office: Office,
) -> None:
    office.destination.records["Contact"][PATIENT]["Preferred_Name__c"] = "changed since"
    office.destination.touched = {PATIENT}

    done = roll_back(office)

    assert [each.stays for each in done.plan.records if each.key == PATIENT] == [("Preferred_Name__c",)]
    assert done.clean
    back = office.destination.unkeyed_records["Contact"]["r1"]
    assert (back["Preferred_Name__c"], back["LastName"], back["AccountId"]) == (
        "changed since",
        "QUILL1",
        "their-account",
    )


def test_a_record_that_stood_there_with_our_key_gets_its_values_back_and_keeps_its_key(
    office: Office,
) -> None:
    roll_back(office)
    key = "maple:patient:2"
    office.destination.records["Contact"][key] = {"PANDA_Key__c": key, "LastName": "Before"}
    for asset in ("account", "contact"):
        office.migration().upload(asset, "again")
    assert office.destination.records["Contact"][key]["LastName"] == "Quill2"

    done = roll_back(office)

    assert done.clean
    assert office.destination.records["Contact"][key]["LastName"] == "Before"
    assert office.destination.records["Contact"][key]["FirstName"] is None
    assert rows(rollback(office).plan(), "leave") == {}


def test_records_that_somebody_deleted_count_as_gone_and_their_children_still_go(office: Office) -> None:
    contacts = office.destination.records["Contact"]
    del contacts["maple:patient:2"]
    for there in office.destination.records.values():
        for record in there.values():
            record.update({name: None for name, value in record.items() if value == "maple:patient:2"})

    done = roll_back(office)

    assert done.counts["Contact.gone"] == 1
    assert_as_before(office.destination)


def test_a_key_of_ours_that_this_ledger_never_wrote_is_left(office: Office) -> None:
    office.destination.records["Contact"]["maple:patient:99"] = {
        "PANDA_Key__c": "maple:patient:99",
        "LastName": "X",
    }

    done = roll_back(office)

    assert rows(done.plan, "leave") == {"maple:patient:99": ("not_ours", None)}
    assert ours(office) == {"maple:patient:99"}
    assert done.clean


def test_a_refused_deletion_is_listed_its_parents_stay_and_the_rest_goes_on(office: Office) -> None:
    line = next(iter(office.destination.records["TreatmentPlanLine__c"]))
    office.destination.refused = {line}

    done = roll_back(office)

    codes = dict(done.refused.select("key", "code").iter_rows())
    assert codes[line] == "REFUSED"
    assert set(codes.values()) == {"REFUSED", "needed"}
    assert set(codes) == ours(office)
    assert done.findings.is_empty()
    office.destination.refused = set()
    roll_back(office)
    assert_as_before(office.destination)


def test_what_somebody_changes_while_others_are_deleted_is_left_with_what_it_refers_to(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, delete = next(iter(office.destination.records["TreatmentPlan__c"])), office.destination.delete

    def meanwhile(schema: ObjectSchema, records: Mapping[str, str]) -> Iterator[Sequence[Removal]]:
        office.destination.touched = {plan}
        return delete(schema, records)

    monkeypatch.setattr(office.destination, "delete", meanwhile)

    done = roll_back(office)

    codes = dict(done.refused.select("key", "code").iter_rows())
    assert codes.pop(plan) == "changed_by_others"
    assert set(codes.values()) == {"needed"}
    assert ours(office) - {PATIENT} == {plan, *codes} - {PATIENT}
    assert done.findings.is_empty()


@pytest.mark.parametrize("taken", [None, "oak:note:1"])
def test_a_record_from_which_somebody_took_our_key_is_left_and_keeps_its_patient(
    office: Office, taken: str | None
) -> None:
    notes = office.destination.records["ClinicalNote__c"]
    key = next(key for key, note in notes.items() if "maple:patient:2" in note.values())
    record = {**notes.pop(key), "PANDA_Key__c": taken}
    if taken is None:
        office.destination.unkeyed_records["ClinicalNote__c"] = {f"id-{key}": record}
    else:
        notes[taken] = record
        office.destination.ids[taken] = f"id-{key}"
    office.destination.hanging["id-maple:patient:2"] = [("ClinicalNote__c", f"id-{key}", True)]

    planned = rollback(office).plan(["changed_by_others"])

    left = rows(planned, "leave")
    assert left[key] == ("changed_by_others", None)
    assert left["maple:patient:2"] == ("needed", "ClinicalNote__c: 1")
    assert [each.stays for each in planned.records if each.key == key] == [("PANDA_Key__c",)]
    assert roll_back(office).clean
    assert "maple:patient:2" in ours(office)


def test_an_adopted_record_from_which_somebody_took_our_key_is_listed_as_it_holds_our_values(
    office: Office,
) -> None:
    record = {**office.destination.records["Contact"].pop(PATIENT), "PANDA_Key__c": None}
    office.destination.unkeyed_records["Contact"]["r1"] = record

    assert rows(rollback(office).plan(), "leave")[PATIENT] == ("changed_by_others", None)

    # As a rollback leaves it that died before it could write down what it had given back.
    office.destination.unkeyed_records["Contact"]["r1"] = contact(1)
    assert PATIENT in rows(rollback(office).plan(), "gone")


@pytest.mark.parametrize("change", ["changed", "hanging", "another plan"])
def test_a_plan_that_isnt_so_any_more_isnt_done(office: Office, change: str) -> None:
    planned = rollback(office).plan()
    wanted = planned.hash
    if change == "changed":
        office.destination.touched = {"maple:patient:2"}
    elif change == "hanging":
        office.destination.hanging["id-maple:patient:2"] = [("Task", "t1", True)]
    else:
        wanted = "0" * 64

    with pytest.raises(GateClosed, match="rollback plan"):
        roll_back(office, plan_hash=wanted)

    assert office.destination.deleted == []


def test_an_upload_that_died_is_settled_before_it_is_rolled_back(office: Office) -> None:
    roll_back(office)
    office.migration().upload("account", "again")
    office.destination.die_at = len(office.destination.steps) + 8
    with pytest.raises(Killed):
        office.migration().upload("contact", "again")
    office.destination.die_at = None
    ledger = office.platform.ledger(office.platform.practice("maple"), office.migration().target)
    assert ledger.open_batches(CONTACT)

    done = roll_back(office)

    assert done.clean
    assert_as_before(office.destination)
