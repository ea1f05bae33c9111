"""Contents of files over REST: multipart uploads, streamed to disk, and downloads.

JSON uploads (base64) take the common way of rest_rows.py; many files in one request are
content_collections.py's; what a new version means is content.py's.
"""

import json
from functools import wraps
from typing import Any, Protocol

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from migration_sandbox.salesforce.blobs import Blob, Upload
from migration_sandbox.salesforce.content import VERSION
from migration_sandbox.salesforce.errors import ApiError, not_found
from migration_sandbox.salesforce.render import record_url
from migration_sandbox.salesforce.rest_rows import (
    find_object,
    flatten,
    row_of,
    save_one,
    too_large,
    writable,
)
from migration_sandbox.salesforce.schema import SObject
from migration_sandbox.salesforce.web import (
    Call,
    Endpoint,
    Site,
    answer,
    check_version,
    count_call,
    endpoint,
    refusal,
    usage,
)
from migration_sandbox.serving.multipart import Part, Reader, boundary_of

MAX_JSON_BYTES = 10_000_000


class Incoming(Protocol):
    """What takes the parts of a multipart body, each with its bytes after it, in their order."""

    def begin(self, part: Part) -> None: ...

    def take(self, data: bytes) -> None: ...


class _Incoming:
    """The parts of one upload: a record's fields as JSON, then its content."""

    def __init__(self, site: Site, sobject: SObject) -> None:
        self.site = site
        self.binary = {item.name.lower() for item in sobject.fields.values() if item.binary}
        self.fields = b""
        self.upload: Upload | None = None
        self._into_upload = False

    def begin(self, part: Part) -> None:
        self._into_upload = part.name.lower() in self.binary
        if self._into_upload:
            if part.file_name is None or self.upload is not None:
                raise ApiError(
                    400, "INVALID_MULTIPART_REQUEST", "There is one binary part, and it has a filename"
                )
            self.upload = Upload(self.site.org.blobs)
        elif part.media_type != "application/json" or self.fields:
            raise ApiError(
                400,
                "INVALID_MULTIPART_REQUEST",
                f"Part {part.name}: one part of application/json is expected",
            )

    def take(self, data: bytes) -> None:
        if self._into_upload:
            assert self.upload is not None
            most = self.site.org.settings.file_bytes
            if self.upload.size + len(data) > most:
                raise too_large(most)
            self.upload.write(data)
            return
        self.fields += data
        if len(self.fields) > MAX_JSON_BYTES:
            raise ApiError(400, "INVALID_MULTIPART_REQUEST", "The part with the record's fields is too long")


def json_part(text: bytes) -> dict[str, Any]:
    """The part with what isn't binary. Raises INVALID_MULTIPART_REQUEST, JSON_PARSER_ERROR."""
    if not text:
        raise ApiError(400, "INVALID_MULTIPART_REQUEST", "Multipart message must include a non-binary part")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ApiError(400, "JSON_PARSER_ERROR", "The part with the record's fields is not a JSON object")
    return found


def _unreadable(what: str) -> ApiError:
    return ApiError(400, "INVALID_MULTIPART_REQUEST", f"The multipart body can't be read: {what}")


async def receive(request: Request, incoming: Incoming) -> None:
    """Raises INVALID_MULTIPART_REQUEST, and what `incoming` does."""
    reader = Reader(boundary_of(request.headers["content-type"], _unreadable), _unreadable)
    async for chunk in request.stream():
        for found in reader.feed(chunk):
            if isinstance(found, Part):
                incoming.begin(found)
            else:
                incoming.take(found)
    if not reader.ended:
        raise ApiError(400, "INVALID_MULTIPART_REQUEST", "The multipart body ends too early")


def _save(site: Site, sobject: SObject, record: dict[str, Any], blob: Blob | None) -> str:
    try:
        return str(save_one(site.org, sobject, "insert", flatten(record), None, blob).ids[0])
    except ApiError:
        if blob is not None:
            site.org.blobs.discard(blob)
        raise


def creating(site: Site, plain: Endpoint) -> Endpoint:
    """POST of a new record: multipart here, everything else by `plain`."""

    @wraps(plain)
    async def serve(request: Request) -> Response:
        if not request.headers.get("content-type", "").lower().startswith("multipart/"):
            return await plain(request)
        try:
            site.sessions.check(request.headers.get("authorization"))
            count_call(site)
            version = check_version(request.path_params["version"])
            sobject = writable(site.org, request.path_params["sobject"])
            made = await _create(request, sobject)
            place = {"Location": record_url(version, sobject.name, made)}
            response = answer({"id": made, "success": True, "errors": []}, 201, place)
        except ApiError as error:
            response = refusal(error)
        response.headers.update(usage(site))
        return response

    async def _create(request: Request, sobject: SObject) -> str:
        incoming = _Incoming(site, sobject)
        if not incoming.binary:
            raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"{sobject.name} has no binary field")
        try:
            await receive(request, incoming)
            record = json_part(incoming.fields)
        except (ApiError, ClientDisconnect):
            if incoming.upload is not None:
                incoming.upload.abandon()
            raise
        blob = None if incoming.upload is None else incoming.upload.finish()
        return await run_in_threadpool(_save, site, sobject, record, blob)

    return serve


def download(call: Call) -> Response:
    """The content of a version, as it was stored."""
    org = call.site.org
    sobject = find_object(org, call.path["sobject"])
    if sobject.name != VERSION:
        raise not_found()
    with org.lock:
        row = row_of(org, sobject, call.path["id"])
        body = org.tables[VERSION].gather(np.array([row], dtype=np.int64), ["ContentBodyId"])[
            "ContentBodyId"
        ][0]
    path = org.blobs.path(body)
    if not path.exists():
        raise not_found()
    return FileResponse(path, media_type="application/octetstream")


def routes(site: Site) -> list[Route]:
    path = "/services/data/v{version}/sobjects/{sobject}/{id}/VersionData"
    return [Route(path, endpoint(site, download), methods=["GET"])]
