"""The inventory names every field of every payload once."""

from __future__ import annotations

from migration_assets.mapping.chart_layout import ChartLayout
from migration_assets.mapping.inventory import INVENTORY_COLUMNS, inventory
from migration_assets.mapping.loader import load_specs
from migration_assets.objects import charting, clinical_exams, patients
from migration_assets_tests.mapping.staged import STAGED_MODELS

MAPPING = load_specs("salesforce", STAGED_MODELS)
LAYOUT = ChartLayout(("pocket_depth", "recession"))
FRAME = inventory(
    MAPPING,
    LAYOUT,
    {
        "patients": patients.SOURCE_COLUMNS,
        "clinical_exams": clinical_exams.SOURCE_COLUMNS,
        "charting": charting.SOURCE_COLUMNS,
    },
)


def test_it_lists_exactly_the_fields_of_the_schemas() -> None:
    expected = [(spec.name, field) for spec in MAPPING for field in spec.schema_with(LAYOUT).field_names]

    assert FRAME.schema == INVENTORY_COLUMNS
    assert FRAME.select("object", "field").rows() == expected


def test_a_chart_field_says_where_it_comes_from() -> None:
    row = next(row for row in FRAME.iter_rows(named=True) if row["field"] == "PocketDepth_MB_UR6__c")

    assert row["source_table"] == "PeriodontalCharting"
    assert (row["source_column"], row["staged_column"]) == ("PocketDepth_MB", "pocket_depth_mb")
    assert row["transform"] == "tooth 6"
    assert (row["type"], row["precision"], row["scale"], row["custom"]) == ("number", 3, 0, True)


def test_a_reference_says_whose_key_it_holds() -> None:
    row = next(row for row in FRAME.iter_rows(named=True) if row["field"] == "Contact__c")

    assert row["transform"] == "key of Contact"
    assert (row["source_table"], row["source_column"]) == ("ClinicalExam", "PatientID")
    assert row["required"]
