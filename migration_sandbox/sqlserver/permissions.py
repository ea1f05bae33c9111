"""Who may do what: the owner's and the reader's login, and the T-SQL functions that tell a client so.

panda_owner is db_owner, panda_reader is db_datareader; neither has a server role beyond public.
Source: Microsoft Learn, "Database-level roles", "HAS_PERMS_BY_NAME", "sys.fn_my_permissions".
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass

from .schema import Schema, Table

OWNER = "panda_owner"
READER = "panda_reader"
PASSWORD_VARIABLES = {OWNER: "PANDA_SANDBOX_OWNER_PASSWORD", READER: "PANDA_SANDBOX_READER_PASSWORD"}

VIEW_CHANGE_TRACKING = "VIEW CHANGE TRACKING"
OBJECT_PERMISSIONS = (
    "SELECT", "UPDATE", "REFERENCES", "INSERT", "DELETE", "VIEW CHANGE TRACKING", "VIEW DEFINITION", "ALTER",
    "TAKE OWNERSHIP", "CONTROL",
)  # fmt: skip
_READER_DATABASE = (
    "CONNECT",
    "SELECT",
    "VIEW ANY COLUMN ENCRYPTION KEY DEFINITION",
    "VIEW ANY COLUMN MASTER KEY DEFINITION",
)
_OWNER_DATABASE = (
    "CREATE TABLE", "CREATE VIEW", "CREATE PROCEDURE", "CREATE FUNCTION", "CREATE RULE", "CREATE DEFAULT",
    "BACKUP DATABASE", "BACKUP LOG", "CREATE TYPE", "CREATE ASSEMBLY", "CREATE SCHEMA", "CREATE SYNONYM",
    "CREATE ROLE", "CONNECT", "CONNECT REPLICATION", "CHECKPOINT", "SUBSCRIBE QUERY NOTIFICATIONS",
    "AUTHENTICATE",
    "SHOWPLAN", "ALTER ANY USER", "ALTER ANY ROLE", "ALTER ANY SCHEMA", "VIEW DATABASE STATE",
    "VIEW DEFINITION",
    "TAKE OWNERSHIP", "ALTER", "CONTROL", "SELECT", "INSERT", "UPDATE", "DELETE", "REFERENCES", "EXECUTE",
)  # fmt: skip
_SERVER = ("CONNECT SQL", "VIEW ANY DATABASE")
_SERVER_KNOWN = (
    *_SERVER, "ALTER ANY DATABASE", "CONTROL SERVER", "CREATE ANY DATABASE", "VIEW SERVER STATE",
    "ALTER ANY LOGIN",
    "ALTER SETTINGS", "SHUTDOWN", "ADMINISTER BULK OPERATIONS", "VIEW ANY DEFINITION", "ALTER SERVER STATE",
    "ALTER ANY CONNECTION",
)  # fmt: skip
_DATABASE_ROLES = (
    "db_owner", "db_accessadmin", "db_securityadmin", "db_ddladmin", "db_backupoperator", "db_datareader",
    "db_datawriter", "db_denydatareader", "db_denydatawriter",
)  # fmt: skip
_SERVER_ROLES = (
    "sysadmin", "serveradmin", "securityadmin", "processadmin", "setupadmin", "bulkadmin", "diskadmin",
    "dbcreator",
)  # fmt: skip


@dataclass(frozen=True)
class Login:
    name: str

    @property
    def is_owner(self) -> bool:
        return self.name == OWNER

    def may(self, permission: str) -> bool:
        """By its role, on every table; VIEW CHANGE TRACKING may be granted on single ones too."""
        return self.is_owner or permission == "SELECT"

    def database_permissions(self) -> tuple[str, ...]:
        return _OWNER_DATABASE if self.is_owner else _READER_DATABASE

    def object_permissions(self) -> tuple[str, ...]:
        return OBJECT_PERMISSIONS if self.is_owner else ("SELECT",)


def authenticated(name: str, password: str) -> Login | None:
    """The login of this name where the password is the one in its environment variable, which must be set."""
    variable = PASSWORD_VARIABLES.get(name.casefold())
    expected = os.environ.get(variable, "") if variable else ""
    if not expected or not hmac.compare_digest(expected.encode(), password.encode()):
        return None
    return Login(name.casefold())


def object_table(schema: Schema, text: str) -> Table | None:
    """A table by a name such as Patient, dbo.Patient or [dbo].[Patient]."""
    parts = split_name(text)
    if not parts or len(parts) > 3:
        return None
    return schema.table(parts[-1], parts[-2] if len(parts) > 1 and parts[-2] else "dbo")


def split_name(text: str) -> list[str]:
    parts: list[str] = []
    rest = text.strip()
    while rest:
        if rest[0] in '["':
            end = rest.find("]" if rest[0] == "[" else '"', 1)
            if end < 0:
                return []
            parts.append(rest[1:end])
            rest = rest[end + 1 :]
        else:
            name, dot, tail = rest.partition(".")
            parts.append(name)
            rest = dot + tail
        if rest and not rest.startswith("."):
            return []
        rest = rest[1:]
    return parts


def has_permission(
    login: Login,
    schema: Schema,
    database: str,
    securable: str | None,
    securable_class: str | None,
    permission: str | None,
) -> int | None:
    """HAS_PERMS_BY_NAME: 1, 0, or None where the securable, its class or the permission isn't valid."""
    if permission is None:
        return None
    wanted = permission.upper().rstrip()
    kind = (securable_class or "").upper()
    if securable is None and not kind:
        return (1 if wanted in _SERVER else 0) if wanted in _SERVER_KNOWN or wanted == "ANY" else None
    if kind == "DATABASE":
        if securable is not None and "".join(split_name(securable)).casefold() != database.casefold():
            return None
        if wanted == "ANY":
            return 1
        known = {*_OWNER_DATABASE, *_READER_DATABASE}
        return (1 if wanted in login.database_permissions() else 0) if wanted in known else None
    if kind == "OBJECT" and securable is not None:
        if object_table(schema, securable) is None:
            return None
        if wanted == "ANY":
            return 1
        if wanted not in OBJECT_PERMISSIONS:
            return 0 if wanted in ("EXECUTE", "RECEIVE") else None
        return 1 if wanted in login.object_permissions() else 0
    if kind == "SCHEMA" and securable is not None:
        owners = {table.schema.casefold() for table in schema.tables} | {"dbo"}
        if "".join(split_name(securable)).casefold() not in owners:
            return None
        return 1 if wanted in login.object_permissions() or wanted == "ANY" else 0
    return None


def is_role_member(login: Login, role: str | None) -> int | None:
    """IS_ROLEMEMBER and IS_MEMBER for the session's own user: a db_owner isn't a member of the other
    roles."""
    name = (role or "").casefold()
    if name == "public":
        return 1
    if name not in _DATABASE_ROLES:
        return None
    return 1 if name == ("db_owner" if login.is_owner else "db_datareader") else 0


def is_server_role_member(role: str | None) -> int | None:
    name = (role or "").casefold()
    return 1 if name == "public" else 0 if name in _SERVER_ROLES else None


def my_permissions(
    login: Login, schema: Schema, securable: str | None, securable_class: str | None
) -> list[tuple[str, str, str]]:
    """The rows (entity_name, subentity_name, permission_name) of fn_my_permissions."""
    kind = (securable_class or "").upper()
    if kind == "DATABASE":
        return [("database", "", permission) for permission in login.database_permissions()]
    if kind == "SERVER":
        return [("server", "", permission) for permission in _SERVER]
    if kind == "OBJECT" and securable is not None:
        table = object_table(schema, securable)
        if table is None:
            return []
        columns = [column.name for column in table.columns]
        rows = [(securable, "", permission) for permission in login.object_permissions()]
        per_column = [p for p in ("SELECT", "UPDATE", "REFERENCES") if p in login.object_permissions()]
        return rows + [(securable, column, permission) for permission in per_column for column in columns]
    return []
