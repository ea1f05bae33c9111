"""What must be known before an extraction: may the login only read, does the database fit the profile.

Gives a report with counts, sizes and names for a person to judge; no value of a patient's record is in it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from migration_assets.errors import SourceLoginCanWrite
from migration_assets.panda.blob_sizes import SIZE_CLASSES, BlobColumn, measure_blobs
from migration_assets.panda.catalog import (
    Catalog,
    NotInScope,
    SourceColumn,
    SourceTable,
    bracketed,
    count_outside,
    count_rows,
    national_literal,
    read_catalog,
)
from migration_assets.panda.connection import Query, Source
from migration_assets.panda.distributions import Distributions, count_values
from migration_assets.panda.profile import Profile
from migration_assets.panda.retrying import ATTEMPTS, PAUSE_SECONDS, read_again

EXPRESS_LIMIT_BYTES = 10 * 2**30
"""Data files of a database on SQL Server Express 2008 R2 and later; the log doesn't count."""

_EXPRESS_ENGINE_EDITION = 4

_SERVER = """
SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version,
       CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition,
       CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition
"""
# A page has 8 KB; type 0 are data files.
_DATA_BYTES = "SELECT SUM(CAST(size AS bigint)) * 8192 AS bytes FROM sys.database_files WHERE type = 0"

_TABLE_PERMISSIONS = ("INSERT", "UPDATE", "DELETE", "ALTER")
_DATABASE_PERMISSIONS = ("INSERT", "UPDATE", "DELETE", "CREATE TABLE", "ALTER", "CONTROL")
_WRITING_ROLES = ("db_owner", "db_datawriter", "db_ddladmin")


@dataclass(frozen=True)
class ServerFacts:
    version: str
    edition: str
    is_express: bool
    data_bytes: int
    snapshot_allowed: bool
    change_tracking_on: bool

    @property
    def share_of_express_limit(self) -> float | None:
        """Data files' share of the 10 GB that Express allows; None on other editions."""
        return self.data_bytes / EXPRESS_LIMIT_BYTES if self.is_express else None

    @property
    def isolation(self) -> str:
        return "SNAPSHOT" if self.snapshot_allowed else "READ COMMITTED"


@dataclass(frozen=True)
class TableFacts:
    """A table that the profile declares and the database has; ``rows`` is None where the login may not count
    them, which only a table that isn't migrated allows.

    ``undeclared_columns`` come along in the extraction, large objects and CLR types aside;
    ``missing_columns`` (actual names) only a table that isn't migrated may have.
    """

    logical: str
    source_table: str
    migrated: bool
    rows: int | None
    undeclared_columns: tuple[SourceColumn, ...]
    missing_columns: tuple[str, ...]


@dataclass(frozen=True)
class PreflightReport:
    """``undeclared_tables`` are those that the profile doesn't know, ``absent_tables`` (source names) those
    that it declares and that aren't there; nothing of either is migrated."""

    server: ServerFacts
    tables: tuple[TableFacts, ...]
    undeclared_tables: tuple[NotInScope, ...]
    absent_tables: tuple[str, ...]
    blobs: tuple[BlobColumn, ...]
    distributions: Distributions

    @property
    def undeclared_columns(self) -> dict[str, list[str]]:
        """Logical table -> columns that the profile doesn't name; a practice's own findings stand there."""
        return {
            table.logical: [column.name for column in table.undeclared_columns]
            for table in self.tables
            if table.undeclared_columns
        }


def preflight(
    source: Source,
    profile: Profile,
    tables: Collection[str] | None = None,
    *,
    to_judge: bool = True,
    size_classes: Sequence[int] = SIZE_CLASSES,
) -> PreflightReport:
    """Asks the server; changes nothing. ``tables`` are the logical ones that are migrated and must be there
    (default: all of the profile).

    Distributions and sizes of blobs, which read tables as a whole and are empty without ``to_judge``, are of
    all declared tables and of all large objects; ``size_classes`` are bytes, ascending. Raises
    SourceLoginCanWrite, SourceTableMissing, SourceColumnMissing, or what connecting raises.
    """

    def read() -> PreflightReport:
        with source.catalog() as connection:
            return _preflight(connection.rows, profile, tables, to_judge, size_classes)

    return read_again(read, ATTEMPTS, PAUSE_SECONDS)


def _preflight(
    query: Query,
    profile: Profile,
    tables: Collection[str] | None,
    to_judge: bool,
    size_classes: Sequence[int],
) -> PreflightReport:
    catalog = read_catalog(query)
    _refuse_writing_login(query, profile)
    migrated = catalog.fitting(profile, profile.tables if tables is None else tables)
    found = ((name, catalog.find(table)) for name, table in profile.tables.items())
    there = {name: table for name, table in found if table is not None}
    facts = [_table(query, profile, name, table, migrated=name in migrated) for name, table in there.items()]
    readable = {each.logical: there[each.logical] for each in facts if each.rows is not None}
    stored = [table for table in catalog.tables.values() if not table.is_view]
    blobs = {table.source_name.casefold(): table.blobs.values() for table in profile.tables.values()}
    return PreflightReport(
        server=_server(query, catalog),
        tables=tuple(facts),
        undeclared_tables=count_outside(query, catalog.outside(profile.tables.values())),
        absent_tables=tuple(t.source_name for name, t in profile.tables.items() if name not in there),
        blobs=measure_blobs(query, stored, blobs, size_classes) if to_judge else (),
        distributions=count_values(query, profile, readable if to_judge else {}),
    )


def writing_permissions(query: Query, profile: Profile) -> list[str]:
    """Every way in which the login may write, as the server's catalog has it; empty for a read-only login."""
    database = query("SELECT DB_NAME() AS name")[0][0]
    ways = [
        f"member of {role}"
        for role in _WRITING_ROLES
        if _true(query, f"IS_ROLEMEMBER({national_literal(role)})")
    ]
    if _true(query, "IS_SRVROLEMEMBER(N'sysadmin')"):
        ways.append("member of sysadmin")
    if _true(query, "HAS_PERMS_BY_NAME(NULL, NULL, N'CONTROL SERVER')"):
        ways.append("CONTROL SERVER")
    securables: list[tuple[str, str, tuple[str, ...], str]] = [
        ("DATABASE", bracketed(database), _DATABASE_PERMISSIONS, "the database")
    ]
    securables += [
        ("OBJECT", f"{bracketed(t.db_schema)}.{bracketed(t.name)}", _TABLE_PERMISSIONS, t.source_name)
        for t in profile.tables.values()
    ]
    for kind, securable, permissions, called in securables:
        asked = ", ".join(
            f"HAS_PERMS_BY_NAME({national_literal(securable)}, N'{kind}', N'{permission}') AS p{position}"
            for position, permission in enumerate(permissions)
        )
        # NULL: no such table, or the login doesn't see it; the check of the profile says so.
        granted = zip(permissions, query(f"SELECT {asked}")[0], strict=True)
        ways += [f"{permission} on {called}" for permission, answer in granted if answer == 1]
    return ways


def _refuse_writing_login(query: Query, profile: Profile) -> None:
    if ways := writing_permissions(query, profile):
        shown = ", ".join(ways[:8]) + (f" and {len(ways) - 8} more" if len(ways) > 8 else "")
        raise SourceLoginCanWrite(
            f"the login of the extraction may write: {shown}; make a login that is a member of "
            "db_datareader alone and name it in 'source.username'"
        )


def _true(query: Query, expression: str) -> bool:
    return bool(query(f"SELECT {expression} AS answer")[0][0] == 1)


def _server(query: Query, catalog: Catalog) -> ServerFacts:
    version, edition, engine = query(_SERVER)[0]
    return ServerFacts(
        version=version,
        edition=edition,
        is_express=engine == _EXPRESS_ENGINE_EDITION,
        data_bytes=int(query(_DATA_BYTES)[0][0] or 0),
        snapshot_allowed=catalog.snapshot_allowed,
        change_tracking_on=catalog.change_tracking_on,
    )


def _table(query: Query, profile: Profile, logical: str, table: SourceTable, *, migrated: bool) -> TableFacts:
    declared = profile.table(logical)
    known = {*declared.columns.values(), *declared.blobs.values()}
    there = {column.name for column in table.columns}
    return TableFacts(
        logical=logical,
        source_table=table.source_name,
        migrated=migrated,
        rows=count_rows(query, table) if migrated else count_outside(query, [table])[0].rows,
        undeclared_columns=tuple(column for column in table.columns if column.name not in known),
        missing_columns=tuple(name for name in known if name not in there),
    )
