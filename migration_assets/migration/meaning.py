"""The second comparison: the practice's raw rows against what the destination returns.

It goes backwards: from a record and a field's name to the raw cell that it must come from, read by
``raw_reader``. It shares no code with objects/ and mapping/apply; what a plain field means is written
down a second time in meanings/<destination>.yaml.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import Field

from migration_assets.documents import read_document
from migration_assets.migration import chart_meaning
from migration_assets.migration.chart_meaning import ChartMeaning
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.raw_reader import MONEY, ReadAs, read
from migration_assets.migration.transport import Comparison, differences, no_differences
from migration_assets.practice import Settings

_MEANINGS = Path(__file__).parent / "meanings"
_RAW, _ACTUAL, _EXPECTED = "_raw", "actual", "expected"


class _FieldMeaning(Settings):
    """``of`` is the table of an optional parent: a key is expected only where the parent's row was staged."""

    column: str
    read_as: Annotated[ReadAs, Field(alias="as")]
    and_column: Annotated[str | None, Field(alias="and")] = None
    key_space: str | None = None
    of: str | None = None
    at_most: int | None = None
    otherwise: str | None = None


class _ConstantMeaning(Settings):
    """What the field shows in every record of the key space."""

    constant: Annotated[bool, Field(alias="is")]


class ObjectMeaning(Settings):
    """Which raw table records of one key space mirror, and what each plain field must show."""

    table: str
    key: str
    key_space: str
    fields: dict[str, _FieldMeaning | _ConstantMeaning]
    chart: ChartMeaning | None = None


def load_meanings(destination: str, directory: Path = _MEANINGS) -> Mapping[str, tuple[ObjectMeaning, ...]]:
    """By object, a meaning for each of its key spaces; raises ConfigurationError naming file and line."""
    document = read_document(directory / f"{destination}.yaml")
    return {
        name: tuple(
            document.parse(ObjectMeaning, (name, *place))
            for place in ([(at,) for at in range(len(part))] if isinstance(part, list) else [()])
        )
        for name, part in document.data.items()
    }


def compare(
    meanings: Sequence[ObjectMeaning],
    object_name: str,
    key_field: str,
    returned: pl.DataFrame,
    raw: RawPractice,
) -> Comparison:
    """Each record there against its raw row. ``returned`` is typed as ``Batch`` says.

    A field that only records of another key space fill must be empty.
    """
    fields = dict.fromkeys(field for meaning in meanings for field in meaning.fields)
    found = [
        _compare_key_space(
            meaning,
            object_name,
            key_field,
            returned,
            raw,
            empty=[field for field in fields if field not in meaning.fields],
        )
        for meaning in meanings
    ]
    return Comparison(
        sum(each.compared for each in found),
        pl.concat([no_differences(), *(each.differences for each in found)]),
    )


def missing(
    meanings: Sequence[ObjectMeaning],
    object_name: str,
    key_field: str,
    keys: pl.Series,
    raw: RawPractice,
    chart_fields: Collection[str],
) -> pl.DataFrame:
    """Raw rows that staging didn't refuse and that no record mirrors, as DIFFERENCE_COLUMNS.

    ``keys`` are those of the payload's records: whether these arrive is for the comparison of transport and
    the ledger to say. ``chart_fields`` are the fields of all objects, those with a place in the chart among
    them: a tooth whose every value has a wide field needs no record of its own.
    """
    parts = [no_differences()]
    for meaning in meanings:
        if meaning.chart is not None and meaning.chart.teeth is not None:
            needed = chart_meaning.needed_records(meaning.chart, chart_fields, raw)
            exams = _staged_keys(meaning.chart.exams.table, raw)
            ids = needed.filter(pl.col("exam").is_in(exams.implode()))["record"]
        else:
            ids = _staged_keys(meaning.table, raw)
        rows = pl.DataFrame({"key": f"{raw.practice}:{meaning.key_space}:" + ids})
        lost = rows.filter(~pl.col("key").is_in(keys.implode())).with_columns(expected=None, actual=None)
        parts.append(differences("meaning", object_name, key_field, lost, pl.lit("record_missing")))
    return pl.concat(parts)


def _compare_key_space(
    meaning: ObjectMeaning,
    object_name: str,
    key_field: str,
    returned: pl.DataFrame,
    raw: RawPractice,
    *,
    empty: Sequence[str],
) -> Comparison:
    prefix = f"{raw.practice}:{meaning.key_space}:"
    records = returned.filter(pl.col(key_field).str.starts_with(prefix)).with_columns(
        pl.col(key_field).str.strip_prefix(prefix).alias(_RAW)
    )
    parts: list[pl.DataFrame] = []
    compared = 0
    for field in (*meaning.fields, *empty):
        there = records.select(pl.col(key_field).alias("key"), _RAW, pl.col(field).alias(_ACTUAL))
        cells = _beside_expected(there, meaning, meaning.fields.get(field), raw)
        compared += cells.height
        parts.append(_unequal(object_name, field, cells))
    if meaning.chart is not None:
        chart = chart_meaning.compare(meaning.chart, object_name, key_field, records, raw)
        compared += chart.compared
        parts.append(chart.differences)
    return Comparison(compared, pl.concat([no_differences(), *parts]))


def _beside_expected(
    there: pl.DataFrame,
    meaning: ObjectMeaning,
    declared: _FieldMeaning | _ConstantMeaning | None,
    raw: RawPractice,
) -> pl.DataFrame:
    """The field's values there (key, _RAW, actual) with what each must be; nothing where none is declared."""
    if declared is None:
        return there.with_columns(pl.lit(None, there.schema[_ACTUAL]).alias(_EXPECTED))
    if isinstance(declared, _ConstantMeaning):
        return there.with_columns(pl.lit(declared.constant).alias(_EXPECTED))
    expected = _expected(meaning.table, declared, raw)
    cells = pl.DataFrame({_RAW: raw.keys(meaning.table, meaning.key), _EXPECTED: expected})
    return there.join(_corrected(cells, meaning.table, declared, raw), on=_RAW, how="left")


def _expected(table: str, declared: _FieldMeaning, raw: RawPractice) -> pl.Series:
    value = read(raw.column(table, declared.column), declared.read_as, raw.zone)
    if declared.read_as == "reference":
        if declared.of is not None:
            value = value.set(
                ~value.is_in(_staged_keys(declared.of, raw).implode()).fill_null(value=True), None
            )
        return (f"{raw.practice}:{declared.key_space}:" + value).alias(_EXPECTED)
    if declared.and_column is not None:
        second = _corrected_column(table, declared.and_column, raw)
        first = _corrected_column(table, declared.column, raw)
        both = pl.concat_str([pl.lit(first), pl.lit(second)], separator="\n", ignore_nulls=True)
        return pl.select(both.alias(_EXPECTED)).to_series().replace("", None)
    if declared.at_most is not None:
        shortened = [
            f"{text[: declared.at_most - 1]}…" if text and len(text) > declared.at_most else text
            for text in value
        ]
        value = pl.Series(value.name, shortened, dtype=pl.String)
    if declared.otherwise is not None:
        value = value.fill_null(declared.otherwise)
    return value.alias(_EXPECTED)


def _staged_keys(table: str, raw: RawPractice) -> pl.Series:
    """Keys of the rows that weren't rejected; one that stood twice ends in ``#`` and a number there."""
    rejected = raw.rejects.filter(pl.col("source_table") == table)["source_key"].str.replace(r"#\d+$", "")
    keys = raw.keys(table, raw.profile.table(table).key)
    return keys.filter(~keys.is_in(rejected.implode()).fill_null(value=True))


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
    if cells.schema[_EXPECTED] in (pl.Float64, MONEY):
        actual = actual.cast(cells.schema[_EXPECTED])
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
