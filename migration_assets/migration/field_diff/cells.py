"""The diff's rows of plain fields: values in PANDA, in the payload, as the second reader has them, returned.

What a raw cell means is told by the comparison of meaning's own parts. Charts are ``charts``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType
from migration_assets.mapping.spec import ObjectSpec
from migration_assets.migration.declared_meaning import ColumnMeaning, ToothMeaning, UntoldMeaning
from migration_assets.migration.field_diff.origin import MOMENT, Origin, of_joins, of_rule, origin_of
from migration_assets.migration.field_meaning import EXPECTED, RAW
from migration_assets.migration.meaning import (
    ACTUAL,
    ObjectMeaning,
    asked_records,
    beside_expected,
    told_at_once,
)
from migration_assets.migration.parted_meaning import PART, with_parts
from migration_assets.migration.raw_practice import RawPractice

CELL_COLUMNS: Final[dict[str, pl.DataType]] = {
    **dict.fromkeys(
        (
            *("object", "key", "field", "source_table", "source_key", "source_column"),
            *("source", "mapped", "expected", "returned"),
        ),
        pl.String(),
    ),
    "meant": pl.Boolean(),
    **dict.fromkeys(("kind", "together", "exam", "tooth", "cell"), pl.String()),
}
"""A value before it is classed. ``meant``: whether the returned one is what is expected, null where nothing
is declared. ``kind``: number, date, moment, reference, user, email, text, system (of numbering) or word.
Values of one ``together`` are diagnosed together: a field's, or those of one measure of a chart. ``exam``
(source id) is set where the value depends on the exam's numbering system; ``tooth`` (Universal code) and
``cell`` are a chart's."""

_KINDS = {
    FieldType.NUMBER: "number",
    FieldType.CURRENCY: "number",
    FieldType.PERCENT: "number",
    FieldType.DATE: "date",
    FieldType.DATETIME: "moment",
    FieldType.LOOKUP: "reference",
    FieldType.MASTER_DETAIL: "reference",
    FieldType.USER: "user",
    FieldType.EMAIL: "email",
    FieldType.TEXT: "text",
    FieldType.LONG_TEXT: "text",
}
_UNDECLARED = {"expected": pl.lit(None, pl.String), "meant": pl.lit(None, pl.Boolean)}


@dataclass(frozen=True)
class Records:
    """One object's records of a sample as mapped and as returned, those that are in both; ``fields`` are its
    plain ones."""

    spec: ObjectSpec
    fields: tuple[FieldSchema, ...]
    mapped: pl.DataFrame
    returned: pl.DataFrame

    @property
    def key(self) -> str:
        return self.spec.schema.key_field


def kind_of(field: FieldSchema) -> str:
    return _KINDS.get(field.type, "word")


def as_text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A typed value as the diff shows it: equal values of all numeric types are equal texts."""
    if isinstance(dtype, pl.Datetime):
        return column.dt.strftime(MOMENT)
    if dtype.is_numeric():
        return plain_number(column.cast(pl.String))
    return column.cast(pl.String)


def plain_number(text: pl.Expr) -> pl.Expr:
    """Without zeros at the end of the decimals; 0 has no sign."""
    shorter = pl.when(text.str.contains(".", literal=True)).then(
        text.str.strip_chars_end("0").str.strip_chars_end(".")
    )
    return shorter.otherwise(text).replace("-0", "0")


def plain_cells(
    records: Records,
    declared: Sequence[ObjectMeaning],
    raw: RawPractice,
    rules: Mapping[str, tuple[str, str]],
) -> pl.DataFrame:
    """CELL_COLUMNS of all records' plain fields; ``rules``: field -> its mapping rule's source table and
    column, for what the second reader doesn't know."""
    known = dict.fromkeys(field for meaning in declared for field in meaning.field_names)
    if any(meaning.joins for meaning in declared):
        return _joining(records, declared, raw, list(known))
    parts = [pl.DataFrame(schema=CELL_COLUMNS)]
    spaces = dict.fromkeys(source.key_space for source in records.spec.sources)
    for space in spaces:
        meaning = next((each for each in declared if each.key_space == space), None)
        there = _with_source_id(records.returned, records.key, f"{raw.practice}:{space}:")
        if there.height:
            there = with_parts(there) if meaning is not None and meaning.parted else there
            parts += _of_key_space(records, there, meaning, raw, list(known), rules, declared)
    return pl.concat(parts)


def _with_source_id(rows: pl.DataFrame, key: str, prefix: str) -> pl.DataFrame:
    return rows.filter(pl.col(key).str.starts_with(prefix)).with_columns(
        pl.col(key).str.strip_prefix(prefix).alias(RAW)
    )


def _of_key_space(
    records: Records,
    there: pl.DataFrame,
    meaning: ObjectMeaning | None,
    raw: RawPractice,
    known: Sequence[str],
    rules: Mapping[str, tuple[str, str]],
    meanings: Sequence[ObjectMeaning],
) -> Iterator[pl.DataFrame]:
    untold = [] if meaning is None else [name for name, each in meaning.fields.items() if _is_untold(each)]
    declared = [name for name in known if name not in untold] if meaning is not None else []
    told = told_at_once(meaning, declared, raw, meanings) if meaning is not None else {}
    number = [name for name in (RAW, PART) if name in there.columns]
    for field in records.fields:
        cells = there.select(pl.col(records.key).alias("key"), *number, pl.col(field.name).alias(ACTUAL))
        origin = of_rule(None if field.name in untold else rules.get(field.name), raw)
        if meaning is not None and field.name in declared:
            beside = beside_expected(cells, meaning, field.name, told.get(field.name), raw)
            cells = _with_expected(cells, beside)
            origin = origin_of(meaning, field.name, raw) or origin
            cells = _with_exam(cells, meaning, field.name, raw)
        else:
            cells = cells.with_columns(**_UNDECLARED)
        yield _finished(records, field, cells, origin)


def _is_untold(declared: object) -> bool:
    return isinstance(declared, UntoldMeaning)


def _with_expected(cells: pl.DataFrame, beside: pl.DataFrame) -> pl.DataFrame:
    """``cells`` (key, _raw, actual) with ``expected`` as text and ``meant``."""
    actual, expected = (as_text(pl.col(name), beside.schema[name]) for name in (ACTUAL, EXPECTED))
    judged = beside.select("key", expected.alias(EXPECTED), actual.eq_missing(expected).alias("meant"))
    return cells.join(judged.unique("key", keep="first"), on="key", how="left", maintain_order="left")


def _with_exam(cells: pl.DataFrame, meaning: ObjectMeaning, field: str, raw: RawPractice) -> pl.DataFrame:
    """With ``exam`` where the value depends on the system in which an exam's teeth are numbered."""
    declared = meaning.fields.get(field)
    if isinstance(declared, ColumnMeaning) and declared.read_as == "numbering_system":
        return cells.with_columns(exam=RAW, kind=pl.lit("system"))
    if isinstance(declared, ToothMeaning):
        keys, exams = raw.keys(meaning.table, meaning.key), raw.keys(meaning.table, declared.exam)
        of_row = pl.DataFrame([keys.alias(RAW), exams.alias("exam")]).unique(RAW, keep="first")
        return cells.join(of_row, on=RAW, how="left", maintain_order="left")
    return cells


def _finished(records: Records, field: FieldSchema, cells: pl.DataFrame, origin: Origin) -> pl.DataFrame:
    """CELL_COLUMNS out of key, _raw, actual, expected and meant."""
    mapped = records.mapped.select(
        pl.col(records.key).alias("key"),
        as_text(pl.col(field.name), records.mapped.schema[field.name]).alias("mapped"),
    )
    found = cells.join(mapped, on="key", how="inner", maintain_order="left")
    if origin.cells is None:
        found = found.with_columns(source_key=pl.lit(None, pl.String), source=pl.lit(None, pl.String))
    else:
        of_row = origin.cells.unique(RAW, keep="first")
        found = found.join(of_row, on=RAW, how="left", maintain_order="left")
    return found.select(
        pl.lit(records.spec.name).alias("object"),
        "key",
        pl.lit(field.name).alias("field"),
        pl.lit(origin.table, pl.String).alias("source_table"),
        "source_key",
        pl.lit(origin.column, pl.String).alias("source_column"),
        "source",
        "mapped",
        EXPECTED,
        as_text(pl.col(ACTUAL), found.schema[ACTUAL]).alias("returned"),
        "meant",
        pl.lit(kind_of(field)).alias("kind") if "kind" not in cells.columns else "kind",
        pl.lit(field.name).alias("together"),
        pl.lit(None, pl.String).alias("exam") if "exam" not in cells.columns else "exam",
        *(pl.lit(None, pl.String).alias(name) for name in ("tooth", "cell")),
    )


def _joining(
    records: Records, declared: Sequence[ObjectMeaning], raw: RawPractice, known: Sequence[str]
) -> pl.DataFrame:
    """Records that only join two others: what they show is told by the rows that ask for them."""
    names = [field for field in known if field in records.returned.columns]
    asked = [asked_records(each, names, raw) for each in declared if each.table in raw.tables]
    none = pl.DataFrame(schema=dict.fromkeys((*names, "key"), pl.String))
    told = pl.concat(asked or [none]).unique("key", keep="first", maintain_order=True)
    parts = [pl.DataFrame(schema=CELL_COLUMNS)]
    for field in records.fields:
        key = pl.col(records.key)
        cells = records.returned.select(key.alias("key"), key.alias(RAW), pl.col(field.name).alias(ACTUAL))
        if field.name in names:
            wanted = told.select("key", pl.col(field.name).alias(EXPECTED))
            cells = _with_expected(cells, cells.join(wanted, on="key", how="left"))
        else:
            cells = cells.with_columns(**_UNDECLARED)
        parts.append(_finished(records, field, cells, of_joins(declared, field.name)))
    return pl.concat(parts)
