"""A client's requests: SQL batches, remote procedure calls with typed parameters, transaction requests.

MS-TDS 2.2.6.6 (RPC), 2.2.6.7 (batch), 2.2.6.9 (transaction manager), 2.2.5.4 (types of parameters).
"""

from __future__ import annotations

import datetime
import struct
import uuid
from dataclasses import dataclass
from decimal import Decimal

from ..environment import ParameterValue
from ..errors import SqlServerError, refused
from ..sqltypes import MAX, SqlType

_PROCEDURES = {
    1: "sp_cursor", 2: "sp_cursoropen", 3: "sp_cursorprepare", 4: "sp_cursorexecute", 5: "sp_cursorprepexec",
    6: "sp_cursorunprepare", 7: "sp_cursorfetch", 8: "sp_cursoroption", 9: "sp_cursorclose",
    10: "sp_executesql",
    11: "sp_prepare", 12: "sp_execute", 13: "sp_prepexec", 14: "sp_prepexecrpc", 15: "sp_unprepare",
}  # fmt: skip
_DAY_ONE = datetime.date(1, 1, 1)
_1900 = datetime.datetime(1900, 1, 1)


@dataclass(frozen=True)
class Argument:
    """A procedure's argument; name is empty where it is given by position."""

    name: str
    parameter: ParameterValue
    output: bool


@dataclass(frozen=True)
class ProcedureCall:
    name: str  # lower case
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class TransactionRequest:
    """kind: begin, commit or rollback; begins: a new transaction follows at once."""

    kind: str
    begins: bool
    isolation: int


def batch_text(payload: bytes) -> str:
    return payload[_after_headers(payload) :].decode("utf-16-le")


def _after_headers(payload: bytes) -> int:
    length = int(struct.unpack_from("<I", payload)[0])
    if length > len(payload):
        raise SqlServerError(4002, "The incoming tabular data stream (TDS) protocol stream is incorrect.")
    return length


def transaction_request(payload: bytes) -> TransactionRequest:
    position = _after_headers(payload)
    kind = struct.unpack_from("<H", payload, position)[0]
    rest = payload[position + 2 :]
    if kind == 5:
        return TransactionRequest("begin", True, rest[0])
    if kind in (7, 8):
        name_length = rest[0]
        if name_length:
            raise refused("a named transaction")
        begins = bool(rest[1] & 1)
        return TransactionRequest("commit" if kind == 7 else "rollback", begins, rest[2] if begins else 0)
    raise refused("this transaction manager request")


def procedure_calls(payload: bytes) -> list[ProcedureCall]:
    """One call, or as many as the client batched (fast_executemany does)."""
    reader = _Reader(payload, _after_headers(payload))
    calls = []
    while not reader.at_end():
        calls.append(_call(reader))
    return calls


def _call(reader: _Reader) -> ProcedureCall:
    length = reader.u16()
    if length == 0xFFFF:
        number = reader.u16()
        name = _PROCEDURES.get(number, f"procedure {number}")
    else:
        name = reader.utf16(length).lower().removeprefix("[sys].").removeprefix("sys.").strip("[]")
    reader.u16()  # option flags
    arguments: list[Argument] = []
    while not reader.at_end():
        if reader.peek() == 0xFF:  # the next call of the batch follows
            reader.u8()
            break
        argument_name = reader.utf16(reader.u8())
        status = reader.u8()
        kind = reader.type_info()
        arguments.append(
            Argument(argument_name, ParameterValue(kind.declared(), reader.value(kind)), bool(status & 1))
        )
    return ProcedureCall(name.rpartition(".")[2], tuple(arguments))


@dataclass(frozen=True)
class _WireType:
    token: int
    size: int = 0
    precision: int = 0
    scale: int = 0

    def declared(self) -> SqlType:
        """The parameter's type; for numbers of variable size, by that size."""
        integers = {1: "tinyint", 2: "smallint", 4: "int", 8: "bigint"}
        match self.token:
            case 0x30 | 0x34 | 0x38 | 0x7F | 0x26:
                return SqlType(integers[self.size])
            case 0x32 | 0x68:
                return SqlType("bit")
            case 0x3B | 0x3E | 0x6D:
                return SqlType("real" if self.size == 4 else "float")
            case 0x6A | 0x6C:
                return SqlType("decimal", precision=self.precision, scale=self.scale)
            case 0x6E | 0x3C | 0x7A:
                return SqlType("money" if self.size == 8 else "smallmoney")
            case 0x28:
                return SqlType("date")
            case 0x29:
                return SqlType("time", scale=self.scale)
            case 0x2A:
                return SqlType("datetime2", scale=self.scale)
            case 0x6F | 0x3D:
                return SqlType("datetime")
            case 0x24:
                return SqlType("uniqueidentifier")
            case 0xE7 | 0xEF | 0x63:
                return SqlType("nvarchar", MAX if self.size in (0xFFFF, MAX) else max(1, self.size // 2))
            case 0xA7 | 0xAF | 0x23:
                return SqlType("varchar", MAX if self.size in (0xFFFF, MAX) else max(1, self.size))
            case _:
                return SqlType("varbinary", MAX if self.size in (0xFFFF, MAX) else max(1, self.size))


class _Reader:
    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    def at_end(self) -> bool:
        return self.position >= len(self.data)

    def peek(self) -> int:
        return self.data[self.position]

    def take(self, count: int) -> bytes:
        part = self.data[self.position : self.position + count]
        if len(part) < count:
            raise SqlServerError(4002, "The incoming tabular data stream (TDS) protocol stream is incorrect.")
        self.position += count
        return part

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "little")

    def utf16(self, characters: int) -> str:
        return self.take(2 * characters).decode("utf-16-le")

    def type_info(self) -> _WireType:
        token = self.u8()
        fixed = {0x30: 1, 0x32: 1, 0x34: 2, 0x38: 4, 0x7F: 8, 0x3B: 4, 0x3E: 8, 0x3C: 8, 0x7A: 4, 0x3D: 8}
        if token in fixed:
            return _WireType(token, fixed[token])
        if token in (0x26, 0x68, 0x6D, 0x6E, 0x6F, 0x24):
            return _WireType(token, self.u8())
        if token in (0x6A, 0x6C):
            return _WireType(token, self.u8(), self.u8(), self.u8())
        if token == 0x28:
            return _WireType(token, 3)
        if token in (0x29, 0x2A):
            return _WireType(token, 0, 0, self.u8())
        if token in (0xA7, 0xAF, 0xE7, 0xEF):
            size = self.u16()
            self.take(5)
            return _WireType(token, size)
        if token in (0xA5, 0xAD):
            return _WireType(token, self.u16())
        if token in (0x63, 0x23, 0x22):  # ntext, text, image: how drivers send long values of unknown length
            self.take(4)
            if token != 0x22:
                self.take(5)
            return _WireType(token, MAX)
        raise refused(f"a parameter of TDS type 0x{token:02X}")

    def value(self, kind: _WireType) -> object:
        raw = self._raw(kind)
        if raw is None:
            return None
        match kind.token:
            case 0x30 | 0x34 | 0x38 | 0x7F | 0x26:
                return int.from_bytes(raw, "little", signed=len(raw) > 1)
            case 0x32 | 0x68:
                return raw != b"\0"
            case 0x3B | 0x3E | 0x6D:
                return float(struct.unpack("<f" if len(raw) == 4 else "<d", raw)[0])
            case 0x6A | 0x6C:
                units = int.from_bytes(raw[1:], "little") * (1 if raw[0] else -1)
                digits = tuple(int(digit) for digit in str(abs(units)))
                return Decimal((1 if units < 0 else 0, digits, -kind.scale))
            case 0x6E | 0x3C | 0x7A:
                if len(raw) == 8:
                    raw = raw[4:] + raw[:4]
                return Decimal(int.from_bytes(raw, "little", signed=True)) / 10_000
            case 0x28:
                return _date(raw)
            case 0x29:
                return (datetime.datetime.min + _micros(raw, kind.scale)).time()
            case 0x2A:
                return datetime.datetime.combine(_date(raw[-3:]), datetime.time()) + _micros(
                    raw[:-3], kind.scale
                )
            case 0x6F | 0x3D:
                if len(raw) == 4:
                    days, minutes = struct.unpack("<HH", raw)
                    return _1900 + datetime.timedelta(days=days, minutes=minutes)
                days, ticks = struct.unpack("<iI", raw)
                return _1900 + datetime.timedelta(days=days, milliseconds=int(ticks * 10 / 3 + 0.5))
            case 0x24:
                return uuid.UUID(bytes_le=raw)
            case 0xE7 | 0xEF | 0x63:
                return _text(raw, "utf-16-le")
            case 0xA7 | 0xAF | 0x23:
                return _text(raw, "cp1252")
            case _:
                return raw

    def _raw(self, kind: _WireType) -> bytes | None:
        if kind.token in (0x30, 0x32, 0x34, 0x38, 0x7F, 0x3B, 0x3E, 0x3C, 0x7A, 0x3D):
            return self.take(kind.size)
        if kind.token in (0x26, 0x68, 0x6D, 0x6E, 0x6F, 0x24, 0x6A, 0x6C, 0x28, 0x29, 0x2A):
            length = self.u8()
            return self.take(length) if length else None
        if kind.token in (0x63, 0x23, 0x22):
            length = int.from_bytes(self.take(4), "little")
            return None if length == 0xFFFFFFFF else self.take(length)
        if kind.size == 0xFFFF:
            return self._partial()
        length = self.u16()
        return None if length == 0xFFFF else self.take(length)

    def _partial(self) -> bytes | None:
        if int.from_bytes(self.take(8), "little") == 2**64 - 1:
            return None
        chunks = bytearray()
        while length := int.from_bytes(self.take(4), "little"):
            chunks += self.take(length)
        return bytes(chunks)


def _text(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise refused("half of a surrogate pair") from None


def _date(raw: bytes) -> datetime.date:
    return _DAY_ONE + datetime.timedelta(days=int.from_bytes(raw, "little"))


def _micros(raw: bytes, scale: int) -> datetime.timedelta:
    units = int.from_bytes(raw, "little")
    if scale == 7:
        if units % 10:
            raise refused("a time finer than a microsecond")
        return datetime.timedelta(microseconds=units // 10)
    return datetime.timedelta(microseconds=units * 10 ** (6 - scale))
