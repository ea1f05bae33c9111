"""The client of /sandbox/...: what tests and demos do to an HTTP server behind its clients' backs.

A server's own deeds are its own class of Control.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests


class ControlRefused(Exception):
    """The sandbox didn't do what was asked."""


class NotHeld(Exception):
    """No request came to the place that was to be held."""


@dataclass(frozen=True)
class RequestEntry:
    sequence: int
    time: float
    method: str
    path: str
    status: int | None


class HeldRequest:
    """A place at which one request stops."""

    def __init__(self, control: "Control", number: int) -> None:
        self._control = control
        self.number = number

    def wait(self, seconds: float = 30) -> None:
        """Until the request is there. Raises NotHeld."""
        told = self._control.call("GET", f"/holds/{self.number}?wait={seconds}", timeout=seconds + 10)
        if told["state"] != "held":
            raise NotHeld(f"no request came within {seconds} s")

    @property
    def state(self) -> str:
        """waiting, held, released or dropped."""
        return str(self._control.call("GET", f"/holds/{self.number}")["state"])

    def release(self) -> None:
        self._control.call("POST", f"/holds/{self.number}/release")

    def drop(self) -> None:
        """Close the request's connection without an answer."""
        self._control.call("POST", f"/holds/{self.number}/drop")


class Control:
    """Raises ControlRefused where the sandbox says no."""

    def __init__(self, url: str, token: str, ca_path: Path | None = None) -> None:
        self._url = url + "/sandbox"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["X-Sandbox-Token"] = token
        self._session.verify = str(ca_path) if ca_path is not None else True

    def call(self, method: str, path: str, body: object = None, timeout: float = 60) -> Any:
        answer = self._session.request(method, self._url + path, json=body, timeout=timeout)
        if answer.status_code != 200:
            raise ControlRefused(f"{method} {path.partition('?')[0]}: {answer.text[:300]}")
        return answer.json()

    def answers(self) -> bool:
        try:
            return self._session.get(self._url + "/settings", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def requests(self, since: int = 0) -> list[RequestEntry]:
        """Requests that reached the server, oldest first (those of this client aren't among them)."""
        return [RequestEntry(**entry) for entry in self.call("GET", f"/requests?since={since}")]

    def forget_requests(self) -> None:
        self.call("DELETE", "/requests")

    def hold(
        self, method: str, path: str, nth: int = 1, moment: str = "before", size: int = 0
    ) -> HeldRequest:
        """Hold the nth request from now whose path contains the regular expression `path`.

        moment: `before` or `after` it is processed; `upload` after `size` bytes of its body were read;
        `download` after `size` bytes of the answer's body were sent.
        """
        body = {"method": method, "path": path, "nth": nth, "moment": moment, "bytes": size}
        return HeldRequest(self, int(self.call("POST", "/holds", body)["id"]))

    def fault(
        self, kind: str, count: int = 1, method: str = "*", path: str = ".", **how: float | int
    ) -> None:
        """Fail the next `count` matching requests.

        kind: one of the server's own error answers (its dialect), or lost_before, lost_after (the connection
        closed, before or after the deed), timeout_before, timeout_after (the same after `seconds`). With
        `share` and `seed`, that share of the matching requests instead of each.
        """
        self.call("POST", "/faults", {"kind": kind, "count": count, "method": method, "path": path, **how})

    def forget_faults(self) -> None:
        self.call("DELETE", "/faults")

    def settings(self, **changes: object) -> dict[str, Any]:
        """Read, or change and read, the server's settings (see its settings.py)."""
        told: dict[str, Any] = self.call("PATCH" if changes else "GET", "/settings", changes or None)
        return told
