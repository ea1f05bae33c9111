"""Raw rows of what hangs on the patients, exams and providers of ``test_operations``."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

FURTHER: dict[str, list[dict[str, Any]]] = {
    "ExamFinding": [
        {
            "FindingID": 1,
            "ExamID": 10,
            "Tooth": "11",
            "Site": "mb",
            "FindingName": "Calculus",
            "FindingValue": "2",
        }
    ],
    "PeriodontalClassification": [
        {
            "ClassificationID": 1,
            "PatientID": 1,
            "ExamID": 10,
            "Stage": "Stage 3",
            "Grade": "b",
            "StagedAt": datetime(2023, 3, 4, 10, 30),
        },
        {"ClassificationID": 2, "PatientID": 1, "Stage": "II", "StagedAt": datetime(2021, 3, 4, 9)},
    ],
    "Insurance": [
        {
            "InsuranceID": 1,
            "PatientID": 2,
            "Priority": 1,
            "Carrier": "Delta",
            "PolicyNumber": "P-1",
            "Active": True,
            "CoverageBasic": Decimal("80.00"),
        },
        {"InsuranceID": 2, "PatientID": 2, "Priority": 2, "Carrier": "Aetna", "Active": False},
    ],
    "Appointment": [
        {
            "AppointmentID": 1,
            "PatientID": 1,
            "ProviderID": 5,
            "StartsAt": datetime(2024, 5, 6, 9),
            "DurationMinutes": 45,
            "SessionType": "Surgical procedure",
            "Notes": "one\r\ntwo",
        },
        {"AppointmentID": 2, "PatientID": 2, "StartsAt": datetime(2019, 5, 6, 9)},
    ],
    "ClinicalNote": [
        {
            "NoteID": 1,
            "PatientID": 1,
            "AppointmentID": 1,
            "ProviderID": 5,
            "NoteType": "SOAP",
            "Plan": "Recall\r\nsoon",
            "CreatedAt": datetime(2024, 5, 6, 10),
        },
        {
            "NoteID": 2,
            "PatientID": 2,
            "NoteType": "progress",
            "Body": "<p>Healing &amp; well</p>",
            "CreatedAt": datetime(2024, 5, 7, 10),
        },
    ],
    "Referral": [
        {"ReferralID": 1, "PatientID": 1, "ProviderID": 6, "Direction": "outgoing", "Status": "sent"},
        {
            "ReferralID": 2,
            "PatientID": 2,
            "Direction": "Incoming",
            "ReferrerName": "Dr. Ann Moss, DMD",
            "ReferrerPhone": "555 0100 200",
            "Status": "Received",
            "ReferredAt": date(2024, 1, 2),
        },
        {
            "ReferralID": 3,
            "PatientID": 1,
            "Direction": "incoming",
            "ReferrerName": "ann moss",
            "ReferrerPhone": "(555) 0100-200",
        },
    ],
}
"""Rows of the tables that nothing here changes."""
