"""The second reader against literal tables and against the clinical tables that it must not import."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.migration.raw_reader import ReadAs, read

NEW_YORK = ZoneInfo("America/New_York")


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
