"""INSERT, UPDATE, DELETE and TRUNCATE inside a session's transaction, by SQL Server's rules of permission
and keys.

Each function returns the count of rows. The caller holds the database's write lock and has begun the
transaction.
"""

from __future__ import annotations

import contextlib

import duckdb
import numpy as np
import pyarrow as pa

from . import syntax
from .database import Database, default_value, rowversion_array
from .errors import SqlServerError, invalid_column, refused, still_referenced
from .query_binder import QueryBinder
from .schema import Column, Table, quoted
from .scope import Bound, Scope, SourceColumn, SourceTable
from .sqltypes import MAX, SqlType
from .storage_rules import assign, check_foreign_key, check_primary_key, checked, comparison_key


def insert_source(binder: QueryBinder, statement: syntax.Insert) -> tuple[Table, list[Column], str]:
    """The table, the columns given, and a DuckDB query that yields their values in the columns' types."""
    table = binder.table(statement.table)
    binder.require("INSERT", table)
    columns = _insert_columns(table, statement)
    if statement.query is not None:
        sql, output = binder.query(statement.query)
        if len(output) != len(columns):
            raise _wrong_count(len(columns), len(output))
        values = [Bound(f"s.c{i}", column.type, column.nullable) for i, column in enumerate(output)]
        items = [_assigned(binder, column, value) for column, value in zip(columns, values, strict=True)]
        return table, columns, f"SELECT {_named(columns, items)} FROM ({sql}) s"
    selects = []
    for row in statement.rows:
        if len(row) != len(columns):
            raise _wrong_count(len(columns), len(row))
        values = [_value(binder, column, item) for column, item in zip(columns, row, strict=True)]
        items = [_assigned(binder, column, value) for column, value in zip(columns, values, strict=True)]
        selects.append(f"SELECT {_named(columns, items) or '1'}")
    return table, columns, " UNION ALL ".join(selects)


def insert(
    database: Database, cursor: duckdb.DuckDBPyConnection, binder: QueryBinder, statement: syntax.Insert
) -> int:
    table, columns, sql = insert_source(binder, statement)
    rows = cursor.execute(sql, binder.arguments).to_arrow_table()
    if not columns:
        rows = pa.table({table.columns[0].name: pa.nulls(1)}) if rows.num_rows else rows
    return database.insert(cursor, table, rows)


def _insert_columns(table: Table, statement: syntax.Insert) -> list[Column]:
    if not statement.columns:
        if statement.query is None and statement.rows == ((),):
            return []
        return [column for column in table.columns if column.type.name != "rowversion"]
    columns: list[Column] = []
    for name in statement.columns:
        column = table.column(name)
        if column is None:
            raise invalid_column(name)
        if column in columns:
            raise SqlServerError(
                264,
                f"The column name '{name}' is specified more than once in the SET clause or column list of "
                "an INSERT.",
            )
        columns.append(column)
    return columns


def _wrong_count(wanted: int, given: int) -> SqlServerError:
    if given < wanted:
        return SqlServerError(109, "There are more columns in the INSERT statement than values specified in "
                                   "the VALUES "
                              "clause. The number of values in the VALUES clause must match the number of "
                              "columns "
                              "specified in the INSERT statement.", severity=15)  # fmt: skip
    return SqlServerError(110, "There are fewer columns in the INSERT statement than values specified in "
                               "the VALUES "
                          "clause. The number of values in the VALUES clause must match the number of "
                          "columns specified "
                          "in the INSERT statement.", severity=15)  # fmt: skip


def _value(binder: QueryBinder, column: Column, item: syntax.Expression | None) -> Bound:
    if item is not None:
        return binder.bind(item, Scope())
    sql, _ = default_value(column)
    return Bound(f"CAST({sql} AS {column.type.duckdb})", column.type)


def _assigned(binder: QueryBinder, column: Column, value: Bound) -> str:
    if column.type.name == "rowversion":
        raise SqlServerError(
            273, "Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to "
                 "exclude the "
            "timestamp column, or insert a DEFAULT into the timestamp column.",
        )  # fmt: skip
    if value.parameter is not None:
        binder.suggested.setdefault(value.parameter.casefold(), column.type)
    # A value that is too long is an error of the assignment, not cut as a CAST would.
    target = column.type
    if target.is_string or target.is_binary:
        target = SqlType(
            "nvarchar" if target.is_unicode else "varchar" if target.is_string else "varbinary", MAX
        )
    return binder.as_type(value, target).sql


def _named(columns: list[Column], items: list[str]) -> str:
    return ", ".join(f"{item} AS {quoted(column.name)}" for column, item in zip(columns, items, strict=True))


def _target(binder: QueryBinder, name: syntax.TableName) -> tuple[Table, Scope]:
    table = binder.table(name)
    columns = tuple(SourceColumn(c.name, f"t.{quoted(c.name)}", c.type, c.nullable) for c in table.columns)
    return table, Scope([SourceTable(name.parts[-1], table.schema, columns)])


def bind_update(binder: QueryBinder, statement: syntax.Update) -> tuple[Table, list[Column], str]:
    """The table, the columns set, and a query of rowid and the new values."""
    table, scope = _target(binder, statement.table)
    binder.require("UPDATE", table)
    columns: list[Column] = []
    items: list[str] = []
    for name, expression in statement.assignments:
        column = table.column(name)
        if column is None:
            raise invalid_column(name)
        if column.type.name == "rowversion":
            raise SqlServerError(272, "Cannot update a timestamp column.")
        if column in columns:
            raise SqlServerError(
                264, f"The column name '{name}' is specified more than once in the SET clause."
            )
        columns.append(column)
        value = binder.bind(expression, scope) if expression is not None else _value(binder, column, None)
        items.append(_assigned(binder, column, value))
    where = f" WHERE {binder.predicate(statement.where, scope)}" if statement.where is not None else ""
    return (
        table,
        columns,
        f'SELECT t.rowid AS "$rowid", {_named(columns, items)} FROM {table.duckdb_name} t{where}',
    )


def update(
    database: Database, cursor: duckdb.DuckDBPyConnection, binder: QueryBinder, statement: syntax.Update
) -> int:
    table, columns, sql = bind_update(binder, statement)
    changed = {column.name for column in columns}
    keys = {name.casefold() for name in table.primary_key.columns} if table.primary_key else set()
    if {name.casefold() for name in changed} & keys and database.schema.referencing(table):
        raise refused("the update of a primary key that foreign keys refer to")
    rows = cursor.execute(sql, binder.arguments).to_arrow_table()
    if not rows.num_rows:
        return 0
    version = table.rowversion_column
    if version is not None:
        first = database.allocate_rowversions(rows.num_rows, cursor)
        values = np.arange(first, first + rows.num_rows, dtype=np.uint64)
        rows = rows.append_column("$rowversion", rowversion_array(values))
    assignments = [
        assign(table, c, quoted(c.name), rows.schema.field(c.name).type, "UPDATE", rows.column(c.name))
        for c in columns
    ]
    cursor.register("incoming_values", rows)
    try:
        checked(cursor, "incoming_values", assignments)
        stored = ", ".join(f"{item.expression} AS {quoted(item.column.name)}" for item in assignments)
        kept = [c for c in table.columns if c.name not in changed and c is not version]
        others = "".join(f", t.{quoted(c.name)} AS {quoted(c.name)}" for c in kept)
        bumped = ', i."$rowversion"' if version is not None else ""
        new = f'SELECT i."$rowid"{bumped}, {stored}'
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE incoming_rows AS SELECT n.*{others} FROM ({new} FROM "
            "incoming_values i) n "
            f'JOIN {table.duckdb_name} t ON t.rowid = n."$rowid"'
        )
        if keys & {name.casefold() for name in changed}:
            check_primary_key(
                cursor, table, "incoming_rows", except_rowids='SELECT "$rowid" FROM incoming_rows'
            )
        for key in table.foreign_keys:
            if {name.casefold() for name in key.columns} & {name.casefold() for name in changed}:
                check_foreign_key(
                    cursor, database.schema, table, key, "incoming_rows", "UPDATE", database.name
                )
        sets = [f"{quoted(column.name)} = i.{quoted(column.name)}" for column in columns]
        if version is not None:
            sets.append(f'{quoted(version.name)} = i."$rowversion"')
        cursor.execute(
            f"UPDATE {table.duckdb_name} SET {', '.join(sets)} FROM incoming_rows i "
            f'WHERE {table.duckdb_name}.rowid = i."$rowid"'
        )
    finally:
        _forget(cursor)
    return int(rows.num_rows)


def _forget(cursor: duckdb.DuckDBPyConnection) -> None:
    # An aborted transaction takes the table with it.
    with contextlib.suppress(duckdb.Error):
        cursor.execute("DROP TABLE IF EXISTS incoming_rows")
    cursor.unregister("incoming_values")


def bind_delete(binder: QueryBinder, statement: syntax.Delete) -> tuple[Table, str]:
    """The table and the condition on its alias t."""
    table, scope = _target(binder, statement.table)
    binder.require("DELETE", table)
    return table, binder.predicate(statement.where, scope) if statement.where is not None else "true"


def delete(
    database: Database, cursor: duckdb.DuckDBPyConnection, binder: QueryBinder, statement: syntax.Delete
) -> int:
    table, condition = bind_delete(binder, statement)
    cursor.execute(
        'CREATE OR REPLACE TEMP TABLE incoming_rows AS SELECT t.*, t.rowid AS "$rowid" FROM '
        f"{table.duckdb_name} t WHERE {condition}",
        binder.arguments,
    )
    try:
        for child, key in database.schema.referencing(table):
            equal = " AND ".join(
                f"{comparison_key(f'c.{quoted(mine)}', column.type)} = "
                f"{comparison_key(f'd.{quoted(theirs)}', column.type)}"
                for mine, theirs in zip(key.columns, key.referenced_columns, strict=True)
                if (column := child.column(mine)) is not None
            )
            itself = ' AND c.rowid NOT IN (SELECT "$rowid" FROM incoming_rows)' if child is table else ""
            found = f"SELECT 1 FROM {child.duckdb_name} c JOIN incoming_rows d ON {equal}{itself} LIMIT 1"
            if cursor.execute(found).fetchone():
                raise still_referenced("DELETE", key.name, database.name, child.full_name, key.columns[0])
        counted = cursor.execute("SELECT count(*) FROM incoming_rows").fetchone()
        cursor.execute(f'DELETE FROM {table.duckdb_name} WHERE rowid IN (SELECT "$rowid" FROM incoming_rows)')
    finally:
        _forget(cursor)
    assert counted is not None
    return int(counted[0])


def truncate(
    database: Database, cursor: duckdb.DuckDBPyConnection, binder: QueryBinder, statement: syntax.Truncate
) -> None:
    table = binder.table(statement.table)
    if not binder.environment.login.may("ALTER"):
        raise SqlServerError(
            1088,
            f'Cannot find the object "{table.name}" because it does not exist or you do not have '
            "permissions.",
            state=7,
        )
    if any(child is not table for child, _ in database.schema.referencing(table)):
        raise SqlServerError(
            4712,
            f"Cannot truncate table '{table.name}' because it is being referenced by a FOREIGN KEY "
            "constraint.",
        )
    cursor.execute(f"DELETE FROM {table.duckdb_name}")
