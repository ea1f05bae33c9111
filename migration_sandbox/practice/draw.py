"""Reproducible random columns: what every table module draws its values with.

Each part of a practice has a stream of its own, derived from the seed and the part's name, so that a new
table or column leaves all the others as they were.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Times = npt.NDArray[np.datetime64]

# The last working day that any practice of the sandbox knows; fixed, so that a seed is the same data always.
LAST_DAY = int((date(2026, 5, 29) - date(1970, 1, 1)).days)


def stream(seed: int, part: str) -> np.random.Generator:
    """The random stream of one part of the practice."""
    return np.random.default_rng([seed, crc32(part.encode())])


def pick(
    rng: np.random.Generator, values: Sequence[Any], count: int, weights: Sequence[float] | None = None
) -> pl.Series:
    """``count`` values, drawn with replacement; ``None`` among them becomes a null."""
    chance = None if weights is None else np.asarray(weights) / sum(weights)
    return pl.Series(values).gather(rng.choice(len(values), size=count, p=chance))


def blank_out(rng: np.random.Generator, column: pl.Series, share: float) -> pl.Series:
    """The column with about ``share`` of its values made null."""
    keep = pl.Series(rng.random(len(column)) >= share)
    return column.set(~keep, None)


def weekday(days: Ints) -> Ints:
    """Days since 1970 with Saturdays and Sundays moved to the Monday after."""
    # 1970-01-01 was a Thursday, so (day + 3) % 7 counts from Monday.
    day_of_week = (days + 3) % 7
    return days + np.where(day_of_week >= 5, 7 - day_of_week, 0)


def office_times(rng: np.random.Generator, days: Ints) -> Times:
    """A time between 8:00 and 17:00 on each day, on the five minutes, as ``datetime64[us]``."""
    minutes = days * 1440 + 480 + rng.integers(0, 109, len(days)) * 5
    times: Times = minutes.astype("datetime64[m]").astype("datetime64[us]")
    return times


def shifted(rng: np.random.Generator, times: Times, low_minutes: int, high_minutes: int) -> Times:
    """Each time moved by a random span in whole milliseconds, the precision of ``datetime2(3)``."""
    span = rng.integers(low_minutes * 60_000, high_minutes * 60_000, len(times))
    moved: Times = times + span.astype("timedelta64[ms]").astype("timedelta64[us]")
    return moved
