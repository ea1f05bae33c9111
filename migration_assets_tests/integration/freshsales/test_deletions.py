"""Rows deleted in PANDA, and what the practice's policy makes of their records in the account.

One course of events: each test goes on where the one before it ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from migration_assets.migration.rollback import Rollback
from migration_assets_tests.integration.deleting import (
    delete,
    gone_without,
    kill_a_deletion,
    scope_of,
)
from migration_assets_tests.integration.freshsales.conftest import UNLIMITED
from migration_assets_tests.integration.freshsales.installation import Account, Installation
from migration_assets_tests.sandbox.freshsales_fixtures import Opened, session_of

Keys = set[tuple[str, str]]
MARKABLE = {"contact": "contacts", "deal": "deals", "cm_dental_treatment_plan": "cm_dental_treatment_plan"}


@dataclass(frozen=True)
class Loaded:
    """``gone`` are the keys by object that go with two patients: ``alone``, and ``edited``, whom somebody has
    changed. The account deletes files."""

    installation: Installation
    account: Account
    gone: dict[str, list[str]]
    alone: str
    edited: str
    somebody: Opened

    def keys(self) -> Keys:
        return {(name, key) for name, keys in self.account.keys().items() for key in keys}

    def in_payload(self) -> Keys:
        return {(name, key) for name, key in scope_of(self.installation).iter_rows()}

    def marked(self) -> Keys:
        """Records whose box is ticked."""
        dump = self.account.control.dump()
        labels = {
            (each["values"]["entity"], each["values"]["label"]): each["values"]["name"]
            for each in dump["field"].values()
        }
        found = set()
        for name, entity in MARKABLE.items():
            key, box = (labels.get((entity, label)) for label in ("PANDA Key", "PANDA Deleted"))
            for each in dump[entity].values():
                if each["deleted"] is None and each["custom_field"].get(box):
                    found.add((name, each["values"].get("external_id") or each["custom_field"][key]))
        return found


@pytest.fixture(scope="module")
def loaded(template: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("deleted")
    control = template.sandbox.control
    made, spare = template.copy(folder / "live"), template.copy(folder / "spare")
    session = session_of(made.sandbox)
    with made.in_environment():
        control.reset(schema=True)
        control.settings(**{**UNLIMITED, "document_delete": True})
        for each in (made, spare):
            each.configure(policies={"deletions": "flag"})
        made.migration().prepare()
        made.migration().build_payload("build", "all")
        alone, edited = made.raw("Patient").sort("PatientID")["PatientID"].to_list()[:2]
        gone = gone_without(made, spare, {"Patient": [alone, edited]})
        load(made)
        keys = (f"maple:patient:{alone}", f"maple:patient:{edited}")
        yield Loaded(made, Account(control), gone, *keys, Opened(made.sandbox, session))
    session.close()
    control.reset(schema=True)
    control.settings(**UNLIMITED)
    with template.in_environment():
        template.migration().prepare()


def load(installation: Installation) -> None:
    for asset in installation.objects:
        summary = installation.migration().upload(asset, "load")
        assert summary.failed == 0, (asset, summary)


def test_marked_is_what_can_be_and_a_row_that_is_back_is_no_longer_marked(loaded: Loaded) -> None:
    gone = {(name, key) for name, keys in loaded.gone.items() for key in keys}
    before = loaded.keys()
    assert {*MARKABLE, "note", "appointment", "document"} <= loaded.gone.keys()

    assert set(delete(loaded.installation, loaded.gone, "report").values()) == {("retained", None)}
    found = delete(loaded.installation, loaded.gone, "flag")

    markable = {each for each in gone if each[0] in MARKABLE}
    assert {each for each, told in found.items() if told == ("flagged", None)} == markable == loaded.marked()
    assert {told for each, told in found.items() if each not in markable} == {("retained", "no_flag")}
    load(loaded.installation)
    assert loaded.marked() == set()
    assert loaded.keys() == before


def test_patients_are_deleted_with_everything_but_one_whom_somebody_has_edited(loaded: Loaded) -> None:
    before = loaded.keys()
    contacts = loaded.account.control.dump()["contacts"].items()
    edited = next(number for number, each in contacts if each["values"]["external_id"] == loaded.edited)
    loaded.somebody.ok("PUT", f"/contacts/{edited}", {"contact": {"city": "Elsewhere"}})

    kill_a_deletion(loaded.installation, loaded.gone, "delete", 9)
    killed = loaded.keys()
    found = delete(loaded.installation, loaded.gone, "delete")

    left = {each: code for each, (outcome, code) in found.items() if outcome != "deleted"}
    assert left == {("contact", loaded.edited): "changed_by_others"}
    assert ("contact", loaded.alone) in found
    assert before - killed and killed - loaded.keys(), "the kill came before the first or after the last"
    assert before - loaded.keys() == found.keys() - left.keys()
    assert found.keys() == {(name, key) for name, keys in loaded.gone.items() for key in keys}
    assert loaded.installation.open_batches() == []


def test_rows_that_are_back_are_records_again_and_a_rollback_takes_all_of_it_back(loaded: Loaded) -> None:
    load(loaded.installation)
    assert loaded.keys() == loaded.in_payload()
    delete(loaded.installation, loaded.gone, "flag", "once more")

    done = Rollback(loaded.installation.migration(), "back").roll_back("Dr. Ames")

    assert done.clean
    left = {(each.object, each.key): each.reason for each in done.plan.records if each.action == "leave"}
    assert left[("contact", loaded.edited)] == "changed_by_others"
    assert loaded.keys() == left.keys()
    assert set(left.values()) <= {"changed_by_others", "needed"}
