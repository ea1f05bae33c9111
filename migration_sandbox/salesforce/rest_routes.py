"""REST: versions, resources, objects and their descriptions, records, queries, limits."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migration_sandbox.salesforce import content_routes, ids
from migration_sandbox.salesforce.access import READ, may
from migration_sandbox.salesforce.auth import identity_url
from migration_sandbox.salesforce.describe import describe, summary
from migration_sandbox.salesforce.errors import ApiError, not_found
from migration_sandbox.salesforce.query_columns import column_metadata
from migration_sandbox.salesforce.render import json_records, record_url
from migration_sandbox.salesforce.rest_rows import (
    delete_one,
    find_object,
    flatten,
    key_field,
    read_one,
    row_of,
    rows_by_key,
    save_one,
    writable,
)
from migration_sandbox.salesforce.soql import Query, malformed, parse
from migration_sandbox.salesforce.soql_children import attach
from migration_sandbox.salesforce.soql_run import Result, run
from migration_sandbox.salesforce.web import (
    NEWEST_VERSION,
    OLDEST_VERSION,
    Call,
    Endpoint,
    Site,
    answer,
    endpoint,
    usage,
)

MAX_QUERY_CHARACTERS = 100_000
SMALLEST_PAGE, LARGEST_PAGE = 200, 2000
CURSORS_KEPT = 100
VERSION_OF_UPSERT_ANSWERS = 46
"""From this version on an upsert that updated answers with a body, before it with none."""
SEASONS = ("Spring", "Summer", "Winter")


def version_label(number: int) -> str:
    """v66 is Spring '26, three releases a year; Winter carries the next year's number."""
    since = number - 66
    year = 26 + since // 3 + (1 if since % 3 == 2 else 0)
    return f"{SEASONS[since % 3]} '{year:02d}"


def versions() -> list[dict[str, str]]:
    return [
        {"label": version_label(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
        for number in range(OLDEST_VERSION, NEWEST_VERSION + 1)
    ]


def resources(call: Call) -> Response:
    root = f"/services/data/v{call.version}"
    names = ["sobjects", "query", "queryAll", "limits", "composite", "tooling", "jobs"]
    return answer(
        {name: f"{root}/{name}" for name in names} | {"identity": identity_url(call.base, call.site.org)}
    )


def limits(call: Call) -> Response:
    org = call.site.org
    settings = org.settings

    def pair(most: int, left: int) -> dict[str, int]:
        return {"Max": most, "Remaining": max(left, 0)}

    used = org.used_data_bytes() // 1_048_576
    return answer(
        {
            "DailyApiRequests": pair(
                settings.daily_api_requests, settings.daily_api_requests - org.api_requests
            ),
            "DailyBulkApiBatches": pair(
                settings.daily_bulk_batches, settings.daily_bulk_batches - org.bulk_batches()
            ),
            "DailyBulkV2QueryFileStorageMB": pair(976_562, 976_562),
            "DailyBulkV2QueryJobs": pair(
                settings.daily_bulk_query_jobs, settings.daily_bulk_query_jobs - org.bulk_queries
            ),
            "DataStorageMB": pair(settings.data_storage_mb, settings.data_storage_mb - used),
            "FileStorageMB": pair(
                settings.file_storage_mb, settings.file_storage_mb - org.used_file_bytes() // 1_048_576
            ),
            "HourlyAsyncReportRuns": pair(1200, 1200),
        }
    )


def sobjects(call: Call) -> Response:
    org = call.site.org
    found = [
        summary(org, item, call.version)
        for item in org.objects.values()
        if not item.tooling and may(org, item, READ)
    ]
    return answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": found})


def sobject_info(call: Call) -> Response:
    sobject = find_object(call.site.org, call.path["sobject"])
    return answer({"objectDescribe": summary(call.site.org, sobject, call.version), "recentItems": []})


def sobject_describe(call: Call) -> Response:
    return answer(describe(call.site.org, find_object(call.site.org, call.path["sobject"]), call.version))


def create(call: Call) -> Response:
    org = call.site.org
    sobject = writable(org, call.path["sobject"])
    outcome = save_one(org, sobject, "insert", flatten(call.json_object()), None)
    made = str(outcome.ids[0])
    location = {"Location": record_url(call.version, sobject.name, made)}
    return answer({"id": made, "success": True, "errors": []}, 201, location)


def _wanted(call: Call) -> list[str] | None:
    text = call.query.get("fields")
    return None if text is None else [name.strip() for name in text.split(",")]


def read(call: Call) -> Response:
    org = call.site.org
    sobject = find_object(org, call.path["sobject"])
    with org.lock:
        row = row_of(org, sobject, call.path["id"])
        return answer(read_one(org, sobject, row, _wanted(call), call.version))


def update(call: Call) -> Response:
    org = call.site.org
    sobject = writable(org, call.path["sobject"], "update")
    with org.lock:
        row_of(org, sobject, call.path["id"])
        cells = flatten(call.json_object())
        if "Id" in cells:
            raise ApiError(400, "INVALID_FIELD", "The Id field should not be specified in the sobject data.")
        save_one(org, sobject, "update", cells | {"Id": call.path["id"]}, None)
    return Response(status_code=204)


def remove(call: Call) -> Response:
    org = call.site.org
    delete_one(org, writable(org, call.path["sobject"], "delete"), call.path["id"])
    return Response(status_code=204)


def _several(call: Call, sobject_name: str, prefix: str, rows: list[int]) -> Response:
    return answer([record_url(call.version, sobject_name, ids.make_id(prefix, row)) for row in rows], 300)


def read_by_key(call: Call) -> Response:
    org = call.site.org
    sobject = find_object(org, call.path["sobject"])
    with org.lock:
        rows = rows_by_key(org, sobject, key_field(org, sobject, call.path["field"]), call.path["value"])
        if not rows:
            raise not_found("The requested resource does not exist")
        if len(rows) > 1:
            return _several(call, sobject.name, sobject.key_prefix, rows)
        return answer(read_one(org, sobject, rows[0], _wanted(call), call.version))


def upsert(call: Call) -> Response:
    org = call.site.org
    sobject = writable(org, call.path["sobject"])
    with org.lock:
        key = key_field(org, sobject, call.path["field"])
        rows = rows_by_key(org, sobject, key, call.path["value"])
        if len(rows) > 1:
            return _several(call, sobject.name, sobject.key_prefix, rows)
        cells = flatten(call.json_object())
        if key.name in cells or "Id" in cells:
            raise ApiError(
                400, "INVALID_FIELD", f"The {key.name} field should not be specified in the sobject data."
            )
        cells[key.name] = call.path["value"]
        outcome = save_one(org, sobject, "upsert", cells, key)
    created = bool(outcome.created[0])
    if not created and float(call.version) < VERSION_OF_UPSERT_ANSWERS:
        return Response(status_code=204)
    made = {"id": str(outcome.ids[0]), "success": True, "errors": [], "created": created}
    return answer(made, 201 if created else 200)


def remove_by_key(call: Call) -> Response:
    org = call.site.org
    sobject = writable(org, call.path["sobject"], "delete")
    with org.lock:
        rows = rows_by_key(org, sobject, key_field(org, sobject, call.path["field"]), call.path["value"])
        if not rows:
            raise not_found()
        if len(rows) > 1:
            return _several(call, sobject.name, sobject.key_prefix, rows)
        delete_one(org, sobject, ids.make_id(sobject.key_prefix, rows[0]))
    return Response(status_code=204)


def _page_rows(call: Call) -> int:
    most = call.site.org.settings.query_page_rows
    for option in call.headers.get("sforce-query-options", "").split(","):
        name, _, value = option.partition("=")
        if name.strip().lower() == "batchsize" and value.strip().isdigit():
            return min(max(int(value), SMALLEST_PAGE), LARGEST_PAGE, most)
    return most


def _page(
    call: Call, asked: tuple[Query, Result], key: str | None, start: int, rows: int, kind: str
) -> dict[str, Any]:
    query, result = asked
    total = result.frame.height
    records = json_records(result, call.version, start, rows)
    if query.children:

        def first_page(child: Query, found: Result, page_rows: int) -> dict[str, Any]:
            return _page(call, (child, found), None, 0, page_rows, kind)

        attach(call.site.org, query, result, records, call.version, start, first_page)
    done = start + rows >= total
    value: dict[str, Any] = {"totalSize": total, "done": done}
    if not done:
        if key is None:
            key = "0r8" + secrets.token_hex(8)
            while len(call.site.cursors) >= CURSORS_KEPT:
                call.site.cursors.pop(next(iter(call.site.cursors)))
            call.site.cursors[key] = (asked, rows)
        value["nextRecordsUrl"] = f"/services/data/v{call.version}/{kind}/{key}-{start + rows}"
    value["records"] = records
    return value


def _query(all_rows: bool, tooling: bool) -> Callable[[Call], Response]:
    kind = ("tooling/" if tooling else "") + ("queryAll" if all_rows else "query")

    def handler(call: Call) -> Response:
        text = call.query.get("q")
        if "explain" in call.query:
            raise ApiError(403, "FUNCTIONALITY_NOT_ENABLED", "The query plan is not part of this sandbox")
        if text is None:
            raise malformed("A query string has to be specified")
        if len(text) > MAX_QUERY_CHARACTERS:
            raise ApiError(
                400, "QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100,000 characters."
            )
        query = replace(parse(text), all_rows=all_rows)
        result = run(call.site.org, query, all_rows, tooling)
        if call.flag("columns"):
            return answer(column_metadata(call.site.org, query, result))
        if result.plain_count is not None:
            return answer({"totalSize": result.plain_count, "done": True, "records": []})
        return answer(_page(call, (query, result), None, 0, _page_rows(call), kind))

    return handler


def _more(kind: str) -> Callable[[Call], Response]:
    def handler(call: Call) -> Response:
        key, _, start = call.path["locator"].rpartition("-")
        found = call.site.cursors.get(key)
        if found is None or not start.isdigit():
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        asked, rows = found
        return answer(_page(call, asked, key, int(start), rows, kind))

    return handler


query = _query(False, False)


def open_versions(site: Site) -> Endpoint:
    async def serve(_request: Request) -> Response:
        return answer(versions(), 200, usage(site))

    return serve


def routes(site: Site) -> list[Route]:
    root = "/services/data/v{version}"

    def route(path: str, method: str, handler: Callable[[Call], Response]) -> Route:
        return Route(root + path, endpoint(site, handler), methods=[method])

    record, by_key = "/sobjects/{sobject}/{id}", "/sobjects/{sobject}/{field}/{value:path}"
    made = [
        Route("/services/data", open_versions(site), methods=["GET"]),
        Route("/services/data/", open_versions(site), methods=["GET"]),
    ]
    for slash in ("", "/"):
        made += [
            route(slash, "GET", resources),
            route("/limits" + slash, "GET", limits),
            route("/sobjects" + slash, "GET", sobjects),
            route("/query" + slash, "GET", _query(False, False)),
            route("/queryAll" + slash, "GET", _query(True, False)),
            route("/tooling/query" + slash, "GET", _query(False, True)),
            route("/sobjects/{sobject}/describe" + slash, "GET", sobject_describe),
            route("/sobjects/{sobject}" + slash, "GET", sobject_info),
            Route(
                f"{root}/sobjects/{{sobject}}{slash}",
                content_routes.creating(site, endpoint(site, create)),
                methods=["POST"],
            ),
        ]
    made += [
        route(f"/{kind}/{{locator}}", "GET", _more(kind)) for kind in ("query", "queryAll", "tooling/query")
    ]
    made += [route(record, "GET", read), route(record, "PATCH", update), route(record, "DELETE", remove)]
    made += content_routes.routes(site)
    made += [
        route(by_key, "GET", read_by_key),
        route(by_key, "PATCH", upsert),
        route(by_key, "DELETE", remove_by_key),
    ]
    return made
