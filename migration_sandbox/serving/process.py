"""What every HTTP server's process does: options, TLS, a socket on loopback, a file that says where."""

import argparse
import json
import logging
import os
import socket
from pathlib import Path

import uvicorn

from migration_sandbox.serving import certificates
from migration_sandbox.serving.gate import Gate

HOST = "127.0.0.1"


def options(program: str) -> argparse.ArgumentParser:
    """A parser with the options of every server; a server adds its own."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument(
        "--directory", type=Path, required=True, help="its state: created if empty, else continued"
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--status-file", type=Path, help="written once the socket listens: url, ca, pid")
    parser.add_argument("--plain-http", action="store_true")
    return parser


def log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")


def _write_status(path: Path, status: dict[str, object]) -> None:
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(status))
    partial.replace(path)


def serve(gate: Gate, given: argparse.Namespace) -> None:
    """Serve until the process is told to end."""
    tls = None if given.plain_http else certificates.make(given.directory / "tls")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, given.port))
    config = uvicorn.Config(
        gate,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
        ssl_certfile=None if tls is None else str(tls.certificate),
        ssl_keyfile=None if tls is None else str(tls.key),
    )
    scheme = "http" if tls is None else "https"
    url = f"{scheme}://{HOST}:{listener.getsockname()[1]}"
    listener.listen(256)
    if given.status_file is not None:
        ca = None if tls is None else str(tls.ca)
        _write_status(given.status_file, {"url": url, "ca": ca, "pid": os.getpid()})
    uvicorn.Server(config).run(sockets=[listener])
