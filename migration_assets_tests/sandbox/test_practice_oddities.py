"""Rows that an office has few of: free-text dentists, third insurances, rich notes, visits without a type."""

from datetime import date, timedelta

import polars as pl
import pytest

from migration_sandbox.practice.draw import LAST_DAY
from migration_sandbox.practice.generator import Practice, generate

LAST = date(1970, 1, 1) + timedelta(days=LAST_DAY)


@pytest.fixture(scope="module")
def clean() -> Practice:
    return generate(7, 200, planted=0, canaries=0, tables="all")


def test_a_dentist_without_a_number_is_written_in_several_ways(clean: Practice) -> None:
    named = clean.tables["Referral"].filter(pl.col("ProviderID").is_null()).drop_nulls("ReferrerName")
    addresses = named.group_by(pl.col("ReferrerEmail").str.to_lowercase()).agg("ReferrerName").drop_nulls()
    assert addresses.height > 5 and all(
        len(set(names)) == 2 and names[1].startswith(names[0].split()[-1])
        for names in addresses["ReferrerName"].to_list()
    )
    details = pl.any_horizontal(pl.col("ReferrerEmail", "ReferrerPhone", "ReferrerPractice").is_not_null())
    assert named.filter(~details).height > 5
    providers = clean.tables["Provider"].filter("IsReferring")
    known = named.join(providers, left_on="ReferrerEmail", right_on="Email")
    assert known.height >= 3


def test_a_visit_may_be_staged_twice_and_a_staging_may_have_no_time(clean: Practice) -> None:
    staged = clean.tables["PeriodontalClassification"]
    assert staged.drop_nulls("ExamID").select("ExamID").is_duplicated().sum() > 5
    assert staged.group_by("PatientID").len()["len"].max() >= 3  # type: ignore[operator]
    assert staged["StagedAt"].null_count() > 3
    assert staged.filter(pl.col("Stage").is_null(), pl.col("Extent").is_not_null()).height > 1


def test_visits_may_have_no_type_and_no_length(clean: Practice) -> None:
    calendar = clean.tables["Appointment"]
    odd = calendar.filter(pl.col("SessionType").is_null())
    assert odd.height > 3 and {0, None} == set(odd["DurationMinutes"])
    assert calendar["SessionType"].str.len_chars().max() > 90  # type: ignore[operator]
    year_ago = pl.lit(LAST - timedelta(days=365))
    assert calendar.filter(pl.col("StartsAt").dt.date() < year_ago).height > calendar.height / 3


def test_notes_come_from_word_processors_and_web_pages(clean: Practice) -> None:
    notes = clean.tables["ClinicalNote"]["Body"].drop_nulls()
    for sign in ("\\trowd", "\\'df", "\\uc2", "<script>", "&nbsp;", "<o:p>", "<ol>", "Depths <5"):
        assert notes.str.contains(sign, literal=True).sum() >= 2, sign


def test_oddities_stand_behind_the_rows_of_before(clean: Practice) -> None:
    """Numbers run on, so that the ordinary rows of a seed are what they were without the others."""
    for table in ("Referral", "Insurance", "PeriodontalClassification", "Appointment", "ClinicalNote"):
        keys = clean.tables[table].to_series(0)
        assert keys.is_sorted() and keys.n_unique() == len(keys), table
