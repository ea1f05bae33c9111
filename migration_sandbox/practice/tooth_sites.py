"""How a plan or a radiograph says where: a tooth, a range of teeth, a quadrant, an arch, the whole mouth.

Teeth and ranges are written in the numbering system of the exam they go back to; such a column says nothing
of the system itself, which is one of the traps of a practice that mixes them.
"""

from functools import cache

import polars as pl

from migration_sandbox.practice.draw import Ints
from migration_sandbox.practice.teeth import NUMBERINGS, PERMANENT

TOOTH, RANGE, QUADRANT, ARCH, MOUTH, UR, UL, LL, LR = range(9)
_QUADRANTS = ("UR", "UL", "LL", "LR")
_KINDS = 9


def _range(tooth: int) -> tuple[int, int]:
    """First and last of up to four teeth about a tooth (from 0), in the tooth's own quadrant."""
    quadrant = tooth // 8 * 8
    return max(quadrant, tooth - 1), min(quadrant + 7, tooth + 2)


@cache
def _written() -> pl.Series:
    """Every site's text by system, kind and tooth, flattened in that order."""
    texts = []
    for system in NUMBERINGS:
        codes = [tooth.code(system) for tooth in PERMANENT]
        ranges = [f"{codes[first]}-{codes[last]}" for first, last in map(_range, range(32))]
        texts += codes + ranges + [_QUADRANTS[tooth // 8] for tooth in range(32)]
        texts += ["Upper arch" if tooth < 16 else "Lower arch" for tooth in range(32)]
        texts += ["Full mouth"] * 32
        for quadrant in _QUADRANTS:
            texts += [quadrant] * 32
    return pl.Series(texts)


def written(numbering: Ints, kind: Ints, tooth: Ints) -> pl.Series:
    """Texts of sites: system as a position in NUMBERINGS, kind as above, tooth from 0 in Universal order."""
    return _written().gather((numbering * _KINDS + kind) * 32 + tooth)
