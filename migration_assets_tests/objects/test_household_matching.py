"""Who lives together: the stated rule against a plain model of it, and that no order decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import combinations
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.objects.household_matching import Patient, households

STREETS: dict[str, list[str | None]] = {
    "elm": ["12 Elm St., Apt 3", "12 ELM ST\nApt 3", "12 elm st #apt-3"],
    "oak": ["4 Oak Ave"],
    "": [None, "-", "N/A"],
}
PLACES: dict[str, list[tuple[str | None, str | None, str | None]]] = {
    "12345": [("Albany", "NY", "12345"), ("Albny", None, "12345-6789"), (None, None, "123456789")],
    "12346": [("Albany", "NY", "12346")],
    "albany": [("Albany", "NY", None), ("ALBANY ", "Ny.", "00000"), ("albany", "ny", "none")],
    "": [(None, "NY", None), ("unknown", None, "0000")],
}
NAMES = {"smith": ["Smith", "SMITH", "Smith Jr.", "smith, III"], "pena": ["Peña", "Pena"], "": ["-", "NA"]}
PHONES: dict[str, list[str | None]] = {
    "p1": ["201-555-0101", "+1 (201) 555 0101 x2"],
    "p2": ["2015550102"],
    "": [None, "call", "0000000"],
}


@dataclass(frozen=True)
class Told:
    """A patient and what is said of them, apart from how it is written."""

    patient: Patient
    address: tuple[str, str]
    name: str
    phone: str


@st.composite
def told(draw: st.DrawFn, key: int) -> Told:
    street, place = draw(st.sampled_from(sorted(STREETS))), draw(st.sampled_from(sorted(PLACES)))
    name, phone = draw(st.sampled_from(sorted(NAMES))), draw(st.sampled_from(sorted(PHONES)))
    city, state, postal_code = draw(st.sampled_from(PLACES[place]))
    patient = Patient(
        key=str(key),
        last_name=draw(st.sampled_from(NAMES[name])),
        street=draw(st.sampled_from(STREETS[street])),
        city=city,
        state=state,
        postal_code=postal_code,
        home_phone=draw(st.sampled_from(PHONES[phone])),
    )
    return Told(patient, (street, place), name, phone)


@st.composite
def crowds(draw: st.DrawFn) -> list[Told]:
    return [draw(told(key)) for key in range(1, draw(st.integers(0, 8)) + 1)]


def together(one: Told, other: Told) -> bool:
    if one.address != other.address or not all(one.address):
        return False
    return bool(one.name and one.name == other.name) or bool(one.phone and one.phone == other.phone)


def components(crowd: list[Told]) -> set[frozenset[str]]:
    """Keys joined by ``together`` over any chain: repeated until nothing more joins."""
    groups = {each.patient.key: frozenset({each.patient.key}) for each in crowd}
    for _ in crowd:
        for one, other in combinations(crowd, 2):
            if together(one, other):
                joined = groups[one.patient.key] | groups[other.patient.key]
                groups.update(dict.fromkeys(joined, joined))
    return set(groups.values())


@settings(deadline=None, max_examples=300)
@given(crowds(), st.integers(0, 1000))
def test_households_are_as_the_plain_model_says_in_any_order(crowd: list[Told], seed: int) -> None:
    found = households(each.patient for each in crowd)

    assert {frozenset(member.key for member in each.members) for each in found} == components(crowd)
    assert [each.source_id for each in found] == sorted(
        ("h" + min((member.key for member in each.members), key=int) for each in found),
        key=lambda source_id: int(source_id[1:]),
    )
    aliases = [alias for each in found for alias in each.aliases]
    assert sorted(aliases) == sorted(f"patient:{each.patient.key}" for each in crowd)
    Random(seed).shuffle(crowd)
    assert households(each.patient for each in crowd) == found


def at_elm(key: str, last_name: str, **others: Any) -> Patient:
    return Patient(
        **{"key": key, "last_name": last_name, "street": "12 Elm", "postal_code": "12345"} | others
    )


def test_a_shared_telephone_joins_two_names_and_so_all_who_bear_them() -> None:
    crowd = [
        at_elm("3", "Smith"),
        at_elm("10", "Smith", home_phone="2015550101"),
        at_elm("9", "Lee", home_phone="(201) 555-0101"),
        at_elm("2", "Lee"),
        at_elm("4", "Kim"),
    ]

    assert [[each.key for each in found.members] for found in households(crowd)] == [
        ["2", "3", "9", "10"],
        ["4"],
    ]


def test_neither_a_telephone_nor_a_name_joins_two_addresses() -> None:
    phone = "2015550101"
    crowd = [at_elm("1", "Smith", home_phone=phone), at_elm("2", "Smith", home_phone=phone, street="13 Elm")]

    assert len(households(crowd)) == 2


@pytest.mark.parametrize(
    ("born", "name"),
    [
        ((None, date(1980, 1, 1), date(1950, 1, 1)), "Lee Household"),
        ((date(1980, 1, 1), None, date(1990, 1, 1)), "Smith Household"),
        ((None, None, None), "Smith Household"),
        ((date(1980, 1, 1), date(1980, 1, 1), date(1980, 1, 1)), "Smith Household"),
    ],
)
def test_a_household_bears_the_last_name_of_its_oldest_member(
    born: tuple[date | None, ...], name: str
) -> None:
    phone = "2015550101"
    crowd = [
        at_elm(key, last_name, born=day, home_phone=phone)
        for key, last_name, day in zip(("9", "10", "11"), ("Smith", "SMITH", "Lee"), born, strict=True)
    ]

    for rows in (crowd, crowd[::-1]):
        assert [(each.source_id, each.name) for each in households(rows)] == [("h9", name)]


def test_many_at_one_address_take_no_time() -> None:
    crowd = [
        at_elm(str(key), f"Name {key // 2}", home_phone=str(2015550000 + (key + 1) // 2))
        for key in range(4000)
    ]

    assert len(households(crowd)) == 1
