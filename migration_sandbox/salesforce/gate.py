"""The outermost layer: writes down every request, and holds, drops or fails those that a test asked for.

It sees the raw ASGI messages, so it can stop an upload after its n-th byte and an answer after its n-th
byte. A log entry has method, path and status: no body, no query string, and no key value that a path may
carry.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from migration_sandbox.salesforce.errors import blame

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

Moment = Literal["before", "after", "upload", "download"]
logger = logging.getLogger("migration_sandbox.salesforce")

CONTROL = "/sandbox/"
LOG_ENTRIES = 100_000
_KEYED = re.compile(r"^(/services/data/v[^/]+/(?:composite/)?sobjects/[^/]+/[^/]+__c)/.+$")
_ID = re.compile(r"/(?=[^/]*\d)[0-9a-zA-Z]{15}(?:[0-9a-zA-Z]{3})?(?=/|$)")
_LOCATOR = re.compile(r"(/query(?:All)?)/0r8[^/]*$")

_WORDS = {
    word.lower(): word
    for word in (
        "services", "data", "async", "oauth2", "Soap", "sobjects", "query", "queryAll", "search", "limits",
        "recordCount", "recent", "composite", "tree", "graph", "batch", "jobs", "ingest", "tooling",
        "metadata", "deployRequest",
    )
}  # fmt: skip
_NESTED = frozenset({"composite", "jobs", "tooling", "limits", "metadata"})

FAULTS: dict[str, tuple[int, object]] = {
    "unavailable": (503, [{"message": "Service temporarily unavailable", "errorCode": "SERVER_UNAVAILABLE"}]),
    "limit": (403, [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]),
    "session": (401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]),
    "error": (500, [{"message": "An unexpected error occurred.", "errorCode": "UNKNOWN_EXCEPTION"}]),
}


class Dropped(BaseException):
    """The connection was closed on purpose; nothing is to be answered.

    Not an Exception, or the framework below would answer 500 for it.
    """


def logged_path(path: str) -> str:
    """A path without the value of an external id."""
    return _KEYED.sub(r"\1/{value}", path)


def canonical(path: str) -> str:
    """A path as the routes spell it: the platform takes doubled slashes, and its own words in any case."""
    root, *rest = path.lstrip("/").split("/")
    parts = [_WORDS.get(root.lower(), root), *rest]
    if parts[0] != "services":
        return "/" + "/".join(parts)
    for place in (1, 3):
        if len(parts) > place:
            parts[place] = _WORDS.get(parts[place].lower(), parts[place])
    if len(parts) > 4 and parts[3] in _NESTED:
        parts[4] = _WORDS.get(parts[4].lower(), parts[4])
    return "/" + "/".join(parts)


def path_template(path: str) -> str:
    """A path for the server's own log: no values and no ids."""
    return _LOCATOR.sub(r"\1/{locator}", _ID.sub("/{id}", logged_path(path)))


@dataclass
class Entry:
    sequence: int
    time: float
    method: str
    path: str
    status: int | None = None


@dataclass
class Rule:
    """Which requests: a method (or *), and a regular expression that the path must contain."""

    method: str
    path: str

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and re.search(self.path, path) is not None


@dataclass
class Hold(Rule):
    """Stop the nth matching request at a moment. States: waiting, held, released, dropped."""

    id: int = 0
    nth: int = 1
    moment: Moment = "before"
    bytes: int = 0
    seen: int = 0
    state: str = "waiting"
    held: asyncio.Event = field(default_factory=asyncio.Event)
    resume: asyncio.Event = field(default_factory=asyncio.Event)
    drop: bool = False

    async def stop_here(self) -> None:
        self.state = "held"
        self.held.set()
        await self.resume.wait()
        self.state = "dropped" if self.drop else "released"
        if self.drop:
            raise Dropped

    def shown(self) -> dict[str, object]:
        return {"id": self.id, "state": self.state}


@dataclass
class Fault(Rule):
    """Answer the next `count` matching requests with an error instead of processing them."""

    kind: str = "unavailable"
    count: int = 1


class Gate:
    """ASGI middleware. Everything runs on the event loop, so nothing here needs a lock."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.entries: list[Entry] = []
        self.holds: list[Hold] = []
        self.faults: list[Fault] = []
        self._sequence = 0
        self._hold_ids = 0

    def log(self, since: int = 0) -> list[dict[str, object]]:
        return [asdict(entry) for entry in self.entries if entry.sequence > since]

    def reset(self) -> None:
        """Forget log, faults and holds; what is held goes on."""
        for hold in self.holds:
            hold.resume.set()
        self.entries.clear()
        self.holds.clear()
        self.faults.clear()

    def add_hold(self, method: str, path: str, nth: int, moment: Moment, size: int) -> Hold:
        self._hold_ids += 1
        hold = Hold(method, path, id=self._hold_ids, nth=nth, moment=moment, bytes=size)
        self.holds.append(hold)
        return hold

    def _take_hold(self, method: str, path: str) -> Hold | None:
        found = None
        for hold in self.holds:
            if hold.state == "waiting" and hold.seen < hold.nth and hold.matches(method, path):
                hold.seen += 1
                if hold.seen == hold.nth and found is None:
                    found = hold
        return found

    def _take_fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.count > 0 and fault.matches(method, path):
                fault.count -= 1
                return fault
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], canonical(scope["path"])
        scope = {**scope, "path": path}
        self._sequence += 1
        entry = Entry(self._sequence, time.time(), method, logged_path(path))
        self.entries.append(entry)
        if len(self.entries) > LOG_ENTRIES:
            del self.entries[: LOG_ENTRIES // 10]

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        hold = self._take_hold(method, path)
        try:
            if hold is not None and hold.moment == "before":
                await hold.stop_here()
            fault = self._take_fault(method, path)
            if fault is not None:
                await _answer_fault(fault, noted)
            else:
                await self.app(scope, _uploading(hold, receive), _answering(hold, noted))
        except Dropped:
            _close(send)
        except Exception as error:
            logger.error("%s %s: %s", method, path_template(path), blame(error))
        logger.info("%s %s %s", method, path_template(path), entry.status or "dropped")


async def _answer_fault(fault: Fault, send: Send) -> None:
    status, body = FAULTS[fault.kind]
    content = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _uploading(hold: Hold | None, receive: Receive) -> Receive:
    if hold is None or hold.moment != "upload":
        return receive
    read = 0

    async def wrapped() -> Message:
        nonlocal read
        message = await receive()
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if hold.state == "waiting" and (read >= hold.bytes or not message.get("more_body")):
                await hold.stop_here()
        return message

    return wrapped


def _answering(hold: Hold | None, send: Send) -> Send:
    if hold is None or hold.moment not in ("after", "download"):
        return send
    sent = 0

    async def wrapped(message: Message) -> None:
        nonlocal sent
        if hold.moment == "after" and message["type"] == "http.response.start" and hold.state == "waiting":
            await hold.stop_here()
        if hold.moment == "download" and message["type"] == "http.response.body" and hold.state == "waiting":
            body = message.get("body", b"")
            if sent + len(body) >= hold.bytes:
                cut = hold.bytes - sent
                await send({"type": "http.response.body", "body": body[:cut], "more_body": True})
                await hold.stop_here()
                message = {**message, "body": body[cut:]}
            sent += len(body)
        await send(message)

    return wrapped


def _close(send: Send) -> None:
    """Close the socket without an answer; uvicorn's `send` is a method of what has the transport."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is not None:
        transport.abort()
        cycle.response_complete = True  # type: ignore[union-attr]
