"""The table ClinicalExam: when each patient came, what kind of charting it was, and what was noted."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from migration_sandbox.practice.draw import (
    LAST_DAY,
    Floats,
    Ints,
    Times,
    blank_out,
    office_times,
    pick,
    shifted,
    stream,
    weekday,
)
from migration_sandbox.practice.notes import exam_notes
from migration_sandbox.practice.schema import frame_schema
from migration_sandbox.practice.teeth import NUMBERINGS, Habit

FULL_MOUTH, LIMITED, SCREENING = range(3)
KINDS = ("Full mouth", "Limited", "Screening")


@dataclass(frozen=True)
class Visits:
    """All charting sessions in the order of time, as arrays of one length.

    ``patient`` is the patient's position (from 0), ``years`` the time since that patient's first exam,
    ``kind`` one of FULL_MOUTH, LIMITED, SCREENING.
    """

    exam_id: Ints
    patient: Ints
    at: Times
    years: Floats
    kind: Ints


def schedule(seed: int, patients: int, mean: float) -> tuple[Visits, Ints]:
    """Visits of ``patients`` people, ``mean`` exams each on average, and the day of each one's first.

    Everybody starts with a full-mouth chart and comes back every three to eleven months.
    """
    rng = stream(seed, "visits")
    counts = np.clip(1 + rng.poisson(max(mean - 1, 0), patients), 1, 14)
    patient = np.repeat(np.arange(patients), counts)
    starts = np.cumsum(counts) - counts
    gaps = rng.integers(80, 340, len(patient))
    gaps[starts] = 0
    elapsed = np.cumsum(gaps)
    elapsed -= elapsed[starts][patient]
    span = elapsed[starts + counts - 1]
    first_day = LAST_DAY - span - rng.integers(5, 1500, patients)
    day = weekday(first_day[patient] + elapsed)
    kind = rng.choice(3, size=len(patient), p=(0.65, 0.25, 0.10))
    kind[starts] = FULL_MOUTH
    at = office_times(rng, day)
    order = np.argsort(at, kind="stable")
    visits = Visits(
        exam_id=5000 + np.cumsum(rng.integers(1, 3, len(patient))),
        patient=patient[order],
        at=at[order],
        years=(elapsed / 365.25).astype(np.float32)[order],
        kind=kind[order],
    )
    return visits, weekday(first_day)


def numbering_of_each(seed: int, visits: Visits, habit: Habit) -> Ints:
    """By visit, the position in NUMBERINGS of the system that its exam is written in."""
    count = len(visits.exam_id)
    if habit == "mixed":
        return stream(seed, "numbering").choice(len(NUMBERINGS), size=count, p=(0.6, 0.25, 0.15))
    return np.full(count, NUMBERINGS.index(habit))


def exams(
    seed: int,
    visits: Visits,
    patient_ids: pl.Series,
    provider_ids: list[int],
    numbering: Ints,
    indices: pl.DataFrame,
) -> pl.DataFrame:
    """One row a visit, in the system that ``numbering`` says for each.

    ``indices`` has ExamID, PlaqueIndex and BleedingIndex as computed from the chart.
    """
    rng = stream(seed, "exam")
    count = len(visits.exam_id)
    created = shifted(rng, visits.at, 1, 20)
    frame = pl.DataFrame(
        {
            "ExamID": visits.exam_id,
            "PatientID": patient_ids.gather(visits.patient),
            "ProviderID": blank_out(rng, pick(rng, provider_ids, count), 0.02),
            "ExamDate": visits.at,
            "ChartingType": blank_out(rng, pl.Series(KINDS).gather(visits.kind), 0.01),
            "ToothNumberingSystem": pl.Series(NUMBERINGS).gather(numbering),
            "Notes": exam_notes(rng, count),
            "CreatedAt": created,
            "ModifiedAt": shifted(rng, created, 20, 300),
        }
    ).join(indices, on="ExamID", how="left", maintain_order="left")
    schema = frame_schema("ClinicalExam")
    return frame.select(list(schema)).cast(schema)  # type: ignore[arg-type]
