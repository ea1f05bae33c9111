"""The sandbox's own tooth table: 52 teeth in three notations, and where each tooth has a furcation.

Deliberately written out by hand and shared with nobody, so that the platform's table and this one can
only agree by both being right. Universal 1-32 and A-T, FDI (ISO 3950), Palmer with a quadrant prefix.
Furcation entrances: upper molars M, D, B; lower molars B, L; upper first premolars M, D.
"""

from dataclasses import dataclass
from typing import Literal

Numbering = Literal["Universal", "FDI", "Palmer"]
NUMBERINGS: tuple[Numbering, ...] = ("Universal", "FDI", "Palmer")
Habit = Literal["Universal", "FDI", "Palmer", "mixed"]
"""How a practice numbers teeth: in one system, or each exam in its own."""
HABITS: tuple[Habit, ...] = (*NUMBERINGS, "mixed")

SITES = ("MB", "B", "DB", "ML", "L", "DL")
ENTRANCES = ("M", "D", "B", "L")

_PERMANENT = """
1/18/UR8 2/17/UR7 3/16/UR6 4/15/UR5 5/14/UR4 6/13/UR3 7/12/UR2 8/11/UR1
9/21/UL1 10/22/UL2 11/23/UL3 12/24/UL4 13/25/UL5 14/26/UL6 15/27/UL7 16/28/UL8
17/38/LL8 18/37/LL7 19/36/LL6 20/35/LL5 21/34/LL4 22/33/LL3 23/32/LL2 24/31/LL1
25/41/LR1 26/42/LR2 27/43/LR3 28/44/LR4 29/45/LR5 30/46/LR6 31/47/LR7 32/48/LR8
"""
_PRIMARY = """
A/55/URE B/54/URD C/53/URC D/52/URB E/51/URA F/61/ULA G/62/ULB H/63/ULC I/64/ULD J/65/ULE
K/75/LLE L/74/LLD M/73/LLC N/72/LLB O/71/LLA P/81/LRA Q/82/LRB R/83/LRC S/84/LRD T/85/LRE
"""

THIRD_MOLARS = (1, 16, 17, 32)
MOLARS = (1, 2, 3, 14, 15, 16, 17, 18, 19, 30, 31, 32)


@dataclass(frozen=True)
class Tooth:
    universal: str
    fdi: str
    palmer: str

    def code(self, numbering: Numbering) -> str:
        """The tooth as an exam in that numbering system writes it."""
        return {"Universal": self.universal, "FDI": self.fdi, "Palmer": self.palmer}[numbering]


def _parse(table: str) -> tuple[Tooth, ...]:
    return tuple(Tooth(*entry.split("/")) for entry in table.split())


PERMANENT = _parse(_PERMANENT)
PRIMARY = _parse(_PRIMARY)


def entrances(universal: int) -> str:
    """The furcation entrances of a permanent tooth as letters out of ``MDBL``, empty for most teeth."""
    if universal in (5, 12):
        return "MD"
    if universal not in MOLARS:
        return ""
    return "MDB" if universal <= 16 else "BL"
