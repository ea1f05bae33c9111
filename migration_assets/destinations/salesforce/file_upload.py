"""One file on its way into the org: a multipart request whose content is streamed and checked while it goes.

Nothing of a content is held beyond the piece that is being sent. A request that breaks off before its closing
boundary creates nothing. Which files are sent, and what of an answer that was lost, is ``files``'.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from migration_assets.destinations.base import ObjectSchema
from migration_assets.destinations.salesforce.session import SalesforceSession

_FILE_NAME = "content"
"""Of the binary part: the record's own name for it (PathOnClient) stands in the JSON, in any script."""


class ContentDiffers(Exception):
    """The source gave other bytes than were extracted; the request was broken off."""


class Body:
    """The request's body: the record's fields as JSON, then the content; it can be sent again.

    ``ended`` is whether the last byte was handed over: if not, the org can't have made a record of it.
    """

    def __init__(
        self,
        fields: Mapping[str, object],
        part: str,
        pieces: Callable[[], Iterator[bytes]],
        size: int,
        md5: str,
    ) -> None:
        self.boundary = secrets.token_hex(16)
        self.ended = False
        self._pieces = pieces
        self._size, self._md5 = size, md5
        self._head = (
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="entity_content"\r\n'
            f"Content-Type: application/json\r\n\r\n{json.dumps(fields, allow_nan=False)}\r\n"
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{part}"; filename="{_FILE_NAME}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{self.boundary}--\r\n".encode()

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        """Raises ContentDiffers where the content isn't as announced, or what the source does."""
        self.ended = False
        yield self._head
        digest, sent = hashlib.md5(usedforsecurity=False), 0
        for piece in self._pieces():
            sent += len(piece)
            if sent > self._size:
                raise ContentDiffers
            digest.update(piece)
            yield piece
        if sent != self._size or digest.hexdigest() != self._md5:
            raise ContentDiffers
        self.ended = True
        yield self._tail


def post(session: SalesforceSession, schema: ObjectSchema, body: Body) -> str:
    """The new record's id. Raises DestinationError and its kin, and what ``body`` raises."""
    kind = f"multipart/form-data; boundary={body.boundary}"
    response = session.request("POST", f"sobjects/{schema.name}", data=body, headers={"Content-Type": kind})
    return str(response.json()["id"])


def plain(value: object) -> object:
    """A payload's value as JSON; decimals go as text, which the platform reads exactly."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return None if value == "" else value
