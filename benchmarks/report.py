"""What was measured as tables, for a terminal and as Markdown; nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Figures:
    """A table: the first column names what was measured, the others are figures as they are shown."""

    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Aim:
    """What was hoped for, what came out, and whether that is enough."""

    aim: str
    measured: str
    met: bool


@dataclass(frozen=True)
class Section:
    """``text`` says how it was measured, in whole sentences."""

    title: str
    text: str
    tables: Sequence[Figures]
    aims: Sequence[Aim] = ()


def for_terminal(section: Section) -> RenderableType:
    parts: list[RenderableType] = [Text(f"\n{section.title}", style="bold"), Text(section.text, style="dim")]
    parts += [_as_rich(table) for table in section.tables]
    for aim in section.aims:
        style = "green" if aim.met else "red"
        parts.append(Text(f"{_verdict(aim)}: {aim.aim}: {aim.measured}", style=style))
    return Group(*parts)


def as_markdown(heading: str, sections: Iterable[Section]) -> str:
    """A page; ``heading`` comes before the sections and ends without a line break."""
    parts = [heading]
    for section in sections:
        parts += [f"## {section.title}", section.text]
        parts += [_as_markdown(table) for table in section.tables]
        if section.aims:
            verdicts = [(each.aim, each.measured, _verdict(each)) for each in section.aims]
            parts.append(_as_markdown(Figures(("aim", "measured", "verdict"), verdicts)))
    return "\n\n".join(parts) + "\n"


def _verdict(aim: Aim) -> str:
    return "met" if aim.met else "missed"


def _as_rich(figures: Figures) -> Table:
    table = Table()
    for position, heading in enumerate(figures.headings):
        table.add_column(heading, justify="right" if position else "left", overflow="fold")
    for row in figures.rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def _as_markdown(figures: Figures) -> str:
    rule = ["---", *("---:" for _ in figures.headings[1:])]
    lines = [figures.headings, rule, *figures.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
