"""Patients whose every identifying cell holds a token that occurs nowhere else, to find leaks by searching.

A token is ``Zqx`` and eight hexadecimal digits, ten digits in a phone number, a whole date as date of birth
(1901 to 1909, when no other patient of the sandbox is born).
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from migration_sandbox.practice.draft import Draft
from migration_sandbox.practice.draw import stream
from migration_sandbox.practice.manifest import Canary
from migration_sandbox.practice.pdf import one_page
from migration_sandbox.practice.schema import key_column

_STEM = "Zqx"
# What a canary's cell looks like around its token.
_PATIENT_TEXT = {
    "ChartNumber": "{}",
    "FirstName": "{}",
    "MiddleName": "{}",
    "LastName": "{}",
    "PreferredName": "{}",
    "Email": "{}@mail.example",
    "Address1": "12 {} Street",
    "Address2": "Apt {}",
    "City": "{}ville",
    "Zip": "{}",
    "BridgeID": "OD{}",
}
_PHONES = ("HomePhone", "WorkPhone", "MobilePhone")
# The same for every row of a patient's in the other tables, where the cell isn't null.
_RECORD_TEXT = {
    "TreatmentPlan": {"PlanName": "Implant {}", "TreatmentNotes": "Discussed with {}.\r\nConsent signed."},
    "Referral": {
        "ReferrerName": "Dr. {}",
        "ReferrerPractice": "{} Dental",
        "ReferrerEmail": "{}@dentists.example",
        "Notes": "Sent by {}.",
    },
    "Document": {"FileName": "{} scan.pdf"},
    "Letter": {"Recipient": "{}", "Subject": "Re: {}"},
    "Appointment": {"Notes": "{} calls back."},
    "ClinicalNote": {
        "Subjective": "{} reports pain.",
        "Objective": "Examined {}.\r\nNo findings.",
        "Assessment": "{}: stable.",
        "Plan": "Call {} in a week.",
        "Body": "{{\\rtf1\\ansi {} came back.\\par}}",
    },
    "Insurance": {"PolicyNumber": "{}", "GroupNumber": "{}"},
}
_STAFF_TEXT = {"WindowsLogin": "PERIO\\{}", "FullName": "{}", "Email": "{}@practice.example"}
_NOTE = "Patient of {} reports discomfort.\r\nRecall in 3 months."
_FIRST_BIRTH = date(1901, 1, 7)


class Canaries:
    """Plants canaries in a draft and remembers where."""

    def __init__(self, seed: int, draft: Draft) -> None:
        self._rng: np.random.Generator = stream(seed, "canary")
        self._draft = draft
        self._planted: list[Canary] = []
        self._used: set[str] = set()
        self.patients: list[int] = []

    def plant(self, patient: int) -> None:
        """Make a canary of a patient, and of the notes of all of the patient's exams."""
        born = _FIRST_BIRTH + timedelta(days=97 * len(self.patients))
        self.patients.append(patient)
        for column, form in _PATIENT_TEXT.items():
            self._put("Patient", patient, column, form, self._token())
        for column in _PHONES:
            self._put("Patient", patient, column, "{}", self._phone())
        self._draft.set("Patient", patient, DateOfBirth=born)
        self._planted.append(Canary("Patient", str(patient), "DateOfBirth", born.isoformat()))
        exams = self._draft.table("ClinicalExam")
        for exam in exams.filter(exams["PatientID"] == patient)["ExamID"]:
            self._put("ClinicalExam", exam, "Notes", _NOTE, self._token())

    def plant_records(self) -> None:
        """Make canaries of all that the other tables hold of the canary patients, and of a staff user."""
        if not self.patients:
            return
        for table, columns in _RECORD_TEXT.items():
            rows = self._draft.table(table).filter(pl.col("PatientID").is_in(self.patients))
            for row in rows.iter_rows(named=True):
                self._put_all(table, row, columns)
        self._plant_below("TreatmentPlan", "TreatmentPlanLine", "PlanID", {"Description": "For {}"})
        self._plant_below("ClinicalExam", "ExamFinding", "ExamID", {"FindingValue": "As {} says"})
        self._plant_files()
        self._put_all("StaffUser", self._draft.table("StaffUser").row(-1, named=True), _STAFF_TEXT)

    def _plant_below(self, parent: str, table: str, link: str, columns: dict[str, str]) -> None:
        parents = self._draft.table(parent).filter(pl.col("PatientID").is_in(self.patients))[link]
        rows = self._draft.table(table).filter(pl.col(link).is_in(parents.implode()))
        for row in rows.iter_rows(named=True):
            self._put_all(table, row, columns)

    def _plant_files(self) -> None:
        """Tokens in PDFs, paths of the share and the referrers' telephones."""
        theirs = pl.col("PatientID").is_in(self.patients)
        pdfs = self._draft.table("Document").filter(theirs, pl.col("MimeType") == "application/pdf")
        for key in pdfs["DocumentID"]:
            token = self._token()
            self._draft.set("Document", key, Content=one_page("Letter", [f"Dear {token},"]))
            self._planted.append(Canary("Document", str(key), "Content", token))
        images = self._draft.table("Radiograph").filter(theirs).drop_nulls("FilePath")
        for key, path in images.select("RadiographID", "FilePath").iter_rows():
            self._put("Radiograph", key, "FilePath", path.replace("IMG", "{}"), self._token())
        for key in self._draft.table("Referral").filter(theirs).drop_nulls("ReferrerPhone")["ReferralID"]:
            self._put("Referral", key, "ReferrerPhone", "{}", self._phone())

    def standing(self, tables: dict[str, pl.DataFrame]) -> tuple[Canary, ...]:
        """The canaries still there after defects have overwritten some of their cells."""
        standing = []
        for canary in self._planted:
            table = tables[canary.table]
            cell = table.filter(table[key_column(canary.table)] == int(canary.source_key))[
                canary.column
            ].item()
            if canary.token in str(cell):
                standing.append(canary)
        return tuple(standing)

    def _put_all(self, table: str, row: dict[str, Any], columns: dict[str, str]) -> None:
        for column, form in columns.items():
            if row[column] is not None:
                self._put(table, row[key_column(table)], column, form, self._token())

    def _put(self, table: str, key: int, column: str, form: str, token: str) -> None:
        self._draft.set(table, key, **{column: form.format(token)})
        self._planted.append(Canary(table, str(key), column, token))

    def _token(self) -> str:
        return self._unused(lambda: f"{_STEM}{self._rng.integers(0, 2**32):08x}")

    def _phone(self) -> str:
        return self._unused(lambda: f"212{self._rng.integers(2_000_000, 10_000_000)}")

    def _unused(self, make: Callable[[], str]) -> str:
        token = make()
        while token in self._used:
            token = make()
        self._used.add(token)
        return token
