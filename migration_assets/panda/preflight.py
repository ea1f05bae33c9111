"""What must be known before an extraction: may the login only read, does the database fit the profile.

Gives a report with counts and names for a person to judge; no value of a patient's record is in it. The
distributions are of the raw values, with no convention of the profile applied: whether `recession_positive`
is right shows there or nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from migration_assets.errors import SourceLoginCanWrite
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
from migration_assets.panda.profile import CHART_TABLE, Profile, TableProfile

EXPRESS_LIMIT_BYTES = 10 * 2**30
"""Data files of a database on SQL Server Express 2008 R2 and later; the log doesn't count."""

_EXPRESS_ENGINE_EDITION = 4
_MANY_CODES = 200

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

# Logical table, its logical columns (by name, or by the beginning of their names), what the report calls it.
_DISTRIBUTIONS = (
    ("ClinicalExam", "ToothNumberingSystem", "tooth numbering systems, exams"),
    ("PeriodontalCharting", "Tooth", "teeth by code, charted teeth"),
    ("PeriodontalCharting", "ToothStatus", "tooth status, charted teeth"),
    ("PeriodontalCharting", "PocketDepth_*", "pocket depth in mm, sites"),
    ("PeriodontalCharting", "Recession_*", "recession as stored, sites"),
    ("PeriodontalCharting", "Mobility", "mobility, charted teeth"),
    ("PeriodontalCharting", "Furcation_*", "furcation grade, entrances"),
)
_SITES = "Value_MB Value_B Value_DB Value_ML Value_L Value_DL"
# Of a chart kept by measures: kind, columns, name.
_MEASURE_DISTRIBUTIONS = (
    ("status", "Value_Tooth", "tooth status by number, charted teeth"),
    ("pocket_depth", _SITES, "pocket depth in mm, sites"),
    ("recession", _SITES, "recession as stored, sites"),
    ("mobility", "Value_Tooth", "mobility, charted teeth"),
    ("furcation", _SITES, "furcation grade, entrances"),
)


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
    """``undeclared_columns`` come along in the extraction, large objects and CLR types aside."""

    logical: str
    source_table: str
    rows: int
    undeclared_columns: tuple[SourceColumn, ...]


@dataclass(frozen=True)
class Distribution:
    """How often each value stands in the source, the most frequent first; ``(null)`` counts NULLs."""

    name: str
    counts: Mapping[str, int]


@dataclass(frozen=True)
class PreflightReport:
    server: ServerFacts
    tables: tuple[TableFacts, ...]
    not_in_scope: tuple[NotInScope, ...]
    distributions: tuple[Distribution, ...]
    recession_by_sign: Mapping[str, int]

    @property
    def undeclared_columns(self) -> dict[str, list[str]]:
        """Logical table -> columns that the profile doesn't name; a practice's own findings stand there."""
        return {
            table.logical: [column.name for column in table.undeclared_columns]
            for table in self.tables
            if table.undeclared_columns
        }


def preflight(source: Source, profile: Profile, tables: Collection[str] | None = None) -> PreflightReport:
    """Asks the server; changes nothing. ``tables`` are the logical ones that must be there (default: all
    of the profile); the others are counted as not in scope.

    Raises SourceLoginCanWrite, SourceTableMissing, SourceColumnMissing, or what connecting raises.
    """
    with source.catalog() as connection:
        query: Query = connection.rows
        catalog = read_catalog(query)
        _refuse_writing_login(query, profile)
        needed = profile.tables if tables is None else tables
        found = catalog.fitting(profile, needed)
        distributions = tuple(
            Distribution(name, _histogram(query, profile.table(logical), found[logical], columns, where))
            for logical, columns, name, where in _distributions(profile)
            if logical in found
        )
        return PreflightReport(
            server=_server(query, catalog),
            tables=tuple(_table(query, profile, logical, table) for logical, table in found.items()),
            not_in_scope=count_outside(query, catalog.outside(profile.table(name) for name in needed)),
            distributions=distributions,
            recession_by_sign=_by_sign([each for each in distributions if each.name.startswith("recession")]),
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


def _table(query: Query, profile: Profile, logical: str, table: SourceTable) -> TableFacts:
    declared = profile.table(logical)
    known = {*declared.columns.values(), *declared.blobs.values()}
    return TableFacts(
        logical=logical,
        source_table=table.source_name,
        rows=count_rows(query, table),
        undeclared_columns=tuple(column for column in table.columns if column.name not in known),
    )


def _distributions(profile: Profile) -> Iterator[tuple[str, str, str, str]]:
    """Logical table, columns, what they are called, and a condition in SQL on the rows that count."""
    rows = profile.chart.measure_rows
    for logical, columns, name in _DISTRIBUTIONS:
        if logical != CHART_TABLE or rows is None or columns == "Tooth":
            yield logical, columns, name, ""
    if rows is None:
        return
    yield CHART_TABLE, "Measure", "rows by measure", ""
    measure = bracketed(profile.table(CHART_TABLE).actual("Measure"))
    for kind, columns, name in _MEASURE_DISTRIBUTIONS:
        for code in (code for code, meant in rows.kinds.items() if meant == kind):
            yield CHART_TABLE, columns, name, f" WHERE {measure} = {national_literal(code)}"


def _histogram(
    query: Query, declared: TableProfile, table: SourceTable, columns: str, where: str
) -> dict[str, int]:
    beginnings = tuple(each.removesuffix("*") for each in columns.split() if each.endswith("*"))
    logical = [c for c in declared.columns if c in columns.split() or c.startswith(beginnings)]
    counts: Counter[str] = Counter()
    for column in logical:
        name = bracketed(declared.actual(column))
        for value, rows in query(
            f"SELECT {name} AS value, COUNT_BIG(*) AS n FROM {table.sql_name}{where} GROUP BY {name}"
        ):
            counts["(null)" if value is None else str(value)] += int(rows)
    return dict(counts.most_common(_MANY_CODES))


def _by_sign(recession: Sequence[Distribution]) -> dict[str, int]:
    signs = {"negative": 0, "0": 0, "positive": 0, "100 and above": 0, "(null)": 0}
    for value, count in (pair for each in recession for pair in each.counts.items()):
        if value == "(null)":
            sign = value
        else:
            number = float(value)
            sign = (
                "negative"
                if number < 0
                else "0"
                if number == 0
                else "100 and above"
                if number >= 100
                else "positive"
            )
        signs[sign] += count
    return signs
