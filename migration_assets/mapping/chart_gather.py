"""Staged chart rows gathered into the fields of a layout, and those rows whose values need a tooth's record.

Computed by position, not by pivoting. Pure; which fields there are is ``chart_layout``'s affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl
from polars.exceptions import InvalidOperationError

from migration_assets.mapping.chart_layout import (
    MEASURES,
    SLOT_COLUMN,
    ChartColumn,
    ChartLayout,
    wide_columns,
)
from migration_assets.mapping.problems import PayloadRefused
from migration_assets.perio.charting import ANSWERS
from migration_assets.perio.teeth import SLOTS
from migration_assets.perio.vocabulary import TOOTH_STATUSES

_ANSWERS = pl.Enum(ANSWERS)
_STATUSES = pl.Enum(TOOTH_STATUSES)


def gather(
    chart: pl.DataFrame, exam_ids: pl.Series, columns: Sequence[ChartColumn], exam_column: str
) -> pl.DataFrame:
    """The wide ``columns`` for each of ``exam_ids``, which are distinct: one row an exam in their order.

    ``chart`` holds one row a tooth: ``exam_column`` (typed as ``exam_ids``), ``slot`` 1-32 or null, and the
    staged measure columns. Rows of other exams and rows without a slot are left out. Null stays null and 0
    stays 0; a tooth without a row is null; words are Enum. By position instead of by pivot, since a pivot
    of 1,058 columns takes several times as long. Raises PayloadRefused where an exam has two rows for a
    slot.
    """
    slot = pl.col(SLOT_COLUMN).cast(pl.UInt32)
    places = (
        chart.select(SLOT_COLUMN, exam=_positions(chart[exam_column], exam_ids))
        .with_row_index("row")
        .select("row", place=pl.col("exam") * len(SLOTS) + slot - SLOTS.start)
        .drop_nulls()
    )
    table = pl.Series(values=[None], dtype=pl.UInt32).new_from_index(0, exam_ids.len() * len(SLOTS))
    if places.height:
        table = table.scatter(places["place"], places["row"])
    if table.len() - table.null_count() < places.height:
        raise PayloadRefused(
            "an exam has two staged chart rows for the same tooth; stage the practice again "
            "(staging turns a tooth charted twice into rejects)"
        )
    if not columns:
        return pl.DataFrame(height=exam_ids.len())
    values = coded(chart, dict.fromkeys(each.column for each in columns))
    of_slots = table.to_frame("row").select(
        pl.col("row").gather_every(len(SLOTS), place).alias(str(slot)) for place, slot in enumerate(SLOTS)
    )
    gathered: dict[str, pl.Series] = {}
    for slot_number in SLOTS:
        # All columns of a slot at once: an expression for each of 1,058 fields takes longer than their rows.
        taken = values[of_slots[str(slot_number)]]
        of_slot = [each for each in columns if each.slot == slot_number]
        gathered.update((each.field, taken[each.column].alias(each.field)) for each in of_slot)
    return pl.DataFrame([gathered[each.field] for each in columns])


def _positions(keys: pl.Series, exam_ids: pl.Series) -> pl.Series:
    """Where each key stands among ``exam_ids``, null for one that doesn't.

    Only the first of consecutive equal keys is looked up: an exam's teeth mostly stand together.
    """
    runs = pl.DataFrame({"key": keys.rle().struct.field("value")})
    exams = pl.DataFrame({"key": exam_ids}).with_row_index("position")
    found = runs.join(exams, on="key", how="left", validate="m:1", maintain_order="left")["position"]
    return found.gather(keys.rle_id())


def coded(chart: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    """Staged measures as their fields hold them: words as Enum, one byte a value instead of a text's sixteen.

    Raises PayloadRefused for a word that isn't in the vocabulary, which staging never lets pass.
    """
    types = chart.schema
    try:
        return chart.select(_coded(name, types[name]) for name in columns)
    except InvalidOperationError:
        raise PayloadRefused(
            "a staged chart holds a word outside its list; stage the practice again"
        ) from None


def _coded(name: str, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.Boolean:
        # The code of an answer is its place among ANSWERS: Yes 0, No 1.
        return pl.col(name).not_().cast(pl.UInt8).cat.to(_ANSWERS)
    return pl.col(name).cast(_STATUSES) if dtype == pl.String else pl.col(name)


def needs_tooth_record(chart: pl.DataFrame, layout: ChartLayout, measures: Iterable[str]) -> pl.Series:
    """Which chart rows hold something that no wide field takes, Boolean by position.

    A primary or supernumerary tooth always does; a permanent one where a measure without room has a value,
    or a furcation was charted at an entrance that the tooth doesn't have.
    """
    slots: dict[str, set[int]] = {}
    for each in wide_columns(layout.measures):
        if each.slot is not None:
            slots.setdefault(each.column, set()).add(each.slot)
    columns = [column for name in measures for column in MEASURES[name].columns]
    homeless = [
        pl.col(column).is_not_null() & ~pl.col(SLOT_COLUMN).is_in(sorted(slots.get(column, ())))
        for column in columns
        if len(slots.get(column, ())) < len(SLOTS)
    ]
    # A tooth without a slot needs its record whatever was charted on it, even nothing.
    return chart.select(
        needed=pl.any_horizontal(pl.col(SLOT_COLUMN).is_null(), *(each.fill_null(False) for each in homeless))
    ).to_series()
