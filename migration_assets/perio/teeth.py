"""Teeth: their codes in Universal, FDI and Palmer, where they stand and which furcations they have.

Universal (1-32, A-T, supernumeraries 51-82 and AS-TS) is the canonical code. A tooth is never read without
its numbering system: eighteen codes name two different teeth in Universal and FDI. Nothing about measures
or fields belongs here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType

import polars as pl

from migration_assets.perio.errors import (
    InvalidTooth,
    NoSuchNotation,
    NumberingSystemMissing,
    UnknownNumberingSystem,
)


class NumberingSystem(StrEnum):
    """How a chart names teeth; the values are those of the picklist ToothNumberingSystem__c."""

    UNIVERSAL = "Universal"
    PALMER = "Palmer"
    FDI = "FDI"


class Quadrant(StrEnum):
    """A quarter of the mouth, right and left as the patient's own."""

    UPPER_RIGHT = "UR"
    UPPER_LEFT = "UL"
    LOWER_LEFT = "LL"
    LOWER_RIGHT = "LR"


class Entrance(StrEnum):
    """Where a furcation can be probed."""

    MESIAL = "M"
    DISTAL = "D"
    BUCCAL = "B"
    LINGUAL = "L"


SLOTS = range(1, 33)
"""Universal numbers of the permanent teeth, the places of a full chart."""

# The claim codes JP and JO stand for the Universal/National system and ISO 3950 in ADA and HIPAA claims.
_SYSTEM_NAMES = MappingProxyType(
    {
        "UNIVERSAL": NumberingSystem.UNIVERSAL,
        "UNIVERSAL/NATIONAL": NumberingSystem.UNIVERSAL,
        "JP": NumberingSystem.UNIVERSAL,
        "FDI": NumberingSystem.FDI,
        "FDI WORLD DENTAL FEDERATION": NumberingSystem.FDI,
        "ISO 3950": NumberingSystem.FDI,
        "ISO": NumberingSystem.FDI,
        "JO": NumberingSystem.FDI,
        "PALMER": NumberingSystem.PALMER,
        "ZSIGMONDY-PALMER": NumberingSystem.PALMER,
    }
)

# The half of the cross around a tooth's number, seen by the dentist: the right quadrants carry it behind
# the number, the left ones in front of it. Box drawing characters and Unicode's own dentistry symbols.
_CORNERS_BEHIND = MappingProxyType({Quadrant.UPPER_RIGHT: "┘⏌", Quadrant.LOWER_RIGHT: "┐⏋"})
_CORNERS_BEFORE = MappingProxyType({Quadrant.UPPER_LEFT: "└⎿", Quadrant.LOWER_LEFT: "┌⎾"})

_PRIMARY = "ABCDEFGHIJKLMNOPQRST"
_UPPER_FIRST_PREMOLARS = ("5", "12")


@dataclass(frozen=True)
class Tooth:
    """A tooth in all systems; ``fdi`` and ``palmer`` are None for a supernumerary.

    ``slot`` is 1-32 for a permanent tooth, else None. ``position`` counts from the midline, 1-8 for
    permanent and 1-5 for primary teeth; a supernumerary has that of the tooth it stands beside.
    """

    universal: str
    fdi: str | None
    palmer: str | None
    slot: int | None
    quadrant: Quadrant
    position: int
    primary: bool

    @property
    def supernumerary(self) -> bool:
        return self.fdi is None

    def code(self, system: NumberingSystem) -> str:
        """The tooth as ``system`` writes it, Palmer as UR4; raises NoSuchNotation for a supernumerary."""
        if system is NumberingSystem.UNIVERSAL:
            return self.universal
        found = self.fdi if system is NumberingSystem.FDI else self.palmer
        if found is None:
            raise NoSuchNotation("a supernumerary tooth has a code in Universal only; keep it in Universal")
        return found


def _place(index: int, a_quadrant: int) -> tuple[Quadrant, int, int]:
    """Quadrant, its number 1-4, and position from the midline of the ``index``-th tooth in Universal order.

    Universal walks the mouth once round, upper right to left and lower left to right, so positions count
    down to the midline in the first and third quadrant and up from it in the others.
    """
    number, step = divmod(index, a_quadrant)
    position = a_quadrant - step if number in (0, 2) else step + 1
    return list(Quadrant)[number], number + 1, position


def _teeth() -> Iterator[Tooth]:
    for index in range(32):
        corner, number, position = _place(index, 8)
        universal = index + 1
        yield Tooth(
            str(universal), f"{number}{position}", f"{corner}{position}", universal, corner, position, False
        )
        # A supernumerary is called after the permanent tooth it stands beside, plus 50.
        yield Tooth(str(universal + 50), None, None, None, corner, position, False)
    for index, letter in enumerate(_PRIMARY):
        corner, number, position = _place(index, 5)
        # FDI numbers the quadrants of primary teeth 5-8.
        fdi, palmer = f"{number + 4}{position}", f"{corner}{'ABCDE'[position - 1]}"
        yield Tooth(letter, fdi, palmer, None, corner, position, True)
        yield Tooth(f"{letter}S", None, None, None, corner, position, True)


TEETH = MappingProxyType({tooth.universal: tooth for tooth in _teeth()})
"""Universal code -> tooth: 52 teeth and 52 supernumeraries."""


def parse_numbering_system(name: str | None) -> NumberingSystem:
    """The system that ``name`` means, in any case and spacing.

    Raises NumberingSystemMissing for None or blank, UnknownNumberingSystem for any other name.
    """
    if name is None or not name.strip():
        raise NumberingSystemMissing("no numbering system is given; a tooth's code alone is ambiguous")
    found = _SYSTEM_NAMES.get(" ".join(name.upper().split()))
    if found is None:
        raise UnknownNumberingSystem("the numbering system is none of Universal, Palmer and FDI")
    return found


def parse_tooth(written: str, system: NumberingSystem | str | None) -> Tooth:
    """The tooth that a chart of that ``system`` writes so; case and surrounding blanks don't matter.

    Palmer is read as UR4, UR-4, 4UR and with corner marks. Raises InvalidTooth, NumberingSystemMissing,
    UnknownNumberingSystem.
    """
    known = system if isinstance(system, NumberingSystem) else parse_numbering_system(system)
    found = _codes(known).get(written.strip().upper())
    if found is None:
        raise InvalidTooth(f"the code is no tooth in {known}")
    return found


def universal_tooth(universal: str) -> Tooth:
    """The tooth of a Universal code as this module writes them; raises InvalidTooth."""
    return parse_tooth(universal, NumberingSystem.UNIVERSAL)


def slot(universal: str) -> int | None:
    """1-32 for a permanent tooth, None for a primary or supernumerary one; raises InvalidTooth."""
    return universal_tooth(universal).slot


def quadrant(number: int) -> Quadrant:
    """The quadrant of slot 1-32; raises InvalidTooth."""
    return tooth_of_slot(number).quadrant


def tooth_of_slot(number: int) -> Tooth:
    """The permanent tooth of slot 1-32; raises InvalidTooth."""
    if number not in SLOTS:
        raise InvalidTooth("a slot is one of the Universal numbers 1 to 32")
    return TEETH[str(number)]


def furcation_entrances(universal: str) -> tuple[Entrance, ...]:
    """The entrances of a tooth's furcations, in the order M, D, B, L; raises InvalidTooth.

    Upper molars have three roots (M, D, B), lower molars two (B, L), upper first premolars two (M, D), other
    teeth none: 34 entrances on 32 permanent teeth. Primary molars have the roots of their arch's molars;
    of a supernumerary nothing is known.
    """
    found = universal_tooth(universal)
    if found.supernumerary:
        return ()
    if found.universal in _UPPER_FIRST_PREMOLARS:
        return (Entrance.MESIAL, Entrance.DISTAL)
    if found.position < (4 if found.primary else 6):
        return ()
    if found.quadrant in (Quadrant.UPPER_RIGHT, Quadrant.UPPER_LEFT):
        return (Entrance.MESIAL, Entrance.DISTAL, Entrance.BUCCAL)
    return (Entrance.BUCCAL, Entrance.LINGUAL)


@cache
def _codes(system: NumberingSystem) -> dict[str, Tooth]:
    """Every upper-case spelling of ``system`` -> tooth."""
    if system is NumberingSystem.UNIVERSAL:
        return dict(TEETH)
    regular = [tooth for tooth in TEETH.values() if not tooth.supernumerary]
    if system is NumberingSystem.FDI:
        return {tooth.code(system): tooth for tooth in regular}
    return {spelling: tooth for tooth in regular for spelling in _palmer_spellings(tooth)}


def _palmer_spellings(tooth: Tooth) -> list[str]:
    corner = tooth.quadrant
    within = tooth.code(NumberingSystem.PALMER).removeprefix(corner)
    behind = [within + mark for mark in _CORNERS_BEHIND.get(corner, "")]
    before = [mark + within for mark in _CORNERS_BEFORE.get(corner, "")]
    return [f"{corner}{within}", f"{corner}-{within}", f"{within}{corner}", *behind, *before]


@cache
def tooth_lookup() -> pl.DataFrame:
    """All spellings of all teeth, to join charts on.

    Columns: ``numbering_system`` String (the values of NumberingSystem), ``tooth`` String (trimmed and in
    upper case, unique within a system), ``universal`` String, ``slot`` Int8 (null for primary and
    supernumerary teeth), ``entrances`` String (letters out of MDBL).
    """
    rows = [
        (str(system), spelling, tooth.universal, tooth.slot, "".join(furcation_entrances(tooth.universal)))
        for system in NumberingSystem
        for spelling, tooth in _codes(system).items()
    ]
    schema = {
        "numbering_system": pl.String,
        "tooth": pl.String,
        "universal": pl.String,
        "slot": pl.Int8,
        "entrances": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def normalised_tooth(written: pl.Expr) -> pl.Expr:
    """A column of teeth as written -> the spelling that ``tooth_lookup`` holds."""
    return written.str.strip_chars().str.to_uppercase()


def normalised_numbering_system(written: pl.Expr) -> pl.Expr:
    """A column of system names -> values of NumberingSystem, null where a name is null or unknown."""
    plain = written.str.strip_chars().str.to_uppercase().str.replace_all(r"\s+", " ")
    names = {name: str(system) for name, system in _SYSTEM_NAMES.items()}
    return plain.replace_strict(names, default=None, return_dtype=pl.String)
