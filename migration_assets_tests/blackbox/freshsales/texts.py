"""Texts that are made of several cells: what each must say, line by line, and whether it says just that.

A text is a row of blocks, each with a label or without; one of which nothing is known leaves no trace.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from migration_assets_tests.blackbox import markup, words
from migration_assets_tests.blackbox.report import Report
from migration_assets_tests.blackbox.words import UNUSABLE


class Anything(Enum):
    """Stands for some text that the source doesn't hold."""

    ANYTHING = "any text"


ANYTHING = Anything.ANYTHING


@dataclass(frozen=True)
class Block:
    """``value`` is a text, the words of one (of rich text, whose layout is a converter's choice), ANYTHING,
    or UNUSABLE. Of ``lines`` the first stands under the label."""

    label: str | None
    value: Any
    lines: bool = False

    @property
    def lead(self) -> str:
        return "" if self.label is None else f"{self.label}:\n" if self.lines else f"{self.label}: "


def block(label: str | None, *values: Any) -> list[Block]:
    """The values that are known, joined by commas; no block where none is."""
    known = [each for each in values if each is not None]
    if not known:
        return []
    if len(known) == 1:
        return [Block(label, known[0])]
    return [Block(label, UNUSABLE if UNUSABLE in known else ", ".join(map(str, known)))]


def block_of_lines(label: str, lines: Iterable[str]) -> list[Block]:
    text = "\n".join(lines)
    return [Block(label, text, lines=True)] if text else []


def told_times(zone: ZoneInfo) -> Callable[[Any], Any]:
    """``2024-05-06 09:30:00 -04:00``: the practice's time with its offset."""
    utc = words.moment(zone)

    def told(local: Any) -> Any:
        if local is None or local is UNUSABLE:
            return local
        moment = utc(local)
        assert moment is not None
        here = moment.astimezone(zone)
        return f"{here:%Y-%m-%d %H:%M:%S} {here.isoformat()[-6:]}"

    return told


def told_number(value: Any) -> Any:
    """Without zeros at the end: ``1250.5``."""
    if value is None or value is UNUSABLE:
        return value
    text = f"{Decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def compare_text(
    report: Report, obj: str, key: str, blocks: list[Block], held: str | None, name: str = "description"
) -> None:
    """One difference for each block that isn't there as it must be, and one for what is there besides."""
    report.counts[f"{obj} lines compared"] += len(blocks)
    text, at, sound = held or "", 0, True
    for place, each in enumerate(blocks):
        start = ("\n" if place else "") + each.lead
        end = _end(text, at, start, each, blocks[place + 1 :])
        if end is None:
            sound = False
            report.differs(obj, _named(name, each), key, each.value, text)
            at = _next(text, at, blocks[place + 1 :])
        else:
            at = end
    if sound and at != len(text):
        report.differs(obj, name, key, "nothing more", text[at:])


def _named(name: str, each: Block) -> str:
    return f"{name}.{each.label or 'heading'}"


def _end(text: str, at: int, start: str, each: Block, later: list[Block]) -> int | None:
    """Where the block ends that must stand at ``at``; None where it doesn't."""
    if not text.startswith(start, at):
        return None
    begin = at + len(start)
    if isinstance(each.value, str):
        end = begin + len(each.value)
        return end if text[begin:end] == each.value and text[end : end + 1] in ("", "\n") else None
    if each.value is UNUSABLE:
        return None
    end = _next(text, begin, later)
    if each.value is ANYTHING:
        return end if text[begin:end].strip() else None
    return end if markup.words_of(text[begin:end]) == each.value else None


def _next(text: str, at: int, later: list[Block]) -> int:
    """Where the next block that can be recognised begins."""
    found = (text.find(f"\n{each.lead}", at) for each in later if each.label is not None)
    return next((place for place in found if place >= 0), len(text))
