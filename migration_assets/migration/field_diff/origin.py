"""Where the diff finds the text as PANDA holds it: each plain field's raw cell, or what it is computed from.

Which cell it is, the comparison of meaning and the mapping's inventory say; nothing is declared here again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from migration_assets.migration.declared_meaning import (
    AccountMeaning,
    AgainMeaning,
    ColumnMeaning,
    ConstantMeaning,
    DentistMeaning,
    FieldMeaning,
    FigureMeaning,
    FileMeaning,
    FirstMeaning,
    FoundMeaning,
    FurtherOfficesMeaning,
    HouseholdMeaning,
    KindMeaning,
    OfficeMeaning,
    OwnOfficeMeaning,
    PartsMeaning,
    PersonMeaning,
    PracticeMeaning,
    ReferralsMeaning,
    TextMeaning,
    ToothMeaning,
    UniqueMeaning,
    UntoldMeaning,
)
from migration_assets.migration.field_meaning import RAW
from migration_assets.migration.meaning import ObjectMeaning
from migration_assets.migration.merged_meaning import MergedMeaning, chosen_rows
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.text_meaning import further_tables, own_columns

MOMENT: Final = "%Y-%m-%d %H:%M:%S%.f"
_AND = " + "
_COMPUTED: Mapping[type, str] = {
    ConstantMeaning: "the kind of record",
    AccountMeaning: "the practice's choice of accounts",
    PersonMeaning: "the free text of {table}",
    OfficeMeaning: "names and addresses of {table}",
    HouseholdMeaning: "names and addresses of {table}",
    FileMeaning: "the file of {table}",
    OwnOfficeMeaning: "the offices that Provider and Referral name",
    FurtherOfficesMeaning: "the offices that Provider and Referral name",
    PracticeMeaning: "the practice's registry",
    ReferralsMeaning: "the incoming rows of Referral",
    UntoldMeaning: "nothing in PANDA",
}


@dataclass(frozen=True)
class Origin:
    """Where a field's value comes from; ``cells``: ``_raw``, ``source_key``, ``source``."""

    table: str | None
    column: str | None
    cells: pl.DataFrame | None = None


def of_rule(named: tuple[str, str] | None, raw: RawPractice) -> Origin:
    """The table and column that a mapping rule names, for what the second reader doesn't know."""
    if named is None:
        return Origin(None, None)
    table, column = named
    known = table in raw.tables and raw.profile.table(table).has(column)
    # A file's content was never copied.
    if not known or raw.profile.table(table).actual(column) not in raw.tables[table].columns:
        return Origin(table, f"computed from {table}")
    return Origin(table, column, _texts(table, raw.profile.table(table).key, (column,), raw))


def of_joins(meanings: Sequence[ObjectMeaning], field: str) -> Origin:
    """Columns of the rows that ask for a record which only joins others."""
    columns = dict.fromkeys(
        f"{meaning.table}.{join.column}" if join.column else f"computed from {meaning.table}"
        for meaning in meanings
        for join in meaning.joins
        if join.field == field
    )
    return Origin(None, " or ".join(columns) or "computed from the kind of record")


def origin_of(meaning: ObjectMeaning, field: str, raw: RawPractice) -> Origin | None:
    """Where the second reader takes the field from; None where it takes it from nowhere."""
    declared = meaning.fields.get(field)
    if isinstance(declared, AgainMeaning):
        return origin_of(meaning, declared.again_of, raw)
    if isinstance(declared, FigureMeaning) and meaning.figures is not None:
        chart = meaning.figures.chart
        return Origin(chart.table, f"computed from {chart.table} and {chart.exams.table}")
    if declared is not None:
        return _of_rows(meaning.table, meaning.key, declared, raw)
    for merged in meaning.merged:
        if field in merged.field_names:
            return _of_merged(merged, field, raw)
    return None


def _of_rows(table: str, key: str, declared: FieldMeaning, raw: RawPractice) -> Origin:
    """``cells`` of every raw row of the table, in its order."""
    if isinstance(declared, FoundMeaning):
        found = declared.found.column
        keys, by = raw.keys(table, key), raw.keys(table, declared.by)
        texts = _texts(declared.table, raw.profile.table(declared.table).key, (found,), raw)
        of_row = texts.rename({RAW: "by"}).unique("by", keep="first")
        named = pl.DataFrame([keys.alias(RAW), by.alias("by")])
        cells = named.join(of_row, on="by", how="left", maintain_order="left").drop("by")
        return Origin(declared.table, found, cells)
    columns = _columns(declared)
    if isinstance(declared, TextMeaning):
        shown = (*columns, *(f"rows of {each}" for each in further_tables(declared)))
        return Origin(table, _AND.join(shown), _texts(table, key, columns, raw) if columns else None)
    if isinstance(declared, UniqueMeaning):
        return _of_rows(table, key, declared.unique, raw)
    if not columns:
        return Origin(table, f"computed from {_what(declared, table)}")
    return Origin(table, _AND.join(columns), _texts(table, key, columns, raw))


def _of_merged(merged: MergedMeaning, field: str, raw: RawPractice) -> Origin:
    """``cells`` of the rows that count, by the record's source id."""
    rows = chosen_rows(merged, raw)
    declared = merged.fields.get(field)
    if declared is None:
        keys = pl.lit(raw.keys(merged.table, merged.key))
        cells = rows.group_by(RAW).agg(
            source_key=keys.gather(pl.col("place")).str.join(_AND), source=pl.lit(None, pl.String)
        )
        return Origin(merged.table, "computed from its rows, a line each", cells)
    origin = _of_rows(merged.table, merged.key, declared, raw)
    if origin.cells is None:
        return origin
    told = origin.cells[rows["place"].to_list()]
    return Origin(origin.table, origin.column, told.with_columns(rows[RAW]))


def _columns(declared: FieldMeaning) -> tuple[str, ...]:  # noqa: PLR0911
    """Logical columns whose text the field shows; none where it is computed."""
    match declared:
        case ColumnMeaning():
            further = (declared.and_column, declared.plus)
            return (declared.column, *(each for each in further if each is not None))
        case PartsMeaning():
            return tuple(column for part in declared.parts for column in _columns(part))
        case FirstMeaning():
            return tuple(each.column for each in declared.first_of)
        case TextMeaning():
            return own_columns(declared)
        case ToothMeaning():
            return (declared.tooth,)
        case DentistMeaning():
            return (declared.dentist,)
        case FoundMeaning():
            return _columns(declared.found)
        case _:
            return ()


def _what(declared: FieldMeaning, table: str) -> str:
    for kind, told in _COMPUTED.items():
        if isinstance(declared, kind):
            return told.format(table=table)
    return " and ".join(declared.kinds.values()) if isinstance(declared, KindMeaning) else table


def _texts(table: str, key: str, columns: Sequence[str], raw: RawPractice) -> pl.DataFrame:
    """``_raw``, ``source_key`` and ``source``, the cells' text; several stand one after the other."""
    keys = raw.keys(table, key)
    cells = [_verbatim(raw.column(table, column)) for column in columns]
    joined = pl.concat_str([pl.lit(cell) for cell in cells], separator=_AND, ignore_nulls=True)
    nothing = pl.all_horizontal([pl.lit(cell).is_null() for cell in cells])
    source = pl.select(pl.when(~nothing).then(joined).alias("source")).to_series()
    return pl.DataFrame([keys.alias(RAW), keys.alias("source_key"), source])


def _verbatim(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.strftime(MOMENT)
    return column.cast(pl.String)
