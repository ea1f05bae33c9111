"""Files on records: uploaded by multipart, streamed to disk, listed with their record, downloaded by a url.

The upload takes `file`, `file_name`, `is_shared`, `targetable_id` and `targetable_type`. A download's url
carries a signature instead of a key, as a storage's does, and isn't counted as a call.
"""

import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from migration_sandbox.freshsales import values
from migration_sandbox.freshsales.account import Account, Row
from migration_sandbox.freshsales.activity_routes import target_of
from migration_sandbox.freshsales.blobs import Blob, Upload
from migration_sandbox.freshsales.entities import STANDARD
from migration_sandbox.freshsales.errors import ApiError, bad, not_built
from migration_sandbox.freshsales.removal import children
from migration_sandbox.freshsales.seed import new_row
from migration_sandbox.freshsales.web import (
    API,
    Call,
    Endpoint,
    Site,
    admit,
    answer,
    base_url,
    endpoint,
    paged,
    rate_headers,
    refusal,
)
from migration_sandbox.serving.multipart import Part, Reader, boundary_of

FIELDS = frozenset({"file_name", "is_shared", "targetable_id", "targetable_type"})
MAX_FIELD_BYTES = 2_000


def _unreadable(what: str) -> ApiError:
    return bad(f"The multipart body can't be read: {what}")


class _Incoming:
    """The parts of one upload."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.fields: dict[str, bytes] = {}
        self.upload: Upload | None = None
        self.file: Part | None = None
        self._into = ""

    def begin(self, part: Part) -> None:
        if part.name in self.fields or (part.name == "file" and self.file is not None):
            raise bad(f"{part.name} comes twice")
        self._into = part.name
        if part.name == "file":
            if part.file_name is None:
                raise bad("file has no filename")
            self.file, self.upload = part, self.account.blobs.begin()
        elif part.name in FIELDS:
            self.fields[part.name] = b""
        else:
            raise bad(f"{part.name} is not an attribute of a file")

    def take(self, data: bytes) -> None:
        if self._into != "file":
            self.fields[self._into] += data
            if len(self.fields[self._into]) > MAX_FIELD_BYTES:
                raise bad(f"{self._into} is too long")
            return
        assert self.upload is not None
        most = self.account.settings.file_bytes
        if self.upload.size + len(data) > most:
            raise bad(f"File size should be less than {most} bytes")
        self.upload.write(data)


async def _receive(request: Request, incoming: _Incoming) -> None:
    """Reads the body to its end even where it is refused: a client that is still sending hears no answer."""
    reader = Reader(boundary_of(request.headers.get("content-type", ""), _unreadable), _unreadable)
    refused: ApiError | None = None
    async for chunk in request.stream():
        if refused is not None:
            continue
        try:
            for found in reader.feed(chunk):
                if isinstance(found, Part):
                    incoming.begin(found)
                else:
                    incoming.take(found)
        except ApiError as error:
            refused = error
    if refused is not None:
        raise refused
    if not reader.ended:
        raise _unreadable("it ends too early")


def uploading(site: Site) -> Endpoint:
    account = site.account

    async def serve(request: Request) -> Response:
        try:
            user = await run_in_threadpool(admit, site, request)
            if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
                raise bad("A file comes as multipart/form-data")
            incoming = _Incoming(account)
            try:
                await _receive(request, incoming)
                if incoming.upload is None:
                    raise bad("File can't be blank")
            except (ApiError, ClientDisconnect):
                if incoming.upload is not None:
                    incoming.upload.abandon()
                raise
            blob = incoming.upload.finish()
            response = await run_in_threadpool(_save, account, incoming, blob, user, base_url(request))
        except ApiError as error:
            response = refusal(account, error)
        response.headers.update(rate_headers(account))
        return response

    return serve


def _save(account: Account, incoming: _Incoming, blob: Blob, user: Row, base: str) -> Response:
    given = {name: value.decode("utf-8", "replace") for name, value in incoming.fields.items()}
    assert incoming.file is not None
    with account.lock:
        try:
            _, record = target_of(account, given.get("targetable_type"), given.get("targetable_id"))
            if account.used_file_bytes() + blob.size > account.file_storage():
                raise bad("You have reached the file storage limit of your plan")
        except ApiError:
            account.blobs.discard(blob.name)
            raise
        row = new_row(
            account,
            {
                "name": given.get("file_name") or incoming.file.file_name,
                "content_file_name": incoming.file.file_name,
                "content_content_type": incoming.file.media_type,
                "content_file_size": blob.size,
                "is_shared": bool(values.boolean("Is shared", given.get("is_shared"))),
                "targetables": [{"id": record.id, "type": given["targetable_type"]}],
                "blob": blob.name,
                "sha256": blob.sha256,
            },
        )
        row.creater_id = row.updater_id = user.id
        account.commit([("document", row)])
        told = _shown(account, row, base)
    status = account.settings.create_status
    if account.settings.document_answer == "document":
        return answer({"document": told}, status)
    return answer({"id": row.id, "msg": "File uploaded successfully", "url": told["url"]}, status)


def _key(account: Account) -> bytes:
    kept = account.meta("download_key")
    if kept is None:
        kept = secrets.token_hex(32)
        account.set_meta("download_key", kept)
    return bytes.fromhex(kept)


def _signature(account: Account, number: int, until: int) -> str:
    return hmac.new(_key(account), f"{number}:{until}".encode(), hashlib.sha256).hexdigest()[:32]


def _shown(account: Account, row: Row, base: str) -> dict[str, Any]:
    until = int(account.now() + account.settings.download_seconds)
    signed = f"{until}-{_signature(account, row.id, until)}"
    told = {name: row.values[name] for name in row.values if name not in ("blob", "sha256", "targetables")}
    return {
        "id": row.id,
        **told,
        "url": f"{base}/crm/sales/files/{row.id}/{signed}/{quote(row.values['content_file_name'], safe='')}",
        "creater_id": row.creater_id,
        "created_at": account.time(row.created),
        "updated_at": account.time(row.updated),
    }


def listed(call: Call) -> Response:
    """Files of a record, newest first."""
    entity = call.entity()
    record = call.row(entity.name)
    rows = children(call.account, "document", entity.type, record.id)[::-1]
    page, per_page = call.page()
    here, meta = paged(rows, page, per_page)
    links = [
        {"id": row.id, "document_id": row.id, "targetable_id": record.id, "targetable_type": entity.type}
        for row in here
    ]
    told = [_shown(call.account, row, call.base) for row in here]
    return answer({"document_associations": links, "documents": told, "document_links": [], "meta": meta})


def delete(call: Call) -> Response:
    if not call.account.settings.document_delete:
        raise not_built("the deletion of files: no source has it (setting document_delete)")
    row = call.row("document")
    call.account.commit([], [("document", row.id)])
    call.account.blobs.discard(row.values["blob"])
    return answer(True)


def downloading(site: Site) -> Endpoint:
    account = site.account

    async def serve(request: Request) -> Response:
        number, (until, _, given) = request.path_params["id"], request.path_params["signed"].partition("-")
        row = account.get("document", number)
        good = until.isdecimal() and hmac.compare_digest(
            given.encode(), _signature(account, number, int(until)).encode()
        )
        if row is None or not good or int(until) < account.now():
            return Response("AccessDenied", 403, media_type="text/plain")
        return FileResponse(
            account.blobs.path(row.values["blob"]), media_type=row.values["content_content_type"]
        )

    return serve


def routes(site: Site) -> list[Route]:
    made = [
        Route(f"{API}/documents", uploading(site), methods=["POST"]),
        Route(f"{API}/documents/{{id:int}}", endpoint(site, delete), methods=["DELETE"]),
        Route("/files/{id:int}/{signed}/{name}", downloading(site), methods=["GET"]),
    ]
    for name in STANDARD:
        path = f"{API}/{name}/{{id:int}}/document_associations"
        made.append(Route(path, endpoint(site, listed, name), methods=["GET"]))
    return made
