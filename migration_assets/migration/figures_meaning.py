"""What fields that sum up a patient's charts must show, and how many referrals name a dentist.

A part of the comparison of meaning: no code of objects/ and mapping/ is used. The figures themselves are
``raw_figures``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from migration_assets.migration import raw_figures
from migration_assets.migration.declared_meaning import (
    ColumnMeaning,
    FieldMeaning,
    FigureMeaning,
    ReferralsMeaning,
)
from migration_assets.migration.field_meaning import (
    EXPECTED,
    RAW,
    expected_cells,
    is_staged,
    staged_keys,
)
from migration_assets.migration.office_meaning import dentists_of_referrals
from migration_assets.migration.raw_chart import ChartTable
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.raw_reader import ReadAs
from migration_assets.practice import Settings

_REFERRALS, _REFERRAL = "Referral", "ReferralID"
_INCOMING = "incoming"


class FiguresMeaning(Settings):
    """Whose charts are summed up: the exams' columns of their ``patient`` and their time ``at``."""

    chart: ChartTable
    patient: str
    at: str


def expected_of_figures(
    fields: Mapping[str, FieldMeaning], declared: FiguresMeaning, patients: pl.Series, raw: RawPractice
) -> dict[str, pl.DataFrame]:
    """By field with a FigureMeaning ``_raw`` and ``expected``, a row each of the ``patients``."""
    wanted = {field: each.figure for field, each in fields.items() if isinstance(each, FigureMeaning)}
    if not wanted:
        return {}
    chart = declared.chart
    there = staged_keys(chart.exams.table, raw)
    told = raw_figures.figures(
        _exams(declared, raw), raw_figures.charts(chart, there, raw), raw_figures.refused_teeth(chart, raw)
    )
    of_nobody: dict[raw_figures.Figure, Any] = {}
    found = {}
    for field, figure in wanted.items():
        # A chart that isn't there lacks nothing.
        nothing = False if figure == "incomplete" else None
        values = [told.get(patient, of_nobody).get(figure, nothing) for patient in patients]
        dtype = raw_figures.FIGURES[figure]
        found[field] = pl.DataFrame([patients.alias(RAW), pl.Series(EXPECTED, values, dtype=dtype)])
    return found


def charted_exams(chart: ChartTable, raw: RawPractice) -> pl.Series:
    """Keys of the staged exams of which at least one tooth is kept."""
    there = staged_keys(chart.exams.table, raw)
    charted = raw_figures.charts(chart, there, raw)
    return there.filter(there.is_in(list(charted)))


def expected_referrals(fields: Mapping[str, FieldMeaning], raw: RawPractice) -> dict[str, pl.DataFrame]:
    """By field with a ReferralsMeaning ``_raw``, what a dentist's key ends in, and ``expected``; a dentist
    whom no incoming referral names has no row."""
    wanted = {field: each for field, each in fields.items() if isinstance(each, ReferralsMeaning)}
    if not wanted:
        return {}
    rows = pl.DataFrame(
        [
            dentists_of_referrals(raw).alias("dentist"),
            _cells(_REFERRALS, _REFERRAL, "Direction", "referral_direction", raw).alias("direction"),
            _cells(_REFERRALS, _REFERRAL, "ReferredAt", "date", raw).alias("day"),
        ]
    ).filter(is_staged(_REFERRALS, raw))
    days: dict[str, list[date | None]] = {}
    for dentist, direction, day in rows.iter_rows():
        if dentist is not None and direction == _INCOMING:
            days.setdefault(dentist, []).append(day)
    return {field: _totals(each, days) for field, each in wanted.items()}


def _totals(declared: ReferralsMeaning, days: Mapping[str, list[date | None]]) -> pl.DataFrame:
    prefix = f"{declared.of}:"
    own = {key.removeprefix(prefix): given for key, given in days.items() if key.startswith(prefix)}
    if declared.referrals == "count":
        counts = {key: len(given) for key, given in own.items()}
        return pl.DataFrame({RAW: list(counts), EXPECTED: list(counts.values())}, schema=_COUNTS)
    end = min if declared.referrals == "first" else max
    ends = {key: end(filter(None, given), default=None) for key, given in own.items()}
    return pl.DataFrame({RAW: list(ends), EXPECTED: list(ends.values())}, schema=_DAYS)


_COUNTS, _DAYS = {RAW: pl.String, EXPECTED: pl.Int64}, {RAW: pl.String, EXPECTED: pl.Date}


def _exams(declared: FiguresMeaning, raw: RawPractice) -> list[raw_figures.Exam]:
    table, key = declared.chart.exams.table, declared.chart.exams.key
    rows = pl.DataFrame(
        [
            raw.keys(table, key).alias("exam"),
            raw.keys(table, declared.patient).alias("patient"),
            _cells(table, key, declared.at, "moment", raw).alias("at"),
            _cells(table, key, declared.at, "day", raw).alias("day"),
        ]
    ).filter(is_staged(table, raw))
    return list(rows.drop_nulls().iter_rows())


def _cells(table: str, key: str, column: str, kind: ReadAs, raw: RawPractice) -> pl.Series:
    declared = ColumnMeaning.model_validate({"column": column, "as": kind})
    return expected_cells(table, key, declared, raw)[EXPECTED]
