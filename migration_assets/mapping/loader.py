"""Reads a destination's specs into a MappingSet, or says which line of which file can't be used.

One file an object under ``<destination>/``; the file's name is the asset's. Every name that a spec uses
is looked up here, so that a misspelt one stops at load and not in the middle of an upload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import Field

from migration_assets.destinations.base import FieldSchema, ObjectSchema
from migration_assets.destinations.base import Identity as IdentityKind
from migration_assets.destinations.conventions import Conventions
from migration_assets.destinations.kind import destination_conventions, destination_names
from migration_assets.documents import Document, read_document
from migration_assets.errors import SpecError
from migration_assets.mapping.adoption_rule import read_adoption
from migration_assets.mapping.chart_checks import ChartDraft, join_parts, read_chart, read_part
from migration_assets.mapping.composition_checks import read_distinct
from migration_assets.mapping.declarations import Identity
from migration_assets.mapping.field_checks import (
    Catalogue,
    DeclaredFields,
    read_catalogue,
    read_deleted_flag,
    read_fields,
)
from migration_assets.mapping.names import complaint, unknown_name
from migration_assets.mapping.rule_checks import read_source
from migration_assets.mapping.spec import PRACTICE_TABLE, MappingSet, ObjectSpec
from migration_assets.mapping.staged_columns import StagedColumn, StagedColumns, World
from migration_assets.practice import Settings

if TYPE_CHECKING:
    from pandera.polars import DataFrameModel

SPECS = Path(__file__).parent

_ANY_CUSTOM_OBJECT = "CustomObject"
_PRACTICE_COLUMNS = dict.fromkeys(("source_id", "name", "time_zone"), StagedColumn(pl.String(), False))


class SpecFile(Settings):
    """The whole of a file, its inner parts still as they were written."""

    object: str
    label: str
    plural_label: str
    custom: bool
    identity: Identity
    content: str | None = None
    fields: dict[str, dict[str, Any]]
    sources: list[dict[str, Any]]
    chart: dict[str, Any] | None = None
    chart_part: dict[str, Any] | None = None
    adopt: dict[str, Any] | None = None
    distinct: list[dict[str, Any]] = Field(default_factory=list)
    deleted_flag: str | None = None


@dataclass(frozen=True, slots=True)
class _Draft:
    """A file whose own fields are in order, before it is held against the other files."""

    document: Document
    header: SpecFile
    fields: DeclaredFields
    deleted_flag: FieldSchema | None


def load_specs(
    destination: str, staged_models: Mapping[str, type[DataFrameModel]], directory: Path = SPECS
) -> MappingSet:
    """The specs under ``directory/<destination>``, parents first, then by name.

    ``staged_models``: staged table -> its Pandera model; the pseudo-table ``practice`` is added here.
    Raises SpecError naming file, line, key and the nearest right name.
    """
    if destination not in destination_names():
        known = ", ".join(destination_names())
        raise SpecError(f"destination '{destination}' has no mapping; known: {known}")
    conventions = destination_conventions(destination)
    catalogue = read_catalogue(read_document(directory / f"{destination}_standard_fields.yaml", SpecError))
    paths = sorted((directory / destination).glob("*.yaml"))
    if not paths:
        raise SpecError(f"mapping/{destination} holds no specs; write one file <object>.yaml for each object")
    drafts = _by_object([_draft(path, catalogue, conventions) for path in paths])
    world = World(
        _staged_columns(staged_models), {name: _key_spaces(draft) for name, draft in drafts.items()}
    )
    specs = join_parts({name: _finish(draft, world) for name, draft in drafts.items()})
    return MappingSet(destination, tuple(specs[name] for name in _parents_first(specs, drafts)))


def _draft(path: Path, catalogue: Catalogue, conventions: Conventions) -> _Draft:
    document = read_document(path, SpecError)
    header = document.parse(SpecFile, (), SpecError)
    if header.custom and not conventions.custom_object.fullmatch(header.object):
        raise complaint(
            document,
            ("object",),
            "is no API name of a custom object",
            f"it must {conventions.custom_object_rule}",
        )
    if not header.custom and header.object not in catalogue:
        raise unknown_name(
            document, ("object",), "standard object in the catalogue", header.object, catalogue
        )
    for key in ("label", "plural_label"):
        if not 1 <= len(getattr(header, key)) <= conventions.label_length:
            raise complaint(
                document, (key,), f"is 1 to {conventions.label_length} characters long", "mend the label"
            )
    standard = catalogue.get(_ANY_CUSTOM_OBJECT, {}) if header.custom else catalogue[header.object]
    fields = read_fields(document, header.fields, header.identity, standard, conventions)
    flag = read_deleted_flag(document, header.identity, fields, conventions)
    return _Draft(document, header, fields, flag)


def _by_object(drafts: Sequence[_Draft]) -> dict[str, _Draft]:
    by_object: dict[str, _Draft] = {}
    for draft in drafts:
        name = draft.header.object
        if name in by_object:
            other = by_object[name].document.path.name
            raise complaint(draft.document, ("object",), f"stands in {other} too", "keep one file an object")
        by_object[name] = draft
    return by_object


def _key_spaces(draft: _Draft) -> Mapping[str, str]:
    """Of each key space the staged table that its records are made from; records that only join others have
    none that anything could name."""
    if draft.header.identity.kind is IdentityKind.PARENTS:
        return {}
    return {str(source.get("key_space")): str(source.get("staged")) for source in draft.header.sources}


def _finish(draft: _Draft, world: World) -> ChartDraft:
    document, header, fields = draft.document, draft.header, draft.fields.schemas
    key_field = header.identity.field
    if not header.sources:
        raise complaint(
            document, ("sources",), "is empty", "name the staged table that the records come from"
        )
    sources = tuple(
        read_source(document, ("sources", position), fields, key_field, world)
        for position in range(len(header.sources))
    )
    by_parents = header.identity.kind is IdentityKind.PARENTS
    if not by_parents and len({source.key_space for source in sources}) < len(sources):
        raise complaint(
            document, ("sources",), "two sources share a key space", "give each its own, or keys will collide"
        )
    merged = (part.field_names for source in sources for part in source.merged)
    rules = (name for source in sources for name, _ in source.possible_rules)
    distinct = read_distinct(document, fields, key_field)
    mapped = {key_field}.union(rules, *merged, (each.to for each in distinct if each.to is not None))
    for name in fields:
        if name not in mapped:
            raise complaint(
                document, ("fields", name), "is declared and never mapped", "map it or take it out"
            )
    chart = None if header.chart is None else read_chart(document, world.staged)
    if chart is not None and len(sources) != 1:
        raise complaint(document, ("chart",), "needs exactly one source, the exams", "split the object")
    schema = ObjectSchema(
        header.object,
        header.label,
        header.plural_label,
        header.custom,
        key_field,
        tuple(fields.values()),
        header.identity.kind,
        header.content,
        header.identity.joins,
        header.identity.key_space,
        header.identity.marker,
    )
    adopt = None if header.adopt is None else read_adoption(document, fields, key_field)
    spec = ObjectSpec(
        document.path.stem,
        schema,
        sources,
        mission_names=draft.fields.mission_names,
        adopt=adopt,
        distinct=distinct,
        deleted_flag=draft.deleted_flag,
    )
    return ChartDraft(document, spec, chart, None if header.chart_part is None else read_part(document))


def _parents_first(specs: Mapping[str, ObjectSpec], drafts: Mapping[str, _Draft]) -> list[str]:
    """Objects in the order of loading; those that could go at the same time by name."""
    sorter = TopologicalSorter({name: specs[name].parents for name in specs})
    try:
        sorter.prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        raise complaint(
            drafts[circle[0]].document,
            ("sources",),
            f"objects refer to each other in a circle: {' -> '.join(reversed(circle))}",
            "drop one of the references",
        ) from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _staged_columns(models: Mapping[str, type[DataFrameModel]]) -> StagedColumns:
    tables = {
        table: {
            name: StagedColumn(_dtype(column), bool(column.nullable))
            for name, column in model.to_schema().columns.items()
        }
        for table, model in models.items()
    }
    return {PRACTICE_TABLE: _PRACTICE_COLUMNS, **tables}


def _dtype(column: Any) -> pl.DataType:
    """pandera wraps the polars type and types neither of the two."""
    dtype: pl.DataType | type[pl.DataType] = column.dtype.type
    return dtype() if isinstance(dtype, type) else dtype
