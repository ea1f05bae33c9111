"""Staged rows become a payload: pure, and the only place where a spec's rules are carried out.

Nothing is dropped and nothing is altered on the way: what the destination can't hold is named beside the
payload, every staged row is accounted for, and sending is somebody else's decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from migration_assets.destinations.base import FieldSchema, Identity, ObjectSchema, joined_keys
from migration_assets.errors import WarehouseTableMissing
from migration_assets.mapping.chart_gather import coded, gather, needs_tooth_record
from migration_assets.mapping.chart_layout import SLOT_COLUMN, ChartLayout
from migration_assets.mapping.composing import composed, is_composed, with_composed
from migration_assets.mapping.copying import copied, key, keys, source_column, source_table
from migration_assets.mapping.declarations import ChartPart, KeyIn, Rule
from migration_assets.mapping.merging import RECORD_REJECTED, merged_fields, merged_lineage
from migration_assets.mapping.problems import PayloadRefused, find_problems
from migration_assets.mapping.sharing import SHARED_COLUMNS, share, split_long
from migration_assets.mapping.spec import (
    OWNERS_TABLE,
    PRACTICE_TABLE,
    ChartSpec,
    ObjectSpec,
    SourceSpec,
)

__all__ = [
    "EXAM_REJECTED",
    "EXCUSED_COLUMNS",
    "LEFT_EMPTY_COLUMNS",
    "LINEAGE_COLUMNS",
    "NO_WIDE_FIELD",
    "RECORD_REJECTED",
    "Payload",
    "apply",
    "key",
    "source_column",
    "source_table",
]

LINEAGE_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "key": pl.String(),
    "source_table": pl.String(),
    "source_id": pl.String(),
    "role": pl.String(),
}
"""A staged row that went into a payload row: logical source table, primary key as text; role ``record``
for the record's own row, ``companion`` for the row whose chart it carries on, ``chart`` for a chart row of
an exam, the spec's own word for a row that gives fields to another's record."""

EXCUSED_COLUMNS: dict[str, pl.DataType] = {
    "source_table": pl.String(),
    "source_id": pl.String(),
    "reason": pl.String(),
}
"""A staged row that went into no payload, with one of the reasons below."""

LEFT_EMPTY_COLUMNS: dict[str, pl.DataType] = {
    "source_table": pl.String(),
    "source_id": pl.String(),
    "column": pl.String(),
}
"""A staged row whose reference was left empty, since the parent that it names isn't staged and the spec says
that the record goes without it: logical source table and column, primary key as text."""

EXAM_REJECTED = "exam_rejected"
"""The chart row's exam isn't staged."""
NO_WIDE_FIELD = "no_wide_field"
"""A primary or supernumerary tooth in a mapping without records of single teeth: wide fields exist for the
32 permanent teeth only."""

_CHART_ROLE = "chart"
_SOURCE_ID = "_source_id"


@dataclass(frozen=True, slots=True)
class Payload:
    """``frame``: one row a record, columns ``schema.field_names`` typed as in ``destinations.base.Batch``.

    A picklist's column may be Enum. ``lineage`` LINEAGE_COLUMNS, ``excused`` EXCUSED_COLUMNS: together, over
    the objects that share a chart, each staged row of the spec's tables at least once. ``problems``
    PROBLEM_COLUMNS: records that must not be sent. ``left_empty`` LEFT_EMPTY_COLUMNS: references of staged
    rows that had to be left empty. ``shared`` SHARED_COLUMNS: values that another record has already.
    """

    schema: ObjectSchema
    frame: pl.DataFrame
    lineage: pl.DataFrame
    excused: pl.DataFrame
    problems: pl.DataFrame
    left_empty: pl.DataFrame
    shared: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SHARED_COLUMNS))


def apply(
    spec: ObjectSpec, staged: Mapping[str, pl.DataFrame], practice: str, chart: ChartLayout | None
) -> Payload:
    """The payload of one object out of ``staged`` (the tables of ``spec.staged_tables``, as staged).

    ``practice`` is the practice's key. ``chart`` is the resolved layout of a spec with a chart, None for
    any other. Raises WarehouseTableMissing for an absent table, PayloadRefused where a source id or a
    tooth of an exam stands twice or the layout is missing.
    """
    for table in spec.staged_tables:
        if table not in staged:
            raise WarehouseTableMissing(
                f"staged.{table} isn't there, and {spec.name} is made from it; materialise staged/{table}"
            )
    if spec.chart is not None and chart is None:
        raise PayloadRefused(f"{spec.name} carries a chart and no chart layout is resolved; plan one first")
    schema = spec.schema_with(chart)
    if spec.chart is not None and chart is not None and spec.chart.holds is ChartPart.TEETH:
        staged = {**staged, spec.chart.declaration.staged: _teeth(spec.chart, chart, staged)}
    parts = [_records(spec, source, staged, practice) for source in spec.sources]
    # A field that one source doesn't map is null there and has its type from the source that does.
    frame = pl.concat(parts, how="vertical_relaxed")
    if schema.identity is Identity.PARENTS:
        # Two letters can lie in one file, and both belong to one plan.
        frame = frame.unique(schema.key_field, maintain_order=True)
    if frame[schema.key_field].is_duplicated().any():
        raise PayloadRefused(
            f"{spec.name}: a source id stands twice among the staged rows; stage the practice again"
        )
    heights = [records.height for records in parts]
    name = staged[PRACTICE_TABLE]["name"].item() if PRACTICE_TABLE in staged else ""
    frame, shared = share(frame, spec.distinct, schema.key_field, _SOURCE_ID, heights, name)
    lineage = [
        _record_lineage(spec, source, records, key=schema.key_field)
        for source, records in zip(spec.sources, parts, strict=True)
    ]
    excused = pl.DataFrame(schema=EXCUSED_COLUMNS)
    for source in spec.sources:
        excused.extend(_no_records(source, staged))
        for merged in source.merged:
            taken, left_over = merged_lineage(
                spec.name, source.key_space, records_of(source, staged)["source_id"], merged, staged, practice
            )
            lineage.append(taken)
            excused.extend(left_over)
    if spec.chart is not None and chart is not None:
        frame = frame.hstack(_charted(spec, spec.chart, chart, staged))
        if spec.chart.holds is not ChartPart.TEETH:
            charted, uncharted = _chart_lineage(spec, spec.chart, staged, practice)
            lineage.append(charted)
            excused.extend(uncharted)
    frame = frame.select(schema.field_names)
    left_empty = pl.concat([_left_empty(source, staged) for source in spec.sources])
    problems = find_problems(frame, schema)
    return Payload(schema, frame, pl.concat(lineage), excused, problems, left_empty, shared)


def _records(
    spec: ObjectSpec, source: SourceSpec, staged: Mapping[str, pl.DataFrame], practice: str
) -> pl.DataFrame:
    """One row a staged row, all declared fields and ``_SOURCE_ID``; those that this source doesn't map are
    null."""
    schema = spec.schema
    rows = with_composed(records_of(source, staged), source, schema, staged)
    columns = [pl.col("source_id").cast(pl.String).alias(_SOURCE_ID)]
    columns.append(keys(practice, source.key_space, "source_id").alias(schema.key_field))
    for each in schema.fields:
        if each.name != schema.key_field:
            rule = source.rules.get(each.name)
            value = pl.lit(None) if rule is None else _value(each, rule, source, staged, practice)
            columns.append(value.alias(each.name))
    records = rows.select(columns)
    for merged in source.merged:
        records = records.with_columns(merged_fields(schema, rows, merged, staged, practice))
    if source.split is not None:
        longest = schema.field(source.split).length or 0
        records = split_long(records, source.split, longest, schema.key_field)
    if schema.identity is Identity.PARENTS:
        return records.with_columns(joined_keys(schema, practice).alias(schema.key_field)).filter(
            pl.col(schema.key_field).is_not_null()
        )
    return records


def records_of(source: SourceSpec, staged: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The staged rows that are records of their own."""
    wanted = [pl.col(column) == pl.lit(value) for column, value in source.where.items()]
    wanted += [pl.col(column).is_not_null() for column in source.present]
    return staged[source.staged].filter(*wanted) if wanted else staged[source.staged]


def _no_records(source: SourceSpec, staged: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The staged rows that aren't, as EXCUSED_COLUMNS; some may give fields to another's record."""
    if not source.where and not source.present:
        return pl.DataFrame(schema=EXCUSED_COLUMNS)
    others = staged[source.staged].join(records_of(source, staged), on="source_id", how="anti")
    return others.select(
        pl.lit(source_table(source.staged)).alias("source_table"),
        pl.col("source_id").cast(pl.String),
        pl.lit(source.otherwise).alias("reason"),
    )


def _value(
    field: FieldSchema,
    rule: Rule,
    source: SourceSpec,
    staged: Mapping[str, pl.DataFrame],
    practice: str,
) -> pl.Expr:
    if rule.parent is not None:
        parents = source.optional_parents.get(field.name, (None,) * len(rule.keys_in))
        return pl.coalesce(
            _parents_key(way, None if parent is None else staged[parent], staged, practice)
            for way, parent in zip(rule.keys_in, parents, strict=True)
        )
    if rule.user_of is not None:
        return _users(rule.user_of, staged[OWNERS_TABLE])
    if rule.constant is not None:
        return pl.lit(rule.constant)
    if is_composed(rule):
        return pl.col(composed(field.name))
    return copied(field, rule)


def _parents_key(
    way: KeyIn, parents: pl.DataFrame | None, staged: Mapping[str, pl.DataFrame], practice: str
) -> pl.Expr:
    """The key that a row names in this way; null where it may go without a parent that isn't staged."""
    if way.column is None:
        return pl.lit(key(practice, "practice", _practice_id(staged[PRACTICE_TABLE])))
    named = keys(practice, way.key_space, way.column)
    return named if parents is None else pl.when(~_is_absent(way.column, parents)).then(named)


def _users(provider: str, owners: pl.DataFrame) -> pl.Expr:
    """The user of each row's provider, else the default owner, else nobody."""
    of_provider = owners.filter(pl.col("provider_id").is_not_null())
    known = dict(of_provider.select("provider_id", "user_id").iter_rows())
    default = owners.filter(pl.col("provider_id").is_null())["user_id"]
    found = pl.col(provider).cast(pl.String).replace_strict(known, default=None, return_dtype=pl.String)
    return found.fill_null(default.item()) if default.len() else found


def _is_absent(column: str, parents: pl.DataFrame) -> pl.Expr:
    """Whether the parent that a row names isn't among the staged ones; false where it names none."""
    referred = pl.col(column).cast(pl.String)
    return (~referred.is_in(parents["source_id"].cast(pl.String).implode())).fill_null(False)


def _left_empty(source: SourceSpec, staged: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    rows = records_of(source, staged)
    parts = [
        rows.filter(_is_absent(way.column, staged[parent])).select(
            source_table=pl.lit(source_table(source.staged)),
            source_id=pl.col("source_id").cast(pl.String),
            column=pl.lit(source_column(source.staged, way.column)),
        )
        for name, parents in source.optional_parents.items()
        for way, parent in zip(source.rules[name].keys_in, parents, strict=True)
        if way.column is not None
    ]
    return pl.concat([pl.DataFrame(schema=LEFT_EMPTY_COLUMNS), *parts])


def _practice_id(practice_rows: pl.DataFrame) -> str:
    if practice_rows.height != 1:
        raise PayloadRefused(f"the table of the practice has {practice_rows.height} rows; it must have one")
    return str(practice_rows["source_id"].item())


def _record_lineage(spec: ObjectSpec, source: SourceSpec, records: pl.DataFrame, *, key: str) -> pl.DataFrame:
    return records.select(
        object=pl.lit(spec.name),
        key=pl.col(key),
        source_table=pl.lit(source_table(source.staged)),
        source_id=pl.col(_SOURCE_ID),
        role=pl.lit(source.role),
    )


def _exam_ids(chart: ChartSpec, staged: Mapping[str, pl.DataFrame]) -> pl.Series:
    return staged[chart.exams]["source_id"].cast(pl.String)


def _teeth(chart: ChartSpec, layout: ChartLayout, staged: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Chart rows that become records of their own; those of a rejected exam would hang on nothing."""
    rows, exam = staged[chart.declaration.staged], pl.col(chart.declaration.exam_column).cast(pl.String)
    needed = needs_tooth_record(rows, layout, chart.declaration.measures)
    return rows.filter(needed & rows.select(exam.is_in(_exam_ids(chart, staged).implode())).to_series())


def _charted(
    spec: ObjectSpec, chart: ChartSpec, layout: ChartLayout, staged: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """The chart's fields of each record, in the records' order."""
    rows, columns = staged[chart.declaration.staged], spec.chart_columns(layout)
    if chart.holds is ChartPart.TEETH:
        return coded(rows, (each.column for each in columns)).rename(
            {each.column: each.field for each in columns}
        )
    exam_column = chart.declaration.exam_column
    teeth = rows.with_columns(pl.col(exam_column).cast(pl.String))
    return gather(teeth, _exam_ids(chart, staged), columns, exam_column)


def _chart_lineage(
    spec: ObjectSpec, chart: ChartSpec, staged: Mapping[str, pl.DataFrame], practice: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lineage of the rows that have wide fields; what goes nowhere is excused once, by the exam's object."""
    exam_column = chart.declaration.exam_column
    table = pl.lit(source_table(chart.declaration.staged))
    of_rejected = ~pl.col(exam_column).cast(pl.String).is_in(_exam_ids(chart, staged).implode())
    nowhere = pl.lit(NO_WIDE_FIELD if chart.teeth is None else None, pl.String)
    rows = staged[chart.declaration.staged].select(
        key=keys(practice, spec.sources[0].key_space, exam_column),
        source_id=pl.col("source_id").cast(pl.String),
        wide=pl.col(SLOT_COLUMN).is_not_null() & ~of_rejected,
        reason=pl.when(of_rejected)
        .then(pl.lit(EXAM_REJECTED))
        .when(pl.col(SLOT_COLUMN).is_null())
        .then(nowhere),
    )
    lineage = rows.filter("wide").select(
        pl.lit(spec.name).alias("object"),
        "key",
        table.alias("source_table"),
        "source_id",
        pl.lit(_CHART_ROLE).alias("role"),
    )
    excused = rows.filter(pl.col("reason").is_not_null() & (chart.holds is ChartPart.EXAM)).select(
        table.alias("source_table"), "source_id", "reason"
    )
    return lineage, excused
