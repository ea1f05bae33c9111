"""What a query's names may mean: its sources and their columns, inside the queries around it.

Also Bound, the meaning of an expression: its DuckDB text and its T-SQL type.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import SqlServerError, invalid_column
from .sqltypes import INT, SqlType


@dataclass(frozen=True)
class Bound:
    """type is None for a NULL, or a parameter whose type nobody declared (then `parameter` names it).

    digits: an integer literal's count of digits, which is its precision among decimals.
    """

    sql: str
    type: SqlType | None
    nullable: bool = True
    parameter: str | None = None
    digits: int = 0

    @property
    def result_type(self) -> SqlType:
        """What a client sees: a bare NULL is an int."""
        return self.type or INT


@dataclass(frozen=True)
class OutputColumn:
    name: str
    type: SqlType
    nullable: bool


@dataclass(frozen=True)
class SourceColumn:
    """name: in T-SQL, empty where the query that makes the column gave it none; sql: in DuckDB."""

    name: str
    sql: str
    type: SqlType
    nullable: bool


@dataclass(frozen=True)
class SourceTable:
    """exposed: what qualifies its columns; database.schema.table may too where `schema` is known."""

    exposed: str
    schema: str | None
    columns: tuple[SourceColumn, ...]


@dataclass
class Scope:
    sources: list[SourceTable] = field(default_factory=list)
    outer: Scope | None = None

    def add(self, source: SourceTable) -> None:
        taken = [other for other in self.sources if other.exposed.casefold() == source.exposed.casefold()]
        if any(other.schema == source.schema for other in taken):
            raise SqlServerError(
                1013,
                f'The objects "{source.exposed}" and "{source.exposed}" in the FROM clause have the same '
                "exposed "
                "names. Use correlation names to distinguish them.",
            )
        self.sources.append(source)

    def resolve(self, parts: tuple[str, ...]) -> SourceColumn:
        scope: Scope | None = self
        while scope is not None:
            found = scope._matches(parts)
            if len(found) > 1:
                raise SqlServerError(209, f"Ambiguous column name '{parts[-1]}'.")
            if found:
                return found[0]
            scope = scope.outer
        if len(parts) == 1 or self._has_source(parts):
            raise invalid_column(parts[-1])
        raise SqlServerError(4104, f'The multi-part identifier "{".".join(parts)}" could not be bound.')

    def _has_source(self, parts: tuple[str, ...]) -> bool:
        scope: Scope | None = self
        while scope is not None:
            if any(_qualifies(source, parts[:-1]) for source in scope.sources):
                return True
            scope = scope.outer
        return False

    def _matches(self, parts: tuple[str, ...]) -> list[SourceColumn]:
        name = parts[-1].casefold()
        return [
            column
            for source in self.sources
            if _qualifies(source, parts[:-1])
            for column in source.columns
            if column.name.casefold() == name
        ]


def _qualifies(source: SourceTable, qualifier: tuple[str, ...]) -> bool:
    if not qualifier:
        return True
    if qualifier[-1].casefold() != source.exposed.casefold():
        return False
    return len(qualifier) == 1 or (source.schema or "").casefold() == qualifier[-2].casefold()
