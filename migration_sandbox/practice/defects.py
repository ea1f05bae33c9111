"""The defects a practice is planted with, each with the outcome that a migration must give it.

One function a kind. A kind takes patients and exams that no other kind has touched, so that every row has
one thing wrong with it and every expectation stands alone. Patients and exams here, charting rows in
``chart_defects``.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from migration_sandbox.practice.field import Field

_FAR_AHEAD = datetime(2087, 3, 14, 10, 0)


def missing_last_name(field: Field) -> None:
    for blank, canary in ((None, True), ("   ", False)):
        patient = field.patient(canary=canary)
        field.draft.set("Patient", patient, LastName=blank)
        field.expect("rejected", "Patient", patient, "LastName", "missing_last_name")
        for exam in field.exams_of(patient):
            field.expect("held_back", "ClinicalExam", exam, "", "parent_rejected")


def invalid_email(field: Field) -> None:
    patient = field.patient(canary=True)
    email = field.draft.row("Patient", patient)["Email"] or "nobody@mail.example"
    field.draft.set("Patient", patient, Email=email.replace("@", " at "))
    field.expect("corrected", "Patient", patient, "Email", "invalid_email")
    patient = field.patient()
    field.draft.set("Patient", patient, Email="none")
    field.expect("corrected", "Patient", patient, "Email", "invalid_email")


def bridge_placeholder(field: Field) -> None:
    for column in ("Email", "HomePhone", "Address2", "ChartNumber"):
        patient = field.patient(canary=column == "Address2")
        bridge = field.draft.row("Patient", patient)["BridgeID"] or f"OD9{patient}"
        field.draft.set("Patient", patient, BridgeID=bridge, **{column: "NA"})
        field.expect("corrected", "Patient", patient, column, "bridge_placeholder")


def bridge_underscore(field: Field) -> None:
    for column, value in (("LastName", "De_la_Cruz"), ("City", "San_Jose")):
        patient = field.patient()
        bridge = field.draft.row("Patient", patient)["BridgeID"] or f"OD9{patient}"
        field.draft.set("Patient", patient, BridgeID=bridge, **{column: value})
        field.expect("corrected", "Patient", patient, column, "bridge_underscore")


def person_called_na(field: Field) -> None:
    patient = field.patient()
    field.draft.set("Patient", patient, BridgeID=None, LastName="Na")
    field.expect("kept", "Patient", patient, "LastName", "genuine_na")


def duplicate_chart_number(field: Field) -> None:
    """Two people with one number, as where an office began a new cabinet of charts at 1."""
    first, second = field.patient(), field.patient()
    number = (field.draft.row("Patient", first)["ChartNumber"] or "").strip() or f"D-{first}"
    for patient in (first, second):
        field.draft.set("Patient", patient, ChartNumber=number)
        field.expect("kept", "Patient", patient, "ChartNumber", "duplicate_chart_number")


def birth_dates(field: Field) -> None:
    for born, code in (
        (_FAR_AHEAD.date(), "birth_date_in_future"),
        (date(1753, 1, 1), "birth_date_implausible"),
        (date(1899, 12, 31), "birth_date_implausible"),
    ):
        patient = field.patient()
        field.draft.set("Patient", patient, DateOfBirth=born)
        field.expect("corrected", "Patient", patient, "DateOfBirth", code)


def exam_dates(field: Field) -> None:
    # 1899-12-30 is the zero of OLE dates, which old software writes for "none".
    for at, canary in ((_FAR_AHEAD, True), (datetime(1899, 12, 30, 9, 0), False)):
        exam = field.exam(canary=canary)
        field.draft.set("ClinicalExam", exam, ExamDate=at)
        field.expect("rejected", "ClinicalExam", exam, "ExamDate", "exam_date_implausible")
    exam = field.exam(with_birth_date=True)
    patient = field.draft.row("ClinicalExam", exam)["PatientID"]
    born = field.draft.row("Patient", patient)["DateOfBirth"]
    before = datetime.combine(born - timedelta(days=40), datetime.min.time()) + timedelta(hours=9)
    field.draft.set("ClinicalExam", exam, ExamDate=before)
    field.expect("rejected", "ClinicalExam", exam, "ExamDate", "exam_before_birth")


def clock_changes(field: Field) -> None:
    """Times that New York's clocks skipped on 10 March 2024 and showed twice on 3 November 2024."""
    for at, code in ((datetime(2024, 3, 10, 2, 30), "time_gap"), (datetime(2024, 11, 3, 1, 30), "time_fold")):
        exam = field.exam()
        field.draft.set("ClinicalExam", exam, ExamDate=at)
        field.expect("kept", "ClinicalExam", exam, "ExamDate", code)
        patient = field.patient()
        field.draft.set("Patient", patient, CreatedAt=at)
        field.expect("kept", "Patient", patient, "CreatedAt", code)


def orphan_exam(field: Field) -> None:
    like = field.draft.row("ClinicalExam", field.exam())
    exam = field.draft.add("ClinicalExam", like, PatientID=9_000_000 + like["PatientID"])
    field.expect("held_back", "ClinicalExam", exam, "", "parent_missing")


KINDS: tuple[Callable[[Field], None], ...] = (
    missing_last_name,
    invalid_email,
    bridge_placeholder,
    bridge_underscore,
    person_called_na,
    birth_dates,
    exam_dates,
    clock_changes,
    orphan_exam,
)
