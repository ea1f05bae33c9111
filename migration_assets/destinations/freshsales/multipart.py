"""A file with its fields as one multipart/form-data body (RFC 7578), made while it is sent.

httpx's own holds a file without a length in memory, and can't begin again from the source.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping

from migration_assets.destinations.freshsales.api import Pieces
from migration_assets.errors import ContentChanged

_DISPOSITION = "Content-Disposition: form-data"
_ESCAPED = {'"': "%22", "\r": "%0D", "\n": "%0A"}


class FileBody:
    """Its headers, and its bytes from the first one at each iteration."""

    def __init__(
        self,
        fields: Mapping[str, str],
        part: str,
        file_name: str,
        content_type: str,
        size: int,
        pieces: Pieces,
    ) -> None:
        boundary = secrets.token_hex(16)
        head = b"".join(
            f"--{boundary}\r\n{_DISPOSITION}; name={_quoted(name)}\r\n\r\n{value}\r\n".encode()
            for name, value in fields.items()
        )
        names = f"name={_quoted(part)}; filename={_quoted(file_name)}"
        opening = f"--{boundary}\r\n{_DISPOSITION}; {names}\r\nContent-Type: {content_type}\r\n\r\n"
        self._head = head + opening.encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._size, self._pieces = size, pieces
        self.headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(self._head) + size + len(self._tail)),
        }

    def __iter__(self) -> Iterator[bytes]:
        """Raises ContentChanged before the end is sent where the pieces aren't of the size."""
        yield self._head
        sent = 0
        for piece in self._pieces:
            sent += len(piece)
            if sent > self._size:
                raise _changed()
            yield piece
        if sent != self._size:
            raise _changed()
        yield self._tail


def _quoted(text: str) -> str:
    return '"' + "".join(_ESCAPED.get(character, character) for character in text) + '"'


def _changed() -> ContentChanged:
    return ContentChanged(
        "a file's length isn't the one that was extracted; extract again, then upload again"
    )
