"""Which patients live together, and what their household is called.

The rule: patients at one address who share the last name or the home phone are one household, over however
many patients. An address is a street and a postal code, or a street, city and state where there is none. All
texts are compared without case, accents and signs; a patient without an address is a household alone.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from migration_assets_tests.blackbox import names, words
from migration_assets_tests.blackbox.report import Row

ACCOUNTS = ("practice", "household", "none")
"""What a practice may hang its patients on; where it is none, the practice has no account itself."""

_JUNIOR = re.compile(r"(.+) (jr|sr|ii|iii|iv)")


@dataclass(frozen=True)
class Households:
    """``named``: a row each, by ``HouseholdID``; ``of_patient``: PatientID -> HouseholdID."""

    named: list[Row]
    of_patient: dict[Any, str]


def households(patients: Iterable[Row]) -> Households:
    """Of patients with keys of their own and a last name."""
    by_number = sorted(patients, key=lambda row: int(row["PatientID"]))
    at: dict[Any, list[Row]] = defaultdict(list)
    for row in by_number:
        at[_address(row) or row["PatientID"]].append(row)
    found = Households([], {})
    for neighbours in at.values():
        for members in _together(neighbours):
            household = f"h{members[0]['PatientID']}"
            oldest = min(members, key=lambda row: row["DateOfBirth"] or date.max)
            name = f"{words.text(oldest['LastName'])} Household"
            found.named.append({"HouseholdID": household, "Name": name})
            found.of_patient.update({row["PatientID"]: household for row in members})
    return found


def _together(neighbours: list[Row]) -> Iterator[list[Row]]:
    """Neighbours by household, each in the order given."""
    left = [(row, _shared(row)) for row in neighbours]
    while left:
        shared = left[0][1]
        # Each round may bring a name or a number by which another neighbour belongs to them.
        while not (more := shared.union(*(each for _, each in left if each & shared))) <= shared:
            shared = more
        yield [row for at, (row, each) in enumerate(left) if not at or each & shared]
        left = [(row, each) for at, (row, each) in enumerate(left) if at and not each & shared]


def _shared(row: Row) -> set[tuple[str, str]]:
    last, home = words.text(row["LastName"]), names.phone(words.text(row["HomePhone"]))
    family = None if last is None or names.names_nobody(last) else names.folded(last)
    junior = _JUNIOR.fullmatch(family or "")
    told = (("name", junior[1] if junior else family), ("phone", home))
    return {(kind, text) for kind, text in told if text}


def _address(row: Row) -> tuple[str, ...] | None:
    street = names.said(words.street(row["Address1"], row["Address2"]))
    city, state = names.said(row["City"]), names.said(row["State"])
    code = "".join((names.said(row["Zip"]) or "").split())
    if re.fullmatch("[0-9]{9}", code):
        code = code[:5]
    if street and set(code) - {"0"}:
        return (street, code)
    return (street, city, state or "") if street and city else None
