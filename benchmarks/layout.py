"""The wide chart: gathering by position against polars' pivot of the same frame.

Every tooth of every exam is charted with all eight measures, which is 1,058 fields over three objects. The
gather makes each object's part as the payload does, the pivot all columns in one call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measuring import Measured, Piece, Work, measure

if TYPE_CHECKING:
    import polars as pl

EXAMS = 10_000
_TEETH = 32
_ROOM = 460
"""Chart fields that an exam's object and each companion can hold in an org of 500 custom fields."""


def run(exams: int = EXAMS) -> list[Measured]:
    arguments = {"exams": exams}
    return measure(
        [Piece("gather by position", gathering, arguments), Piece("polars pivot", pivoting, arguments)],
        rounds=9,
    )


def gathering(exams: int) -> Work:
    from migration_assets.mapping.chart_gather import gather
    from migration_assets.mapping.chart_layout import MEASURES, plan, wide_columns

    layout = plan(MEASURES, {name: _ROOM for name in ("exam", "second", "third")})
    if layout.unplaced or len(layout.objects) != 3:
        raise RuntimeError("the eight measures must need three objects")
    parts = [wide_columns(each.measures) for each in layout.objects]
    chart = charted(exams)
    ids = chart["exam_id"].unique(maintain_order=True)
    return lambda: [gather(chart, ids, columns, "exam_id") for columns in parts]


def pivoting(exams: int) -> Work:
    chart = charted(exams)
    columns = [name for name in chart.columns if name not in ("exam_id", "slot")]
    return lambda: chart.pivot("slot", index="exam_id", values=columns)


def charted(exams: int) -> pl.DataFrame:
    """A row for each of 32 teeth of ``exams``, every measure there, typed as staging leaves them."""
    import numpy as np
    import polars as pl

    from migration_assets.mapping.chart_layout import MEASURES
    from migration_assets.objects.charting import CHARTING
    from migration_assets.perio.vocabulary import TOOTH_STATUSES

    random = np.random.default_rng(7)
    rows = exams * _TEETH
    types = {name: column.dtype.type for name, column in CHARTING.model.to_schema().columns.items()}
    frame = {
        "exam_id": pl.Series(np.repeat(np.arange(exams), _TEETH)).cast(pl.String),
        "slot": pl.Series(np.tile(np.arange(1, _TEETH + 1), exams), dtype=types["slot"]),
    }
    for column in (column for measure in MEASURES.values() for column in measure.columns):
        drawn = pl.Series(random.integers(0, 4, rows))
        if types[column] == pl.String:
            frame[column] = pl.Series(TOOTH_STATUSES).gather(drawn)
        elif types[column] == pl.Boolean:
            frame[column] = drawn == 0
        else:
            frame[column] = drawn.cast(types[column])
    return pl.DataFrame(frame)
