"""Command line: a practice goes on working in its sandbox database while it is migrated.

python -m migration_sandbox.days panda_maple --journal FILE --hours 48 --speed 1000 --seed 1

The sandbox servers run already (`python -m migration_sandbox serve`). With a speed the server's clock is set
to it from where it stands; it keeps it when the simulator has ended.
"""

import argparse
import os
from pathlib import Path

import pyodbc

from migration_sandbox.installation import Installation
from migration_sandbox.practice.days import Days
from migration_sandbox.practice.journal import Journal
from migration_sandbox.sqlserver import launch
from migration_sandbox.sqlserver.permissions import OWNER


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m migration_sandbox.days", description=__doc__)
    parser.add_argument("database", help="such as panda_maple")
    parser.add_argument("--journal", type=Path, required=True, help="JSON lines, appended")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=48.0, help="of the server's clock")
    parser.add_argument("--speed", type=float, default=1.0, help="the server's clock against this one")
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

    if chosen.speed != 1.0:
        server.set_clock(speed=chosen.speed)
    with Journal(chosen.journal) as journal, Days(connect, journal, chosen.seed, late=chosen.late) as days:
        try:
            days.run(chosen.hours, speed=chosen.speed, pace=chosen.pace)
        finally:
            print(", ".join(f"{count} {name}" for name, count in sorted(days.written.items())))


if __name__ == "__main__":
    main()
