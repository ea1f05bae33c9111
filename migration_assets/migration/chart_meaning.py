"""The chart's part of the comparison of meaning: from a field's name back to the raw cell of its tooth.

Fields of exams and companions name their tooth; fields of a tooth's own record don't, its key does. No code
of objects/, mapping/ or perio/ is used: what a name means is parsed here a second time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

import polars as pl

from migration_assets.migration.raw_chart import QUADRANTS, TEETH_A_QUADRANT, ChartTable, teeth
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.transport import Comparison, differences, no_differences
from migration_assets.practice import Settings

_FIELD = re.compile(
    r"(?:(?P<sites>PocketDepth|Recession|BleedingOnProbing|Suppuration|Plaque)_(?P<site>MB|B|DB|ML|L|DL)"
    r"|(?P<entrances>Furcation)_(?P<entrance>[MDBL])|(?P<whole>Mobility|ToothStatus))"
    r"(?:_(?P<quadrant>UR|UL|LL|LR)(?P<number>[1-9][0-9]?))?__c"
)
_CELLS = {"BleedingOnProbing": "BOP"}


class TeethMeaning(Settings):
    """Fields of a tooth's record besides its measures: its exam, the Universal code, the code as written."""

    exam: str
    exam_key_space: str
    number: str
    written: str


class ChartMeaning(ChartTable):
    """``teeth`` is set where the records are single teeth."""

    teeth: TeethMeaning | None = None


def compare(
    chart: ChartMeaning, object_name: str, key_field: str, records: pl.DataFrame, raw: RawPractice
) -> Comparison:
    """Every chart field of ``records``, whose column ``_raw`` is what their key ends in."""
    if chart.teeth is not None:
        return _compare_teeth(chart, chart.teeth, object_name, key_field, records=records, raw=raw)
    by_tooth: dict[str, dict[str, str]] = {}
    for field, cell, tooth in chart_fields_of(object_name, records.columns):
        if tooth is not None:
            by_tooth.setdefault(tooth, {})[field] = cell
    cells = {cell for fields in by_tooth.values() for cell in fields.values()}
    told = teeth(chart, sorted(cells), raw).rename({"exam": "_raw"})
    charted = {tooth: part for (tooth,), part in told.partition_by("tooth", as_dict=True).items()}
    parts = [
        _differing(
            object_name, key_field, fields, records.join(charted.get(tooth, told.clear()), "_raw", how="left")
        )
        for tooth, fields in by_tooth.items()
    ]
    compared = records.height * sum(len(fields) for fields in by_tooth.values())
    return Comparison(compared, pl.concat([no_differences(), *parts]))


def _compare_teeth(
    chart: ChartMeaning,
    declared: TeethMeaning,
    object_name: str,
    key_field: str,
    *,
    records: pl.DataFrame,
    raw: RawPractice,
) -> Comparison:
    named = chart_fields_of(object_name, records.columns)
    measures = {field: cell for field, cell, tooth in named if tooth is None}
    told = teeth(chart, sorted(measures.values()), raw).with_columns(
        pl.concat_str(pl.lit(f"{raw.practice}:{declared.exam_key_space}:"), "exam").alias("exam")
    )
    fields = {
        **measures,
        declared.exam: "exam",
        declared.number: "tooth",
        declared.written: "written",
    }
    both = records.join(told, left_on="_raw", right_on="record", how="left")
    found = _differing(object_name, key_field, fields, both)
    return Comparison(records.height * len(fields), pl.concat([no_differences(), found]))


def needed_records(chart: ChartTable, chart_fields: Collection[str], raw: RawPractice) -> pl.DataFrame:
    """Teeth (exam, record) that the wide ones among ``chart_fields`` can't hold whole: all that aren't
    permanent, and those with a value for which there is no wide field."""
    wide: dict[str, set[str]] = {}
    cells: set[str] = set()
    for _, cell, tooth in chart_fields_of("the chart", chart_fields):
        cells.add(cell)
        if tooth is not None:
            wide.setdefault(cell, set()).add(tooth)
    told = teeth(chart, sorted(cells), raw)
    homeless = [
        pl.col(cell).is_not_null() & ~pl.col("tooth").is_in(sorted(wide.get(cell, ())))
        for cell in sorted(cells)
    ]
    permanent = [str(number + 1) for number in range(TEETH_A_QUADRANT * len(QUADRANTS))]
    needed = pl.any_horizontal(~pl.col("tooth").is_in(permanent), *homeless)
    return told.filter(needed).select("exam", "record")


def chart_fields_of(object_name: str, columns: Iterable[str]) -> Iterator[tuple[str, str, str | None]]:
    """Each chart field, the name of its raw cell and, where it names one, its tooth's Universal number."""
    for field in columns:
        parsed = _FIELD.fullmatch(field)
        if parsed is None:
            continue
        measure = parsed["sites"] or parsed["entrances"] or parsed["whole"]
        place = parsed["site"] or parsed["entrance"]
        number = parsed["number"]
        if number is not None:
            quadrant, last = divmod(int(number) - 1, TEETH_A_QUADRANT)[0], TEETH_A_QUADRANT * len(QUADRANTS)
            if int(number) > last or QUADRANTS[quadrant] != parsed["quadrant"]:
                raise ValueError(f"{object_name}.{field} names a tooth outside its quadrant")
        cell = _CELLS.get(measure, measure)
        yield field, cell if place is None else f"{cell}_{place}", number


def _differing(
    object_name: str, key_field: str, fields: Mapping[str, str], both: pl.DataFrame
) -> pl.DataFrame:
    """Fields (-> column of what is expected) that differ in any row; asked of all at once, since a chart has
    hundreds."""
    types = both.schema
    actual = {
        field: pl.col(field).cast(pl.Float64) if types[cell] == pl.Float64 else pl.col(field)
        for field, cell in fields.items()
    }
    unlike = both.select(
        (~actual[field].eq_missing(pl.col(cell))).any().alias(field) for field, cell in fields.items()
    )
    parts = [
        differences(
            "meaning",
            object_name,
            field,
            both.filter(~actual[field].eq_missing(pl.col(cell))).select(
                pl.col(key_field).alias("key"), actual[field].alias("actual"), pl.col(cell).alias("expected")
            ),
        )
        for field, cell in fields.items()
        if unlike[field].item()
    ]
    return pl.concat([no_differences(), *parts])
