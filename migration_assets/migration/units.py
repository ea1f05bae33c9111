"""Whose a source row is: the unit of refresh, which is a patient.

A row belongs to the patient whom its references lead up to (a chart row to its exam's). One that leads to
nobody is a unit of its own, ``~Document:17``, and rows of a parent that isn't there are one unit together,
``~ClinicalExam:9``. A table without such a way (Provider) belongs to no unit and is always taken whole.

SQL only: conditions over raw tables wherever they stand. What is done with the rows is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from migration_assets.objects.base import StagedObject
from migration_assets.panda.profile import Profile
from migration_assets.warehouse import Session, quoted

PATIENT = "Patient"
UNITS_COLUMNS: dict[str, pl.DataType] = {"unit": pl.String()}

Places = Callable[[str], str]
"""Logical table -> where its raw rows stand, as SQL."""


@dataclass(frozen=True)
class _Way:
    """Up one step: ``column`` (actual) of the table holds the key of ``parent`` (logical)."""

    column: str
    parent: str


@dataclass(frozen=True)
class _Cross:
    """A further reference between two tables of units: ``child.column`` (actual) holds ``parent``'s key."""

    child: str
    column: str
    parent: str


class Units:
    """Of one profile's tables. ``units`` is always the place of a table with one column ``unit``."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        links = profile.references()
        self._ways: dict[str, _Way] = {}
        known = {PATIENT} & profile.tables.keys()
        while True:
            # Those that name the patient first, then what hangs on them: the shortest way counts.
            found: dict[str, _Way] = {}
            for child, column, parent in links:
                if parent in known and child not in known:
                    found.setdefault(child, _Way(profile.table(child).actual(column), parent))
            if not found:
                break
            self._ways |= found
            known |= found.keys()
        self._crosses = tuple(
            _Cross(child, profile.table(child).actual(column), parent)
            for child, column, parent in links
            if child in self._ways and parent in known and parent != PATIENT
            if self._ways[child] != _Way(profile.table(child).actual(column), parent)
        )

    def owned(self, table: str) -> bool:
        """Whether the logical table's rows belong to units."""
        return table == PATIENT or table in self._ways

    def owners(self, table: str, raw: Places, where: str = "TRUE") -> str:
        """A query of ``key`` and ``unit`` (text) of the table's rows (alias ``t``) under a condition."""
        joins: list[str] = []
        unit = self._unit(table, "t", raw, joins)
        return (
            f"SELECT {key_text(self._key(table, 't'))} AS key, {unit} AS unit "
            f"FROM {raw(table)} t {' '.join(joins)} WHERE {where}"
        )

    def belongs(self, table: str, row: str, raw: Places, units: str) -> str:
        """A condition on rows (alias ``row``) of an owned table: they belong to one of the units."""
        if table == PATIENT:
            return f"{key_text(self._key(table, row))} IN (SELECT unit FROM {units})"
        way = self._ways[table]
        reference = key_text(f"{row}.{quoted(way.column)}")
        alone = (
            f"{reference} IS NULL AND {_named(table, self._key(table, row))} IN (SELECT unit FROM {units})"
        )
        if way.parent == PATIENT:
            return f"({reference} IN (SELECT unit FROM {units}) OR ({alone}))"
        return f"({self.names(way.parent, reference, raw, units)} OR ({alone}))"

    def names(self, table: str, key: str, raw: Places, units: str) -> str:
        """A condition on a text: it is the key of a row of the owned table that belongs to one of the units,
        or of one that isn't there."""
        if table == PATIENT:
            return f"{key} IN (SELECT unit FROM {units})"
        row = f"{table}_row"
        keys = (
            f"SELECT {key_text(self._key(table, row))} FROM {raw(table)} {quoted(row)} "
            f"WHERE {self.belongs(table, quoted(row), raw, units)}"
        )
        prefix = f"~{table}:"
        gone = f"SELECT substr(unit, {len(prefix) + 1}) FROM {units} WHERE starts_with(unit, '{prefix}')"
        return f"{key} IN ({keys} UNION ALL {gone})"

    def of_staged(self, staged_object: StagedObject, row: str, raw: Places, units: str) -> str:
        """A condition on rows (alias ``row``) of a staged table, by what ``belongs_by`` says."""
        column, table = staged_object.belonging
        return self.names(table, f"{row}.{quoted(column)}", raw, units)

    def closed(self, session: Session, raw: Places, units: str) -> None:
        """Adds to ``units`` all whose rows any reference joins with theirs, however long the chain."""
        while True:
            before = session.sql(f"SELECT count(*) AS n FROM {units}").item()
            for cross in self._crosses:
                for found in self._joined(cross, raw, units):
                    session.execute(
                        f"INSERT INTO {units} SELECT DISTINCT unit FROM ({found}) "
                        f"WHERE unit NOT IN (SELECT unit FROM {units})"
                    )
            if session.sql(f"SELECT count(*) AS n FROM {units}").item() == before:
                return

    def _joined(self, cross: _Cross, raw: Places, units: str) -> tuple[str, str]:
        """Units of the parents that the units' children name, and of the children that name their parents."""
        child, column = cross.child, quoted(cross.column)
        named = (
            f"SELECT {key_text(f'c.{column}')} FROM {raw(child)} c "
            f"WHERE c.{column} IS NOT NULL AND {self.belongs(child, 'c', raw, units)}"
        )
        parents = self.owners(cross.parent, raw, f"{key_text(self._key(cross.parent, 't'))} IN ({named})")
        naming = f"t.{column} IS NOT NULL AND " + self.names(
            cross.parent, key_text(f"t.{column}"), raw, units
        )
        return parents, self.owners(child, raw, naming)

    def _unit(self, table: str, row: str, raw: Places, joins: list[str]) -> str:
        if table == PATIENT:
            return key_text(self._key(table, row))
        way = self._ways[table]
        reference = key_text(f"{row}.{quoted(way.column)}")
        alone = _named(table, self._key(table, row))
        if way.parent == PATIENT:
            return f"coalesce({reference}, {alone})"
        above = f"{row}u"
        joins.append(
            f"LEFT JOIN {raw(way.parent)} {above} ON {key_text(self._key(way.parent, above))} = {reference}"
        )
        theirs = self._unit(way.parent, above, raw, joins)
        there = f"{self._key(way.parent, above)} IS NOT NULL"
        missing = f"'~{way.parent}:' || {reference}"
        return f"CASE WHEN {reference} IS NULL THEN {alone} WHEN {there} THEN {theirs} ELSE {missing} END"

    def _key(self, table: str, row: str) -> str:
        declared = self._profile.table(table)
        return f"{row}.{quoted(declared.actual(declared.key))}"


def unit_of_row(table: str, key: str) -> str:
    """The unit of a row that belongs to nobody, and of what hangs on it once it is gone."""
    return f"~{table}:{key}"


def key_text(value: str) -> str:
    """A key as staging reads it (``source_rows``): text without blanks at its ends, null if none is left."""
    return f"nullif(trim(CAST({value} AS VARCHAR)), '')"


def _named(table: str, key: str) -> str:
    return f"'~{table}:' || {key_text(key)}"


def in_schema(schema: str, prefix: str = "") -> Places:
    """Raw tables by their logical names in a schema: ``panda."Patient"``."""
    return lambda table: f"{schema}.{quoted(prefix + table)}"
