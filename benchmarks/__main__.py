"""`make bench`: what the pieces of this project cost on this machine, and whether they meet their aims.

python -m benchmarks [section ...] [--write FILE]; without a section all but
freshsales_rate and the cutover's, some twelve minutes. The cutover's night is `python -m
benchmarks.cutover_night`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import (
    cutover_delta,
    cutover_poll,
    extraction,
    faults,
    freshsales_rate,
    layout,
    loading,
    practice,
    sandboxes,
)
from benchmarks.machine import describe
from benchmarks.report import Section, as_markdown, for_terminal

SECTIONS: dict[str, Callable[[], Section]] = {
    "layout": layout.section,
    "extraction": extraction.section,
    "sandboxes": sandboxes.section,
    "practice": practice.section,
    "faults": faults.section,
    "loading": loading.section,
    "freshsales_rate": freshsales_rate.section,
    "cutover_poll": cutover_poll.section,
    "cutover_delta": cutover_delta.section,
}
_ONLY_NAMED = frozenset({"freshsales_rate", "cutover_poll", "cutover_delta"})
"""Each takes minutes; the first most of a quarter of an hour, waiting."""

_HEADING = """\
# Benchmarks

Written by `python -m benchmarks --write docs/benchmarks.md` on {day}; `make bench` shows the same on any
machine. What is compared runs by turns, each piece in an interpreter of its own. Seconds are medians. The
machine is shared with others, so wall seconds vary with them: compare CPU seconds and ratios.

{machine}"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the tables as Markdown too")
    parser.add_argument("--rows", type=int, default=loading.ROWS, help="exams that loading loads")
    options = parser.parse_args()
    if unknown := set(options.sections) - SECTIONS.keys():
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    # Where nobody watches, there is no terminal whose width would cut the tables.
    console = Console(width=None if sys.stdout.isatty() else 120)
    machine = describe(extraction.WITH_DLT)
    console.print(machine, highlight=False)
    sections = []
    for name in options.sections or [each for each in SECTIONS if each not in _ONLY_NAMED]:
        section = loading.section(options.rows) if name == "loading" else SECTIONS[name]()
        console.print(for_terminal(section))
        sections.append(section)
    if options.write is not None:
        heading = _HEADING.format(day=datetime.now(UTC).date().isoformat(), machine=machine)
        options.write.write_text(as_markdown(heading, sections), encoding="utf-8")


if __name__ == "__main__":
    main()
