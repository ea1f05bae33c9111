"""Teeth by formula: from a chart's own numbering system to Universal, and where a tooth stands."""

import re
from functools import cache
from typing import Any

from migration_assets_tests.blackbox.words import numbering_system

_QUADRANTS = ("UR", "UL", "LL", "LR")
QUADRANT_OF = {tooth: _QUADRANTS[(tooth - 1) // 8] for tooth in range(1, 33)}
_PRIMARY = "ABCDEFGHIJKLMNOPQRST"
# Palmer's cross: the right quadrants draw their corner behind the number, the left ones before it.
_CORNERS = {"┘": "UR", "⏌": "UR", "┐": "LR", "⏋": "LR", "└": "UL", "⎿": "UL", "┌": "LL", "⎾": "LL"}
_PALMER = (
    r"(?P<corner>UR|UL|LL|LR)-?(?P<place>[1-8A-E])",
    r"(?P<place>[1-8A-E])(?P<corner>UR|UL|LL|LR|[┘⏌┐⏋])",
    r"(?P<corner>[└⎿┌⎾])(?P<place>[1-8A-E])",
)


@cache
def universal(tooth: Any, system: Any) -> str | None:
    """The Universal code of a tooth written in a system; None for what is no tooth in it.

    1-32 permanent, A-T primary, plus 50 or with an S a supernumerary beside that tooth, which only
    Universal can write.
    """
    code = str(tooth).strip().upper()
    match numbering_system(system):
        case "Universal":
            return code if _is_universal(code) else None
        case "FDI":
            written = re.fullmatch(r"([1-4][1-8])|([5-8][1-5])", code)
            return _counted((int(code[0]) - 1) % 4, int(code[1]), code[0] >= "5") if written else None
        case "Palmer":
            found = next((each for pattern in _PALMER if (each := re.fullmatch(pattern, code))), None)
            if found is None:
                return None
            corner, place = _QUADRANTS.index(_CORNERS.get(found["corner"], found["corner"])), found["place"]
            primary = place.isalpha()
            return _counted(corner, ord(place) - ord("@") if primary else int(place), primary)
        case _:
            return None


def _is_universal(code: str) -> bool:
    if re.fullmatch("[1-9][0-9]?", code):
        return 1 <= int(code) <= 32 or 51 <= int(code) <= 82
    return re.fullmatch("[A-T]S?", code) is not None


def _counted(quadrant: int, place: int, primary: bool) -> str:
    """Counted from the midline, FDI and Palmer run 1-8 (primary 1-5) in each quadrant; Universal runs once
    round the mouth: 8-1, 9-16, 24-17, 25-32."""
    size = 5 if primary else 8
    count = (size + 1 - place, size + place, 3 * size + 1 - place, 3 * size + place)[quadrant]
    return _PRIMARY[count - 1] if primary else str(count)
