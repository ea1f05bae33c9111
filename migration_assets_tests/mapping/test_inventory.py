"""The inventory names every field of every payload once."""

from __future__ import annotations

from migration_assets.mapping.chart_layout import MEASURES, plan
from migration_assets.mapping.inventory import INVENTORY_COLUMNS, inventory
from migration_assets.mapping.loader import load_specs
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets_tests.mapping.staged import STAGED_MODELS

MAPPING = load_specs("salesforce", STAGED_MODELS)
LAYOUT = plan(MEASURES, {"ClinicalExam__c": 463, "ClinicalExamChart2__c": 700, "ClinicalExamChart3__c": 473})
FRAME = inventory(MAPPING, LAYOUT, {each.name: each.source_columns for each in STAGED_OBJECTS})


def test_it_lists_exactly_the_fields_of_the_schemas() -> None:
    used = [spec for spec in MAPPING if spec.name != "ClinicalExamChart3__c"]
    expected = [(spec.name, field) for spec in used for field in spec.schema_with(LAYOUT).field_names]

    assert FRAME.schema == INVENTORY_COLUMNS
    assert FRAME.select("object", "field").unique(maintain_order=True).rows() == expected


def test_a_field_that_two_sources_fill_stands_there_once_for_each() -> None:
    of_last_name = FRAME.filter(object="Contact", field="LastName")

    assert of_last_name.select("source_table", "source_column").rows() == [
        ("Provider", "LastName"),
        ("Patient", "LastName"),
    ]


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
