"""SQL Server's errors as the sandbox raises them: number, severity, message.

Numbers and texts are those of sys.messages (Microsoft Learn, "Database Engine events and errors"). What the
sandbox will not run is a user error, 50000, whose text begins with "The sandbox refuses". A message names
objects, columns and types; it holds a value only where SQL Server itself would quote it (2627's key).
The server's log keeps numbers alone.
"""

from __future__ import annotations

REFUSAL = 50000


class SqlServerError(Exception):
    """An error as SQL Server sends it to a client.

    severity 11 to 16 ends the statement, 17 to 19 is a resource, 20 and above closes the connection.
    """

    def __init__(self, number: int, message: str, *, severity: int = 16, state: int = 1) -> None:
        super().__init__(f"Msg {number}, Level {severity}, State {state}: {message}")
        self.number = number
        self.message = message
        self.severity = severity
        self.state = state


def refused(what: str) -> SqlServerError:
    """A statement that SQL Server would run and the sandbox can't run faithfully."""
    return SqlServerError(REFUSAL, f"The sandbox refuses {what}: it can't answer as SQL Server would.")


def syntax_near(text: str) -> SqlServerError:
    return SqlServerError(102, f"Incorrect syntax near '{text}'.", severity=15)


def invalid_object(name: str) -> SqlServerError:
    return SqlServerError(208, f"Invalid object name '{name}'.")


def invalid_column(name: str) -> SqlServerError:
    return SqlServerError(207, f"Invalid column name '{name}'.")


def permission_denied(permission: str, object_name: str, database: str, schema: str) -> SqlServerError:
    return SqlServerError(
        229,
        f"The {permission} permission was denied on the object '{object_name}', database '{database}', "
        f"schema '{schema}'.",
        severity=14,
        state=5,
    )


def null_not_allowed(column: str, table: str, statement: str) -> SqlServerError:
    return SqlServerError(
        515,
        f"Cannot insert the value NULL into column '{column}', table '{table}'; "
        f"column does not allow nulls. {statement} fails.",
        state=2,
    )


def duplicate_key(constraint: str, table: str) -> SqlServerError:
    """2627 without the key's value: SQL Server quotes it, a practice's log must not."""
    return SqlServerError(
        2627,
        f"Violation of PRIMARY KEY constraint '{constraint}'. Cannot insert duplicate key in object "
        f"'{table}'.",
        severity=14,
    )


def foreign_key_missing(
    statement: str, constraint: str, database: str, table: str, column: str
) -> SqlServerError:
    return SqlServerError(
        547,
        f'The {statement} statement conflicted with the FOREIGN KEY constraint "{constraint}". '
        f'The conflict occurred in database "{database}", table "{table}", column \'{column}\'.',
        state=0,
    )


def still_referenced(
    statement: str, constraint: str, database: str, table: str, column: str
) -> SqlServerError:
    return SqlServerError(
        547,
        f'The {statement} statement conflicted with the REFERENCE constraint "{constraint}". '
        f'The conflict occurred in database "{database}", table "{table}", column \'{column}\'.',
        state=0,
    )


def deadlocked(session: int) -> SqlServerError:
    return SqlServerError(
        1205,
        f"Transaction (Process ID {session}) was deadlocked on lock resources with another process and has "
        "been chosen as the deadlock victim. Rerun the transaction.",
        severity=13,
        state=51,
    )


def would_truncate(table: str, column: str) -> SqlServerError:
    """2628 without "Truncated value": SQL Server quotes the value's beginning, the sandbox doesn't."""
    return SqlServerError(
        2628, f"String or binary data would be truncated in table '{table}', column '{column}'."
    )


def arithmetic_overflow(type_name: str, source: str = "expression") -> SqlServerError:
    return SqlServerError(
        8115, f"Arithmetic overflow error converting {source} to data type {type_name}.", state=2
    )


def conversion_failed(source: str, target: str) -> SqlServerError:
    """8114, or 245 without the value for strings to integers: both say the types, neither the value here."""
    if target in ("int", "bigint", "smallint", "tinyint", "bit"):
        return SqlServerError(
            245, f"Conversion failed when converting the {source} value to data type {target}."
        )
    if target in ("date", "time", "datetime", "datetime2"):
        return SqlServerError(
            241, "Conversion failed when converting date and/or time from character string."
        )
    return SqlServerError(8114, f"Error converting data type {source} to {target}.", state=5)
