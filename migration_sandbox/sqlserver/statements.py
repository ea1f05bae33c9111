"""INSERT, UPDATE, DELETE and TRUNCATE inside a session's transaction, by SQL Server's rules of permission
and keys.

Each function returns the count of rows, or raises Blocked before it has written any. The caller holds the
database's write lock and has begun the transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import duckdb
import numpy as np
import pyarrow as pa

from . import syntax
from .change_tracking import key_columns
from .database import Database, default_value, rowversion_array
from .errors import SqlServerError, invalid_column, still_referenced
from .query_binder import QueryBinder
from .row_locks import lock_parents, lock_rows
from .schema import Column, ForeignKey, Table, quoted
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
    sql, _ = default_value(column, binder.environment.database.clock)
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
    kept = [c for c in table.columns if c.name not in changed and c is not table.rowversion_column]
    rekeyed = any(column in columns for column in key_columns(table))
    rows = cursor.execute(sql, binder.arguments).to_arrow_table()
    if not rows.num_rows:
        return 0
    assignments = [
        assign(table, c, quoted(c.name), rows.schema.field(c.name).type, "UPDATE", rows.column(c.name))
        for c in columns
    ]
    touched = [key for key in table.foreign_keys if _names(key.columns) & _names(changed)]
    cursor.register("incoming_values", rows)
    try:
        checked(cursor, "incoming_values", assignments)
        stored = ", ".join(f"{item.expression} AS {quoted(item.column.name)}" for item in assignments)
        others = "".join(f", t.{quoted(c.name)} AS {quoted(c.name)}" for c in kept)
        cursor.execute(
            f'CREATE OR REPLACE TEMP TABLE incoming_rows AS SELECT n.*{others} FROM (SELECT i."$rowid", '
            f"{stored} FROM incoming_values i) n "
            f'JOIN {table.duckdb_name} t ON t.rowid = n."$rowid"'
        )
        present = (
            f'(SELECT t.*, t.rowid AS "$rowid" FROM {table.duckdb_name} t '
            'WHERE t.rowid IN (SELECT "$rowid" FROM incoming_rows))'
        )
        lock_rows(database.locks, cursor, table, present, come_or_go=rekeyed)
        if rekeyed:
            lock_rows(database.locks, cursor, table, "incoming_rows", come_or_go=True)
        lock_parents(database.locks, cursor, database.schema, touched, table, "incoming_rows")
        if rekeyed:
            check_primary_key(
                cursor, table, "incoming_rows", except_rowids='SELECT "$rowid" FROM incoming_rows'
            )
            _check_left_behind(database, cursor, table, present)
        for key in touched:
            check_foreign_key(cursor, database.schema, table, key, "incoming_rows", "UPDATE", database.name)
        database.writes(cursor, table)
        _record_update(database, cursor, table, present, rekeyed=rekeyed)
        _store(database, cursor, table, columns, rows.column("$rowid"))
    finally:
        _forget(cursor)
    return int(rows.num_rows)


def _store(
    database: Database,
    cursor: duckdb.DuckDBPyConnection,
    table: Table,
    columns: list[Column],
    rowids: pa.ChunkedArray,
) -> None:
    sets = [f"{quoted(column.name)} = i.{quoted(column.name)}" for column in columns]
    source = "incoming_rows i"
    version = table.rowversion_column
    if version is not None:
        first = database.allocate_rowversions(len(rowids), cursor)
        values = np.arange(first, first + len(rowids), dtype=np.uint64)
        versions = pa.table({"$rowid": rowids, "$rowversion": rowversion_array(values)})
        cursor.register("incoming_versions", versions)
        sets.append(f'{quoted(version.name)} = i."$rowversion"')
        source = (
            '(SELECT r.*, v."$rowversion" FROM incoming_rows r JOIN incoming_versions v USING ("$rowid")) i'
        )
    cursor.execute(
        f"UPDATE {table.duckdb_name} SET {', '.join(sets)} FROM {source} "
        f'WHERE {table.duckdb_name}.rowid = i."$rowid"'
    )


def _names(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names}


def _check_left_behind(
    database: Database, cursor: duckdb.DuckDBPyConnection, table: Table, present: str
) -> None:
    """547 where a row refers to a key that the update takes away."""
    own = [quoted(column.name) for column in key_columns(table)]
    same = " AND ".join(f"n.{name} = o.{name}" for name in own)
    gone = f"(SELECT * FROM {present} o WHERE NOT EXISTS (SELECT 1 FROM incoming_rows n WHERE {same}))"
    for child, key in database.schema.referencing(table):
        if cursor.execute(f"{_referring(child, key, gone)} LIMIT 1").fetchone():
            raise still_referenced("UPDATE", key.name, database.name, child.full_name, key.columns[0])


def _referring(child: Table, key: ForeignKey, parents: str) -> str:
    equal = " AND ".join(
        f"{comparison_key(f'c.{quoted(mine)}', column.type)} = "
        f"{comparison_key(f'd.{quoted(theirs)}', column.type)}"
        for mine, theirs in zip(key.columns, key.referenced_columns, strict=True)
        if (column := child.column(mine)) is not None
    )
    return f"SELECT 1 FROM {child.duckdb_name} c JOIN {parents} d ON {equal}"


def _record_update(
    database: Database, cursor: duckdb.DuckDBPyConnection, table: Table, present: str, *, rekeyed: bool
) -> None:
    """A changed key is the old one's deletion and the new one's insertion."""
    record = database.tracking.record
    if not rekeyed:
        record(cursor, table, "U", "incoming_rows")
        return
    keys = [quoted(column.name) for column in key_columns(table)]
    same = " AND ".join(f"o.{name} = n.{name}" for name in keys)
    paired = f'{present} o JOIN incoming_rows n USING ("$rowid")'
    record(cursor, table, "D", f"(SELECT o.* FROM {paired} WHERE NOT ({same}))")
    record(cursor, table, "I", f"(SELECT n.* FROM {paired} WHERE NOT ({same}))")
    record(cursor, table, "U", f"(SELECT n.* FROM {paired} WHERE {same})")


def _forget(cursor: duckdb.DuckDBPyConnection) -> None:
    # An aborted transaction takes the table with it.
    with contextlib.suppress(duckdb.Error):
        cursor.execute("DROP TABLE IF EXISTS incoming_rows")
    cursor.unregister("incoming_values")
    cursor.unregister("incoming_versions")


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
        lock_rows(database.locks, cursor, table, "incoming_rows", come_or_go=True)
        for child, key in database.schema.referencing(table):
            itself = ' AND c.rowid NOT IN (SELECT "$rowid" FROM incoming_rows)' if child is table else ""
            if cursor.execute(f"{_referring(child, key, 'incoming_rows')}{itself} LIMIT 1").fetchone():
                raise still_referenced("DELETE", key.name, database.name, child.full_name, key.columns[0])
        counted = cursor.execute("SELECT count(*) FROM incoming_rows").fetchone()
        database.writes(cursor, table)
        database.tracking.record(cursor, table, "D", "incoming_rows")
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
    database.locks.take_table(cursor, table.full_name)
    database.writes(cursor, table)
    database.tracking.truncate(cursor, table)
    cursor.execute(f"DELETE FROM {table.duckdb_name}")
