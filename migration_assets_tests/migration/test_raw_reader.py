"""The second reader against literal tables and against the clinical tables that it must not import."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.migration.raw_reader import ReadAs, chart_number, permanent_tooth, read
from migration_assets.panda.profile import ChartConventions
from migration_assets.perio.teeth import NumberingSystem, tooth_lookup

NEW_YORK = ZoneInfo("America/New_York")

# Universal, FDI (ISO 3950), Palmer; quadrants by row, from the upper right third molar clockwise.
TEETH = """
1 18 UR8 | 2 17 UR7 | 3 16 UR6 | 4 15 UR5 | 5 14 UR4 | 6 13 UR3 | 7 12 UR2 | 8 11 UR1
9 21 UL1 | 10 22 UL2 | 11 23 UL3 | 12 24 UL4 | 13 25 UL5 | 14 26 UL6 | 15 27 UL7 | 16 28 UL8
17 38 LL8 | 18 37 LL7 | 19 36 LL6 | 20 35 LL5 | 21 34 LL4 | 22 33 LL3 | 23 32 LL2 | 24 31 LL1
25 41 LR1 | 26 42 LR2 | 27 43 LR3 | 28 44 LR4 | 29 45 LR5 | 30 46 LR6 | 31 47 LR7 | 32 48 LR8
"""
TABLE = [tuple(cell.split()) for line in TEETH.strip().splitlines() for cell in line.split("|")]


@pytest.mark.parametrize(("universal", "fdi", "palmer"), TABLE)
def test_each_permanent_tooth_is_read_in_every_system(universal: str, fdi: str, palmer: str) -> None:
    number = int(universal)

    assert permanent_tooth(universal, "Universal") == number
    assert permanent_tooth(fdi, "FDI") == number
    for written in (palmer, f" {palmer.lower()} ", f"{palmer[:2]}-{palmer[2]}", f"{palmer[2]}{palmer[:2]}"):
        assert permanent_tooth(written, "Palmer") == number


@pytest.mark.parametrize(
    ("written", "number"), [("3┘", 6), ("3⏌", 6), ("└3", 11), ("⎿3", 11), ("┌6", 19), ("6┐", 30), ("6⏋", 30)]
)
def test_palmers_corners_are_read(written: str, number: int) -> None:
    assert permanent_tooth(written, "Palmer") == number


@pytest.mark.parametrize(
    ("written", "system"),
    [
        ("0", "Universal"),
        ("33", "Universal"),
        ("51", "Universal"),
        ("A", "Universal"),
        ("²", "Universal"),
        ("٣", "Universal"),
        ("", "Universal"),
        ("10", "FDI"),
        ("19", "FDI"),
        ("51", "FDI"),
        ("8", "FDI"),
        ("UR9", "Palmer"),
        ("URA", "Palmer"),
        ("3", "Palmer"),
        ("11", "Palmer"),
    ],
)
def test_what_is_no_permanent_tooth_is_none(written: str, system: str) -> None:
    assert permanent_tooth(written, system) is None


@pytest.mark.parametrize("system", list(NumberingSystem))
def test_both_readers_agree_on_every_spelling_that_staging_knows(system: NumberingSystem) -> None:
    known = tooth_lookup().filter(pl.col("numbering_system") == str(system))

    for written, slot in known.select("tooth", "slot").iter_rows():
        assert permanent_tooth(written, str(system)) == slot


def one(value: object, kind: ReadAs, dtype: pl.DataType | None = None) -> object:
    return read(pl.Series("column", [value], dtype=dtype), kind, NEW_YORK)[0]


@pytest.mark.parametrize("kind", ["text", "lines"])
def test_text_is_trimmed_and_a_blank_one_is_nothing(kind: ReadAs) -> None:
    assert one("  Quill \n", kind) == "Quill"
    assert one(" \t", kind) is None
    assert one(None, kind, pl.String()) is None
    assert one(7, kind) == "7"


@pytest.mark.parametrize("kind", ["date", "day"])
def test_a_date_or_a_time_gives_its_own_day(kind: ReadAs) -> None:
    assert one(date(2024, 5, 6), kind) == date(2024, 5, 6)
    assert one(datetime(2024, 5, 6, 23, 59), kind) == date(2024, 5, 6)


def test_a_local_time_becomes_utc() -> None:
    assert one(datetime(2024, 1, 2, 9, 30), "moment") == datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
    assert one(datetime(2024, 7, 2, 9, 30), "moment") == datetime(2024, 7, 2, 13, 30, tzinfo=UTC)
    assert one(date(2024, 7, 2), "moment") == datetime(2024, 7, 2, 4, 0, tzinfo=UTC)


def test_a_time_that_the_clocks_skipped_moves_forward() -> None:
    assert one(datetime(2024, 3, 10, 2, 30), "moment") == datetime(2024, 3, 10, 7, 30, tzinfo=UTC)


def test_of_a_time_that_the_clocks_showed_twice_the_first_counts() -> None:
    assert one(datetime(2024, 11, 3, 1, 30), "moment") == datetime(2024, 11, 3, 5, 30, tzinfo=UTC)


@given(st.datetimes(datetime(1950, 1, 1), datetime(2035, 1, 1)))
def test_both_readers_agree_on_every_moment(local: datetime) -> None:
    from migration_assets.objects.local_time import to_utc

    times = pl.Series("at", [local], dtype=pl.Datetime("us"))

    assert read(times, "moment", NEW_YORK)[0] == to_utc(times.cast(pl.Datetime("ms")), NEW_YORK).times[0]


def test_numbers_and_flags() -> None:
    assert one(Decimal("12.35"), "number") == 12.35
    assert one(0, "number") == 0.0
    assert one(1, "flag") is True
    assert one(None, "flag", pl.Boolean()) is False


@pytest.mark.parametrize(
    ("written", "meant"),
    [("M", "M"), ("male", "M"), (" Female ", "F"), ("x", "X"), ("unknown", "U"), ("?", None)],
)
def test_sexes_are_read_by_their_spellings(written: str, meant: str | None) -> None:
    assert one(written, "sex") == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("universal", "Universal"),
        ("JP", "Universal"),
        ("Universal/National", "Universal"),
        ("fdi", "FDI"),
        ("ISO  3950", "FDI"),
        ("jo", "FDI"),
        ("Zsigmondy-Palmer", "Palmer"),
        ("", None),
        ("Haderup", None),
    ],
)
def test_numbering_systems_are_read_by_their_names(written: str, meant: str | None) -> None:
    assert one(written, "numbering_system") == meant


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
