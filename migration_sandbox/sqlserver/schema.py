"""A database's tables as their CREATE TABLE statements declare them, and SQL Server's ids for them.

Data only: parsing is in ddl.py, storage in database.py, the sys views in catalog_views.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from .sqltypes import SqlType


@dataclass(frozen=True)
class Column:
    name: str
    type: SqlType
    nullable: bool
    default: str | None = None  # the T-SQL text as sys.default_constraints would hold it


@dataclass(frozen=True)
class ForeignKey:
    """columns of this table that refer to referenced_columns of another."""

    name: str
    columns: tuple[str, ...]
    referenced_table: str
    referenced_columns: tuple[str, ...]


@dataclass(frozen=True)
class Index:
    name: str
    columns: tuple[str, ...]
    unique: bool


@dataclass(frozen=True)
class PrimaryKey:
    name: str
    columns: tuple[str, ...]
    system_named: bool


@dataclass(frozen=True)
class Table:
    schema: str
    name: str
    columns: tuple[Column, ...]
    primary_key: PrimaryKey | None = None
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[Index, ...] = ()

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def object_id(self) -> int:
        return object_id(self.full_name)

    @property
    def duckdb_name(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def rowversion_column(self) -> Column | None:
        return next((column for column in self.columns if column.type.name == "rowversion"), None)

    def column(self, name: str) -> Column | None:
        """By name without regard to case, as the database's collation has it."""
        folded = name.casefold()
        return next((column for column in self.columns if column.name.casefold() == folded), None)


@dataclass(frozen=True)
class Schema:
    """All tables of a database, by their name in lower case within its schema."""

    tables: tuple[Table, ...]
    _by_name: dict[tuple[str, str], Table] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {(table.schema.casefold(), table.name.casefold()): table for table in self.tables}
        object.__setattr__(self, "_by_name", by_name)

    def table(self, name: str, schema: str = "dbo") -> Table | None:
        return self._by_name.get((schema.casefold(), name.casefold()))

    def referencing(self, table: Table) -> list[tuple[Table, ForeignKey]]:
        """The foreign keys of any table that refer to this one."""
        return [
            (other, key)
            for other in self.tables
            for key in other.foreign_keys
            if key.referenced_table.casefold() == table.full_name.casefold()
        ]


def object_id(name: str) -> int:
    """A positive int that stays the same for a name; SQL Server's own ids follow no rule a client may use."""
    digest = hashlib.sha256(name.casefold().encode()).digest()
    return 100_000_000 + int.from_bytes(digest[:4], "big") % 2_000_000_000


def system_name(prefix: str, parts: tuple[str, ...]) -> str:
    """A name such as SQL Server gives an unnamed constraint: PK__Patient__970EC346F1B2A3C4."""
    digest = hashlib.sha256(".".join(parts).encode()).hexdigest()[:16].upper()
    return f"{prefix}__{parts[0][:9]}__{digest}"


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'
