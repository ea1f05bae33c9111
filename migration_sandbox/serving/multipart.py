"""A multipart body (RFC 2046) read piece by piece, so that a part of any size passes without being held.

What the parts mean, and how a bad body is answered, is the server's: it hands over what makes its error.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

MAX_HEADER_BYTES = 16_384

Refuse = Callable[[str], Exception]


@dataclass(frozen=True)
class Part:
    """Where a part begins: its name, its file's name (None without one) and its media type."""

    name: str
    file_name: str | None
    media_type: str


def boundary_of(content_type: str, bad: Refuse) -> bytes:
    """Raises what `bad` makes."""
    message = Message()
    message["Content-Type"] = content_type
    found = message.get_boundary()
    if not found:
        raise bad("no boundary is given")
    return found.encode()


class Reader:
    """Takes chunks as they come and gives parts and their bytes back."""

    def __init__(self, boundary: bytes, bad: Refuse) -> None:
        self._bad = bad
        self._delimiter = b"\r\n--" + boundary
        # The first boundary has no line before it.
        self._buffer = b"\r\n"
        self._part: Part | None = None
        self._state = "preamble"

    @property
    def ended(self) -> bool:
        """Whether the closing boundary came."""
        return self._state == "end"

    def feed(self, chunk: bytes) -> Iterator[Part | bytes]:
        """Raises what `bad` makes."""
        self._buffer += chunk
        while True:
            step = {"preamble": self._body, "body": self._body, "boundary": self._boundary}.get(self._state)
            if self._state == "headers":
                part = self._headers()
                if part is None:
                    return
                yield part
                continue
            if step is None:
                return
            moved, data = step()
            if data:
                yield data
            if not moved:
                return

    def _body(self) -> tuple[bool, bytes]:
        """Bytes up to the next boundary; what may be the beginning of one waits."""
        at = self._buffer.find(self._delimiter)
        end = at if at >= 0 else max(len(self._buffer) - len(self._delimiter) + 1, 0)
        data = self._buffer[:end] if self._state == "body" else b""
        self._buffer = self._buffer[end:]
        if at >= 0:
            self._buffer = self._buffer[len(self._delimiter) :]
            self._state = "boundary"
        return at >= 0, data

    def _boundary(self) -> tuple[bool, bytes]:
        """What stands after a boundary: two hyphens at the end of all, else the end of its line."""
        if self._buffer.startswith(b"--"):
            self._state = "end"
            return True, b""
        at = self._buffer.find(b"\r\n")
        if at < 0:
            if len(self._buffer) > MAX_HEADER_BYTES:
                raise self._bad("a boundary has no end")
            return False, b""
        if self._buffer[:at].strip():
            raise self._bad("a boundary is followed by something else")
        # The line's end stays: a part without headers begins with an empty line right away.
        self._buffer = self._buffer[at:]
        self._state = "headers"
        return True, b""

    def _headers(self) -> Part | None:
        at = self._buffer.find(b"\r\n\r\n")
        if at < 0:
            if len(self._buffer) > MAX_HEADER_BYTES:
                raise self._bad("the headers of a part are too long")
            return None
        # Names of files come as UTF-8, which the rules for mail don't know.
        found = HeaderParser().parsestr(self._buffer[2 : at + 2].decode("utf-8", "replace"))
        self._buffer = self._buffer[at + 4 :]
        name = found.get_param("name", header="content-disposition")
        if not isinstance(name, str) or not name:
            raise self._bad("a part has no name")
        self._state = "body"
        return Part(name, found.get_filename(), found.get_content_type())
