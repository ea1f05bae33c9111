"""Raw rows of Referral, Appointment and StaffUser for tests: sound unless a test says otherwise."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl

from migration_assets.objects.base import Staged, StagedObject, StagingInputs
from migration_assets_tests.objects.rows import PROVIDER, Row, context, frame

_TEXT = pl.String()
_TIME = pl.Datetime("ms")
_MOMENT = datetime(2024, 5, 6, 9, 30)

REFERRAL: dict[str, pl.DataType] = {
    "ReferralID": pl.Int32(),
    "PatientID": pl.Int32(),
    "Direction": _TEXT,
    "ProviderID": pl.Int32(),
    **dict.fromkeys(("ReferrerName", "ReferrerPractice", "ReferrerPhone", "ReferrerEmail"), _TEXT),
    **dict.fromkeys(("ReferralType", "Status"), _TEXT),
    **dict.fromkeys(("ReferredAt", "CompletedAt"), pl.Date()),
    "Notes": _TEXT,
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
APPOINTMENT: dict[str, pl.DataType] = {
    "AppointmentID": pl.Int32(),
    "PatientID": pl.Int32(),
    "ProviderID": pl.Int32(),
    "SessionType": _TEXT,
    "StartsAt": _TIME,
    "DurationMinutes": pl.Int32(),
    **dict.fromkeys(("Status", "Notes"), _TEXT),
    "CreatedAt": _TIME,
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
STAFF: dict[str, pl.DataType] = {
    "UserID": pl.Int32(),
    **dict.fromkeys(("WindowsLogin", "FullName", "Role", "Email"), _TEXT),
    "Active": pl.Boolean(),
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}


def referral(key: int = 30, **changed: Any) -> Row:
    """A referral that names nobody."""
    sound = {"PatientID": 1, "Direction": "incoming", "Status": "received", "ReferredAt": date(2024, 3, 10)}
    return {"ReferralID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def appointment(key: int = 40, **changed: Any) -> Row:
    sound = {"PatientID": 1, "SessionType": "Surgical Procedure", "StartsAt": _MOMENT, "DurationMinutes": 90}
    return {"AppointmentID": key, **sound, "CreatedAt": _MOMENT, "ModifiedAt": _MOMENT, **changed}


def staff_user(key: int = 50, **changed: Any) -> Row:
    sound = {"FullName": "Ada Vale", "Email": "ada@practice.example", "Active": True}
    return {"UserID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def stage_alone(
    staged_object: StagedObject,
    *,
    referrals: list[Row] | None = None,
    providers: list[Row] | None = None,
    appointments: list[Row] | None = None,
    staff: list[Row] | None = None,
) -> Staged:
    """One object out of these rows; tables that aren't given are empty."""
    raw = {
        "Referral": frame(REFERRAL, referrals or []),
        "Provider": frame(PROVIDER, providers or []),
        "Appointment": frame(APPOINTMENT, appointments or []),
        "StaffUser": frame(STAFF, staff or []),
    }
    inputs = StagingInputs({table: raw[table] for table in staged_object.reads}, {})
    return staged_object.stage(inputs, context())
