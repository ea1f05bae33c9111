"""The table Appointment: a visit for each exam and each step of a plan, recalls ahead, and cancellations."""

import numpy as np
import polars as pl

from migration_sandbox.practice.draw import (
    LAST_DAY,
    Ints,
    blank_out,
    office_times,
    pick,
    shifted,
    stream,
    weekday,
)
from migration_sandbox.practice.narratives import visit_remarks
from migration_sandbox.practice.plans import Book
from migration_sandbox.practice.procedures import COURSES, SURGICAL_PHASES
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import as_table

_FIRST = 300_000
_INITIAL = ("Initial Consultation", "Initial consultation", "New patient consult")
_RECALL = ("Periodontal Maintenance", "Periodontal Maintenance", "Perio maintenance", "Re-evaluation")
_SURGERY = ("Surgical Procedure", "Surgical Procedure", "surgical procedure")
_OTHER = ("Treatment", "Scaling and root planing", "Implant restoration")
_MISSED = ("Cancelled", "No-show", "Rescheduled")
_AHEAD = ("Scheduled", "Confirmed")


def _part(patient: Ints, day: Ints, session: pl.Series, minutes: Ints, status: pl.Series) -> pl.DataFrame:
    return pl.DataFrame(
        {"patient": patient, "day": day, "SessionType": session, "DurationMinutes": minutes, "Status": status}
    )


def _of_exams(rng: np.random.Generator, register: Register) -> pl.DataFrame:
    """One appointment for each exam, at the exam's own time and with its provider."""
    count = register.exams.height
    first = pl.Series(register.visits.years == 0)
    session = pick(rng, _INITIAL, count).zip_with(first, pick(rng, _RECALL, count))
    minutes = np.where(first.to_numpy(), 90, rng.choice((30, 45, 60), count))
    part = _part(
        register.visits.patient, register.exam_days(), session, minutes, pl.Series(["Completed"] * count)
    )
    return part.with_columns(register.exams["ProviderID"], register.exams["ExamDate"].alias("StartsAt"))


def _of_plans(rng: np.random.Generator, book: Book) -> pl.DataFrame:
    happens = book.line_happens
    surgical = [step.phase in SURGICAL_PHASES for course in COURSES for step in course.steps]
    starts = np.cumsum([0, *(len(course.steps) for course in COURSES)])[:-1]
    step = starts[book.course[book.line_plan]] + book.lines["Sequence"].to_numpy() - 1
    operated = np.array(surgical)[step][happens]
    day, count = book.line_day[happens], int(happens.sum())
    session = pick(rng, _SURGERY, count).zip_with(pl.Series(operated), pick(rng, _OTHER, count))
    status = pl.Series(["Completed"] * count).zip_with(pl.Series(day <= LAST_DAY), pick(rng, _AHEAD, count))
    part = _part(book.patient[book.line_plan][happens], day, session, np.where(operated, 120, 60), status)
    return part.with_columns(
        book.plans["ProviderID"].gather(book.line_plan[happens]),
        pl.Series("StartsAt", office_times(rng, day)),
    )


def _others(rng: np.random.Generator, register: Register) -> pl.DataFrame:
    """Recalls in the weeks ahead, and visits that never took place."""
    everybody = np.arange(register.patients.height)
    ahead = everybody[rng.random(len(everybody)) < 0.4]
    missed = everybody[rng.random(len(everybody)) < 0.5]
    since_first = LAST_DAY - register.first_day()[missed]
    days = weekday(
        np.concatenate(
            [
                LAST_DAY + 3 + rng.integers(0, 150, len(ahead)),
                LAST_DAY - (rng.random(len(missed)) * since_first).astype(np.int64) - 4,
            ]
        )
    )
    status = pl.concat([pick(rng, _AHEAD, len(ahead)), pick(rng, _MISSED, len(missed))])
    count = len(days)
    part = _part(
        np.concatenate([ahead, missed]),
        days,
        pick(rng, _RECALL, count),
        rng.choice((30, 45, 60), count),
        status,
    )
    own = pl.Series(register.inside("periodontist", "hygienist"))
    return part.with_columns(
        own.gather(rng.integers(0, len(own), count)).alias("ProviderID"),
        pl.Series("StartsAt", office_times(rng, days)),
    )


def appointments(register: Register, book: Book) -> pl.DataFrame:
    """The whole calendar in the order of time."""
    rng = stream(register.seed, "appointment")
    kept = ["patient", "day", "SessionType", "DurationMinutes", "Status", "ProviderID", "StartsAt"]
    parts = [_of_exams(rng, register), _of_plans(rng, book), _others(rng, register)]
    calendar = pl.concat([part.select(kept) for part in parts], how="vertical_relaxed")
    calendar = calendar.sort("StartsAt", "patient", maintain_order=True)
    count = calendar.height
    made = weekday(np.minimum(calendar["day"].to_numpy(), LAST_DAY) - rng.integers(3, 60, count))
    created = office_times(rng, made)
    frame = calendar.with_columns(
        pl.Series("AppointmentID", _FIRST + np.arange(count)),
        register.patient_ids.gather(calendar["patient"]).alias("PatientID"),
        blank_out(rng, calendar["DurationMinutes"], 0.01),
        visit_remarks(rng, count).alias("Notes"),
        pl.Series("CreatedAt", created),
        pl.Series("ModifiedAt", shifted(rng, created, 1, 300)),
    )
    return as_table("Appointment", frame)
