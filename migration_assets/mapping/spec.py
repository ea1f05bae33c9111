"""A mapping spec: what one YAML file under ``<destination>/`` says, and the objects it becomes.

The declarations mirror the file key by key; ``ObjectSpec`` and ``MappingSet`` are what the engine works
with. Reading files, and everything that looks beyond one key (do columns exist, do types agree, are
parents there), stands in ``loader``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from migration_assets.destinations.base import FieldType, ObjectSchema
from migration_assets.mapping.chart_layout import (
    ChartColumn,
    ChartLayout,
    fields,
    tooth_columns,
    tooth_fields,
    wide_columns,
)
from migration_assets.practice import Settings

KeySpace = Literal[
    "practice",
    "patient",
    "provider",
    "referrer",
    "exam",
    "exam_chart2",
    "exam_chart3",
    "exam_tooth",
    "exam_finding",
    "plan",
    "plan_line",
    "referral",
    "appointment",
    "note",
]
Constant = bool | int | str

PRACTICE_TABLE = "practice"
"""The pseudo-table with one row, the practice itself: ``source_id`` and ``name``, both text."""


class Identity(Settings):
    """How a record is found again; design.md lists the kinds to come, each with its own way to settle."""

    kind: Literal["external_id"]
    field: str


class StandardField(Settings):
    """``{standard: true}``: the rest stands in the destination's catalogue of standard fields."""

    standard: Literal[True]
    required: bool | None = None
    mission_name: str | None = None


class FieldDeclaration(Settings):
    """A field as ``FieldSchema`` describes it; also the form of the catalogue's entries.

    ``mission_name`` is the name that the mission's own list gives the field.
    """

    type: FieldType
    label: Annotated[str, Field(min_length=1)]
    length: Annotated[int, Field(ge=1)] | None = None
    precision: Annotated[int, Field(ge=1)] | None = None
    scale: Annotated[int, Field(ge=0)] | None = None
    required: bool = False
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = True
    reference_to: str | None = None
    relationship: str | None = None
    child_relationship: str | None = None
    help_text: str | None = None
    mission_name: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> FieldDeclaration:
        numeric = self.type in (FieldType.NUMBER, FieldType.CURRENCY, FieldType.PERCENT)
        picklist = self.type in (FieldType.PICKLIST, FieldType.MULTI_PICKLIST)
        self._only_with(numeric, "a number", precision=self.precision, scale=self.scale)
        self._only_with(picklist, "a picklist", values=self.values or None)
        self._only_with(self.type.is_reference, "a reference", reference_to=self.reference_to)
        if self.type in (FieldType.TEXT, FieldType.LONG_TEXT) and self.length is None:
            raise ValueError("a text needs 'length'")
        if numeric and (self.scale or 0) > (self.precision or 0):
            raise ValueError("'scale' is larger than 'precision', which counts all digits")
        if len(set(self.values)) != len(self.values):
            raise ValueError("'values' holds a value twice")
        if self.type is FieldType.CHECKBOX and self.required:
            raise ValueError("a checkbox always has a value; leave out 'required'")
        if self.external_id and self.type not in (FieldType.TEXT, FieldType.NUMBER, FieldType.EMAIL):
            raise ValueError("an external id is a text, a number or an email")
        return self

    def _only_with(self, is_one: bool, what: str, **settings: object) -> None:
        for name, value in settings.items():
            if is_one and value is None:
                raise ValueError(f"{what} needs '{name}'")
            if not is_one and value is not None:
                raise ValueError(f"'{name}' belongs to {what} only")


class KeyIn(Settings):
    """Another key space of the same parent: ``column`` holds the source id there."""

    key_space: KeySpace
    column: str


class Rule(Settings):
    """Where one field's value comes from; a bare column name is short for ``{column: name}``.

    ``{column, values, default}`` copies a staged column, translating words of a picklist and filling
    nulls; ``{parent, key_space, column}`` is the parent's key, ``column`` its source id (left out for the
    practice itself) and ``or`` where it stands if that column is null; ``{constant}`` is the same for every
    record.

    A record waits for its parent, unless ``if_absent: leave_empty`` says that it goes without: the reference
    is then null wherever the parent isn't staged or didn't get into the destination, and that is listed.
    """

    column: str | None = None
    values: dict[str, str] | None = None
    default: Constant | None = None
    parent: str | None = None
    key_space: KeySpace | None = None
    or_in: Annotated[KeyIn | None, Field(alias="or")] = None
    if_absent: Literal["leave_empty"] | None = None
    constant: Constant | None = None

    @model_validator(mode="after")
    def _one_transform(self) -> Rule:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if given == {"constant"}:
            return self
        if "parent" in given:
            if "key_space" not in given or not given <= {
                "parent",
                "key_space",
                "column",
                "or_in",
                "if_absent",
            }:
                raise ValueError("a parent's key is {parent, key_space, column, or, if_absent}")
            if "or_in" in given and "column" not in given:
                raise ValueError("'or' stands beside a 'column' that may be null")
            if "column" not in given and self.key_space != "practice":
                raise ValueError("'column' is missing: the staged column that holds the parent's source id")
        elif "column" not in given or not given <= {"column", "values", "default"}:
            raise ValueError("a rule is {column, values, default}, {parent, key_space, column} or {constant}")
        return self

    @property
    def keys_in(self) -> tuple[KeyIn, ...]:
        """Where the parent's source id may stand, the first that isn't null counts; none for the practice."""
        if self.key_space is None or self.column is None:
            return ()
        first = KeyIn(key_space=self.key_space, column=self.column)
        return (first,) if self.or_in is None else (first, self.or_in)

    @property
    def transform(self) -> str:
        """How the value is made, in the words of the field inventory."""
        if self.constant is not None:
            return "constant"
        if self.parent is not None:
            return f"key of {self.parent}"
        parts = ["values" if self.values else "copy"]
        return " + ".join(parts + (["default"] if self.default is not None else []))


class MergedDeclaration(Settings):
    """Rows of another staged table that become fields of a source's records.

    ``by`` is its column that holds the record's source id, ``where`` the values that a row's columns must
    have. ``map`` copies columns of the one row that a record then has; ``lines`` puts a column of all its
    rows, ordered by ``order_by``, on lines of one text.
    """

    staged: str
    by: str
    role: Annotated[str, Field(min_length=1)]
    where: dict[str, Constant] = Field(default_factory=dict)
    map: dict[str, Any] = Field(default_factory=dict)
    lines: dict[str, str] = Field(default_factory=dict)
    order_by: str | None = None

    @model_validator(mode="after")
    def _either(self) -> MergedDeclaration:
        if bool(self.map) is bool(self.lines):
            raise ValueError("merged rows are mapped by 'map', one row a record, or by 'lines', all of them")
        if bool(self.order_by) is not bool(self.lines):
            raise ValueError("'lines' need 'order_by', the column in whose order they stand")
        return self


class SourceDeclaration(Settings):
    """A staged table whose rows become records of the object, one each."""

    staged: str
    key_space: KeySpace
    role: Literal["record", "companion"]
    map: dict[str, Any]
    merged: list[dict[str, Any]] = Field(default_factory=list)


class ChartDeclaration(Settings):
    """The staged table whose rows, many an exam, are gathered into the object's wide fields."""

    staged: str
    exam_column: str
    measures: Annotated[tuple[str, ...], Field(min_length=1)]


class ChartPart(StrEnum):
    """What of a chart an object's records hold.

    EXAM: the exam with the measures that have room there; COMPANION: one an exam, wide fields of measures
    that had no room before it; TEETH: one a tooth that holds what no wide field takes.
    """

    EXAM = "exam"
    COMPANION = "companion"
    TEETH = "teeth"


class ChartPartDeclaration(Settings):
    """``{of, holds}``: the object takes a part of the chart that the object ``of`` carries."""

    of: str
    holds: Literal[ChartPart.COMPANION, ChartPart.TEETH]


@dataclass(frozen=True, slots=True)
class MergedSpec:
    """Checked merged rows; ``rules`` and ``lines`` by field name. One of the two is empty."""

    staged: str
    by: str
    role: str
    where: Mapping[str, Constant]
    rules: Mapping[str, Rule]
    lines: Mapping[str, str]
    order_by: str | None

    @property
    def field_names(self) -> tuple[str, ...]:
        return (*self.rules, *self.lines)

    def described(self) -> dict[str, Any]:
        """Plain values of everything that it says; part of the mapping's hash."""
        rules = {name: rule.model_dump() for name, rule in self.rules.items()}
        return {
            "staged": self.staged,
            "by": self.by,
            "role": self.role,
            "where": dict(self.where),
            "rules": rules,
            "lines": dict(self.lines),
            "order_by": self.order_by,
        }


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A checked source: ``rules`` by field name, in the order of the object's fields.

    ``optional_parents``: field whose parent may be absent -> staged tables that would hold the parent, one
    for each of the rule's ``keys_in``. ``merged`` fill fields that no rule does.
    """

    staged: str
    key_space: KeySpace
    role: str
    rules: Mapping[str, Rule]
    optional_parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    merged: tuple[MergedSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """A chart as one of its objects sees it: what this one ``holds``, and where the rest goes.

    ``exams`` is the staged table of exams and ``exam`` the object that their records become, with keys in
    ``exam_key_space``. ``companions`` are in the order in which measures are placed, ``teeth`` is None
    where the mapping keeps no records of single teeth.
    """

    declaration: ChartDeclaration
    holds: ChartPart
    exams: str
    exam: str
    exam_key_space: str
    companions: tuple[str, ...] = ()
    teeth: str | None = None

    @property
    def wide_objects(self) -> tuple[str, ...]:
        """Objects that may have wide fields, in the order in which they are given room."""
        return (self.exam, *self.companions)

    @property
    def objects(self) -> tuple[str, ...]:
        """All objects whose records are made from chart rows."""
        return self.wide_objects if self.teeth is None else (*self.wide_objects, self.teeth)

    def described(self) -> dict[str, Any]:
        """Plain values of everything that it says; part of the mapping's hash."""
        return {**asdict(self), "declaration": self.declaration.model_dump()}


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """One destination object, checked; ``asset`` is its snake_case name in Dagster.

    ``schema`` holds the declared fields, the key first; a chart's fields come from the resolved layout
    (``schema_with``).
    """

    asset: str
    schema: ObjectSchema
    sources: tuple[SourceSpec, ...]
    chart: ChartSpec | None = None
    mission_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.schema.name

    @property
    def parents(self) -> frozenset[str]:
        """Other objects whose keys this one's records hold; its own records are ordered by ``load``."""
        rules = (rule for source in self.sources for rule in source.rules.values())
        return frozenset(rule.parent for rule in rules if rule.parent is not None) - {self.name}

    @property
    def optional_references(self) -> frozenset[str]:
        """Fields whose parent may be absent, whichever source fills them."""
        optional = {name for source in self.sources for name in source.optional_parents}
        required = {
            name for source in self.sources for name in source.rules if name not in source.optional_parents
        }
        return frozenset(optional - required)

    @property
    def staged_tables(self) -> tuple[str, ...]:
        """Staged tables that ``apply`` needs, the practice's pseudo-table among them where it is used."""
        tables = dict.fromkeys(source.staged for source in self.sources)
        if any(rule.key_space == "practice" for source in self.sources for rule in source.rules.values()):
            tables[PRACTICE_TABLE] = None
        for source in self.sources:
            for parents in source.optional_parents.values():
                tables.update(dict.fromkeys(parents))
            tables.update(dict.fromkeys(merged.staged for merged in source.merged))
        if self.chart is not None:
            tables[self.chart.declaration.staged] = None
            tables[self.chart.exams] = None
        return tuple(tables)

    def schema_with(self, chart: ChartLayout | None) -> ObjectSchema:
        """The schema as it is deployed and loaded: the declared fields, then the chart's."""
        if self.chart is None or chart is None:
            return self.schema
        declared = self.schema
        if self.chart.holds is ChartPart.TEETH:
            charted = tooth_fields(self.chart.declaration.measures)
        else:
            charted = fields(chart.measures_on(self.name))
        return ObjectSchema(
            declared.name,
            declared.label,
            declared.plural_label,
            declared.custom,
            declared.key_field,
            declared.fields + charted,
        )

    def chart_columns(self, chart: ChartLayout) -> tuple[ChartColumn, ...]:
        """Where the chart's fields of ``schema_with`` are filled from, in their order."""
        if self.chart is None:
            return ()
        if self.chart.holds is ChartPart.TEETH:
            return tooth_columns(self.chart.declaration.measures)
        return wide_columns(chart.measures_on(self.name))

    def is_used(self, chart: ChartLayout | None) -> bool:
        """Whether a plan with this layout has records of the object; a companion needs a measure for any."""
        if self.chart is None or chart is None or self.chart.holds is not ChartPart.COMPANION:
            return True
        return bool(chart.measures_on(self.name))


@dataclass(frozen=True, slots=True)
class MappingSet:
    """All objects of a destination, parents before their children."""

    destination: str
    objects: tuple[ObjectSpec, ...]

    def __iter__(self) -> Iterator[ObjectSpec]:
        return iter(self.objects)

    def merging(self, staged: str) -> tuple[str, ...]:
        """Objects that take rows of the staged table as fields of their records."""
        return tuple(
            spec.name
            for spec in self.objects
            if any(merged.staged == staged for source in spec.sources for merged in source.merged)
        )

    def of_asset(self, asset: str) -> ObjectSpec:
        return next(spec for spec in self.objects if spec.asset == asset)

    def of_object(self, name: str) -> ObjectSpec:
        return next(spec for spec in self.objects if spec.name == name)

    @property
    def charted(self) -> ObjectSpec | None:
        """The object of the exams that carry a chart, at most one a destination."""
        charts = ((spec, spec.chart) for spec in self.objects)
        return next((spec for spec, chart in charts if chart and chart.holds is ChartPart.EXAM), None)

    def content_hash(self) -> str:
        """SHA-256 of what the specs say: comments and the order of keys don't count."""
        described = [
            {
                "asset": spec.asset,
                "schema": asdict(spec.schema),
                "sources": [
                    {
                        "staged": source.staged,
                        "key_space": source.key_space,
                        "role": source.role,
                        "rules": {name: rule.model_dump() for name, rule in source.rules.items()},
                        "merged": [merged.described() for merged in source.merged],
                    }
                    for source in spec.sources
                ],
                "chart": spec.chart.described() if spec.chart else None,
            }
            for spec in self.objects
        ]
        text = json.dumps([self.destination, described], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
