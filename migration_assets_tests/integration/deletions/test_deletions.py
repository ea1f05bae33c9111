"""Rows deleted in PANDA, and what the practice's policy makes of their records in the org.

One course of events: each test goes on where the one before it ended.
"""

from __future__ import annotations

from migration_assets.migration.deleted_images import DeletedImages
from migration_assets.migration.rollback import Rollback
from migration_assets_tests.integration.deleting import delete, kill_a_deletion
from migration_assets_tests.integration.deletions.conftest import (
    ALONE,
    CALLED,
    KNOWN,
    Loaded,
    Records,
    load,
    records,
)

FLAG = "PANDA_Deleted__c"
NO_FLAG = {"EventRelation", "ContentDocumentLink", "ContentVersion"}


def test_what_is_reported_stays_as_it_is_without_a_request(loaded: Loaded) -> None:
    before, asked = records(loaded.org), loaded.last_request()

    found = delete(loaded.installation, loaded.few, "report")

    assert found == {(name, key): ("retained", None) for name, keys in loaded.few.items() for key in keys}
    assert loaded.last_request() == asked
    assert records(loaded.org) == before


def test_marked_is_only_what_is_gone_and_still_there(loaded: Loaded) -> None:
    assert {"Event", "EventRelation", "TreatmentPlan__c", "TreatmentPlanLine__c"} <= set(loaded.few)
    lost = _lost(loaded)
    loaded.ames.TreatmentPlanLine__c.delete(loaded.id_of("TreatmentPlanLine__c", lost))
    before = records(loaded.org)

    found = delete(loaded.installation, loaded.few, "flag")

    gone = {(name, key) for name, keys in loaded.few.items() for key in keys}
    unmarkable = {each: ("retained", "no_flag") for each in gone if each[0] in NO_FLAG}
    there_no_more = {("TreatmentPlanLine__c", lost): ("deleted", "gone")}
    assert found == dict.fromkeys(gone, ("flagged", None)) | unmarkable | there_no_more
    after = records(loaded.org)
    marked = {
        (name, row["PANDA_Key__c"]) for name, rows in after.items() for row in rows.values() if row.get(FLAG)
    }
    assert marked == {each for each, (outcome, _) in found.items() if outcome == "flagged"}
    assert _without_flag(after) == before


def test_marking_again_writes_nothing_and_a_row_that_is_back_is_no_longer_marked(loaded: Loaded) -> None:
    asked = loaded.last_request()

    found = delete(loaded.installation, loaded.few, "flag", "again")

    assert {outcome for outcome, _ in found.values()} == {"flagged", "retained"}
    assert loaded.last_request() == asked
    load(loaded.installation)
    assert not [row for rows in records(loaded.org).values() for row in rows.values() if row.get(FLAG)]
    assert loaded.installation.reconcile().reconciliation.clean


def test_patients_are_deleted_with_everything_but_what_is_others_and_what_that_needs(loaded: Loaded) -> None:
    called = loaded.id_of("Contact", f"maple:patient:{CALLED}")
    loaded.ames.Task.create({"Subject": "Call", "WhoId": called})
    exam = next(row for row in loaded.rows("ClinicalExam__c") if row["Contact__c"] == called)
    loaded.ames.ClinicalExam__c.update(exam["Id"], {"Exam_Notes__c": "seen by Ames"})
    delete(loaded.installation, loaded.few, "flag")
    before = loaded.keys()

    kill_a_deletion(loaded.installation, loaded.patients, "delete", 6)
    killed = loaded.keys()
    found = delete(loaded.installation, loaded.patients, "delete")

    left = {each: code for each, (outcome, code) in found.items() if outcome != "deleted"}
    assert {each: left.pop(each) for each in list(left) if each[0] in ("Contact", "ClinicalExam__c")} == {
        ("Contact", f"maple:patient:{KNOWN}"): "stood_before",
        ("Contact", f"maple:patient:{CALLED}"): "has_dependents",
        ("ClinicalExam__c", exam["PANDA_Key__c"]): "changed_by_others",
    }
    assert set(left.values()) == {"part_of_left"}, "the chart of an exam that stays goes"
    wanted = {(name, key) for name, keys in loaded.patients.items() for key in keys}
    deleted = {each for each, (outcome, _) in found.items() if outcome == "deleted"}
    keyed = {each for each in deleted if each[0] not in ("EventRelation", "ContentDocumentLink")}
    assert before - killed and killed - loaded.keys(), "the kill came before the first or after the last"
    assert before - loaded.keys() == keyed
    assert wanted - found.keys() == {("TreatmentPlanLine__c", _lost(loaded))}
    assert ("Contact", f"maple:patient:{ALONE}") in deleted
    assert [row["WhoId"] for row in loaded.rows("Task")] == [called]
    assert loaded.installation.open_batches() == []


def test_what_stood_in_a_deleted_record_is_kept_under_the_practices_key(loaded: Loaded) -> None:
    migration = loaded.installation.migration()
    schema = migration.stored_plan().schema_of_object("Contact")
    ledger = migration.ledger(migration.practice)

    kept = DeletedImages(ledger).of(schema, loaded.patients["Contact"])

    person = loaded.installation.raw("Patient").filter(PatientID=ALONE).row(0, named=True)
    assert kept.keys() == {f"maple:patient:{ALONE}"}
    assert kept[f"maple:patient:{ALONE}"]["LastName"] == person["LastName"]
    sealed = loaded.installation.query_ledger("SELECT group_concat(hex(sealed)) FROM deleted_images")
    assert person["LastName"].encode().hex().upper() not in sealed[0][0]


def test_rows_that_are_back_are_records_again_and_a_rollback_takes_all_of_it_back(loaded: Loaded) -> None:
    wanted = {each for each in loaded.in_payload() if each[1] != _lost(loaded)}
    load(loaded.installation)
    assert loaded.keys() == wanted
    delete(loaded.installation, loaded.few, "flag", "once more")

    done = Rollback(loaded.installation.migration(), "back").roll_back("Dr. Ames")

    assert done.clean
    after = records(loaded.org)
    left = {(each.object, each.key) for each in done.plan.records if each.action == "leave"}
    assert loaded.keys() == {each for each in left if each[0] not in ("EventRelation", "ContentDocumentLink")}
    assert set(done.plan.table.filter(action="leave")["reason"]) <= {
        "changed_by_others", "has_dependents", "needed", "part_of_left"
    }  # fmt: skip
    for name, rows in loaded.before.items():
        assert {number: after[name][number] for number in rows} == rows


def _lost(loaded: Loaded) -> str:
    """The line that Ames deleted before anybody had in PANDA."""
    return loaded.few["TreatmentPlanLine__c"][0]


def _without_flag(found: Records) -> Records:
    return {
        name: {
            number: {field: value for field, value in row.items() if field != FLAG}
            for number, row in rows.items()
        }
        for name, rows in found.items()
    }
