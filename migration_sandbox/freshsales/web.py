"""What all routes share: the site, a call that has been read, answers, keys, rates.

Handlers are plain functions that run in a thread each, one at a time under the account's lock.
"""

import hmac
import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from migration_sandbox.freshsales.account import Account, Row
from migration_sandbox.freshsales.entities import Entity
from migration_sandbox.freshsales.errors import ApiError, bad, forbidden, not_found
from migration_sandbox.freshsales.jobs import Worker
from migration_sandbox.freshsales.rates import HOUR
from migration_sandbox.freshsales.render import entity_of

API = "/api"
PER_PAGE, MOST_PER_PAGE = 25, 100


@dataclass
class Site:
    """Everything that a route can reach."""

    account: Account
    worker: Worker


@dataclass
class Call:
    """One request, read: its user, path and query parameters (the last of each name), body, and base URL."""

    site: Site
    user: Row
    path: dict[str, str]
    query: dict[str, str]
    body: bytes
    base: str

    @property
    def account(self) -> Account:
        return self.site.account

    def json(self) -> dict[str, Any]:
        try:
            value = json.loads(self.body) if self.body else {}
        except ValueError:
            raise bad("The body is not valid JSON") from None
        if not isinstance(value, dict):
            raise bad("The body is not a JSON object")
        return value

    def record(self, root: str) -> dict[str, Any]:
        """The record under its root key, or flat."""
        given = self.json()
        inner = given.get(root, given)
        if not isinstance(inner, dict):
            raise bad(f"{root} is not a JSON object")
        return inner

    def entity(self, name: str | None = None) -> Entity:
        found = entity_of(self.account, name or self.path["entity"])
        if found is None:
            raise not_found(f"There is no entity {name or self.path['entity']}")
        return found

    def id(self) -> int:
        return int(self.path["id"])

    def row(self, entity: str, binned: bool = False) -> Row:
        """A copy of the record of the path. Raises 404, also for one in the recycle bin."""
        found = self.account.copy(entity, self.id())
        if found is None or (not found.live and not binned):
            raise not_found()
        return found

    def page(self) -> tuple[int, int]:
        """Page, from 1, and records a page."""
        page, per_page = self._number("page", 1), self._number("per_page", PER_PAGE)
        if per_page > MOST_PER_PAGE:
            if self.account.settings.per_page_over_100 == "refuse":
                raise bad(f"per_page is at most {MOST_PER_PAGE}")
            per_page = MOST_PER_PAGE
        return page, per_page

    def _number(self, name: str, default: int) -> int:
        text = self.query.get(name, "")
        if not text:
            return default
        # Some clients write a second question mark; what stands before it is read, as Ruby's to_i does.
        digits = text[: len(text) - len(text.lstrip("0123456789"))]
        if not digits or int(digits) < 1:
            raise bad(f"{name} is invalid")
        return int(digits)

    def administrator(self) -> None:
        if not self.user.values["admin"]:
            raise forbidden("Only an administrator may change settings")


Handler = Callable[[Call], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(value, status, headers)


def created(call: Call, value: Any) -> Response:
    return answer(value, call.account.settings.create_status)


def refusal(account: Account, error: ApiError) -> Response:
    one = error.status == 404 and account.settings.not_found_message == "string"
    return answer(error.body(one), error.status, error.headers)


def paged(rows: list[Any], page: int, per_page: int) -> tuple[list[Any], dict[str, int]]:
    """A page of rows, and the `meta` that goes with it."""
    meta = {"total_pages": max(math.ceil(len(rows) / per_page), 1), "total": len(rows)}
    return rows[(page - 1) * per_page : page * per_page], meta


def authenticate(account: Account, header: str | None) -> Row:
    """The user of `Authorization: Token token=<key>`. Raises 401."""
    kind, _, key = (header or "").partition("token=")
    given = key.strip().strip('"').encode()
    if kind.strip() == "Token" and given:
        for row in account.rows("user"):
            kept = row.values["key"]
            if kept and hmac.compare_digest(kept.encode(), given):
                if row.values["is_active"]:
                    return row
                raise forbidden("The user of this key is deactivated")
    raise ApiError(401, "You have to be logged in to perform this action")


def count_call(account: Account) -> None:
    """Raises 429 with Retry-After."""
    with account.lock:
        wait = account.rates.take(account.now(), account.settings)
        if wait is None:
            return
        if account.settings.retry_after_in == "wall":
            wait /= account.clock.speed
    raise ApiError(429, "The API limit is reached", headers={"Retry-After": str(math.ceil(wait))})


def rate_headers(account: Account) -> dict[str, str]:
    if not account.settings.rate_headers:
        return {}
    limit = account.settings.hourly
    used = account.rates.used(account.now(), HOUR, account.settings)
    return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(max(limit - used, 0))}


def base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def admit(site: Site, request: Request) -> Row:
    """The user of a request that may go on: key, then rate."""
    user = authenticate(site.account, request.headers.get("authorization"))
    count_call(site.account)
    return user


def endpoint(site: Site, handler: Handler, entity: str | None = None) -> Endpoint:
    """A route with a key and a count, then the handler in a thread; ApiError becomes its body.

    `entity` is what a path that doesn't name one is about.
    """
    about = {} if entity is None else {"entity": entity}

    def locked(call: Call) -> Response:
        with site.account.lock:
            return handler(call)

    async def serve(request: Request) -> Response:
        try:
            user = await run_in_threadpool(admit, site, request)
            call = Call(
                site,
                user,
                {**about, **{name: str(value) for name, value in request.path_params.items()}},
                dict(request.query_params),
                await request.body(),
                base_url(request),
            )
            response = await run_in_threadpool(locked, call)
        except ApiError as error:
            response = refusal(site.account, error)
        response.headers.update(rate_headers(site.account))
        return response

    return serve
