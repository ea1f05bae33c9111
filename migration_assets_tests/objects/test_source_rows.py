from datetime import datetime

import polars as pl
import pytest

from migration_assets.errors import ConfigurationError, SourceColumnMissing
from migration_assets.objects import source_rows
from migration_assets.objects.base import StagingInputs
from migration_assets.objects.source_rows import Kind, SourceRows
from migration_assets.panda.profile import load_profile
from migration_assets_tests.objects.rows import context, exam, raw_tables, stage_raw


def read(column: pl.Series, kind: Kind) -> SourceRows:
    raw = {"ClinicalExam": pl.DataFrame({"Notes": column})}
    return source_rows.read(StagingInputs(raw, {}), context(), "ClinicalExam", {"Notes": kind})


@pytest.mark.parametrize(
    ("kind", "texts", "values"),
    [
        (Kind.WHOLE, ["4", " -9 ", "0"], [4, -9, 0]),
        (Kind.FLAG, ["1", "0", "True", "FALSE"], [True, False, True, False]),
        (Kind.TIME, ["2024-05-06 09:30:00", "2024-05-06T09:30:00.5", "2024-05-06"],
         [datetime(2024, 5, 6, 9, 30), datetime(2024, 5, 6, 9, 30, 0, 500_000), datetime(2024, 5, 6)]),
        (Kind.DATE, ["2024-05-06", "2024-05-06 00:00:00"], [datetime(2024, 5, 6).date()] * 2),
    ],
)  # fmt: skip
def test_texts_of_an_export_are_read_as_their_kind(
    kind: Kind, texts: list[str], values: list[object]
) -> None:
    told = read(pl.Series(texts), kind)
    assert told.frame["Notes"].to_list() == values
    assert not told.unreadable["Notes"].any()


@pytest.mark.parametrize(
    ("kind", "spoilt"),
    [
        (Kind.WHOLE, pl.Series(["4.5", "x"])),
        (Kind.WHOLE, pl.Series([4.5, float("nan")])),
        (Kind.DECIMAL, pl.Series(["x", "1,5"])),
        (Kind.FLAG, pl.Series(["2", "yes"])),
        (Kind.FLAG, pl.Series([2, -1])),
        (Kind.DATE, pl.Series(["05/06/2024", "2024-13-01"])),
        (Kind.TIME, pl.Series([20240506, 0])),
    ],
)
def test_what_is_not_of_its_kind_is_handed_back_as_unreadable(kind: Kind, spoilt: pl.Series) -> None:
    told = read(spoilt, kind)
    assert told.frame["Notes"].null_count() == 2
    assert told.unreadable["Notes"].all()


@pytest.mark.parametrize("kind", list(Kind))
def test_blank_and_null_are_no_value_of_any_kind(kind: Kind) -> None:
    told = read(pl.Series(["", "  ", None]), kind)
    assert told.frame["Notes"].null_count() == 3
    assert not any(rows.any() for rows in told.unreadable.values())


def test_columns_are_found_by_the_profiles_actual_names_in_any_case() -> None:
    default = load_profile("default")
    table = default.table("ClinicalExam")
    renamed = table.model_copy(
        update={"columns": {**table.columns, "ExamDate": "Exam_Dt", "Notes": "Remark"}}
    )
    profile = default.model_copy(update={"tables": {**default.tables, "ClinicalExam": renamed}})
    raw = raw_tables(exams=[exam(Notes="as before")])
    raw["ClinicalExam"] = raw["ClinicalExam"].rename({"ExamDate": "EXAM_DT", "Notes": "Remark"})
    told = stage_raw(raw, context(profile))["clinical_exams"].rows
    assert told["notes"].item() == "as before"
    assert told["examined_on"].item() == datetime(2024, 5, 6).date()


def test_a_column_that_the_profile_does_not_declare_is_empty() -> None:
    default = load_profile("default")
    table = default.table("PeriodontalCharting")
    fewer = {logical: name for logical, name in table.columns.items() if not logical.startswith("Plaque_")}
    without = {**default.tables, "PeriodontalCharting": table.model_copy(update={"columns": fewer})}
    told = stage_raw(raw_tables(), context(default.model_copy(update={"tables": without})))["charting"].rows
    assert told["plaque_mb"].to_list() == [None]
    assert told.schema["plaque_mb"] == pl.Boolean


def test_a_declared_column_that_was_not_extracted_is_named() -> None:
    raw = raw_tables()
    raw["PeriodontalCharting"] = raw["PeriodontalCharting"].drop("Mobility")
    with pytest.raises(SourceColumnMissing, match="PeriodontalCharting has no column 'Mobility'"):
        stage_raw(raw)["charting"]


def test_a_time_with_an_offset_is_refused_since_the_zone_is_the_practices() -> None:
    raw = raw_tables()
    raw["ClinicalExam"] = raw["ClinicalExam"].with_columns(pl.col("ExamDate").dt.replace_time_zone("UTC"))
    with pytest.raises(ConfigurationError, match="ExamDate"):
        stage_raw(raw)["clinical_exams"]
