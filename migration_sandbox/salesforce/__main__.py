"""`python -m migration_sandbox.salesforce`: serve one org on 127.0.0.1.

The client id and secret come from SALESFORCE_SANDBOX_CLIENT_ID and SALESFORCE_SANDBOX_CLIENT_SECRET; optional
are SALESFORCE_SANDBOX_ACCESS_TOKEN (a fixed token), SALESFORCE_SANDBOX_JWT_PUBLIC_KEY_FILE and
SALESFORCE_SANDBOX_CONTROL_TOKEN (without it, /sandbox/... answers 404). `--status-file` is written once the
socket listens: {"url", "ca", "pid"}.
"""

import argparse
import json
import logging
import os
import socket
from pathlib import Path

import uvicorn

from migration_sandbox.salesforce import certificates
from migration_sandbox.salesforce.app import build
from migration_sandbox.salesforce.auth import Credentials
from migration_sandbox.salesforce.org import Org
from migration_sandbox.salesforce.settings import CUSTOM_FIELDS, Settings

HOST = "127.0.0.1"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m migration_sandbox.salesforce")
    parser.add_argument(
        "--directory", type=Path, required=True, help="the org: created if empty, else continued"
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--status-file", type=Path)
    parser.add_argument("--edition", choices=sorted(CUSTOM_FIELDS), default="enterprise", help="of a new org")
    parser.add_argument(
        "--sandbox-org", choices=("true", "false"), default="false", help="IsSandbox of a new org"
    )
    parser.add_argument("--plain-http", action="store_true")
    return parser.parse_args()


def _write_status(path: Path, status: dict[str, object]) -> None:
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(status))
    partial.replace(path)


def main() -> None:
    given = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings(edition=given.edition, sandbox_org=given.sandbox_org == "true")
    org = Org(given.directory, settings)
    gate = build(org, Credentials.from_environment(), os.environ.get("SALESFORCE_SANDBOX_CONTROL_TOKEN", ""))
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


if __name__ == "__main__":
    main()
