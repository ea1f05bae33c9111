"""What went wrong inside DuckDB, said as SQL Server says it. DuckDB's own texts quote values and go
nowhere."""

from __future__ import annotations

import re

import duckdb

from .conversions import FAILURE
from .errors import SqlServerError, arithmetic_overflow, conversion_failed, refused

_FAILURE = re.compile(FAILURE + r":(\d+):([\w:]*)")
_TYPES = {"INT8": "tinyint", "UINT8": "tinyint", "INT16": "smallint", "INT32": "int", "INT64": "bigint"}
_CANCELLED = SqlServerError(0, "The statement was cancelled by the client.")


def as_sql_server(error: duckdb.Error) -> SqlServerError:
    text = str(error)
    if isinstance(error, duckdb.InterruptException):
        return _CANCELLED
    failed = _FAILURE.search(text)
    if failed is not None:
        return _failure(int(failed.group(1)), failed.group(2).split(":"))
    if "SqlServerError" in text:  # from a function of ours
        return refused("a text that UTF-16 or code page 1252 can't hold here")
    if "More than one row returned by a subquery" in text:
        return SqlServerError(
            512, "Subquery returned more than 1 value. This is not permitted when the subquery follows =, "
                 "!=, <, "
            "<= , >, >= or when the subquery is used as an expression.",
        )  # fmt: skip
    if isinstance(error, duckdb.OutOfRangeException | duckdb.ConversionException):
        found = re.search(r"of (U?INT\d+)|destination type (U?INT\d+)", text)
        name = _TYPES.get((found.group(1) or found.group(2)) if found else "", "numeric")
        if name in ("tinyint", "smallint"):
            return SqlServerError(220, f"Arithmetic overflow error for data type {name}.", state=2)
        return arithmetic_overflow(name)
    if isinstance(error, duckdb.TransactionException) or "Conflict on" in text or "conflict" in text.lower():
        return SqlServerError(
            3960, "Snapshot isolation transaction aborted due to update conflict: another transaction "
                  "modified a row "
            "since this one began. Retry the transaction.", state=2,
        )  # fmt: skip
    if isinstance(error, duckdb.OutOfMemoryException):
        return SqlServerError(701, "There is insufficient system memory in resource pool 'default' to run "
                                   "this query.",
                              severity=17, state=123)  # fmt: skip
    return refused("a statement that its own engine rejects")


def _failure(number: int, arguments: list[str]) -> SqlServerError:
    if number == 8134:
        return SqlServerError(8134, "Divide by zero error encountered.")
    if number in (245, 8114):
        return conversion_failed(arguments[0], arguments[1])
    if number == 241:
        return conversion_failed("string", "date")
    if number == 242:
        return SqlServerError(242, "The conversion of a varchar data type to a datetime data type resulted "
                                   "in an "
                              "out-of-range value.", state=3)  # fmt: skip
    if number == 8169:
        return SqlServerError(
            8169, "Conversion failed when converting from a character string to uniqueidentifier.", state=2
        )
    if number == 8170:
        return SqlServerError(
            8170, "Insufficient result space to convert uniqueidentifier value to char.", state=2
        )
    if number == 8115:
        return arithmetic_overflow(arguments[0])
    if number in (536, 537):
        return SqlServerError(
            537, "Invalid length parameter passed to the LEFT or SUBSTRING function.", state=3
        )
    return refused("a value that it would convert otherwise")
