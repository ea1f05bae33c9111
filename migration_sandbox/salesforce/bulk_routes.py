"""Bulk API 2.0 over HTTP: ingest and query jobs, uploads to disk, results in pieces and in no fixed order."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from migration_sandbox.salesforce.bulk_csv import DELIMITERS, LINE_ENDINGS, lines
from migration_sandbox.salesforce.errors import ApiError, not_found
from migration_sandbox.salesforce.jobs import COMPLETE, FINISHED, OPEN, UPLOADED, Job, set_state, shown
from migration_sandbox.salesforce.rest_rows import key_field
from migration_sandbox.salesforce.soql import parse
from migration_sandbox.salesforce.soql_run import run, source_of
from migration_sandbox.salesforce.user_permissions import allowed
from migration_sandbox.salesforce.web import (
    BULK_QUERY_VERSION,
    BULK_VERSION,
    Call,
    Site,
    answer,
    check_version,
    count_call,
    endpoint,
    refusal,
    usage,
)

INGEST = ("insert", "update", "upsert", "delete", "hardDelete")
LIST_ROWS = 1000
HARD_DELETE = (
    "FeatureNotEnabled : hardDelete operation requires special user profile permission, please contact your "
    "system administrator"
)
BINARY = "FeatureNotEnabled : Binary field not supported"
"""Said of a query (on a real org) and, as long as nobody has seen the text, of an upload of file contents."""
KNOWN_KEYS = frozenset(
    {
        "object",
        "operation",
        "externalIdFieldName",
        "contentType",
        "lineEnding",
        "columnDelimiter",
        "assignmentRuleId",
    }
)


def _invalid(message: str) -> ApiError:
    return ApiError(400, "INVALIDJOB", f"InvalidJob : {message}")


def _format(body: dict[str, Any]) -> dict[str, str]:
    line_ending, delimiter = body.get("lineEnding", "LF"), body.get("columnDelimiter", "COMMA")
    if body.get("contentType", "CSV") != "CSV":
        raise _invalid(f"Unsupported content type {body['contentType']}")
    if line_ending not in LINE_ENDINGS or delimiter not in DELIMITERS:
        raise ApiError(
            400, "JSON_PARSER_ERROR", "lineEnding or columnDelimiter is not one of the allowed values"
        )
    return {"line_ending": line_ending, "delimiter": delimiter}


def create_ingest(call: Call) -> Response:
    site = call.site
    body = call.json_object()
    unknown = set(body) - KNOWN_KEYS
    if unknown:
        raise ApiError(
            400, "JSON_PARSER_ERROR", f'Unrecognized field "{sorted(unknown)[0]}" at [line:1, column:1]'
        )
    sobject = site.org.sobject(str(body.get("object", "")))
    if sobject is None or not sobject.holds_data:
        raise ApiError(400, "INVALIDJOB", f"InvalidJob : Invalid object {body.get('object')}")
    operation = body.get("operation")
    if operation not in INGEST:
        raise _invalid(f"Unsupported operation {operation}")
    if not sobject.permits(str(operation)):
        raise _invalid(f"entity type {sobject.name} does not support {operation}")
    if operation == "hardDelete" and not allowed(site.org, "BulkApiHardDelete"):
        raise ApiError(400, "FEATURENOTENABLED", HARD_DELETE)
    key = body.get("externalIdFieldName")
    if operation == "upsert":
        if not key:
            raise _invalid("externalIdFieldName is required for upsert")
        try:
            key = key_field(site.org, sobject, key).name
        except ApiError:
            raise _invalid(
                f"Field name provided, {key} does not match an External ID, Salesforce Id, or indexed "
                f"field for {sobject.name}"
            ) from None
    job = site.jobs.create(
        "ingest", OPEN, call.version, object=sobject.name, operation=operation,
        external_id=key if operation == "upsert" else None, **_format(body),
    )  # fmt: skip
    return answer(shown(job))


def create_query(call: Call) -> Response:
    site = call.site
    body = call.json_object()
    operation = body.get("operation")
    if operation not in ("query", "queryAll"):
        raise _invalid(f"Unsupported operation {operation}")
    text = str(body.get("query", ""))
    query = parse(text)
    if query.aggregated or query.offset or query.children:
        raise ApiError(
            400,
            "INVALIDJOB",
            "InvalidJob : Aggregate Relationships, GROUP BY and OFFSET are not supported in Bulk Query",
        )
    sobject = source_of(site.org, query)
    query.limit = 0
    if any(column.field is not None and column.field.binary for column in run(site.org, query).columns):
        raise ApiError(400, "FEATURENOTENABLED", BINARY)
    site.org.bulk_queries += 1
    if site.org.bulk_queries > site.org.settings.daily_bulk_query_jobs:
        raise ApiError(400, "EXCEEDEDLIMIT", "DailyBulkV2QueryJobs Limit exceeded.")
    job = site.jobs.create(
        "query",
        UPLOADED,
        call.version,
        object=sobject.name,
        operation=operation,
        query=text,
        uploaded=True,
        **_format(body),
    )
    site.worker.wake()
    return answer(shown(job))


def _get(kind: str) -> Callable[[Call], Response]:
    return lambda call: answer(shown(call.site.jobs.get(call.path["job"], kind)))


def _list(kind: str) -> Callable[[Call], Response]:
    def handler(call: Call) -> Response:
        jobs = call.site.jobs.all(kind)
        wanted = call.query.get("jobType")
        own_type = "V2Ingest" if kind == "ingest" else "V2Query"
        if wanted not in (None, own_type) or call.flag("isPkChunkingEnabled"):
            jobs = []
        if call.query.get("concurrencyMode", "parallel").lower() != "parallel":
            jobs = []
        start = call.query.get("queryLocator", "0")
        if not start.isdigit():
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        page = jobs[int(start) : int(start) + LIST_ROWS]
        more = int(start) + LIST_ROWS < len(jobs)
        following = (
            f"/services/data/v{call.version}/jobs/{kind}?queryLocator={int(start) + LIST_ROWS}"
            if more
            else None
        )
        return answer(
            {"done": not more, "nextRecordsUrl": following, "records": [shown(job, True) for job in page]}
        )

    return handler


def _patch(kind: str) -> Callable[[Call], Response]:
    def handler(call: Call) -> Response:
        site = call.site
        body = call.json_object()
        with site.org.lock:
            job = site.jobs.get(call.path["job"], kind)
            job = set_state(site.jobs, job, str(body.get("state")))
        site.worker.wake()
        return answer(shown(job))

    return handler


def _delete(kind: str) -> Callable[[Call], Response]:
    def handler(call: Call) -> Response:
        with call.site.org.lock:
            job = call.site.jobs.get(call.path["job"], kind)
            if job.state not in FINISHED:
                raise ApiError(400, "INVALIDJOBSTATE", f"Can not delete a job in state {job.state}")
            call.site.jobs.delete(job)
        return Response(status_code=204)

    return handler


FRONT = {
    "successfulResults": ("sf__Id", "sf__Created"),
    "failedResults": ("sf__Id", "sf__Error"),
    "unprocessedrecords": (),
}


def _cells(values: Sequence[str], delimiter: str) -> bytes:
    return delimiter.join('"' + value.replace('"', '""') + '"' for value in values).encode()


def _batch_lines(call: Call, job: Job, kind: str, number: int, sent: list[bytes]) -> list[bytes]:
    """The lines of one batch that belong to a result: as they were sent, with the sf__ cells in front."""
    delimiter = DELIMITERS[job.delimiter]
    path = call.site.jobs.batch_result(job.id, number)
    if not path.exists():
        return sent if kind == "unprocessedrecords" else []
    if kind == "unprocessedrecords":
        return []
    result = pl.read_ipc(path).with_columns(pl.col("created").cast(pl.String)).with_row_index("row")
    wanted = pl.col("error").is_null() if kind == "successfulResults" else pl.col("error").is_not_null()
    second = "created" if kind == "successfulResults" else "error"
    rows = result.filter(wanted).select("row", pl.col("id").fill_null(""), second)
    front = delimiter.encode()
    return [_cells((key, told), delimiter) + front + sent[row] for row, key, told in rows.iter_rows()]


def _pieces(call: Call, job: Job, kind: str) -> Iterator[bytes]:
    header = _cells([*FRONT[kind], *job.header], DELIMITERS[job.delimiter])
    yield header + LINE_ENDINGS[job.line_ending]
    jobs = call.site.jobs
    with jobs.org.lock:
        batches = jobs.org.db.execute(
            "SELECT number, start, stop FROM batches WHERE job = ? ORDER BY number", [job.id]
        ).fetchall()
    order = random.Random(job.id + kind)
    order.shuffle(batches)
    content = jobs.content(job).read_bytes() if batches else b""
    for number, start, stop in batches:
        found = _batch_lines(call, job, kind, number, lines(content[start:stop], job.line_ending))
        order.shuffle(found)
        yield b"".join(found)


def _results(kind: str) -> Callable[[Call], Response]:
    def handler(call: Call) -> Response:
        job = call.site.jobs.get(call.path["job"], "ingest")
        if job.state not in FINISHED:
            raise ApiError(
                400, "INVALIDJOBSTATE", f"Results are not available for a job in state {job.state}"
            )
        if not call.site.jobs.has_results(job):
            raise not_found()
        return StreamingResponse(_pieces(call, job, kind), media_type="text/csv")

    return handler


def query_results(call: Call) -> Response:
    site = call.site
    job = site.jobs.get(call.path["job"], "query")
    if call.version != job.version:
        raise ApiError(409, "API_VERSION_MISMATCH", f"Results of this job are read by version {job.version}")
    if job.state != COMPLETE:
        raise ApiError(400, "INVALIDJOBSTATE", f"Results are not available for a job in state {job.state}")
    path = site.jobs.query_result(job)
    if not site.jobs.has_results(job) or not path.exists():
        raise not_found()
    locator = call.query.get("locator", "0")
    limit = call.query.get("maxRecords", str(site.org.settings.bulk_query_page_rows))
    if not locator.isdigit() or not limit.isdigit() or int(limit) < 1:
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid locator or maxRecords")
    frame = pl.read_ipc(path)
    start, rows = int(locator), min(int(limit), site.org.settings.bulk_query_page_rows)
    page = frame.slice(start, rows)
    following = str(start + rows) if start + rows < frame.height else "null"
    empty = not frame.height and not site.org.settings.bulk_query_empty_header
    text = b"" if empty else page.write_csv(
        include_header=True, quote_style="always", separator=DELIMITERS[job.delimiter],
        line_terminator=LINE_ENDINGS[job.line_ending].decode(),
    ).encode()  # fmt: skip
    headers = {"Sforce-Locator": following, "Sforce-NumberOfRecords": str(page.height)}
    return Response(text, 200, headers, media_type="text/csv")


def upload(site: Site) -> Any:
    """PUT of a job's content: streamed to disk, and complete only when its last byte came."""

    async def serve(request: Request) -> Response:
        try:
            site.sessions.check(request.headers.get("authorization"))
            count_call(site)
            check_version(request.path_params["version"], BULK_VERSION)
            job = site.jobs.get(request.path_params["job"], "ingest")
            if job.state != OPEN:
                raise ApiError(
                    400, "INVALIDJOBSTATE", f"Can not upload content to a job in state {job.state}"
                )
            if job.uploaded:
                raise ApiError(
                    400,
                    "CLIENTINPUTERROR",
                    f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' "
                    f"the current Job "
                    "then create a new Job and make sure you only do 'PUT' once on a given Job.",
                )
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
                raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", "The content of an ingest job is text/csv")
            await _receive(request, job)
            with site.org.lock:
                site.jobs.change(site.jobs.get(job.id), uploaded=True)
            response = Response(status_code=201)
        except ApiError as error:
            response = refusal(error)
        response.headers.update(usage(site))
        return response

    async def _receive(request: Request, job: Job) -> None:
        most = site.org.settings.bulk_upload_bytes
        path = site.jobs.content(job)
        partial = path.with_suffix(f".{id(request)}.part")
        size = 0
        try:
            with partial.open("wb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > most:
                        raise ApiError(413, "FILE_SIZE_EXCEEDED", f"The content is larger than {most} bytes")
                    file.write(chunk)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    return serve


def routes(site: Site) -> list[Route]:
    made: list[Route] = []
    for kind, create, oldest in (
        ("ingest", create_ingest, BULK_VERSION),
        ("query", create_query, BULK_QUERY_VERSION),
    ):
        root = f"/services/data/v{{version}}/jobs/{kind}"
        for slash in ("", "/"):
            made += [
                Route(root + slash, endpoint(site, create, oldest), methods=["POST"]),
                Route(root + slash, endpoint(site, _list(kind), oldest), methods=["GET"]),
                Route(root + "/{job}" + slash, endpoint(site, _get(kind), oldest), methods=["GET"]),
                Route(root + "/{job}" + slash, endpoint(site, _patch(kind), oldest), methods=["PATCH"]),
                Route(root + "/{job}" + slash, endpoint(site, _delete(kind), oldest), methods=["DELETE"]),
            ]
    ingest, query = (
        "/services/data/v{version}/jobs/ingest/{job}",
        "/services/data/v{version}/jobs/query/{job}",
    )
    for slash in ("", "/"):
        made.append(Route(f"{ingest}/batches{slash}", upload(site), methods=["PUT"]))
        for kind in ("successfulResults", "failedResults", "unprocessedrecords"):
            made.append(
                Route(
                    f"{ingest}/{kind}{slash}", endpoint(site, _results(kind), BULK_VERSION), methods=["GET"]
                )
            )
        made.append(
            Route(
                f"{query}/results{slash}", endpoint(site, query_results, BULK_QUERY_VERSION), methods=["GET"]
            )
        )
    return made
