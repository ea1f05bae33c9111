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
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from migration_assets.destinations.base import FieldType, ObjectSchema
from migration_assets.mapping.chart_layout import ChartLayout, fields
from migration_assets.practice import Settings

KeySpace = Literal["practice", "patient", "exam"]
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


class Rule(Settings):
    """Where one field's value comes from; a bare column name is short for ``{column: name}``.

    ``{column, values, default}`` copies a staged column, translating words of a picklist and filling
    nulls; ``{parent, key_space, column}`` is the parent's key, ``column`` its source id (left out for the
    practice itself); ``{constant}`` is the same for every record.
    """

    column: str | None = None
    values: dict[str, str] | None = None
    default: Constant | None = None
    parent: str | None = None
    key_space: KeySpace | None = None
    constant: Constant | None = None

    @model_validator(mode="after")
    def _one_transform(self) -> Rule:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if given == {"constant"}:
            return self
        if "parent" in given:
            if "key_space" not in given or not given <= {"parent", "key_space", "column"}:
                raise ValueError("a parent's key is {parent, key_space, column}")
            if "column" not in given and self.key_space != "practice":
                raise ValueError("'column' is missing: the staged column that holds the parent's source id")
        elif "column" not in given or not given <= {"column", "values", "default"}:
            raise ValueError("a rule is {column, values, default}, {parent, key_space, column} or {constant}")
        return self

    @property
    def transform(self) -> str:
        """How the value is made, in the words of the field inventory."""
        if self.constant is not None:
            return "constant"
        if self.parent is not None:
            return f"key of {self.parent}"
        parts = ["values" if self.values else "copy"]
        return " + ".join(parts + (["default"] if self.default is not None else []))


class SourceDeclaration(Settings):
    """A staged table whose rows become records of the object, one each."""

    staged: str
    key_space: KeySpace
    role: Literal["record"]
    map: dict[str, Any]


class ChartDeclaration(Settings):
    """The staged table whose rows, many an exam, are gathered into the object's wide fields."""

    staged: str
    exam_column: str
    measures: Annotated[tuple[str, ...], Field(min_length=1)]
    layout: Literal["wide"]


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A checked source: ``rules`` by field name, in the order of the object's fields."""

    staged: str
    key_space: KeySpace
    role: str
    rules: Mapping[str, Rule]


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """One destination object, checked; ``asset`` is its snake_case name in Dagster.

    ``schema`` holds the declared fields, the key first; a chart's wide fields come from the resolved
    layout (``schema_with``).
    """

    asset: str
    schema: ObjectSchema
    sources: tuple[SourceSpec, ...]
    chart: ChartDeclaration | None = None
    mission_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.schema.name

    @property
    def parents(self) -> frozenset[str]:
        """Objects whose keys this one's records hold."""
        rules = (rule for source in self.sources for rule in source.rules.values())
        return frozenset(rule.parent for rule in rules if rule.parent is not None)

    @property
    def staged_tables(self) -> tuple[str, ...]:
        """Staged tables that ``apply`` needs, the practice's pseudo-table among them where it is used."""
        tables = dict.fromkeys(source.staged for source in self.sources)
        if any(rule.key_space == "practice" for source in self.sources for rule in source.rules.values()):
            tables[PRACTICE_TABLE] = None
        if self.chart is not None:
            tables[self.chart.staged] = None
        return tuple(tables)

    def schema_with(self, chart: ChartLayout | None) -> ObjectSchema:
        """The schema as it is deployed and loaded: the declared fields, then the chart's wide ones."""
        if self.chart is None or chart is None:
            return self.schema
        declared = self.schema
        return ObjectSchema(
            declared.name,
            declared.label,
            declared.plural_label,
            declared.custom,
            declared.key_field,
            declared.fields + fields(chart),
        )


@dataclass(frozen=True, slots=True)
class MappingSet:
    """All objects of a destination, parents before their children."""

    destination: str
    objects: tuple[ObjectSpec, ...]

    def __iter__(self) -> Iterator[ObjectSpec]:
        return iter(self.objects)

    def of_asset(self, asset: str) -> ObjectSpec:
        return next(spec for spec in self.objects if spec.asset == asset)

    def of_object(self, name: str) -> ObjectSpec:
        return next(spec for spec in self.objects if spec.name == name)

    @property
    def charted(self) -> ObjectSpec | None:
        """The object that carries a chart, at most one a destination."""
        return next((spec for spec in self.objects if spec.chart is not None), None)

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
                    }
                    for source in spec.sources
                ],
                "chart": spec.chart.model_dump() if spec.chart else None,
            }
            for spec in self.objects
        ]
        text = json.dumps([self.destination, described], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
