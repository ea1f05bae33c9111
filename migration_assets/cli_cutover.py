"""``migration-assets cutover``: how a practice's cutover stands, and the sensor's cursor. Nothing is sent."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration_assets.destinations.kind import destination_names
from migration_assets.errors import ConfigurationError
from migration_assets.migration.gate import LIVE
from migration_assets.migration.ledger import Target
from migration_assets.migration.platform import Platform, default_platform

if TYPE_CHECKING:
    from migration_assets.orchestration.cutover_cursor import Entry, StoredSensor
    from migration_assets.panda.change_cursor import Cursor

cutover_app = typer.Typer(
    help="The cutover: how far it is, and the cursor of the sensor that keeps a destination up with PANDA.",
    no_args_is_help=True,
)
_console = Console(width=None if sys.stdout.isatty() else 160)
_PRACTICE = typer.Argument(help="The practice's key: its file's name without .yaml.")
_DESTINATION = typer.Argument(help=" or ".join(destination_names()))


@cutover_app.command("status")
def status(practice: Annotated[str, _PRACTICE]) -> None:
    """Show the window, how far each table was looked at, what waits, and how far each destination is."""
    from migration_assets.migration.detection import Detection
    from migration_assets.migration.operations import Migration
    from migration_assets.orchestration.cutover_cursor import sensor_of_installation

    platform = default_platform()
    window = platform.practice(practice).cutover
    if window is None:
        raise ConfigurationError(f"practice {practice}: its file has no part 'cutover'; add that part")
    phase = {"before": "not begun yet", "open": "open", "over": "over"}[window.phase(datetime.now(UTC))]
    _say(
        f"practice {practice}: window {window.begins:%Y-%m-%d %H:%M} to {window.ends:%Y-%m-%d %H:%M} UTC, "
        f"{phase}; polled every {window.poll_seconds} s, read whole every {window.compare_minutes} min"
    )
    detection = Detection(platform, practice)
    cursor = detection.begun()
    if cursor is None:
        _say("change detection hasn't begun; materialise panda/change_detection")
    else:
        _console.print(_tables(cursor))
        _say(f"{detection.waiting():,} changes wait for a refresh; last refresh: {detection.progress()}")
    table = Table("destination", "window", "refresh sent", "sensor", "polled", "looked at again", box=None)
    for target in _live_targets(platform, practice):
        migration, sensor = Migration(platform, target), sensor_of_installation(target.destination)
        sent = migration.delta_progress()
        table.add_row(
            target.destination,
            "closed" if migration.window_closed() is not None else phase,
            "no payload of this extraction" if sent is None else str(sent),
            "on" if sensor.running else "off",
            *_entry_columns(sensor, practice),
        )
    _console.print(table)


@cutover_app.command("cursor")
def cursor(
    destination: Annotated[str, _DESTINATION],
    practice: Annotated[str | None, _PRACTICE] = None,
) -> None:
    """Print the cursor of the sensor cutover_<destination> as Dagster keeps it: JSON, an entry a practice.

    It holds versions and moments, and no key or value of a row. Losing it does no harm: where an entry is
    missing, the sensor goes on from the practice's own change store.
    """
    from migration_assets.orchestration.cutover_cursor import sensor_of_installation

    _require_destination(destination)
    entries = sensor_of_installation(destination).cursor
    if practice is not None:
        if practice not in entries.practices:
            raise ConfigurationError(
                f"the cursor of cutover_{destination} has no entry of {practice}; known: "
                f"{', '.join(sorted(entries.practices)) or 'none'}"
            )
        entries = entries.model_copy(update={"practices": {practice: entries.practices[practice]}})
    print(entries.model_dump_json(indent=2))


@cutover_app.command("reset-cursor")
def reset_cursor(
    destination: Annotated[str, _DESTINATION],
    practice: Annotated[str, _PRACTICE],
) -> None:
    """Have the sensor's next poll of this practice compare every table with what is known, row by row.

    For a source that was restored or moved, or where somebody doubts that every change was found. It works
    while the daemon runs, also in the middle of a tick: the sensor obeys it with its next look at the
    practice. Nothing that was found is forgotten, and nothing is sent twice.
    """
    from migration_assets.orchestration.cutover_cursor import reset_in_installation

    _require_destination(destination)
    default_platform().practice(practice)
    reset_in_installation(destination, practice)
    _say(f"the next poll of {practice} for {destination} compares every table")


def _say(sentence: str) -> None:
    _console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _require_destination(name: str) -> None:
    if name not in destination_names():
        raise ConfigurationError(f"there is no such destination; known: {', '.join(destination_names())}")


def _live_targets(platform: Platform, practice: str) -> list[Target]:
    configured = platform.practice(practice)
    targets = [Target(practice, name, LIVE) for name in configured.destinations]
    return [target for target in targets if platform.is_configured(configured, target)]


def _tables(cursor: Cursor) -> Table:
    table = Table("table", "strategy", "column", "version", "last looked at", "last compared", box=None)
    for name, each in cursor.tables.items():
        table.add_row(
            name,
            each.strategy.replace("_", " "),
            each.column or "",
            each.version or "",
            _moment(each.polled_at),
            _moment(each.compared_at),
        )
    return table


def _entry_columns(sensor: StoredSensor, practice: str) -> tuple[str, str]:
    """When the sensor polled the practice last and when it looks at it again."""
    entries: Mapping[str, Entry] = sensor.cursor.practices
    entry = entries.get(practice)
    if entry is None:
        return "never", ""
    if entry.stopped is not None:
        return _moment(entry.polled_at), f"no more, {entry.stopped}"
    return _moment(entry.polled_at), "next tick" if entry.look_at is None else _moment(entry.look_at)


def _moment(moment: datetime | None) -> str:
    """UTC; the epoch stands for a table that is to be compared anew."""
    if moment is None or moment.year < 2000:
        return "never"
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
