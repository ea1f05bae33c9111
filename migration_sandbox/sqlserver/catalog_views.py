"""The sys and INFORMATION_SCHEMA views, as rows made from the Schema; each a typed relation for the binder.

Columns are a selection of each view's own, under their own names and types (Microsoft Learn, "System catalog
views"); a column that isn't here is 207, a view that isn't here is 208. Row counts come from the tables.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from .database import Database
from .environment import Environment
from .schema import Column, Table, object_id
from .sqltypes import (
    BIGINT,
    BIT,
    DATETIME,
    INT,
    SMALLINT,
    SYSNAME,
    SYSTEM_TYPE_IDS,
    TINYINT,
    SqlType,
    make_type,
    nvarchar,
)

COLLATION = "SQL_Latin1_General_CP1_CI_AS"
_CREATED = datetime.datetime(2024, 1, 1)
_PAGE = 8192
Row = tuple[object, ...]


@dataclass(frozen=True)
class View:
    columns: tuple[tuple[str, SqlType], ...]
    rows: Callable[[Environment], list[Row]]


def _literal(value: object, sql_type: SqlType) -> str:
    if value is None:
        text = "NULL"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int):
        text = str(value)
    else:
        text = "'" + str(value).replace("'", "''") + "'"
    return f"CAST({text} AS {sql_type.duckdb})"


def relation(view: View, environment: Environment) -> str:
    """The view as a DuckDB subquery whose columns have the view's names."""
    names = ", ".join(f'"{name}"' for name, _ in view.columns)
    rows = view.rows(environment)
    if not rows:
        empty = ", ".join(f'CAST(NULL AS {sql_type.duckdb}) AS "{name}"' for name, sql_type in view.columns)
        return f"(SELECT {empty} WHERE false)"
    values = ", ".join(
        "("
        + ", ".join(_literal(value, sql_type) for value, (_, sql_type) in zip(row, view.columns, strict=True))
        + ")"
        for row in rows
    )
    return f"(SELECT * FROM (VALUES {values}) v({names}))"


def row_count(database: Database, table: Table) -> int:
    cursor = database.cursor()
    try:
        found = cursor.execute(f"SELECT count(*) FROM {table.duckdb_name}").fetchone()
    finally:
        cursor.close()
    assert found is not None
    return int(found[0])


def _tables(environment: Environment) -> tuple[Table, ...]:
    return environment.database.schema.tables


def _schema_ids(environment: Environment) -> dict[str, int]:
    ids = {"dbo": 1, "guest": 2, "INFORMATION_SCHEMA": 3, "sys": 4}
    for table in _tables(environment):
        ids.setdefault(table.schema, 5 + len(ids) - 4)
    return ids


def _database_id(name: str) -> int:
    return 5 + object_id(name) % 30_000


def _databases(environment: Environment) -> list[Row]:
    name = environment.database.name
    return [
        (name, _database_id(name), _CREATED, 160, COLLATION, 0, "MULTI_USER", False, 0, "ONLINE", 1, "ON",
         True, 3,
         "SIMPLE", False, False, False, False)
    ]  # fmt: skip


def _default_id(table: Table, column: Column) -> int:
    return object_id(f"{table.full_name}.DF_{column.name}")


def _default_constraints(environment: Environment) -> list[Row]:
    """The DDL names none of them, so each is named by the server, as is its key."""
    ids = _schema_ids(environment)
    return [
        (f"DF__{table.name[:9]}__{column.name[:5]}__{_default_id(table, column):08X}",
         _default_id(table, column), ids[table.schema], table.object_id, "D ", "DEFAULT_CONSTRAINT", position,
         f"({column.default})", True)
        for table in _tables(environment)
        for position, column in enumerate(table.columns, 1)
        if column.default
    ]  # fmt: skip


def _columns(environment: Environment) -> list[Row]:
    rows: list[Row] = []
    for table in _tables(environment):
        for position, column in enumerate(table.columns, 1):
            kind = column.type
            identifier = SYSTEM_TYPE_IDS[kind.name]
            collation = COLLATION if kind.is_string else None
            default = _default_id(table, column) if column.default else 0
            rows.append((table.object_id, column.name, position, identifier, identifier, kind.max_length,
                         kind.catalog_precision, kind.catalog_scale, collation, column.nullable, False, False,
                         default))  # fmt: skip
    return rows


def _types(environment: Environment) -> list[Row]:
    rows: list[Row] = []
    for name, identifier in SYSTEM_TYPE_IDS.items():
        default = make_type(name, ("38", "38") if name in ("decimal", "numeric") else ())
        assert default is not None
        limit = (
            8000 if default.is_string or (default.is_binary and name != "rowversion") else default.max_length
        )
        shown = "timestamp" if name == "rowversion" else name
        rows.append((shown, identifier, identifier, 4, limit, default.catalog_precision,
                     default.catalog_scale,
                     COLLATION if default.is_string else None, True, False))  # fmt: skip
    rows.append(("sysname", 231, 256, 4, 256, 0, 0, COLLATION, False, False))
    return rows


@dataclass(frozen=True)
class _IndexRow:
    table: Table
    name: str | None
    index_id: int
    columns: tuple[str, ...]
    primary: bool


def _all_indexes(environment: Environment) -> list[_IndexRow]:
    found: list[_IndexRow] = []
    for table in _tables(environment):
        if table.primary_key is None:
            found.append(_IndexRow(table, None, 0, (), primary=False))
        else:
            found.append(_IndexRow(table, table.primary_key.name, 1, table.primary_key.columns, primary=True))
        for number, index in enumerate(table.indexes, 2):
            found.append(_IndexRow(table, index.name, number, index.columns, primary=False))
    return found


def _indexes(environment: Environment) -> list[Row]:
    kinds = ("HEAP", "CLUSTERED", "NONCLUSTERED")
    return [
        (i.table.object_id, i.name, i.index_id, min(i.index_id, 2), kinds[min(i.index_id, 2)], i.primary,
         i.primary,
         False, False)
        for i in _all_indexes(environment)
    ]  # fmt: skip


def _position(table: Table, name: str) -> int:
    return [column.name.casefold() for column in table.columns].index(name.casefold()) + 1


def _index_columns(environment: Environment) -> list[Row]:
    return [
        (i.table.object_id, i.index_id, key, _position(i.table, name), key, False, False)
        for i in _all_indexes(environment)
        for key, name in enumerate(i.columns, 1)
    ]


def _foreign_keys(environment: Environment) -> list[Row]:
    cursor = environment.database.cursor()
    untrusted = {
        row[0] for row in cursor.execute("SELECT name FROM sandbox.untrusted_foreign_key").fetchall()
    }
    cursor.close()
    ids = _schema_ids(environment)
    return [
        (key.name, object_id(f"{table.schema}.{key.name}"), ids[table.schema], table.object_id,
         object_id(key.referenced_table), False, key.name in untrusted, 0, 0)
        for table in _tables(environment)
        for key in table.foreign_keys
    ]  # fmt: skip


def _foreign_key_columns(environment: Environment) -> list[Row]:
    rows: list[Row] = []
    for table in _tables(environment):
        for key in table.foreign_keys:
            parent = environment.database.table(key.referenced_table)
            for number, (mine, theirs) in enumerate(zip(key.columns, key.referenced_columns, strict=True), 1):
                rows.append((object_id(f"{table.schema}.{key.name}"), number, table.object_id,
                             _position(table, mine),
                             parent.object_id, _position(parent, theirs)))  # fmt: skip
    return rows


def _database_files(environment: Environment) -> list[Row]:
    name = environment.database.name
    pages = max(1024, -(-environment.database.path.stat().st_size // _PAGE))
    return [
        (1, 0, "ROWS", 1, name, f"{name}.mdf", pages, -1),
        (2, 1, "LOG", 0, f"{name}_log", f"{name}_log.ldf", 1024, -1),
    ]


def _tracking_database(environment: Environment) -> list[Row]:
    number = _database_id(environment.database.name)
    found = _rows(environment, "SELECT auto_cleanup, retention, units FROM sandbox.tracking")
    return [(number, *row) for row in found]


def _tracked_tables(environment: Environment) -> list[Row]:
    found = _rows(
        environment,
        "SELECT name, false, min_valid_version, begin_version, cleanup_version FROM sandbox.tracked_table",
    )
    return [(object_id(str(row[0])), *row[1:]) for row in found]


def _rows(environment: Environment, sql: str) -> list[Row]:
    cursor = environment.database.cursor()
    try:
        return cursor.execute(sql).fetchall()
    finally:
        cursor.close()


# A two-letter code, such as U for a user table.
_KIND = SqlType("char", 2)
_OBJECT = (("name", SYSNAME), ("object_id", INT), ("schema_id", INT), ("parent_object_id", INT),
           ("type", _KIND), ("type_desc", nvarchar(60)), ("create_date", DATETIME), ("modify_date", DATETIME),
           ("is_ms_shipped", BIT))  # fmt: skip


def _objects(environment: Environment) -> list[Row]:
    ids = _schema_ids(environment)
    return [
        (t.name, t.object_id, ids[t.schema], 0, "U ", "USER_TABLE", _CREATED, _CREATED, False)
        for t in _tables(environment)
    ]


def _information_columns(environment: Environment) -> list[Row]:
    rows: list[Row] = []
    for table in _tables(environment):
        for position, column in enumerate(table.columns, 1):
            kind = column.type
            sized = kind.is_string or kind.name in ("binary", "varbinary")
            numeric = kind.is_numeric and kind.name != "bit"
            fraction = {"date": 0, "datetime": 3}.get(kind.name, kind.scale) if kind.is_temporal else None
            rows.append((
                environment.database.name, table.schema, table.name, column.name, position,
                f"({column.default})" if column.default else None, "YES" if column.nullable else "NO",
                "timestamp" if kind.name == "rowversion" else kind.name,
                kind.length if sized else None, kind.max_length if sized else None,
                kind.catalog_precision if numeric else None,
                kind.catalog_scale if numeric and not kind.is_approximate else None, fraction,
                COLLATION if kind.is_string else None,
            ))  # fmt: skip
    return rows


VIEWS: dict[str, View] = {
    "sys.databases": View(
        (("name", SYSNAME), ("database_id", INT), ("create_date", DATETIME), ("compatibility_level", TINYINT),
         ("collation_name", SYSNAME), ("user_access", TINYINT), ("user_access_desc", nvarchar(60)),
         ("is_read_only", BIT), ("state", TINYINT), ("state_desc", nvarchar(60)),
         ("snapshot_isolation_state", TINYINT), ("snapshot_isolation_state_desc", nvarchar(60)),
         ("is_read_committed_snapshot_on", BIT), ("recovery_model", TINYINT), ("recovery_model_desc",
                                                                               nvarchar(60)),
         ("is_cdc_enabled", BIT), ("is_encrypted", BIT), ("is_broker_enabled", BIT), ("is_in_standby", BIT)),
        _databases,
    ),
    "sys.schemas": View(
        (("name", SYSNAME), ("schema_id", INT), ("principal_id", INT)),
        lambda environment: [(name, number, 1) for name, number in _schema_ids(environment).items()],
    ),
    "sys.tables": View(
        (*_OBJECT, ("is_tracked_by_cdc", BIT), ("temporal_type", TINYINT), ("is_memory_optimized", BIT)),
        lambda environment: [(*row, False, 0, False) for row in _objects(environment)],
    ),
    "sys.objects": View(_OBJECT, _objects),
    "sys.views": View(_OBJECT, lambda environment: []),
    "sys.columns": View(
        (("object_id", INT), ("name", SYSNAME), ("column_id", INT), ("system_type_id", TINYINT),
         ("user_type_id", INT),
         ("max_length", SMALLINT), ("precision", TINYINT), ("scale", TINYINT), ("collation_name", SYSNAME),
         ("is_nullable", BIT), ("is_identity", BIT), ("is_computed", BIT), ("default_object_id", INT)),
        _columns,
    ),
    "sys.types": View(
        (("name", SYSNAME), ("system_type_id", TINYINT), ("user_type_id", INT), ("schema_id", INT),
         ("max_length", SMALLINT), ("precision", TINYINT), ("scale", TINYINT), ("collation_name", SYSNAME),
         ("is_nullable", BIT), ("is_user_defined", BIT)),
        _types,
    ),
    "sys.indexes": View(
        (("object_id", INT), ("name", SYSNAME), ("index_id", INT), ("type", TINYINT), ("type_desc",
                                                                                       nvarchar(60)),
         ("is_unique", BIT), ("is_primary_key", BIT), ("is_unique_constraint", BIT), ("is_disabled", BIT)),
        _indexes,
    ),
    "sys.index_columns": View(
        (("object_id", INT), ("index_id", INT), ("index_column_id", INT), ("column_id", INT), ("key_ordinal",
                                                                                               TINYINT),
         ("is_descending_key", BIT), ("is_included_column", BIT)),
        _index_columns,
    ),
    "sys.key_constraints": View(
        (("name", SYSNAME), ("object_id", INT), ("schema_id", INT), ("parent_object_id", INT),
         ("type", _KIND), ("type_desc", nvarchar(60)), ("unique_index_id", INT), ("is_system_named", BIT)),
        lambda environment: [
            (t.primary_key.name, object_id(f"{t.schema}.{t.primary_key.name}"),
             _schema_ids(environment)[t.schema],
             t.object_id, "PK", "PRIMARY_KEY_CONSTRAINT", 1, t.primary_key.system_named)
            for t in _tables(environment) if t.primary_key is not None
        ],
    ),
    "sys.default_constraints": View(
        (("name", SYSNAME), ("object_id", INT), ("schema_id", INT), ("parent_object_id", INT),
         ("type", _KIND), ("type_desc", nvarchar(60)), ("parent_column_id", INT),
         ("definition", nvarchar(4000)), ("is_system_named", BIT)),
        _default_constraints,
    ),
    # No database of the sandbox has an identity or a computed column; sql_variant is shown as nvarchar.
    "sys.identity_columns": View(
        (("object_id", INT), ("name", SYSNAME), ("column_id", INT), ("is_identity", BIT),
         ("seed_value", nvarchar(4000)), ("increment_value", nvarchar(4000)), ("last_value", nvarchar(4000))),
        lambda environment: [],
    ),
    "sys.computed_columns": View(
        (("object_id", INT), ("name", SYSNAME), ("column_id", INT), ("is_computed", BIT),
         ("definition", nvarchar(4000)), ("is_persisted", BIT)),
        lambda environment: [],
    ),
    "sys.extended_properties": View(
        (("class", TINYINT), ("class_desc", nvarchar(60)), ("major_id", INT), ("minor_id", INT),
         ("name", SYSNAME), ("value", nvarchar(4000))),
        lambda environment: [],
    ),
    "sys.foreign_keys": View(
        (("name", SYSNAME), ("object_id", INT), ("schema_id", INT), ("parent_object_id", INT),
         ("referenced_object_id", INT), ("is_disabled", BIT), ("is_not_trusted", BIT),
         ("delete_referential_action", TINYINT), ("update_referential_action", TINYINT)),
        _foreign_keys,
    ),
    "sys.foreign_key_columns": View(
        (("constraint_object_id", INT), ("constraint_column_id", INT), ("parent_object_id", INT),
         ("parent_column_id", INT), ("referenced_object_id", INT), ("referenced_column_id", INT)),
        _foreign_key_columns,
    ),
    "sys.partitions": View(
        (("partition_id", BIGINT), ("object_id", INT), ("index_id", INT), ("partition_number", INT), ("rows",
                                                                                                      BIGINT)),
        lambda environment: [
            (i.table.object_id * 8 + i.index_id, i.table.object_id, i.index_id, 1,
             row_count(environment.database, i.table))
            for i in _all_indexes(environment)
        ],
    ),
    "sys.database_files": View(
        (("file_id", INT), ("type", TINYINT), ("type_desc", nvarchar(60)), ("data_space_id", INT), ("name",
                                                                                                    SYSNAME),
         ("physical_name", nvarchar(260)), ("size", INT), ("max_size", INT)),
        _database_files,
    ),
    "sys.change_tracking_databases": View(
        (("database_id", INT), ("is_auto_cleanup_on", TINYINT), ("retention_period", INT),
         ("retention_period_units", TINYINT)),
        _tracking_database,
    ),
    "sys.change_tracking_tables": View(
        (("object_id", INT), ("is_track_columns_updated_on", BIT), ("min_valid_version", BIGINT),
         ("begin_version", BIGINT),
         ("cleanup_version", BIGINT)),
        _tracked_tables,
    ),
    "information_schema.tables": View(
        (("TABLE_CATALOG", SYSNAME), ("TABLE_SCHEMA", SYSNAME), ("TABLE_NAME", SYSNAME), ("TABLE_TYPE",
                                                                                          SqlType("varchar",
                                                                                                  10))),
        lambda environment: [
            (environment.database.name, t.schema, t.name, "BASE TABLE") for t in _tables(environment)
        ],
    ),
    "information_schema.columns": View(
        (("TABLE_CATALOG", SYSNAME), ("TABLE_SCHEMA", SYSNAME), ("TABLE_NAME", SYSNAME), ("COLUMN_NAME",
                                                                                          SYSNAME),
         ("ORDINAL_POSITION", INT), ("COLUMN_DEFAULT", nvarchar(4000)), ("IS_NULLABLE", SqlType("varchar",
                                                                                                3)),
         ("DATA_TYPE", SYSNAME), ("CHARACTER_MAXIMUM_LENGTH", INT), ("CHARACTER_OCTET_LENGTH", INT),
         ("NUMERIC_PRECISION", TINYINT), ("NUMERIC_SCALE", INT), ("DATETIME_PRECISION", SMALLINT),
         ("COLLATION_NAME", SYSNAME)),
        _information_columns,
    ),
}  # fmt: skip
