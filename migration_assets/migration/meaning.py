"""The second comparison: the practice's raw rows against what the destination returns.

It goes backwards: from a record and a field's name to the raw cell that it must come from, read by
``raw_reader``. It shares no code with objects/ and mapping/apply; what a plain field means is written
down a second time in meanings/<destination>.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import Field

from migration_assets.documents import read_document
from migration_assets.migration.raw_reader import QUADRANTS, ReadAs, chart_number, permanent_tooth, read
from migration_assets.migration.transport import Comparison, differences, no_differences
from migration_assets.panda.profile import Profile
from migration_assets.practice import Settings

_MEANINGS = Path(__file__).parent / "meanings"
_SITE_FIELD = re.compile(r"(PocketDepth|Recession)_(MB|B|DB|ML|L|DL)_(UR|UL|LL|LR)(\d{1,2})__c")
_TEETH_A_QUADRANT = 8
_RAW, _ACTUAL, _EXPECTED = "_raw", "actual", "expected"


class _FieldMeaning(Settings):
    column: str
    read_as: Annotated[ReadAs, Field(alias="as")]
    and_column: Annotated[str | None, Field(alias="and")] = None
    key_space: str | None = None


class _ChartMeaning(Settings):
    table: str
    key: str
    exam: str
    tooth: str


class ObjectMeaning(Settings):
    """Which raw table an object's records mirror, and what each plain field must show."""

    table: str
    key: str
    key_space: str
    fields: dict[str, _FieldMeaning]
    chart: _ChartMeaning | None = None


class _Meanings(Settings):
    objects: dict[str, ObjectMeaning]


def load_meanings(destination: str, directory: Path = _MEANINGS) -> Mapping[str, ObjectMeaning]:
    """Raises ConfigurationError naming file and line."""
    document = read_document(directory / f"{destination}.yaml")
    return {name: document.parse(ObjectMeaning, (name,)) for name in document.data}


@dataclass(frozen=True)
class RawPractice:
    """Raw tables by logical name as they were copied with the payload, and what staging said of them:
    ``rejects`` and ``corrections`` as objects/base.py has them."""

    practice: str
    zone: ZoneInfo
    profile: Profile
    tables: Mapping[str, pl.DataFrame]
    rejects: pl.DataFrame
    corrections: pl.DataFrame

    def column(self, table: str, logical: str) -> pl.Series:
        return self.tables[table][self.profile.table(table).actual(logical)]

    def keys(self, table: str, logical_key: str) -> pl.Series:
        return self.column(table, logical_key).cast(pl.String).str.strip_chars()


def compare(
    meaning: ObjectMeaning, object_name: str, key_field: str, returned: pl.DataFrame, raw: RawPractice
) -> Comparison:
    """Each record there against its raw row. ``returned`` is typed as ``Batch`` says."""
    prefix = f"{raw.practice}:{meaning.key_space}:"
    records = returned.filter(pl.col(key_field).str.starts_with(prefix)).with_columns(
        pl.col(key_field).str.strip_prefix(prefix).alias(_RAW)
    )
    parts: list[pl.DataFrame] = []
    compared = 0
    raw_keys = raw.keys(meaning.table, meaning.key)
    for field, declared in meaning.fields.items():
        expected = _expected(meaning.table, declared, raw)
        cells = records.select(pl.col(key_field).alias("key"), _RAW, pl.col(field).alias(_ACTUAL)).join(
            _corrected(pl.DataFrame({_RAW: raw_keys, _EXPECTED: expected}), meaning.table, declared, raw),
            on=_RAW,
            how="left",
        )
        compared += cells.height
        parts.append(_unequal(object_name, field, cells))
    if meaning.chart is not None:
        chart = _compare_chart(meaning, meaning.chart, object_name, key_field, records=records, raw=raw)
        compared += chart.compared
        parts.append(chart.differences)
    return Comparison(compared, pl.concat([no_differences(), *parts]))


def _expected(table: str, declared: _FieldMeaning, raw: RawPractice) -> pl.Series:
    value = read(raw.column(table, declared.column), declared.read_as, raw.zone)
    if declared.read_as == "reference":
        return (f"{raw.practice}:{declared.key_space}:" + value).alias(_EXPECTED)
    if declared.and_column is not None:
        second = _corrected_column(table, declared.and_column, raw)
        first = _corrected_column(table, declared.column, raw)
        both = pl.concat_str([pl.lit(first), pl.lit(second)], separator="\n", ignore_nulls=True)
        return pl.select(both.alias(_EXPECTED)).to_series().replace("", None)
    return value.alias(_EXPECTED)


def _corrected_column(table: str, column: str, raw: RawPractice) -> pl.Series:
    """A text column after its corrections, in the raw rows' order."""
    key = raw.profile.table(table).key
    cells = pl.DataFrame(
        {_RAW: raw.keys(table, key), _EXPECTED: read(raw.column(table, column), "text", raw.zone)}
    )
    declared = _FieldMeaning.model_validate({"column": column, "as": "text"})
    return _corrected(cells, table, declared, raw)[_EXPECTED]


def _corrected(cells: pl.DataFrame, table: str, declared: _FieldMeaning, raw: RawPractice) -> pl.DataFrame:
    """A listed correction changes what is expected: a bridge's underscore is a blank, all else nothing."""
    listed = raw.corrections.filter(
        (pl.col("source_table") == table) & (pl.col("column") == declared.column)
    ).unique(subset="source_key", keep="last")
    if listed.is_empty() or declared.and_column is not None:
        return cells
    code = pl.col("_code")
    corrected = pl.lit(None)
    if cells.schema[_EXPECTED] == pl.String:
        blanks = pl.col(_EXPECTED).str.replace_all("_", " ", literal=True).str.strip_chars()
        corrected = pl.when((code == "bridge_underscore") & (blanks != "")).then(blanks)
    joined = cells.join(
        listed.select(pl.col("source_key").alias(_RAW), pl.col("code").alias("_code")),
        on=_RAW,
        how="left",
        maintain_order="left",
    )
    return joined.select(_RAW, pl.when(code.is_null()).then(_EXPECTED).otherwise(corrected).alias(_EXPECTED))


def _unequal(object_name: str, field: str, cells: pl.DataFrame) -> pl.DataFrame:
    actual = pl.col(_ACTUAL)
    if cells.schema[_EXPECTED] == pl.Float64:
        actual = actual.cast(pl.Float64)
    rows = cells.with_columns(actual).filter(~pl.col(_ACTUAL).eq_missing(pl.col(_EXPECTED)))
    if rows.is_empty():
        return no_differences()
    found = differences("meaning", object_name, field, rows)
    if cells.schema[_EXPECTED] != pl.String:
        return found
    lines = pl.col(_ACTUAL).str.replace_all("\r\n", "\n") == pl.col(_EXPECTED).str.replace_all("\r\n", "\n")
    same = rows.select(lines.fill_null(value=False)).to_series()
    return found.with_columns(
        pl.when(pl.lit(same)).then(pl.lit("line_break")).otherwise("code").alias("code")
    )


def _compare_chart(
    meaning: ObjectMeaning,
    chart: _ChartMeaning,
    object_name: str,
    key_field: str,
    *,
    records: pl.DataFrame,
    raw: RawPractice,
) -> Comparison:
    """Every site field of every exam: the raw row of that tooth in the exam's own numbering, or nothing."""
    by_tooth = _site_fields(object_name, records.columns)
    rows = _chart_rows(meaning, chart, raw)
    cells = {cell: cell.split("_")[0] for fields in by_tooth.values() for cell in fields.values()}
    actual = raw.profile.table(chart.table).actual
    expected = rows.select(
        pl.col("_exam").alias(_RAW),
        "_tooth",
        *(
            chart_number(rows[actual(cell)], what, raw.profile.chart).alias(cell)
            for cell, what in cells.items()
        ),
    )
    charted = {tooth: part for (tooth,), part in expected.partition_by("_tooth", as_dict=True).items()}
    parts, compared = [], 0
    for tooth, fields in by_tooth.items():
        both = records.select(pl.col(key_field).alias("key"), _RAW, *fields).join(
            charted.get(tooth, expected.clear()), on=_RAW, how="left"
        )
        for field, cell in fields.items():
            sites = both.select("key", pl.col(field).alias(_ACTUAL), pl.col(cell).alias(_EXPECTED))
            parts.append(_unequal(object_name, field, sites))
        compared += both.height * len(fields)
    return Comparison(compared, pl.concat([no_differences(), *parts]))


def _site_fields(object_name: str, columns: list[str]) -> dict[int, dict[str, str]]:
    """Universal number -> the tooth's fields there, each with the logical name of its raw cell."""
    found: dict[int, dict[str, str]] = {}
    for field in columns:
        if parsed := _SITE_FIELD.fullmatch(field):
            measure, site, quadrant, number = parsed[1], parsed[2], parsed[3], int(parsed[4])
            if QUADRANTS[(number - 1) // _TEETH_A_QUADRANT] != quadrant:
                raise ValueError(f"{object_name}.{field} names a tooth outside its quadrant")
            found.setdefault(number, {})[field] = f"{measure}_{site}"
    return found


def _chart_rows(meaning: ObjectMeaning, chart: _ChartMeaning, raw: RawPractice) -> pl.DataFrame:
    """Raw chart rows that staging kept, with their exam's key and the tooth's Universal number."""
    systems = dict(
        zip(
            raw.keys(meaning.table, meaning.key),
            read(raw.column(meaning.table, "ToothNumberingSystem"), "numbering_system", raw.zone),
            strict=True,
        )
    )
    rejected = raw.rejects.filter(pl.col("source_table") == chart.table)["source_key"].to_list()
    rows = raw.tables[chart.table].with_columns(
        raw.keys(chart.table, chart.exam).alias("_exam"),
        raw.keys(chart.table, chart.key).alias("_key"),
        raw.column(chart.table, chart.tooth).cast(pl.String).alias("_written"),
    )
    system = pl.col("_exam").replace_strict(systems, default=None, return_dtype=pl.String)
    rows = rows.filter(~pl.col("_key").is_in(rejected)).with_columns(system.alias("_system"))
    spelled = rows.select("_written", "_system").drop_nulls().unique()
    numbers = [permanent_tooth(written, system) for written, system in spelled.iter_rows()]
    lookup = spelled.with_columns(pl.Series("_tooth", numbers, dtype=pl.Int64)).drop_nulls()
    return rows.join(lookup, on=["_written", "_system"], how="inner")
