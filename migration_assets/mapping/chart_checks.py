"""A spec's chart: do its measures have their columns, and do the objects that share it fit together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from migration_assets.destinations.base import FieldType
from migration_assets.documents import Document, KeyPath
from migration_assets.errors import SpecError
from migration_assets.mapping import chart_layout
from migration_assets.mapping.declarations import ChartDeclaration, ChartPart, ChartPartDeclaration
from migration_assets.mapping.names import complaint, unknown_name
from migration_assets.mapping.spec import ChartSpec, ObjectSpec
from migration_assets.mapping.staged_columns import StagedColumns, staged_columns


@dataclass(frozen=True, slots=True)
class ChartDraft:
    """What one file says of a chart: its own, or its part of another object's."""

    document: Document
    spec: ObjectSpec
    declaration: ChartDeclaration | None
    part: ChartPartDeclaration | None


def read_chart(document: Document, staged: StagedColumns) -> ChartDeclaration:
    """The ``chart`` part of a spec; raises SpecError naming file and line."""
    chart = document.parse(ChartDeclaration, ("chart",), SpecError)
    columns = staged_columns(document, ("chart", "staged"), chart.staged, staged)
    for position, measure in enumerate(chart.measures):
        at: KeyPath = ("chart", "measures", position)
        if measure not in chart_layout.MEASURES:
            raise unknown_name(document, at, "measure of a chart", measure, chart_layout.MEASURES)
        if chart.measures.index(measure) != position:
            raise complaint(document, at, "stands twice", "keep one of them")
        for column in chart_layout.MEASURES[measure].columns:
            if column not in columns:
                raise unknown_name(document, at, f"column of staged.{chart.staged}", column, columns)
    wanted = (chart.exam_column, "exam_column"), (chart_layout.SLOT_COLUMN, "staged"), ("source_id", "staged")
    for column, key in wanted:
        if column not in columns:
            raise unknown_name(document, ("chart", key), f"column of staged.{chart.staged}", column, columns)
    return chart


def read_part(document: Document) -> ChartPartDeclaration:
    """The ``chart_part`` of a spec; raises SpecError naming file and line."""
    return document.parse(ChartPartDeclaration, ("chart_part",), SpecError)


def join_parts(drafts: Mapping[str, ChartDraft]) -> dict[str, ObjectSpec]:
    """The specs of all objects, by name, each with its part of the chart.

    Raises SpecError where two objects carry a chart, or a part doesn't belong to one.
    """
    charted = [draft for draft in drafts.values() if draft.declaration is not None]
    if len(charted) > 1:
        raise complaint(
            charted[1].document, ("chart",), "another object carries the chart", "keep one of them"
        )
    specs = {name: draft.spec for name, draft in drafts.items()}
    parts = {name: draft for name, draft in sorted(drafts.items()) if draft.part is not None}
    for draft in parts.values():
        _check_part(draft, charted[0] if charted else None)
    if not charted or charted[0].declaration is None:
        return specs
    exam = charted[0]
    teeth = [name for name in parts if _holds(parts[name]) is ChartPart.TEETH]
    if len(teeth) > 1:
        raise complaint(
            parts[teeth[1]].document,
            ("chart_part", "holds"),
            f"{teeth[0]} keeps the teeth already",
            "keep one of them",
        )
    source = exam.spec.sources[0]
    whole = ChartSpec(
        declaration=charted[0].declaration,
        holds=ChartPart.EXAM,
        exams=source.staged,
        exam=exam.spec.name,
        exam_key_space=source.key_space,
        companions=tuple(name for name in parts if _holds(parts[name]) is ChartPart.COMPANION),
        teeth=teeth[0] if teeth else None,
    )
    for name in (exam.spec.name, *parts):
        holds = _holds(parts[name]) if name in parts else ChartPart.EXAM
        specs[name] = replace(specs[name], chart=replace(whole, holds=holds))
    return specs


def _holds(draft: ChartDraft) -> ChartPart:
    return ChartPart.EXAM if draft.part is None else draft.part.holds


def _check_part(draft: ChartDraft, exam: ChartDraft | None) -> None:
    document, part, spec = draft.document, draft.part, draft.spec
    if part is None:
        return
    if draft.declaration is not None:
        raise complaint(document, ("chart_part",), "stands beside 'chart'", "keep one of the two")
    if exam is None or exam.declaration is None or exam.spec.name != part.of:
        raise complaint(
            document, ("chart_part", "of"), "is no object with a chart", "name the object of the exams"
        )
    masters = [each.reference_to for each in spec.schema.fields if each.type is FieldType.MASTER_DETAIL]
    if masters != [part.of]:
        raise complaint(
            document,
            ("fields",),
            f"a part of the chart hangs on {part.of}",
            "declare one master_detail field that refers to it",
        )
    teeth = part.holds is ChartPart.TEETH
    table = exam.declaration.staged if teeth else exam.spec.sources[0].staged
    if [source.staged for source in spec.sources] != [table]:
        raise complaint(
            document,
            ("sources",),
            f"{part.holds} records are made from staged.{table}",
            "give exactly one source, that table",
        )
