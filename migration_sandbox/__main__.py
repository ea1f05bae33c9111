"""`python -m migration_sandbox`: the sandbox servers and the demo. Its state stands in data/sandbox."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from migration_sandbox import demo
from migration_sandbox.installation import Installation


def _serve(installation: Installation) -> int:
    with installation.running() as running:
        environment = installation.directory / "environment"
        environment.touch(mode=0o600)
        lines = [
            f"export {name}={shlex.quote(value)}" for name, value in installation.environment(running).items()
        ]
        environment.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(
            f"SQL Server             127.0.0.1,{running.sql_port}",
            f"Salesforce, rehearsal  {running.salesforce.url}",
            f"Salesforce, live       {running.salesforce_live.url}",
            f"Freshsales, rehearsal  {running.freshsales.url}",
            f"Freshsales, live       {running.freshsales_live.url}",
            f"Variables              source {environment}",
            "Stop with Ctrl-C.",
            sep="\n",
            flush=True,
        )
        signal.pause()
    return 0


def _run(installation: Installation, command: list[str]) -> int:
    """The command with the servers running and its practice files' variables set."""
    with installation.running() as running:
        process = subprocess.Popen(command, env={**os.environ, **installation.environment(running)})
        # Unlike Ctrl-C, which the terminal sends to both, a SIGTERM is for us alone.
        signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # the terminal has sent the child its own: wait for it to end in good order


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m migration_sandbox", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("demo", help="migrate the demo practices and print the proof")
    actions.add_parser("check", help="compare source and destination without the pipeline's code")
    actions.add_parser("serve", help="run the servers until Ctrl-C")
    runner = actions.add_parser("run", help="run a command with the servers running")
    runner.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    # SIGTERM ends as Ctrl-C does, so that the servers are stopped with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    data = Path(os.environ.get("MIGRATION_DATA", "data")).resolve()
    installation = Installation(data / "sandbox")
    match given.action:
        case "demo":
            return demo.run(installation, data)
        case "check":
            return demo.check(installation)
        case "serve":
            return _serve(installation)
        case _:
            return _run(installation, [part for part in given.command if part != "--"])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
