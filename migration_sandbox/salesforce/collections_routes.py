"""Collections of up to 200 records, and composite calls of up to 25 that may refer to each other."""

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import polars as pl
from starlette.responses import Response
from starlette.routing import Match, Route

from migration_sandbox.salesforce import rest_routes
from migration_sandbox.salesforce.errors import ApiError, RowError
from migration_sandbox.salesforce.org import Org, Statement
from migration_sandbox.salesforce.remove import delete
from migration_sandbox.salesforce.rest_rows import batch_of, flatten, key_field, writable
from migration_sandbox.salesforce.schema import Field, SObject
from migration_sandbox.salesforce.web import Call, Handler, Site, answer, endpoint, refusal
from migration_sandbox.salesforce.write import Outcome, save

MAX_RECORDS, MAX_CALLS, MAX_TYPES = 200, 25, 10
_REFERENCE = re.compile(r"@\{([A-Za-z_]\w*)((?:\.\w+|\[\d+\])*)\}")


class _RolledBack(Exception):
    """An allOrNone call failed: nothing may be committed."""


def _records(call: Call) -> tuple[list[dict[str, Any]], bool]:
    body = call.json_object()
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(item, dict) for item in records):
        raise ApiError(400, "JSON_PARSER_ERROR", "The property 'records' must be a list of objects")
    if not records or len(records) > MAX_RECORDS:
        code = "EXCEEDED_ID_LIMIT" if records else "INVALID_REQUEST"
        raise ApiError(
            400, code, f"record limit reached. cannot submit more than {MAX_RECORDS} records in this call"
        )
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


def _rolled_back(errors: dict[int, RowError], count: int) -> list[dict[str, Any]]:
    other = RowError(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
    )
    return [{"success": False, "errors": [errors.get(row, other).as_collection()]} for row in range(count)]


def _save_runs(
    org: Org,
    operation: str,
    typed: list[tuple[SObject, dict[str, str]]],
    key: Field | None,
    all_or_none: bool,
) -> list[dict[str, Any]]:
    """Save records in order, a batch for each run of one object and one set of fields."""
    entries: list[dict[str, Any]] = []
    runs: list[tuple[SObject, list[dict[str, str]]]] = []
    for sobject, cells in typed:
        if not runs or runs[-1][0] is not sobject:
            runs.append((sobject, []))
        runs[-1][1].append(cells)
    if len(runs) > MAX_TYPES:
        raise ApiError(
            400, "INVALID_REQUEST", f"Cannot have more than {MAX_TYPES} chunks in a single operation"
        )
    if all_or_none and len(runs) > 1:
        raise ApiError(400, "INVALID_REQUEST", "allOrNone over several objects is not part of this sandbox")
    for sobject, rows in runs:
        failed: dict[int, RowError] = {}

        def also(outcome: Outcome, failed: dict[int, RowError] = failed) -> list[Statement]:
            if all_or_none and outcome.errors:
                failed.update(outcome.errors)
                raise _RolledBack
            return []

        try:
            outcome = save(org, batch_of(org, sobject, operation, rows, key), also)
        except _RolledBack:
            return _rolled_back(failed, len(rows))
        entries += [_entry(outcome, row, operation == "upsert") for row in range(len(rows))]
    return entries


def _insert_or_update(operation: str) -> Handler:
    def handler(call: Call) -> Response:
        org = call.site.org
        records, all_or_none = _records(call)
        typed = []
        for record in records:
            sobject = writable(org, _type(record))
            cells = flatten(record)
            if "id" in cells:
                cells["Id"] = cells.pop("id")
            typed.append((sobject, cells))
        return answer(_save_runs(org, operation, typed, None, all_or_none))

    return handler


def upsert(call: Call) -> Response:
    org = call.site.org
    sobject = writable(org, call.path["sobject"])
    key = key_field(org, sobject, call.path["field"])
    records, all_or_none = _records(call)
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
    if not wanted or len(wanted) > MAX_RECORDS:
        raise ApiError(400, "INVALID_REQUEST", f"ids must name 1 to {MAX_RECORDS} records")
    by_prefix = {item.key_prefix: item for item in org.objects.values() if item.createable}
    entries: list[dict[str, Any]] = []
    if call.flag("allOrNone") and len({text[:3] for text in wanted}) > 1:
        raise ApiError(400, "INVALID_REQUEST", "allOrNone over several objects is not part of this sandbox")
    for prefix in dict.fromkeys(text[:3] for text in wanted):
        if prefix not in by_prefix:
            raise ApiError(400, "INVALID_ID_FIELD", "an id is not of an object that can be deleted")
    outcomes: dict[str, dict[str, Any]] = {}
    for prefix in dict.fromkeys(text[:3] for text in wanted):
        mine = [text for text in wanted if text.startswith(prefix)]
        failed: dict[int, RowError] = {}

        def also(outcome: Outcome, failed: dict[int, RowError] = failed) -> list[Statement]:
            if call.flag("allOrNone") and outcome.errors:
                failed.update(outcome.errors)
                raise _RolledBack
            return []

        try:
            outcome = delete(org, by_prefix[prefix], pl.Series(mine), False, also)
        except _RolledBack:
            return answer(_rolled_back(failed, len(mine)))
        outcomes |= {text: _entry(outcome, row, False) for row, text in enumerate(mine)}
    entries = [outcomes[text] for text in wanted]
    return answer(entries)


def _lookup(results: dict[str, Any], name: str, path: str) -> Any:
    value: Any = results.get(name)
    for part in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        try:
            value = value[part[0]] if part[0] else value[int(part[1])]
        except (KeyError, IndexError, TypeError):
            value = None
    if value is None:
        raise ApiError(
            400, "PROCESSING_HALTED", f"Invalid reference specified. No value for {name}{path} found"
        )
    return value


def _substitute(value: Any, results: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: str(_lookup(results, found.group(1), found.group(2))), value)
    if isinstance(value, dict):
        return {key: _substitute(inner, results) for key, inner in value.items()}
    if isinstance(value, list):
        return [_substitute(inner, results) for inner in value]
    return value


def _run_call(call: Call, item: dict[str, Any], results: dict[str, Any]) -> Response:
    """One subrequest, by the same handlers that serve it alone."""
    try:
        parts = urlsplit(_substitute(str(item["url"]), results))
        body = (
            json.dumps(_substitute(item["body"], results)).encode() if item.get("body") is not None else b""
        )
        for route in _inner_routes():
            scope = {"type": "http", "path": parts.path, "method": item["method"]}
            match, child = route.matches(scope)
            if match is Match.FULL:
                path = {key: unquote(str(value)) for key, value in child["path_params"].items()}
                inner = replace(call, path=path, query=dict(parse_qsl(parts.query)), body=body)
                handler: Handler = _HANDLERS[route.name]
                return handler(inner)
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    except ApiError as error:
        return refusal(error)


_HANDLERS: dict[str, Handler] = {
    "create": rest_routes.create,
    "read": rest_routes.read,
    "update": rest_routes.update,
    "remove": rest_routes.remove,
    "upsert": rest_routes.upsert,
    "query": rest_routes.query,
}


def _inner_routes() -> list[Route]:
    root = "/services/data/v{version}"
    record, by_key = root + "/sobjects/{sobject}/{id}", root + "/sobjects/{sobject}/{field}/{value:path}"
    plan = [
        ("create", root + "/sobjects/{sobject}", "POST"), ("create", root + "/sobjects/{sobject}/", "POST"),
        ("read", record, "GET"), ("update", record, "PATCH"), ("remove", record, "DELETE"),
        ("upsert", by_key, "PATCH"), ("query", root + "/query", "GET"), ("query", root + "/query/", "GET"),
    ]  # fmt: skip
    return [Route(path, lambda _: None, methods=[method], name=name) for name, path, method in plan]


def composite(call: Call) -> Response:
    body = call.json_object()
    calls = body.get("compositeRequest")
    if not isinstance(calls, list) or not 0 < len(calls) <= MAX_CALLS:
        raise ApiError(400, "INVALID_REQUEST", f"compositeRequest takes 1 to {MAX_CALLS} subrequests")
    if body.get("allOrNone"):
        raise ApiError(400, "INVALID_REQUEST", "allOrNone composite calls are not part of this sandbox")
    results: dict[str, Any] = {}
    answers = []
    for item in calls:
        if not isinstance(item, dict) or not {"method", "url", "referenceId"} <= set(item):
            raise ApiError(400, "JSON_PARSER_ERROR", "A subrequest needs method, url and referenceId")
        response = _run_call(call, item, results)
        content = json.loads(bytes(response.body)) if response.body else None
        if response.status_code < 300:
            results[item["referenceId"]] = content
        answers.append(
            {
                "body": content,
                "httpHeaders": {},
                "httpStatusCode": response.status_code,
                "referenceId": item["referenceId"],
            }
        )
    return answer({"compositeResponse": answers})


def routes(site: Site) -> list[Route]:
    root = "/services/data/v{version}/composite"
    made = []
    for slash in ("", "/"):
        made += [
            Route(root + slash, endpoint(site, composite), methods=["POST"]),
            Route(f"{root}/sobjects{slash}", endpoint(site, _insert_or_update("insert")), methods=["POST"]),
            Route(f"{root}/sobjects{slash}", endpoint(site, _insert_or_update("update")), methods=["PATCH"]),
            Route(f"{root}/sobjects{slash}", endpoint(site, remove), methods=["DELETE"]),
            Route(f"{root}/sobjects/{{sobject}}/{{field}}{slash}", endpoint(site, upsert), methods=["PATCH"]),
        ]
    return made
