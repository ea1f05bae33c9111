"""The field inventory: every field that the migration fills, where its value comes from, how and why there.

One row a field and source, as a frame; how people get to see it is the reports' affair, and what an org
has beside it is the destination's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from migration_assets.destinations.base import FieldSchema
from migration_assets.mapping.apply import source_table
from migration_assets.mapping.chart_layout import ChartLayout
from migration_assets.mapping.declarations import ChartPart, Rule
from migration_assets.mapping.spec import MappingSet, ObjectSpec, SourceSpec

INVENTORY_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "field": pl.String(),
    "api_name": pl.String(),
    "label": pl.String(),
    "type": pl.String(),
    "length": pl.Int32(),
    "precision": pl.Int32(),
    "scale": pl.Int32(),
    "required": pl.Boolean(),
    "custom": pl.Boolean(),
    "values": pl.List(pl.String()),
    "reference_to": pl.String(),
    "source_table": pl.String(),
    "source_column": pl.String(),
    "staged_table": pl.String(),
    "staged_column": pl.String(),
    "transform": pl.String(),
    "translation": pl.List(pl.String()),
    "default": pl.String(),
    "constant": pl.String(),
    "mission_name": pl.String(),
    "why": pl.String(),
    "help_text": pl.String(),
}
"""``api_name`` is ``Object.Field``. ``length`` in characters, ``precision`` and ``scale`` in digits;
``values`` are a picklist's. ``source_table`` and ``source_column`` are the source's logical names,
``staged_column`` the column that was mapped; both columns are null where no column is. ``translation`` lists
``word -> value``, ``default`` fills nulls, ``constant`` is the same for every record (``true``, ``false``, a
number or text). ``mission_name`` is the field's name in the mission's own list, where it has one; ``why``
says in a sentence why the field sits where it sits."""

SourceColumns = Mapping[str, Mapping[str, str]]
"""Staged table -> staged column -> logical source column."""


def inventory(mapping: MappingSet, layout: ChartLayout | None, source_columns: SourceColumns) -> pl.DataFrame:
    """INVENTORY_COLUMNS of all objects in loading order, fields in the payload's order.

    ``layout`` adds the chart's fields to the objects that share it, and leaves out companions without any.
    ``source_columns`` are the objects' own lists; a column that they don't know (those of the practice
    itself) keeps its staged name.
    """
    rows = [
        row for spec in mapping if spec.is_used(layout) for row in (*_declared(spec), *_charted(spec, layout))
    ]
    for row in rows:
        column = row["staged_column"]
        row["source_column"] = source_columns.get(row["staged_table"], {}).get(column, column)
    return pl.DataFrame(rows, schema=INVENTORY_COLUMNS)


@dataclass(frozen=True, slots=True)
class _Filling:
    """One source of one field; ``merged`` where rows of another table become fields of a source's records."""

    staged: str
    column: str | None
    transform: str
    rule: Rule | None = None
    merged: bool = False
    words: Mapping[str, str] = field(default_factory=dict)


def _declared(spec: ObjectSpec) -> Iterator[dict[str, Any]]:
    for each in spec.schema.stored_fields:
        fillings = [filling for source in spec.sources for filling in _fillings(spec, source, each.name)]
        why = _why_declared(spec, each, fillings)
        for filling in fillings:
            yield _row(spec, each, filling, spec.mission_names.get(each.name), why)


def _fillings(spec: ObjectSpec, source: SourceSpec, name: str) -> Iterator[_Filling]:
    if name == spec.schema.key_field:
        yield _Filling(source.staged, "source_id", f"key {source.key_space}")
    elif (rule := source.rules.get(name)) is not None:
        yield from _of_rule(source.staged, rule)
    for shared in spec.distinct:
        if shared.to == name and (moved := source.rules.get(shared.field)) is not None:
            transform = f"moved from {shared.field} where another record has the same"
            yield _Filling(source.staged, moved.column, transform)
    for merged in source.merged:
        where = "".join(f", {column} {_text(value)}" for column, value in merged.where.items())
        if (rule := merged.rules.get(name)) is not None:
            computed = _computed(merged.staged, rule.column)
            yield _Filling(
                merged.staged, rule.column, (computed or rule.transform) + where, rule, merged=True
            )
        elif name in merged.lines:
            transform = f"a line a row, by {merged.order_by}{where}"
            yield _Filling(merged.staged, merged.lines[name], transform, merged=True)
        elif (total := merged.totals.get(name)) is not None:
            yield _Filling(merged.staged, total.column, f"{total.how} of all rows{where}", merged=True)


def _of_rule(staged: str, rule: Rule) -> Iterator[_Filling]:
    if rule.text is not None:
        for part in rule.text.parts:
            place = "in a text" if part.label is None else f"in a text, as {part.label}"
            found = f", found by {part.by}" if part.by is not None else ""
            for column in part.all_columns:
                yield _Filling(part.of or part.rows or staged, column, place + found, rule)
    elif rule.choose is not None:
        for words in rule.choose:
            yield _Filling(staged, words.column, "the first known word", rule, words=words.values)
    else:
        others = "".join(f" or {key.column or key.key_space}" for key in rule.keys_in[1:])
        found = f", found by {rule.by}" if rule.by is not None else ""
        computed = _computed(rule.of or staged, rule.column) if rule.transform == "copy" else None
        told = (computed or rule.transform) + others + found
        yield _Filling(rule.of or staged, rule.column or rule.user_of, told, rule)


def _computed(staged: str, column: str | None) -> str | None:
    """What a computed column is, and of which rows; None for any other."""
    # The registry brings Pandera with it, which a process that only reads specs doesn't need.
    from migration_assets.objects.registry import MAPPED_OBJECTS

    computed = next((each.computed for each in MAPPED_OBJECTS if each.name == staged), {})
    return None if column not in computed else f"computed: {computed[str(column)]}"


def why_of_field(spec: ObjectSpec, name: str) -> str:
    """Why a field that the spec declares sits where it sits; raises KeyError for any other."""
    declared = spec.schema.field(name)
    fillings = [filling for source in spec.sources for filling in _fillings(spec, source, name)]
    return _why_declared(spec, declared, fillings)


def _why_declared(spec: ObjectSpec, field: FieldSchema, fillings: Sequence[_Filling]) -> str:
    mission_name = spec.mission_names.get(field.name)
    if field.name == spec.schema.key_field:
        reason = "identity: by it the record is found again and never made twice"
    elif field.type.is_reference:
        reason = f"reference to {' or '.join(field.targets)}"
    elif not field.custom:
        reason = f"standard field of {spec.name}"
    elif mission_name is not None:
        reason = "in the migration's list of fields"
    else:
        reason = "kept for reference: the migration's list of fields has none for it"
    if mission_name is not None and mission_name != field.name:
        reason += f", as {mission_name}"
    beside = list(dict.fromkeys(source_table(each.staged) for each in fillings if each.merged))
    if beside:
        reason += f"; merged: {' and '.join(beside)} has no object of its own here"
    tables = list(dict.fromkeys(source_table(each.staged) for each in fillings if not each.merged))
    if len(tables) > 1:
        reason += f"; merged: {' and '.join(tables)} fill it"
    return reason


def _charted(spec: ObjectSpec, layout: ChartLayout | None) -> Iterator[dict[str, Any]]:
    if spec.chart is None or layout is None:
        return
    schema = spec.schema_with(layout)
    why = why_charted(spec, layout)
    for column in spec.chart_columns(layout):
        transform = "copy" if column.slot is None else f"tooth {column.slot}"
        filling = _Filling(spec.chart.declaration.staged, column.column, transform)
        # The mission names chart fields by this very pattern: PocketDepth_MB_UR6__c, Recession_DB__c.
        yield _row(spec, schema.field(column.field), filling, column.field, why)


def why_charted(spec: ObjectSpec, layout: ChartLayout) -> str:
    """Why an object holds the chart fields that it holds: the room that the org had, in measures."""
    if spec.chart is None:
        raise ValueError(f"{spec.name} holds no part of a chart")
    all_measures = spec.chart.declaration.measures
    if spec.chart.holds is ChartPart.TEETH and layout.kind == "per_tooth":
        return "one record a tooth: the practice keeps its charts so, by chart_layout"
    if spec.chart.holds is ChartPart.TEETH:
        beyond = f", and {', '.join(layout.unplaced)}, which had no room" if layout.unplaced else ""
        return f"one record a tooth: primary and supernumerary teeth, values without a wide field{beyond}"
    held = f"{len(layout.measures_on(spec.name))} of {len(all_measures)} measures"
    if spec.chart.holds is ChartPart.EXAM:
        return f"chart: {spec.name} had room for {held}"
    before = spec.chart.wide_objects[: spec.chart.wide_objects.index(spec.name)]
    rooms = " and ".join(
        f"{name} had room for {len(layout.measures_on(name))} of {len(all_measures)} measures"
        for name in before
    )
    return f"companion: {rooms}; {spec.name} holds {held}"


def _row(
    spec: ObjectSpec, field: FieldSchema, filling: _Filling, mission_name: str | None, why: str
) -> dict[str, Any]:
    rule = filling.rule
    words = filling.words or (rule.values or {} if rule else {})
    return {
        "object": spec.name,
        "field": field.name,
        "api_name": f"{spec.name}.{field.name}",
        "label": field.label,
        "type": field.type.value,
        "length": field.length,
        "precision": field.precision,
        "scale": field.scale,
        "required": field.required,
        "custom": field.custom,
        "values": list(field.values),
        "reference_to": field.reference_to,
        "source_table": source_table(filling.staged),
        "staged_table": filling.staged,
        "staged_column": filling.column,
        "transform": filling.transform,
        "translation": [f"{word} -> {value}" for word, value in words.items()],
        "default": _text(rule.default) if rule else None,
        "constant": _text(rule.constant) if rule else None,
        "mission_name": mission_name,
        "why": why,
        "help_text": field.help_text,
    }


def _text(constant: bool | int | str | None) -> str | None:
    if isinstance(constant, bool):
        return str(constant).lower()
    return None if constant is None else str(constant)
