"""Joins the tables beyond charting: everything that the register of people and visits gives rise to."""

import polars as pl

from migration_sandbox.practice.appointments import appointments
from migration_sandbox.practice.clinical_notes import clinical_notes
from migration_sandbox.practice.findings import classifications, exam_findings
from migration_sandbox.practice.insurance import insurance
from migration_sandbox.practice.letter_templates import letter_templates
from migration_sandbox.practice.letters import letters
from migration_sandbox.practice.papers import other_documents
from migration_sandbox.practice.plans import book
from migration_sandbox.practice.radiographs import radiographs
from migration_sandbox.practice.referrals import referrals
from migration_sandbox.practice.register import Register
from migration_sandbox.practice.staff import staff_users

_FIRST_DOCUMENT = 700_000


def records(register: Register) -> tuple[dict[str, pl.DataFrame], dict[int, bytes]]:
    """The thirteen tables by name, and the images that are files on the share by RadiographID."""
    plans = book(register)
    sent_on = referrals(register)
    calendar = appointments(register, plans)
    written, letter_files = letters(register, plans, sent_on, _FIRST_DOCUMENT)
    next_document = _FIRST_DOCUMENT + letter_files.height
    images, image_files, on_share = radiographs(register, plans, next_document)
    others = other_documents(register, next_document + image_files.height)
    tables = {
        "ExamFinding": exam_findings(register),
        "PeriodontalClassification": classifications(register),
        "TreatmentPlan": plans.plans,
        "TreatmentPlanLine": plans.lines,
        "Referral": sent_on,
        "Document": pl.concat([letter_files, image_files, others]),
        "LetterTemplate": letter_templates(),
        "Letter": written,
        "Appointment": calendar,
        "ClinicalNote": clinical_notes(register, calendar),
        "Radiograph": images,
        "Insurance": insurance(register),
        "StaffUser": staff_users(register),
    }
    return tables, on_share
