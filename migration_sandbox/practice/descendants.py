"""What a rejected row takes with it: its children and theirs are held back until it is put right."""

from collections.abc import Iterable

import polars as pl

from migration_sandbox.practice.field import Field
from migration_sandbox.practice.schema import key_column

_CODE = "parent_rejected"
# Exams of rejected patients are expected by the defect itself; their charts go or stay with the exam.
_ELSEWHERE = ("ClinicalExam", "PeriodontalCharting")


def hold_back(field: Field) -> None:
    """Expect every descendant of a rejected patient, plan or exam to be held back.

    A radiograph without a file of its own is held back with the document that it names, and says so by that
    column. A classification outlives its exam, being the patient's, so its link to a rejected exam is taken
    away: whatever becomes of such a link would be a second question.
    """
    patients = field.keys("Patient", "rejected")
    for table in field.draft.names():
        frame = field.draft.table(table)
        if table in ("Patient", *_ELSEWHERE) or "PatientID" not in frame.columns:
            continue
        below = frame.filter(pl.col("PatientID").is_in(patients))
        if table == "Radiograph":
            _expect(field, table, below.filter(pl.col("FilePath").is_null()), "DocumentID")
            below = below.filter(pl.col("FilePath").is_not_null())
        _expect(field, table, below)
    plans = field.keys("TreatmentPlan", "rejected", "held_back")
    lines = field.draft.table("TreatmentPlanLine")
    _expect(field, "TreatmentPlanLine", lines.filter(pl.col("PlanID").is_in(plans)))
    exams = field.keys("ClinicalExam", "rejected", "held_back")
    findings = field.draft.table("ExamFinding")
    _expect(field, "ExamFinding", findings.filter(pl.col("ExamID").is_in(exams)))
    staged = field.draft.table("PeriodontalClassification")
    kept = staged.filter(pl.col("ExamID").is_in(exams), ~pl.col("PatientID").is_in(patients))
    for classification in kept["ClassificationID"]:
        field.draft.set("PeriodontalClassification", classification, ExamID=None)


def _expect(field: Field, table: str, rows: pl.DataFrame, column: str = "") -> None:
    keys: Iterable[int] = rows[key_column(table)]
    for key in keys:
        field.expect("held_back", table, key, column, _CODE)
