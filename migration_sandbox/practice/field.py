"""What the kinds of defects work on: untouched patients and exams to take, and the list of expectations."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from migration_sandbox.practice.draft import Draft
from migration_sandbox.practice.draw import stream
from migration_sandbox.practice.manifest import Expectation, Outcome
from migration_sandbox.practice.teeth import Numbering


class Field:
    """Hands out each patient once, in a random order that the seed decides."""

    def __init__(self, seed: int, draft: Draft, canaries: list[int], numbering: Numbering) -> None:
        self.draft = draft
        self.numbering: Numbering = numbering
        self.expectations: list[Expectation] = []
        rng = stream(seed, "defect")
        patients = draft.table("Patient")["PatientID"]
        plain = patients.filter(~patients.is_in(canaries)).to_list()
        self._plain: Iterator[int] = iter([plain[place] for place in rng.permutation(len(plain))])
        self._canaries = iter(canaries)
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

    def rows_of(self, exam: int) -> list[dict[str, Any]]:
        """The charting rows of an exam, by tooth."""
        chart = self.draft.table("PeriodontalCharting")
        return chart.filter(chart["ExamID"] == exam).sort("ChartingID").to_dicts()

    def expect(self, outcome: Outcome, table: str, key: int, column: str, code: str) -> None:
        self.expectations.append(Expectation(table, str(key), column, code, outcome))
