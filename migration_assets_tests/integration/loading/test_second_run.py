"""What a second upload sends: what has changed and nothing else; and what can't be sent waits."""

from __future__ import annotations

import polars as pl
import pytest

from migration_assets.migration.reconciliation import ObjectReconciliation, Reconciliation
from migration_assets_tests.integration.installation import (
    OBJECTS,
    Installation,
    Org,
    assert_all_arrived,
    different,
)
from migration_assets_tests.integration.practices import PATIENTS, PROVIDERS
from migration_sandbox.salesforce.control import Control


@pytest.fixture
def installation(installation: Installation) -> Installation:
    """One job an object: how they are cut is no matter here."""
    installation.configure(job_rows=200)
    return installation


_MENDED = ("upload contact", "upload clinical_exam")
"""What hangs on a corrected record, and is sent no second time."""
_LONG = "A" + 59 * "n"
"""Too long for a first name in Salesforce (40), short enough for one in PANDA (75)."""


def _patient(installation: Installation) -> int:
    """The patient with the most exams."""
    return int(installation.raw("ClinicalExam")["PatientID"].mode()[0])


def _descendants(installation: Installation, patient: int) -> dict[str, list[str]]:
    """Keys of all records that hang on the patient's, by object; which teeth have one the payload says."""

    def rows_of(table: str, parent: str, parents: pl.Series) -> pl.DataFrame:
        return installation.raw(table).filter(pl.col(parent).is_in(parents.implode()))

    exams = rows_of("ClinicalExam", "PatientID", pl.Series([patient]))["ExamID"]
    there = installation.payload_keys()
    teeth = rows_of("PeriodontalCharting", "ExamID", exams)["ChartingID"].to_list()
    plans = rows_of("TreatmentPlan", "PatientID", pl.Series([patient]))["PlanID"]
    lines = rows_of("TreatmentPlanLine", "PlanID", plans)["LineID"]
    spaces: dict[str, tuple[str, list[int]]] = {
        "ClinicalExam__c": ("exam", exams.to_list()),
        "ClinicalExamChart2__c": ("exam_chart2", exams.to_list()),
        "ClinicalExamTooth__c": ("exam_tooth", teeth),
        "TreatmentPlan__c": ("plan", plans.to_list()),
        "TreatmentPlanLine__c": ("plan_line", lines.to_list()),
    }
    hanging = {name: [f"maple:{space}:{each}" for each in ids] for name, (space, ids) in spaces.items()}
    return {name: [key for key in keys if key in there[name]] for name, keys in hanging.items()}


def _keys(descendants: dict[str, list[str]]) -> set[str]:
    return {key for keys in descendants.values() for key in keys}


def _of(reconciliation: Reconciliation, name: str) -> ObjectReconciliation:
    return next(each for each in reconciliation.objects if each.object == name)


def test_a_second_run_sends_what_changed_and_a_third_counts_what_is_stale_or_retained(
    installation: Installation, org: Org
) -> None:
    installation.run()
    installation.change("Patient", pl.col("PatientID") == _patient(installation), PreferredName="Robin")
    installation.build()
    jobs_before = org.jobs()

    summaries = installation.run(run_id="second").returned

    assert [(each.object, each.sent, each.updated) for each in summaries] == [
        (name, 1, 1) if name == "Contact" else (name, 0, 0) for name in OBJECTS.values()
    ]
    [job] = org.jobs().keys() - jobs_before.keys()
    assert org.session.bulk.request("GET", f"/jobs/ingest/{job}").json()["numberRecordsProcessed"] == 1
    assert_all_arrived(installation, org, again=("upload contact",))

    stale = _patient(installation)
    plans = installation.raw("TreatmentPlan").filter(pl.col("PatientID") != stale)
    gone = int(plans["PatientID"].mode()[0])
    gone_records = _descendants(installation, gone)
    before = installation.payload_keys()
    _remove(installation, gone)
    installation.change("Patient", pl.col("PatientID") == stale, FirstName=_LONG)
    installation.build("third")
    installation.run(run_id="third")

    reconciled = installation.reconcile()

    contacts = _of(reconciled.reconciliation, "Contact").state
    all_contacts = PATIENTS + PROVIDERS
    assert (contacts.loaded, contacts.failed) == (all_contacts - 2, 1)
    assert (contacts.stale, contacts.retained) == (1, 1)
    assert (contacts.in_scope, contacts.in_destination) == (all_contacts - 1, all_contacts)
    for name, keys in gone_records.items():
        state = _of(reconciled.reconciliation, name).state
        assert (state.held_back, state.stale, state.retained) == (0, 0, len(keys))
        assert state.in_destination == len(before[name])
    assert reconciled.reconciliation.balanced
    assert different(reconciled) == []


def test_records_that_fit_no_field_fail_and_what_hangs_on_a_patient_waits_until_the_source_is_corrected(
    installation: Installation, org: Org
) -> None:
    """A patient and a provider: the provider is left out of other people's records, which don't wait."""
    patient = _patient(installation)
    waiting = _descendants(installation, patient)
    others = pl.col("PatientID") != patient
    patients = installation.raw("Patient").filter(others)
    provider = int(patients["PrimaryProviderID"].drop_nulls().mode()[0])
    given = {table: installation.raw(table) for table in ("Patient", "Provider")}
    installation.change("Patient", pl.col("PatientID") == patient, FirstName=_LONG)
    installation.change("Provider", pl.col("ProviderID") == provider, FirstName=_LONG)
    installation.build()
    installation.run()

    told = installation.reconcile()
    reconciled = told.reconciliation

    assert {(each.object, each.key, each.code) for each in reconciled.failures} == {
        ("Contact", f"maple:patient:{patient}", "text_too_long"),
        ("Contact", f"maple:provider:{provider}", "text_too_long"),
    }
    assert len(reconciled.failures) == 2
    assert all(keys for name, keys in waiting.items() if name != "ClinicalExamTooth__c")
    held: dict[str, set[str]] = {name: set() for name in waiting}
    for each in reconciled.held_back:
        held[each.object].add(each.key)
    assert held == {name: set(keys) for name, keys in waiting.items()}
    assert {each.message for each in reconciled.held_back} == {
        f"its {parent} {key} is not in the destination"
        for parent, keys in [
            ("Contact", [f"maple:patient:{patient}"]),
            ("ClinicalExam__c", waiting["ClinicalExam__c"]),
            ("TreatmentPlan__c", waiting["TreatmentPlan__c"]),
        ]
        for key in keys
    }
    contacts = _of(reconciled, "Contact").state
    assert (contacts.failed, contacts.stale) == (2, 0)
    for name, keys in waiting.items():
        state = _of(reconciled, name).state
        assert (state.held_back, state.stale) == (len(keys), 0)
    assert set(different(told)) == {
        ("meaning", name, f"maple:{space}:{key}", field, "value_lost")
        for name, space, field, table, column in [
            ("Contact", "patient", "Primary_Provider__c", "Patient", "PrimaryProviderID"),
            ("ClinicalExam__c", "exam", "Provider__c", "ClinicalExam", "ProviderID"),
            ("TreatmentPlan__c", "plan", "Provider__c", "TreatmentPlan", "ProviderID"),
        ]
        for key in installation.raw(table).filter(others, pl.col(column) == provider).to_series()
    }
    assert reconciled.balanced
    assert not reconciled.clean
    assert _LONG not in reconciled.model_dump_json()

    installation.put_rows(given)
    installation.build("corrected")
    installation.run(run_id="corrected")
    assert_all_arrived(installation, org, again=_MENDED)


def test_a_row_that_the_org_refuses_is_listed_and_goes_through_on_the_next_run(
    installation: Installation, control: Control, org: Org
) -> None:
    """Three patients in both attempts; those who name a provider go in the contacts' second job."""
    installation.run("upload account")
    naming = installation.raw("Patient")["PrimaryProviderID"].drop_nulls().len()
    second_job = control.hold("POST", "/jobs/ingest/?$", 2)
    worker = installation.start(run_id="locked")
    second_job.wait()
    control.lock_rows(naming + 3)
    second_job.release()
    worker.wait()

    reconciled = installation.reconcile().reconciliation

    refused = [each.key for each in reconciled.failures if each.object == "Contact"]
    assert len(refused) == 3
    assert {each.code for each in reconciled.failures} == {"UNABLE_TO_LOCK_ROW"}
    waiting = (_keys(_descendants(installation, int(key.rpartition(":")[2]))) for key in refused)
    assert {each.key for each in reconciled.held_back} == set().union(*waiting)
    assert reconciled.balanced

    installation.run(run_id="retried")
    assert_all_arrived(installation, org, again=_MENDED)


def _remove(installation: Installation, patient: int) -> None:
    """The patient and all rows that hang on the patient's, as if the practice had erased them."""
    tables = {
        table: installation.raw(table).filter(pl.col("PatientID") != patient)
        for table in ("Patient", "ClinicalExam", "TreatmentPlan")
    }
    for table, reference, parent in [
        ("PeriodontalCharting", "ExamID", "ClinicalExam"),
        ("TreatmentPlanLine", "PlanID", "TreatmentPlan"),
    ]:
        tables[table] = installation.raw(table).filter(
            pl.col(reference).is_in(tables[parent][reference].implode())
        )
    installation.put_rows(tables)
