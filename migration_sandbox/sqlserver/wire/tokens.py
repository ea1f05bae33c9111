"""The tokens of a server's answer, as bytes (MS-TDS 2.2.7)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ..scope import OutputColumn
from ..sqltypes import SqlType, decimal_bytes

# SQL_Latin1_General_CP1_CI_AS: LCID 0x0409, ignore case, kana and width; sort order 52.
COLLATION = bytes([0x09, 0x04, 0xD0, 0x00, 0x34])

DONE, DONE_IN_PROCEDURE, DONE_PROCEDURE = 0xFD, 0xFF, 0xFE
MORE, ERROR, COUNT, ATTENTION_DONE = 0x01, 0x02, 0x10, 0x20
COMMAND_SELECT, COMMAND_INSERT, COMMAND_DELETE, COMMAND_UPDATE = 0xC1, 0xC3, 0xC4, 0xC5

_DATABASE, _LANGUAGE, _PACKET_SIZE, _COLLATION_CHANGE, _BEGIN, _COMMIT, _ROLLBACK = 1, 2, 4, 7, 8, 9, 10
_RESET = 18
_INTEGER_SIZES = {"tinyint": 1, "smallint": 2, "int": 4, "bigint": 8}
_SIZED = {"varchar": 0xA7, "char": 0xAF, "nvarchar": 0xE7, "nchar": 0xEF, "varbinary": 0xA5, "binary": 0xAD}


def _short_text(text: str) -> bytes:
    return bytes([len(text.encode("utf-16-le")) // 2]) + text.encode("utf-16-le")


def _long_text(text: str) -> bytes:
    encoded = text.encode("utf-16-le")
    return struct.pack("<H", len(encoded) // 2) + encoded


def done(status: int, count: int = 0, command: int = 0, token: int = DONE) -> bytes:
    return struct.pack("<BHHQ", token, status, command, count)


def _message(
    token: int, number: int, state: int, severity: int, text: str, server: str, procedure: str
) -> bytes:
    body = struct.pack("<iBB", number, state, severity) + _long_text(text) + _short_text(server)
    body += _short_text(procedure) + struct.pack("<I", 1)
    return struct.pack("<BH", token, len(body)) + body


def error(number: int, state: int, severity: int, text: str, server: str) -> bytes:
    return _message(0xAA, number, state, severity, text, server, "")


def info(number: int, text: str, server: str) -> bytes:
    return _message(0xAB, number, 1, 0, text, server, "")


def _change(kind: int, new: bytes, old: bytes) -> bytes:
    body = bytes([kind]) + new + old
    return struct.pack("<BH", 0xE3, len(body)) + body


def database_change(new: str, old: str) -> bytes:
    return _change(_DATABASE, _short_text(new), _short_text(old))


def language_change() -> bytes:
    return _change(_LANGUAGE, _short_text("us_english"), _short_text(""))


def packet_size_change(new: int, old: int) -> bytes:
    return _change(_PACKET_SIZE, _short_text(str(new)), _short_text(str(old)))


def collation_change() -> bytes:
    return _change(_COLLATION_CHANGE, bytes([len(COLLATION)]) + COLLATION, b"\0")


def transaction_begun(descriptor: int) -> bytes:
    return _change(_BEGIN, b"\x08" + struct.pack("<Q", descriptor), b"\0")


def transaction_ended(descriptor: int, *, committed: bool) -> bytes:
    return _change(_COMMIT if committed else _ROLLBACK, b"\0", b"\x08" + struct.pack("<Q", descriptor))


def reset_acknowledged() -> bytes:
    return _change(_RESET, b"\0", b"\0")


def login_acknowledged(version: int) -> bytes:
    body = (
        b"\x01"
        + struct.pack(">I", version)
        + _short_text("Microsoft SQL Server")
        + bytes([16, 0, 0x03, 0xE8])
    )
    return struct.pack("<BH", 0xAD, len(body)) + body


def no_features() -> bytes:
    """FEATUREEXTACK that grants none of the extensions that a client offered."""
    return b"\xae\xff"


def return_status(value: int = 0) -> bytes:
    return struct.pack("<Bi", 0x79, value)


def return_handle(name: str, value: int) -> bytes:
    """An int output parameter, such as sp_prepexec's handle."""
    return (
        struct.pack("<BH", 0xAC, 0) + _short_text(name) + b"\x01" + struct.pack("<IH", 0, 0)
        + b"\x26\x04" + b"\x04" + struct.pack("<i", value)
    )  # fmt: skip


def type_info(kind: SqlType) -> bytes:
    name = kind.name
    if name in _INTEGER_SIZES:
        return bytes([0x26, _INTEGER_SIZES[name]])
    if name == "bit":
        return bytes([0x68, 1])
    if name in ("real", "float"):
        return bytes([0x6D, 4 if name == "real" else 8])
    if name in ("money", "smallmoney"):
        return bytes([0x6E, 8 if name == "money" else 4])
    if name in ("decimal", "numeric"):
        return bytes(
            [0x6A if name == "decimal" else 0x6C, decimal_bytes(kind.precision), kind.precision, kind.scale]
        )
    if name == "date":
        return b"\x28"
    if name == "time":
        return bytes([0x29, kind.scale])
    if name == "datetime2":
        return bytes([0x2A, kind.scale])
    if name == "datetime":
        return bytes([0x6F, 8])
    if name == "uniqueidentifier":
        return bytes([0x24, 16])
    if name == "rowversion":
        return struct.pack("<BH", 0xAD, 8)
    length = 0xFFFF if kind.is_max else kind.max_length
    return struct.pack("<BH", _SIZED[name], length) + (COLLATION if kind.is_string else b"")


def column_metadata(columns: Sequence[OutputColumn]) -> bytes:
    parts = [struct.pack("<BH", 0x81, len(columns))]
    for column in columns:
        user_type = 80 if column.type.name == "rowversion" else 0
        # fNullable, and usUpdateable "read and write", which a query's result says of every column.
        flags = 0x0009 if column.nullable else 0x0008
        parts.append(struct.pack("<IH", user_type, flags) + type_info(column.type) + _short_text(column.name))
    return b"".join(parts)
