"""What a second upload sends: what has changed and nothing else; and what can't be sent waits."""

from __future__ import annotations

import polars as pl

from migration_assets.migration.reconciliation import ObjectReconciliation, Reconciliation
from migration_assets_tests.integration.installation import (
    Installation,
    Org,
    assert_all_arrived,
    different,
)
from migration_sandbox.salesforce.control import Control

_LONG = "A" + 59 * "n"
"""Too long for a first name in Salesforce (40), short enough for one in PANDA (75)."""


def _patient(installation: Installation) -> int:
    """The patient with the most exams."""
    return int(installation.raw("ClinicalExam")["PatientID"].mode()[0])


def _exams_of(installation: Installation, patient: int) -> list[str]:
    exams = installation.raw("ClinicalExam").filter(pl.col("PatientID") == patient)
    return sorted(f"maple:exam:{exam}" for exam in exams["ExamID"])


def _of(reconciliation: Reconciliation, name: str) -> ObjectReconciliation:
    return next(each for each in reconciliation.objects if each.object == name)


def test_a_changed_patient_is_the_only_record_that_is_sent(installation: Installation, org: Org) -> None:
    installation.run()
    installation.change("Patient", pl.col("PatientID") == _patient(installation), PreferredName="Robin")
    installation.build()
    jobs_before = org.jobs()

    summaries = installation.run(run_id="second").returned

    assert [(each.object, each.sent, each.updated) for each in summaries] == [
        ("Account", 0, 0),
        ("Contact", 1, 1),
        ("ClinicalExam__c", 0, 0),
    ]
    [job] = org.jobs().keys() - jobs_before.keys()
    assert org.session.bulk.request("GET", f"/jobs/ingest/{job}").json()["numberRecordsProcessed"] == 1
    assert_all_arrived(installation, org)


def test_a_record_that_fits_no_field_fails_and_its_exams_wait_until_the_source_is_corrected(
    installation: Installation, org: Org
) -> None:
    patient = _patient(installation)
    exams = _exams_of(installation, patient)
    given = installation.raw("Patient").filter(pl.col("PatientID") == patient)["FirstName"].item()
    installation.change("Patient", pl.col("PatientID") == patient, FirstName=_LONG)
    installation.build()
    installation.run()

    reconciled = installation.reconcile().reconciliation

    assert [(each.object, each.key, each.code) for each in reconciled.failures] == [
        ("Contact", f"maple:patient:{patient}", "text_too_long")
    ]
    assert sorted(each.key for each in reconciled.held_back) == exams
    assert {each.message for each in reconciled.held_back} == {
        f"its Contact maple:patient:{patient} is not in the destination"
    }
    contacts, charts = _of(reconciled, "Contact").state, _of(reconciled, "ClinicalExam__c").state
    assert (contacts.failed, contacts.stale, charts.held_back, charts.stale) == (1, 0, len(exams), 0)
    assert reconciled.balanced
    assert not reconciled.clean
    assert _LONG not in reconciled.model_dump_json()

    installation.change("Patient", pl.col("PatientID") == patient, FirstName=given)
    installation.build("corrected")
    installation.run(run_id="corrected")
    assert_all_arrived(installation, org)


def test_a_row_that_the_org_refuses_is_listed_and_goes_through_on_the_next_run(
    installation: Installation, control: Control, org: Org
) -> None:
    installation.run("upload account")
    control.lock_rows(24 + 3)

    installation.run(run_id="locked")
    reconciled = installation.reconcile().reconciliation

    refused = [each.key for each in reconciled.failures if each.object == "Contact"]
    assert len(refused) == 3
    assert {each.code for each in reconciled.failures} == {"UNABLE_TO_LOCK_ROW"}
    waiting = {each.message.split()[2] for each in reconciled.held_back}
    assert waiting == {key for key in refused if _exams_of(installation, int(key.rpartition(":")[2]))}
    assert reconciled.balanced

    installation.run(run_id="retried")
    assert_all_arrived(installation, org)


def test_stale_and_retained_records_are_counted_where_they_stand(installation: Installation) -> None:
    installation.run()
    stale = _patient(installation)
    patients, exams = installation.raw("Patient"), installation.raw("ClinicalExam")
    gone = next(each for each in patients["PatientID"] if each != stale)
    gone_exams = exams.filter(pl.col("PatientID") == gone)["ExamID"]
    chart = installation.raw("PeriodontalCharting")
    installation.put_rows(
        {
            "Patient": patients.filter(pl.col("PatientID") != gone),
            "ClinicalExam": exams.filter(pl.col("PatientID") != gone),
            "PeriodontalCharting": chart.filter(~pl.col("ExamID").is_in(gone_exams.implode())),
        }
    )
    installation.change("Patient", pl.col("PatientID") == stale, FirstName=_LONG)
    installation.build("second")
    installation.run(run_id="second")

    reconciled = installation.reconcile()

    contacts = _of(reconciled.reconciliation, "Contact").state
    charts = _of(reconciled.reconciliation, "ClinicalExam__c").state
    assert (contacts.loaded, contacts.failed, contacts.stale, contacts.retained) == (22, 1, 1, 1)
    assert (contacts.in_scope, contacts.in_destination) == (23, 24)
    assert (charts.held_back, charts.stale, charts.retained) == (0, 0, gone_exams.len())
    assert charts.in_destination == exams.height
    assert reconciled.reconciliation.balanced
    assert different(reconciled) == []
