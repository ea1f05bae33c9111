"""PRELOGIN and LOGIN7: what a client says of itself, and the tokens of a granted login (MS-TDS 2.2.6.4,
2.2.6.5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .packets import ConnectionLost

_VERSION, _ENCRYPTION, _INSTANCE, _THREAD, _MARS = 0, 1, 2, 3, 4
_TERMINATOR = 0xFF
ENCRYPT_ON, ENCRYPT_NOT_SUPPORTED, ENCRYPT_REQUIRED = 1, 2, 3
TDS_74 = 0x74000004


def client_encryption(payload: bytes) -> int:
    """The client's ENCRYPTION option."""
    position = 0
    while position < len(payload) and payload[position] != _TERMINATOR:
        option, offset, length = struct.unpack_from(">BHH", payload, position)
        if option == _ENCRYPTION and length:
            return int(payload[offset])
        position += 5
    return ENCRYPT_NOT_SUPPORTED


def prelogin_answer() -> bytes:
    """SQL Server 2022, TLS required, no MARS."""
    options = [
        (_VERSION, bytes([16, 0, 0x03, 0xE8, 0, 0])),
        (_ENCRYPTION, bytes([ENCRYPT_REQUIRED])),
        (_INSTANCE, b"\0"),
        (_THREAD, b""),
        (_MARS, b"\0"),
    ]
    offset = 5 * len(options) + 1
    head, body = b"", b""
    for option, data in options:
        head += struct.pack(">BHH", option, offset + len(body), len(data))
        body += data
    return head + bytes([_TERMINATOR]) + body


@dataclass(frozen=True)
class LoginRequest:
    tds_version: int
    packet_size: int
    host: str
    user: str
    password: str
    application: str
    database: str
    has_features: bool
    integrated: bool

    def __repr__(self) -> str:
        return f"LoginRequest(database={self.database!r})"  # never the password, never who


def login_request(payload: bytes) -> LoginRequest:
    if len(payload) < 94:
        raise ConnectionLost("a login that is too short")
    _, version, packet_size = struct.unpack_from("<III", payload)
    option_flags_2, option_flags_3 = payload[25], payload[27]

    def text(position: int, *, raw: bool = False) -> bytes:
        offset, length = struct.unpack_from("<HH", payload, position)
        data = payload[offset : offset + 2 * length]
        return data if not raw else bytes(((b ^ 0xA5) << 4 & 0xF0) | ((b ^ 0xA5) >> 4) for b in data)

    return LoginRequest(
        tds_version=version,
        packet_size=packet_size,
        host=text(36).decode("utf-16-le"),
        user=text(40).decode("utf-16-le"),
        password=text(44, raw=True).decode("utf-16-le", errors="replace"),
        application=text(48).decode("utf-16-le"),
        database=text(68).decode("utf-16-le"),
        has_features=bool(option_flags_3 & 0x10),
        integrated=bool(option_flags_2 & 0x80),
    )
