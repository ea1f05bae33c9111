"""What all routes share: the site object, answers, sessions and API usage.

Handlers are plain functions that run in a thread each (polars and SQLite release the interpreter), so the
event loop stays free for uploads and holds.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from migration_sandbox.salesforce.auth import Sessions
from migration_sandbox.salesforce.errors import ApiError, not_found
from migration_sandbox.salesforce.jobs import Jobs
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.org_rules import ALLOW_SAVE
from migration_sandbox.salesforce.worker import Worker

OLDEST_VERSION, NEWEST_VERSION = 31, 68
BULK_VERSION, BULK_QUERY_VERSION = 41, 47


@dataclass
class Site:
    """Everything that a route can reach."""

    org: Org
    sessions: Sessions
    jobs: Jobs
    worker: Worker
    cursors: dict[str, Any] = field(default_factory=dict)


@dataclass
class Call:
    """One request, read: path parameters, query parameters, the body, and the base URL it came to."""

    site: Site
    version: str
    path: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    base: str

    def json(self) -> Any:
        if not self.headers.get("content-type", "application/json").startswith("application/json"):
            raise ApiError(
                415, "UNSUPPORTED_MEDIA_TYPE", "The content type of the request is not supported here"
            )
        try:
            return json.loads(self.body)
        except ValueError:
            raise ApiError(400, "JSON_PARSER_ERROR", "The body is not valid JSON") from None

    def json_object(self) -> dict[str, Any]:
        value = self.json()
        if not isinstance(value, dict):
            raise ApiError(400, "JSON_PARSER_ERROR", "Can not deserialize the body: an object was expected")
        return value

    def flag(self, name: str) -> bool:
        return self.query.get(name, "false").lower() == "true"


Handler = Callable[[Call], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(value, status, headers)


def usage(site: Site) -> dict[str, str]:
    return {"Sforce-Limit-Info": f"api-usage={site.org.api_requests}/{site.org.settings.daily_api_requests}"}


def refusal(error: ApiError) -> Response:
    return answer(error.body(), error.status)


def check_version(text: str, oldest: int = OLDEST_VERSION) -> str:
    """`66.0` of `v66.0`; NOT_FOUND for what the platform wouldn't serve."""
    number, dot, rest = text.partition(".")
    if not number.isdigit() or (dot and rest != "0") or not oldest <= int(number) <= NEWEST_VERSION:
        raise not_found()
    return f"{int(number)}.0"


def count_call(site: Site) -> None:
    """Counts a call against the daily limit; raises REQUEST_LIMIT_EXCEEDED."""
    site.org.api_requests += 1
    if site.org.api_requests > site.org.settings.daily_api_requests:
        raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


async def read_call(site: Site, request: Request, oldest: int = OLDEST_VERSION) -> Call:
    version = (
        check_version(request.path_params["version"], oldest) if "version" in request.path_params else ""
    )
    return Call(
        site,
        version,
        dict(request.path_params),
        dict(request.query_params),
        {key.lower(): value for key, value in request.headers.items()},
        await request.body(),
        str(request.base_url).rstrip("/"),
    )


def endpoint(site: Site, handler: Handler, oldest: int = OLDEST_VERSION) -> Endpoint:
    """An authenticated route: session, usage, then the handler in a thread; ApiError becomes its body."""

    async def serve(request: Request) -> Response:
        try:
            site.sessions.check(request.headers.get("authorization"))
            count_call(site)
            call = await read_call(site, request, oldest)
            ALLOW_SAVE.set(_allows_duplicates(call.headers))
            response = await run_in_threadpool(handler, call)
        except ApiError as error:
            response = refusal(error)
        response.headers.update(usage(site))
        return response

    serve.handler = handler  # type: ignore[attr-defined]
    return serve


def _allows_duplicates(headers: dict[str, str]) -> bool:
    options = headers.get("sforce-duplicate-rule-header", "").lower().replace(",", ";").split(";")
    return any(option.replace(" ", "") == "allowsave=true" for option in options)


def form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
