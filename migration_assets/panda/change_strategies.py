"""Which strategy finds the changes of which table, and why: for the plan and for the first poll.

The order is facts/sqlserver.md's: change tracking where it is on and the login may see it, a rowversion
column, a modified-at column, else the comparison of row hashes. Nothing is switched on in the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migration_assets.panda.catalog import Catalog, SourceTable, national_literal
from migration_assets.panda.change_cursor import Strategy
from migration_assets.panda.connection import Query
from migration_assets.panda.profile import Profile, TableProfile

_ROWVERSION_TYPES = frozenset({"timestamp", "rowversion"})
_MOMENT_TYPES = frozenset({"datetime", "datetime2", "smalldatetime"})
_TRACKED = """
SELECT s.name AS schema_name, t.name AS table_name, c.min_valid_version AS oldest
FROM sys.change_tracking_tables c
JOIN sys.tables t ON t.object_id = c.object_id JOIN sys.schemas s ON s.schema_id = t.schema_id
"""
_PRIMARY_KEY = """
SELECT c.name AS column_name FROM sys.indexes i
JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.is_primary_key = 1 AND i.object_id = OBJECT_ID({})
"""


@dataclass(frozen=True)
class Choice:
    """A table's strategy. ``reason`` is a sentence for the plan; ``column`` the actual column of the version;
    ``reads_whole`` says that each poll reads every row, so that it has an interval of its own."""

    table: str
    strategy: Strategy
    column: str | None
    reason: str

    @property
    def reads_whole(self) -> bool:
        return self.strategy is Strategy.COMPARE

    @property
    def deletions(self) -> str:
        """How deleted rows are found."""
        if self.strategy is Strategy.CHANGE_TRACKING:
            return "change tracking names them"
        if self.strategy is Strategy.COMPARE:
            return "a known key that isn't read any more"
        return "the keys are compared when the number of rows doesn't fit"


def tracked_tables(query: Query) -> dict[str, int]:
    """Tables with change tracking on, ``schema.name`` in lower case -> the oldest version that can be
    asked."""
    return {
        f"{schema}.{name}".casefold(): int(oldest)
        for schema, name, oldest in query(_TRACKED)
        if oldest is not None
    }


def choose(
    query: Query,
    catalog: Catalog,
    profile: Profile,
    tables: Iterable[str],
    tracked: Mapping[str, int] | None = None,
) -> dict[str, Choice]:
    """The strategy of each logical table, in their order; ``tracked`` is asked for where it isn't given.

    Raises SourceTableMissing and SourceColumnMissing where the database doesn't fit the profile.
    """
    if tracked is None:
        tracked = tracked_tables(query) if catalog.change_tracking_on else {}
    return {
        logical: _chosen(query, catalog, logical, table, profile.table(logical), tracked)
        for logical, table in catalog.fitting(profile, tables).items()
    }


def rowversion_columns(table: SourceTable) -> list[str]:
    """At most one in a table; its value changes with every UPDATE, whatever that sets."""
    return [column.name for column in table.columns if column.type in _ROWVERSION_TYPES]


def _chosen(
    query: Query,
    catalog: Catalog,
    logical: str,
    table: SourceTable,
    profile: TableProfile,
    tracked: Mapping[str, int],
) -> Choice:
    hindrance = _tracking_hindrance(query, catalog, table, profile, tracked)
    if hindrance is None:
        return Choice(
            logical,
            Strategy.CHANGE_TRACKING,
            None,
            f"change tracking is on for {table.source_name} and the login may see it",
        )
    if table.is_view:
        return Choice(
            logical,
            Strategy.COMPARE,
            None,
            f"{table.source_name} is a view: a version in it needn't move when a table behind it changes, so "
            "every row is read and compared by its hash",
        )
    if versions := rowversion_columns(table):
        reason = (
            f"{hindrance}; its column {versions[0]} is a rowversion, which the server moves with each change"
        )
        return Choice(logical, Strategy.ROWVERSION, versions[0], reason)
    if profile.modified_at is not None:
        modified = table.column(profile.actual(profile.modified_at))
        if modified is not None and modified.type in _MOMENT_TYPES:
            reason = (
                f"{hindrance}, and it has no rowversion; {modified.name} says when a row was modified, which "
                "may miss a change until the last drain"
            )
            return Choice(logical, Strategy.MODIFIED_AT, modified.name, reason)
    reason = (
        f"{hindrance}, and it has neither a rowversion nor a usable modified-at column: every row is read "
    )
    return Choice(logical, Strategy.COMPARE, None, reason + "and compared by its hash")


def _tracking_hindrance(
    query: Query, catalog: Catalog, table: SourceTable, profile: TableProfile, tracked: Mapping[str, int]
) -> str | None:
    """Why change tracking can't serve the table; None where it can."""
    name = table.source_name
    if not catalog.change_tracking_on:
        return f"change tracking is off in the database of {name}"
    if name.casefold() not in tracked:
        return f"change tracking is off for {name}, or hidden from the login"
    securable = national_literal(table.sql_name)
    allowed = query(f"SELECT HAS_PERMS_BY_NAME({securable}, 'OBJECT', 'VIEW CHANGE TRACKING') AS answer")
    if allowed[0][0] != 1:
        return f"the login lacks VIEW CHANGE TRACKING on {name}"
    key = [str(row[0]) for row in query(_PRIMARY_KEY.format(securable))]
    if key != [profile.actual(profile.key)]:
        return f"change tracking of {name} tells its primary key, which isn't the profile's key"
    return None
