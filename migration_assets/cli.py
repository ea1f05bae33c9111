"""The command line: what a person asks or decides outside Dagster's UI. It materialises nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from migration_assets.errors import ConfigurationError, GateClosed, MigrationError
from migration_assets.migration.gate import LIVE, REHEARSAL
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.platform import Platform, default_platform

app = typer.Typer(
    help="Migrate a periodontal practice from PANDA Perio. Assets are materialised in Dagster's UI.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
# Tables are made for a person: a pipe or a log has no width of its own, and rich's 80 columns cut them.
console = Console(width=None if sys.stdout.isatty() else 160)

PracticeArgument = Annotated[str, typer.Argument(help="The practice's key: its file's name without .yaml.")]
DestinationArgument = Annotated[str, typer.Argument(help="salesforce")]
EnvironmentOption = Annotated[str, typer.Option(help="rehearsal or live")]


@app.command()
def practices() -> None:
    """List the practices of data/practices and what is wrong with the files that can't be used."""
    scan = default_platform().registry.scan()
    table = Table("practice", "name", "time zone", "destinations")
    for practice in scan.practices.values():
        table.add_row(
            practice.key, escape(practice.name), practice.time_zone.key, ", ".join(practice.destinations)
        )
    console.print(table)
    for problem in scan.problems.values():
        console.print(problem, style="red", markup=False, soft_wrap=True)
    if scan.problems:
        raise typer.Exit(1)


@app.command()
def register() -> None:
    """Add a partition for each valid practice file now, as the sensor ``practices`` does by itself."""
    from migration_assets.orchestration.partitions import register_practices

    added = register_practices(sorted(default_platform().registry.scan().practices))
    console.print(f"partitions added: {', '.join(added) or 'none, all are there'}")


@app.command()
def preflight(practice: PracticeArgument) -> None:
    """Ask the practice's SQL Server whether it can be migrated: login, tables, columns, sizes."""
    from migration_assets.migration.staging import migrated_tables
    from migration_assets.panda.connection import Source
    from migration_assets.panda.preflight import preflight as run_preflight
    from migration_assets.reports.preflight import render

    platform = default_platform()
    configured = platform.practice(practice)
    source, profile = Source(platform.source(configured)), platform.profile(configured)
    report = run_preflight(source, profile, sorted(migrated_tables()))
    console.print(render(configured.key, report))


@app.command()
def report(
    practice: PracticeArgument, destination: DestinationArgument, environment: EnvironmentOption = "rehearsal"
) -> None:
    """Print the latest reconciliation; exits with 1 where it isn't clean."""
    from migration_assets.reports.reconciliation import read_reconciliation, render

    target = _target(practice, destination, environment)
    reconciliation = read_reconciliation(default_platform().report_directory(target))
    console.print(render(reconciliation))
    if not reconciliation.clean:
        raise typer.Exit(1)


@app.command()
def scope(
    practice: PracticeArgument, destination: DestinationArgument, environment: EnvironmentOption = "rehearsal"
) -> None:
    """Print how much the migration is, how hard, and how long it will take, by what is staged now."""
    from migration_assets.migration.survey import stored_scope
    from migration_assets.reports.destination_preflight import render_scope

    target = _target(practice, destination, environment)
    plan, scoped = stored_scope(default_platform(), target)
    console.print(render_scope(target, plan.hash, scoped))


@app.command()
def adopt(
    practice: PracticeArgument,
    destination: DestinationArgument,
    environment: EnvironmentOption = "rehearsal",
    decide: Annotated[
        str | None, typer.Option(metavar="NAME", help="Adopt the list that was shown last; who decides.")
    ] = None,
    take_back: Annotated[
        str | None, typer.Option(metavar="NAME", help="Give adopted records back; who decides.")
    ] = None,
    shown: Annotated[
        str | None, typer.Option("--list", metavar="HASH", help="Decide about this list and no other.")
    ] = None,
) -> None:
    """Show who is in the destination already without our key; adopt them, or give them back."""
    from migration_assets.reports.adoption import (
        render_adopted,
        render_given_back,
        render_look,
        write_adoptions,
    )

    if decide is not None and take_back is not None:
        raise ConfigurationError("--decide and --take-back are two decisions; give one of them")
    target = _target(practice, destination, environment)
    platform = default_platform()
    migration = Migration(platform, target)
    if take_back is not None:
        console.print(render_given_back(target, migration.take_back_adoptions(take_back)))
    elif decide is not None:
        last = migration.shown_adoptions()
        if shown is not None and not last.startswith(shown):
            raise GateClosed(
                f"{target}: list {shown} isn't the one that was shown last ({last[:12]}); look again"
            )
        console.print(render_adopted(target, migration.adopt(decide, last)))
    else:
        found = migration.find_adoptions(f"look-{uuid4()}")
        directory = platform.report_directory(target)
        workbook, _ = write_adoptions(found, target, datetime.now(UTC), directory)
        console.print(render_look(target, found, workbook), soft_wrap=True)


@app.command()
def verify(practice: PracticeArgument) -> None:
    """Verify the chain of the practice's decisions log and print its head."""
    platform = _platform_with(practice)
    head = platform.decisions(platform.practice(practice)).verify()
    console.print(f"practice {practice}: {head.sequence} decisions, head {head.link}")


def _platform_with(practice: str) -> Platform:
    """Checks the practice's key before it becomes part of a path."""
    platform = default_platform()
    platform.practice(practice)
    return platform


def _target(practice: str, destination: str, environment: str) -> Target:
    """Raises ConfigurationError where one of the three isn't known."""
    _require_known("destination", destination, _platform_with(practice).destinations)
    _require_known("environment", environment, (REHEARSAL, LIVE))
    return Target(practice, destination, environment)


def _require_known(what: str, given: str, known: Iterable[str]) -> None:
    """Before it becomes part of a path."""
    if given not in known:
        raise ConfigurationError(f"there is no such {what}; known: {', '.join(known)}")


def main() -> None:
    """Runs a command; an error of ours is one sentence, not a traceback."""
    try:
        app()
    except MigrationError as error:
        Console(stderr=True).print(f"{error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
