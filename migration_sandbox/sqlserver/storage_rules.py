"""What SQL Server checks before it stores rows, as DuckDB SQL over a relation of incoming values.

For each column an Assignment says how an incoming value becomes the stored one and which checks it must pass;
`checked` runs all of a table's checks in one pass and raises the first violation by its SQL Server number.
Keys and foreign keys are joins, each its own query. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from .errors import (
    SqlServerError,
    arithmetic_overflow,
    duplicate_key,
    foreign_key_missing,
    null_not_allowed,
    refused,
    would_truncate,
)
from .schema import Column, ForeignKey, Schema, Table, quoted
from .sqltypes import SqlType

# The characters of code page 1252, the one that the collation SQL_Latin1_General_CP1_CI_AS gives to varchar.
_CP1252 = "".join(
    f"\\x{{{ord(bytes([byte]).decode('cp1252')):X}}}"
    for byte in range(128, 160)
    if byte not in (129, 141, 143, 144, 157)
)
_OUTSIDE_CP1252 = f"[^\\x{{0}}-\\x{{7F}}\\x{{A0}}-\\x{{FF}}{_CP1252}]"


def utf16_units(expression: str) -> str:
    """The length of a VARCHAR in UTF-16 code units, which is what nvarchar's length counts."""
    above_bmp = f"length(regexp_replace({expression}, '[\\x{{0}}-\\x{{FFFF}}]', '', 'g'))"
    return (
        f"(CASE WHEN strlen({expression}) = length({expression}) THEN length({expression}) ELSE "
        f"length({expression}) + {above_bmp} END)"
    )


def comparison_key(expression: str, sql_type: SqlType) -> str:
    """What two values of a key must share to be equal: strings without case and trailing blanks."""
    return f"lower(rtrim({expression}, ' '))" if sql_type.is_string else expression


@dataclass(frozen=True)
class Check:
    """violation: a boolean DuckDB expression, true for a row that breaks the rule."""

    violation: str
    error: SqlServerError


@dataclass(frozen=True)
class Assignment:
    column: Column
    expression: str
    checks: tuple[Check, ...]


def assign(
    table: Table,
    column: Column,
    value: str,
    arrow_type: pa.DataType,
    statement: str,
    values: pa.ChunkedArray | None = None,
) -> Assignment:
    """How `value`, an expression over the incoming relation of this Arrow type, is stored in the column.

    values: what the expression stands for where it is a column of the relation; text that is short enough
    at a glance then needs no check.
    """
    checks: list[Check] = []
    if not column.nullable:
        error = null_not_allowed(column.name, f"dbo.{table.name}", statement)
        checks.append(Check(f"{value} IS NULL", error))
    if pa.types.is_null(arrow_type):
        return Assignment(column, f"CAST(NULL AS {column.type.duckdb})", tuple(checks))
    if not _fits(column.type, arrow_type):
        raise SqlServerError(
            206, f"Operand type clash: {arrow_type} is incompatible with {column.type.name}.", state=2
        )
    if column.type.is_string and values is not None and _stored_as_is(column.type, values):
        expression = f"CAST({value} AS VARCHAR)"
    elif column.type.is_string:
        expression = _string(table, column, value, checks)
    elif column.type.is_binary:
        expression = _binary(table, column, value, checks)
    elif column.type.is_temporal:
        expression = _temporal(column, value, arrow_type, checks)
    else:
        expression = f"CAST({value} AS {column.type.duckdb})"
        if not _same_storage(column.type, arrow_type):
            overflow = f"{value} IS NOT NULL AND TRY_CAST({value} AS {column.type.duckdb}) IS NULL"
            checks.append(Check(overflow, _out_of_range(column.type)))
    return Assignment(column, expression, tuple(checks))


def _out_of_range(sql_type: SqlType) -> SqlServerError:
    if sql_type.name in ("tinyint", "smallint"):
        return SqlServerError(220, f"Arithmetic overflow error for data type {sql_type.name}.", state=2)
    if sql_type.name == "uniqueidentifier":
        return SqlServerError(
            8169, "Conversion failed when converting from a character string to uniqueidentifier."
        )
    return arithmetic_overflow("numeric" if sql_type.name == "decimal" else sql_type.name)


def _fits(sql_type: SqlType, arrow_type: pa.DataType) -> bool:
    if pa.types.is_dictionary(arrow_type):
        return _fits(sql_type, arrow_type.value_type)
    found = _family(arrow_type)
    if sql_type.is_string:
        return found == "text"
    if sql_type.is_binary:
        return found == "binary"
    if sql_type.is_integer or sql_type.name == "bit":
        return found == "integer"
    if sql_type.is_exact or sql_type.is_approximate:
        return found in ("integer", "number")
    if sql_type.name == "uniqueidentifier":
        return found == "text" or isinstance(arrow_type, pa.UuidType)
    if sql_type.name in ("time", "date"):
        return found == sql_type.name
    return found in ("timestamp", "date")


_FAMILIES: tuple[tuple[str, tuple[Callable[[pa.DataType], bool], ...]], ...] = (
    ("text", (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)),
    ("integer", (pa.types.is_integer, pa.types.is_boolean)),
    ("number", (pa.types.is_floating, pa.types.is_decimal)),
    (
        "binary",
        (
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_fixed_size_binary,
            pa.types.is_binary_view,
        ),
    ),
    ("time", (pa.types.is_time,)),
    ("date", (pa.types.is_date,)),
    ("timestamp", (lambda kind: pa.types.is_timestamp(kind) and kind.tz is None,)),
)


def _family(arrow_type: pa.DataType) -> str:
    return next((name for name, tests in _FAMILIES if any(test(arrow_type) for test in tests)), "")


def _same_storage(sql_type: SqlType, arrow_type: pa.DataType) -> bool:
    exact = {"tinyint": pa.uint8(), "smallint": pa.int16(), "int": pa.int32(), "bigint": pa.int64(),
             "bit": pa.bool_(), "float": pa.float64(), "real": pa.float32()}  # fmt: skip
    if sql_type.name in ("decimal", "numeric", "money", "smallmoney"):
        shape = (
            (sql_type.precision, sql_type.scale) if sql_type.precision else (sql_type.catalog_precision, 4)
        )
        return bool(pa.types.is_decimal128(arrow_type)) and (arrow_type.precision, arrow_type.scale) == shape
    return bool(exact.get(sql_type.name) == arrow_type)


def _stored_as_is(sql_type: SqlType, values: pa.ChunkedArray) -> bool:
    """Whether no value can be too long or outside the code page; UTF-8 takes a byte a UTF-16 unit or more."""
    if sql_type.name in ("char", "nchar") or not (
        pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    ):
        return False
    if not sql_type.is_unicode and not pc.all(pc.string_is_ascii(values)).as_py():
        return False
    longest = pc.max(pc.binary_length(values)).as_py()
    return sql_type.is_max or longest is None or longest <= sql_type.length


def _string(table: Table, column: Column, value: str, checks: list[Check]) -> str:
    value = f"CAST({value} AS VARCHAR)"
    units = utf16_units(value) if column.type.is_unicode else f"length({value})"
    if not column.type.is_unicode:
        outside = f"strlen({value}) <> length({value}) AND regexp_matches({value}, '{_OUTSIDE_CP1252}')"
        checks.append(
            Check(outside, refused(f"a character outside code page 1252 in column '{column.name}'"))
        )
    if column.type.is_max:
        return value
    limit = column.type.length
    trimmed = f"rtrim({value}, ' ')"
    trimmed_units = utf16_units(trimmed) if column.type.is_unicode else f"length({trimmed})"
    checks.append(
        Check(
            f"{units} > {limit} AND {trimmed_units} > {limit}", would_truncate(table.full_name, column.name)
        )
    )
    # Trailing blanks beyond the length are dropped without an error.
    cut = (
        f"CASE WHEN {units} > {limit} THEN rpad({trimmed}, CAST({limit} - {trimmed_units} + "
        f"length({trimmed}) AS INTEGER), ' ') ELSE {value} END"
    )
    if column.type.name in ("char", "nchar"):
        return f"rpad({cut}, CAST({limit} - {units} + length({value}) AS INTEGER), ' ')"
    return cut


def _binary(table: Table, column: Column, value: str, checks: list[Check]) -> str:
    value = f"CAST({value} AS BLOB)"
    if column.type.is_max:
        return value
    limit = column.type.length
    checks.append(Check(f"octet_length({value}) > {limit}", would_truncate(table.full_name, column.name)))
    if column.type.name == "binary":
        return f"{value} || from_hex(repeat('00', CAST({limit} - octet_length({value}) AS INTEGER)))"
    return value


def _temporal(column: Column, value: str, arrow_type: pa.DataType, checks: list[Check]) -> str:
    sql_type = column.type
    if sql_type.name == "date":
        checks.append(
            Check(
                f"CAST({value} AS DATE) NOT BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'",
                _bad_date(sql_type),
            )
        )
        return f"CAST({value} AS DATE)"
    if sql_type.name == "time":
        return rounded_time(f"CAST({value} AS TIME)", sql_type)
    if pa.types.is_timestamp(arrow_type) and arrow_type.unit == "ns":
        checks.append(
            Check(
                f"epoch_ns({value}) % 1000 <> 0",
                refused(f"a time finer than a microsecond in column '{column.name}'"),
            )
        )
    first = "1753-01-01" if sql_type.name == "datetime" else "0001-01-01"
    stamp = f"CAST({value} AS TIMESTAMP)"
    within = f"{stamp} >= TIMESTAMP '{first} 00:00:00' AND {stamp} < TIMESTAMP '10000-01-01 00:00:00'"
    checks.append(Check(f"NOT ({within})", _bad_date(sql_type)))
    return rounded_timestamp(stamp, sql_type)


def _bad_date(sql_type: SqlType) -> SqlServerError:
    return SqlServerError(
        242, f"The conversion of a datetime2 data type to a {sql_type.name} data type resulted in an "
             "out-of-range value.",
        state=3,
    )  # fmt: skip


def rounded_timestamp(stamp: str, sql_type: SqlType) -> str:
    """A TIMESTAMP rounded to the type's own fraction; datetime keeps three-hundredths of a second, shown as
    ms."""
    if sql_type.name == "datetime":
        midnight = f"date_trunc('day', {stamp})"
        ticks = f"CAST(floor((epoch_us({stamp}) - epoch_us({midnight})) * 3 / 10000.0 + 0.5) AS BIGINT)"
        milliseconds = f"CAST(floor({ticks} * 10 / 3.0 + 0.5) AS BIGINT)"
        return f"({midnight} + to_milliseconds({milliseconds}))"
    unit = 10 ** max(0, 6 - sql_type.scale)
    if unit == 1:
        return stamp
    # A negative remainder (before 1970) must round the same way as a positive one.
    micros = f"(epoch_us({stamp}) + {unit // 2})"
    return f"make_timestamp({micros} - (({micros} % {unit}) + {unit}) % {unit})"


def rounded_time(value: str, sql_type: SqlType) -> str:
    unit = 10 ** max(0, 6 - sql_type.scale)
    if unit == 1:
        return value
    micros = f"(epoch_us({value}) + {unit // 2})"
    # SQL Server carries 23:59:59.9999 over to midnight.
    return f"(TIME '00:00:00' + to_microseconds(({micros} - {micros} % {unit}) % 86400000000))"


def checked(cursor: duckdb.DuckDBPyConnection, relation: str, assignments: Sequence[Assignment]) -> None:
    """Raises the first violated rule, in the order of the columns."""
    checks = [check for assignment in assignments for check in assignment.checks]
    if not checks:
        return
    counts = ", ".join(f"coalesce(bool_or({check.violation}), false)" for check in checks)
    found = cursor.execute(f"SELECT {counts} FROM {relation}").fetchone()
    assert found is not None
    for check, violated in zip(checks, found, strict=True):
        if violated:
            raise check.error


def check_primary_key(
    cursor: duckdb.DuckDBPyConnection, table: Table, relation: str, *, except_rowids: str = ""
) -> None:
    """relation: the incoming rows, by the table's column names; except_rowids: rows that they replace."""
    if table.primary_key is None:
        return
    columns = [_column(table, name) for name in table.primary_key.columns]
    keys = ", ".join(comparison_key(f"i.{quoted(column.name)}", column.type) for column in columns)
    twice = f"SELECT 1 FROM {relation} i GROUP BY {keys} HAVING count(*) > 1 LIMIT 1"
    equal = " AND ".join(
        f"{comparison_key(f't.{quoted(c.name)}', c.type)} = {comparison_key(f'i.{quoted(c.name)}', c.type)}"
        for c in columns
    )
    others = f" AND t.rowid NOT IN ({except_rowids})" if except_rowids else ""
    present = f"SELECT 1 FROM {table.duckdb_name} t JOIN {relation} i ON {equal}{others} LIMIT 1"
    if cursor.execute(twice).fetchone() or cursor.execute(present).fetchone():
        raise duplicate_key(table.primary_key.name, table.full_name)


def check_foreign_key(
    cursor: duckdb.DuckDBPyConnection,
    schema: Schema,
    table: Table,
    key: ForeignKey,
    relation: str,
    statement: str,
    database: str,
) -> None:
    parent = referenced(schema, key)
    columns = [_column(table, name) for name in key.columns]
    pairs = list(zip(columns, key.referenced_columns, strict=True))
    present = " AND ".join(f"i.{quoted(column.name)} IS NOT NULL" for column in columns)

    def equal(alias: str) -> str:
        return " AND ".join(
            f"{comparison_key(f'{alias}.{quoted(theirs)}', mine.type)} = "
            f"{comparison_key(f'i.{quoted(mine.name)}', mine.type)}"
            for mine, theirs in pairs
        )

    found = f"EXISTS (SELECT 1 FROM {parent.duckdb_name} p WHERE {equal('p')})"
    if parent is table:
        found += f" OR EXISTS (SELECT 1 FROM {relation} s WHERE {equal('s')})"
    if cursor.execute(f"SELECT 1 FROM {relation} i WHERE {present} AND NOT ({found}) LIMIT 1").fetchone():
        column = key.referenced_columns[0]
        raise foreign_key_missing(statement, key.name, database, parent.full_name, column)


def referenced(schema: Schema, key: ForeignKey) -> Table:
    owner, _, name = key.referenced_table.partition(".")
    table = schema.table(name, owner)
    assert table is not None
    return table


def _column(table: Table, name: str) -> Column:
    column = table.column(name)
    assert column is not None
    return column
