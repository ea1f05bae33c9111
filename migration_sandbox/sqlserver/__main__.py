"""`python -m migration_sandbox.sqlserver`: serves a directory of sandbox databases on 127.0.0.1."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from .server import serve


def main() -> NoReturn:
    parser = argparse.ArgumentParser(prog="python -m migration_sandbox.sqlserver", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="where <database>.duckdb files are")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument(
        "--port-file", type=Path, help="a JSON file that says port, control_port, certificate and pid"
    )
    parser.add_argument("--verbose", action="store_true", help="log sessions and error numbers to stderr")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end with the process that holds stdin's other end"
    )
    parser.add_argument(
        "--keep-results",
        action="store_true",
        help="answer a long query from what was sent when it first came; databases are read-only",
    )
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING, format="%(asctime)s %(message)s"
    )
    if options.until_stdin_closes:
        threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        serve(options.directory, options.port, options.port_file, keep_results=options.keep_results)
    # Sessions' threads may stand inside DuckDB, which doesn't survive the interpreter's own way out.
    logging.shutdown()
    os._exit(0)


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    # To the main thread, whose accept() only a signal of its own interrupts.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


if __name__ == "__main__":
    main()
