"""The org after a rollback against every record and file of it before the migration."""

from __future__ import annotations

from migration_assets.migration.decisions import RollbackDecided, RolledBack
from migration_assets_tests.integration.installation import PRACTICE, Installation
from migration_assets_tests.integration.rollback.conftest import (
    Course,
    Meddled,
    keys_left,
    records,
    rows_of,
)


def test_a_rollback_that_is_killed_is_ended_by_another_with_the_plan_that_was_shown(
    course: Course, installation: Installation
) -> None:
    assert "--decide" in course.printed[0]
    assert course.planned["counts"]["Contact.restore"] == 1
    assert set(keys_left(course.killed)) < set(keys_left(course.loaded))
    assert "everything was found as planned" in course.printed[1]
    assert sum(count for name, count in course.ended["counts"].items() if name.endswith(".gone")) > 0
    entries = installation.platform.decisions(installation.platform.practice(PRACTICE)).entries()
    kinds = [each.kind for each in entries if isinstance(each, RollbackDecided | RolledBack)]
    assert kinds[:3] == ["rollback_decided", "rollback_decided", "rolled_back"]


def test_the_org_is_as_it_was_to_the_last_file_though_its_recycle_bin_was_full(course: Course) -> None:
    assert len(keys_left(course.loaded)) > 40
    assert len(course.loaded["files"]) == len(course.before["files"]) + 4

    assert records(course.after) == records(course.before)
    assert course.after["files"] == course.before["files"]
    assert "ClinicalExam__c" not in course.after["schema"]
    others = [each["PANDA_Key__c"] for rows in course.after["records"].values() for each in rows
              if "PANDA_Key__c" in each]  # fmt: skip
    assert sorted(others) == ["oak:document:1", "oak:patient:1"]


def test_a_second_call_has_nothing_to_do(course: Course) -> None:
    assert "nothing to do" in course.printed[2]


def test_a_migration_afterwards_is_clean(again: Installation) -> None:
    assert again.reconcile().reconciliation.clean


def test_what_others_did_since_is_left_with_what_it_needs_and_listed(
    course: Course, meddled: Meddled
) -> None:
    left = rows_of(meddled.done.plan.table, "leave")
    of = {what: left.get(record["PANDA_Key__c"]) for what, record in meddled.touched.items()}
    assert of == {
        "changed": ("changed_by_others", None),
        "called": ("has_dependents", "Task: 1"),
        "deleted": None,
        "given a version": ("has_dependents", "ContentVersion: 1"),
        "shown elsewhere": ("has_dependents", "ContentDocumentLink: 1"),
    }
    reasons = {"changed_by_others", "has_dependents", "needed", "part_of_left"}
    assert {reason for reason, _ in left.values()} == reasons
    assert meddled.done.counts["TreatmentPlanLine__c.gone"] == 1
    assert meddled.done.clean
    after = records(meddled.after)
    shows_on_its_patient = {key for key in left if "+" in key}
    assert shows_on_its_patient, "the link of a letter that stays goes"
    assert set(keys_left(meddled.after)) == set(left) - shows_on_its_patient < meddled.mine
    assert all(record_id in after[name] for name, record_id in meddled.added.items())
    assert meddled.added["ContentVersion"] in meddled.after["files"]
    for name, rows in records(course.before).items():
        assert {key: after[name][key] for key in rows} == rows
