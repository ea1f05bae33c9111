"""The three public NHANES mouths: counts and some sites checked by hand against the CDC's own columns."""

import polars as pl
import pytest

from migration_sandbox.practice.generator import Practice, write_database
from migration_sandbox.practice.nhanes import nhanes_practice


@pytest.fixture(scope="module")
def practice() -> Practice:
    return nhanes_practice()


def tooth(practice: Practice, participant: int, universal: int) -> dict[str, object]:
    found: dict[str, object] = practice.tables["PeriodontalCharting"].row(
        by_predicate=(pl.col("ExamID") == participant) & (pl.col("Tooth") == str(universal)), named=True
    )
    return found


def test_all_measured_teeth_and_sites_are_there(practice: Practice) -> None:
    chart = practice.tables["PeriodontalCharting"]
    assert dict(chart.group_by("ExamID").len().iter_rows()) == {51624: 25, 51645: 25, 51653: 18}
    for measure in ("PocketDepth", "Recession"):
        assert sum(chart[column].count() for column in chart.columns if column.startswith(measure)) == 407
    assert set(chart["Tooth"]).isdisjoint({"1", "16", "17", "32"})


def test_sites_are_turned_from_distal_first_to_their_names(practice: Practice) -> None:
    # SEQN 51645, OHX02: LA D,M,S,P,L,A = 1,2,3,2,4,6 and PC = 2,2,4,3,4,7.
    upper_molar = tooth(practice, 51645, 2)
    depths = {site: upper_molar[f"PocketDepth_{site}"] for site in ("DB", "B", "MB", "DL", "L", "ML")}
    assert depths == {"DB": 2, "B": 2, "MB": 4, "DL": 3, "L": 4, "ML": 7}
    recessions = {site: upper_molar[f"Recession_{site}"] for site in ("DB", "B", "MB", "DL", "L", "ML")}
    assert recessions == {"DB": -1, "B": 0, "MB": -1, "DL": -1, "L": 0, "ML": -1}


def test_recession_is_attachment_loss_minus_depth(practice: Practice) -> None:
    # SEQN 51653, OHX31: LA = 5,4,4,7,6,6 and PC = 3,2,3,3,2,4.
    lower_molar = tooth(practice, 51653, 31)
    assert [lower_molar[f"Recession_{site}"] for site in ("DB", "B", "MB", "DL", "L", "ML")] == [
        2,
        2,
        1,
        4,
        4,
        2,
    ]


def test_what_was_not_measured_is_null_and_not_nought(practice: Practice) -> None:
    # SEQN 51624, OHX23: the disto-lingual site is missing, the mid-facial one is 0.
    incisor = tooth(practice, 51624, 23)
    assert incisor["PocketDepth_DL"] is None and incisor["Recession_DL"] is None
    assert incisor["PocketDepth_B"] == 0


def test_it_has_neither_defects_nor_canaries_and_fits_the_schema(
    practice: Practice, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert practice.manifest.defects == () and practice.manifest.canaries == ()
    assert practice.manifest.counts == {
        "Provider": 1,
        "Patient": 3,
        "ClinicalExam": 3,
        "PeriodontalCharting": 68,
    }
    write_database(practice, tmp_path_factory.mktemp("nhanes") / "panda_nhanes.duckdb")
