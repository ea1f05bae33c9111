"""Functions and @@variables whose answer is the session's alone; each is a constant of its statement."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from . import permissions
from .change_tracking import CURRENT_VERSION
from .environment import VERSION, VERSION_TEXT, Environment
from .errors import refused
from .scope import Bound
from .sqltypes import BIGINT, DATETIME, INT, SMALLINT, SYSNAME, SqlType, datetime2, nvarchar, varbinary

Constant = str | int | None


def constant(value: object, sql_type: SqlType, *, nullable: bool = True) -> Bound:
    if value is None:
        text = "NULL"
    elif isinstance(value, bytes):
        text = f"from_hex('{value.hex()}')"
    elif isinstance(value, datetime.datetime):
        text = f"'{value.isoformat(sep=' ')}'"
    elif isinstance(value, str):
        text = "'" + value.replace("'", "''") + "'"
    else:
        text = str(value)
    return Bound(f"CAST({text} AS {sql_type.duckdb})", sql_type, nullable)


# datetime's fractions of a second end in 0, 3 or 7 milliseconds.
def _as_datetime(moment: datetime.datetime) -> datetime.datetime:
    ticks = moment.microsecond * 3 // 10_000
    return moment.replace(microsecond=int(ticks * 10 / 3 + 0.5) * 1000)


def _rowversion(value: int) -> Bound:
    return constant(value.to_bytes(8, "big"), varbinary(8))


VARIABLES: dict[str, Callable[[Environment], Bound]] = {
    "@@DBTS": lambda e: _rowversion(e.database.last_rowversion),
    "@@VERSION": lambda e: constant(VERSION_TEXT, nvarchar(300)),
    "@@SPID": lambda e: constant(e.session_id, SMALLINT),
    "@@TRANCOUNT": lambda e: constant(e.open_transactions, INT),
    "@@ROWCOUNT": lambda e: constant(e.row_count, INT),
    "@@ERROR": lambda e: constant(e.error, INT),
    "@@SERVERNAME": lambda e: constant(e.server_name, nvarchar(128)),
    "@@LANGUAGE": lambda e: constant("us_english", nvarchar(128)),
    "@@MAX_PRECISION": lambda e: constant(38, SqlType("tinyint")),
}

_SERVER_PROPERTIES: dict[str, Constant] = {
    "edition": "Express Edition (64-bit)",
    "productversion": VERSION,
    "productmajorversion": "16",
    "productlevel": "RTM",
    "engineedition": 4,
    "collation": "SQL_Latin1_General_CP1_CI_AS",
    "instancename": None,
    "isclustered": 0,
    "ishadrenabled": 0,
    "isintegratedsecurityonly": 0,
}

_DATABASE_PROPERTIES: dict[str, Constant] = {
    "collation": "SQL_Latin1_General_CP1_CI_AS",
    "updateability": "READ_WRITE",
    "status": "ONLINE",
    "recovery": "SIMPLE",
    "useraccess": "MULTI_USER",
    "version": 957,
}


def _property(values: dict[str, Constant], name: Constant) -> Bound:
    # sql_variant, which these return, isn't a type of the sandbox: a number comes as int, text as nvarchar.
    value = values.get(str(name).casefold())
    return constant(value, INT if isinstance(value, int) else nvarchar(128))


def _server_property(environment: Environment, arguments: Sequence[Constant]) -> Bound:
    if str(arguments[0]).casefold() in ("servername", "machinename"):
        return constant(environment.server_name, nvarchar(128))
    return _property(_SERVER_PROPERTIES, arguments[0])


def _database_property(environment: Environment, arguments: Sequence[Constant]) -> Bound:
    if str(arguments[0]).casefold() != environment.database.name.casefold():
        return constant(None, nvarchar(128))
    return _property(_DATABASE_PROPERTIES, arguments[1])


def _object_id(environment: Environment, arguments: Sequence[Constant]) -> Bound:
    if len(arguments) > 1 and str(arguments[1]).upper() not in ("U", "NONE"):
        return constant(None, INT)
    table = permissions.object_table(environment.database.schema, str(arguments[0] or ""))
    return constant(table.object_id if table else None, INT)


def _object_name(environment: Environment, arguments: Sequence[Constant]) -> Bound:
    tables = environment.database.schema.tables
    return constant(next((t.name for t in tables if t.object_id == arguments[0]), None), SYSNAME)


def _database_name(environment: Environment, arguments: Sequence[Constant]) -> Bound:
    if arguments:
        raise refused("DB_NAME of an id")
    return constant(environment.database.name, nvarchar(128))


def _has_permission(environment: Environment, arguments: Sequence[Constant]) -> Bound:
    if len(arguments) != 3:
        raise refused("HAS_PERMS_BY_NAME of a sub-securable")
    securable, kind, permission = (None if value is None else str(value) for value in arguments)
    database = environment.database
    answer = permissions.has_permission(
        environment.login, database.schema, database.name, securable, kind, permission
    )
    if answer == 0 and str(permission).upper().rstrip() == permissions.VIEW_CHANGE_TRACKING:
        table = permissions.object_table(database.schema, securable or "")
        if table is not None and database.tracking.granted(environment.login.name, table):
            answer = 1
    return constant(answer, INT)


def _role_member(environment: Environment, arguments: Sequence[Constant]) -> Bound:
    if len(arguments) != 1:
        raise refused("a role of another principal")
    return constant(permissions.is_role_member(environment.login, str(arguments[0])), INT)


def _server_role_member(environment: Environment, arguments: Sequence[Constant]) -> Bound:
    if len(arguments) != 1:
        raise refused("a role of another login")
    return constant(permissions.is_server_role_member(str(arguments[0])), INT)


def _login_name(environment: Environment, arguments: Sequence[Constant]) -> Bound:
    if arguments:
        raise refused("the name of another principal")
    return constant(environment.login.name, nvarchar(128))


def _version(environment: Environment, sql: str) -> Bound:
    environment.reads_versions = True
    return Bound(sql, BIGINT)


def _min_valid_version(environment: Environment, arguments: Sequence[Constant]) -> Bound:
    if len(arguments) != 1 or isinstance(arguments[0], str):
        raise refused("CHANGE_TRACKING_MIN_VALID_VERSION of something else than an object's id")
    tracking = environment.database.tracking
    visible = environment.login.may(permissions.VIEW_CHANGE_TRACKING) or any(
        table.object_id == arguments[0] and tracking.granted(environment.login.name, table)
        for table in environment.database.schema.tables
    )
    return _version(environment, tracking.min_valid_version(arguments[0] if visible else None))


FUNCTIONS: dict[str, Callable[[Environment, Sequence[Constant]], Bound]] = {
    "MIN_ACTIVE_ROWVERSION": lambda e, _: _rowversion(e.database.min_active_rowversion()),
    "DB_NAME": _database_name,
    "SUSER_SNAME": _login_name,
    "SUSER_NAME": _login_name,
    "ORIGINAL_LOGIN": _login_name,
    "SYSTEM_USER": _login_name,
    "USER_NAME": _login_name,
    "CURRENT_USER": _login_name,
    "SESSION_USER": _login_name,
    "USER": _login_name,
    "SCHEMA_NAME": lambda e, _: constant("dbo", SYSNAME),
    "APP_NAME": lambda e, _: constant(e.application, nvarchar(128)),
    "HOST_NAME": lambda e, _: constant(e.host, nvarchar(128)),
    "SYSDATETIME": lambda e, _: constant(e.now, datetime2(7), nullable=False),
    "SYSUTCDATETIME": lambda e, _: constant(e.utc_now, datetime2(7), nullable=False),
    "GETDATE": lambda e, _: constant(_as_datetime(e.now), DATETIME, nullable=False),
    "CURRENT_TIMESTAMP": lambda e, _: constant(_as_datetime(e.now), DATETIME, nullable=False),
    "GETUTCDATE": lambda e, _: constant(_as_datetime(e.utc_now), DATETIME, nullable=False),
    "SERVERPROPERTY": _server_property,
    "DATABASEPROPERTYEX": _database_property,
    "OBJECT_ID": _object_id,
    "OBJECT_NAME": _object_name,
    "HAS_PERMS_BY_NAME": _has_permission,
    "IS_MEMBER": _role_member,
    "IS_ROLEMEMBER": _role_member,
    "IS_SRVROLEMEMBER": _server_role_member,
    "CHANGE_TRACKING_CURRENT_VERSION": lambda e, _: _version(e, CURRENT_VERSION),
    "CHANGE_TRACKING_MIN_VALID_VERSION": _min_valid_version,
}
