"""Staged rows become payload rows: nothing lost, nothing twice, nothing altered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from migration_assets.errors import WarehouseTableMissing
from migration_assets.mapping.apply import EXCUSED_COLUMNS, LINEAGE_COLUMNS, Payload, apply
from migration_assets.mapping.chart_layout import ChartLayout, ObjectMeasures
from migration_assets.mapping.loader import load_specs
from migration_assets.mapping.problems import PROBLEM_COLUMNS, PayloadRefused
from migration_assets.perio.people import Credential, Specialty
from migration_assets.perio.vocabulary import PLAN_STATUSES
from migration_assets_tests.mapping.staged import STAGED_MODELS, complete, practice, rows

MAPPING = load_specs("salesforce", STAGED_MODELS).resolved({"accounts": "practice"})
LAYOUT = ChartLayout((ObjectMeasures("ClinicalExam__c", ("pocket_depth", "recession")),))

PATIENT = {"source_id": "7", "last_name": "Quill"}
PROVIDER = {"source_id": "5", "last_name": "Vale"}
EXAM = {
    "source_id": "9",
    "patient_id": "7",
    "examined_on": date(2024, 5, 6),
    "examined_at": datetime(2024, 5, 6, 14, 30, tzinfo=UTC),
    "rejected_teeth": 0,
    "chart_incomplete": False,
}


def applied(name: str, staged: dict[str, pl.DataFrame], layout: ChartLayout | None = None) -> Payload:
    """With whatever else the object is made of, without rows."""
    spec = MAPPING.of_object(name)
    return apply(spec, complete(spec, staged), "maple", layout)


def contacts(*patients: dict[str, Any]) -> Payload:
    staged = {
        "patients": rows("patients", *patients),
        "providers": rows("providers", PROVIDER),
        "practice": practice(),
    }
    payload = applied("Contact", staged)
    patients_only = payload.frame.filter(pl.col("PANDA_Key__c") != "maple:provider:5")
    return replace(payload, frame=patients_only)


def providers(*given: dict[str, Any]) -> Payload:
    staged = {"patients": rows("patients"), "providers": rows("providers", *given), "practice": practice()}
    return applied("Contact", staged)


def plans(*given: dict[str, Any]) -> Payload:
    staged = {"treatment_plans": rows("treatment_plans", *given), "providers": rows("providers", PROVIDER)}
    return applied("TreatmentPlan__c", staged)


def exams(*given_exams: dict[str, Any], teeth: tuple[dict[str, Any], ...] = ()) -> Payload:
    staged = {
        "clinical_exams": rows("clinical_exams", *given_exams),
        "charting": rows("charting", *teeth),
        "providers": rows("providers", PROVIDER),
    }
    return applied("ClinicalExam__c", staged, LAYOUT)


def test_the_practice_becomes_one_account() -> None:
    payload = apply(MAPPING.of_object("Account"), {"practice": practice()}, "maple", None)

    assert payload.frame.to_dicts() == [
        {"PANDA_Key__c": "maple:practice:maple", "Name": "Maple Periodontics"}
    ]
    assert payload.lineage.row(0) == ("Account", "maple:practice:maple", "practice", "maple", "record")


def test_a_patient_becomes_a_contact_of_the_practices_account() -> None:
    payload = contacts(PATIENT | {"first_name": "Ada", "work_phone": "555-0100", "street": "1 Elm\nUnit 2"})

    contact = payload.frame.row(0, named=True)
    assert contact["PANDA_Key__c"] == "maple:patient:7"
    assert contact["AccountId"] == "maple:practice:maple"
    assert (contact["FirstName"], contact["LastName"]) == ("Ada", "Quill")
    assert contact["Phone"] == "555-0100"
    assert contact["MailingStreet"] == "1 Elm\nUnit 2"
    assert payload.problems.is_empty()


def test_an_exam_holds_its_patients_key_and_its_own_values() -> None:
    payload = exams(EXAM | {"plaque_index": Decimal("12.50"), "numbering_system": "FDI"})

    exam = payload.frame.row(0, named=True)
    assert exam["PANDA_Key__c"] == "maple:exam:9"
    assert exam["Contact__c"] == "maple:patient:7"
    assert exam["Exam_Date__c"] == date(2024, 5, 6)
    assert exam["Plaque_Index__c"] == Decimal("12.50")
    assert exam["ToothNumberingSystem__c"] == "FDI"


@pytest.mark.parametrize("name", [spec.name for spec in MAPPING])
def test_the_columns_are_exactly_the_schemas_fields_even_of_no_rows(name: str) -> None:
    spec = MAPPING.of_object(name)
    staged = {table: practice() if table == "practice" else rows(table) for table in spec.staged_tables}

    payload = apply(spec, staged, "maple", LAYOUT)

    assert tuple(payload.frame.columns) == payload.schema.field_names
    assert pl.Null not in payload.frame.dtypes
    assert payload.lineage.schema == LINEAGE_COLUMNS
    assert payload.excused.schema == EXCUSED_COLUMNS
    assert payload.problems.schema == PROBLEM_COLUMNS


def test_a_provider_becomes_a_contact_of_a_key_space_of_its_own() -> None:
    known = {"credentials": "DDS;MS", "credentials_text": "dds, M.S.", "specialty": "Periodontics"}
    payload = providers(PROVIDER | known | {"npi": "1234567893", "role": "periodontist", "inactive": True})

    contact = payload.frame.row(0, named=True)
    assert contact["PANDA_Key__c"] == "maple:provider:5"
    assert contact["AccountId"] == "maple:practice:maple"
    assert (contact["Provider__c"], contact["Source_Provider_ID__c"]) == (True, "5")
    assert (contact["Credentials__c"], contact["Credentials_Text__c"]) == ("DDS;MS", "dds, M.S.")
    assert (contact["Specialty__c"], contact["NPI__c"]) == ("Periodontics", "1234567893")
    assert (contact["Inactive__c"], contact["Referring_Dentist__c"]) == (True, False)
    assert (contact["Birthdate"], contact["PANDA_Chart_Number__c"]) == (None, None)
    assert payload.lineage.row(0) == ("Contact", "maple:provider:5", "Provider", "5", "record")
    assert payload.problems.is_empty()


def test_a_patient_and_a_provider_of_the_same_number_are_two_contacts() -> None:
    staged = {
        "patients": rows("patients", PATIENT | {"source_id": "5"}),
        "providers": rows("providers", PROVIDER),
        "practice": practice(),
    }
    frame = applied("Contact", staged).frame

    assert frame.select("PANDA_Key__c", "LastName", "Provider__c").rows() == [
        ("maple:provider:5", "Vale", True),
        ("maple:patient:5", "Quill", False),
    ]


def test_every_credential_and_specialty_that_staging_reads_is_a_value_of_its_picklist() -> None:
    contact = MAPPING.of_object("Contact").schema

    assert contact.field("Credentials__c").values == tuple(Credential)
    assert contact.field("Specialty__c").values == tuple(Specialty)
    status = MAPPING.of_object("TreatmentPlan__c").schema.field("Status__c")
    assert set(status.values) == set(PLAN_STATUSES.values())


def test_an_optional_parent_that_isnt_staged_is_left_empty_and_listed() -> None:
    payload = contacts(
        PATIENT | {"provider_id": "5"},
        {"source_id": "8", "last_name": "Gall", "provider_id": "6"},
        {"source_id": "9", "last_name": "Ames"},
    )

    assert payload.frame["Primary_Provider__c"].to_list() == ["maple:provider:5", None, None]
    assert payload.left_empty.rows() == [("Patient", "8", "PrimaryProviderID")]
    assert payload.problems.is_empty()


def test_a_required_parent_that_isnt_staged_keeps_its_key_so_that_the_child_waits() -> None:
    payload = plans({"source_id": "3", "patient_id": "99", "provider_id": "99", "title": "Implant"})

    plan = payload.frame.row(0, named=True)
    assert (plan["Contact__c"], plan["Provider__c"]) == ("maple:patient:99", None)
    assert payload.left_empty.rows() == [("TreatmentPlan", "3", "ProviderID")]


def test_a_plan_and_its_line_carry_their_own_values() -> None:
    plan = plans(
        {
            "source_id": "3",
            "patient_id": "7",
            "provider_id": "5",
            "title": "Implant",
            "status": "in-progress",
            "estimated_cost": Decimal("4250.50"),
            "notes": "one\r\n two",
        }
    )
    row = plan.frame.row(0, named=True)
    assert (row["PANDA_Key__c"], row["Provider__c"]) == ("maple:plan:3", "maple:provider:5")
    assert (row["Name"], row["Status__c"]) == ("Implant", "in-progress")
    assert (row["EstimatedCost__c"], row["Treatment_Notes__c"]) == (Decimal("4250.50"), "one\r\n two")
    assert plan.problems.is_empty()

    line = {"source_id": "4", "plan_id": "3", "sequence": 2, "procedure_code": "D6010", "tooth_site": "2-5"}
    staged = {"treatment_plan_lines": rows("treatment_plan_lines", line)}
    row = applied("TreatmentPlanLine__c", staged).frame.row(0, named=True)
    assert (row["PANDA_Key__c"], row["TreatmentPlan__c"]) == ("maple:plan_line:4", "maple:plan:3")
    assert (row["Sequence__c"], row["ADA_Code__c"], row["ToothSite__c"]) == (2, "D6010", "2-5")


def test_a_cost_with_more_digits_than_money_has_is_named_and_not_rounded() -> None:
    payload = plans(
        {"source_id": "3", "patient_id": "7", "title": "Implant", "estimated_cost": Decimal("1.005")}
    )

    assert payload.problems.rows() == [("maple:plan:3", "EstimatedCost__c", "number_out_of_range")]


def test_null_and_zero_stay_apart() -> None:
    tooth = {"source_id": "1", "exam_id": "9", "slot": 6, "pocket_depth_mb": 0}

    payload = exams(EXAM | {"plaque_index": Decimal(0)}, teeth=(tooth,))

    exam = payload.frame.row(0, named=True)
    assert (exam["Plaque_Index__c"], exam["Bleeding_Index__c"]) == (0, None)
    assert (exam["PocketDepth_MB_UR6__c"], exam["PocketDepth_B_UR6__c"]) == (0, None)


def test_an_empty_text_is_a_null_and_a_missing_flag_has_its_default() -> None:
    contact = contacts(PATIENT | {"city": ""}).frame.row(0, named=True)

    assert contact["MailingCity"] is None
    assert contact["Inactive__c"] is False


@pytest.mark.parametrize(
    ("patient", "field", "code"),
    [
        pytest.param({"first_name": "x" * 41}, "FirstName", "text_too_long", id="standard-text"),
        pytest.param({"street": "x" * 256}, "MailingStreet", "text_too_long", id="street"),
        pytest.param({"email": f"{'x' * 80}@a.org"}, "Email", "text_too_long", id="email"),
        pytest.param({"source_id": "7" * 120}, "PANDA_Key__c", "text_too_long", id="key"),
        pytest.param({"city": "El\x07m"}, "MailingCity", "unrepresentable_character", id="control-character"),
        pytest.param({"city": "Elm\ufffe"}, "MailingCity", "unrepresentable_character", id="noncharacter"),
        pytest.param({"last_name": ""}, "LastName", "required_missing", id="required"),
    ],
)
def test_a_text_that_the_destination_cannot_hold_is_named(
    patient: dict[str, Any], field: str, code: str
) -> None:
    payload = contacts(PATIENT | patient, {"source_id": "8", "last_name": "Vale"})

    assert payload.problems.rows() == [(payload.frame["PANDA_Key__c"][0], field, code)]
    assert payload.frame.height == 2


def test_a_record_with_a_problem_keeps_its_value_whole() -> None:
    assert contacts(PATIENT | {"first_name": "x" * 41}).frame["FirstName"].to_list() == ["x" * 41]


@pytest.mark.parametrize(
    "text",
    ["Ærøskøbing", "line\r\nline\ttab", "😀 é é", "\u0600\ufffd"],
    ids=["latin", "lines", "astral", "bmp"],
)
def test_every_character_of_xml_passes(text: str) -> None:
    assert contacts(PATIENT | {"city": text}).problems.is_empty()


@pytest.mark.parametrize(
    ("exam", "field", "code"),
    [
        pytest.param(
            {"numbering_system": "fdi"}, "ToothNumberingSystem__c", "value_not_in_picklist", id="picklist"
        ),
        pytest.param({"rejected_teeth": 1000}, "Rejected_Teeth__c", "number_out_of_range", id="whole"),
        pytest.param({"rejected_teeth": -1000}, "Rejected_Teeth__c", "number_out_of_range", id="negative"),
        pytest.param({"notes": "x" * 131_073}, "Exam_Notes__c", "text_too_long", id="long-text"),
        pytest.param({"patient_id": None}, "Contact__c", "required_missing", id="no-parent"),
        pytest.param({"chart_incomplete": None}, "Chart_Incomplete__c", "required_missing", id="checkbox"),
    ],
)
def test_an_exams_value_that_the_destination_cannot_hold_is_named(
    exam: dict[str, Any], field: str, code: str
) -> None:
    assert exams(EXAM | exam).problems.rows() == [("maple:exam:9", field, code)]


def test_a_depth_of_too_many_digits_is_named_by_its_own_field() -> None:
    tooth = {"source_id": "1", "exam_id": "9", "slot": 6, "pocket_depth_db": 1000, "pocket_depth_mb": 999}

    payload = exams(EXAM, teeth=(tooth,))

    assert payload.problems.rows() == [("maple:exam:9", "PocketDepth_DB_UR6__c", "number_out_of_range")]


def test_one_record_can_have_several_problems() -> None:
    payload = contacts(PATIENT | {"first_name": "x" * 41, "city": "y" * 41})

    assert sorted(payload.problems["field"]) == ["FirstName", "MailingCity"]


def test_a_source_id_that_stands_twice_stops() -> None:
    with pytest.raises(PayloadRefused, match="a source id stands twice"):
        contacts(PATIENT, PATIENT)


def test_a_missing_table_is_named_with_the_asset_that_makes_it() -> None:
    staged = {"practice": practice(), "providers": rows("providers"), "referrers": rows("referrers")}
    with pytest.raises(WarehouseTableMissing, match="materialise staged/patients"):
        apply(MAPPING.of_object("Contact"), staged, "maple", None)


def test_a_chart_without_a_planned_layout_is_not_left_out_silently() -> None:
    staged = {"clinical_exams": rows("clinical_exams", EXAM)}

    with pytest.raises(PayloadRefused, match="no chart layout"):
        applied("ClinicalExam__c", staged)


def test_a_chart_row_goes_to_its_exam_and_one_of_a_rejected_exam_is_excused() -> None:
    payload = exams(
        EXAM,
        teeth=(
            {"source_id": "1", "exam_id": "9", "slot": 6},
            {"source_id": "2", "exam_id": "9", "universal": "A", "slot": None},
            {"source_id": "3", "exam_id": "10", "slot": 6},
        ),
    )

    assert payload.lineage.rows() == [
        ("ClinicalExam__c", "maple:exam:9", "ClinicalExam", "9", "record"),
        ("ClinicalExam__c", "maple:exam:9", "PeriodontalCharting", "1", "chart"),
    ]
    assert payload.excused.rows() == [("PeriodontalCharting", "3", "exam_rejected")]
