"""The control channel: faults and the statement log as JSON over HTTP on 127.0.0.1, apart from SQL.

GET /statements, DELETE /statements; POST /faults with one of {"cut_next_result": bytes}, {"deadlock": table,
"times": n}, {"delay": seconds}; DELETE /faults.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .faults import Faults


def serve_control(faults: Faults) -> ThreadingHTTPServer:
    """Started on a free port, in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/statements":
                self._reply(200, faults.statements())
            else:
                self._reply(404, None)

        def do_DELETE(self) -> None:
            actions = {"/statements": faults.forget_statements, "/faults": faults.clear}
            action = actions.get(self.path)
            if action is not None:
                action()
            self._reply(200 if action else 404, None)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            try:
                asked = json.loads(self.rfile.read(length))
                if self.path != "/faults":
                    raise ValueError("unknown path")
                _apply(faults, asked)
            except (ValueError, KeyError, TypeError):
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


def _apply(faults: Faults, asked: dict[str, object]) -> None:
    if "cut_next_result" in asked:
        faults.cut_next_result(int(str(asked["cut_next_result"])))
    elif "deadlock" in asked:
        faults.deadlock(str(asked["deadlock"]), int(str(asked.get("times", 1))))
    else:
        faults.delay(float(str(asked["delay"])))
