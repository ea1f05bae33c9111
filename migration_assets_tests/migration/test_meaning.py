"""The comparison of meaning isn't blind: one thing broken on the way, and exactly that field is named."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets.destinations.base import FieldType
from migration_assets.mapping.loader import load_specs
from migration_assets.migration.meaning import compare
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.transport import Comparison
from migration_assets.objects.base import CORRECTION_COLUMNS, REJECT_COLUMNS
from migration_assets_tests.mapping.staged import STAGED_MODELS
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

PATIENT: dict[str, Any] = {
    "PatientID": 7,
    "ChartNumber": "A-7",
    "FirstName": " Ada ",
    "MiddleName": "",
    "LastName": "Quill",
    "PreferredName": None,
    "DateOfBirth": datetime(1960, 2, 3),
    "Sex": "f",
    "Email": "ada@example.org",
    "HomePhone": "555-0100",
    "WorkPhone": "555-0101",
    "MobilePhone": "555-0102",
    "Address1": "1 Elm Street",
    "Address2": "Unit 2",
    "City": "Troy",
    "State": "NY",
    "Zip": "12180",
    "PrimaryProviderID": 5,
    "BridgeID": "B7",
    "Inactive": None,
    "CreatedAt": datetime(2019, 7, 1, 9, 30),
    "ModifiedAt": datetime(2020, 7, 1, 9, 30),
}
CONTACT: dict[str, Any] = {
    KEY: "maple:patient:7",
    "LastName": "Quill",
    "FirstName": "Ada",
    "MiddleName": None,
    "Birthdate": date(1960, 2, 3),
    "Email": "ada@example.org",
    "HomePhone": "555-0100",
    "Phone": "555-0101",
    "MobilePhone": "555-0102",
    "MailingStreet": "1 Elm Street\nUnit 2",
    "MailingCity": "Troy",
    "MailingState": "NY",
    "MailingPostalCode": "12180",
    "PANDA_Chart_Number__c": "A-7",
    "Preferred_Name__c": None,
    "Sex__c": "F",
    "PANDA_Bridge_ID__c": "B7",
    "Inactive__c": False,
    "Original_Create_Date__c": datetime(2019, 7, 1, 13, 30, tzinfo=UTC),
}
OF_PROVIDERS = (
    "Source_Provider_ID__c",
    "Credentials__c",
    "Credentials_Text__c",
    "Specialty__c",
    "Specialty_Text__c",
    "Provider_Role__c",
    "NPI__c",
    "Practice_Name__c",
)
CONTACT |= dict.fromkeys(OF_PROVIDERS) | {
    "Primary_Provider__c": "maple:provider:5",
    "Provider__c": False,
    "Referring_Dentist__c": False,
}
PROVIDER_CONTACT: dict[str, Any] = dict.fromkeys(CONTACT) | {
    KEY: "maple:provider:5",
    "LastName": "Vale",
    "FirstName": "Vera",
    "Email": "vale@example.org",
    "Phone": "555-0200",
    "Inactive__c": True,
    "Original_Create_Date__c": datetime(2018, 7, 1, 13, 30, tzinfo=UTC),
    "Provider__c": True,
    "Source_Provider_ID__c": "5",
    "Credentials__c": "DDS;MS;Board Certified",
    "Credentials_Text__c": "M.S., dds; Board Certified",
    "Specialty__c": "Periodontics",
    "Specialty_Text__c": "Perio",
    "Provider_Role__c": "periodontist",
    "NPI__c": "1234567893",
    "Referring_Dentist__c": False,
}
CONTACT_TYPES: dict[str, pl.DataType] = dict.fromkeys(CONTACT, pl.String()) | {
    "Birthdate": pl.Date(),
    **dict.fromkeys(("Inactive__c", "Provider__c", "Referring_Dentist__c"), pl.Boolean()),
    "Original_Create_Date__c": pl.Datetime("ms", "UTC"),
}
PATIENT_TYPES: dict[str, pl.DataType] = dict.fromkeys(PATIENT, pl.String()) | {
    "PatientID": pl.Int32(),
    "PrimaryProviderID": pl.Int32(),
    "DateOfBirth": pl.Datetime("us"),
    "Inactive": pl.Boolean(),
    "CreatedAt": pl.Datetime("us"),
    "ModifiedAt": pl.Datetime("us"),
}


def contact_compared(
    patient: dict[str, Any] | None = None,
    contact: dict[str, Any] | None = None,
    *corrections: dict[str, str],
    provider: dict[str, Any] | None = None,
    rejects: tuple[dict[str, str], ...] = (),
) -> Comparison:
    raw = RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=DEFAULT,
        tables={
            "Patient": pl.DataFrame([PATIENT | (patient or {})], schema=PATIENT_TYPES),
            "Provider": pl.DataFrame([PROVIDER | (provider or {})], schema=PROVIDER_TYPES),
        },
        rejects=listed(REJECT_COLUMNS, *rejects),
        corrections=listed(CORRECTION_COLUMNS, *corrections),
    )
    returned = pl.DataFrame([CONTACT | (contact or {})], schema=CONTACT_TYPES)
    return compare(MEANINGS["Contact"], "Contact", KEY, returned, raw)


def test_a_true_contact_differs_in_nothing_and_every_field_was_compared() -> None:
    comparison = contact_compared()

    assert found(comparison) == []
    assert comparison.compared == len(CONTACT) - 1


def test_every_mapped_field_has_a_meaning_but_those_that_no_raw_cell_holds() -> None:
    unmirrored = {
        "ClinicalExam__c": {"Chart_Incomplete__c", "Rejected_Teeth__c"},
        # Compared with the chart, since where it is kept by measures no raw row is a tooth's own.
        "ClinicalExamTooth__c": {"ClinicalExam__c", "ToothNumber__c", "ToothAsCharted__c"},
    }
    for spec in load_specs("salesforce", STAGED_MODELS):
        meant = {field for meaning in MEANINGS.get(spec.name, ()) for field in meaning.field_names}
        # Who is which user of the destination stands in no raw cell.
        mapped = {each.name for each in spec.schema.stored_fields if each.type is not FieldType.USER}
        assert mapped - meant - {spec.schema.key_field} == unmirrored.get(spec.name, set())
        assert meant <= mapped


TEXT_FIELDS = [
    name for name, kind in CONTACT_TYPES.items() if kind == pl.String and CONTACT[name] and name != KEY
]


@pytest.mark.parametrize("name", TEXT_FIELDS)
def test_one_changed_character_is_found(name: str) -> None:
    text = str(CONTACT[name])

    assert found(contact_compared(None, {name: text[:-1] + "~"})) == [
        ("maple:patient:7", name, "value_changed")
    ]
    assert found(contact_compared(None, {name: None})) == [("maple:patient:7", name, "value_lost")]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("Birthdate", date(1960, 3, 2)),
        ("Birthdate", date(1960, 2, 2)),
        ("Inactive__c", True),
        ("Original_Create_Date__c", datetime(2019, 7, 1, 9, 30, tzinfo=UTC)),
        ("Original_Create_Date__c", datetime(2019, 7, 1, 14, 30, tzinfo=UTC)),
    ],
)
def test_a_day_an_hour_or_a_tick_that_went_wrong_is_found(name: str, wrong: object) -> None:
    assert found(contact_compared(None, {name: wrong})) == [("maple:patient:7", name, "value_changed")]


def test_two_phones_that_changed_places_are_found() -> None:
    swapped = {"HomePhone": "555-0102", "MobilePhone": "555-0100"}

    assert [name for _, name, _ in found(contact_compared(None, swapped))] == ["HomePhone", "MobilePhone"]


def test_a_value_that_the_source_doesnt_have_is_found() -> None:
    assert found(contact_compared(None, {"MiddleName": "X"})) == [
        ("maple:patient:7", "MiddleName", "value_added")
    ]


def test_a_record_of_a_patient_that_the_source_doesnt_have_shows_in_all_its_fields() -> None:
    comparison = contact_compared(None, {KEY: "maple:patient:8"})

    constant = {KEY, "Provider__c", "Referring_Dentist__c"}
    filled = {name for name, value in CONTACT.items() if value is not None and name not in constant}
    assert {name for _, name, _ in found(comparison)} == filled


def test_a_line_break_of_another_kind_is_counted_apart() -> None:
    comparison = contact_compared(None, {"MailingStreet": "1 Elm Street\r\nUnit 2"})

    assert found(comparison) == [("maple:patient:7", "MailingStreet", "line_break")]
    assert comparison.different == 0


@pytest.mark.parametrize(
    ("first", "second", "street"),
    [
        ("1 Elm", None, "1 Elm"),
        (None, "Unit 2", "Unit 2"),
        ("", " ", None),
        ("1 Elm", "Unit 2", "1 Elm\nUnit 2"),
    ],
)
def test_a_street_has_the_lines_that_the_source_has(
    first: str | None, second: str | None, street: str | None
) -> None:
    patient = {"Address1": first, "Address2": second}

    assert found(contact_compared(patient, {"MailingStreet": street})) == []


def test_a_corrected_value_is_expected_to_be_empty() -> None:
    bad = correction("Email", "invalid_email")

    assert found(contact_compared({"Email": "nobody"}, {"Email": None}, bad)) == []
    assert found(contact_compared({"Email": "nobody"}, {"Email": "nobody"}, bad)) == [
        ("maple:patient:7", "Email", "value_added")
    ]


def test_a_value_that_was_emptied_without_a_listed_correction_is_found() -> None:
    assert found(contact_compared({"Email": "nobody"}, {"Email": None})) == [
        ("maple:patient:7", "Email", "value_lost")
    ]


def test_a_correction_of_another_patient_or_column_excuses_nothing() -> None:
    others = [correction("Email", "invalid_email", key="8"), correction("City", "bridge_placeholder")]
    comparison = contact_compared({"City": "NA"}, {"Email": None, "MailingCity": None}, *others)

    assert found(comparison) == [("maple:patient:7", "Email", "value_lost")]


@pytest.mark.parametrize(
    ("written", "meant"), [("Saratoga_Springs", "Saratoga Springs"), ("_Troy_", "Troy"), ("___", None)]
)
def test_a_bridges_underscores_are_blanks(written: str, meant: str | None) -> None:
    bridged = correction("City", "bridge_underscore")

    assert found(contact_compared({"City": written}, {"MailingCity": meant}, bridged)) == []


def test_corrections_hold_in_both_lines_of_a_street() -> None:
    corrections = [
        correction("Address1", "bridge_underscore"),
        correction("Address2", "bridge_placeholder"),
    ]
    patient = {"Address1": "1_Elm", "Address2": "NA"}

    assert found(contact_compared(patient, {"MailingStreet": "1 Elm"}, *corrections)) == []


def test_a_corrected_date_is_expected_to_be_empty() -> None:
    future = correction("DateOfBirth", "birth_date_in_future")

    assert found(contact_compared({"DateOfBirth": datetime(2090, 1, 1)}, {"Birthdate": None}, future)) == []


def provider_compared(
    provider: dict[str, Any] | None = None,
    contact: dict[str, Any] | None = None,
    *corrections: dict[str, str],
) -> Comparison:
    return contact_compared(None, PROVIDER_CONTACT | (contact or {}), *corrections, provider=provider)


def test_a_true_provider_differs_in_nothing_and_a_patients_fields_are_empty() -> None:
    comparison = provider_compared()

    assert found(comparison) == []
    assert comparison.compared == len(CONTACT) - 1


@pytest.mark.parametrize(
    ("name", "wrong", "code"),
    [
        ("Credentials__c", "DDS;MS", "value_changed"),
        ("Credentials__c", "MS;DDS;Board Certified", "value_changed"),
        ("Credentials_Text__c", "DDS, MS", "value_changed"),
        ("Specialty__c", "Oral Surgery", "value_changed"),
        ("NPI__c", None, "value_lost"),
        ("Inactive__c", False, "value_changed"),
        ("Provider__c", False, "value_changed"),
        ("Referring_Dentist__c", True, "value_changed"),
        ("Birthdate", date(1960, 2, 3), "value_added"),
        ("PANDA_Chart_Number__c", "A-7", "value_added"),
    ],
)
def test_one_wrong_value_of_a_provider_is_found(name: str, wrong: object, code: str) -> None:
    assert found(provider_compared(None, {name: wrong})) == [("maple:provider:5", name, code)]


def test_a_patient_who_was_taken_for_a_provider_is_found() -> None:
    assert found(contact_compared(None, {"Provider__c": True, "NPI__c": "1234567893"})) == [
        ("maple:patient:7", "NPI__c", "value_added"),
        ("maple:patient:7", "Provider__c", "value_changed"),
    ]


def test_a_number_that_is_no_npi_may_not_arrive_whether_it_was_listed_or_not() -> None:
    listed_one = correction("NPI", "invalid_npi", "Provider", "5")
    bad = {"NPI": "1234567890"}

    assert found(provider_compared(bad, {"NPI__c": None}, listed_one)) == []
    assert found(provider_compared(bad, {"NPI__c": "1234567890"})) == [
        ("maple:provider:5", "NPI__c", "value_added")
    ]


@pytest.mark.parametrize("rejected_key", ["5", "5#2"])
def test_a_patient_of_a_rejected_provider_has_none(rejected_key: str) -> None:
    reject = {"source_table": "Provider", "source_key": rejected_key}

    assert found(contact_compared(None, {"Primary_Provider__c": None}, rejects=(reject,))) == []
    assert found(contact_compared(rejects=(reject,))) == [
        ("maple:patient:7", "Primary_Provider__c", "value_added")
    ]


def test_a_patient_of_a_missing_provider_has_none_and_of_another_one_is_found() -> None:
    assert found(contact_compared({"PrimaryProviderID": 6}, {"Primary_Provider__c": None})) == []
    assert found(contact_compared(None, {"Primary_Provider__c": None})) == [
        ("maple:patient:7", "Primary_Provider__c", "value_lost")
    ]


def test_another_practices_records_arent_compared() -> None:
    comparison = contact_compared(None, {KEY: "oak:patient:7", "LastName": "Other"})

    assert (comparison.compared, found(comparison)) == (0, [])
