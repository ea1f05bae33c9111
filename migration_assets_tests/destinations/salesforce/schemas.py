"""Small schemas that the tests of the Salesforce destination share."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema, payload_dtype

KEY = FieldSchema(
    "PANDA_Key__c",
    "PANDA Key",
    FieldType.TEXT,
    True,
    length=120,
    unique=True,
    external_id=True,
    case_sensitive=True,
)

ACCOUNT = ObjectSchema(
    "Account",
    "Account",
    "Accounts",
    False,
    "PANDA_Key__c",
    (KEY, FieldSchema("Name", "Account Name", FieldType.TEXT, False, length=255, required=True)),
)

CONTACT = ObjectSchema(
    "Contact",
    "Contact",
    "Contacts",
    False,
    "PANDA_Key__c",
    (
        KEY,
        FieldSchema("LastName", "Last Name", FieldType.TEXT, False, length=80, required=True),
        FieldSchema("Birthdate", "Birthdate", FieldType.DATE, False),
        FieldSchema("Email", "Email", FieldType.EMAIL, False),
        FieldSchema(
            "AccountId", "Account", FieldType.LOOKUP, False, reference_to="Account", relationship="Account"
        ),
        FieldSchema("Provider__c", "Provider", FieldType.CHECKBOX, True),
        FieldSchema(
            "Specialty__c", "Specialty", FieldType.PICKLIST, True, values=("Periodontics", "Oral Surgery")
        ),
        FieldSchema(
            "Credentials__c", "Credentials", FieldType.MULTI_PICKLIST, True, values=("DDS", "DMD", "MS")
        ),
    ),
)

EXAM = ObjectSchema(
    "ClinicalExam__c",
    "Clinical Exam",
    "Clinical Exams",
    True,
    "PANDA_Key__c",
    (
        KEY,
        FieldSchema(
            "Contact__c",
            "Patient",
            FieldType.LOOKUP,
            True,
            reference_to="Contact",
            relationship="Contact__r",
            child_relationship="ClinicalExams",
        ),
        FieldSchema("Notes__c", "Notes", FieldType.LONG_TEXT, True, length=131_072),
        FieldSchema("Short__c", "Short", FieldType.TEXT, True, length=40),
        FieldSchema("Depth__c", "Depth", FieldType.NUMBER, True, precision=3, scale=0),
        FieldSchema("Cost__c", "Cost", FieldType.CURRENCY, True, precision=18, scale=2),
        FieldSchema("Ratio__c", "Ratio", FieldType.NUMBER, True, precision=6, scale=3),
        FieldSchema("Bleeding__c", "Bleeding", FieldType.CHECKBOX, True),
        FieldSchema("Exam_Date__c", "Exam Date", FieldType.DATE, True),
        FieldSchema("Charted_At__c", "Charted At", FieldType.DATETIME, True),
        FieldSchema(
            "Numbering__c", "Numbering", FieldType.PICKLIST, True, values=("Universal", "Palmer", "FDI")
        ),
    ),
)

EVENT = ObjectSchema(
    "Event",
    "Event",
    "Events",
    False,
    "PANDA_Key__c",
    (
        KEY,
        FieldSchema("Subject", "Subject", FieldType.TEXT, False, length=255),
        FieldSchema("StartDateTime", "Start", FieldType.DATETIME, False),
        FieldSchema("DurationInMinutes", "Duration", FieldType.NUMBER, False, precision=8, scale=0),
        FieldSchema("WhoId", "Patient", FieldType.LOOKUP, False, reference_to="Contact", relationship="Who"),
        FieldSchema(
            "WhatId", "Related To", FieldType.LOOKUP, False, reference_to="Account", relationship="What"
        ),
        FieldSchema("SessionType__c", "Session Type", FieldType.TEXT, True, length=80),
    ),
)


def wide_exam(measures: int) -> ObjectSchema:
    """The exam with that many measure columns beside key and patient."""
    fields = tuple(
        FieldSchema(
            f"PocketDepth_S{number:04}__c", f"Depth {number}", FieldType.NUMBER, True, precision=2, scale=0
        )
        for number in range(measures)
    )
    patient = replace(EXAM.field("Contact__c"), child_relationship=None)
    return ObjectSchema(
        "WideExam__c",
        "Wide Exam",
        "Wide Exams",
        True,
        "PANDA_Key__c",
        (KEY, patient, *fields),
    )


def sent_dtype(field: FieldSchema) -> pl.DataType:
    """A payload's type of a field: as it is read back, but a number has no more decimals than its field."""
    return pl.Decimal(field.precision or 18, field.scale) if field.scale else payload_dtype(field)
