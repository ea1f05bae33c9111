"""ALTER and GRANT of change tracking: the only changes of a database's own settings that the wire accepts.

The caller holds the database's write lock, in a transaction of the statement's own.
"""

from __future__ import annotations

import duckdb

from . import syntax
from .change_tracking import UNITS
from .database import Database
from .errors import SqlServerError
from .permissions import OWNER, PASSWORD_VARIABLES
from .query_binder import QueryBinder


def run(
    database: Database,
    cursor: duckdb.DuckDBPyConnection,
    binder: QueryBinder,
    statement: syntax.AlterDatabase | syntax.AlterTable | syntax.Grant,
) -> None:
    """Raises SqlServerError with 5011, 1088, 15151, 5088, 22115, 4996, 4997 or 4998; or Blocked."""
    owner = binder.environment.login.is_owner
    match statement:
        case syntax.AlterDatabase(name):
            if not owner or (name is not None and name.casefold() != database.name.casefold()):
                raise SqlServerError(
                    5011,
                    f"User does not have permission to alter database '{name or database.name}', the "
                    "database does not exist, or the database is not in a state that allows access checks.",
                    severity=14,
                    state=9,
                )
            if statement.on:
                settings = (statement.retention, UNITS[statement.units], int(statement.auto_cleanup))
                database.tracking.enable(cursor, database.name, settings)
            else:
                database.tracking.disable(cursor, database.name)
        case syntax.AlterTable(altered):
            table = binder.table(altered)
            if not owner:
                raise SqlServerError(
                    1088,
                    f'Cannot find the object "{table.name}" because it does not exist or you do not have '
                    "permissions.",
                    state=13,
                )
            database.locks.take_table(cursor, table.full_name)
            if statement.on:
                database.tracking.enable_table(cursor, table)
            else:
                database.tracking.disable_table(cursor, table)
        case syntax.Grant(shown, to):
            table = binder.table(shown)
            if not owner or to.casefold() not in PASSWORD_VARIABLES or to.casefold() == OWNER:
                raise SqlServerError(
                    15151,
                    f"Cannot find the object '{table.name}' or the user '{to}', because it does not exist or "
                    "you do not have permission.",
                )
            database.tracking.grant(cursor, to.casefold(), table)
