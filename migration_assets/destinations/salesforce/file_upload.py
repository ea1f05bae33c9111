"""Multipart requests that bring files into the org: one file a request, or many small ones.

One file's content is streamed and checked while it goes: nothing is held beyond the piece that is being sent.
Contents that go together are read and checked before, so that none spoils the others' request. A request that
breaks off before its closing boundary creates nothing. Which files are sent is ``files``', and what of an
answer that was lost is ``file_sending``'s.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from migration_assets.destinations.base import ObjectSchema
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.errors import DestinationUnreachable

_FILE_NAME = "content"
"""Of the binary part: the record's own name for it (PathOnClient) stands in the JSON, in any script."""


class ContentDiffers(Exception):
    """The source gave other bytes than were extracted; nothing of them became a record."""


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
        record = _json_part(self.boundary, "entity_content", fields)
        self._head = record + _binary_part(self.boundary, part)
        self._tail = _closing(self.boundary)

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        """Raises ContentDiffers where the content isn't as announced, or what the source does."""
        self.ended = False
        yield self._head
        yield from checked(self._pieces(), self._size, self._md5)
        self.ended = True
        yield self._tail


class BodyOfMany:
    """The body of a request for several records: their fields as JSON, then the contents, which it holds; it
    can be sent again. ``ended`` is as ``Body``'s.
    """

    def __init__(self, schema: ObjectSchema, files: Sequence[tuple[Mapping[str, object], bytes]]) -> None:
        self.boundary = secrets.token_hex(16)
        self.ended = False
        names = [f"file{number}" for number in range(len(files))]
        records = [
            {"attributes": _attributes(schema, name), **fields}
            for name, (fields, _) in zip(names, files, strict=True)
        ]
        self._pieces = [_json_part(self.boundary, "collection", {"allOrNone": False, "records": records})]
        for name, (_, content) in zip(names, files, strict=True):
            self._pieces += [_binary_part(self.boundary, name), content, b"\r\n"]
        # The last content's line end is the closing boundary's.
        self._pieces[-1] = _closing(self.boundary)

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    def __iter__(self) -> Iterator[bytes]:
        self.ended = False
        yield from self._pieces[:-1]
        self.ended = True
        yield self._pieces[-1]


def _attributes(schema: ObjectSchema, part: str) -> dict[str, object]:
    return {
        "type": schema.name,
        "binaryPartName": part,
        "binaryPartNameAlias": schema.content_field,
    }


def _json_part(boundary: str, name: str, value: object) -> bytes:
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n'
        f"Content-Type: application/json\r\n\r\n{json.dumps(value, allow_nan=False)}\r\n"
    ).encode()


def _binary_part(boundary: str, name: str) -> bytes:
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{_FILE_NAME}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()


def _closing(boundary: str) -> bytes:
    return f"\r\n--{boundary}--\r\n".encode()


def checked(pieces: Iterator[bytes], size: int, md5: str) -> Iterator[bytes]:
    """The pieces of a content of ``size`` bytes. Raises ContentDiffers before it gives more than those, and
    at the end where the checksum is another one."""
    digest, given = hashlib.md5(usedforsecurity=False), 0
    for piece in pieces:
        given += len(piece)
        if given > size:
            raise ContentDiffers
        digest.update(piece)
        yield piece
    if given != size or digest.hexdigest() != md5:
        raise ContentDiffers


def post(session: SalesforceSession, schema: ObjectSchema, body: Body) -> str:
    """The new record's id. Raises DestinationError and its kin, and what ``body`` raises."""
    return str(_post(session, f"sobjects/{schema.name}", body)["id"])


def post_many(session: SalesforceSession, body: BodyOfMany, count: int) -> list[Mapping[str, Any]]:
    """The answers, one for each of the ``count`` records in their order: ``success`` with ``id``, or
    ``errors``. Raises DestinationError and its kin.
    """
    answers = _post(session, "composite/sobjects", body)
    if not isinstance(answers, list) or len(answers) != count:
        raise DestinationUnreachable(
            f"Salesforce didn't answer for each of {count} files; run the upload again, it looks which of "
            "them are there"
        )
    return answers


def _post(session: SalesforceSession, path: str, body: Body | BodyOfMany) -> Any:
    kind = f"multipart/form-data; boundary={body.boundary}"
    return session.request("POST", path, data=body, headers={"Content-Type": kind}).json()


def plain(value: object) -> object:
    """A payload's value as JSON; decimals go as text, which the platform reads exactly."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return None if value == "" else value
