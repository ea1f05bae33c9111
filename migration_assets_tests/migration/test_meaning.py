"""The comparison of meaning isn't blind: one thing broken on the way, and exactly that field is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets.mapping.chart_layout import wide_columns
from migration_assets.mapping.loader import load_specs
from migration_assets.migration.meaning import compare, load_meanings
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.transport import Comparison
from migration_assets.objects.base import CORRECTION_COLUMNS, REJECT_COLUMNS
from migration_assets.panda.profile import Profile, load_profile
from migration_assets_tests.mapping.staged import STAGED_MODELS

MEANINGS = load_meanings("salesforce")
KEY = "PANDA_Key__c"
DEFAULT = load_profile("default")
SITES = ("MB", "B", "DB", "ML", "L", "DL")

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
PROVIDER: dict[str, Any] = {
    "ProviderID": 5,
    "FirstName": " Vera ",
    "LastName": "Vale",
    "Credentials": "M.S., dds; Board Certified",
    "Specialty": "Perio",
    "Role": "periodontist",
    "NPI": "1234567893",
    "Email": "vale@example.org",
    "Phone": "555-0200",
    "PracticeName": None,
    "IsReferring": False,
    "Active": False,
    "CreatedAt": datetime(2018, 7, 1, 9, 30),
}
PROVIDER_TYPES: dict[str, pl.DataType] = dict.fromkeys(PROVIDER, pl.String()) | {
    "ProviderID": pl.Int32(),
    "IsReferring": pl.Boolean(),
    "Active": pl.Boolean(),
    "CreatedAt": pl.Datetime("us"),
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


def listed(columns: Mapping[str, pl.DataType], *rows: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame([dict.fromkeys(columns) | row for row in rows], schema=dict(columns))


def correction(column: str, code: str, table: str = "Patient", key: str = "7") -> dict[str, str]:
    return {"source_table": table, "source_key": key, "column": column, "code": code}


def found(comparison: Comparison) -> list[tuple[str, str, str]]:
    return sorted(comparison.differences.select("key", "field", "code").rows())


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
        "Account": {KEY, "Name"},
        "Contact": {KEY, "AccountId"},
        "ClinicalExam__c": {KEY, "Chart_Incomplete__c", "Rejected_Teeth__c"},
        # Compared with the chart, since where it is kept by measures no raw row is a tooth's own.
        "ClinicalExamTooth__c": {KEY, "ClinicalExam__c", "ToothNumber__c", "ToothAsCharted__c"},
    }
    for spec in load_specs("salesforce", STAGED_MODELS):
        meant = {field for meaning in MEANINGS.get(spec.name, ()) for field in meaning.fields}
        assert set(spec.schema.field_names) - meant == unmirrored.get(spec.name, {KEY})


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


PLAN: dict[str, Any] = {
    "PlanID": 3,
    "PatientID": 7,
    "ProviderID": 5,
    "PlanName": "n" * 81,
    "TreatmentType": "implant",
    "Status": "In Progress",
    "EstimatedCost": Decimal("4250.50"),
    "TreatmentNotes": "one\r\n  two",
    "ProposedAt": date(2024, 1, 2),
    "AcceptedAt": date(2024, 1, 3),
    "CompletedAt": None,
    "CreatedAt": datetime(2024, 1, 2, 9, 30),
}
PLAN_RECORD: dict[str, Any] = {
    KEY: "maple:plan:3",
    "Name": "n" * 79 + "…",
    "Plan_Name__c": "n" * 81,
    "Contact__c": "maple:patient:7",
    "Provider__c": "maple:provider:5",
    "Status__c": "in-progress",
    "TreatmentType__c": "implant",
    "EstimatedCost__c": Decimal("4250.50"),
    "Treatment_Notes__c": "one\r\n  two",
    "Proposed_Date__c": date(2024, 1, 2),
    "Accepted_Date__c": date(2024, 1, 3),
    "Completed_Date__c": None,
    "Original_Create_Date__c": datetime(2024, 1, 2, 14, 30, tzinfo=UTC),
}
LINE: dict[str, Any] = {
    "LineID": 4,
    "PlanID": 3,
    "Sequence": 2,
    "Phase": "implant placement",
    "ProcedureCode": "d6010",
    "Description": "implant",
    "ToothSite": "2-5",
    "EstimatedCost": Decimal("0.00"),
    "HealingWeeks": 0,
    "ScheduledDate": date(2024, 6, 1),
    "Status": "Scheduled",
}
LINE_RECORD: dict[str, Any] = {
    KEY: "maple:plan_line:4",
    "TreatmentPlan__c": "maple:plan:3",
    "Sequence__c": 2,
    "Phase__c": "implant placement",
    "ADA_Code__c": "D6010",
    "Description__c": "implant",
    "ToothSite__c": "2-5",
    "EstimatedCost__c": Decimal("0.00"),
    "HealingWeeks__c": 0,
    "ScheduledDate__c": date(2024, 6, 1),
    "Status__c": "Scheduled",
}


def plan_compared(name: str, raw_row: dict[str, Any], record: dict[str, Any]) -> Comparison:
    table = name.removesuffix("__c")
    columns = dict.fromkeys(raw_row, pl.String()) | {
        **dict.fromkeys(
            ("PlanID", "PatientID", "ProviderID", "LineID", "Sequence", "HealingWeeks"), pl.Int32()
        ),
        "EstimatedCost": pl.Decimal(12, 2),
        **dict.fromkeys(("ProposedAt", "AcceptedAt", "CompletedAt", "ScheduledDate"), pl.Date()),
        "CreatedAt": pl.Datetime("us"),
    }
    types = dict.fromkeys(record, pl.String()) | {
        "EstimatedCost__c": pl.Decimal(38, 18),
        **dict.fromkeys(("Sequence__c", "HealingWeeks__c"), pl.Int64()),
        **{field: pl.Date() for field in record if field.endswith("Date__c")},
        "Original_Create_Date__c": pl.Datetime("ms", "UTC"),
    }
    raw = RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=DEFAULT,
        tables={
            table: pl.DataFrame([raw_row], schema={column: columns[column] for column in raw_row}),
            "Provider": pl.DataFrame([PROVIDER], schema=PROVIDER_TYPES),
        },
        rejects=listed(REJECT_COLUMNS),
        corrections=listed(CORRECTION_COLUMNS),
    )
    returned = pl.DataFrame([record], schema={field: types[field] for field in record})
    return compare(MEANINGS[name], name, KEY, returned, raw)


@pytest.mark.parametrize(
    ("name", "raw_row", "record"),
    [("TreatmentPlan__c", PLAN, PLAN_RECORD), ("TreatmentPlanLine__c", LINE, LINE_RECORD)],
)
def test_a_true_plan_and_line_differ_in_nothing(
    name: str, raw_row: dict[str, Any], record: dict[str, Any]
) -> None:
    comparison = plan_compared(name, raw_row, record)

    assert found(comparison) == []
    assert comparison.compared == len(record) - 1


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("Name", "n" * 80),
        ("Plan_Name__c", "n" * 80),
        ("Provider__c", None),
        ("Status__c", "accepted"),
        ("EstimatedCost__c", Decimal("4250.51")),
        ("EstimatedCost__c", Decimal("4250.500000000000000001")),
        ("Treatment_Notes__c", "one\r\n two"),
        ("Accepted_Date__c", date(2024, 1, 2)),
        ("Completed_Date__c", date(2024, 1, 2)),
    ],
)
def test_one_wrong_value_of_a_plan_is_found(field: str, wrong: object) -> None:
    assert [
        name for _, name, _ in found(plan_compared("TreatmentPlan__c", PLAN, PLAN_RECORD | {field: wrong}))
    ] == [field]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("TreatmentPlan__c", "maple:plan:2"),
        ("Sequence__c", 1),
        ("ADA_Code__c", None),
        ("EstimatedCost__c", None),
        ("HealingWeeks__c", None),
        ("ToothSite__c", "2"),
    ],
)
def test_one_wrong_value_of_a_line_is_found(field: str, wrong: object) -> None:
    comparison = plan_compared("TreatmentPlanLine__c", LINE, LINE_RECORD | {field: wrong})

    assert [name for _, name, _ in found(comparison)] == [field]


def test_a_plan_without_a_name_is_called_one() -> None:
    unnamed = PLAN_RECORD | {"Name": "Treatment plan", "Plan_Name__c": None}

    assert found(plan_compared("TreatmentPlan__c", PLAN | {"PlanName": " "}, unnamed)) == []


SITE_FIELDS = [each.field for each in wide_columns(["pocket_depth", "recession"])]
UNIVERSAL = [str(number) for number in range(1, 33)]
_FROM_MIDLINE = [8, 7, 6, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8] * 2
FDI = [f"{1 + index // 8}{position}" for index, position in enumerate(_FROM_MIDLINE)]
PALMER = [f"{('UR', 'UL', 'LL', 'LR')[index // 8]}{position}" for index, position in enumerate(_FROM_MIDLINE)]
CODES = {"Universal": UNIVERSAL, "FDI": FDI, "Palmer": PALMER}
EXAM: dict[str, Any] = {
    "ExamID": 9,
    "PatientID": 7,
    "ExamDate": datetime(2024, 1, 5, 23, 30),
    "ChartingType": "full mouth",
    "ToothNumberingSystem": "Universal",
    "PlaqueIndex": Decimal("12.50"),
    "BleedingIndex": None,
    "Notes": "first\r\nsecond",
    "CreatedAt": datetime(2024, 1, 5, 23, 45),
}
EXAM_TYPES: dict[str, pl.DataType] = {
    "ExamID": pl.Int32(),
    "PatientID": pl.Int32(),
    "ExamDate": pl.Datetime("us"),
    "ChartingType": pl.String(),
    "ToothNumberingSystem": pl.String(),
    "PlaqueIndex": pl.Decimal(5, 2),
    "BleedingIndex": pl.Decimal(5, 2),
    "Notes": pl.String(),
    "CreatedAt": pl.Datetime("us"),
}
RECORD: dict[str, Any] = {
    KEY: "maple:exam:9",
    "Contact__c": "maple:patient:7",
    "Exam_Date__c": date(2024, 1, 5),
    "Exam_Time__c": datetime(2024, 1, 6, 4, 30, tzinfo=UTC),
    "Charting_Type__c": "full mouth",
    "ToothNumberingSystem__c": "Universal",
    "Plaque_Index__c": Decimal("12.50"),
    "Bleeding_Index__c": None,
    "Exam_Notes__c": "first\r\nsecond",
    "Original_Create_Date__c": datetime(2024, 1, 6, 4, 45, tzinfo=UTC),
}
RECORD_TYPES: dict[str, pl.DataType] = dict.fromkeys(RECORD, pl.String()) | {
    "Exam_Date__c": pl.Date(),
    "Exam_Time__c": pl.Datetime("ms", "UTC"),
    "Original_Create_Date__c": pl.Datetime("ms", "UTC"),
    "Plaque_Index__c": pl.Decimal(38, 2),
    "Bleeding_Index__c": pl.Decimal(38, 2),
}


def depth(number: int, site: str) -> int:
    """A value that differs between neighbouring teeth and between all sites of a tooth."""
    return (3 * number + SITES.index(site)) % 17


def recession(number: int, site: str) -> int:
    return (5 * number + SITES.index(site)) % 11 - 3


def chart_row(number: int, system: str = "Universal") -> dict[str, Any]:
    return {
        "ChartingID": 100 + number,
        "ExamID": 9,
        "Tooth": CODES[system][number - 1],
        **{f"PocketDepth_{site}": depth(number, site) for site in SITES},
        **{f"Recession_{site}": recession(number, site) for site in SITES},
    }


def true_record(system: str = "Universal") -> dict[str, Any]:
    quadrants = ("UR", "UL", "LL", "LR")
    return (
        RECORD
        | {"ToothNumberingSystem__c": system}
        | {
            f"{measure}_{site}_{quadrants[(number - 1) // 8]}{number}__c": value(number, site)
            for measure, value in (("PocketDepth", depth), ("Recession", recession))
            for number in range(1, 33)
            for site in SITES
        }
    )


def exam_compared(
    record: dict[str, Any],
    system: str = "Universal",
    *,
    rows: list[dict[str, Any]] | None = None,
    exam: dict[str, Any] | None = None,
    rejects: tuple[dict[str, str], ...] = (),
    corrections: tuple[dict[str, str], ...] = (),
    profile: Profile = DEFAULT,
) -> Comparison:
    rows = [chart_row(number, system) for number in range(1, 33)] if rows is None else rows
    chart_types = dict.fromkeys(chart_row(1), pl.Int16()) | {"Tooth": pl.String(), "ChartingID": pl.Int32()}
    raw = RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=profile,
        tables={
            "ClinicalExam": pl.DataFrame(
                [EXAM | {"ToothNumberingSystem": system} | (exam or {})], schema=EXAM_TYPES
            ),
            "PeriodontalCharting": pl.DataFrame(rows, schema=chart_types),
        },
        rejects=listed(REJECT_COLUMNS, *rejects),
        corrections=listed(CORRECTION_COLUMNS, *corrections),
    )
    returned = pl.DataFrame([record], schema=RECORD_TYPES | dict.fromkeys(SITE_FIELDS, pl.Int64()))
    return compare(MEANINGS["ClinicalExam__c"], "ClinicalExam__c", KEY, returned, raw)


def named(comparison: Comparison) -> set[str]:
    return set(comparison.differences["field"])


@pytest.mark.parametrize("system", ["Universal", "FDI", "Palmer"])
def test_a_true_exam_differs_in_nothing_and_all_its_sites_were_compared(system: str) -> None:
    comparison = exam_compared(true_record(system), system)

    assert found(comparison) == []
    assert comparison.compared == len(MEANINGS["ClinicalExam__c"][0].fields) + 2 * 6 * 32


@pytest.mark.parametrize("system", ["Universal", "FDI", "Palmer"])
def test_a_chart_whose_rows_are_all_renamed_teeth_isnt_taken_for_the_truth(system: str) -> None:
    others = {"Universal": "FDI", "FDI": "Universal", "Palmer": "Universal"}
    misread = true_record(system)
    comparison = exam_compared(misread, others[system], rows=[chart_row(n, system) for n in range(1, 33)])

    assert "ToothNumberingSystem__c" in named(comparison)
    assert len(named(comparison) & set(SITE_FIELDS)) > 100


def swapped_sites(record: dict[str, Any], number: int, one: str, other: str) -> dict[str, Any]:
    names = {
        name: name.replace(f"_{one}_", f"_{other}_")
        for name in SITE_FIELDS
        if name.endswith(f"{('UR', 'UL', 'LL', 'LR')[(number - 1) // 8]}{number}__c") and f"_{one}_" in name
    }
    return record | {a: record[b] for a, b in names.items()} | {b: record[a] for a, b in names.items()}


@pytest.mark.parametrize(("one", "other"), [("MB", "DB"), ("ML", "DL"), ("B", "L"), ("MB", "ML")])
def test_two_sites_of_a_tooth_that_changed_places_are_found(one: str, other: str) -> None:
    comparison = exam_compared(swapped_sites(true_record(), 14, one, other))

    assert named(comparison) == {
        f"{measure}_{site}_UL14__c" for measure in ("PocketDepth", "Recession") for site in (one, other)
    }


def test_mesial_and_distal_swapped_in_every_tooth_are_found_in_every_tooth() -> None:
    record = true_record()
    for number in range(1, 33):
        record = swapped_sites(record, number, "MB", "DB")

    sites = {name for name in SITE_FIELDS if "_MB_" in name or "_DB_" in name}
    assert named(exam_compared(record)) == sites


def test_a_recession_of_the_wrong_sign_is_found_wherever_it_isnt_nought() -> None:
    record = true_record()
    turned = {name: -record[name] for name in SITE_FIELDS if name.startswith("Recession") and record[name]}

    assert named(exam_compared(record | turned)) == set(turned)


def test_a_recession_is_expected_as_the_profile_counts_it() -> None:
    coronal = DEFAULT.model_copy(
        update={"chart": DEFAULT.chart.model_copy(update={"recession_positive": "coronal"})}
    )
    record = true_record()
    turned = {name: -record[name] for name in SITE_FIELDS if name.startswith("Recession")}

    assert named(exam_compared(record | turned, profile=coronal)) == set()


def test_a_chart_that_slipped_by_one_tooth_is_found_in_every_tooth() -> None:
    slipped = [chart_row(number) | {"Tooth": str(number % 32 + 1)} for number in range(1, 33)]

    assert named(exam_compared(true_record(), rows=slipped)) == set(SITE_FIELDS)


@pytest.mark.parametrize("misread", ["FDI", "Palmer"])
def test_a_chart_read_in_universal_is_found_where_the_exam_is_in_another_system(misread: str) -> None:
    """11 is the upper left canine in Universal and the upper right central incisor in FDI."""
    rows = [chart_row(11) | {"Tooth": "11" if misread == "FDI" else "UL3"}]
    empty = dict.fromkeys(SITE_FIELDS)
    as_universal = true_record(misread) | empty
    as_universal |= {name: true_record()[name] for name in SITE_FIELDS if name.endswith("UL11__c")}

    found_in = named(exam_compared(as_universal, misread, rows=rows))

    eleven = {name for name in SITE_FIELDS if name.endswith("_UL11__c")}
    eight = {name for name in SITE_FIELDS if name.endswith("_UR8__c")}
    assert found_in == (eleven | eight if misread == "FDI" else set())


def test_a_palmer_code_read_as_universal_is_found() -> None:
    """Palmer LR8 is Universal 32; taken for the upper right 8 it stands at another tooth."""
    record = true_record("Palmer") | dict.fromkeys(SITE_FIELDS)
    record |= {f"PocketDepth_{site}_UR8__c": depth(32, site) for site in SITES}
    record |= {f"Recession_{site}_UR8__c": recession(32, site) for site in SITES}

    found_in = named(exam_compared(record, "Palmer", rows=[chart_row(32, "Palmer")]))

    assert found_in == {name for name in SITE_FIELDS if name.endswith(("_UR8__c", "_LR32__c"))}


@pytest.mark.parametrize(
    ("change", "code"),
    [(lambda value: value + 1, "value_changed"), (lambda value: None, "value_lost")],  # noqa: ARG005
)
def test_one_site_that_went_wrong_is_named_alone(change: Callable[[int], int | None], code: str) -> None:
    name = "PocketDepth_DL_LL19__c"
    record = true_record()

    assert found(exam_compared(record | {name: change(record[name])})) == [("maple:exam:9", name, code)]


def test_nought_for_a_site_that_wasnt_charted_is_found() -> None:
    rows = [chart_row(number) for number in range(1, 33)]
    rows[2]["PocketDepth_B"] = None

    assert found(exam_compared(true_record() | {"PocketDepth_B_UR3__c": 0}, rows=rows)) == [
        ("maple:exam:9", "PocketDepth_B_UR3__c", "value_added")
    ]


def test_a_rejected_rows_tooth_is_expected_to_be_empty() -> None:
    reject = {"source_table": "PeriodontalCharting", "source_key": "103"}
    third = {name for name in SITE_FIELDS if name.endswith("_UR3__c")}

    assert named(exam_compared(true_record() | dict.fromkeys(third), rejects=(reject,))) == set()
    loaded_anyway = exam_compared(true_record(), rejects=(reject,))
    assert named(loaded_anyway) == third
    assert set(loaded_anyway.differences["code"]) == {"value_added"}


def test_a_rows_rejection_in_another_table_excuses_nothing() -> None:
    reject = {"source_table": "Patient", "source_key": "103"}
    third = {name for name in SITE_FIELDS if name.endswith("_UR3__c")}

    assert named(exam_compared(true_record() | dict.fromkeys(third), rejects=(reject,))) == third


def test_rows_of_other_exams_and_primary_teeth_are_nobodys() -> None:
    rows = [chart_row(number) for number in range(1, 33)]
    rows.append(chart_row(5) | {"ChartingID": 1, "ExamID": 10})
    rows.append(chart_row(5) | {"ChartingID": 2, "Tooth": "A"})

    assert named(exam_compared(true_record(), rows=rows)) == set()


def test_an_exam_without_a_known_numbering_system_has_no_chart() -> None:
    unknown = correction("ToothNumberingSystem", "unknown_numbering_system", "ClinicalExam", "9")
    record = true_record() | dict.fromkeys(SITE_FIELDS) | {"ToothNumberingSystem__c": None}
    comparison = exam_compared(record, exam={"ToothNumberingSystem": "Haderup"}, corrections=(unknown,))

    assert found(comparison) == []


def test_an_exam_without_any_charted_tooth_has_no_chart() -> None:
    assert found(exam_compared(true_record() | dict.fromkeys(SITE_FIELDS), rows=[])) == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("Contact__c", "maple:patient:8"),
        ("Exam_Date__c", date(2024, 1, 6)),
        ("Exam_Time__c", datetime(2024, 1, 5, 23, 30, tzinfo=UTC)),
        ("Plaque_Index__c", Decimal("12.05")),
        ("Bleeding_Index__c", Decimal("0.00")),
        ("Exam_Notes__c", "first\r\nsecond "),
    ],
)
def test_an_exams_own_fields_are_compared_too(name: str, wrong: object) -> None:
    assert named(exam_compared(true_record() | {name: wrong})) == {name}


def test_nought_percent_is_nought_percent() -> None:
    record = true_record() | {"Plaque_Index__c": Decimal("0.00")}

    assert named(exam_compared(record, exam={"PlaqueIndex": Decimal(0)})) == set()


def test_another_practices_records_arent_compared() -> None:
    comparison = contact_compared(None, {KEY: "oak:patient:7", "LastName": "Other"})

    assert (comparison.compared, found(comparison)) == (0, [])
