"""The practice's local times without offset -> UTC, the same way every time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from migration_assets.objects.base import UTC_MS


@dataclass(frozen=True)
class UtcTimes:
    """``times`` Datetime("ms", "UTC"); ``gap``, ``fold``: the local time didn't exist, or twice."""

    times: pl.Series
    gap: pl.Series
    fold: pl.Series


def to_utc(local: pl.Series, zone: ZoneInfo) -> UtcTimes:
    """Datetime("ms") without zone, as the practice's clocks showed it, to UTC; null stays null.

    A time that the clocks skipped is shifted forward by the gap (02:30 becomes 03:30), one that they showed
    twice is the earlier of the two.
    """
    earlier = _localised(local, zone, "earliest")
    later = _localised(local, zone, "latest")
    gap = local.is_not_null() & earlier.is_null()
    fold = (earlier != later).fill_null(False)
    if gap.any():
        skipped = local.filter(gap).unique()
        shifted = [_shifted(time, zone) for time in skipped]
        resolved = local.replace_strict(
            skipped, pl.Series(shifted, dtype=UTC_MS), default=None, return_dtype=UTC_MS
        )
        earlier = earlier.zip_with(~gap, resolved)
    return UtcTimes(earlier.alias(local.name), gap.alias("gap"), fold.alias("fold"))


def findings(kept: pl.Series, times: Mapping[str, UtcTimes]) -> dict[str, int]:
    """``time_gap`` and ``time_fold``: how many of the ``kept`` rows have such a time in any column."""
    nowhere = pl.Series([False]).new_from_index(0, kept.len())
    gap, fold = nowhere, nowhere
    for column in times.values():
        gap, fold = gap | column.gap, fold | column.fold
    return {"time_gap": int((gap & kept).sum()), "time_fold": int((fold & kept).sum())}


def _localised(local: pl.Series, zone: ZoneInfo, which: Literal["earliest", "latest"]) -> pl.Series:
    named = local.dt.replace_time_zone(zone.key, ambiguous=which, non_existent="null")
    return named.dt.convert_time_zone("UTC").cast(UTC_MS)


def _shifted(local: datetime, zone: ZoneInfo) -> datetime:
    # PEP 495: with fold=0 a skipped time is read with the offset before the gap, which moves it forward.
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)
