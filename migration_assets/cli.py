"""The command line: what a person asks or decides outside Dagster's UI. It materialises nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from migration_assets import cli_conflicts, cli_cutover
from migration_assets.destinations.kind import destination_names
from migration_assets.errors import ConfigurationError, GateClosed, MigrationError
from migration_assets.migration.gate import LIVE, REHEARSAL
from migration_assets.migration.ledger import Target
from migration_assets.migration.operations import Migration
from migration_assets.migration.platform import Platform, default_platform

if TYPE_CHECKING:
    from migration_assets.migration.audit import Anchor

app = typer.Typer(
    help="Migrate a periodontal practice from PANDA Perio. Assets are materialised in Dagster's UI.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
audit_app = typer.Typer(
    help="The audit log: what was done with the practice's records, and who decided it.", no_args_is_help=True
)
app.add_typer(audit_app, name="audit")
app.add_typer(cli_cutover.cutover_app, name="cutover")
# Tables are made for a person: a pipe or a log has no width of its own, and rich's 80 columns cut them.
console = Console(width=None if sys.stdout.isatty() else 160)

PracticeArgument = Annotated[str, typer.Argument(help="The practice's key: its file's name without .yaml.")]
DestinationArgument = Annotated[str, typer.Argument(help=" or ".join(destination_names()))]
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
def diff(
    practice: PracticeArgument, destination: DestinationArgument, environment: EnvironmentOption = "rehearsal"
) -> None:
    """Make the field-level diff anew and print its counts; exits with 1 where fields differ."""
    from migration_assets.migration.field_diff.compute import compute
    from migration_assets.reports.field_diff.document import faithful
    from migration_assets.reports.field_diff.files import render, write_diff

    target = _target(practice, destination, environment)
    platform = default_platform()
    migration = Migration(platform, target)
    found = compute(migration)
    directory = platform.report_directory(target)
    name, head = migration.practice.name, migration.audit_head()
    paths = write_diff(found, target, name, head, directory, datetime.now(UTC))
    migration.note_exported(None, paths)
    console.print(render(found, target))
    for path in paths:
        console.print(path, markup=False, soft_wrap=True)
    if not faithful(found):
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
        workbook, _ = write_adoptions(found, target, datetime.now(UTC), migration.audit_head(), directory)
        console.print(render_look(target, found, workbook), soft_wrap=True)


@app.command()
def rollback(
    practice: PracticeArgument,
    destination: DestinationArgument,
    environment: EnvironmentOption = "rehearsal",
    decide: Annotated[
        str | None, typer.Option(metavar="NAME", help="Take the migration back; who decides.")
    ] = None,
    shown: Annotated[
        str | None, typer.Option("--plan", metavar="HASH", help="Do this plan, as it was shown, or nothing.")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE",
            help="Delete what would be left for this reason: changed_by_others, has_dependents.",
        ),
    ] = None,
    remove_schema: Annotated[
        bool, typer.Option("--remove-schema", help="Also remove fields and objects that nobody needs.")
    ] = False,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Plan and do nothing, as without NAME.")
    ] = False,
) -> None:
    """Show what taking a migration back would do; do it once somebody decides."""
    from migration_assets.migration.rollback import Rollback
    from migration_assets.reports.rollback import render_outcome, render_plan, write_outcome, write_plan

    if decide is not None and plan_only:
        raise ConfigurationError("--decide and --plan-only exclude each other; give one of them")
    if decide is not None and not decide.strip():
        raise ConfigurationError("--decide is empty; give the name of who decides")
    target = _target(practice, destination, environment)
    platform = default_platform()
    taking_back = Rollback(Migration(platform, target), f"rollback-{uuid4()}")
    directory = platform.report_directory(target)
    if decide is None:
        planned = taking_back.plan(also or ())
        page, _ = write_plan(planned, target, taking_back.migration.audit_head(), directory)
        console.print(render_plan(target, planned, page), soft_wrap=True)
        return
    plan_hash = None if shown is None else taking_back.shown(shown)
    outcome = taking_back.roll_back(decide, plan_hash, also or (), remove_schema=remove_schema)
    page, _ = write_outcome(outcome, target, taking_back.migration.audit_head(), directory)
    console.print(render_outcome(target, outcome, page), soft_wrap=True)
    if not outcome.clean:
        raise typer.Exit(1)


@app.command()
def approve(
    practice: PracticeArgument,
    destination: DestinationArgument,
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who approves; asked for on a terminal.")
    ] = None,
) -> None:
    """Attest that the practice approves the live load of the plan that was rehearsed last."""
    from migration_assets.reports.approval import render_approvable, render_approved

    migration = Migration(default_platform(), _target(practice, destination, LIVE))
    console.print(render_approvable(migration, migration.approvable()), soft_wrap=True)
    if by is None and sys.stdin.isatty():
        by = typer.prompt("This is an attestation. Your name, as the one who approves")
    if by is None or not by.strip():
        raise ConfigurationError(f"{migration.target}: who approves isn't said; give it with --by NAME")
    approval = migration.approve(by)
    console.print(render_approved(migration, approval), soft_wrap=True)


@app.command()
def checklist(practice: PracticeArgument, destination: DestinationArgument) -> None:
    """Print what the practice needs to go live, met or missing; exits with 1 where something is missing."""
    from migration_assets.migration.checklist import checklist as make_checklist
    from migration_assets.migration.checklist import ready
    from migration_assets.reports.checklist import read_facts, render_checklist

    target = _target(practice, destination, LIVE)
    rows = make_checklist(read_facts(Migration(default_platform(), target)))
    console.print(render_checklist(rows, target))
    if not ready(rows):
        raise typer.Exit(1)


@audit_app.command("verify")
def verify_audit(
    practice: PracticeArgument,
    head: Annotated[
        list[str] | None, typer.Option(metavar="SEQUENCE:LINK", help="A head that was noted elsewhere.")
    ] = None,
) -> None:
    """Verify the practice's audit log against itself, Dagster, the reports and heads noted elsewhere."""
    from migration_assets.migration.audit import require_sound

    platform = _platform_with(practice)
    log = platform.decisions(platform.practice(practice))
    verdict = require_sound(log, practice, _anchors(platform, practice, head or ()))
    newest = (
        "" if verdict.newest is None else f"; newest: entry {verdict.newest.sequence}, {verdict.newest.where}"
    )
    console.print(
        f"practice {practice}: sound, {verdict.head.sequence} entries, head {verdict.head}\n"
        f"compared with {verdict.anchors} heads from elsewhere{newest}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


@audit_app.command("export")
def export_audit(
    practice: PracticeArgument,
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Default: beside the reports.")] = None,
) -> None:
    """Write the verified audit log as JSON lines and as a page, and write that down too."""
    from migration_assets.migration.audit import require_sound
    from migration_assets.migration.recording import audit_exported
    from migration_assets.reports.audit import write_audit

    platform = _platform_with(practice)
    configured = platform.practice(practice)
    log = platform.decisions(configured)
    verdict = require_sound(log, practice, _anchors(platform, practice, ()))
    folder = to or platform.data / "reports" / practice / "audit"
    paths = write_audit(practice, configured.name, log.numbered(), verdict.head, datetime.now(UTC), folder)
    head = log.append(audit_exported(paths))
    console.print(f"{paths[0]}\n{paths[1]}\nhead {head}", soft_wrap=True, highlight=False, markup=False)


def _anchors(platform: Platform, practice: str, noted: Iterable[str]) -> list[Anchor]:
    from migration_assets.migration.audit import parse_anchor, report_anchors
    from migration_assets.orchestration.audit_anchors import dagster_anchors

    return [
        *(parse_anchor(each, "--head") for each in noted),
        *report_anchors(platform.data / "reports" / practice),
        *dagster_anchors(practice),
    ]


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


cli_conflicts.add_commands(app, console, lambda practice, destination: _target(practice, destination, LIVE))


def main() -> None:
    """Runs a command; an error of ours is one sentence, not a traceback."""
    try:
        app()
    except MigrationError as error:
        Console(stderr=True).print(f"{error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
