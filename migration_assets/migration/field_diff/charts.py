"""The diff's rows of charts, site by site, and the charts that are drawn side by side.

A chart's values may stand in wide fields of an exam and its companions and in records of single teeth; which
raw cell each is, ``chart_meaning`` parses from the field's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import polars as pl

from migration_assets.migration.chart_meaning import ChartMeaning, TeethMeaning, chart_fields_of
from migration_assets.migration.field_diff.cells import CELL_COLUMNS, Records, as_text
from migration_assets.migration.field_diff.shape import ChartPair
from migration_assets.migration.field_meaning import RAW
from migration_assets.migration.raw_chart import as_written, teeth
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.raw_reader import read
from migration_assets.perio import charting
from migration_assets.perio.charting import Per

_PLACE = ["exam", "tooth", "cell"]
_YES = "Yes"


def _cells() -> Iterator[tuple[str, str, bool]]:
    """Raw cell, column of ``staged.charting``, and whether it is yes or no."""
    for measure in charting.MEASURES:
        prefix = "BOP" if measure is charting.BLEEDING else measure.prefix
        answer = measure.per is Per.SITE and measure.low is None
        for place in measure.places or (None,):
            yield prefix if place is None else f"{prefix}_{place}", charting.column(measure, place), answer


CELLS = tuple(_cells())


@dataclass(frozen=True)
class Charts:
    """The charts of ``exams`` (source ids) in the raw tables: ``raw`` holds no other chart rows."""

    meaning: ChartMeaning
    raw: RawPractice

    @classmethod
    def of_exams(cls, meaning: ChartMeaning, raw: RawPractice, exams: pl.Series) -> Charts:
        keys = raw.keys(meaning.table, meaning.exam)
        rows = raw.tables[meaning.table].filter(keys.is_in(exams.implode()).fill_null(value=False))
        return cls(meaning, replace(raw, tables={**raw.tables, meaning.table: rows}))

    @cached_property
    def told(self) -> pl.DataFrame:
        """The second reader's teeth: exam, tooth, written, record and every raw cell of CELLS."""
        return teeth(self.meaning, [cell for cell, *_ in CELLS], self.raw)

    @cached_property
    def expected(self) -> pl.DataFrame:
        """exam, tooth, cell, expected: a row each value as the second reader has it, as text."""
        return long(self.told)

    @cached_property
    def written(self) -> pl.DataFrame:
        """Each value as it stands in its raw row, ``raw_chart.as_written``; the first of a tooth's rows."""
        cells = [cell for cell, *_ in CELLS]
        return as_written(self.meaning, cells, self.raw).unique(_PLACE, keep="first", maintain_order=True)

    def read_in(self, system: str, exams: pl.Series) -> pl.DataFrame:
        """``expected`` as if teeth of these exams were written in another numbering system."""
        table = self.meaning.exams
        column = self.raw.profile.table(table.table).actual(table.system)
        here = self.raw.keys(table.table, table.key).is_in(exams.implode()).fill_null(value=False)
        rows = self.raw.tables[table.table].filter(here).with_columns(pl.lit(system).alias(column))
        other = replace(self.raw, tables={**self.raw.tables, table.table: rows})
        return long(teeth(self.meaning, [cell for cell, *_ in CELLS], other))

    @cached_property
    def systems(self) -> pl.DataFrame:
        """exam, system: as PANDA says it, in the platform's word."""
        table = self.meaning.exams
        written = self.raw.column(table.table, table.system)
        system = read(written, "numbering_system", self.raw.zone).alias("system")
        return pl.DataFrame([self.raw.keys(table.table, table.key).alias("exam"), system]).unique(
            "exam", keep="first"
        )


def long(told: pl.DataFrame) -> pl.DataFrame:
    """exam, tooth, cell, expected; nothing where nothing was charted."""
    cells = [cell for cell, *_ in CELLS]
    types = told.schema
    texts = told.select("exam", "tooth", *(as_text(pl.col(cell), types[cell]) for cell in cells))
    turned = texts.unpivot(cells, index=["exam", "tooth"], variable_name="cell", value_name="expected")
    return turned.drop_nulls("expected")


def chart_cells(records: Records, declared: ChartMeaning, charts: Charts, prefix: str) -> pl.DataFrame:
    """CELL_COLUMNS of the chart fields of one object's records, whose keys begin with ``prefix``."""
    fields = list(chart_fields_of(records.spec.name, records.returned.columns))
    named = {field: (cell, tooth) for field, cell, tooth in fields}
    index = pl.col(records.key).str.strip_prefix(prefix).alias(RAW)
    both = _turned(records, list(named), "returned").join(
        _turned(records, list(named), "mapped"), on=["key", "field"], how="inner"
    )
    keys = records.returned.select(pl.col(records.key).alias("key"), index)
    of_field = pl.DataFrame(
        [(field, cell, tooth) for field, (cell, tooth) in named.items()],
        schema={"field": pl.String, "cell": pl.String, "_tooth": pl.String},
        orient="row",
    )
    placed = both.join(keys, on="key").join(of_field, on="field")
    if declared.teeth is None:
        placed = placed.rename({RAW: "exam", "_tooth": "tooth"})
    else:
        of_record = charts.told.select(pl.col("record").alias(RAW), "exam", "tooth")
        placed = placed.drop("_tooth").join(of_record, on=RAW, how="left").drop(RAW)
    found = placed.join(charts.expected, on=_PLACE, how="left").join(charts.written, on=_PLACE, how="left")
    numbers = pl.col("cell").str.contains("^(PocketDepth|Recession|Mobility|Furcation)")
    cells = found.select(
        pl.lit(records.spec.name).alias("object"),
        "key",
        "field",
        pl.lit(declared.table).alias("source_table"),
        "source_key",
        "source_column",
        "source",
        "mapped",
        "expected",
        "returned",
        pl.col("returned").eq_missing(pl.col("expected")).alias("meant"),
        pl.when(numbers).then(pl.lit("number")).otherwise(pl.lit("word")).alias("kind"),
        pl.col("cell").str.extract("^([A-Za-z]+)").alias("together"),
        *_PLACE,
    ).filter(pl.any_horizontal(pl.col("source", "mapped", "expected", "returned").is_not_null()))
    if declared.teeth is None:
        return cells
    return pl.concat([cells, *_of_teeth(records, declared, declared.teeth, charts, prefix)])


def _turned(records: Records, fields: Sequence[str], name: str) -> pl.DataFrame:
    """key, field and the value as text, a row each chart field of each record."""
    frame: pl.DataFrame = getattr(records, name)
    types = frame.schema
    texts = frame.select(
        pl.col(records.key).alias("key"), *(as_text(pl.col(each), types[each]) for each in fields)
    )
    return texts.unpivot(fields, index="key", variable_name="field", value_name=name)


def _of_teeth(
    records: Records, declared: ChartMeaning, plain: TeethMeaning, charts: Charts, prefix: str
) -> Iterator[pl.DataFrame]:
    """The fields of single teeth besides their measures."""
    space = f"{charts.raw.practice}:{plain.exam_key_space}:"
    told = charts.told.select(pl.col("record").alias(RAW), "exam", "tooth", "written")
    key = pl.col(records.key)
    both = (
        records.returned.select(key.alias("key"), key.str.strip_prefix(prefix).alias(RAW), *_plain(plain))
        .join(records.mapped.select(key.alias("key"), *_plain(plain)), on="key", suffix="_mapped")
        .join(told, on=RAW, how="left")
    )
    shows = {
        plain.exam: (space + pl.col("exam"), declared.exam, pl.col("exam"), "reference"),
        plain.number: (pl.col("tooth"), declared.tooth, pl.col("written"), "word"),
        plain.written: (pl.col("written"), declared.tooth, pl.col("written"), "text"),
    }
    for field, (expected, column, source, kind) in shows.items():
        returned = pl.col(field).cast(pl.String)
        yield both.select(
            pl.lit(records.spec.name).alias("object"),
            "key",
            pl.lit(field).alias("field"),
            pl.lit(declared.table).alias("source_table"),
            pl.col(RAW).alias("source_key"),
            pl.lit(column).alias("source_column"),
            source.alias("source"),
            pl.col(f"{field}_mapped").cast(pl.String).alias("mapped"),
            expected.alias("expected"),
            returned.alias("returned"),
            returned.eq_missing(expected).alias("meant"),
            pl.lit(kind).alias("kind"),
            pl.lit(field).alias("together"),
            "exam",
            pl.lit(None, pl.String).alias("tooth"),
            pl.lit(None, pl.String).alias("cell"),
        ).select(*CELL_COLUMNS)


def _plain(teeth_meaning: TeethMeaning) -> tuple[str, str, str]:
    return teeth_meaning.exam, teeth_meaning.number, teeth_meaning.written


@dataclass(frozen=True)
class ReturnedCharts:
    """What the destination returned of the exams: by exam's key its record, its teeth, its companions."""

    exams: Mapping[str, Mapping[str, Any]]
    teeth: Mapping[str, Sequence[Mapping[str, Any]]]
    companions: Mapping[str, Sequence[Mapping[str, Any]]]
    date_field: str | None


def chart_pairs(
    charts: Charts, exams: Mapping[str, str], returned: ReturnedCharts, prefix: str
) -> Iterator[ChartPair]:
    """Of each exam (key -> patient) its chart before and after, in their order."""
    before = {exam: rows for (exam,), rows in charts.told.partition_by("exam", as_dict=True).items()}
    systems = dict(charts.systems.iter_rows())
    for key, patient in exams.items():
        exam = key.removeprefix(prefix)
        record = returned.exams.get(key, {})
        day = record.get(returned.date_field) if returned.date_field else None
        yield ChartPair(
            patient=patient,
            exam=key,
            exam_date=day if isinstance(day, date) else None,
            system=systems.get(exam),
            staged_rows=as_staged(before.get(exam, charts.told.clear())),
            record=record,
            teeth_records=returned.teeth.get(key, ()),
            companions=returned.companions.get(key, ()),
        )


def as_staged(told: pl.DataFrame) -> pl.DataFrame:
    """The second reader's teeth under the names of ``staged.charting``, answers as booleans."""
    return told.select(
        pl.col("tooth").alias("universal"),
        *((pl.col(cell) == _YES if answer else pl.col(cell)).alias(column) for cell, column, answer in CELLS),
    )
