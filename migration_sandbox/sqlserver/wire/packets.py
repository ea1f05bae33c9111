"""TDS packets over a socket, with TLS begun inside of them: MS-TDS 2.2.3 (packets), 2.2.6.5 (PRELOGIN),
3.2.5.

A Channel reads whole messages and writes packet-sized pieces of one. During the handshake TLS records travel
in PRELOGIN packets; afterwards packets travel in TLS records.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from dataclasses import dataclass

SQL_BATCH = 0x01
RPC = 0x03
TABULAR = 0x04
ATTENTION = 0x06
TRANSACTION_MANAGER = 0x0E
LOGIN7 = 0x10
PRELOGIN = 0x12

_END_OF_MESSAGE = 0x01
_RESET_CONNECTION = 0x18  # with or without keeping the transaction, which a pool never asks for
_TLS_HANDSHAKE = 0x16
_HEADER = 8
DEFAULT_PACKET_SIZE = 4096
_MESSAGE_LIMIT = 256 * 1024 * 1024  # a client's largest message: a document's content as one parameter


class ConnectionLost(Exception):
    """The client is gone, or the sandbox was told to cut it off."""


@dataclass(frozen=True)
class Message:
    """resets: the client takes the connection out of a pool and wants a session as after login."""

    kind: int
    payload: bytes
    resets: bool = False


class Channel:
    """One client's connection. Reads and writes happen in its own thread; `cut` may come from any."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.packet_size = DEFAULT_PACKET_SIZE
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._received = bytearray()
        self._pending = bytearray()  # of the message being written
        self._packet_number = 0
        self._cut_after: int | None = None
        self._closed = threading.Event()

    # Reading

    def read_message(self) -> Message:
        payload = bytearray()
        resets = False
        while True:
            header = self._read(_HEADER)
            kind, status, length = struct.unpack_from(">BBH", header)
            if length < _HEADER or len(payload) + length > _MESSAGE_LIMIT:
                raise ConnectionLost("not a TDS packet")
            payload += self._read(length - _HEADER)
            resets = resets or bool(status & _RESET_CONNECTION)
            if status & _END_OF_MESSAGE:
                return Message(kind, bytes(payload), resets)

    def _read(self, count: int) -> bytes:
        while len(self._received) < count:
            self._received += self._receive()
        data = bytes(self._received[:count])
        del self._received[:count]
        return data

    def _receive(self) -> bytes:
        if self._tls is None:
            return self._receive_raw()
        while True:
            try:
                return self._tls.read(65536)
            except ssl.SSLWantReadError:
                self._incoming.write(self._receive_raw())
            except ssl.SSLError:
                raise ConnectionLost("TLS ended") from None

    def _receive_raw(self) -> bytes:
        try:
            data = self.socket.recv(65536)
        except OSError:
            raise ConnectionLost("the socket failed") from None
        if not data:
            raise ConnectionLost("the client hung up")
        return data

    # Writing

    def write(self, data: bytes | bytearray | memoryview, kind: int = TABULAR) -> None:
        """More of the current message; full packets leave at once."""
        self._pending += data
        room = self.packet_size - _HEADER
        if len(self._pending) <= room:
            return
        packets = bytearray()
        view = memoryview(self._pending)
        position = 0
        while len(view) - position > room:
            packets += self._header(kind, 0, room)
            packets += view[position : position + room]
            position += room
        rest = bytearray(view[position:])
        view.release()
        self._pending = rest
        self._send(packets)

    def end_message(self, kind: int = TABULAR) -> None:
        packet = self._header(kind, _END_OF_MESSAGE, len(self._pending)) + self._pending
        self._pending = bytearray()
        self._packet_number = 0
        self._send(packet)

    def _header(self, kind: int, status: int, length: int) -> bytes:
        self._packet_number = (self._packet_number + 1) & 0xFF
        return struct.pack(">BBHHBB", kind, status, length + _HEADER, 0, self._packet_number, 0)

    def cut_after(self, count: int) -> None:
        """The connection breaks off once this many more bytes of TDS have left."""
        self._cut_after = count

    def _send(self, data: bytes | bytearray) -> None:
        last = False
        if self._cut_after is not None:
            last = len(data) >= self._cut_after
            data = data[: self._cut_after]
            self._cut_after -= len(data)
        if self._tls is None:
            self._send_raw(data)
        else:
            self._tls.write(data)
            self._send_raw(self._outgoing.read())
        if last:
            self.cut()
            raise ConnectionLost("cut by a fault")

    def _send_raw(self, data: bytes | bytearray) -> None:
        try:
            self.socket.sendall(data)
        except OSError:
            raise ConnectionLost("the socket failed") from None

    # TLS

    def begins_with_tls(self) -> bool:
        """Whether the client speaks TDS 8.0 ("Encrypt=strict"), where TLS comes before all else."""
        self._received += self._receive_raw()
        return self._received[0] == _TLS_HANDSHAKE

    def start_tls(self, context: ssl.SSLContext, *, strict: bool = False) -> None:
        """The server's side of the handshake; unless strict, each flight travels inside PRELOGIN packets."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        if strict:
            self._incoming.write(bytes(self._received))
            self._received.clear()
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._send_handshake(strict)
                self._incoming.write(self._receive_raw() if strict else self.read_message().payload)
            except ssl.SSLError:
                self._send_handshake(strict)
                raise ConnectionLost("the TLS handshake failed") from None
            else:
                break
        self._send_handshake(strict)
        self._tls = tls

    def _send_handshake(self, strict: bool) -> None:
        flight = self._outgoing.read()
        if flight and strict:
            self._send_raw(flight)
        elif flight:
            self.write(flight, PRELOGIN)
            self.end_message(PRELOGIN)

    @property
    def is_cut(self) -> bool:
        return self._closed.is_set()

    def cut(self) -> None:
        """Closes the socket at once, in the middle of whatever is being sent."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
