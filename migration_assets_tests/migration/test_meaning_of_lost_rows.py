"""The comparison of meaning names raw rows that no record mirrors, and doesn't take a chart row's rejection
on trust where it can tell the tooth and its values itself."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets.mapping.chart_layout import ChartLayout
from migration_assets.migration.meaning import missing
from migration_assets.migration.raw_chart import teeth
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.objects.base import REJECT_COLUMNS
from migration_assets_tests.migration.meaning_frames import listed
from migration_assets_tests.migration.test_chart_meaning import (
    CHART2,
    ENTERPRISE,
    EXAM,
    KEY,
    MEANINGS,
    PROFESSIONAL,
    SHAPES,
    TOOTH,
    Migrated,
    migrated_practice,
)

CHART = "PeriodontalCharting"


def raw_of(migrated: Migrated, *rejects: dict[str, str]) -> RawPractice:
    told = pl.concat([migrated.rejects, listed(REJECT_COLUMNS, *rejects)])
    zone = ZoneInfo("America/New_York")
    return RawPractice("maple", zone, migrated.profile, migrated.tables, told, migrated.corrections)


def rows_of_tooth(migrated: Migrated, written: str) -> list[str]:
    """Keys of the full mouth's rows of one tooth."""
    columns = migrated.profile.table(CHART)
    exam, tooth, key = (columns.actual(name) for name in ("ExamID", "Tooth", "ChartingID"))
    rows = migrated.tables[CHART].filter(pl.col(exam) == 10, pl.col(tooth) == written)
    return [str(each) for each in rows[key]]


def told_teeth(migrated: Migrated, *rejects: dict[str, str]) -> set[str]:
    chart = MEANINGS[EXAM][0].chart
    assert chart is not None
    told = teeth(chart, [], raw_of(migrated, *rejects))
    return set(told.filter(pl.col("exam") == "10")["tooth"])


def lost(migrated: Migrated, name: str, keys: pl.Series, *rejects: dict[str, str]) -> set[str]:
    fields = {field for frame in migrated.returned.values() for field in frame.columns}
    found = missing(MEANINGS[name], name, KEY, keys, raw_of(migrated, *rejects), fields)
    assert set(found["code"]) <= {"record_missing"}
    assert set(found["field"]) <= {KEY}
    return set(found["key"])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", [ENTERPRISE, PROFESSIONAL], ids=["enterprise", "professional"])
def test_each_record_that_isnt_there_is_named_and_no_other(shape: str, layout: ChartLayout) -> None:
    migrated = migrated_practice(shape, layout=layout)

    for name in (EXAM, CHART2, TOOTH) if layout is ENTERPRISE else (EXAM, TOOTH):
        keys = migrated.returned[name][KEY]
        assert keys.len() > 1
        assert lost(migrated, name, keys) == set()
        assert lost(migrated, name, keys[1:]) == {keys[0]}
        assert lost(migrated, name, keys.clear()) == set(keys)


def test_what_hangs_on_a_rejected_exam_isnt_missed() -> None:
    migrated = migrated_practice("tooth_row")
    of_exam = {"source_table": "ClinicalExam", "source_key": "10", "code": "exam_date_implausible"}

    nothing = pl.Series(KEY, [], dtype=pl.String)
    assert lost(migrated, EXAM, nothing, of_exam) == {"maple:exam:11"}
    assert lost(migrated, CHART2, nothing, of_exam) == {"maple:exam_chart2:11"}
    assert lost(migrated, TOOTH, nothing, of_exam) == set()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "code",
    [
        "invalid_tooth",
        "no_numbering_system",
        "orphan_chart_row",
        "duplicate_tooth",
        "pocket_depth_out_of_range",
        "recession_out_of_range",
        "mobility_out_of_range",
        "furcation_out_of_range",
    ],
)
def test_a_tooth_that_was_refused_though_nothing_is_wrong_with_it_is_expected(shape: str, code: str) -> None:
    migrated = migrated_practice(shape)
    rejects = [
        {"source_table": CHART, "source_key": key, "code": code} for key in rows_of_tooth(migrated, "5")
    ]

    assert rejects
    assert "5" in told_teeth(migrated, *rejects)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_tooth_refused_for_what_isnt_judged_here_is_believed_to_be(shape: str) -> None:
    migrated = migrated_practice(shape)
    rejects = [
        {"source_table": CHART, "source_key": key, "code": code}
        for key in rows_of_tooth(migrated, "5")
        for code in ("invalid_tooth", "unreadable_value")
    ]

    assert told_teeth(migrated) - told_teeth(migrated, *rejects) == {"5"}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("PocketDepth_MB", 20),
        ("Recession_DL", 21),
        ("Recession_L", -10),
        ("Mobility", 0.3),
        ("Mobility", 3.5),
        ("Furcation_M", 5),
    ],
)
def test_a_tooth_with_an_impossible_number_isnt_expected(column: str, value: float) -> None:
    migrated = migrated_practice("tooth_row")
    chart = migrated.tables[CHART]
    hit = (pl.col("Tooth") == "5") & (pl.col("ExamID") == 10)
    number = pl.when(hit).then(pl.lit(value)).otherwise(pl.col(column).cast(pl.Float64))
    migrated.tables[CHART] = chart.with_columns(number.alias(column))

    assert "5" not in told_teeth(migrated)


def test_a_tooth_charted_twice_isnt_expected() -> None:
    migrated = migrated_practice("tooth_row")
    chart = migrated.tables[CHART]
    again = chart.filter(pl.col("Tooth") == "5").with_columns(
        pl.lit(999, chart.schema["ChartingID"]).alias("ChartingID")
    )
    migrated.tables[CHART] = pl.concat([chart, again])

    assert "5" not in told_teeth(migrated)
