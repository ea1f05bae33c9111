"""The outermost layer: writes down every request, and holds, drops or fails those that a test asked for.

It sees the raw ASGI messages, so it can stop an upload after its n-th byte and an answer after its n-th
byte. A log entry has method, path and status: no body, no query string, and no key value that a path may
carry. What is a server's own (its paths, its error bodies) is its Dialect.
"""

import asyncio
import json
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from migration_sandbox.serving.blame import blame

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

Moment = Literal["before", "after", "upload", "download"]

CONTROL = "/sandbox/"
LOG_ENTRIES = 100_000
LOST = ("lost_before", "lost_after", "timeout_before", "timeout_after")
"""Faults of the connection: closed without an answer, before or after the deed, at once or after a wait."""


@dataclass(frozen=True)
class FaultAnswer:
    """What a failing server would say."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dialect:
    """What differs from server to server.

    `canonical`: a path as the routes spell it; `logged_path`: a path without values; `path_template`: without
    ids either, for the server's own log.
    """

    canonical: Callable[[str], str]
    logged_path: Callable[[str], str]
    path_template: Callable[[str], str]
    faults: Mapping[str, FaultAnswer]
    logger: logging.Logger


class Dropped(BaseException):
    """The connection was closed on purpose; nothing is to be answered.

    Not an Exception, or the framework below would answer 500 for it.
    """


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
    """Fail the next `count` matching requests, or of all that match a share, chosen by a seed."""

    kind: str = "unavailable"
    count: int = 1
    share: float = 1.0
    seed: int = 0
    seconds: float = 0.0
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def strikes(self, method: str, path: str) -> bool:
        if self.count <= 0 or not self.matches(method, path) or self.dice.random() >= self.share:
            return False
        self.count -= 1
        return True


class Gate:
    """ASGI middleware. Everything runs on the event loop, so nothing here needs a lock."""

    def __init__(self, app: App, dialect: Dialect) -> None:
        self.app = app
        self.dialect = dialect
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
        return next((fault for fault in self.faults if fault.strikes(method, path)), None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], self.dialect.canonical(scope["path"])
        scope = {**scope, "path": path}
        self._sequence += 1
        entry = Entry(self._sequence, time.time(), method, self.dialect.logged_path(path))
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
            if fault is None or fault.kind.endswith("_after"):
                sending = noted if fault is None else _losing(fault)
                await self.app(scope, _uploading(hold, receive), _answering(hold, sending))
            elif fault.kind in LOST:
                await asyncio.sleep(fault.seconds)
                raise Dropped
            else:
                await _answer_fault(self.dialect.faults[fault.kind], noted)
        except Dropped:
            _close(send)
        except Exception as error:
            self.dialect.logger.error("%s %s: %s", method, self.dialect.path_template(path), blame(error))
        told = self.dialect.path_template(path)
        self.dialect.logger.info("%s %s %s", method, told, entry.status or "dropped")


async def _answer_fault(fault: FaultAnswer, send: Send) -> None:
    content = json.dumps(fault.body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in fault.headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _losing(fault: Fault) -> Send:
    """Instead of the answer: what was asked for is done, and nobody hears of it."""

    async def lose(_message: Message) -> None:
        await asyncio.sleep(fault.seconds)
        raise Dropped

    return lose


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
