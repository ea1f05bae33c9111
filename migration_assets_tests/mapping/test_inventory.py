"""The inventory names every field of every payload once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from migration_assets.mapping.chart_layout import MEASURES, plan
from migration_assets.mapping.inventory import INVENTORY_COLUMNS, inventory
from migration_assets.mapping.loader import load_specs
from migration_assets.mapping.spec import MappingSet, MergedSpec
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets_tests.mapping.staged import STAGED_MODELS

MAPPING = load_specs("salesforce", STAGED_MODELS).resolved({"accounts": "practice"})
LAYOUT = plan(MEASURES, {"ClinicalExam__c": 463, "ClinicalExamChart2__c": 700, "ClinicalExamChart3__c": 473})
FRAME = inventory(MAPPING, LAYOUT, {each.name: each.source_columns for each in STAGED_OBJECTS})


def test_it_lists_exactly_the_fields_of_the_schemas() -> None:
    used = [spec for spec in MAPPING if spec.name != "ClinicalExamChart3__c"]
    expected = [(spec.name, field.name) for spec in used for field in spec.schema_with(LAYOUT).stored_fields]

    assert FRAME.schema == INVENTORY_COLUMNS
    assert FRAME.select("object", "field").unique(maintain_order=True).rows() == expected


def test_a_field_that_several_sources_fill_stands_there_once_for_each() -> None:
    of_last_name = FRAME.filter(object="Contact", field="LastName")

    assert of_last_name["staged_table"].is_unique().all()
    assert set(of_last_name.select("source_table", "source_column").rows()) >= {
        ("Provider", "LastName"),
        ("Patient", "LastName"),
    }


def test_a_chart_field_says_where_it_comes_from() -> None:
    row = next(row for row in FRAME.iter_rows(named=True) if row["field"] == "PocketDepth_MB_UR6__c")

    assert row["source_table"] == "PeriodontalCharting"
    assert (row["source_column"], row["staged_column"]) == ("PocketDepth_MB", "pocket_depth_mb")
    assert row["transform"] == "tooth 6"
    assert (row["type"], row["precision"], row["scale"], row["custom"]) == ("number", 3, 0, True)


def test_a_teeth_records_field_says_where_it_comes_from() -> None:
    row = next(row for row in FRAME.iter_rows(named=True) if row["field"] == "BleedingOnProbing_DL__c")

    assert (row["object"], row["source_column"], row["transform"]) == (
        "ClinicalExamTooth__c",
        "BOP_DL",
        "copy",
    )


def test_a_reference_says_whose_key_it_holds() -> None:
    row = FRAME.filter(object="ClinicalExam__c", field="Contact__c").row(0, named=True)

    assert row["transform"] == "key of Contact"
    assert (row["source_table"], row["source_column"]) == ("ClinicalExam", "PatientID")
    assert row["required"]


def _row(object_name: str, field: str) -> dict[str, object]:
    return FRAME.filter(object=object_name, field=field).row(0, named=True)


def test_a_field_is_named_with_its_object_and_offers_its_picklists_values() -> None:
    status = _row("TreatmentPlan__c", "Status__c")

    assert status["api_name"] == "TreatmentPlan__c.Status__c"
    assert status["values"] == ["proposed", "accepted", "in-progress", "completed", "declined"]


def test_a_constant_stands_beside_the_source_that_has_it() -> None:
    provider = FRAME.filter(object="Contact", field="Provider__c")

    assert set(provider.select("staged_table", "transform", "constant").rows()) >= {
        ("providers", "constant", "true"),
        ("patients", "constant", "false"),
    }


@pytest.mark.parametrize(
    ("object_name", "field", "reason"),
    [
        ("Contact", "PANDA_Key__c", "identity: by it the record is found again"),
        ("Contact", "Birthdate", "standard field of Contact"),
        ("Contact", "LastName", "standard field of Contact; merged: Provider and "),
        ("Contact", "PANDA_Chart_Number__c", "in the migration's list of fields"),
        ("ClinicalExamTooth__c", "ToothAsCharted__c", "kept for reference"),
        ("TreatmentPlan__c", "TreatmentType__c", "in the migration's list of fields, as treatment type"),
        ("ClinicalExam__c", "PocketDepth_MB_UR6__c", "chart: ClinicalExam__c had room for 4 of 8 measures"),
        (
            "ClinicalExamChart2__c",
            "BleedingOnProbing_DL_LL21__c",
            "companion: ClinicalExam__c had room for 4 of 8 measures; "
            "ClinicalExamChart2__c holds 4 of 8 measures",
        ),
        ("ClinicalExamTooth__c", "PocketDepth_MB__c", "one record a tooth"),
    ],
)
def test_a_field_says_why_it_sits_where_it_sits(object_name: str, field: str, reason: str) -> None:
    assert str(_row(object_name, field)["why"]).startswith(reason)


def test_every_field_has_a_reason() -> None:
    assert FRAME["why"].null_count() == 0


def test_measures_without_room_are_named_where_their_values_go() -> None:
    small = plan(MEASURES, {"ClinicalExam__c": 50})
    frame = inventory(MAPPING, small, {})

    reason = frame.filter(object="ClinicalExamTooth__c", field="Recession_DB__c")["why"][0]
    assert "pocket_depth, recession" in reason
    assert "mobility" not in reason


def test_rows_that_become_fields_of_another_tables_records_are_sources_too() -> None:
    spec = MAPPING.of_object("TreatmentPlan__c")
    phases = MergedSpec(
        staged="treatment_plan_lines",
        by="plan_id",
        role="phases",
        where={"active": True},
        rules={},
        lines={"Treatment_Notes__c": "description"},
        order_by="sequence",
    )
    source = replace(spec.sources[0], merged=(phases,))
    merging = MappingSet("salesforce", (replace(spec, sources=(source,)),))

    row = inventory(merging, None, {}).filter(field="Treatment_Notes__c", staged_table="treatment_plan_lines")
    assert row.select("source_table", "staged_column", "transform").row(0) == (
        "TreatmentPlanLine",
        "description",
        "a line a row, by sequence, active true",
    )
    assert row["why"][0].endswith("merged: TreatmentPlanLine has no object of its own here")


def test_charts_that_are_kept_per_tooth_say_so() -> None:
    kept = plan(MEASURES, {"ClinicalExam__c": 463}, "per_tooth")
    frame = inventory(MAPPING, kept, {})

    assert frame.filter(object="ClinicalExam__c", field="PocketDepth_MB_UR6__c").is_empty()
    why = frame.filter(object="ClinicalExamTooth__c", field="PocketDepth_MB__c")["why"][0]
    assert why == "one record a tooth: the practice keeps its charts so, by chart_layout"
