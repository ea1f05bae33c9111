"""Text functions that DuckDB lacks, in Python: the bytes of a string in SQL Server's encodings, and UTF-16
slices."""

from __future__ import annotations

import duckdb
from duckdb.func import FunctionNullHandling

from .errors import refused


def register(connection: duckdb.DuckDBPyConnection) -> None:
    connection.create_function("tsql_utf16", _utf16, ["VARCHAR"], "BLOB")
    connection.create_function(
        "tsql_cp1252", _cp1252, ["VARCHAR"], "BLOB", null_handling=FunctionNullHandling.SPECIAL
    )
    connection.create_function("tsql_utf16_part", _utf16_part, ["VARCHAR", "BIGINT", "BIGINT"], "VARCHAR")


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


def _cp1252(text: str | None) -> bytes | None:
    """None for a text that code page 1252 can't hold."""
    if text is None:
        return None
    try:
        return text.encode("cp1252")
    except UnicodeEncodeError:
        return None


def _utf16_part(text: str, start: int, length: int) -> str:
    raw = text.encode("utf-16-le")
    try:
        return raw[2 * (start - 1) : 2 * (start - 1 + length)].decode("utf-16-le")
    except UnicodeDecodeError:
        raise refused("half of a surrogate pair") from None
