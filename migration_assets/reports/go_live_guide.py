"""The go-live guide for a practice's people: ``go_live_guide.html`` and ``go_live_guide.pdf``.

Made from the plan's mapping, its chart layout and the field inventory: where each kind of record is found,
what PANDA's words became, how a chart is read. Sentences that are one destination's own stand in
``destinations/``. It holds names of fields and no record's value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, Identity
from migration_assets.mapping.apply import source_table
from migration_assets.mapping.inventory import inventory
from migration_assets.mapping.spec import PRACTICE_TABLE, ObjectSpec, SourceSpec
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.plan import Plan
from migration_assets.objects.registry import MAPPED_OBJECTS, STAGED_OBJECTS
from migration_assets.reports.chart_guide import ChartGuide, chart_guide
from migration_assets.reports.files import write_private
from migration_assets.reports.page import render, render_pdf
from migration_assets.reports.wording import DestinationWords, wording

HTML_NAME, PDF_NAME = "go_live_guide.html", "go_live_guide.pdf"
PATIENTS, PLANS, LINES = "patients", "treatment_plans", "treatment_plan_lines"


@dataclass(frozen=True, slots=True)
class Place:
    """Where records of an object are found; ``tables`` are PANDA's that they come from."""

    object: str
    label: str
    tables: tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Beside:
    """A table of PANDA's whose rows are fields of another record."""

    table: str
    object: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """The words that one field offers; ``pairs`` are PANDA's own where the mapping translates them."""

    object: str
    label: str
    values: tuple[str, ...]
    pairs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FieldOf:
    """A column of PANDA's and the field that it fills."""

    column: str
    object: str
    label: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Treatment plans: the status field with its values, and under ``heading`` where each is ``shown``."""

    sentences: tuple[str, ...]
    status: str
    values: tuple[str, ...]
    heading: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class Guide:
    """Everything that the page says; ``fields`` by table of PANDA's."""

    practice_name: str
    product: str
    places: tuple[Place, ...]
    beside: tuple[Beside, ...]
    pipeline: Pipeline | None
    chart: ChartGuide | None
    words: tuple[Words, ...]
    fields: Mapping[str, tuple[FieldOf, ...]]
    differences: tuple[str, ...]


def make_guide(plan: Plan, target: Target, practice_name: str) -> Guide:
    words = wording(target.destination).destination
    rows = inventory(plan.mapping, plan.layout, {each.name: each.source_columns for each in MAPPED_OBJECTS})
    charted = {spec.chart.declaration.staged for spec in plan.specs if spec.chart is not None}
    links = [schema.name for schema in plan.schemas.values() if schema.identity is Identity.PARENTS]
    rows = rows.filter(~pl.col("staged_table").is_in(list(charted)) & ~pl.col("object").is_in(links))
    return Guide(
        practice_name=practice_name,
        product=words.product,
        places=tuple(_places(plan, words)),
        beside=tuple(_beside(plan)),
        pipeline=_pipeline(plan, words),
        chart=chart_guide(plan, words),
        words=tuple(_words(rows)),
        fields=_fields(rows),
        differences=words.differences,
    )


def write_guide(guide: Guide, head: Head, directory: Path) -> tuple[Path, Path]:
    """Both files, the page first, each readable by its owner only and whole or not at all."""
    title = f"Working in {guide.product}: a guide for {guide.practice_name}"
    html = render("go_live_guide.html.j2", title=title, head=head, guide=guide)
    return (
        write_private(directory / HTML_NAME, html.encode()),
        write_private(directory / PDF_NAME, render_pdf(html)),
    )


def _places(plan: Plan, words: DestinationWords) -> Iterator[Place]:
    labels = {schema.name: schema.label for schema in plan.schemas.values()}
    person = _record_of(plan, PATIENTS)
    for spec in plan.specs:
        schema = plan.schemas[spec.asset]
        if schema.identity is Identity.PARENTS:
            continue
        tables = tuple(dict.fromkeys(_shown_table(source.staged) for source in spec.sources))
        sentence = words.places.get(spec.name) or _way_to(spec, person, labels, words)
        yield Place(spec.name, schema.plural_label, tables, sentence)


def _shown_table(staged: str) -> str:
    """PANDA's table as a reader knows it; of people and offices found in free text, where they were found."""
    derived = {each.name: each.source_table for each in STAGED_OBJECTS if each.derived}
    if staged in derived:
        return f"{derived[staged]} ({staged.replace('_', ' ')})"
    return "the practice itself" if staged == PRACTICE_TABLE else source_table(staged)


def _record_of(plan: Plan, staged: str) -> ObjectSpec | None:
    found = (spec for spec in plan.specs if any(source.staged == staged for source in spec.sources))
    return next(found, None)


def _way_to(
    spec: ObjectSpec, person: ObjectSpec | None, labels: Mapping[str, str], words: DestinationWords
) -> str:
    """On the person where a reference names one, else on the record above."""
    schema = spec.schema
    required = [each for each in schema.references if each.required] or list(schema.references)
    for each in required:
        shown = (each.child_relationship or schema.plural_label).replace("_", " ")
        if person is not None and each.reference_to == person.name:
            return words.on_person.format(list=shown, plural=schema.plural_label)
        if each.reference_to is not None and each.reference_to in labels:
            return words.on_parent.format(parent=labels[each.reference_to], list=shown)
    return words.on_its_own.format(plural=schema.plural_label)


def _beside(plan: Plan) -> Iterator[Beside]:
    """By table, the labels of the fields that its rows become, or of the text in which they are lines."""
    for spec in plan.specs:
        labels: dict[str, dict[str, None]] = {}
        for source, merged in ((of, each) for of in spec.sources for each in of.merged):
            names = merged.field_names or _texts_with(source, merged.staged)
            own = labels.setdefault(_shown_table(merged.staged), {})
            own.update(dict.fromkeys(spec.schema.field(name).label for name in names))
        for table, found in labels.items():
            yield Beside(table, spec.schema.label, tuple(found))


def _texts_with(source: SourceSpec, staged: str) -> list[str]:
    """Fields whose text has lines of that table's rows."""
    texts = ((name, rule.text) for name, rule in source.rules.items() if rule.text is not None)
    return [name for name, text in texts if any(part.rows == staged for part in text.parts)]


def _filled_by(spec: ObjectSpec, staged: str, column: str) -> FieldSchema | None:
    rules = (source.rules for source in spec.sources if source.staged == staged)
    names = (name for own in rules for name, rule in own.items() if rule.column == column)
    return next((spec.schema.field(name) for name in names), None)


def _pipeline(plan: Plan, words: DestinationWords) -> Pipeline | None:
    plans, lines = _record_of(plan, PLANS), _record_of(plan, LINES)
    status = None if plans is None else _filled_by(plans, PLANS, "status")
    if plans is None or status is None:
        return None
    cost = _filled_by(plans, PLANS, "estimated_cost")
    order = None if lines is None else _filled_by(lines, LINES, "sequence")
    named = {
        "plural": plans.schema.plural_label,
        "status": status.label,
        "cost": "cost" if cost is None else cost.label,
        "order": "in their order" if order is None else order.label,
    }
    return Pipeline(
        sentences=tuple(each.format(**named) for each in words.pipeline),
        status=status.label,
        values=status.values,
        heading=words.pipeline_statuses.heading,
        shown=tuple(words.pipeline_statuses.each.format(value=value, **named) for value in status.values),
    )


def _words(rows: pl.DataFrame) -> Iterator[Words]:
    """Fields with a list of values, or with words that the mapping translates."""
    worded = rows.filter((pl.col("translation").list.len() > 0) | (pl.col("values").list.len() > 0))
    columns = worded.select("object", "label", "values", "translation")
    for name, title, values, pairs in columns.unique(["object", "label"], maintain_order=True).iter_rows():
        yield Words(name, title, tuple(values), tuple(pairs))


def _fields(rows: pl.DataFrame) -> dict[str, tuple[FieldOf, ...]]:
    """Columns of PANDA's that become a value that people read: keys and references are the migration's own
    affair, and what staging makes of several columns keeps its own name, which is none of PANDA's."""
    readable = rows.filter(
        (pl.col("source_column") != pl.col("staged_column"))
        & pl.col("reference_to").is_null()
        & (pl.col("type") != FieldType.USER.value)
        & ~pl.col("transform").str.starts_with("key")
    )
    found: dict[str, list[FieldOf]] = {}
    columns = readable.select("source_table", "source_column", "object", "label").unique(maintain_order=True)
    for table, column, name, title in columns.iter_rows():
        found.setdefault(table, []).append(FieldOf(column, name, title))
    return {table: tuple(fields) for table, fields in found.items()}
