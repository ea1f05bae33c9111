"""A mapping spec once it is checked: the objects that the engine works with.

What a file may say stands in ``declarations``. Reading files, and everything that looks beyond one key (do
columns exist, do types agree, are parents there), stands in ``loader``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from migration_assets.destinations.base import FieldSchema, Identity, ObjectSchema
from migration_assets.mapping.adoption_rule import AdoptionRule
from migration_assets.mapping.chart_layout import (
    ChartColumn,
    ChartLayout,
    fields,
    tooth_columns,
    tooth_fields,
    wide_columns,
)
from migration_assets.mapping.compositions import Distinct, Total
from migration_assets.mapping.declarations import (
    CHOICES,
    ChartDeclaration,
    ChartPart,
    Constant,
    KeySpace,
    Rule,
)

PRACTICE_TABLE = "practice"
"""The pseudo-table with one row, the practice itself: ``source_id``, ``name``, ``time_zone`` (IANA), text."""

OWNERS_TABLE = "owners"
"""The pseudo-table of the destination's users: ``provider_id``, null for the default owner, ``user_id``."""

Choices = Mapping[str, str]
"""What a practice chose, by the choice's name (``declarations.CHOICES``)."""


@dataclass(frozen=True, slots=True)
class MergedSpec:
    """Checked merged rows; ``rules``, ``lines`` and ``totals`` by field name, of which one isn't empty.

    Rows that only a text of the record names have none of the three.
    """

    staged: str
    by: str
    role: str
    where: Mapping[str, Constant]
    rules: Mapping[str, Rule]
    lines: Mapping[str, str]
    order_by: str | None
    totals: Mapping[str, Total] = field(default_factory=dict)

    @property
    def field_names(self) -> tuple[str, ...]:
        return (*self.rules, *self.lines, *self.totals)

    def described(self) -> dict[str, Any]:
        """Plain values of everything that it says; part of the mapping's hash."""
        rules = {name: rule.described() for name, rule in self.rules.items()}
        totals = {name: total.model_dump() for name, total in self.totals.items()}
        return {
            "staged": self.staged,
            "by": self.by,
            "role": self.role,
            "where": dict(self.where),
            "rules": rules,
            "lines": dict(self.lines),
            "order_by": self.order_by,
            **({"totals": totals} if totals else {}),
        }


@dataclass(frozen=True, slots=True)
class Chosen:
    """A field's rule under one option of a choice; ``optional`` are its ``optional_parents``."""

    rule: Rule
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A checked source: ``rules`` by field name, in the order of the object's fields.

    ``optional_parents``: field whose parent may be absent -> staged tables that would hold the parent, one
    for each of the rule's ``keys_in``. ``merged`` fill fields that no rule does. Rows without the values of
    ``where``, or with nothing in a column of ``present``, are no records, for the reason ``otherwise``.
    ``alternatives`` are rules by field, choice and option (None: not mapped then), ``when`` the options under
    which the source counts; both are gone once the choices are made. A row whose text ``split`` is longer
    than its field makes several records.
    """

    staged: str
    key_space: KeySpace
    role: str
    rules: Mapping[str, Rule]
    optional_parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    merged: tuple[MergedSpec, ...] = ()
    where: Mapping[str, Constant] = field(default_factory=dict)
    otherwise: str | None = None
    alternatives: Mapping[str, tuple[str, Mapping[str, Chosen | None]]] = field(default_factory=dict)
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    present: tuple[str, ...] = ()
    split: str | None = None

    @property
    def possible_rules(self) -> Iterator[tuple[str, Rule]]:
        """Field and rule, whatever the practice chooses."""
        yield from self.rules.items()
        for name, (_, options) in self.alternatives.items():
            yield from ((name, chosen.rule) for chosen in options.values() if chosen is not None)

    def is_chosen(self, choices: Choices) -> bool:
        return all(choices[name] in options for name, options in self.when.items())

    def resolved(self, choices: Choices) -> SourceSpec:
        options = {name: options[choices[choice]] for name, (choice, options) in self.alternatives.items()}
        picked = {name: chosen for name, chosen in options.items() if chosen is not None}
        rules = {name: chosen.rule for name, chosen in picked.items()}
        optional = {name: chosen.optional for name, chosen in picked.items() if chosen.optional}
        return replace(
            self,
            rules={**self.rules, **rules},
            optional_parents={**self.optional_parents, **optional},
            alternatives={},
            when={},
        )

    def described(self) -> dict[str, Any]:
        """Plain values of everything that it says; part of the mapping's hash."""
        return {
            "staged": self.staged,
            "key_space": self.key_space,
            "role": self.role,
            "rules": {name: rule.described() for name, rule in self.rules.items()},
            "merged": [merged.described() for merged in self.merged],
            "where": dict(self.where),
            "otherwise": self.otherwise,
            **({"present": self.present} if self.present else {}),
            **({"split": self.split} if self.split else {}),
        }


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
    (``schema_with``). ``adopt`` says how records that are there already are recognised, ``distinct`` what
    becomes of values that only one record may have. ``deleted_flag`` is the box that marks a record whose row
    is gone from the source: a field of the object only where the practice chose so, and none once it chose
    otherwise.
    """

    asset: str
    schema: ObjectSchema
    sources: tuple[SourceSpec, ...]
    chart: ChartSpec | None = None
    mission_names: Mapping[str, str] = field(default_factory=dict)
    adopt: AdoptionRule | None = None
    distinct: tuple[Distinct, ...] = ()
    deleted_flag: FieldSchema | None = None

    @property
    def name(self) -> str:
        return self.schema.name

    @property
    def parents(self) -> frozenset[str]:
        """Other objects whose keys this one's records hold; its own records are ordered by ``load``."""
        rules = [rule for source in self.sources for _, rule in source.possible_rules]
        rules += [
            rule for source in self.sources for merged in source.merged for rule in merged.rules.values()
        ]
        return frozenset(parent for rule in rules for parent in rule.parents) - {self.name}

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
        rules = [rule for source in self.sources for _, rule in source.possible_rules]
        by_clock = any(rule.text is not None or rule.read_as is not None for rule in rules)
        if by_clock or any(way.column is None for rule in rules for way in rule.keys_in):
            tables[PRACTICE_TABLE] = None
        for rule in rules:
            tables.update(dict.fromkeys(rule.text.tables if rule.text is not None else ()))
            tables.update({} if rule.of is None else {rule.of: None})
        if any(rule.user_of is not None for rule in rules):
            tables[OWNERS_TABLE] = None
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
        return replace(declared, fields=declared.fields + charted)

    def resolved(self, choices: Choices) -> ObjectSpec | None:
        """The object as the practice's choices make it; None where no source of it is left.

        A field that nothing fills any more is gone.
        """
        sources = [source.resolved(choices) for source in self.sources if source.is_chosen(choices)]
        if not sources:
            return None
        declared, flag = self.schema.fields, self.deleted_flag if choices["deletions"] == "flag" else None
        if flag is not None:
            unmarked = {flag.name: Rule(constant=False)}
            sources = [replace(source, rules={**source.rules, **unmarked}) for source in sources]
            declared = (*declared, flag)
        merged = (part.field_names for source in sources for part in source.merged)
        distinct = tuple(
            each.model_copy(update={"when": {}})
            for each in self.distinct
            if all(choices[name] in options for name, options in each.when.items())
        )
        moved = (each.to for each in distinct if each.to is not None)
        filled = {self.schema.key_field}.union(*(source.rules for source in sources), *merged, moved)
        kept = tuple(each for each in declared if each.name in filled)
        order = {each.name: place for place, each in enumerate(kept)}
        in_order = tuple(
            replace(source, rules=dict(sorted(source.rules.items(), key=lambda rule: order[rule[0]])))
            for source in sources
        )
        schema = replace(self.schema, fields=kept)
        return replace(self, schema=schema, sources=in_order, distinct=distinct, deleted_flag=flag)

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


@dataclass(frozen=True)
class MappingSet:
    """All objects of a destination, parents before their children."""

    destination: str
    objects: tuple[ObjectSpec, ...]

    def __iter__(self) -> Iterator[ObjectSpec]:
        return iter(self.objects)

    def resolved(self, choices: Choices) -> MappingSet:
        """What is left of all that the specs may say once a practice has chosen."""
        made = {name: options[0] for name, options in CHOICES.items()} | dict(choices)
        chosen = (spec.resolved(made) for spec in self.objects)
        return replace(self, objects=tuple(spec for spec in chosen if spec is not None))

    def is_record(self, staged: str) -> bool:
        """Whether rows of the staged table become records of their own."""
        return any(
            source.staged == staged
            for spec in self.objects
            if spec.schema.identity is not Identity.PARENTS
            for source in spec.sources
        )

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
        return hashlib.sha256(json.dumps(list(self.content_hashes().items())).encode()).hexdigest()

    def content_hashes(self) -> Mapping[str, str]:
        """``content_hash`` of each object's spec alone, by object, parents first."""
        return self._content_hashes

    @cached_property
    def _content_hashes(self) -> Mapping[str, str]:
        described = {
            spec.name: {
                "destination": self.destination,
                "asset": spec.asset,
                "schema": asdict(spec.schema),
                "sources": [source.described() for source in spec.sources],
                "chart": spec.chart.described() if spec.chart else None,
                **({"distinct": [each.model_dump() for each in spec.distinct]} if spec.distinct else {}),
            }
            for spec in self.objects
        }
        return {
            name: hashlib.sha256(json.dumps(each, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
            for name, each in described.items()
        }
