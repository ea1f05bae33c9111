"""Staged rows become payload rows: nothing lost, nothing twice, nothing altered."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.errors import WarehouseTableMissing
from migration_assets.mapping.apply import EXCUSED_COLUMNS, LINEAGE_COLUMNS, Payload, apply
from migration_assets.mapping.chart_layout import ChartLayout
from migration_assets.mapping.loader import load_specs
from migration_assets.mapping.problems import PROBLEM_COLUMNS, PayloadRefused
from migration_assets_tests.mapping.staged import STAGED_MODELS, practice, rows

MAPPING = load_specs("salesforce", STAGED_MODELS)
LAYOUT = ChartLayout(("pocket_depth", "recession"))

PATIENT = {"source_id": "7", "last_name": "Quill"}
EXAM = {
    "source_id": "9",
    "patient_id": "7",
    "examined_on": date(2024, 5, 6),
    "examined_at": datetime(2024, 5, 6, 14, 30, tzinfo=UTC),
    "rejected_teeth": 0,
    "chart_incomplete": False,
}


def contacts(*patients: dict[str, Any]) -> Payload:
    staged = {"patients": rows("patients", *patients), "practice": practice()}
    return apply(MAPPING.of_object("Contact"), staged, "maple", None)


def exams(*given_exams: dict[str, Any], teeth: tuple[dict[str, Any], ...] = ()) -> Payload:
    staged = {"clinical_exams": rows("clinical_exams", *given_exams), "charting": rows("charting", *teeth)}
    return apply(MAPPING.of_object("ClinicalExam__c"), staged, "maple", LAYOUT)


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


@pytest.mark.parametrize("name", ["Account", "Contact", "ClinicalExam__c"])
def test_the_columns_are_exactly_the_schemas_fields_even_of_no_rows(name: str) -> None:
    spec = MAPPING.of_object(name)
    staged = {table: practice() if table == "practice" else rows(table) for table in spec.staged_tables}

    payload = apply(spec, staged, "maple", LAYOUT)

    assert tuple(payload.frame.columns) == payload.schema.field_names
    assert pl.Null not in payload.frame.dtypes
    assert payload.lineage.schema == LINEAGE_COLUMNS
    assert payload.excused.schema == EXCUSED_COLUMNS
    assert payload.problems.schema == PROBLEM_COLUMNS


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
    with pytest.raises(WarehouseTableMissing, match="materialise staged/patients"):
        apply(MAPPING.of_object("Contact"), {"practice": practice()}, "maple", None)


def test_a_chart_without_a_planned_layout_is_not_left_out_silently() -> None:
    staged = {"clinical_exams": rows("clinical_exams", EXAM), "charting": rows("charting")}

    with pytest.raises(PayloadRefused, match="no chart layout"):
        apply(MAPPING.of_object("ClinicalExam__c"), staged, "maple", None)


def test_a_tooth_without_a_wide_field_or_an_exam_is_excused_with_a_reason() -> None:
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
    assert payload.excused.rows() == [
        ("PeriodontalCharting", "2", "no_wide_field"),
        ("PeriodontalCharting", "3", "exam_rejected"),
    ]


@st.composite
def practices(draw: st.DrawFn) -> tuple[list[str], list[dict[str, Any]]]:
    """Ids of staged exams, and chart rows of these and of others, a tooth at most once an exam."""
    ids = st.sampled_from([str(number) for number in range(6)])
    staged_exams = sorted(draw(st.sets(ids)))
    places = sorted(draw(st.sets(st.tuples(ids, st.integers(1, 32)), max_size=15)))
    slotless = draw(st.lists(ids, max_size=5))
    teeth = [*places, *((exam, None) for exam in slotless)]
    return staged_exams, [
        {"source_id": str(number), "exam_id": exam, "slot": slot} for number, (exam, slot) in enumerate(teeth)
    ]


@settings(max_examples=25, deadline=None)
@given(practices())
def test_every_staged_row_has_a_lineage_row_or_a_reason_and_never_both(
    staged: tuple[list[str], list[dict[str, Any]]],
) -> None:
    exam_ids, teeth = staged

    payload = exams(*(EXAM | {"source_id": each} for each in exam_ids), teeth=tuple(teeth))

    accounted = pl.concat(
        [payload.lineage.select("source_table", "source_id"), payload.excused.drop("reason")]
    )
    expected = [("ClinicalExam", each) for each in exam_ids]
    expected += [("PeriodontalCharting", row["source_id"]) for row in teeth]
    assert sorted(accounted.rows()) == sorted(expected)
    assert payload.frame["PANDA_Key__c"].to_list() == [f"maple:exam:{each}" for each in exam_ids]
    assert set(payload.lineage["key"]) == set(payload.frame["PANDA_Key__c"])
