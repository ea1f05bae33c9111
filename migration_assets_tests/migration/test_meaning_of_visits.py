"""A true record of a finding, a note, a visit or a referral differs in nothing; a wrong field is named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets.migration.meaning import compare
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.objects.base import CORRECTION_COLUMNS, REJECT_COLUMNS
from migration_assets_tests.migration.meaning_frames import (
    DEFAULT,
    KEY,
    MEANINGS,
    PROVIDER,
    PROVIDER_TYPES,
    correction,
    found,
    listed,
)

MOMENT = datetime(2024, 3, 10, 23, 30)
MOMENT_UTC = datetime(2024, 3, 11, 3, 30, tzinfo=UTC)
TABLES = {
    "ClinicalExamFinding__c": "ExamFinding",
    "ClinicalNote__c": "ClinicalNote",
    "Event": "Appointment",
    "Referral__c": "Referral",
}
RAW: dict[str, dict[str, Any]] = {
    "ClinicalExamFinding__c": {
        "FindingID": 3,
        "ExamID": 9,
        "Tooth": " 18 ",
        "Site": "db",
        "FindingName": "Fremitus",
        "FindingValue": "class I",
    },
    "ClinicalNote__c": {
        "NoteID": 3,
        "PatientID": 7,
        "AppointmentID": 40,
        "ProviderID": 5,
        "NoteType": "Progress",
        "Subjective": "cold",
        "Objective": "one\r\ntwo",
        "Assessment": None,
        "Plan": " ",
        "Body": "<p>Depth &lt; 5 mm</p><p>Next visit</p>",
        "CreatedAt": MOMENT,
    },
    "Event": {
        "AppointmentID": 40,
        "PatientID": 7,
        "ProviderID": 6,
        "SessionType": "Surgical Procedure",
        "StartsAt": MOMENT,
        "DurationMinutes": 90,
        "Status": "Completed",
        "Notes": "one\ntwo",
        "CreatedAt": MOMENT,
    },
    "Referral__c": {
        "ReferralID": 30,
        "PatientID": 7,
        "Direction": "Inbound",
        "ProviderID": None,
        "ReferrerName": "Dr. Jane Smith",
        "ReferrerPractice": "Elm Dental",
        "ReferrerPhone": "518-555-0101",
        "ReferrerEmail": "jane@dentists.example",
        "ReferralType": "Second opinion",
        "Status": "Complete",
        "ReferredAt": date(2024, 3, 10),
        "CompletedAt": None,
        "Notes": "Bitte",
    },
}
TRUE: dict[str, dict[str, Any]] = {
    "ClinicalExamFinding__c": {
        KEY: "maple:exam_finding:3",
        "ClinicalExam__c": "maple:exam:9",
        "Finding__c": "Fremitus",
        "Value__c": "class I",
        "ToothNumber__c": "1",
        "ToothAsCharted__c": "18",
        "Site__c": "DB",
    },
    "ClinicalNote__c": {
        KEY: "maple:note:3",
        "Name": "Progress note 2024-03-10",
        "Contact__c": "maple:patient:7",
        "Provider__c": "maple:provider:5",
        "Note_Type__c": "Progress",
        "Note_Time__c": MOMENT_UTC,
        "Appointment_ID__c": "40",
        "Subjective__c": "cold",
        "Objective__c": "one\r\ntwo",
        "Assessment__c": None,
        "Plan__c": None,
        "Body__c": "Depth < 5 mm\n\nNext visit",
        "Body_Format__c": "html",
        "Body_Original__c": "<p>Depth &lt; 5 mm</p><p>Next visit</p>",
    },
    "Event": {
        KEY: "maple:appointment:40",
        "Subject": "Surgical Procedure",
        "WhoId": "maple:patient:7",
        "StartDateTime": MOMENT_UTC,
        "EndDateTime": datetime(2024, 3, 11, 5, 0, tzinfo=UTC),
        "Description": "one\ntwo",
        "SessionType__c": "Surgical Procedure",
        "Duration__c": 90,
        "Appointment_ID__c": "40",
        "Appointment_Status__c": "Completed",
        "Source_Provider_ID__c": "6",
        "Original_Create_Date__c": MOMENT_UTC,
    },
    "Referral__c": {
        KEY: "maple:referral:30",
        "Name": "Incoming referral 2024-03-10",
        "Contact__c": "maple:patient:7",
        "Direction__c": "incoming",
        "Referrer__c": "maple:referrer:r30",
        "Referrer_Name__c": "Dr. Jane Smith",
        "Referrer_Practice__c": "Elm Dental",
        "Referrer_Phone__c": "518-555-0101",
        "Referrer_Email__c": "jane@dentists.example",
        "Referral_Type__c": "Second opinion",
        "Referral_Status__c": "completed",
        "Referred_Date__c": date(2024, 3, 10),
        "Completed_Date__c": None,
        "Referral_Notes__c": "Bitte",
    },
}
_WHOLE = (
    "FindingID",
    "ExamID",
    "NoteID",
    "PatientID",
    "AppointmentID",
    "ProviderID",
    "ReferralID",
    "DurationMinutes",
)


def types(row: Mapping[str, Any], moment: pl.DataType, day: pl.DataType) -> dict[str, pl.DataType]:
    """By name of the column or field; texts where nothing else is said."""
    dates = ("ReferredAt", "CompletedAt", "Referred_Date__c", "Completed_Date__c")
    moments = (
        "CreatedAt",
        "StartsAt",
        "StartDateTime",
        "EndDateTime",
        "Note_Time__c",
        "Original_Create_Date__c",
    )
    known: dict[str, pl.DataType] = {
        **dict.fromkeys(_WHOLE, pl.Int32()),
        **dict.fromkeys(dates, day),
        **dict.fromkeys(moments, moment),
        "Duration__c": pl.Int64(),
    }
    return {name: known.get(name, pl.String()) for name in row}


def compared(
    name: str,
    record: dict[str, Any] | None = None,
    raw_row: dict[str, Any] | None = None,
    *corrections: dict[str, str],
    minted: Mapping[str, Mapping[str, str]] | None = None,
    rejects: tuple[dict[str, str], ...] = (),
) -> dict[str, str]:
    """Fields that differ, with the code, where the record and the row are changed like this."""
    row, there = RAW[name] | (raw_row or {}), TRUE[name] | (record or {})
    exam = {"ExamID": 9, "ToothNumberingSystem": "FDI"}
    raw = RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=DEFAULT,
        tables={
            TABLES[name]: pl.DataFrame([row], schema=types(row, pl.Datetime("us"), pl.Date())),
            "ClinicalExam": pl.DataFrame(
                [exam], schema={"ExamID": pl.Int32, "ToothNumberingSystem": pl.String}
            ),
            "Provider": pl.DataFrame([PROVIDER], schema=PROVIDER_TYPES),
        },
        rejects=listed(REJECT_COLUMNS, *rejects),
        corrections=listed(CORRECTION_COLUMNS, *corrections),
        minted=minted or {},
    )
    returned = pl.DataFrame([there], schema=types(there, pl.Datetime("ms", "UTC"), pl.Date()))
    return {field: code for _, field, code in found(compare(MEANINGS[name], name, KEY, returned, raw))}


@pytest.mark.parametrize("name", TABLES)
def test_a_true_record_differs_in_nothing(name: str) -> None:
    assert compared(name) == {}


@pytest.mark.parametrize(
    ("name", "field", "wrong", "code"),
    [
        ("ClinicalExamFinding__c", "ToothNumber__c", "18", "value_changed"),
        ("ClinicalExamFinding__c", "Site__c", None, "value_lost"),
        ("ClinicalNote__c", "Name", "Progress 2024-03-10", "value_changed"),
        ("ClinicalNote__c", "Body__c", "Depth 5 mm Next visit", "value_changed"),
        ("ClinicalNote__c", "Body__c", None, "value_lost"),
        ("ClinicalNote__c", "Body_Format__c", "plain", "value_changed"),
        ("ClinicalNote__c", "Body_Original__c", "<p>Depth &lt; 5 mm</p>", "value_changed"),
        ("Event", "StartDateTime", MOMENT.replace(tzinfo=UTC), "value_changed"),
        ("Event", "EndDateTime", MOMENT_UTC, "value_changed"),
        ("Event", "WhoId", "maple:provider:7", "value_changed"),
        ("Referral__c", "Direction__c", "outgoing", "value_changed"),
        ("Referral__c", "Referrer__c", "maple:referrer:r31", "value_changed"),
        ("Referral__c", "Referrer__c", None, "value_lost"),
        ("Referral__c", "Referral_Status__c", None, "value_lost"),
    ],
)
def test_one_wrong_value_is_named(name: str, field: str, wrong: object, code: str) -> None:
    assert compared(name, {field: wrong}) == {field: code}


@pytest.mark.parametrize(
    ("tooth", "system_read"), [("19", None), ("11", "8"), ("55", "A"), (None, None), ("UR8", None)]
)
def test_a_findings_tooth_is_read_in_its_exams_system_or_not_at_all(
    tooth: str | None, system_read: str | None
) -> None:
    record = {"ToothNumber__c": system_read, "ToothAsCharted__c": tooth}
    told = correction("Tooth", "bad_tooth", "ExamFinding", "3")

    assert compared("ClinicalExamFinding__c", record, {"Tooth": tooth}, told) == {}


@pytest.mark.parametrize("minutes", [None, -1, 1441])
def test_a_visit_without_a_possible_duration_ends_when_it_starts(minutes: int | None) -> None:
    record = {"Duration__c": None, "EndDateTime": MOMENT_UTC}

    assert compared("Event", record, {"DurationMinutes": minutes}) == {}


def test_a_visit_that_has_no_session_type_is_an_appointment() -> None:
    record = {"Subject": "Appointment", "SessionType__c": None}

    assert compared("Event", record, {"SessionType": " "}) == {}


def test_a_listed_correction_excuses_no_duration_that_is_possible() -> None:
    told = correction("DurationMinutes", "duration_out_of_range", "Appointment", "40")

    assert compared("Event", {"Duration__c": None}, None, told) == {"Duration__c": "value_lost"}


@pytest.mark.parametrize(
    ("body", "record"),
    [
        ("Depth < 5 mm\r\nNext", {"Body__c": "Depth < 5 mm\r\nNext", "Body_Format__c": "plain"}),
        (" ", {"Body__c": None, "Body_Format__c": None}),
        (
            r"{\rtf1 open",
            {"Body__c": r"{\rtf1 open", "Body_Format__c": "rtf", "Body_Original__c": r"{\rtf1 open"},
        ),
    ],
)
def test_a_body_is_kept_as_it_was_written_where_it_is_markup(body: str, record: dict[str, Any]) -> None:
    assert compared("ClinicalNote__c", {"Body_Original__c": None} | record, {"Body": body}) == {}


def test_a_note_without_a_type_is_a_clinical_note_and_a_long_type_is_shortened() -> None:
    unnamed = {"Name": "Clinical note 2024-03-10", "Note_Type__c": None}
    long = {"Name": "n" * 68 + "… 2024-03-10", "Note_Type__c": "n" * 70}

    assert compared("ClinicalNote__c", unnamed, {"NoteType": None}) == {}
    assert compared("ClinicalNote__c", long, {"NoteType": "n" * 70}) == {}


def test_the_other_dentist_is_the_numbered_provider_where_that_one_is_there() -> None:
    by_number = {"ProviderID": 5}
    reject = {"source_table": "Provider", "source_key": "5"}

    assert compared("Referral__c", {"Referrer__c": "maple:provider:5"}, by_number) == {}
    assert compared("Referral__c", {"Referrer__c": None}, {"ProviderID": 6}) == {}
    assert compared("Referral__c", {"Referrer__c": None}, by_number, rejects=(reject,)) == {}
    assert compared("Referral__c", None, by_number) == {"Referrer__c": "value_changed"}


def test_the_other_dentist_is_a_provider_whom_the_words_name() -> None:
    vera = {
        "ReferrerName": "Vale, Vera",
        "ReferrerPhone": "(1) 555-0200",
        "ReferrerEmail": "vale@example.org",
    }
    record = {
        "Referrer__c": "maple:provider:5",
        "Referrer_Name__c": "Vale, Vera",
        "Referrer_Phone__c": "(1) 555-0200",
        "Referrer_Email__c": "vale@example.org",
    }

    assert compared("Referral__c", record, vera) == {}


def test_a_minted_id_is_expected_where_the_ledger_gave_one() -> None:
    minted = {"referrers": {"r30": "r12"}}

    assert compared("Referral__c", {"Referrer__c": "maple:referrer:r12"}, minted=minted) == {}
    assert compared("Referral__c", minted=minted) == {"Referrer__c": "value_changed"}


def test_an_unknown_status_is_empty_and_a_date_that_was_listed_as_implausible_too() -> None:
    record = {"Referral_Status__c": None, "Referred_Date__c": None, "Name": "Incoming referral"}
    told = correction("ReferredAt", "date_implausible", "Referral", "30")

    assert compared("Referral__c", record, {"Status": "pending", "ReferredAt": date(1753, 1, 1)}, told) == {}
