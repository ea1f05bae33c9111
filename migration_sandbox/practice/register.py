"""What all the other tables of a practice are drawn from: its people, their visits, their mouths."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from migration_sandbox.practice.draw import Bools, Ints
from migration_sandbox.practice.exams import Visits
from migration_sandbox.practice.mouth import Mouths


@dataclass(frozen=True)
class Register:
    """Frames as generated and arrays beside them.

    ``exams`` and ``visits`` have the same order, ``numbering`` is by exam a position in NUMBERINGS, ``child``
    by patient. A patient's position is the row in ``patients``.
    """

    seed: int
    patients: pl.DataFrame
    providers: pl.DataFrame
    exams: pl.DataFrame
    visits: Visits
    numbering: Ints
    mouths: Mouths
    child: Bools

    @property
    def patient_ids(self) -> pl.Series:
        return self.patients["PatientID"]

    def inside(self, *roles: str) -> list[int]:
        """The ids of the practice's own people with one of the roles."""
        own = self.providers.filter(~pl.col("IsReferring"), pl.col("Role").is_in(roles))
        return own["ProviderID"].to_list()

    def exam_days(self) -> Ints:
        return np.asarray(self.visits.at.astype("datetime64[D]").astype(np.int64))

    def by_patient(self) -> tuple[Ints, Ints, Ints]:
        """Exams grouped by patient: positions of all exams, then each patient's first place and count there.

        Within a patient they are in the order of time.
        """
        order = np.argsort(self.visits.patient, kind="stable")
        counts = np.bincount(self.visits.patient, minlength=self.patients.height)
        return order, np.cumsum(counts) - counts, counts

    def last_exam(self) -> Ints:
        """By patient the position of the last exam."""
        order, starts, counts = self.by_patient()
        return np.asarray(order[starts + counts - 1])

    def first_day(self) -> Ints:
        """By patient the day of the first exam, since 1970."""
        order, starts, _ = self.by_patient()
        return np.asarray(self.exam_days()[order[starts]])
