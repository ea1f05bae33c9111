"""The part of /sandbox/... that every HTTP server has: the log of requests, holds and faults.

Loopback only, and only with the control token. Nothing here is counted, held or logged as a request of the
server.
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from migration_sandbox.serving.gate import LOST, Fault, Gate, Hold

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Refused(Exception):
    """A control request that can't be done, and why."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.why = why
        self.status = status


@dataclass(frozen=True)
class Ask:
    """What a control request says: its JSON, and its query and path parameters."""

    body: dict[str, Any]
    given: dict[str, str]


Action = Callable[[Ask], Awaitable[Any]]
Refusal = Callable[[Exception], Response | None]
"""How a server answers an error of its own; None for one that isn't."""


class GateRoutes:
    """Routes over the gate; a server adds its own with `route`."""

    def __init__(self, gate: Gate, token: str, refusal: Refusal) -> None:
        self.gate = gate
        self.token = token
        self._refusal = refusal

    def route(self, path: str, method: str, action: Action) -> Route:
        async def serve(request: Request) -> Response:
            given = request.headers.get("x-sandbox-token", "")
            local = request.client is not None and request.client.host in LOOPBACK
            if not local or not self.token or not hmac.compare_digest(given.encode(), self.token.encode()):
                return JSONResponse({"message": "not found"}, 404)
            raw = await request.body()
            try:
                body = json.loads(raw) if raw else {}
                return JSONResponse(await action(Ask(body, {**request.query_params, **request.path_params})))
            except Refused as refused:
                return JSONResponse({"message": refused.why}, refused.status)
            except Exception as error:
                return self._answer(error)

        return Route("/sandbox" + path, serve, methods=[method])

    def _answer(self, error: Exception) -> Response:
        own = self._refusal(error)
        if own is not None:
            return own
        if isinstance(error, (KeyError, TypeError, ValueError)):
            what = f"the request lacks or misuses something ({type(error).__name__})"
            return JSONResponse({"message": what}, 400)
        raise error

    def gate_routes(self) -> list[Route]:
        return [
            self.route("/requests", "GET", self.requests),
            self.route("/requests", "DELETE", self.forget_requests),
            self.route("/holds", "POST", self.hold),
            self.route("/holds/{id}", "GET", self.wait),
            self.route("/holds/{id}/{verdict}", "POST", self.settle),
            self.route("/faults", "POST", self.fault),
            self.route("/faults", "DELETE", self.forget_faults),
        ]

    async def requests(self, ask: Ask) -> Any:
        return self.gate.log(int(ask.given.get("since", "0")))

    async def forget_requests(self, _ask: Ask) -> Any:
        self.gate.entries.clear()
        return {}

    async def hold(self, ask: Ask) -> Any:
        if ask.body["moment"] not in ("before", "after", "upload", "download"):
            raise ValueError
        made = self.gate.add_hold(
            ask.body["method"], ask.body["path"], ask.body["nth"], ask.body["moment"], ask.body["bytes"]
        )
        return made.shown()

    def _hold(self, given: dict[str, str]) -> Hold:
        found = next((hold for hold in self.gate.holds if hold.id == int(given["id"])), None)
        if found is None:
            raise Refused("no such hold", 404)
        return found

    async def wait(self, ask: Ask) -> Any:
        hold = self._hold(ask.given)
        with suppress(TimeoutError):
            await asyncio.wait_for(hold.held.wait(), float(ask.given.get("wait", "0")) + 0.01)
        return hold.shown()

    async def settle(self, ask: Ask) -> Any:
        hold = self._hold(ask.given)
        if ask.given["verdict"] not in ("release", "drop"):
            raise ValueError
        hold.drop = ask.given["verdict"] == "drop"
        if hold.state == "waiting":
            self.gate.holds.remove(hold)
        hold.resume.set()
        return hold.shown()

    async def fault(self, ask: Ask) -> Any:
        known = (*self.gate.dialect.faults, *LOST)
        if ask.body["kind"] not in known:
            raise Refused(f"kind is one of {', '.join(known)}")
        self.gate.faults.append(Fault(**ask.body))
        return {}

    async def forget_faults(self, _ask: Ask) -> Any:
        self.gate.faults.clear()
        return {}
