"""Where a line of a treatment plan works: a tooth, a range, a list, a quadrant, an arch, the whole mouth.

What the practice wrote is what is migrated; the parsed form serves checks. As everywhere, a tooth is read in
a numbering system that is named: "14" is two teeth. Quadrants and arches mean the same in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from migration_assets.perio.errors import InvalidTooth, UnreadableToothSite
from migration_assets.perio.teeth import (
    TEETH,
    NumberingSystem,
    Quadrant,
    Tooth,
    parse_numbering_system,
    parse_tooth,
)


class SiteKind(StrEnum):
    """What a plan's tooth site names; LIST is several of the others."""

    TOOTH = "tooth"
    RANGE = "range"
    LIST = "list"
    QUADRANT = "quadrant"
    ARCH = "arch"
    MOUTH = "mouth"


@dataclass(frozen=True)
class ToothSite:
    """``teeth`` in Universal order, each once, empty where only areas are named; ``quadrants`` all those that
    the site touches, in the order of ``Quadrant``."""

    kind: SiteKind
    teeth: tuple[Tooth, ...]
    quadrants: tuple[Quadrant, ...]


_UPPER = (Quadrant.UPPER_RIGHT, Quadrant.UPPER_LEFT)
_LOWER = (Quadrant.LOWER_LEFT, Quadrant.LOWER_RIGHT)
_AREAS = MappingProxyType(
    {
        **{quadrant.value: (SiteKind.QUADRANT, (quadrant,)) for quadrant in Quadrant},
        **{
            f"{vertical} {side}": (SiteKind.QUADRANT, (Quadrant(vertical[0] + side[0]),))
            for vertical in ("UPPER", "LOWER")
            for side in ("RIGHT", "LEFT")
        },
        **dict.fromkeys(("UPPER", "MAXILLA", "MAXILLARY"), (SiteKind.ARCH, _UPPER)),
        **dict.fromkeys(("LOWER", "MANDIBLE", "MANDIBULAR"), (SiteKind.ARCH, _LOWER)),
        **dict.fromkeys(("FULL MOUTH", "WHOLE MOUTH", "ALL"), (SiteKind.MOUTH, tuple(Quadrant))),
    }
)
_OF_AN_AREA = re.compile(r"\s*\b(?:QUADRANT|QUAD|ARCH)\b\s*")
_SEPARATOR = re.compile(r"[,;&+/]|\bAND\b")
_RANGE = re.compile(r"(.+?)\s*(?:-|\u2013|\u2014|\bTO\b|\bTHROUGH\b)\s*(.+)")
_A_TOOTH_OF_AN_ARCH = {"permanent": 16, "primary": 10}


def parse_tooth_site(written: str, system: NumberingSystem | str | None) -> ToothSite:
    """The site that a plan writes so in a practice that numbers teeth by ``system``.

    A range runs along one arch ("2-5", "UR4-UL2") and may be written from either end. Raises
    UnreadableToothSite, and NumberingSystemMissing or UnknownNumberingSystem where a tooth is named and the
    system isn't.
    """
    text = " ".join(written.upper().replace("#", " ").split())
    if not text:
        raise UnreadableToothSite("the site is blank")
    area = _area(text)
    if area is not None:
        return ToothSite(area[0], (), area[1])
    known = system if isinstance(system, NumberingSystem) else parse_numbering_system(system)
    whole = _single(text, known)
    if whole is not None:
        return whole
    parts = [part for separated in _SEPARATOR.split(text) for part in _parts(separated.strip(), known)]
    return _joined(parts)


def _parts(text: str, system: NumberingSystem) -> Iterator[ToothSite]:
    """What stands between two separators: one site, or teeth and areas with blanks between them."""
    if not text:
        raise UnreadableToothSite("the list has an empty place")
    found = _single(text, system)
    if found is not None:
        yield found
        return
    for word in text.split():
        found = _single(word, system)
        if found is None:
            raise UnreadableToothSite(f"a part of the site is no tooth in {system}, quadrant or arch")
        yield found


def _single(text: str, system: NumberingSystem) -> ToothSite | None:
    area = _area(text)
    if area is not None:
        return ToothSite(area[0], (), area[1])
    tooth = _tooth(text, system)
    if tooth is not None:
        return ToothSite(SiteKind.TOOTH, (tooth,), (tooth.quadrant,))
    # Palmer writes a tooth as UR-4, so a tooth is looked for first.
    ends = _RANGE.fullmatch(text)
    if ends is None:
        return None
    first, last = _tooth(ends[1], system), _tooth(ends[2], system)
    if first is None or last is None:
        return None
    teeth = _between(first, last)
    return ToothSite(SiteKind.RANGE, teeth, _touched(teeth))


def _area(text: str) -> tuple[SiteKind, tuple[Quadrant, ...]] | None:
    return _AREAS.get(_OF_AN_AREA.sub(" ", text).strip())


def _tooth(text: str, system: NumberingSystem) -> Tooth | None:
    try:
        return parse_tooth(text, system)
    except InvalidTooth:
        return None


def _between(first: Tooth, last: Tooth) -> tuple[Tooth, ...]:
    for arch in _arches():
        if first in arch and last in arch:
            low, high = sorted((arch.index(first), arch.index(last)))
            return arch[low : high + 1]
    raise UnreadableToothSite(
        "a range runs along one arch, from one permanent or one primary tooth to another"
    )


@cache
def _arches() -> tuple[tuple[Tooth, ...], ...]:
    """Upper and lower arch of permanent, then of primary teeth, as Universal walks them."""
    regular = [tooth for tooth in TEETH.values() if not tooth.supernumerary]
    permanent = [tooth for tooth in regular if not tooth.primary]
    primary = [tooth for tooth in regular if tooth.primary]
    return (
        tuple(permanent[: _A_TOOTH_OF_AN_ARCH["permanent"]]),
        tuple(permanent[_A_TOOTH_OF_AN_ARCH["permanent"] :]),
        tuple(primary[: _A_TOOTH_OF_AN_ARCH["primary"]]),
        tuple(primary[_A_TOOTH_OF_AN_ARCH["primary"] :]),
    )


def _joined(parts: list[ToothSite]) -> ToothSite:
    if len(parts) == 1:
        return parts[0]
    named = {tooth.universal for part in parts for tooth in part.teeth}
    teeth = tuple(tooth for code, tooth in TEETH.items() if code in named)
    touched = {quadrant for part in parts for quadrant in part.quadrants}
    return ToothSite(SiteKind.LIST, teeth, tuple(each for each in Quadrant if each in touched))


def _touched(teeth: tuple[Tooth, ...]) -> tuple[Quadrant, ...]:
    touched = {tooth.quadrant for tooth in teeth}
    return tuple(each for each in Quadrant if each in touched)
