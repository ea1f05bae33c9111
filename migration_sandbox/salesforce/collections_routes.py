"""Collections: up to 200 records saved or deleted in a call, up to 2,000 read.

How contents of files arrive beside the records is content_collections.py's.
"""

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.salesforce.blobs import Blob
from migration_sandbox.salesforce.content_collections import collecting, placed
from migration_sandbox.salesforce.errors import ApiError, RowError
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.remove import delete
from migration_sandbox.salesforce.rest_rows import (
    NO_BLOBS,
    batch_of,
    find_object,
    flatten,
    key_field,
    read_one,
    row_of,
    writable,
)
from migration_sandbox.salesforce.schema import Field, SObject
from migration_sandbox.salesforce.unit import Undo, all_or_nothing
from migration_sandbox.salesforce.web import Call, Handler, Site, answer, endpoint
from migration_sandbox.salesforce.write import Outcome, save

MAX_RECORDS, MAX_READ, MAX_TYPES = 200, 2000, 10
TOO_MANY = f"record limit reached. cannot submit more than {MAX_RECORDS} records into this call"


def _records(body: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(item, dict) for item in records):
        raise ApiError(400, "JSON_PARSER_ERROR", "The property 'records' must be a list of objects")
    if not records or len(records) > MAX_RECORDS:
        code = "EXCEEDED_ID_LIMIT" if records else "INVALID_REQUEST"
        raise ApiError(400, code, TOO_MANY)
    return records, bool(body.get("allOrNone", False))


def _type(record: dict[str, Any]) -> str:
    name = (record.get("attributes") or {}).get("type")
    if not name:
        raise ApiError(400, "INVALID_TYPE", "Every record needs attributes.type")
    return str(name)


def _entry(outcome: Outcome, row: int, upserting: bool) -> dict[str, Any]:
    error = outcome.errors.get(row)
    if error is not None:
        return {"success": False, "errors": [error.as_collection()]}
    made: dict[str, Any] = {"id": str(outcome.ids[row]), "success": True, "errors": []}
    if upserting:
        made["created"] = bool(outcome.created[row])
    return made


def _rolled_back(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answer of an allOrNone call with a failure: no record was saved."""
    other = RowError(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
    )
    undone = {"success": False, "errors": [other.as_collection()]}
    return [undone if entry["success"] else entry for entry in entries]


def _save_runs(
    org: Org,
    operation: str,
    typed: list[tuple[SObject, dict[str, str]]],
    key: Field | None,
    all_or_none: bool,
    blobs: Mapping[int, Blob] = NO_BLOBS,
) -> list[dict[str, Any]]:
    """Save records in order, a batch for each run of one object; `blobs` are contents by record's place."""
    runs: list[tuple[SObject, list[dict[str, str]], dict[int, Blob]]] = []
    for place, (sobject, cells) in enumerate(typed):
        if not runs or runs[-1][0] is not sobject:
            runs.append((sobject, [], {}))
        _, rows, contents = runs[-1]
        if place in blobs:
            contents[len(rows)] = blobs[place]
        rows.append(cells)
    if len(runs) > MAX_TYPES:
        raise ApiError(
            400, "INVALID_REQUEST", f"Cannot have more than {MAX_TYPES} chunks in a single operation"
        )
    entries: list[dict[str, Any]] = []

    def run() -> None:
        for sobject, rows, contents in runs:
            outcome = save(org, batch_of(org, sobject, operation, rows, key, contents))
            entries.extend(_entry(outcome, row, operation == "upsert") for row in range(len(rows)))

    return _ended(org, run, entries, all_or_none)


def _ended(
    org: Org, run: Callable[[], None], entries: list[dict[str, Any]], all_or_none: bool
) -> list[dict[str, Any]]:
    """The entries that `run` makes; with allOrNone and a failure among them, nothing of it stays."""
    if not all_or_none:
        run()
        return entries
    with all_or_nothing(org):
        run()
        if not all(entry["success"] for entry in entries):
            raise Undo
    fine = all(entry["success"] for entry in entries)
    return entries if fine else _rolled_back(entries)


def _typed(org: Org, records: list[dict[str, Any]], operation: str) -> list[tuple[SObject, dict[str, str]]]:
    typed = []
    for record in records:
        sobject = writable(org, _type(record), operation)
        cells = flatten(record)
        if "id" in cells:
            cells["Id"] = cells.pop("id")
        typed.append((sobject, cells))
    return typed


def _insert_or_update(operation: str) -> Handler:
    def handler(call: Call) -> Response:
        org = call.site.org
        records, all_or_none = _records(call.json_object())
        return answer(_save_runs(org, operation, _typed(org, records, operation), None, all_or_none))

    return handler


def insert_files(org: Org, body: dict[str, Any], contents: Mapping[str, Blob]) -> list[dict[str, Any]]:
    """Save records of which some name a content by its part: `attributes.binaryPartName`, and in
    `binaryPartNameAlias` the field that it is for. Contents of records that weren't saved are forgotten.
    """
    entries: list[dict[str, Any]] = []
    blobs: dict[int, Blob] = {}
    try:
        records, all_or_none = _records(body)
        typed = _typed(org, records, "insert")
        blobs = placed(records, [sobject for sobject, _ in typed], contents)
        entries = _save_runs(org, "insert", typed, None, all_or_none, blobs)
        return entries
    finally:
        saved = {blob.id for place, blob in blobs.items() if entries and entries[place]["success"]}
        for blob in contents.values():
            if blob.id not in saved:
                org.blobs.discard(blob)


def upsert(call: Call) -> Response:
    org = call.site.org
    sobject = writable(org, call.path["sobject"])
    key = key_field(org, sobject, call.path["field"])
    records, all_or_none = _records(call.json_object())
    for record in records:
        if _type(record).lower() != sobject.name.lower():
            raise ApiError(
                400, "INVALID_TYPE", "All records of an upsert are of the object that the path names"
            )
    typed = [(sobject, flatten(record)) for record in records]
    return answer(_save_runs(org, "upsert", typed, None if key.type == "id" else key, all_or_none))


def remove(call: Call) -> Response:
    org = call.site.org
    wanted = [text for text in call.query.get("ids", "").split(",") if text]
    if not wanted:
        raise ApiError(400, "INVALID_REQUEST", "ids must name a record")
    if len(wanted) > MAX_RECORDS:
        raise ApiError(400, "EXCEEDED_ID_LIMIT", TOO_MANY)
    by_prefix = {item.key_prefix: item for item in org.objects.values() if item.deletable}
    prefixes = list(dict.fromkeys(text[:3] for text in wanted))
    for prefix in prefixes:
        if prefix not in by_prefix:
            raise ApiError(400, "INVALID_ID_FIELD", "an id is not of an object that can be deleted")
    entries: list[dict[str, Any]] = []
    order: list[str] = []

    def run() -> None:
        for prefix in prefixes:
            mine = [text for text in wanted if text.startswith(prefix)]
            outcome = delete(org, by_prefix[prefix], pl.Series(mine), False)
            entries.extend(_entry(outcome, row, False) for row in range(len(mine)))
            order.extend(mine)

    ended = dict(zip(order, _ended(org, run, entries, call.flag("allOrNone")), strict=True))
    return answer([ended[text] for text in wanted])


def retrieve(call: Call) -> Response:
    """Records by their ids, null where there is none, in the order asked for."""
    org = call.site.org
    sobject = find_object(org, call.path["sobject"])
    given = call.json_object() if call.body else {}
    wanted = given.get("ids") or [text for text in call.query.get("ids", "").split(",") if text]
    fields = given.get("fields") or [text for text in call.query.get("fields", "").split(",") if text]
    if not wanted or not fields or len(wanted) > MAX_READ:
        raise ApiError(400, "INVALID_REQUEST", f"ids (1 to {MAX_READ}) and fields are required")
    found: list[dict[str, Any] | None] = []
    with org.lock:
        for record_id in wanted:
            try:
                row = row_of(org, sobject, str(record_id))
            except ApiError:
                found.append(None)
                continue
            found.append(read_one(org, sobject, row, [str(name) for name in fields], call.version))
    return answer(found)


def routes(site: Site) -> list[Route]:
    root = "/services/data/v{version}/composite"
    insert = collecting(site, endpoint(site, _insert_or_update("insert")), insert_files)
    made = []
    for slash in ("", "/"):
        made += [
            Route(f"{root}/sobjects{slash}", insert, methods=["POST"]),
            Route(f"{root}/sobjects{slash}", endpoint(site, _insert_or_update("update")), methods=["PATCH"]),
            Route(f"{root}/sobjects{slash}", endpoint(site, remove), methods=["DELETE"]),
            Route(f"{root}/sobjects/{{sobject}}/{{field}}{slash}", endpoint(site, upsert), methods=["PATCH"]),
            Route(f"{root}/sobjects/{{sobject}}{slash}", endpoint(site, retrieve), methods=["GET", "POST"]),
        ]
    return made
