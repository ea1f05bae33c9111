from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.objects.local_time import findings, to_utc

# Half-hour shifts, a change at midnight, a whole day skipped, winter time as the exception.
ZONES = (
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Europe/Dublin",
    "UTC",
)
moments = st.datetimes(datetime(1975, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(microsecond=0))


def local(*moments: datetime | None) -> pl.Series:
    return pl.Series(moments, dtype=pl.Datetime("ms"))


@pytest.mark.parametrize(
    ("zone", "written", "utc", "gap", "fold"),
    [
        ("America/New_York", datetime(2024, 3, 10, 2, 30), datetime(2024, 3, 10, 7, 30), True, False),
        ("America/New_York", datetime(2024, 11, 3, 1, 30), datetime(2024, 11, 3, 5, 30), False, True),
        ("America/New_York", datetime(2024, 7, 1, 12, 0), datetime(2024, 7, 1, 16, 0), False, False),
        ("Australia/Lord_Howe", datetime(2024, 10, 6, 2, 15), datetime(2024, 10, 5, 15, 45), True, False),
        ("Pacific/Apia", datetime(2011, 12, 30, 12, 0), datetime(2011, 12, 30, 22, 0), True, False),
        ("America/Phoenix", datetime(2024, 3, 10, 2, 30), datetime(2024, 3, 10, 9, 30), False, False),
    ],
)
def test_a_skipped_time_moves_forward_and_a_repeated_one_is_the_earlier(
    zone: str, written: datetime, utc: datetime, gap: bool, fold: bool
) -> None:
    told = to_utc(local(written), ZoneInfo(zone))
    assert told.times.item() == utc.replace(tzinfo=UTC)
    assert (told.gap.item(), told.fold.item()) == (gap, fold)


@given(st.lists(st.one_of(st.none(), moments), max_size=20), st.sampled_from(ZONES))
def test_every_time_is_what_the_standard_library_says(written: list[datetime | None], zone: str) -> None:
    known = ZoneInfo(zone)
    told = to_utc(local(*written), known).times
    assert told.dtype == pl.Datetime("ms", "UTC")
    assert told.to_list() == [at and at.replace(tzinfo=known).astimezone(UTC) for at in written]


def test_a_row_counts_once_and_only_where_it_is_kept() -> None:
    gap = to_utc(local(*[datetime(2024, 3, 10, 2, 30)] * 3), ZoneInfo("America/New_York"))
    kept = pl.Series([True, True, False])
    assert findings(kept, {"created_at": gap, "modified_at": gap}) == {"time_gap": 2, "time_fold": 0}
