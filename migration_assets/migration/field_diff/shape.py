"""What a field-level diff is: its frames' columns, its words, and the charts that are shown side by side.

How it is computed is ``field_diff``'s and the modules' beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

DIFF_COLUMNS: Final[dict[str, pl.DataType]] = {
    "patient": pl.String(),
    "object": pl.String(),
    "key": pl.String(),
    "field": pl.String(),
    "label": pl.String(),
    "source_table": pl.String(),
    "source_key": pl.String(),
    "source_column": pl.String(),
    "source": pl.String(),
    "mapped": pl.String(),
    "expected": pl.String(),
    "returned": pl.String(),
    "cls": pl.String(),
    "diagnosis": pl.String(),
}
"""A row a field of a record, unless all four texts are empty. ``patient``: source id of the patient whose
record it is, null where it is nobody's. ``source``: the text as PANDA holds it, ``mapped``: the payload's,
``expected``: what the second reader makes of the raw cell (null where nothing is declared), ``returned``: the
destination's. ``cls`` and ``diagnosis``: CLASSES and DIAGNOSES."""

FIELD_COLUMNS: Final[dict[str, pl.DataType]] = {**DIFF_COLUMNS, "detail": pl.String()}
"""``detail``: a sentence about the diagnosis, without names."""

CLASSES: Final = ("same", "expected", "format", "changed", "lost", "added")
DIFFERING: Final = ("changed", "lost", "added")
DIAGNOSES: Final = (
    "mesial_distal_swapped",
    "numbering_system",
    "time_shifted",
    "truncated",
    "line_break_lost",
    "lines_differ",
    "decimal_shifted",
    "sign_turned",
    "record_missing",
    "lines_missing",
    "teeth_shifted",
    "provider_unresolved",
    "wrong_reference",
)

PATIENT_COLUMNS: Final[dict[str, pl.DataType]] = {
    "source_id": pl.String(),
    "name": pl.String(),
    "chart_number": pl.String(),
    "strata": pl.List(pl.String()),
    "why": pl.String(),
    **dict.fromkeys(CLASSES, pl.Int64()),
}
"""``name`` is what a page is headed by; the columns of CLASSES count the patient's fields."""

CHECK_COLUMNS: Final[dict[str, pl.DataType]] = {
    "check": pl.String(),
    "patient": pl.String(),
    "key": pl.String(),
    "expected": pl.String(),
    "found": pl.String(),
    "passed": pl.Boolean(),
}
"""``check``: one of CHECKS; ``key``: the record's; ``expected`` and ``found`` are texts for a reader."""

CHECKS: Final = ("numbering_systems", "plan_lines", "providers", "charts")


@dataclass(frozen=True)
class ChartPair:
    """One exam's chart before and after, as ``perio_chart.from_staged`` and ``from_record`` take it.

    ``staged_rows``: the raw chart as the second reader reads it, under the names of ``staged.charting``;
    ``system``: the exam's numbering system as PANDA holds it, in the platform's word. ``record`` is empty
    where the exam wasn't returned.
    """

    patient: str
    exam: str
    exam_date: date | None
    system: str | None
    staged_rows: pl.DataFrame
    record: Mapping[str, Any]
    teeth_records: Sequence[Mapping[str, Any]]
    companions: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Diff:
    """``fields``: FIELD_COLUMNS; ``patients``: PATIENT_COLUMNS; ``checks``: CHECK_COLUMNS."""

    fields: pl.DataFrame
    patients: pl.DataFrame
    checks: pl.DataFrame
    charts: list[ChartPair]
