"""The wide chart: gathering by position against polars' pivot of the same frame."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl

from benchmarks.measuring import Measured, Work, measure
from migration_assets.mapping.chart_layout import ChartLayout, gather

_TEETH = 32


def charted(exams: int, columns: list[str]) -> pl.DataFrame:
    """One row for each of 32 teeth of ``exams``, random small numbers in ``columns``."""
    random = np.random.default_rng(7)
    rows = exams * _TEETH
    values = {name: pl.Series(random.integers(0, 10, rows), dtype=pl.Int16) for name in columns}
    ids = np.repeat(np.arange(exams), _TEETH).astype(str)
    slots = np.tile(np.arange(1, _TEETH + 1), exams)
    return pl.DataFrame({"exam_id": ids, "slot": pl.Series(slots, dtype=pl.Int8), **values}).sample(
        fraction=1.0, shuffle=True, seed=7
    )


def run(exams: int = 10_000) -> list[Measured]:
    return measure(
        [
            (f"gather by position, {exams:,} exams", partial(_gather, exams)),
            (f"polars pivot, {exams:,} exams", partial(_pivot, exams)),
        ]
    )


def _prepared(exams: int) -> tuple[ChartLayout, list[str], pl.DataFrame]:
    layout = ChartLayout(("pocket_depth", "recession", "mobility", "furcation"))
    columns = list(dict.fromkeys(each.column for each in layout.columns))
    return layout, columns, charted(exams, columns)


def _gather(exams: int) -> Work:
    layout, _, chart = _prepared(exams)
    ids = chart["exam_id"].unique().sort()
    return lambda: gather(chart, ids, layout, "exam_id")


def _pivot(exams: int) -> Work:
    _, columns, chart = _prepared(exams)
    return lambda: chart.pivot("slot", index="exam_id", values=columns)
