"""The wide chart: gathering by position against polars' pivot of the same frame.

Every tooth of every exam is charted with all eight measures, which is 1,058 fields over three objects. The
gather makes each object's part as the payload does. A pivot alone makes all columns in one call, under names
of its own and as texts; what a payload needs is its third line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measuring import Measured, Piece, Work, measure
from benchmarks.report import Aim, Figures, Section

if TYPE_CHECKING:
    import polars as pl

    from migration_assets.mapping.chart_layout import ChartColumn

EXAMS = 10_000
_TEETH = 32
_EXAM, _SLOT = "exam_id", "slot"
_ROOM = 460
"""Chart fields that an exam's object and each companion can hold in an org of 500 custom fields."""


def run(exams: int = EXAMS) -> list[Measured]:
    """The gather, the pivot alone, and the pivot to the same fields."""
    arguments = {"exams": exams}
    pieces = (
        ("gather by position", gathering),
        ("polars pivot alone", pivoting),
        ("polars pivot to the same fields", pivoting_to_fields),
    )
    return measure([Piece(name, prepare, arguments) for name, prepare in pieces], rounds=9)


def section() -> Section:
    measured = run()
    gathered, alone, to_fields = measured
    slower = {
        each.name: (each.ratio(gathered, "seconds"), each.ratio(gathered, "cpu_seconds")) for each in measured
    }
    rows = [
        (
            each.name,
            f"{each.seconds:.3f}",
            f"{each.fastest:.3f}",
            f"{each.cpu_seconds:.3f}",
            f"{each.extra_mb:.0f}",
            "{:.1f} / {:.1f}".format(*slower[each.name]),
        )
        for each in measured
    ]
    headings = ("what", "s", "fastest, s", "CPU s", "extra memory, MB", "times slower, wall / CPU")
    return Section(
        f"Wide chart: {EXAMS:,} full exams, 1,058 fields",
        "Staged rows of every tooth with all eight measures become the fields of three objects. The pivot "
        "runs on every core, the gather mostly on one. Pivoted alone, columns have names of the pivot's own, "
        "and words are texts; to the same fields, they are coded, named and divided as the payload has them.",
        [Figures(headings, rows)],
        [
            Aim(
                "4 times faster than polars' pivot alone",
                "{:.1f} times by wall, {:.1f} by CPU seconds".format(*slower[alone.name])
                + " ({:.1f} and {:.1f} to the same fields)".format(*slower[to_fields.name]),
                slower[alone.name][0] >= 4,
            ),
            Aim("extra memory under 60 MB", f"{gathered.extra_mb:.0f} MB", gathered.extra_mb < 60),
        ],
    )


def gathering(exams: int) -> Work:
    parts = _parts()
    few = charted(20)
    for ours, theirs in zip(_gathered(few, _exams(few), parts), _pivoted(few, parts), strict=True):
        if not ours.equals(theirs):
            raise RuntimeError("gather and pivot don't make the same fields")
    chart = charted(exams)
    ids = _exams(chart)
    return lambda: _gathered(chart, ids, parts)


def pivoting(exams: int) -> Work:
    chart = charted(exams)
    columns = [name for name in chart.columns if name not in (_EXAM, _SLOT)]
    return lambda: chart.pivot(_SLOT, index=_EXAM, values=columns)


def pivoting_to_fields(exams: int) -> Work:
    parts, chart = _parts(), charted(exams)
    return lambda: _pivoted(chart, parts)


def _exams(chart: pl.DataFrame) -> pl.Series:
    """Exams in their order, which a payload has from their own table."""
    return chart[_EXAM].unique(maintain_order=True)


def _gathered(
    chart: pl.DataFrame, ids: pl.Series, parts: list[tuple[ChartColumn, ...]]
) -> list[pl.DataFrame]:
    from migration_assets.mapping.chart_gather import gather

    return [gather(chart, ids, columns, _EXAM) for columns in parts]


def _pivoted(chart: pl.DataFrame, parts: list[tuple[ChartColumn, ...]]) -> list[pl.DataFrame]:
    import polars as pl

    from migration_assets.mapping.chart_gather import coded

    columns = dict.fromkeys(each.column for part in parts for each in part)
    wide = (
        chart.select(_EXAM, _SLOT).hstack(coded(chart, columns)).pivot(_SLOT, index=_EXAM, values=[*columns])
    )
    return [
        wide.select(pl.col(f"{each.column}_{each.slot}").alias(each.field) for each in part) for part in parts
    ]


def _parts() -> list[tuple[ChartColumn, ...]]:
    from migration_assets.mapping.chart_layout import MEASURES, plan, wide_columns

    layout = plan(MEASURES, dict.fromkeys(("exam", "second", "third"), _ROOM))
    if layout.unplaced or len(layout.objects) != 3:
        raise RuntimeError("the eight measures must need three objects")
    return [wide_columns(each.measures) for each in layout.objects]


def charted(exams: int) -> pl.DataFrame:
    """A row for each of 32 teeth of ``exams``, every measure there, as staging leaves them."""
    import numpy as np
    import polars as pl

    from migration_assets.mapping.chart_layout import MEASURES
    from migration_assets.objects.charting import CHARTING
    from migration_assets.perio.vocabulary import TOOTH_STATUSES

    random = np.random.default_rng(7)
    rows = exams * _TEETH
    types = {name: column.dtype.type for name, column in CHARTING.model.to_schema().columns.items()}
    frame = {
        _EXAM: pl.Series(np.repeat(np.arange(exams), _TEETH)).cast(pl.String),
        _SLOT: pl.Series(np.tile(np.arange(1, _TEETH + 1), exams), dtype=types[_SLOT]),
    }
    for column in (name for each in MEASURES.values() for name in each.columns):
        drawn = pl.Series(random.integers(0, 4, rows))
        if types[column] == pl.String:
            frame[column] = pl.Series(TOOTH_STATUSES).gather(drawn)
        elif types[column] == pl.Boolean:
            frame[column] = drawn == 0
        else:
            frame[column] = drawn.cast(types[column])
    return pl.DataFrame(frame)
