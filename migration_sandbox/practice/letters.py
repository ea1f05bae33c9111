"""The table Letter, and the PDF of each letter as a row of Document.

Plans go to patients, reports to referring dentists, requests to specialists, recalls to patients. A letter
describes procedures in words of its own, not in the plan's.
"""

import numpy as np
import polars as pl

from migration_sandbox.practice import letter_templates
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
from migration_sandbox.practice.pdf import one_page
from migration_sandbox.practice.plans import Book
from migration_sandbox.practice.procedures import COURSES
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.schema import as_table

_FIRST = 400_000
_COLUMNS = (
    "patient",
    "PlanID",
    "ReferralID",
    "TemplateID",
    "LetterType",
    "Recipient",
    "Subject",
    "day",
    "body",
)


def _letter_texts() -> pl.Series:
    """By course, what a letter says of it."""
    return pl.Series([", then ".join(step.letter for step in course.steps) for course in COURSES])


def _part(patient: Ints, **columns: object) -> pl.DataFrame:
    empty = pl.Series([None] * len(patient), dtype=pl.Int64)
    frame = pl.DataFrame({"patient": patient, "PlanID": empty, "ReferralID": empty})
    return (
        frame.with_columns(
            **{
                name: value if isinstance(value, pl.Series) else pl.lit(value)
                for name, value in columns.items()
            }
        )
        .select(
            pl.col("patient", "PlanID", "ReferralID", "TemplateID", "day").cast(pl.Int64),
            pl.col("LetterType", "Recipient", "Subject", "body"),
        )
        .select(_COLUMNS)
    )


def _of_plans(rng: np.random.Generator, names: pl.Series, book: Book) -> pl.DataFrame:
    sent = np.flatnonzero(rng.random(len(book.patient)) < 0.75)
    course = pl.Series([each.name for each in COURSES]).gather(book.course[sent])
    body = "We propose " + _letter_texts().gather(book.course[sent]) + "."
    templates = (letter_templates.TO_PATIENT, letter_templates.TO_PATIENT, letter_templates.TO_PATIENT_SHORT)
    return _part(
        book.patient[sent],
        PlanID=book.plans["PlanID"].gather(sent),
        TemplateID=pick(rng, templates, len(sent)),
        LetterType=pick(rng, ("to patient", "to patient", "To patient"), len(sent)),
        Recipient=names.gather(book.patient[sent]),
        Subject="Your treatment plan: " + course.str.to_lowercase(),
        day=pl.Series(book.proposed[sent]),
        body=body,
    )


def _of_referrals(
    rng: np.random.Generator, register: Register, referrals: pl.DataFrame, full: pl.Series
) -> pl.DataFrame:
    position = pl.DataFrame({"PatientID": register.patient_ids, "patient": np.arange(len(full))})
    written = referrals.join(position, on="PatientID", maintain_order="left")
    written = written.filter(pl.Series(rng.random(written.height) < 0.65))
    incoming = written["Direction"] == "incoming"
    patient = written["patient"].to_numpy()
    sent = np.where(
        incoming.to_numpy(), register.first_day()[patient], written["ReferredAt"].to_physical().to_numpy()
    )
    report = pl.Series(["We have seen your patient and thank you for the referral."] * len(patient))
    count = len(patient)
    return _part(
        patient,
        ReferralID=written["ReferralID"],
        TemplateID=pl.Series([letter_templates.TO_SPECIALIST] * count).set(
            incoming, letter_templates.TO_DENTIST
        ),
        LetterType=pl.Series(["to specialist"] * count).set(incoming, "to referring dentist"),
        Recipient=written["ReferrerName"],
        Subject="Re: " + full.gather(patient),
        day=pl.Series(sent),
        body=report.set(~incoming, "Please see our patient; the radiographs are enclosed."),
    )


def _recalls(rng: np.random.Generator, register: Register, names: pl.Series) -> pl.DataFrame:
    patient = np.flatnonzero(rng.random(register.patients.height) < 0.25)
    return _part(
        patient,
        TemplateID=letter_templates.RECALL,
        LetterType="to patient",
        Recipient=names.gather(patient),
        Subject="Time for your visit",
        day=pl.Series(register.exam_days()[register.last_exam()][patient]),
        body="It is time for your next visit.",
    )


def letters(
    register: Register, book: Book, referrals: pl.DataFrame, first_document: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The table Letter, and its rows of Document from ``first_document`` on: nine in ten have a PDF."""
    rng = stream(register.seed, "letter")
    people = register.patients
    full = people["FirstName"] + " " + people["LastName"]
    parts = (
        _of_plans(rng, full, book),
        _of_referrals(rng, register, referrals, full),
        _recalls(rng, register, full),
    )
    written = pl.concat(parts)
    count = written.height
    days = weekday(np.minimum(written["day"].to_numpy() + rng.integers(0, 8, count), LAST_DAY))
    sent = office_times(rng, days)
    filed = rng.random(count) < 0.9
    document = first_document + np.cumsum(filed) - 1
    frame = written.with_columns(
        pl.Series("LetterID", _FIRST + np.arange(count)),
        register.patient_ids.gather(written["patient"]).alias("PatientID"),
        blank_out(rng, pick(rng, register.inside("periodontist"), count), 0.03).alias("ProviderID"),
        blank_out(rng, written["TemplateID"], 0.05),
        pl.Series("DocumentID", document).set(pl.Series(~filed), None),
        blank_out(rng, pl.Series("SentAt", sent), 0.05),
        pl.Series("ModifiedAt", shifted(rng, sent, 0, 60)),
    )
    kept = pl.Series(filed)
    papers = _documents(people, written.filter(kept), document[filed], sent[filed])
    return as_table("Letter", frame), papers


def _documents(people: pl.DataFrame, written: pl.DataFrame, ids: Ints, sent: np.ndarray) -> pl.DataFrame:
    """The PDFs, named after the patient and the day as a practice's template does it."""
    patient = people[written["patient"].to_numpy()]
    day = pl.Series(sent).dt.strftime("%Y-%m-%d")
    kind = written["LetterType"].str.to_lowercase().str.replace_all(" ", "_")
    texts = zip(written["Recipient"], written["Subject"], day, written["body"], strict=True)
    content = [_page(recipient, subject, on, body) for recipient, subject, on, body in texts]
    frame = pl.DataFrame(
        {
            "DocumentID": ids,
            "PatientID": patient["PatientID"],
            "FileName": patient["LastName"] + "_" + patient["FirstName"] + "_" + kind + "_" + day + ".pdf",
            "MimeType": pl.Series(["application/pdf"] * len(ids)),
            "Content": pl.Series(content, dtype=pl.Binary),
            "CreatedAt": sent,
            "ModifiedAt": sent,
        }
    )
    return as_table("Document", frame)


def _page(recipient: str, subject: str, day: str, body: str) -> bytes:
    words, lines = body.split(" "), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 80:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return one_page(subject, [day, "", recipient, "", subject, "", *lines, "", "Sincerely,", "The practice"])
