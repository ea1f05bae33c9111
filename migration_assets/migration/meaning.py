"""The second comparison: the practice's raw rows against what the destination returns.

It goes backwards: from a record and a field's name to the raw cell that it must come from, read by
``raw_reader``. It shares no code with objects/ and mapping/apply; what a plain field means is written
down a second time in meanings/<destination>.yaml.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from migration_assets.migration import chart_meaning
from migration_assets.migration.declared_meaning import (
    AccountMeaning,
    ColumnMeaning,
    ConstantMeaning,
    PracticeMeaning,
    ReferralsMeaning,
    RowMeaning,
    TextMeaning,
    UntoldMeaning,
)
from migration_assets.migration.field_meaning import (
    EXPECTED,
    RAW,
    beside_account,
    expected_cells,
    expected_of_households,
    expected_of_people,
    staged_keys,
)
from migration_assets.migration.figures_meaning import expected_of_figures, expected_referrals
from migration_assets.migration.file_meaning import expected_of_files
from migration_assets.migration.joined_meaning import joined_records
from migration_assets.migration.merged_meaning import expected_merged
from migration_assets.migration.object_meaning import ObjectMeaning, chosen, load_meanings, staged_records
from migration_assets.migration.office_meaning import expected_of_offices
from migration_assets.migration.parted_meaning import beside_whole, with_parts
from migration_assets.migration.raw_markup import in_words
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.raw_reader import MONEY
from migration_assets.migration.text_meaning import expected_texts
from migration_assets.migration.transport import Comparison, differences, no_differences
from migration_assets.migration.unique_meaning import expected_unique

__all__ = [
    "ACTUAL",
    "ObjectMeaning",
    "asked_records",
    "beside_expected",
    "compare",
    "load_meanings",
    "missing",
    "told_at_once",
]
ACTUAL = "actual"


def compare(
    meanings: Sequence[ObjectMeaning],
    object_name: str,
    key_field: str,
    returned: pl.DataFrame,
    raw: RawPractice,
) -> Comparison:
    """Each record there against its raw row. ``returned`` is typed as ``Batch`` says.

    A field that only records of another key space fill must be empty. A field that isn't in ``returned`` is
    none of the object's here, and isn't compared. Records of a key space that the choices leave out are
    ``record_unexpected``.
    """
    left_out = _left_out(meanings, object_name, key_field, returned, raw)
    meanings = chosen(meanings, raw)
    known = dict.fromkeys(field for meaning in meanings for field in meaning.field_names)
    fields = [field for field in known if field in returned.columns]
    if any(meaning.joins for meaning in meanings):
        return _compare_joins(meanings, object_name, key_field, returned, raw, fields)
    found = [
        _compare_key_space(
            meaning,
            object_name,
            key_field,
            returned,
            raw,
            fields,
            meanings,
        )
        for meaning in meanings
    ]
    return Comparison(
        sum(each.compared for each in found),
        pl.concat([left_out, *(each.differences for each in found)]),
    )


def _left_out(
    meanings: Sequence[ObjectMeaning],
    object_name: str,
    key_field: str,
    returned: pl.DataFrame,
    raw: RawPractice,
) -> pl.DataFrame:
    """Records of key spaces that nobody chose."""
    there = {meaning.key_space for meaning in chosen(meanings, raw)}
    others = {meaning.key_space for meaning in meanings} - there
    space = pl.col("key").str.extract(f"^{raw.practice}:([^:]*):")
    odd = returned.select(pl.col(key_field).alias("key")).filter(space.is_in(sorted(others)))
    rows = odd.with_columns(expected=None, actual=None)
    return differences("meaning", object_name, key_field, rows, pl.lit("record_unexpected"))


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
    them: a tooth whose every value has a wide field needs no record of its own. A table that wasn't copied is
    none that the mapping takes.
    """
    parts = [no_differences()]
    for meaning in chosen(meanings, raw):
        if meaning.table not in raw.tables:
            continue
        if meaning.joins:
            ids = joined_records(meaning.table, meaning.joins, raw)["id"]
        elif meaning.chart is not None and meaning.chart.teeth is not None:
            needed = chart_meaning.needed_records(meaning.chart, chart_fields, raw)
            exams = staged_keys(meaning.chart.exams.table, raw)
            ids = needed.filter(pl.col("exam").is_in(exams.implode()))["record"]
        else:
            ids = staged_records(meaning, raw)
        rows = pl.DataFrame({"key": f"{raw.practice}:{meaning.key_space}:" + ids})
        lost = rows.filter(~pl.col("key").is_in(keys.implode())).with_columns(expected=None, actual=None)
        parts.append(differences("meaning", object_name, key_field, lost, pl.lit("record_missing")))
    # Rows of two tables may ask for one joining record.
    return pl.concat(parts).unique("key", maintain_order=True)


def _compare_joins(
    meanings: Sequence[ObjectMeaning],
    object_name: str,
    key_field: str,
    returned: pl.DataFrame,
    raw: RawPractice,
    fields: Sequence[str],
) -> Comparison:
    """Records there that no raw row asks for, and what those that one asks for show; those that aren't there
    are ``missing``."""
    none = pl.DataFrame(schema=dict.fromkeys(("key", *fields), pl.String))
    asked = [asked_records(meaning, fields, raw) for meaning in meanings if meaning.table in raw.tables]
    # Rows of two tables may ask for one record.
    told = pl.concat(asked or [none]).unique("key", keep="first", maintain_order=True)
    there = returned.select(pl.col(key_field).alias("key"), *fields)
    odd = there.join(told, on="key", how="anti").select("key").with_columns(expected=None, actual=None)
    parts = [differences("meaning", object_name, key_field, odd, pl.lit("record_unexpected"))]
    both = there.join(told, on="key", how="inner", suffix=EXPECTED)
    for field in fields:
        cells = both.select("key", pl.col(field).alias(ACTUAL), pl.col(field + EXPECTED).alias(EXPECTED))
        parts.append(_unequal(object_name, field, cells))
    return Comparison(there.height * (1 + len(fields)), pl.concat([no_differences(), *parts]))


def asked_records(meaning: ObjectMeaning, fields: Sequence[str], raw: RawPractice) -> pl.DataFrame:
    """``key`` and what each of the fields must show, of the records that only join."""
    constants = {
        field: pl.lit(declared.constant)
        for field, declared in meaning.fields.items()
        if isinstance(declared, ConstantMeaning)
    }
    prefix = f"{raw.practice}:{meaning.key_space}:"
    records = joined_records(meaning.table, meaning.joins, raw).with_columns(
        key=prefix + pl.col("id"), **constants
    )
    return records.select("key", *fields)


def _compare_key_space(
    meaning: ObjectMeaning,
    object_name: str,
    key_field: str,
    returned: pl.DataFrame,
    raw: RawPractice,
    fields: Sequence[str],
    meanings: Sequence[ObjectMeaning],
) -> Comparison:
    prefix = f"{raw.practice}:{meaning.key_space}:"
    records = returned.filter(pl.col(key_field).str.starts_with(prefix)).with_columns(
        pl.col(key_field).str.strip_prefix(prefix).alias(RAW)
    )
    records = with_parts(records) if meaning.parted else records
    parts: list[pl.DataFrame] = []
    compared = 0
    told = told_at_once(meaning, fields, raw, meanings) if records.height else {}
    untold = {field for field in fields if isinstance(meaning.fields.get(field), UntoldMeaning)}
    number = [name for name in records.columns if name not in returned.columns]
    for field in fields if records.height else ():
        if field in untold:
            continue
        there = records.select(pl.col(key_field).alias("key"), *number, pl.col(field).alias(ACTUAL))
        cells = beside_expected(there, meaning, field, told.get(field), raw)
        compared += cells.height
        parts.append(_unequal(object_name, field, cells))
    if meaning.chart is not None:
        chart = chart_meaning.compare(meaning.chart, object_name, key_field, records, raw)
        compared += chart.compared
        parts.append(chart.differences)
    return Comparison(compared, pl.concat([no_differences(), *parts]))


def told_at_once(
    meaning: ObjectMeaning, fields: Sequence[str], raw: RawPractice, meanings: Sequence[ObjectMeaning]
) -> dict[str, pl.DataFrame]:
    """Cells of the fields that rows of other tables give, people or households; one reading tells several.

    ``meanings`` are those of all key spaces of the object.
    """
    wanted = {field: declared for field, declared in meaning.fields.items() if field in fields}
    told = expected_of_people(wanted, raw) if meaning.people else {}
    told |= expected_unique(meaning.key_space, wanted, [each.space for each in meanings], raw)
    told |= expected_referrals(wanted, raw)
    told |= expected_of_offices(wanted, raw)
    if meaning.figures is not None:
        patients = staged_keys(meaning.table, raw)
        told |= expected_of_figures(wanted, meaning.figures, patients, raw)
    if meaning.files:
        told |= expected_of_files(wanted, meaning.table, meaning.key, raw)
    if meaning.households:
        told |= expected_of_households(wanted, raw)
    for merged in meaning.merged:
        if set(merged.field_names) & set(fields):
            told |= expected_merged(merged, raw)
    return told


def beside_expected(  # noqa: PLR0911
    there: pl.DataFrame, meaning: ObjectMeaning, field: str, told: pl.DataFrame | None, raw: RawPractice
) -> pl.DataFrame:
    """The field's values there (key, _raw, actual) with what each must be; nothing where none is declared.

    Of a ``parted`` object also the number of each record's part, as ``with_parts`` has it.
    """
    declared = meaning.fields.get(field)
    match declared:
        case ConstantMeaning():
            return there.with_columns(pl.lit(declared.constant).alias(EXPECTED))
        case PracticeMeaning():
            return there.with_columns(pl.lit(raw.name, pl.String).alias(EXPECTED))
        case AccountMeaning():
            return beside_account(there, meaning.table, meaning.key, declared, raw)
        case TextMeaning():
            texts = expected_texts(meaning.table, meaning.key, declared, raw)
            if field == meaning.parted:
                return beside_whole(there, texts, ACTUAL)
            told = texts.select(RAW, EXPECTED)
    if isinstance(declared, RowMeaning):
        told = expected_cells(meaning.table, meaning.key, declared, raw)
    if told is None:
        return there.with_columns(pl.lit(None, there.schema[ACTUAL]).alias(EXPECTED))
    cells = there.join(told, on=RAW, how="left")
    if isinstance(declared, ReferralsMeaning) and declared.referrals == "count":
        return cells.with_columns(pl.col(EXPECTED).fill_null(0))
    if isinstance(declared, ColumnMeaning) and declared.read_as == "words":
        words = [None if text is None else in_words(text) for text in cells[ACTUAL]]
        return cells.with_columns(pl.Series(ACTUAL, words, dtype=pl.String))
    return cells


def _unequal(object_name: str, field: str, cells: pl.DataFrame) -> pl.DataFrame:
    actual = pl.col(ACTUAL)
    if cells.schema[EXPECTED] in (pl.Float64, MONEY):
        actual = actual.cast(cells.schema[EXPECTED])
    rows = cells.with_columns(actual).filter(~pl.col(ACTUAL).eq_missing(pl.col(EXPECTED)))
    if rows.is_empty():
        return no_differences()
    found = differences("meaning", object_name, field, rows)
    if cells.schema[EXPECTED] != pl.String:
        return found
    lines = pl.col(ACTUAL).str.replace_all("\r\n", "\n") == pl.col(EXPECTED).str.replace_all("\r\n", "\n")
    same = rows.select(lines.fill_null(value=False)).to_series()
    return found.with_columns(
        pl.when(pl.lit(same)).then(pl.lit("line_break")).otherwise("code").alias("code")
    )
