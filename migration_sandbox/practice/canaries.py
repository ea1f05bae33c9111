"""Patients whose every identifying cell holds a token that occurs nowhere else, to find leaks by searching.

A token is ``Zqx`` and eight hexadecimal digits, ten digits in a phone number, a whole date as date of birth
(1901 to 1909, when no other patient of the sandbox is born).
"""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl

from migration_sandbox.practice.draft import Draft, key_column
from migration_sandbox.practice.draw import stream
from migration_sandbox.practice.manifest import Canary

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
