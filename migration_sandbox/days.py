"""Command line: a practice goes on working in its sandbox database while it is migrated.

python -m migration_sandbox.days panda_maple --journal FILE --hours 48 --speed 1000 --seed 1

The sandbox servers run already (`python -m migration_sandbox serve`). With a speed the server's clock is set
to it from where it stands, and keeps it when the simulator has ended; not with --begins, by which the hours
are the practice's alone and rows are stamped with the moments at which they are written. SIGTERM and Ctrl-C
end it after the event that it is at.
"""

import argparse
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pyodbc

from migration_sandbox.installation import Installation
from migration_sandbox.practice.days import Days
from migration_sandbox.practice.events import EVENTS
from migration_sandbox.practice.journal import Journal
from migration_sandbox.practice.upheavals import UPHEAVALS
from migration_sandbox.sqlserver import launch
from migration_sandbox.sqlserver.permissions import OWNER

_ENDS = (signal.SIGTERM, signal.SIGINT)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m migration_sandbox.days", description=__doc__)
    parser.add_argument("database", help="such as panda_maple")
    parser.add_argument("--journal", type=Path, required=True, help="JSON lines, appended")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=48.0, help="of the practice's")
    parser.add_argument("--speed", type=float, default=1.0, help="the practice's hours against this clock's")
    parser.add_argument("--begins", type=datetime.fromisoformat, help="the practice's local time at first")
    parser.add_argument("--upheavals", action="store_true", help="with what no day's routine makes")
    parser.add_argument("--pace", type=float, default=1.0, help="events an hour against a usual practice's")
    parser.add_argument("--late", type=float, default=0.02, help="share of transactions that commit late")
    chosen = parser.parse_args()
    data = Path(os.environ.get("MIGRATION_DATA", "data")).resolve()
    installation = Installation(data / "sandbox")
    server = launch.running(installation.sql_directory)
    password = installation.secrets()["owner_password"]

    def connect() -> pyodbc.Connection:
        text = server.connection_string(chosen.database, OWNER, password, trust="yes")
        return pyodbc.connect(text, autocommit=False, timeout=10)

    if chosen.speed != 1.0 and chosen.begins is None:
        server.set_clock(speed=chosen.speed)
    events = {**EVENTS, **UPHEAVALS} if chosen.upheavals else EVENTS
    with (
        Journal(chosen.journal) as journal,
        Days(connect, journal, chosen.seed, late=chosen.late, events=events) as days,
    ):
        for number in _ENDS:
            signal.signal(number, lambda *_: days.stop())
        try:
            # The driver takes a signal for a broken connection: none may reach the thread that works.
            with ThreadPoolExecutor(1, initializer=_without_signals) as apart:
                pace = {"speed": chosen.speed, "pace": chosen.pace, "begins": chosen.begins}
                apart.submit(days.run, chosen.hours, **pace).result()
        finally:
            print(", ".join(f"{count} {name}" for name, count in sorted(days.written.items())))


def _without_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)


if __name__ == "__main__":
    main()
