"""The second reader of the chart against literal tables and the clinical tables that it must not import."""

from __future__ import annotations

import polars as pl
import pytest

from migration_assets.migration.raw_chart import chart_number, universal_tooth
from migration_assets.panda.profile import ChartConventions
from migration_assets.perio.teeth import NumberingSystem, tooth_lookup

# Universal, FDI (ISO 3950), Palmer; quadrants by row, from the upper right third molar clockwise.
TEETH = """
1 18 UR8 | 2 17 UR7 | 3 16 UR6 | 4 15 UR5 | 5 14 UR4 | 6 13 UR3 | 7 12 UR2 | 8 11 UR1
9 21 UL1 | 10 22 UL2 | 11 23 UL3 | 12 24 UL4 | 13 25 UL5 | 14 26 UL6 | 15 27 UL7 | 16 28 UL8
17 38 LL8 | 18 37 LL7 | 19 36 LL6 | 20 35 LL5 | 21 34 LL4 | 22 33 LL3 | 23 32 LL2 | 24 31 LL1
25 41 LR1 | 26 42 LR2 | 27 43 LR3 | 28 44 LR4 | 29 45 LR5 | 30 46 LR6 | 31 47 LR7 | 32 48 LR8
"""
TABLE = [tuple(cell.split()) for line in TEETH.strip().splitlines() for cell in line.split("|")]


@pytest.mark.parametrize(("universal", "fdi", "palmer"), TABLE)
def test_each_universal_tooth_is_read_in_every_system(universal: str, fdi: str, palmer: str) -> None:
    assert universal_tooth(universal, "Universal") == universal
    assert universal_tooth(fdi, "FDI") == universal
    for written in (palmer, f" {palmer.lower()} ", f"{palmer[:2]}-{palmer[2]}", f"{palmer[2]}{palmer[:2]}"):
        assert universal_tooth(written, "Palmer") == universal


@pytest.mark.parametrize(
    ("written", "universal"),
    [
        ("3┘", "6"),
        ("3⏌", "6"),
        ("└3", "11"),
        ("⎿3", "11"),
        ("┌6", "19"),
        ("6┐", "30"),
        ("B┘", "D"),
        ("└A", "F"),
    ],
)
def test_palmers_corners_are_read(written: str, universal: str) -> None:
    assert universal_tooth(written, "Palmer") == universal


@pytest.mark.parametrize(
    ("written", "system"),
    [
        ("0", "Universal"),
        ("33", "Universal"),
        ("83", "Universal"),
        ("U", "Universal"),
        ("SS ", "FDI"),
        ("²", "Universal"),
        ("٣", "Universal"),
        ("", "Universal"),
        ("10", "FDI"),
        ("19", "FDI"),
        ("56", "FDI"),
        ("8", "FDI"),
        ("UR9", "Palmer"),
        ("URF", "Palmer"),
        ("3", "Palmer"),
        ("11", "Palmer"),
    ],
)
def test_what_is_no_universal_tooth_is_none(written: str, system: str) -> None:
    assert universal_tooth(written, system) is None


@pytest.mark.parametrize("system", list(NumberingSystem))
def test_both_readers_agree_on_every_spelling_that_staging_knows(system: NumberingSystem) -> None:
    known = tooth_lookup().filter(pl.col("numbering_system") == str(system))

    for written, universal in known.select("tooth", "universal").iter_rows():
        assert universal_tooth(written, str(system)) == universal


def numbers(raw: list[int | None], measure: str, **conventions: object) -> list[float | None]:
    profile = ChartConventions.model_validate(conventions)
    return chart_number(pl.Series("raw", raw, dtype=pl.Int16), measure, profile).to_list()


def test_a_depth_is_as_charted_whatever_the_sign_convention() -> None:
    assert numbers([0, 3, None], "PocketDepth", recession_positive="coronal") == [0.0, 3.0, None]


def test_recession_is_positive_apical_of_the_cej() -> None:
    assert numbers([-2, 0, 3, None], "Recession") == [-2.0, 0.0, 3.0, None]
    assert numbers([-2, 0, 3, None], "Recession", recession_positive="coronal") == [2.0, 0.0, -3.0, None]


@pytest.mark.parametrize("measure", ["PocketDepth", "Recession"])
def test_the_number_for_not_charted_is_nothing_and_nought_stays(measure: str) -> None:
    assert numbers([-1, 0, None], measure, not_charted=-1) == [None, 0.0, None]


@pytest.mark.parametrize(("positive", "three"), [("apical", 3.0), ("coronal", -3.0)])
def test_an_overgrowth_is_one_whatever_the_sign_of_the_others(positive: str, three: float) -> None:
    found = numbers([105, 3, None], "Recession", overgrowth_offset=100, recession_positive=positive)

    assert found == [-5.0, three, None]
