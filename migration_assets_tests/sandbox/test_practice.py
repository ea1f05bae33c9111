"""The generated practice: the same for a seed, filled, clinically plausible, fast enough."""

import re
from collections import defaultdict
from time import perf_counter

import polars as pl
import pytest
from email_validator import validate_email
from polars.testing import assert_frame_equal

from migration_sandbox.practice import teeth
from migration_sandbox.practice.generator import Practice, generate, write_database
from migration_sandbox.practice.schema import ddl, frame_schema, table_names
from migration_sandbox.sqlserver.database import Database

SITES = ("MB", "B", "DB", "ML", "L", "DL")


@pytest.fixture(scope="module")
def clean() -> Practice:
    return generate(7, 200, planted=0, canaries=0)


def numbered(chart: pl.DataFrame) -> pl.DataFrame:
    return chart.with_columns(pl.col("Tooth").cast(pl.Int32).alias("number"))


def every(chart: pl.DataFrame, measure: str) -> list[int]:
    return [int(value) for site in SITES for value in chart[f"{measure}_{site}"].drop_nulls()]


def test_the_same_seed_gives_the_same_practice() -> None:
    first, second = generate(11, 120), generate(11, 120)
    assert first.manifest == second.manifest
    for table, frame in first.tables.items():
        assert_frame_equal(frame, second.tables[table])


def test_another_seed_gives_another_practice(clean: Practice) -> None:
    other = generate(8, 200, planted=0, canaries=0)
    for table in ("Patient", "ClinicalExam", "PeriodontalCharting"):
        assert not clean.tables[table].equals(other.tables[table])


def test_a_change_of_defects_leaves_the_other_patients_alone(clean: Practice) -> None:
    planted = generate(7, 200)
    touched = {int(defect.source_key) for defect in planted.manifest.defects if defect.table == "Patient"}
    touched |= {int(canary.source_key) for canary in planted.manifest.canaries if canary.table == "Patient"}
    untouched = ~pl.col("PatientID").is_in(list(touched))
    assert_frame_equal(clean.tables["Patient"].filter(untouched), planted.tables["Patient"].filter(untouched))


def test_the_schema_declares_every_table_once() -> None:
    assert len(table_names()) == 17
    assert len(re.findall(r"CREATE TABLE", ddl())) == 17
    assert len(frame_schema("PeriodontalCharting")) == 40
    assert "RowVer" not in frame_schema("Patient")


def test_every_column_of_every_generated_table_is_filled(clean: Practice) -> None:
    for table, frame in clean.tables.items():
        assert dict(frame.schema) == frame_schema(table)
        empty = [column for column in frame.columns if frame[column].null_count() == frame.height]
        assert empty == []


def test_every_child_has_its_parent(clean: Practice) -> None:
    people, exams, chart = (clean.tables[t] for t in ("Patient", "ClinicalExam", "PeriodontalCharting"))
    assert exams.join(people, on="PatientID", how="anti").is_empty()
    assert chart.join(exams, on="ExamID", how="anti").is_empty()
    assert (
        exams.drop_nulls("ProviderID").join(clean.tables["Provider"], on="ProviderID", how="anti").is_empty()
    )


def test_measures_stay_in_the_range_of_real_systems(clean: Practice) -> None:
    chart = clean.tables["PeriodontalCharting"]
    measured = {measure: every(chart, measure) for measure in ("PocketDepth", "Recession")}
    assert min(measured["PocketDepth"]) == 0 and max(measured["PocketDepth"]) <= 15
    assert -9 <= min(measured["Recession"]) < 0 < max(measured["Recession"]) <= 20
    assert set(chart["Mobility"].drop_nulls().cast(pl.Float64)) == {0, 1, 2, 3}
    assert chart["Mobility"].null_count() > 0


def test_a_tooth_that_is_not_there_has_no_measures(clean: Practice) -> None:
    chart = clean.tables["PeriodontalCharting"]
    absent = chart.filter(pl.col("ToothStatus").is_in(["missing", "pontic", "unerupted", "impacted"]))
    measured = [column for column in chart.columns if "_" in column or column == "Mobility"]
    assert absent.height > 500
    assert sum(absent[column].count() for column in measured) == 0
    statuses = {"present", "missing", "implant", "pontic", "crown", "unerupted", "impacted"}
    assert set(chart["ToothStatus"]) == statuses


def test_furcations_are_charted_only_at_entrances_the_tooth_has(clean: Practice) -> None:
    chart = numbered(clean.tables["PeriodontalCharting"])
    upper, lower, premolars = [1, 2, 3, 14, 15, 16], [17, 18, 19, 30, 31, 32], [5, 12]
    has = {"M": upper + premolars, "D": upper + premolars, "B": upper + lower, "L": lower}
    for entrance, numbers in has.items():
        found = chart.filter(pl.col(f"Furcation_{entrance}").is_not_null())["number"]
        assert set(found) <= set(numbers)
        assert found.len() > 0
    assert sum(len(teeth.entrances(number)) for number in range(1, 33)) == 34


def test_charts_have_the_rows_of_their_kind(clean: Practice) -> None:
    kinds = dict(clean.tables["ClinicalExam"].select("ExamID", "ChartingType").iter_rows())
    rows: dict[str | None, set[int]] = defaultdict(set)
    for exam, count in clean.tables["PeriodontalCharting"].group_by("ExamID").len().iter_rows():
        rows[kinds[exam]].add(count)
    assert min(rows["Full mouth"]) >= 20 and max(rows["Full mouth"]) == 32
    assert min(rows["Limited"]) >= 4 and max(rows["Limited"]) <= 12
    assert rows["Screening"] == {6}


def test_disease_progresses_between_exams(clean: Practice) -> None:
    chart = clean.tables["PeriodontalCharting"]
    level = pl.mean_horizontal(
        pl.col(f"PocketDepth_{site}").cast(pl.Int32) + pl.col(f"Recession_{site}") for site in SITES
    )
    exams = clean.tables["ClinicalExam"].filter(pl.col("ChartingType") == "Full mouth")
    levels = (
        chart.with_columns(level.alias("level"))
        .group_by("ExamID")
        .agg(pl.col("level").mean())
        .join(exams, on="ExamID")
        .drop_nulls("level")
        .sort("ExamDate")
        .group_by("PatientID")
        .agg((pl.col("level").last() - pl.col("level").first()).alias("lost"), pl.len().alias("exams"))
        .filter(pl.col("exams") > 2)
    )
    assert levels.height > 50
    assert (levels["lost"] > 0).mean() > 0.8  # type: ignore[operator]


def test_the_indices_are_those_of_the_chart(clean: Practice) -> None:
    exams = clean.tables["ClinicalExam"].drop_nulls("PlaqueIndex")
    chart = clean.tables["PeriodontalCharting"]
    for exam in exams.head(20).iter_rows(named=True):
        rows = chart.filter(pl.col("ExamID") == exam["ExamID"]).to_dicts()
        for measure, index in (("Plaque", "PlaqueIndex"), ("BOP", "BleedingIndex")):
            charted = [row[f"{measure}_{site}"] for row in rows for site in SITES]
            charted = [value for value in charted if value is not None]
            assert abs(float(exam[index]) - 100 * sum(charted) / len(charted)) < 0.006


def test_people_have_the_habits_of_real_registers(clean: Practice) -> None:
    people = clean.tables["Patient"]
    shared = people.drop_nulls("Email").group_by("Email").len().filter(pl.col("len") > 1)
    assert shared.height >= 5
    charts = people["ChartNumber"].str.strip_chars()
    assert (charts.fill_null("") == "").sum() >= 3
    assert charts.drop_nulls().filter(charts.drop_nulls() != "").is_duplicated().sum() >= 2
    assert people["LastName"].str.contains(r"[^\x00-\x7f]").sum() > 10
    for address in people["Email"].drop_nulls():
        validate_email(address, check_deliverability=False)


def test_notes_hold_line_breaks_and_length() -> None:
    notes = generate(3, 400, planted=0).tables["ClinicalExam"]["Notes"]
    assert notes.str.contains("\r\n").sum() > 100
    assert notes.null_count() > 100
    assert notes.str.len_chars().max() > 6000  # type: ignore[operator]


def test_provider_identifiers_pass_their_check_digit(clean: Practice) -> None:
    for npi in clean.tables["Provider"]["NPI"].drop_nulls():
        digits = [int(digit) for digit in "80840" + npi]
        total = sum(d if place % 2 == 0 else sum(divmod(2 * d, 10)) for place, d in enumerate(digits[::-1]))
        assert total % 10 == 0 and npi[0] in "12" and len(npi) == 10


@pytest.mark.parametrize(("numbering", "code"), [("Universal", "6"), ("FDI", "13"), ("Palmer", "UR3")])
def test_teeth_are_written_in_the_exam_s_own_system(numbering: teeth.Numbering, code: str) -> None:
    practice = generate(5, 80, numbering=numbering)
    chart = practice.tables["PeriodontalCharting"]
    known = {tooth.code(numbering) for tooth in teeth.PERMANENT}
    assert code in set(chart["Tooth"])
    assert set(practice.tables["ClinicalExam"]["ToothNumberingSystem"].drop_nulls()) == {numbering}
    stray = chart.filter(~pl.col("Tooth").is_in(list(known)))["ChartingID"].cast(pl.String)
    assert set(stray) == {d.source_key for d in practice.manifest.defects if d.code == "invalid_tooth"}


def test_the_tooth_table_follows_the_rule_of_each_system() -> None:
    for number, tooth in enumerate(teeth.PERMANENT, start=1):
        quadrant, place = divmod(number - 1, 8)
        from_midline = 8 - place if quadrant in (0, 2) else place + 1
        assert tooth.universal == str(number)
        assert tooth.fdi == f"{quadrant + 1}{from_midline}"
        assert tooth.palmer == f"{('UR', 'UL', 'LL', 'LR')[quadrant]}{from_midline}"
    assert [tooth.universal for tooth in teeth.PRIMARY] == list("ABCDEFGHIJKLMNOPQRST")
    assert len({tooth.fdi for tooth in (*teeth.PERMANENT, *teeth.PRIMARY)}) == 52


def test_a_million_charting_rows_take_less_than_half_a_minute() -> None:
    started = perf_counter()
    practice = generate(7, 8600)
    assert practice.tables["PeriodontalCharting"].height > 1_000_000
    assert perf_counter() - started < 30


def test_the_practice_fits_a_database_of_the_sandbox(tmp_path_factory: pytest.TempPathFactory) -> None:
    practice = generate(7, 200)
    path = tmp_path_factory.mktemp("practice") / "panda_maple.duckdb"
    write_database(practice, path)
    with Database.open(path) as database:
        for table, rows in practice.manifest.counts.items():
            found = (
                database.cursor().execute(f'SELECT count(*), count("RowVer") FROM dbo."{table}"').fetchone()
            )
            assert found == (rows, rows)
