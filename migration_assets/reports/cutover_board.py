"""The cutover board: what the engineer and the practice's manager look at while a window is open.

A page and the same figures as JSON, and in short for the post-migration report. Counts, moments, names of
tables and objects; no key and no value of a patient's. What the figures mean is ``migration/board``'s to say.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from migration_assets.migration.audit import AUDIT_LOG
from migration_assets.migration.board import BoardFacts, DrainedFacts, LagPoint
from migration_assets.migration.board_alarms import alarms
from migration_assets.migration.board_reading import read_board
from migration_assets.migration.decisions import Head
from migration_assets.migration.ledger import Target
from migration_assets.migration.platform import Platform
from migration_assets.reports import plots
from migration_assets.reports.files import write_document, write_private
from migration_assets.reports.page import render

PAGE, DOCUMENT = "cutover.html", "cutover.json"
RUNBOOK = "docs/cutover.md"
PHASES = {
    "none": "no cutover in the practice's file",
    "before": "not begun yet",
    "open": "open",
    "over": "over, not closed",
    "closed": "closed",
}
STRATEGIES = {
    "change_tracking": "change tracking",
    "rowversion": "rowversion",
    "modified_at": "modified-at",
    "compare": "comparison of every row",
}
DELETION_WORDS = {"retained": "stay", "flagged": "flagged", "deleted": "deleted"}
_FILES = {
    "changes": "the change store",
    "panda": "the practice's tables (panda.duckdb)",
    "upload": "the upload's file",
}


def make_board(
    platform: Platform, target: Target, now: datetime, drained: DrainedFacts | None = None
) -> BoardFacts:
    """The board at this moment; ``drained`` is the last board's where it isn't given."""
    return read_board(platform, target, now, drained or _last_drained(platform.report_directory(target)))


def write_board(facts: BoardFacts, head: Head, directory: Path) -> tuple[Path, Path]:
    """``cutover.html`` and ``cutover.json``; for their owner only."""
    page = render(
        "cutover_board.html.j2",
        title=f"Cutover of {facts.practice_name}",
        head=head,
        runbook=RUNBOOK,
        runbook_path=_runbook_from(directory),
        **shown(facts),
    )
    return (
        write_private(directory / PAGE, page.encode()),
        write_document(directory / DOCUMENT, as_document(facts, head)),
    )


def shown(facts: BoardFacts) -> dict[str, Any]:
    """Everything that ``_cutover_board.html.j2`` names."""
    zone = ZoneInfo(facts.time_zone)
    return {
        "facts": facts,
        "alarms": alarms(facts),
        "phase": PHASES[facts.phase],
        "strategies": STRATEGIES,
        "deletion_words": DELETION_WORDS,
        "busy": [_FILES[each] for each in facts.busy],
        "lag_plot": _lag_plot(facts, zone),
        "interval_plot": _interval_plot(facts, zone),
        "pooled": max((each.deltas for each in facts.points), default=1),
        "duration": _duration,
        "when": _when(zone),
        "clock": _clock(zone),
        "named": _named,
    }


def in_short(facts: BoardFacts) -> dict[str, Any]:
    """What the post-migration report's part names."""
    when, window = _when(ZoneInfo(facts.time_zone)), facts.window
    return {
        "facts": facts,
        "phase": PHASES[facts.phase],
        "begins": when(None if window is None else window.begins),
        "ends": when(None if window is None else window.ends),
        "duration": _duration,
        "page": PAGE,
    }


def as_document(facts: BoardFacts, head: Head) -> dict[str, Any]:
    """cutover.json: as docs/cutover.md says. Moments are UTC, lags are seconds."""
    return {**facts.target.columns(), **figures(facts), AUDIT_LOG: head.described()}


def figures(facts: BoardFacts) -> dict[str, Any]:
    """All of the board for programs."""
    document: dict[str, Any] = _plain(asdict(facts))
    del document["target"]
    told = [asdict(each) for each in alarms(facts)]
    return {**document, "waiting": facts.waiting, "alarms": told}


def board_counts(facts: BoardFacts) -> dict[str, int | float | str]:
    """What a materialisation tells of the board: figures and codes alone."""
    counts: dict[str, int | float | str | None] = {
        "phase": facts.phase,
        "waiting": facts.waiting,
        "changes_found": sum(each.changed + each.deleted for each in facts.tables),
        "sent": facts.total("sent"),
        "failed": facts.total("failed_now"),
        "held_back": facts.total("held_now"),
        "not_found": facts.total("not_found"),
        "conflicts_open": facts.total("conflicts_open"),
        "lag_p50_seconds": facts.lag.p50,
        "lag_p95_seconds": facts.lag.p95,
        "lag_max_seconds": facts.lag.most,
        "alarms": ", ".join(each.code for each in alarms(facts)) or "none",
        "busy": ", ".join(facts.busy) or "none",
    }
    return {name: value for name, value in counts.items() if value is not None}


def _last_drained(directory: Path) -> DrainedFacts | None:
    path = directory / DOCUMENT
    if not path.exists():
        return None
    told = json.loads(path.read_text(encoding="utf-8"))["drained"]
    return told and DrainedFacts(datetime.fromisoformat(told["at"]), told["passed"], told["counts"])


def _lag_plot(facts: BoardFacts, zone: ZoneInfo) -> Markup | None:
    if not facts.points:
        return None
    named = (
        ("half of the records within (p50)", "p50"),
        ("95 of 100 within (p95)", "p95"),
        ("the slowest", "most"),
    )
    ends = facts.intervals[-1].begins + timedelta(minutes=facts.interval_minutes)
    return plots.lines(
        (facts.intervals[0].begins, ends),
        [each.at for each in facts.points],
        [
            plots.Series(name, style, [getattr(each.lag, style) for each in facts.points])
            for name, style in named
        ],
        [_told(each, zone) for each in facts.points],
        zone,
        "Lag of each delta: seconds from the change in PANDA to its record found in the destination",
    )


def _told(point: LagPoint, zone: ZoneInfo) -> str:
    lag = point.lag
    deltas = f", {point.deltas} deltas" if point.deltas > 1 else ""
    return (
        f"{_when(zone)(point.at)}: p50 {_duration(lag.p50)}, p95 {_duration(lag.p95)}, slowest "
        f"{_duration(lag.most)} of {lag.measured:,} records{deltas}; {lag.bounds:,} of them upper bounds"
    )


def _interval_plot(facts: BoardFacts, zone: ZoneInfo) -> Markup | None:
    if not any(each.found or each.sent for each in facts.intervals):
        return None
    return plots.bars(
        [each.begins for each in facts.intervals],
        timedelta(minutes=facts.interval_minutes),
        [
            plots.Series("rows found changed in PANDA", "found", [each.found for each in facts.intervals]),
            plots.Series("records sent", "sent", [each.sent for each in facts.intervals]),
        ],
        [
            f"from {_when(zone)(each.begins)}: {each.found:,} rows found changed, {each.sent:,} records sent"
            for each in facts.intervals
        ],
        zone,
        "Rows found changed in PANDA and records sent, by interval",
        f"number in {_duration(facts.interval_minutes * 60)}",
    )


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else plots.duration(seconds)


def _when(zone: ZoneInfo) -> Callable[[datetime | None], str]:
    """A moment by the practice's clock."""

    def when(moment: datetime | None) -> str:
        return "never" if moment is None else f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"

    return when


def _clock(zone: ZoneInfo) -> Callable[[datetime | None], str]:
    """As ``_when`` without the year, for narrow columns."""

    def clock(moment: datetime | None) -> str:
        if moment is None:
            return "never"
        local = moment.astimezone(zone)
        return f"{local.day} {local:%b %H:%M:%S}"

    return clock


def _named(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())


def _runbook_from(directory: Path) -> str | None:
    """The way from a report to the runbook, None where it isn't installed beside the program."""
    runbook = Path(__file__).parents[2] / RUNBOOK
    if not runbook.exists():
        return None
    return Path(os.path.relpath(runbook, directory)).as_posix()


def _plain(value: Any) -> Any:
    """What JSON can hold: moments as ISO 8601."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
