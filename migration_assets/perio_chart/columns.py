"""Which tooth stands in each of a drawn chart's 32 columns, and which are only listed beneath.

A child's tooth stands where its successor will: A, the upper right second primary molar, in the column of
Universal 4. How a tooth is drawn is ``svg``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from migration_assets.perio import charting
from migration_assets.perio.teeth import SLOTS, TEETH, tooth_of_slot
from migration_assets.perio_chart.model import Chart, Tooth

_SLOT_OF_PLACE = {
    (tooth.quadrant, tooth.position): slot for slot in SLOTS for tooth in (tooth_of_slot(slot),)
}
SUCCESSORS: Mapping[str, int] = MappingProxyType(
    {
        tooth.universal: _SLOT_OF_PLACE[tooth.quadrant, tooth.position]
        for tooth in TEETH.values()
        if tooth.primary and not tooth.supernumerary
    }
)
"""Universal letter A-T -> slot of the permanent tooth that follows it."""
_NOT_THERE = (None, "missing", "unerupted", "impacted")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A chart with its ``seats``: slot -> Universal code of the tooth in that column."""

    chart: Chart
    seats: Mapping[int, str]

    def tooth(self, slot: int) -> Tooth:
        return self.chart.tooth(self.seats[slot])

    def charted(self, slot: int) -> bool:
        """Whether the tooth that stands there has a row or a finding."""
        return self.seats[slot] in self.chart.teeth


def seats(charts: Iterable[Chart]) -> dict[int, str]:
    """Slot -> the tooth drawn there, one seating for all ``charts``: the permanent tooth, unless more was
    charted on the primary one before it."""
    held = list(charts)
    seated = {slot: str(slot) for slot in SLOTS}
    for letter, slot in SUCCESSORS.items():
        charted = any(letter in chart.teeth for chart in held)
        if charted and _weight(held, letter) > _weight(held, str(slot)):
            seated[slot] = letter
    return seated


def listed(charts: Iterable[Chart], seated: Mapping[int, str]) -> list[str]:
    """Codes of charted teeth that have no column, in Universal's order; codes of no tooth come last."""
    order = {code: place for place, code in enumerate(TEETH)}
    drawn = set(seated.values())
    codes = {code for chart in charts for code in chart.teeth if code not in drawn}
    return sorted(codes, key=lambda code: (order.get(code, len(order)), code))


def _weight(charts: list[Chart], universal: str) -> tuple[int, bool, bool]:
    """How much was charted on a tooth: how many values, in the mouth or not, with a status or not."""
    teeth = [chart.tooth(universal) for chart in charts]
    measured = max(
        sum(
            tooth.value(measure, place) is not None
            for measure in charting.MEASURES
            if measure is not charting.STATUS
            for place in measure.places or (None,)
        )
        for tooth in teeth
    )
    return (
        measured,
        any(tooth.status not in _NOT_THERE for tooth in teeth),
        any(tooth.status is not None for tooth in teeth),
    )
