"""Which records a change of staged rows reaches, told by what the mapping's specs say; nothing is named here.

A record is made of its own row, of rows that name it (``Taken``), and of rows that it names (``Named``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from migration_assets.mapping.apply import source_table
from migration_assets.mapping.declarations import ChartPart
from migration_assets.mapping.spec import ObjectSpec, SourceSpec
from migration_assets.migration.delta_changes import Change
from migration_assets.migration.payload_parts import EXAMS

Values = Callable[[str, str, str, Collection[str]], set[str]]
"""(table, wanted, column, values) -> what stands in ``wanted`` of the table's rows, as they are now, that
have one of the values in ``column``."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Rows of ``table`` whose column ``by`` holds the record's ``source_id``."""

    table: str
    by: str


@dataclass(frozen=True, slots=True)
class Named:
    """The row of ``table`` whose ``source_id`` stands in the record's ``column``."""

    table: str
    column: str


def taken_by(spec: ObjectSpec, source: SourceSpec) -> list[Taken]:
    found = [Taken(merged.staged, merged.by) for merged in source.merged]
    found += [
        Taken(part.rows, str(part.by))
        for rule in source.rules.values()
        if rule.text is not None
        for part in rule.text.parts
        if part.rows is not None
    ]
    if spec.chart is not None and spec.chart.holds is not ChartPart.TEETH:
        found.append(Taken(spec.chart.declaration.staged, spec.chart.declaration.exam_column))
    return list(dict.fromkeys(found))


def named_by(spec: ObjectSpec, source: SourceSpec) -> list[Named]:
    """Also the exam that a part of its chart belongs to, by which the practice may hold it back."""
    found = [Named(rule.of, str(rule.by)) for rule in source.rules.values() if rule.of is not None]
    found += [
        Named(part.of, str(part.by))
        for rule in source.rules.values()
        if rule.text is not None
        for part in rule.text.parts
        if part.of is not None
    ]
    found += [
        Named(parent, way.column)
        for name, parents in source.optional_parents.items()
        for way, parent in zip(source.rules[name].keys_in, parents, strict=True)
        if way.column is not None
    ]
    if spec.chart is not None and spec.chart.holds is ChartPart.TEETH:
        found.append(Named(spec.chart.exams, spec.chart.declaration.exam_column))
    elif source.staged != EXAMS and source_table(source.staged) == source_table(EXAMS):
        found.append(Named(EXAMS, "source_id"))
    return list(dict.fromkeys(found))


def is_separable(spec: ObjectSpec) -> bool:
    """Whether some records can be made without the others: no source needs different rows of one table at
    once, its own among them."""
    for source in spec.sources:
        taken, named = taken_by(spec, source), {each.table for each in named_by(spec, source)}
        tables = [source.staged, *named, *(each.table for each in taken)]
        if len(tables) != len(set(tables)):
            return False
        wide = spec.chart is not None and spec.chart.holds is not ChartPart.TEETH
        if wide and spec.chart is not None and source.staged != spec.chart.exams:
            return False
    return True


class Reach:
    """The rows of one object's records that are to be made anew: ``ids`` of staged rows by table, whether
    they are records of their own or go into others'."""

    def __init__(self, spec: ObjectSpec, changes: Callable[[str], Change], values: Values) -> None:
        self.ids: dict[str, set[str]] = defaultdict(set)
        self._values = values
        self._sources = spec.sources
        self._pairs = [(source.staged, each) for source in spec.sources for each in taken_by(spec, source)]
        self._asked: dict[tuple[str, Taken, bool], set[str]] = defaultdict(set)
        for source in spec.sources:
            self.ids[source.staged] |= changes(source.staged).ids
            for named in named_by(spec, source):
                changed = changes(named.table).ids
                if changed:
                    self.ids[source.staged] |= values(source.staged, "source_id", named.column, changed)
            for taken in taken_by(spec, source):
                self.ids[taken.table] |= changes(taken.table).ids
                self.ids[source.staged] |= changes(taken.table).values(taken.by)
        self._close()

    @property
    def size(self) -> int:
        return sum(len(each) for each in self.ids.values())

    def add(self, source_rows: Mapping[str, Collection[str]]) -> bool:
        """Rows by source table, all of which are made anew too; whether there was any to add."""
        before = self.size
        for source in self._sources:
            self.ids[source.staged] |= set(source_rows.get(source_table(source.staged), ()))
        self._close()
        return self.size > before

    def _close(self) -> None:
        """A row that goes into several records is made anew in all of them, and so are all rows of these."""
        before = -1
        while self.size > before:
            before = self.size
            for staged, taken in self._pairs:
                if owners := self._unasked(staged, taken, self.ids[staged], by_owner=True):
                    self.ids[taken.table] |= self._values(taken.table, "source_id", taken.by, owners)
                if rows := self._unasked(staged, taken, self.ids[taken.table], by_owner=False):
                    self.ids[staged] |= self._values(taken.table, taken.by, "source_id", rows)
            for source in self._sources:
                for other in self._sources:
                    if source_table(source.staged) == source_table(other.staged):
                        self.ids[source.staged] |= self.ids[other.staged]

    def _unasked(self, staged: str, taken: Taken, ids: set[str], *, by_owner: bool) -> set[str]:
        asked = self._asked[staged, taken, by_owner]
        fresh = ids - asked
        asked |= fresh
        return fresh
