"""What stands in the practice's database, read from its catalog, and how it fits the profile.

Queries are T-SQL for SQL Server 2016 and later and see what the login may see. No row of a table is
read here, counts aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migration_assets.errors import SourceColumnMissing, SourceTableMissing
from migration_assets.panda.connection import Query
from migration_assets.panda.odbc_errors import SourcePermissionDenied
from migration_assets.panda.profile import Profile, TableProfile

UNBOUNDED = -1
"""``max_length`` of nvarchar(max) and its kin, as INFORMATION_SCHEMA has it."""

_TEXT = {"char", "varchar", "nchar", "nvarchar", "text", "ntext", "xml"}
_BINARY = {"binary", "varbinary", "image", "timestamp", "rowversion"}
_ALWAYS_UNBOUNDED = {"text", "ntext", "xml", "image"}
# CLR types and sql_variant have no faithful form in Arrow.
_UNREADABLE = {"hierarchyid", "geometry", "geography", "sql_variant"}

_COLUMNS = """
SELECT c.TABLE_SCHEMA, c.TABLE_NAME, t.TABLE_TYPE, c.COLUMN_NAME, c.DATA_TYPE, c.CHARACTER_MAXIMUM_LENGTH
FROM INFORMATION_SCHEMA.COLUMNS c
JOIN INFORMATION_SCHEMA.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION
"""
_ISOLATION = "SELECT snapshot_isolation_state FROM sys.databases WHERE name = DB_NAME()"
_CHANGE_TRACKING = """
SELECT COUNT(*) FROM sys.change_tracking_databases c
JOIN sys.databases d ON d.database_id = c.database_id WHERE d.name = DB_NAME()
"""
_SNAPSHOT_ON = 1


@dataclass(frozen=True)
class SourceColumn:
    """``type`` is SQL Server's name in lower case; ``max_length`` in characters or bytes, None for others."""

    name: str
    type: str
    max_length: int | None

    @property
    def is_text(self) -> bool:
        return self.type in _TEXT

    @property
    def is_binary(self) -> bool:
        return self.type in _BINARY

    @property
    def is_unbounded(self) -> bool:
        return self.max_length == UNBOUNDED or self.type in _ALWAYS_UNBOUNDED

    @property
    def is_blob(self) -> bool:
        """A large object, which is streamed by key and not extracted."""
        return self.is_binary and self.is_unbounded

    @property
    def is_readable(self) -> bool:
        return self.type not in _UNREADABLE


@dataclass(frozen=True)
class SourceTable:
    schema: str
    name: str
    is_view: bool
    columns: tuple[SourceColumn, ...]

    @property
    def source_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def sql_name(self) -> str:
        return f"{bracketed(self.schema)}.{bracketed(self.name)}"

    def column(self, name: str) -> SourceColumn | None:
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class NotInScope:
    """A table of the database that isn't migrated; ``rows`` is None where the login may not count them."""

    table: str
    rows: int | None


@dataclass(frozen=True)
class Catalog:
    """Tables and views by ``schema.name`` in lower case."""

    tables: Mapping[str, SourceTable]
    snapshot_allowed: bool
    change_tracking_on: bool

    def find(self, table: TableProfile) -> SourceTable | None:
        return self.tables.get(table.source_name.casefold())

    def fitting(self, profile: Profile, logical: Iterable[str]) -> dict[str, SourceTable]:
        """The database's table for each logical one.

        Raises SourceTableMissing or SourceColumnMissing naming all that are missing, with the profile's key.
        """
        wanted = {name: profile.table(name) for name in logical}
        found = {name: self.find(table) for name, table in wanted.items()}
        absent = [
            f"{wanted[name].source_name} (tables.{name}.name)" for name, t in found.items() if t is None
        ]
        if absent:
            raise SourceTableMissing(
                f"the login sees no table {'; '.join(absent)}: mend these keys of the profile "
                f"'{profile.name}', or GRANT SELECT on the tables to the login"
            )
        present = {name: table for name, table in found.items() if table is not None}
        problems = [line for name, table in present.items() for line in _lacking(name, wanted[name], table)]
        if problems:
            raise SourceColumnMissing(
                f"the database lacks {'; '.join(problems)}: mend these keys of the profile '{profile.name}'"
            )
        return present

    def outside(self, in_scope: Iterable[TableProfile]) -> list[SourceTable]:
        """The database's tables (views aside) that aren't among these."""
        declared = {table.source_name.casefold() for table in in_scope}
        return [
            table for key, table in sorted(self.tables.items()) if key not in declared and not table.is_view
        ]


def read_catalog(query: Query) -> Catalog:
    tables: dict[str, SourceTable] = {}
    for schema, name, kind, column, data_type, length in query(_COLUMNS):
        key = f"{schema}.{name}".casefold()
        before = tables.get(key, SourceTable(schema, name, kind == "VIEW", ()))
        added = SourceColumn(column, data_type.lower(), length)
        tables[key] = SourceTable(schema, name, before.is_view, (*before.columns, added))
    isolation = query(_ISOLATION)
    tracking = query(_CHANGE_TRACKING)
    return Catalog(
        tables=tables,
        snapshot_allowed=bool(isolation) and isolation[0][0] == _SNAPSHOT_ON,
        change_tracking_on=bool(tracking) and tracking[0][0] > 0,
    )


def count_rows(query: Query, table: SourceTable) -> int:
    return int(query(f"SELECT COUNT_BIG(*) AS n FROM {table.sql_name}")[0][0])


def count_outside(query: Query, tables: Iterable[SourceTable]) -> tuple[NotInScope, ...]:
    counted = []
    for table in tables:
        try:
            counted.append(NotInScope(table.source_name, count_rows(query, table)))
        except SourcePermissionDenied:
            counted.append(NotInScope(table.source_name, None))
    return tuple(counted)


def bracketed(name: str) -> str:
    """A name as T-SQL identifier, whatever characters it has."""
    return "[" + name.replace("]", "]]") + "]"


def national_literal(text: str) -> str:
    return "N'" + text.replace("'", "''") + "'"


def _lacking(logical: str, table: TableProfile, found: SourceTable) -> list[str]:
    spelled = {column.name.casefold(): column.name for column in found.columns}
    lines = []
    for part, declared in (("columns", table.columns), ("blobs", table.blobs)):
        for logical_column, actual in declared.items():
            if found.column(actual) is not None:
                continue
            near = spelled.get(actual.casefold())
            hint = f", which it spells {near}" if near else ""
            lines.append(f"{table.source_name}.{actual}{hint} (tables.{logical}.{part}.{logical_column})")
    return lines
