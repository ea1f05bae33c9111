"""The tables TreatmentPlan and TreatmentPlanLine: what was proposed after an exam, and how far it came.

A tooth that a patient loses and gets replaced has an implant course that begins at the exam before. Plans
run over weeks or, with healing periods, many months; their state is what it would be on ``draw.LAST_DAY``.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from migration_sandbox.practice.draw import (
    LAST_DAY,
    Bools,
    Ints,
    blank_out,
    office_times,
    pick,
    shifted,
    stream,
    weekday,
)
from migration_sandbox.practice.mouth import CROWN, NEVER, PRESENT
from migration_sandbox.practice.narratives import plan_notes
from migration_sandbox.practice.procedures import COURSES, FOR_A_CHILD, IMPLANT
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import as_table
from migration_sandbox.practice.teeth import THIRD_MOLARS
from migration_sandbox.practice.tooth_sites import TOOTH, written

_DECLINED, _PROPOSED, _ACCEPTED, _UNDER_WAY, _COMPLETED = range(5)
# The same five words as different people type them.
_STATUS_WORDS = (
    ("declined", "Declined"),
    ("proposed", "Proposed"),
    ("accepted", "Accepted"),
    ("in-progress", "In-Progress", "In Progress"),
    ("completed", "Completed"),
)
_FIRST_PLAN, _FIRST_LINE = 20_000, 200_000
_NOT_THIRD = ~np.isin(np.arange(1, 33), THIRD_MOLARS)


@dataclass(frozen=True)
class Book:
    """Both tables, and by plan: position of the patient and of the exam it rests on, course, tooth, day."""

    plans: pl.DataFrame
    lines: pl.DataFrame
    patient: Ints
    exam: Ints
    course: Ints
    tooth: Ints
    proposed: Ints
    line_plan: Ints
    line_day: Ints
    line_happens: Bools
    """Lines that somebody has made an appointment for, or will."""


def _bases(rng: np.random.Generator, register: Register) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """By plan: patient, exam, course, tooth (from 0) and the day of the proposal."""
    order, starts, exams_of = register.by_patient()
    replaced = register.mouths.implant_at < NEVER
    lost_at = np.where(_NOT_THIRD & replaced, register.mouths.lost_at, np.inf)
    first_lost, lost = lost_at.argmin(axis=1), lost_at.min(axis=1)
    years, whose = register.visits.years, register.visits.patient
    before = np.bincount(whose, weights=years <= lost[whose], minlength=len(lost)).astype(np.int64)
    loses = (before < exams_of) & ~register.child

    counts = np.where(
        register.child, rng.integers(0, 2, len(lost)), np.clip(rng.poisson(1.1, len(lost)), loses, 4)
    )
    patient = np.repeat(np.arange(len(lost)), counts)
    first_plan = np.arange(len(patient)) == (np.cumsum(counts) - counts)[patient]
    replaces = first_plan & loses[patient]

    place = (rng.random(len(patient)) * exams_of[patient]).astype(np.int64)
    place[replaces] = before[patient[replaces]] - 1
    # Some are proposed at a consultation since the last exam, so that a good part is still under way.
    late = ~replaces & (rng.random(len(patient)) < 0.4)
    place[late] = exams_of[patient[late]] - 1
    exam = order[starts[patient] + place]
    weights = np.array([course.weight for course in COURSES])
    course = rng.choice(len(COURSES), size=len(patient), p=weights / weights.sum())
    course[replaces] = IMPLANT
    course[register.child[patient]] = FOR_A_CHILD

    every = np.broadcast_to(np.arange(32), (len(patient), 32))
    status = register.mouths.status_at(
        np.broadcast_to(patient[:, None], every.shape), every, years[exam][:, None]
    )
    there = np.isin(status, (PRESENT, CROWN)) & _NOT_THIRD
    tooth = (rng.random(every.shape) + there).argmax(axis=1)
    tooth[replaces] = first_lost[patient[replaces]]
    day = register.exam_days()[exam]
    since = np.minimum(LAST_DAY - day, rng.integers(0, 400, len(patient)))
    return (
        patient,
        exam,
        course,
        tooth,
        np.where(late, LAST_DAY - since, day + rng.integers(0, 4, len(patient))),
    )


def _line_days(rng: np.random.Generator, start: Ints, plan: Ints, first: Ints, weeks: Ints) -> Ints:
    """The day of each line: after the plan's ``start`` two to three weeks a step, and the healing between."""
    gap = rng.integers(14, 22, len(plan))
    wait = gap + np.concatenate(([0], 7 * weeks[:-1]))
    wait[first] = gap[first]
    elapsed = np.cumsum(wait)
    return np.asarray(start[plan] + elapsed - (elapsed[first] - wait[first])[plan])


def _worded(rng: np.random.Generator, state: Ints) -> pl.Series:
    """The state as a word; most people type it as the list has it."""
    text = pl.Series([words[0] for words in _STATUS_WORDS]).gather(state)
    for number, words in enumerate(_STATUS_WORDS):
        other = pl.Series((state == number) & (rng.random(len(state)) < 0.2))
        text = pick(rng, words[1:], len(state)).zip_with(other, text)
    return text


def _dates(days: Ints, known: Bools) -> pl.Series:
    return pl.Series(days.astype("datetime64[D]")).set(pl.Series(~known), None)


def _dollars(cents: Ints) -> pl.Series:
    return pl.Series(cents / 100.0)


def book(register: Register) -> Book:
    """All plans of the practice in the order of patients, their lines in the order of plans and sequence."""
    rng = stream(register.seed, "plan")
    patient, exam, course, tooth, day_of_plan = _bases(rng, register)
    count = len(patient)
    lengths = np.array([len(each.steps) for each in COURSES])[course]
    plan = np.repeat(np.arange(count), lengths)
    first = np.cumsum(lengths) - lengths
    sequence = np.arange(len(plan)) - first[plan]
    steps = [step for each in COURSES for step in each.steps]
    course_start = np.cumsum([0, *(len(each.steps) for each in COURSES)])[:-1]
    step = course_start[course[plan]] + sequence
    weeks = np.array([each.weeks or 0 for each in steps])[step]

    proposed = weekday(day_of_plan)
    accepted = weekday(proposed + rng.integers(2, 40, count))
    day = weekday(_line_days(rng, accepted, plan, first, weeks))
    last = first + lengths - 1
    ends = day[last] + 7 * weeks[last]
    fate = rng.random(count)
    state = np.select(
        [fate < 0.12, (fate < 0.25) | (accepted > LAST_DAY), day[first] > LAST_DAY, ends > LAST_DAY],
        [_DECLINED, _PROPOSED, _ACCEPTED, _UNDER_WAY],
        _COMPLETED,
    )
    goes_on = state >= _ACCEPTED
    line_state = np.where(goes_on[plan] & (day <= LAST_DAY), _COMPLETED, np.minimum(state, _ACCEPTED)[plan])

    # Fees differ a little from plan to plan, as fee schedules change over the years.
    fee = rng.integers(95, 106, count)
    cents = np.array([each.cost for each in steps])[step] * fee[plan]
    total = np.bincount(plan, weights=cents, minlength=count).astype(np.int64)
    total -= np.where(rng.random(count) < 0.05, total // 20, 0)
    codes = pl.Series([each.code for each in steps]).gather(step)
    lines = pl.DataFrame(
        {
            "LineID": _FIRST_LINE + np.arange(len(plan)),
            "PlanID": _FIRST_PLAN + plan,
            "Sequence": sequence + 1,
            "Phase": pl.Series([each.phase for each in steps]).gather(step),
            "ProcedureCode": codes,
            "Description": pl.Series([each.text for each in steps]).gather(step),
            "ToothSite": written(
                register.numbering[exam][plan], np.array([each.site for each in steps])[step], tooth[plan]
            ),
            "EstimatedCost": _dollars(cents),
            "HealingWeeks": pl.Series(weeks).set(pl.Series(weeks == 0), None),
            "ScheduledDate": _dates(day, goes_on[plan]),
            "Status": _worded(rng, line_state),
            "ModifiedAt": office_times(rng, np.minimum(day, LAST_DAY)),
        }
    )
    return Book(
        plans=_plans(rng, register, patient, exam, course, tooth, state, total, (proposed, accepted, ends)),
        lines=as_table("TreatmentPlanLine", lines),
        patient=patient,
        exam=exam,
        course=course,
        tooth=tooth,
        proposed=proposed,
        line_plan=plan,
        line_day=day,
        line_happens=goes_on[plan] & codes.is_not_null().to_numpy(),
    )


def _plans(
    rng: np.random.Generator,
    register: Register,
    patient: Ints,
    exam: Ints,
    course: Ints,
    tooth: Ints,
    state: Ints,
    total: Ints,
    days: tuple[Ints, Ints, Ints],
) -> pl.DataFrame:
    """The table TreatmentPlan; ``days`` are those of proposal, acceptance and completion."""
    count = len(patient)
    proposed, accepted, ended = days
    created = office_times(rng, proposed)
    site = written(register.numbering[exam], np.full(count, TOOTH), tooth)
    name = pl.Series([each.name for each in COURSES]).gather(course)
    named = pl.Series(rng.random(count) < 0.5)
    frame = pl.DataFrame(
        {
            "PlanID": _FIRST_PLAN + np.arange(count),
            "PatientID": register.patient_ids.gather(patient),
            "ProviderID": blank_out(rng, pick(rng, register.inside("periodontist"), count), 0.02),
            "PlanName": (name + " #" + site).zip_with(named, name),
            "TreatmentType": pl.Series([each.treatment_type for each in COURSES]).gather(course),
            "Status": _worded(rng, state),
            "EstimatedCost": blank_out(rng, _dollars(total), 0.03),
            "TreatmentNotes": plan_notes(rng, count),
            "ProposedAt": _dates(proposed, np.ones(count, bool)),
            "AcceptedAt": _dates(accepted, state >= _ACCEPTED),
            "CompletedAt": _dates(weekday(ended), state == _COMPLETED),
            "CreatedAt": created,
            "ModifiedAt": shifted(rng, created, 1, 300),
        }
    )
    return as_table("TreatmentPlan", frame)
