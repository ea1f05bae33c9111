"""Which patients live together, as far as the practice's own records say so.

The rule, nothing of which is a guess:

1. An address is a street (both lines) and a place. The place is the postal code; where there is none it is
   the city with its state. Texts are compared folded (``perio.names``), a ZIP+4 by its first five digits. A
   text that says "none", and a postal code of zeros, is none; without street or place there is no address.
2. Two patients of one address belong together where their home phones are equal (their digits, as
   ``perio.names`` reads them) or their last names are (folded, without Jr., Sr., II, III, IV).
3. Whoever belongs together over several patients of one address belongs together.
4. A patient without an address is a household of one.

A household is known again later by its members: their keys are its aliases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from migration_assets.perio.names import folded, names_nobody, phone_digits
from migration_assets.perio.vocabulary import GENERATIONS, NO_VALUES

_ZIP_DIGITS, _ZIP_PLUS_4_DIGITS = 5, 9


@dataclass(frozen=True)
class Patient:
    """One patient as staged: ``key`` is the primary key as text, the address' texts are as written.

    ``street`` holds both lines, ``born`` is the birth date where it is usable.
    """

    key: str
    last_name: str
    born: date | None = None
    street: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    home_phone: str | None = None

    @cached_property
    def address(self) -> tuple[str, str] | None:
        """Street and place as rule 1 compares them."""
        street = _told(self.street)
        place = _postal_code(self.postal_code) or _city(self.city, self.state)
        return (street, place) if street and place else None

    @cached_property
    def ties(self) -> frozenset[str]:
        """What rule 2 compares: ``name:<folded>`` and ``phone:<digits>``, either only where there is one."""
        name = None if names_nobody(self.last_name) else _family(self.last_name)
        phone = self.home_phone and phone_digits(self.home_phone)
        return frozenset(f"{kind}:{text}" for kind, text in (("name", name), ("phone", phone)) if text)


@dataclass(frozen=True)
class Household:
    """``members`` by number of their keys, never none."""

    members: tuple[Patient, ...]

    @property
    def source_id(self) -> str:
        """``h`` and the smallest key of the members."""
        return f"h{self.members[0].key}"

    @property
    def name(self) -> str:
        """By the last name of the oldest member; one without a birth date is younger than all others."""
        oldest = min(self.members, key=lambda member: (member.born is None, member.born or date.min))
        return f"{oldest.last_name} Household"

    @property
    def aliases(self) -> tuple[str, ...]:
        return tuple(f"patient:{member.key}" for member in self.members)


def households(patients: Iterable[Patient]) -> tuple[Household, ...]:
    """All households of ``patients`` (with unique keys), by the smallest key in them; no order matters."""
    alone: list[list[Patient]] = []
    neighbours: defaultdict[tuple[str, str], list[Patient]] = defaultdict(list)
    for patient in patients:
        if patient.address is None:
            alone.append([patient])
        else:
            neighbours[patient.address].append(patient)
    together = [group for each in neighbours.values() for group in _groups(each)]
    return in_order([*alone, *together])


def in_order(groups: Iterable[Iterable[Patient]]) -> tuple[Household, ...]:
    """A household of each group, by the smallest key in it; keys that are numbers stand before all others."""
    members = (tuple(sorted(group, key=_by_number)) for group in groups)
    return tuple(Household(each) for each in sorted(members, key=lambda each: _by_number(each[0])))


def _groups(neighbours: Sequence[Patient]) -> Iterator[list[Patient]]:
    """Patients of one address joined by shared ties, however long the chain."""
    tied: defaultdict[str, list[int]] = defaultdict(list)
    for place, patient in enumerate(neighbours):
        for tie in patient.ties:
            tied[tie].append(place)
    left = dict.fromkeys(range(len(neighbours)))
    while left:
        found: list[Patient] = []
        reached = [next(iter(left))]
        while reached:
            place = reached.pop()
            if place in left:
                del left[place]
                found.append(neighbours[place])
                # A tie leads to the same patients again however often it is met.
                reached += [other for tie in neighbours[place].ties for other in tied.pop(tie, ())]
        yield found


def _told(written: str | None) -> str | None:
    plain = folded(written) if written else ""
    return None if not plain or plain in NO_VALUES else plain


def _postal_code(written: str | None) -> str | None:
    code = (_told(written) or "").replace(" ", "")
    if len(code) == _ZIP_PLUS_4_DIGITS and code.isascii() and code.isdecimal():
        code = code[:_ZIP_DIGITS]
    return code if code.strip("0") else None


def _city(city: str | None, state: str | None) -> str | None:
    """With a comma between, which no folded text has: a city without postal code is never a postal code."""
    told = _told(city)
    return f"{told}, {_told(state) or ''}" if told else None


def _family(last_name: str) -> str:
    """A last name folded, without what tells a parent from a child of the same name."""
    words = folded(last_name).split()
    return " ".join(words[:-1] if len(words) > 1 and words[-1] in GENERATIONS else words)


def _by_number(patient: Patient) -> tuple[int, int, str]:
    key = patient.key
    return (0, int(key), key) if key.isdecimal() else (1, 0, key)
