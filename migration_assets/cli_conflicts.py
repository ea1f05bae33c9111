"""Commands about conflicts: what was edited in the destination since we wrote, and whose value stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import typer
from rich.console import Console

from migration_assets.migration.ledger import Target
from migration_assets.migration.platform import default_platform
from migration_assets.migration.target_access import TargetAccess


def add_commands(app: typer.Typer, console: Console, live: Callable[[str, str], Target]) -> None:
    """``conflicts`` and ``decide-conflicts``; ``live`` checks practice and destination before they become
    part of a path."""

    @app.command()
    def conflicts(
        practice: Annotated[str, typer.Argument(help="The practice's key.")],
        destination: Annotated[str, typer.Argument(help="Where its records were edited.")],
    ) -> None:
        """Count what was edited in the destination since we wrote it, and write the page with both values."""
        from migration_assets.migration.conflict_deciding import conflict_store
        from migration_assets.reports.conflicts import render_conflicts, write_conflicts

        access = TargetAccess(default_platform(), live(practice, destination))
        standing = conflict_store(access).standing()
        directory = access.platform.report_directory(access.target)
        paths = write_conflicts(standing, access.target, access.audit_head(), directory)
        access.note_exported(None, paths)
        console.print(render_conflicts(access.target, standing, paths[0]), soft_wrap=True)

    @app.command("decide-conflicts")
    def decide_conflicts(
        practice: Annotated[str, typer.Argument(help="The practice's key.")],
        destination: Annotated[str, typer.Argument(help="Where its records were edited.")],
        take: Annotated[Literal["source", "crm"], typer.Option(help="Whose value stays.")],
        decided_by: Annotated[str, typer.Option(metavar="NAME", help="Who decides.")],
        record: Annotated[
            list[str] | None,
            typer.Option(metavar="OBJECT:KEY[:FIELD]", help="Only these; without it all that are open."),
        ] = None,
    ) -> None:
        """Decide whose value stays where a record was edited in the destination; the next delta obeys."""
        from migration_assets.migration.conflict_deciding import decide
        from migration_assets.reports.conflicts import render_decided

        access = TargetAccess(default_platform(), live(practice, destination))
        decided = decide(access, take, decided_by, record or ())
        console.print(render_decided(access.target, take, decided), soft_wrap=True, markup=False)
