"""The second reader's figures of charts: what a patient's latest chart says in numbers, and a chart in words.

Told from raw chart rows as ``raw_chart`` reads them, tooth by tooth in plain numbers; the definitions are
staging's (see ``objects.chart_summaries``), none of its code is used. A chart's lines are those that an
exam's note must show, so that no value depends on a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

import polars as pl

from migration_assets.migration import raw_chart
from migration_assets.migration.raw_chart import ChartTable, charted_teeth
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.raw_reader import MONEY

Figure = Literal[
    "deepest",
    "average",
    "deepest_site",
    "probed",
    "from_4mm",
    "from_6mm",
    "bleeding",
    "recession",
    "furcation",
    "mobility",
    "incomplete",
    "charted_on",
    "charted_exam",
    "first_visit",
    "visit_before",
    "last_visit",
    "visits",
    "visit_days",
]
_SUM, _WHOLE = MONEY, pl.Int64()
FIGURES: Mapping[Figure, pl.DataType] = {
    **dict.fromkeys(
        ("deepest", "probed", "from_4mm", "from_6mm", "recession", "furcation", "visits"), _WHOLE
    ),
    **dict.fromkeys(("average", "bleeding", "mobility"), _SUM),
    **dict.fromkeys(("charted_on", "first_visit", "visit_before", "last_visit"), pl.Date()),
    **dict.fromkeys(("deepest_site", "charted_exam", "visit_days"), pl.String()),
    "incomplete": pl.Boolean(),
}

_SITES, _ENTRANCES = ("MB", "B", "DB", "ML", "L", "DL"), ("M", "D", "B", "L")
_LINE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ("ToothStatus",)),
    ("depth ", tuple(f"PocketDepth_{site}" for site in _SITES)),
    ("recession ", tuple(f"Recession_{site}" for site in _SITES)),
    ("mobility ", ("Mobility",)),
    ("furcation ", tuple(f"Furcation_{entrance}" for entrance in _ENTRANCES)),
    ("bleeding ", tuple(f"BOP_{site}" for site in _SITES)),
    ("suppuration ", tuple(f"Suppuration_{site}" for site in _SITES)),
    ("plaque ", tuple(f"Plaque_{site}" for site in _SITES)),
)
"""What a tooth's line says behind its number: a word, and the cells behind it."""
_CELLS = tuple(cell for _, cells in _LINE for cell in cells)
_SHOWN = {"Yes": "+", "No": "-"}
_FIRST_PERMANENT, _LAST_PERMANENT = 1, 32
_POCKET, _DEEP_POCKET = 4, 6
_HUNDREDTH = Decimal("0.01")

_Tooth = dict[str, Any]
Exam = tuple[str, str, datetime, date]
"""Number of an exam, of its patient, its time and its day."""


def charts(chart: ChartTable, exams: pl.Series, raw: RawPractice) -> dict[str, list[_Tooth]]:
    """Of each of the ``exams`` with a chart its teeth, ``tooth``, ``written`` and every cell: the permanent
    ones by number, then the others in the order of their records."""
    told = raw_chart.teeth(chart, _CELLS, raw).filter(pl.col("exam").is_in(exams.implode()))
    number = pl.col("tooth").cast(pl.Int64, strict=False)
    permanent = number.is_between(_FIRST_PERMANENT, _LAST_PERMANENT)
    record = pl.col("record").cast(pl.Int64, strict=False)
    in_order = told.sort(pl.when(permanent).then(number), record, "record", nulls_last=True)
    of_exam: dict[str, list[_Tooth]] = {}
    for row in in_order.iter_rows(named=True):
        of_exam.setdefault(row["exam"], []).append(row)
    return of_exam


def chart_lines(teeth: Sequence[_Tooth]) -> str:
    """``tooth 3; charted as 16; present; depth 3 2 . 4 2 6; ...``, a line a tooth."""
    return "\n".join("; ".join(_line(tooth)) for tooth in teeth)


def refused_teeth(chart: ChartTable, raw: RawPractice) -> dict[str, int]:
    """Exam -> how many of the teeth that it charts aren't kept; exams that lost none aren't there."""
    kept = raw_chart.teeth(chart, (), raw).group_by("exam").agg(kept=pl.len())
    both = charted_teeth(chart, raw).join(kept, on="exam", how="left")
    lost = both.select("exam", lost=pl.col("teeth").cast(pl.Int64) - pl.col("kept").fill_null(0))
    return dict(lost.filter(pl.col("lost") > 0).iter_rows())


def figures(
    exams: Sequence[Exam], teeth: Mapping[str, Sequence[_Tooth]], refused: Mapping[str, int]
) -> dict[str, dict[Figure, Any]]:
    """Patient -> FIGURES, from the patient's ``exams``, the ``teeth`` of each and those ``refused``."""
    of_patient: dict[str, list[Exam]] = {}
    for exam in sorted(exams, key=lambda exam: (exam[2], _number(exam[0]))):
        of_patient.setdefault(exam[1], []).append(exam)
    return {patient: dict(_of_patient(own, teeth, refused)) for patient, own in of_patient.items()}


def _of_patient(
    exams: Sequence[Exam], teeth: Mapping[str, Sequence[_Tooth]], refused: Mapping[str, int]
) -> Iterator[tuple[Figure, Any]]:
    days = [day for *_, day in exams]
    yield "first_visit", days[0]
    yield "visit_before", days[-2] if len(days) > 1 else None
    yield "last_visit", days[-1]
    yield "visits", len(days)
    yield "visit_days", "\n".join(day.isoformat() for day in days)
    charted = [exam for exam in exams if teeth.get(exam[0])]
    if not charted:
        return
    number, _, _, day = charted[-1]
    yield "charted_exam", number
    yield "charted_on", day
    yield "incomplete", refused.get(number, 0) > 0
    yield from _of_chart(teeth[number])


def _of_chart(teeth: Sequence[_Tooth]) -> Iterator[tuple[Figure, Any]]:
    yield "recession", _largest(teeth, "recession ")
    yield "furcation", _largest(teeth, "furcation ")
    yield "mobility", _largest(teeth, "mobility ", halves=True)
    answers = [answer for _, answer in _values(teeth, "bleeding ")]
    if answers:
        yield "bleeding", _rounded(Decimal(100 * answers.count("Yes")) / len(answers))
    by_number = sorted(teeth, key=_in_mouth)
    depths = [(where, int(depth)) for where, depth in _values(by_number, "depth ")]
    yield "probed", len(depths) or None
    if depths:
        deepest = max(depth for _, depth in depths)
        yield "deepest", deepest
        yield "average", _rounded(Decimal(sum(depth for _, depth in depths)) / len(depths))
        yield "deepest_site", next(where for where, depth in depths if depth == deepest)
        yield "from_4mm", sum(depth >= _POCKET for _, depth in depths)
        yield "from_6mm", sum(depth >= _DEEP_POCKET for _, depth in depths)


def _values(teeth: Sequence[_Tooth], what: str) -> Iterator[tuple[str, Any]]:
    """``tooth 14 DB`` and its value, of all that is charted."""
    for tooth in teeth:
        for cell in dict(_LINE)[what]:
            if tooth[cell] is not None:
                yield f"tooth {tooth['tooth']} {cell.rpartition('_')[2]}", tooth[cell]


def _largest(teeth: Sequence[_Tooth], what: str, *, halves: bool = False) -> Decimal | int | None:
    found = [value for _, value in _values(teeth, what)]
    if not found:
        return None
    return Decimal(str(max(found))) if halves else int(max(found))


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(_HUNDREDTH, ROUND_HALF_UP)


def _in_mouth(tooth: _Tooth) -> tuple[bool, int, str]:
    """Permanent teeth by number, then the others by their code."""
    code = tooth["tooth"]
    number = int(code) if code.isdecimal() else 0
    permanent = _FIRST_PERMANENT <= number <= _LAST_PERMANENT
    return not permanent, number if permanent else 0, code


def _number(key: str) -> tuple[bool, int, str]:
    """Numbers after words, as a database sorts what is no number."""
    return key.isdecimal(), int(key) if key.isdecimal() else 0, key


def _line(tooth: _Tooth) -> Iterator[str]:
    yield f"tooth {tooth['tooth']}"
    yield f"charted as {tooth['written']}"
    for word, cells in _LINE:
        if any(tooth[cell] is not None for cell in cells):
            yield word + " ".join(_shown(tooth[cell]) for cell in cells)


def _shown(value: Any) -> str:
    """``.`` for nothing, ``+`` and ``-`` for yes and no, 2 and 1.5."""
    if value is None:
        return "."
    if isinstance(value, float):
        return f"{value:g}"
    return _SHOWN.get(value, str(value))
