"""How many records a practice's staged rows become, in either layout of its charts."""

from __future__ import annotations

from migration_assets.destinations.kind import LayoutKind
from migration_assets.mapping.chart_layout import MEASURES, ChartLayout, plan
from migration_assets.mapping.loader import load_specs
from migration_assets.mapping.volumes import volumes
from migration_assets_tests.mapping.staged import STAGED_MODELS

MAPPING = load_specs("salesforce", STAGED_MODELS).resolved({"accounts": "practice"})
ROWS = {"patients": 100, "providers": 10, "clinical_exams": 300, "charting": 8_400, "treatment_plans": 40}
WIDE, COMPANION, TOOTH = "ClinicalExam__c", "ClinicalExamChart2__c", "ClinicalExamTooth__c"


def layout(room: int, companion: int = 0, kind: LayoutKind = "wide") -> ChartLayout:
    return plan(MEASURES, {WIDE: room, COMPANION: companion}, kind)


def test_rows_become_records_and_the_practice_an_account() -> None:
    records = volumes(MAPPING, layout(2_000), ROWS, 0).records

    assert (records["Account"], records["TreatmentPlan__c"]) == (1, 40)
    assert records["Contact"] >= 110
    assert records["TreatmentPlanLine__c"] == 0


def test_a_wide_layout_makes_companions_and_few_records_of_teeth() -> None:
    counted = volumes(MAPPING, layout(463, 700), ROWS, teeth_without_slot=25)

    assert [counted.records[name] for name in (WIDE, COMPANION, TOOTH)] == [300, 300, 25]
    assert counted.alternatives["per_tooth"][TOOTH] == 8_400
    assert COMPANION not in counted.alternatives["per_tooth"]


def test_measures_without_room_make_a_record_of_every_tooth() -> None:
    assert volumes(MAPPING, layout(75), ROWS, 25).records[TOOTH] == 8_400


def test_charts_kept_per_tooth_make_a_record_of_every_tooth() -> None:
    counted = volumes(MAPPING, layout(463, 700, "per_tooth"), ROWS, 25)

    assert (counted.records[WIDE], counted.records[TOOTH]) == (300, 8_400)
    assert COMPANION not in counted.records
    assert counted.alternatives == {}


def test_charts_kept_per_tooth_are_told_what_wide_ones_would_be_in_that_organisation() -> None:
    kept = layout(463, 700, "per_tooth")
    roomy = volumes(MAPPING, kept, ROWS, 25, wide=layout(463, 700)).alternatives["wide"]
    narrow = volumes(MAPPING, kept, ROWS, 25, wide=layout(75)).alternatives["wide"]

    assert [roomy[name] for name in (WIDE, COMPANION, TOOTH)] == [300, 300, 25]
    assert (narrow[WIDE], narrow[TOOTH]) == (300, 8_400)


def test_files_are_the_same_in_any_layout() -> None:
    for kind in (layout(463, 700), layout(463, 700, "per_tooth"), None):
        counted = volumes(MAPPING, kind, ROWS, 25, files=7, file_bytes=3_000)
        assert (counted.files, counted.file_bytes) == (7, 3_000)


def test_rows_that_a_source_leaves_out_make_no_records() -> None:
    every = volumes(MAPPING, layout(463, 700), ROWS, 0).records["Contact"]
    kept = {("Contact", "patient"): ROWS["patients"] - 5}

    assert volumes(MAPPING, layout(463, 700), ROWS, 0, kept=kept).records["Contact"] == every - 5
