"""Many files in one request: a collection of records as JSON, and a binary part for each content.

After the REST guide ("Insert or Update Blob Data", sObject Collections): a record's `attributes` name its
part and the field that the part is for, and all files together have at most 500 MB. How the guide's own
limits are worded when they are passed, and what is said of parts and records that don't fit each other, is
unconfirmed. How records are saved is collections_routes.py's.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from migration_sandbox.salesforce.blobs import Blob, Upload
from migration_sandbox.salesforce.content_routes import MAX_JSON_BYTES, json_part, receive
from migration_sandbox.salesforce.errors import ApiError
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.rest_rows import too_large
from migration_sandbox.salesforce.schema import SObject
from migration_sandbox.salesforce.web import Endpoint, Site, answer, check_version, count_call, refusal, usage
from migration_sandbox.serving.multipart import Part

MAX_BYTES = 500 * 1_048_576
"""Of all contents of a request."""

Save = Callable[[Org, dict[str, Any], Mapping[str, Blob]], list[dict[str, Any]]]
"""Saves a collection's records with contents by the names of their parts, and forgets what it doesn't use."""


def _bad(message: str) -> ApiError:
    return ApiError(400, "INVALID_MULTIPART_REQUEST", message)


class _Incoming:
    """The parts of one request: what has a file's name is a content, the one other is the collection."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.most = min(MAX_BYTES, org.settings.file_bytes)
        self.collection = b""
        self.uploads: dict[str, Upload] = {}
        self._current: Upload | None = None
        self._size = 0

    def begin(self, part: Part) -> None:
        if self._current is not None:
            self._current.pause()
        self._current = None
        if part.file_name is not None:
            if part.name in self.uploads:
                raise _bad(f"There is more than one part {part.name}")
            self._current = self.uploads[part.name] = Upload(self.org.blobs)
        elif part.media_type != "application/json" or self.collection:
            raise _bad(f"Part {part.name}: one part of application/json is expected")

    def take(self, data: bytes) -> None:
        if self._current is not None:
            self._size += len(data)
            if self._size > self.most:
                raise too_large(self.most)
            self._current.write(data)
            return
        self.collection += data
        if len(self.collection) > MAX_JSON_BYTES:
            raise _bad("The part with the records' fields is too long")

    def abandon(self) -> None:
        for upload in self.uploads.values():
            upload.abandon()

    def finish(self) -> dict[str, Blob]:
        return {name: upload.finish() for name, upload in self.uploads.items()}


def placed(
    records: Sequence[dict[str, Any]], objects: Sequence[SObject], contents: Mapping[str, Blob]
) -> dict[int, Blob]:
    """Contents by the place of the record that names each. Raises INVALID_MULTIPART_REQUEST where a part is
    missing, named twice or by nobody, or where it isn't for a binary field.
    """
    found: dict[int, Blob] = {}
    unnamed = dict(contents)
    for place, (record, sobject) in enumerate(zip(records, objects, strict=True)):
        attributes = record["attributes"]
        name = attributes.get("binaryPartName")
        if name is None:
            continue
        item = sobject.find(str(attributes.get("binaryPartNameAlias")))
        if item is None or not item.binary:
            raise _bad(f"binaryPartNameAlias of {name} is no binary field of {sobject.name}")
        if str(name) not in unnamed:
            raise _bad(f"There is no binary part {name} for this record alone")
        found[place] = unnamed.pop(str(name))
    if unnamed:
        raise _bad(f"No record names the binary part {next(iter(unnamed))}")
    return found


def collecting(site: Site, plain: Endpoint, save: Save) -> Endpoint:
    """POST of a collection: multipart here, everything else by `plain`."""

    @wraps(plain)
    async def serve(request: Request) -> Response:
        if not request.headers.get("content-type", "").lower().startswith("multipart/"):
            return await plain(request)
        try:
            site.sessions.check(request.headers.get("authorization"))
            count_call(site)
            check_version(request.path_params["version"])
            response = answer(await _collect(request))
        except ApiError as error:
            response = refusal(error)
        response.headers.update(usage(site))
        return response

    async def _collect(request: Request) -> list[dict[str, Any]]:
        incoming = _Incoming(site.org)
        try:
            await receive(request, incoming)
            body = json_part(incoming.collection)
        except (ApiError, ClientDisconnect):
            incoming.abandon()
            raise
        return await run_in_threadpool(save, site.org, body, incoming.finish())

    return serve
