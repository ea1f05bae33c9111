"""Which migrated rows a changed source row reaches: a chart row its exam, a document its letter.

Pure: out of the profile's keys and what each staged object declares that it reads. Which records these rows
become is told by the lineage, and children of a new parent follow by the ledger; neither is known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from migration_assets.panda.profile import Profile


@dataclass(frozen=True)
class Reads:
    """A staged object: its rows are those of ``source_table``, made with a look at ``tables`` (logical names,
    those of the objects that it uses among them; a mapping that makes a record out of several tables
    is declared the same way). ``grouped``: a row is made out of several of them, so that
    a change of one can move others to another row."""

    object: str
    source_table: str
    tables: frozenset[str]
    grouped: bool = False


@dataclass(frozen=True)
class Step:
    """From rows of one table to those of another along a reference: ``child.column`` holds ``parent``'s key.
    ``up``: from the child to its parent, else from the parent to its children."""

    child: str
    column: str
    parent: str
    up: bool

    @property
    def to(self) -> str:
        return self.parent if self.up else self.child


@dataclass(frozen=True)
class Route:
    """How a change of ``table`` reaches rows of the object's source table; no steps where it is that table,
    and None where no references lead there or the object is grouped: all of it is staged again."""

    table: str
    object: str
    steps: tuple[Step, ...] | None


References = Callable[[str, str], pl.DataFrame]
"""Of a logical table and column: ``key`` and ``reference``, both String; rows that were there before the
change and those after it, so that a chart row that moved reaches both exams."""


def references(profile: Profile) -> tuple[tuple[str, str, str], ...]:
    """Child table, logical column, parent table: columns that are called as another table's key is."""
    parents = {table.key: logical for logical, table in profile.tables.items()}
    return tuple(
        (logical, column, parents[column])
        for logical, table in profile.tables.items()
        for column in table.logical_columns
        if column in parents and column != table.key
    )


def routes(profile: Profile, objects: Iterable[Reads]) -> tuple[Route, ...]:
    """A route for each object and each table of the profile that it reads."""
    links = references(profile)
    return tuple(
        Route(table, each.object, None if each.grouped else _path(links, table, each))
        for each in objects
        for table in sorted(each.tables | {each.source_table})
        if table in profile.tables
    )


def reached(route: Route, keys: pl.Series, lookup: References) -> pl.Series | None:
    """Keys (String) of the object's source table that changed rows with ``keys`` reach, each once and sorted;
    None for all."""
    if route.steps is None:
        return None
    found = keys
    for step in route.steps:
        known = lookup(step.child, step.column).drop_nulls()
        given, wanted = ("key", "reference") if step.up else ("reference", "key")
        found = known.filter(pl.col(given).is_in(found.implode()))[wanted]
    return found.unique().sort().rename("key")


def _path(links: Sequence[tuple[str, str, str]], table: str, to: Reads) -> tuple[Step, ...] | None:
    """The shortest way, over tables that the object reads."""
    allowed = to.tables | {to.source_table}
    seen = {table}
    start: tuple[str, tuple[Step, ...]] = (table, ())
    ways = deque([start])
    while ways:
        at, steps = ways.popleft()
        if at == to.source_table:
            return steps
        for step in _steps_from(links, at, allowed - seen):
            seen.add(step.to)
            ways.append((step.to, (*steps, step)))
    return None


def _steps_from(links: Sequence[tuple[str, str, str]], at: str, allowed: Collection[str]) -> list[Step]:
    return [
        Step(child, column, parent, up=child == at)
        for child, column, parent in links
        if (child == at and parent in allowed) or (parent == at and child in allowed)
    ]
