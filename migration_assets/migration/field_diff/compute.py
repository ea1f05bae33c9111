"""The field-level diff: what PANDA holds, what the mapping made of it, what the destination returned.

Computed from the upload's file alone, after a reconciliation; it connects to nothing. What a page of it looks
like is for ``reports``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from migration_assets.destinations.base import FieldType
from migration_assets.mapping.inventory import inventory
from migration_assets.migration.chart_meaning import ChartMeaning, chart_fields_of
from migration_assets.migration.field_diff.cells import CELL_COLUMNS, Records, plain_cells
from migration_assets.migration.field_diff.charts import Charts, ReturnedCharts, chart_cells, chart_pairs
from migration_assets.migration.field_diff.checks import Meanings, checks, lines_of_plans, of_lines
from migration_assets.migration.field_diff.classes import classed
from migration_assets.migration.field_diff.diagnosis import diagnosed
from migration_assets.migration.field_diff.missing import missing_records
from migration_assets.migration.field_diff.sample import Sampled, read_sample
from migration_assets.migration.field_diff.shape import (
    CLASSES,
    FIELD_COLUMNS,
    PATIENT_COLUMNS,
    ChartPair,
    Diff,
)
from migration_assets.migration.object_meaning import ObjectMeaning, chosen, load_meanings
from migration_assets.migration.operations import Migration
from migration_assets.objects.registry import MAPPED_OBJECTS


def compute(migration: Migration, patients: Sequence[str] | None = None) -> Diff:
    """Every field of every record of the patients (source ids), of those rehearsed where none are named, and
    of a spot check of ten where everything was uploaded.

    Raises WarehouseTableMissing before the first reconciliation, StagingRefused where the plan has changed
    since the payload was built, and ConfigurationError for a patient who isn't staged.
    """
    sampled = read_sample(migration, patients)
    declared = {
        name: chosen(meanings, sampled.raw)
        for name, meanings in load_meanings(migration.target.destination).items()
        if name in sampled.mapped
    }
    charts = _charts(sampled, declared)
    cells = classed(pl.concat([pl.DataFrame(schema=CELL_COLUMNS), *_cells(sampled, declared, charts)]))
    owners = sampled.owners.unique("key", keep="first")
    told = diagnosed(cells, charts).join(owners, on="key", how="left", maintain_order="left")
    fields = _fields(sampled, told, _missing(sampled, declared, charts, told))
    return Diff(
        fields=fields,
        patients=_patients(sampled, fields),
        checks=checks(sampled, declared, told),
        charts=list(_pairs(sampled, declared, charts)) if charts is not None else [],
    )


def _charted(declared: Meanings) -> Iterator[tuple[str, ObjectMeaning, ChartMeaning]]:
    for name, meanings in declared.items():
        for meaning in meanings:
            if meaning.chart is not None:
                yield name, meaning, meaning.chart


def _exam_object(sampled: Sampled, declared: Meanings) -> tuple[str, ObjectMeaning, ChartMeaning] | None:
    """The object of the exams themselves: the one whose chart's other objects refer to it."""
    of_chart = sampled.plan.mapping.charted
    if of_chart is None:
        return None
    return next((each for each in _charted(declared) if each[0] == of_chart.name), None)


def _charts(sampled: Sampled, declared: Meanings) -> Charts | None:
    exam = _exam_object(sampled, declared)
    if exam is None or exam[2].table not in sampled.raw.tables:
        return None
    name, meaning, chart = exam
    keys = sampled.mapped[name][sampled.key_field(name)]
    exams = keys.str.strip_prefix(f"{sampled.raw.practice}:{meaning.key_space}:")
    return Charts.of_exams(chart, sampled.raw, exams)


def _cells(sampled: Sampled, declared: Meanings, charts: Charts | None) -> Iterator[pl.DataFrame]:
    rules = _rules(sampled)
    for spec in sampled.plan.specs:
        name, key = spec.name, spec.schema.key_field
        meanings = declared.get(name, ())
        schema = sampled.plan.schemas[spec.asset]
        charted = {field for field, *_ in chart_fields_of(name, schema.field_names)}
        single = {
            field
            for meaning in meanings
            if meaning.chart is not None and meaning.chart.teeth is not None
            for field in (meaning.chart.teeth.exam, meaning.chart.teeth.number, meaning.chart.teeth.written)
        }
        mapped, returned = sampled.mapped[name], sampled.returned[name]
        plain = tuple(
            each
            for each in schema.returned_fields
            if each.name not in charted | single and (each.name != key or not each.virtual)
        )
        records = Records(spec, plain, mapped, returned.join(mapped, on=key, how="semi"))
        # An exam that names no system is checked for just that.
        yield plain_cells(records, meanings, sampled.raw, rules.get(name, {})).filter(
            _is_told() | (pl.col("kind") == "system")
        )
        for meaning in meanings:
            if meaning.chart is not None and charts is not None:
                prefix = f"{sampled.raw.practice}:{meaning.key_space}:"
                yield chart_cells(records, meaning.chart, charts, prefix)


def _is_told() -> pl.Expr:
    return pl.any_horizontal(pl.col("source", "mapped", "expected", "returned").is_not_null())


def _rules(sampled: Sampled) -> Mapping[str, Mapping[str, tuple[str, str]]]:
    """Object -> field -> source table and column of the mapping's first rule for it."""
    columns = {each.name: each.source_columns for each in MAPPED_OBJECTS}
    rows = inventory(sampled.plan.mapping, sampled.plan.layout, columns).drop_nulls("source_column")
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for name, field, table, column in rows.select(
        "object", "field", "source_table", "source_column"
    ).iter_rows():
        found.setdefault(name, {}).setdefault(field, (table, column))
    return found


def _missing(sampled: Sampled, declared: Meanings, charts: Charts | None, told: pl.DataFrame) -> pl.DataFrame:
    """FIELD_COLUMNS without a label: a row each missing record."""
    missing = missing_records(sampled, declared, charts)
    misread = told.filter(pl.col("diagnosis") == "numbering_system").select("exam", _why="detail")
    lines = lines_of_plans(sampled, declared).rename({"key": "parent"})
    spaces = [f"{sampled.raw.practice}:{meaning.key_space}:" for _, meaning in of_lines(declared)]
    of_space = pl.col("key").str.extract("^([^:]*:[^:]*:)").is_in(spaces)
    is_line = of_space & pl.col("lines").is_not_null()
    by_system = pl.col("_why").is_not_null()
    return (
        missing.join(misread.unique("exam"), on="exam", how="left", maintain_order="left", nulls_equal=False)
        .join(lines.select("parent", "lines", "returned"), on="parent", how="left", maintain_order="left")
        .with_columns(
            diagnosis=pl.when(is_line)
            .then(pl.lit("lines_missing"))
            .when(by_system)
            .then(pl.lit("numbering_system"))
            .otherwise(pl.lit("record_missing")),
            detail=pl.when(is_line)
            .then(pl.format("{} of {} lines of the plan", pl.col("returned"), pl.col("lines")))
            .when(by_system)
            .then(pl.col("_why"))
            .otherwise("detail"),
            cls=pl.lit("lost"),
            source=pl.col("source_key"),
            source_column=pl.lit(None, pl.String),
            returned=pl.lit(None, pl.String),
        )
    )


def _fields(sampled: Sampled, told: pl.DataFrame, missing: pl.DataFrame) -> pl.DataFrame:
    labels = pl.DataFrame(
        [
            (schema.name, field.name, field.label)
            for schema in sampled.plan.schemas.values()
            for field in schema.fields
        ],
        schema={"object": pl.String, "field": pl.String, "label": pl.String},
        orient="row",
    )
    columns = [name for name in FIELD_COLUMNS if name != "label"]
    rows = pl.concat([told.filter(_is_told()).select(columns), missing.select(columns)])
    named = rows.join(labels, on=["object", "field"], how="left", maintain_order="left")
    return named.select(*FIELD_COLUMNS)


def _patients(sampled: Sampled, fields: pl.DataFrame) -> pl.DataFrame:
    people = sampled.staged_patients.select(
        "source_id",
        "chart_number",
        pl.concat_str("last_name", "first_name", separator=", ", ignore_nulls=True).alias("name"),
    )
    counts = fields.group_by("patient").agg(
        (pl.col("cls") == name).sum().cast(pl.Int64).alias(name) for name in CLASSES
    )
    return (
        sampled.patients.join(people, on="source_id", how="left", maintain_order="left")
        .join(counts, left_on="source_id", right_on="patient", how="left", maintain_order="left")
        .with_columns(pl.col(CLASSES).fill_null(0))
        .select(*PATIENT_COLUMNS)
    )


def _pairs(sampled: Sampled, declared: Meanings, charts: Charts) -> Iterator[ChartPair]:
    exam = _exam_object(sampled, declared)
    if exam is None:
        return
    name, meaning, _ = exam
    owners = dict(sampled.owners.iter_rows())
    keys = sampled.mapped[name][sampled.key_field(name)]
    schema = sampled.plan.schema_of_object(name)
    teeth: dict[str, list[Mapping[str, object]]] = {}
    companions: dict[str, list[Mapping[str, object]]] = {}
    for other, _, chart in _charted(declared):
        parent = next(
            (each.name for each in sampled.plan.schema_of_object(other).references if name in each.targets),
            None,
        )
        if other == name or parent is None:
            continue
        of_exam = companions if chart.teeth is None else teeth
        for record in sampled.returned[other].iter_rows(named=True):
            of_exam.setdefault(record[parent], []).append(record)
    returned = ReturnedCharts(
        exams={row[schema.key_field]: row for row in sampled.returned[name].iter_rows(named=True)},
        teeth=teeth,
        companions=companions,
        date_field=next((each.name for each in schema.fields if each.type is FieldType.DATE), None),
    )
    exams = {key: owners[key] for key in keys if key in owners}
    yield from chart_pairs(charts, exams, returned, f"{sampled.raw.practice}:{meaning.key_space}:")
