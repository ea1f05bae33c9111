"""The text of a letter template taken apart: merge fields, conditions, and everything between them.

Marks are written ``<<Patient.FirstName>>`` and ``<<IF ...>> ... <<END IF>>``; an HTML editor stores them as
``&lt;&lt;...&gt;&gt;``. Nothing of a text is refused: what can't be read is a problem beside its place. What
a field means is ``template_reference``'s.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_OPEN = re.compile(r"<<|&lt;&lt;")
_CLOSE = re.compile(r">>|&gt;&gt;")
_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
_IF = re.compile(r"IF\s+(?P<test>\S.*)", re.IGNORECASE | re.DOTALL)
_ELSE = re.compile(r"ELSE", re.IGNORECASE)
_END = re.compile(r"END\s*IF", re.IGNORECASE)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


class Kind(StrEnum):
    """What a piece of a template is; ``unread`` is a mark that is none of the others."""

    TEXT = "text"
    FIELD = "field"
    IF = "if"
    ELSE = "else"
    END = "end"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece as it is written, with the conditions around it.

    ``value`` is a field's name, a condition's test, otherwise empty; ``depth`` how many conditions it stands
    in, a condition's own marks not counting themselves.
    """

    kind: Kind
    written: str
    value: str
    depth: int


@dataclass(frozen=True, slots=True)
class Condition:
    """One ``IF``: its test, the fields that it asks, and how many conditions stand around it."""

    test: str
    fields: tuple[str, ...]
    depth: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What can't be read, and at which character of the text (from 1)."""

    at: int
    message: str


@dataclass(frozen=True, slots=True)
class TemplateText:
    """``pieces`` joined are the text; ``fields`` are the names of merge fields, each once, as they first
    stand there, those that only a condition asks last."""

    pieces: tuple[Piece, ...]
    conditions: tuple[Condition, ...]
    problems: tuple[Problem, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        merged = [each.value for each in self.pieces if each.kind is Kind.FIELD]
        asked = [name for each in self.conditions for name in each.fields]
        return tuple(dict.fromkeys([*merged, *asked]))


def parse(text: str) -> TemplateText:
    pieces: list[Piece] = []
    conditions: list[Condition] = []
    problems: list[Problem] = []
    open_at: list[int] = []
    place = 0
    for written, inner in _marks(text):
        at, place = place + 1, place + len(written)
        if inner is None:
            pieces.append(Piece(Kind.TEXT, written, "", len(open_at)))
            if _OPEN.match(written):
                problems.append(Problem(at, "a merge field begins here and doesn't end"))
            continue
        kind, value = _read(inner)
        depth = len(open_at)
        match kind:
            case Kind.IF:
                conditions.append(Condition(value, _asked(value), depth))
                open_at.append(at)
            case Kind.ELSE | Kind.END if not open_at:
                problems.append(Problem(at, f"{inner.upper()} stands here without an IF"))
            case Kind.ELSE:
                depth -= 1
            case Kind.END:
                open_at.pop()
                depth -= 1
            case Kind.UNREAD:
                problems.append(Problem(at, "this mark is neither a merge field nor a condition"))
            case _:
                pass
        pieces.append(Piece(kind, written, value, depth))
    problems += [Problem(at, "the IF that stands here has no END IF") for at in open_at]
    return TemplateText(
        tuple(pieces), tuple(conditions), tuple(sorted(problems, key=lambda each: (each.at, each.message)))
    )


def _marks(text: str) -> Iterator[tuple[str, str | None]]:
    """What is written, and what stands inside of a mark; None for text and for a mark without its end."""
    start = 0
    while (opened := _OPEN.search(text, start)) is not None:
        if opened.start() > start:
            yield text[start : opened.start()], None
        closed = _CLOSE.search(text, opened.end())
        following = _OPEN.search(text, opened.end())
        if closed is None or (following is not None and following.start() < closed.start()):
            start = len(text) if following is None else following.start()
            yield text[opened.start() : start], None
        else:
            start = closed.end()
            inner = html.unescape(text[opened.end() : closed.start()])
            yield text[opened.start() : start], " ".join(inner.split())
    if start < len(text):
        yield text[start:], None


def _read(inner: str) -> tuple[Kind, str]:
    if (found := _IF.fullmatch(inner)) is not None:
        return Kind.IF, found["test"]
    if _END.fullmatch(inner):
        return Kind.END, ""
    if _ELSE.fullmatch(inner):
        return Kind.ELSE, ""
    return (Kind.FIELD, inner) if _NAME.fullmatch(inner) else (Kind.UNREAD, "")


def _asked(test: str) -> tuple[str, ...]:
    """Names of fields in a condition's test; words between quotation marks are none."""
    return tuple(dict.fromkeys(_NAME.findall(_QUOTED.sub(" ", test))))
