"""A simulated cutover of three practices: 48 hours of their work in some 25 minutes, with all that goes wrong
in a night, and a verdict by those who don't trust the platform.

python -m benchmarks.cutover_night --folder FOLDER [--destination freshsales] [--hours 48] [--minutes 25] ...

The practices are migrated to live first; then daemon, web server and code server run as in production, the
sensor is switched on, each practice's people work at their pace, and by a schedule of the seed workers, the
daemon and the code server are killed, a source is unreachable and the destination answers 503. At the end the
windows are closed by the go-live job. The folder holds everything: summary.json, summary.md, boards,
journals, logs. Exit status 0: each window is closed, each destination equals its source, nothing is twice.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from rich.console import Console

from benchmarks.cutover.night import Night, Plan, run
from benchmarks.report import Aim, Figures, Section, as_markdown, for_terminal

_SPREAD = ("records", "p50", "p95", "max")


def main() -> int:
    usual = Plan(Path())
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cutover_night", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="new or empty")
    parser.add_argument("--destination", choices=("salesforce", "freshsales"), default=usual.destination)
    parser.add_argument("--hours", type=float, default=usual.hours, help="of the practices'")
    parser.add_argument("--minutes", type=float, default=usual.seconds / 60, help="that the window lasts")
    parser.add_argument("--patients", type=int, default=usual.patients, help="of each practice")
    parser.add_argument("--pace", type=float, default=usual.pace, help="events against a usual practice's")
    parser.add_argument("--poll-seconds", type=int, default=usual.poll_seconds)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--practices", nargs="+", choices=usual.practices, default=usual.practices)
    chosen = parser.parse_args()
    folder = chosen.folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        parser.error("--folder isn't empty; a night begins with nothing")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    plan = Plan(
        folder, chosen.destination, chosen.hours, chosen.minutes * 60, chosen.patients, chosen.pace,
        chosen.poll_seconds, chosen.seed, tuple(chosen.practices),
    )  # fmt: skip
    began = time.monotonic()
    night = run(plan, lambda line: print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True))
    told = section(night)
    (folder / "summary.json").write_text(json.dumps(night.as_json(), indent=1) + "\n", encoding="utf-8")
    (folder / "summary.md").write_text(as_markdown("# A cutover night", [told]), encoding="utf-8")
    Console(width=None if sys.stdout.isatty() else 120).print(for_terminal(told))
    return 0 if night.passed else 1


def section(night: Night) -> Section:
    plan = night.plan
    return Section(
        f"A cutover of {len(plan.practices)} practices to {plan.destination}",
        f"{plan.hours:g} hours of practices of {plan.patients} patients each in {plan.seconds / 60:g} "
        f"minutes, polled every {plan.poll_seconds} s. Lag is in real seconds: from a commit in the journal "
        "to the destination's own stamp on the record, and beside it as the platform has written it down, by "
        "what it knows the beginning from (the row's own stamp, or the poll before the one that found it).",
        [_practices(night), _lags(night), _runs(night), _troubles(night)],
        _aims(night),
    )


def _practices(night: Night) -> Figures:
    rows = []
    for each in night.verdicts:
        tries = night.go_live.get(each.practice, [])
        rows.append(
            (
                each.practice,
                f"{sum(night.events.get(each.practice, {}).values()):,}",
                f"{each.changes:,}",
                "0" if each.equal else "some",
                f"{each.journal_differs}",
                f"{each.twice}",
                f"{len(tries)}, {'closed' if tries and tries[-1]['closed'] else 'open'}",
            )
        )
    headings = ("practice", "events", "rows written", "fields different", "journal against source")
    return Figures((*headings, "keys twice", "go-live"), rows)


def _lags(night: Night) -> Figures:
    rows = []
    for each in night.verdicts:
        measured = {"destination's stamp": each.lag}
        measured |= {f"own, by {basis}": lag for basis, lag in each.own_lag.items()}
        rows += [
            (f"{each.practice}, {how}", *(f"{lag[name]:,.0f}" for name in _SPREAD))
            for how, lag in measured.items()
            if lag
        ]
    return Figures(("lag in seconds", *_SPREAD), rows)


def _runs(night: Night) -> Figures:
    rows = [
        ("sensor's ticks", _counted(night.ticks.get("by_status", {})), _shown(night.ticks.get("seconds")))
    ]
    rows += [(job, _counted(found), _shown(night.run_seconds.get(job))) for job, found in night.runs.items()]
    return Figures(("what ran", "how it ended", "seconds p50 / p95 / max"), rows)


def _troubles(night: Night) -> Figures:
    rows = [
        (
            each["at"][11:19],
            " ".join(filter(None, (each["kind"], each["practice"]))),
            str(each.get("outcome")),
        )
        for each in night.troubles
    ]
    rows += [("", f"{service} started again", str(count)) for service, count in night.restarts.items()]
    return Figures(("at (UTC)", "trouble", "what came of it"), rows)


def _aims(night: Night) -> list[Aim]:
    equal = sum(each.equal for each in night.verdicts)
    honest = sum(not each.journal_differs for each in night.verdicts)
    twice = sum(each.twice for each in night.verdicts)
    leaks = sum(each.leaks for each in night.verdicts)
    closed = sum(bool(tries and tries[-1]["closed"]) for tries in night.go_live.values())
    many = len(night.plan.practices)
    return [
        Aim("each destination equals its source, field by field", f"{equal} of {many}", equal == many),
        Aim("each source is what its journal says", f"{honest} of {many}", honest == many),
        Aim("nothing twice", f"{twice} keys", twice == 0),
        Aim("no patient's word in a log or in Dagster's storage", f"{leaks} files", leaks == 0),
        Aim("each window closed, drained", f"{closed} of {many}", closed == many),
    ]


def _counted(found: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.lower()}" for name, count in sorted(found.items())) or "none"


def _shown(seconds: dict[str, float] | None) -> str:
    return " / ".join(f"{seconds[name]:.1f}" for name in _SPREAD[1:]) if seconds else ""


if __name__ == "__main__":
    sys.exit(main())
