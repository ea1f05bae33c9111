"""The control channel: faults, clock and statement log as JSON over HTTP on 127.0.0.1, apart from SQL.

GET /statements, DELETE /statements; POST /faults with one of {"cut_next_result": bytes}, {"deadlock": table,
"times": n}, {"delay": seconds}, {"unreachable": database}; DELETE /faults. GET /clock; POST /clock with
{"utc": ISO moment, "speed": seconds a second}, either alone; DELETE /clock. POST /change-tracking/cleanup
with {"database": name} forgets the changes tracked so far, as the retention's end does.
"""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .clock import Clock
from .faults import Faults


def serve_control(
    faults: Faults, clock: Clock, clean_up_changes: Callable[[str], None]
) -> ThreadingHTTPServer:
    """Started on a free port, in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/statements":
                self._reply(200, faults.statements())
            elif self.path == "/clock":
                self._reply(200, {"utc": clock.utc().isoformat()})
            else:
                self._reply(404, None)

        def do_DELETE(self) -> None:
            actions = {
                "/statements": faults.forget_statements,
                "/faults": faults.clear,
                "/clock": clock.reset,
            }
            action = actions.get(self.path)
            if action is not None:
                action()
            self._reply(200 if action else 404, None)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            try:
                asked = json.loads(self.rfile.read(length))
                if self.path == "/faults":
                    _apply(faults, asked)
                elif self.path == "/clock":
                    _set(clock, asked)
                elif self.path == "/change-tracking/cleanup":
                    clean_up_changes(str(asked["database"]))
                else:
                    raise ValueError("unknown path")
            except (ValueError, KeyError, TypeError, FileNotFoundError):
                self._reply(400, None)
            else:
                self._reply(200, None)

        def _reply(self, status: int, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, name="control", daemon=True).start()
    return server


def _set(clock: Clock, asked: dict[str, object]) -> None:
    moment, speed = asked.get("utc"), asked.get("speed")
    clock.set(
        None if moment is None else datetime.datetime.fromisoformat(str(moment)).replace(tzinfo=None),
        None if speed is None else float(str(speed)),
    )


def _apply(faults: Faults, asked: dict[str, object]) -> None:
    if "cut_next_result" in asked:
        faults.cut_next_result(int(str(asked["cut_next_result"])))
    elif "deadlock" in asked:
        faults.deadlock(str(asked["deadlock"]), int(str(asked.get("times", 1))))
    elif "unreachable" in asked:
        faults.unreachable(str(asked["unreachable"]))
    else:
        faults.delay(float(str(asked["delay"])))
