"""What the kinds of defects work on: untouched patients and their rows to take, and the expectations."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

import polars as pl

from migration_sandbox.practice.draft import Draft
from migration_sandbox.practice.draw import stream
from migration_sandbox.practice.manifest import Expectation, Outcome
from migration_sandbox.practice.teeth import Habit, Numbering


def order_of_patients(seed: int, patients: pl.Series, canaries: Collection[int]) -> list[int]:
    """The ids of all patients but the canaries, in the random order in which defects take them."""
    plain = patients.filter(~patients.is_in(list(canaries))).to_list()
    return [plain[place] for place in stream(seed, "defect").permutation(len(plain))]


class Field:
    """Hands out each patient once, in a random order that the seed decides.

    ``reserved`` patients have something special of their own and are not handed out.
    """

    def __init__(
        self, seed: int, draft: Draft, canaries: list[int], habit: Habit, reserved: Collection[int] = ()
    ) -> None:
        self.draft = draft
        self.expectations: list[Expectation] = []
        self._habit: Habit = habit
        order = order_of_patients(seed, draft.table("Patient")["PatientID"], canaries)
        self._plain: Iterator[int] = iter([patient for patient in order if patient not in reserved])
        self._canaries = iter(canaries)
        self._reserved = tuple(reserved)
        self._marked = tuple(canaries)
        self._spare = stream(seed, "spare row")
        exams = draft.table("ClinicalExam")
        self._exams: dict[int, pl.DataFrame] = {
            int(str(key[0])): frame
            for key, frame in exams.select("ExamID", "PatientID", "ChartingType").group_by("PatientID")
        }

    def patient(self, canary: bool = False) -> int:
        """An untouched patient; a canary while there are any, where one is asked for."""
        found = next(self._canaries, None) if canary else None
        if found is None:
            found = next(self._plain, None)
        if found is None:
            raise ValueError("too few patients for the defects asked for: raise patients or lower defects")
        return found

    def exams_of_reserved(self) -> Iterator[int]:
        """The exams of the patients that are not handed out."""
        return (exam for patient in self._reserved for exam in self.exams_of(patient))

    def exams_of(self, patient: int) -> list[int]:
        """The ids of all exams of a patient, in the order of time."""
        return sorted(self._exams[patient]["ExamID"].to_list())

    def exam(self, canary: bool = False, kind: str | None = None, with_birth_date: bool = False) -> int:
        """An exam of an untouched patient; the last one of its kind where a kind is asked for."""
        while True:
            patient = self.patient(canary)
            if with_birth_date and self.draft.row("Patient", patient)["DateOfBirth"] is None:
                continue
            exams = self._exams[patient]
            if kind is not None:
                exams = exams.filter(pl.col("ChartingType") == kind)
            if exams.height:
                return int(exams["ExamID"].to_list()[-1])

    def numbering_of(self, exam: int) -> Numbering:
        """The system that an exam's teeth are written in."""
        if self._habit != "mixed":
            return self._habit
        system: Numbering = self.draft.table("ClinicalExam").row(
            by_predicate=pl.col("ExamID") == exam, named=True
        )["ToothNumberingSystem"]
        return system

    def record(
        self, table: str, suits: Callable[[dict[str, Any]], bool] = lambda _: True, canary: bool = False
    ) -> dict[str, Any]:
        """A row that suits, of an untouched patient, out of a table that has a PatientID."""
        frame = self.draft.table(table)
        while True:
            patient = self.patient(canary)
            canary = False
            for row in frame.filter(pl.col("PatientID") == patient).iter_rows(named=True):
                if suits(row):
                    return row

    def spare(self, table: str, suits: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """A row that suits, to be copied, of a patient and an exam that are migrated and aren't canaries.

        Of its patient's other rows some may have a defect.
        """
        frame = self.draft.table(table)
        exams = self.draft.table("ClinicalExam")
        lost = [*self._marked, *self.keys("Patient", "rejected")]
        for column, keys in (
            ("PatientID", lost),
            ("ExamID", exams.filter(pl.col("PatientID").is_in(lost))["ExamID"].to_list()),
            ("ExamID", self.keys("ClinicalExam", "rejected", "held_back", "flagged")),
        ):
            if column in frame.columns:
                frame = frame.filter(~pl.col(column).is_in(keys).fill_null(False))
        for place in self._spare.permutation(frame.height):
            row = frame.row(int(place), named=True)
            if suits(row):
                return row
        raise ValueError(f"no row of {table} suits a defect: raise patients or lower defects")

    def keys(self, table: str, *outcomes: str) -> list[int]:
        """The primary keys of the rows from which one of the outcomes is expected so far."""
        return [
            int(defect.source_key)
            for defect in self.expectations
            if defect.table == table and defect.outcome in outcomes
        ]

    def rows_of(self, exam: int) -> list[dict[str, Any]]:
        """The charting rows of an exam, by tooth."""
        chart = self.draft.table("PeriodontalCharting")
        return chart.filter(chart["ExamID"] == exam).sort("ChartingID").to_dicts()

    def expect(self, outcome: Outcome, table: str, key: int, column: str, code: str) -> None:
        self.expectations.append(Expectation(table, str(key), column, code, outcome))
