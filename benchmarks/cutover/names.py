"""What the platform calls its parts of a cutover: the one place that follows it if it renames them."""

from __future__ import annotations

from pathlib import Path

LOCATION, REPOSITORY = "migration_assets", "__repository__"
REFRESH_JOB = "refresh_panda"
DRAINED_CHECK = "drained"
BOARD = ("cutover.html", "cutover.json")


def sensor(destination: str) -> str:
    return f"cutover_{destination}"


def delta_job(destination: str) -> str:
    return f"delta_{destination}"


def go_live_job(destination: str) -> str:
    return f"go_live_{destination}"


def board_asset(destination: str) -> list[str]:
    return [destination, "cutover"]


def go_live_config(destination: str, closed_by: str) -> dict[str, object]:
    """Of the job that closes a window: who closes it."""
    return {"ops": {"__".join(board_asset(destination)): {"config": {"closed_by": closed_by}}}}


def reports(data: Path, practice: str, destination: str) -> Path:
    return data / "reports" / practice / destination / "live"


def ledger(data: Path, practice: str) -> Path:
    return data / "ledger" / f"{practice}.sqlite"
