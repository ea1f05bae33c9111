from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from migration_assets.objects.base import Staged, StagingContext
from migration_assets_tests.objects.rows import (
    CHART,
    Row,
    changes,
    charted,
    charting_as,
    exam,
    raw_tables,
    reasons,
    stage_raw,
    stage_rows,
)


def staged(*chart: Row, exams: list[Row] | None = None, given: StagingContext | None = None) -> Staged:
    return stage_rows(exams=exams, chart=list(chart), given=given)["charting"]


@pytest.mark.parametrize(
    ("system", "tooth", "universal", "slot"),
    [
        ("Universal", "6", "6", 6),
        ("FDI", "16", "3", 3),
        ("Palmer", "ur-6", "3", 3),
        ("Palmer", "6┘", "3", 3),
        ("Universal", " a", "A", None),
        ("FDI", "55", "A", None),
        ("Universal", "55", "55", None),
        ("Universal", "TS", "TS", None),
    ],
)
def test_a_tooth_is_read_in_its_exams_system(
    system: str, tooth: str, universal: str, slot: int | None
) -> None:
    told = staged(charted(Tooth=tooth), exams=[exam(ToothNumberingSystem=system)])
    assert told.rows.select("tooth", "universal", "slot").row(0) == (tooth.strip(), universal, slot)


@pytest.mark.parametrize(
    ("system", "code"),
    [(None, "no_numbering_system"), (" ", "no_numbering_system"), ("Haderup", "unknown_numbering_system")],
)
def test_without_a_known_numbering_system_no_tooth_is_guessed(system: str | None, code: str) -> None:
    told = staged(charted(100), charted(101), exams=[exam(ToothNumberingSystem=system)])
    assert reasons(told) == [("100", "Tooth", code), ("101", "Tooth", code)]


@pytest.mark.parametrize("tooth", ["33", "X9", "UR4", "", "0"])
def test_a_code_that_is_no_tooth_is_rejected(tooth: str) -> None:
    assert reasons(staged(charted(Tooth=tooth))) == [("100", "Tooth", "invalid_tooth")]


def test_a_tooth_charted_twice_rejects_all_its_rows_however_it_is_spelt() -> None:
    told = staged(
        charted(100, Tooth="UR4"),
        charted(101, Tooth="4UR"),
        charted(102, Tooth="UR5"),
        charted(103, Tooth="UR4", ExamID=11),
        exams=[exam(10, ToothNumberingSystem="Palmer"), exam(11, ToothNumberingSystem="Palmer")],
    )
    assert reasons(told) == [("100", "Tooth", "duplicate_tooth"), ("101", "Tooth", "duplicate_tooth")]
    assert told.rows["source_id"].to_list() == ["102", "103"]
    assert told.rejects["parent_key"].to_list() == ["10", "10"]


def test_a_row_without_its_exam_is_an_orphan_and_nothing_else() -> None:
    told = staged(charted(100, ExamID=77), charted(101, ExamID=77), charted(102, ExamID=None))
    assert reasons(told) == [(str(key), "ExamID", "orphan_chart_row") for key in (100, 101, 102)]


def test_rows_of_an_exam_that_is_rejected_itself_are_staged() -> None:
    assert staged(charted(), exams=[exam(ExamDate=None)]).rows.height == 1


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("PocketDepth_MB", 20, "pocket_depth_out_of_range"),
        ("PocketDepth_DL", 255, "pocket_depth_out_of_range"),
        ("Recession_B", 21, "recession_out_of_range"),
        ("Recession_ML", -10, "recession_out_of_range"),
        ("Mobility", Decimal("3.5"), "mobility_out_of_range"),
        ("Mobility", Decimal("1.3"), "mobility_out_of_range"),
        ("Mobility", Decimal("-0.5"), "mobility_out_of_range"),
        ("Furcation_L", 5, "furcation_out_of_range"),
    ],
)
def test_a_measure_outside_its_range_rejects_the_row(column: str, value: Any, code: str) -> None:
    assert reasons(staged(charted(**{column: value}))) == [("100", column, code)]


@pytest.mark.parametrize(
    ("column", "value", "canonical"),
    [
        ("PocketDepth_L", 0, "pocket_depth_l"),
        ("PocketDepth_L", 19, "pocket_depth_l"),
        ("Recession_DB", -9, "recession_db"),
        ("Recession_DB", 20, "recession_db"),
        ("BOP_MB", False, "bleeding_mb"),
        ("Suppuration_B", True, "suppuration_b"),
        ("Plaque_ML", True, "plaque_ml"),
        ("Mobility", Decimal("0.0"), "mobility"),
        ("Mobility", Decimal("2.5"), "mobility"),
        ("Furcation_M", 4, "furcation_m"),
    ],
)
def test_a_measure_within_its_range_is_staged_and_zero_is_a_value(
    column: str, value: Any, canonical: str
) -> None:
    told = staged(charted(**{column: value}))
    assert told.rows[canonical].item() == value


def test_what_is_not_charted_stays_empty() -> None:
    told = staged({"ChartingID": 1, "ExamID": 10, "Tooth": "3"})
    measures = told.rows.drop("source_id", "exam_id", "tooth", "universal", "slot")
    assert all(column.null_count() == 1 for column in measures)


def test_every_rule_that_a_row_fails_is_told_once() -> None:
    told = staged(
        charted(100, Tooth="X9", PocketDepth_MB=55, PocketDepth_B=44, Furcation_M=9, Mobility=Decimal("9.9"))
    )
    assert reasons(told) == [
        ("100", "Furcation_M", "furcation_out_of_range"),
        ("100", "Mobility", "mobility_out_of_range"),
        ("100", "PocketDepth_B", "pocket_depth_out_of_range"),
        ("100", "PocketDepth_MB", "pocket_depth_out_of_range"),
        ("100", "Tooth", "invalid_tooth"),
    ]


def test_hamps_scale_ends_at_three() -> None:
    hamp = charting_as(furcation_scale="hamp")
    told = staged(charted(100, Furcation_B=3), charted(101, Tooth="2", Furcation_B=4), given=hamp)
    assert reasons(told) == [("101", "Furcation_B", "furcation_out_of_range")]


def test_a_status_is_lower_case_and_an_unknown_one_is_left_empty() -> None:
    told = staged(charted(100, ToothStatus=" Implant "), charted(101, Tooth="4", ToothStatus="gone"))
    assert told.rows["status"].to_list() == ["implant", None]
    assert changes(told) == [("101", "ToothStatus", "unknown_tooth_status", "gone")]


def test_findings_are_kept_and_counted() -> None:
    told = staged(
        charted(100, Tooth="8", Furcation_M=2),
        charted(101, Tooth="3", Furcation_L=1),
        charted(102, Tooth="5", Furcation_D=1, Mobility=Decimal("1.5")),
        charted(103, Tooth="1", ToothStatus="missing"),
        charted(104, Tooth="2", ToothStatus="missing", PocketDepth_MB=None, Mobility=None, BOP_B=False),
    )
    assert told.rows.height == 5
    assert dict(told.findings) == {
        "half_grade_mobility": 1,
        "furcation_without_entrance": 2,
        "measures_on_missing_tooth": 1,
        "time_gap": 0,
        "time_fold": 0,
    }


def test_recession_is_positive_apical_whatever_the_source_counts() -> None:
    told = staged(charted(Recession_MB=-3, Recession_B=2), given=charting_as(recession_positive="coronal"))
    assert told.rows.select("recession_mb", "recession_b").row(0) == (3, -2)


def test_open_dentals_conventions_become_ours() -> None:
    open_dental = charting_as(not_charted=-1, overgrowth_offset=100)
    told = staged(
        charted(Recession_MB=105, Recession_B=4, Recession_DB=-1, Mobility=Decimal(-1)), given=open_dental
    )
    assert told.rows.select("recession_mb", "recession_b", "recession_db", "mobility").row(0) == (
        -5,
        4,
        None,
        None,
    )


def test_a_csv_export_stages_as_the_database_does() -> None:
    raw = raw_tables(
        chart=[charted(100, Recession_B=-2, BOP_MB=True, Furcation_M=1), charted(101, Tooth="4")]
    )
    typed = stage_raw(raw)["charting"].rows
    texts = [pl.col(name).cast(pl.String) for name in CHART if name != "RowVer"]
    flags = [name for name, dtype in CHART.items() if dtype == pl.Boolean]
    exported = raw["PeriodontalCharting"].with_columns(pl.col(flags).cast(pl.Int8)).with_columns(texts)
    raw["PeriodontalCharting"] = exported
    assert stage_raw(raw)["charting"].rows.equals(typed)


def test_a_value_that_cannot_be_read_rejects_the_row_and_is_not_lost() -> None:
    raw = raw_tables(chart=[charted(100), charted(101, Tooth="4")])
    spoilt = pl.when(pl.col("ChartingID") == 100).then(pl.lit("deep")).otherwise(pl.lit(" "))
    raw["PeriodontalCharting"] = raw["PeriodontalCharting"].with_columns(spoilt.alias("PocketDepth_B"))
    told = stage_raw(raw)["charting"]
    assert reasons(told) == [("100", "PocketDepth_B", "unreadable_value")]
    assert told.rows["pocket_depth_b"].to_list() == [None]


@pytest.mark.parametrize("depth", [3.5, 70_000.0, float("inf"), float("nan")])
def test_a_depth_that_is_no_small_whole_number_is_never_rounded_into_one(depth: float) -> None:
    raw = raw_tables()
    raw["PeriodontalCharting"] = raw["PeriodontalCharting"].with_columns(PocketDepth_MB=pl.lit(depth))
    told = stage_raw(raw)["charting"]
    assert told.rows.height == 0
    assert told.rejects["column"].to_list() == ["PocketDepth_MB"]


@pytest.mark.parametrize("grade", ["0.52", "1.45", "12.5"])
def test_a_grade_finer_than_a_half_is_never_rounded_into_one(grade: str) -> None:
    raw = raw_tables()
    finer = raw["PeriodontalCharting"].with_columns(Mobility=pl.lit(Decimal(grade), pl.Decimal(9, 4)))
    raw["PeriodontalCharting"] = finer
    assert reasons(stage_raw(raw)["charting"]) == [("100", "Mobility", "mobility_out_of_range")]
