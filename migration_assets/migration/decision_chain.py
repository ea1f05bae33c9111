"""The chain of the decisions log as a pure function of its rows: its links, and where it is broken first.

Reading and appending rows is ``decisions``'; what other places say of the chain is compared in ``audit``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from migration_assets.migration.practice_keys import PracticeKeys

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it is stored; ``entry`` is its text, ``kind`` repeats what the text says."""

    sequence: int
    kind: str
    entry: str
    link: str


@dataclass(frozen=True, slots=True)
class Fault:
    """The first bad entry: its number, and what became of it as the end of a sentence about it."""

    sequence: int
    what: str


@dataclass(frozen=True, slots=True)
class Chain:
    """``links`` of the sound part, the first entry's first; ``fault`` where something follows that isn't."""

    links: tuple[str, ...]
    fault: Fault | None = None

    @property
    def last_link(self) -> str:
        return self.links[-1] if self.links else GENESIS


def follow(rows: Sequence[Row], keys: PracticeKeys) -> Chain:
    """``rows`` in the order of their numbers; stops at the first that isn't what was sealed."""
    links: list[str] = []
    previous = GENESIS
    for number, row in enumerate(rows, start=1):
        expected = keys.chain(previous, sealed_part(number, row.entry))
        if row.sequence != number or row.link != expected or not _says_kind(row):
            return Chain(tuple(links), _fault(number, previous, rows[number - 1 :], keys))
        links.append(expected)
        previous = expected
    return Chain(tuple(links))


def sealed_part(sequence: int, entry: str) -> bytes:
    return f"{sequence}:{entry}".encode()


def _says_kind(row: Row) -> bool:
    # Inside a text its quotes would be escaped; parsing every entry would take most of the time.
    return f'"kind":{json.dumps(row.kind)}' in row.entry


def _fault(number: int, previous: str, rest: Sequence[Row], keys: PracticeKeys) -> Fault:
    first = rest[0]
    for row in rest[1:]:
        genuine = keys.chain(previous, sealed_part(number, row.entry))
        if genuine in (row.link, first.link):
            return Fault(number, f"was swapped: it stands at place {row.sequence} now")
    if first.sequence > number:
        return Fault(number, "was removed")
    return Fault(number, "was altered, removed or written with another key")
