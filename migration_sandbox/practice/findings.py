"""The tables ExamFinding (what a practice charts beyond PANDA's columns) and PeriodontalClassification."""

import numpy as np
import polars as pl

from migration_sandbox.practice.draw import blank_out, pick, shifted, stream
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import as_table
from migration_sandbox.practice.teeth import PERMANENT, SITES
from migration_sandbox.practice.tooth_sites import TOOTH, written

_FIRST_FINDING, _FIRST_CLASSIFICATION = 1_000_000, 90_000
# Name, what is written as its value, and whether it belongs to a tooth.
_FINDINGS: tuple[tuple[str, tuple[str | None, ...], bool], ...] = (
    ("Keratinized tissue width", ("1 mm", "2 mm", "3", "5 mm", "< 1"), True),
    ("Mucogingival junction", ("4", "6", "7 mm"), True),
    ("Frenum pull", ("yes", "slight", "none"), True),
    ("Open contact", ("mesial", "distal", None), True),
    ("Fremitus", ("+", "++", "class I"), True),
    ("Gingival phenotype", ("thin", "thick", "dünn", "厚い"), False),
    ("Tongue", ("w.n.l.", "geographic", "fissured; follow up"), False),
    ("Night guard", ("worn", "lost", "new one ordered"), False),
)
_STAGES = (
    ("I", "Stage I"),
    ("II", "Stage II", "ii"),
    ("III", "Stage III", "stage iii"),
    ("IV", "Stage IV", "IV"),
)
_EXTENTS = ("Generalized", "Localized", "localized", "Molar/incisor", None)


def exam_findings(register: Register) -> pl.DataFrame:
    """One exam in three has some, one to six; a finding of a tooth is in the exam's numbering."""
    rng = stream(register.seed, "finding")
    exams = register.exams.height
    exam = np.repeat(np.arange(exams), np.where(rng.random(exams) < 0.35, rng.integers(1, 7, exams), 0))
    count = len(exam)
    kind = rng.integers(0, len(_FINDINGS), count)
    on_tooth = np.array([of_tooth for _, _, of_tooth in _FINDINGS])[kind]
    tooth = rng.integers(0, len(PERMANENT), count)
    value = rng.integers(0, 60, count)  # a multiple of each list's length, so that all are as likely
    values = [entries[place % len(entries)] for _, entries, _ in _FINDINGS for place in range(60)]
    site = pick(rng, (*SITES, None), count)
    frame = pl.DataFrame(
        {
            "FindingID": _FIRST_FINDING + np.arange(count),
            "ExamID": register.exams["ExamID"].gather(exam),
            "Tooth": written(register.numbering[exam], np.full(count, TOOTH), tooth).set(
                pl.Series(~on_tooth), None
            ),
            "Site": site.set(pl.Series(~on_tooth), None),
            "FindingName": pl.Series([name for name, _, _ in _FINDINGS]).gather(kind),
            "FindingValue": pl.Series(values).gather(kind * 60 + value),
            "ModifiedAt": shifted(rng, register.visits.at[exam], 2, 45),
        }
    )
    return as_table("ExamFinding", frame)


def classifications(register: Register) -> pl.DataFrame:
    """Stage and grade (AAP 2017) at the first exam of most adults, and again when the disease went on.

    The stage follows the mouth's attachment level roughly; spellings are those that people type.
    """
    rng = stream(register.seed, "classification")
    order, starts, counts = register.by_patient()
    adults = np.flatnonzero(~register.child & (rng.random(len(counts)) < 0.85))
    again = adults[(counts[adults] > 3) & (rng.random(len(adults)) < 0.4)]
    patient = np.concatenate([adults, again])
    exam = np.concatenate([order[starts[adults]], order[starts[again] + counts[again] - 1]])
    in_time = np.lexsort((exam, patient))
    patient, exam = patient[in_time], exam[in_time]
    count = len(patient)
    lost = (register.mouths.depth + register.mouths.margin).mean(axis=(1, 2))[
        patient
    ] + 0.3 * register.visits.years[exam]
    severity = np.digitize(lost, (2.6, 3.4, 4.6))
    spelling = rng.choice(3, size=count, p=(0.8, 0.15, 0.05))
    stages = [words[min(place, len(words) - 1)] for words in _STAGES for place in range(3)]
    staged = register.visits.at[exam]
    frame = pl.DataFrame(
        {
            "ClassificationID": _FIRST_CLASSIFICATION + np.arange(count),
            "PatientID": register.patient_ids.gather(patient),
            "ExamID": blank_out(rng, register.exams["ExamID"].gather(exam), 0.1),
            "Stage": pl.Series(stages).gather(severity * 3 + spelling),
            "Grade": pick(rng, ("A", "B", "C", "b", None), count, (2, 5, 2, 0.3, 0.3)),
            "Extent": pick(rng, _EXTENTS, count),
            "StagedAt": staged,
            "ModifiedAt": shifted(rng, staged, 1, 60),
        }
    )
    return as_table("PeriodontalClassification", frame)
