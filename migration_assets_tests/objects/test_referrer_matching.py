"""Who is the same person: the stated rule against a plain model of it, and that no order decides."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.objects.referrer_matching import Entry, match

SPELLINGS = {
    "jane": ["Jane Smith", "Dr. Jane SMITH, DDS", "smith, jane", "Smith, Jané D.M.D."],
    "john": ["John Smith", "Prof. john smith"],
    "lone": ["Dr. Smith", "SMITH, DDS"],
    "office": ["Smile Studio", "smile  studio"],
}
EMAILS = {"e1": ["a@mail.example", "A@Mail.example"], "e2": ["b@mail.example"]}
PHONES = {"p1": ["201-555-0101", "+1 (201) 555 0101 x2"], "p2": ["2015550102"]}
PRACTICES = {"o1": ["Bright Teeth LLC", "bright teeth"], "o2": ["Peña Dental", "Pena Dental, P.C."]}


@dataclass(frozen=True)
class Told:
    """An entry and what it says, apart from how it is written."""

    entry: Entry
    name: str
    details: frozenset[str]


def _one(pool: dict[str, list[str]]) -> st.SearchStrategy[tuple[str, str]]:
    return st.sampled_from([(meant, text) for meant, texts in pool.items() for text in texts])


def _detail(
    pool: dict[str, list[str]], nothing: list[str | None]
) -> st.SearchStrategy[tuple[str, str | None]]:
    return st.one_of(st.sampled_from([("", text) for text in nothing]), _one(pool))


@st.composite
def told(draw: st.DrawFn, key: int) -> Told:
    name, written = draw(_one(SPELLINGS))
    email = draw(_detail(EMAILS, [None]))
    phone = draw(_detail(PHONES, [None, "call", "555"]))
    practice = draw(_detail(PRACTICES, [None, "N/A", "-"]))
    entry = Entry(str(key), written, email[1], phone[1], practice[1])
    return Told(entry, name, frozenset(meant for meant, _ in (email, phone, practice) if meant))


@st.composite
def crowds(draw: st.DrawFn, most: int = 8) -> list[Told]:
    return [draw(told(key)) for key in range(1, draw(st.integers(0, most)) + 1)]


def same(one: Told, other: Told) -> bool:
    if one.name != other.name:
        return False
    return bool(one.details & other.details) or not (one.details or other.details)


def components(crowd: list[Told]) -> set[frozenset[str]]:
    """Keys joined by ``same`` over any chain: repeated until nothing more joins."""
    groups = {each.entry.key: {each.entry.key} for each in crowd}
    changed = True
    while changed:
        changed = False
        for one, other in combinations(crowd, 2):
            a, b = groups[one.entry.key], groups[other.entry.key]
            if a is not b and same(one, other):
                a |= b
                for key in b:
                    groups[key] = a
                changed = True
    return {frozenset(group) for group in groups.values()}


@settings(deadline=None, max_examples=300)
@given(crowds(), crowds(most=4))
def test_people_and_providers_are_as_the_plain_model_says(entries: list[Told], providers: list[Told]) -> None:
    matching = match([each.entry for each in entries], [each.entry for each in providers])

    by_key = {each.entry.key: each for each in entries}
    assert {frozenset(entry.key for entry in person.entries) for person in matching.people} == components(
        entries
    )
    for person in matching.people:
        members = [by_key[entry.key] for entry in person.entries]
        found = {
            provider.entry.key
            for provider in providers
            for each in members
            if each.details and same(each, provider)
        }
        assert set(person.providers) == found
        assert person.ambiguous == (len(found) > 1)
        assert (person.provider_id is not None) == (len(found) == 1)
        assert person.name_only == (not found and any(each.name == members[0].name for each in providers))
        assert len({bool(each.details) for each in members}) == 1
        assert person.source_id == "r" + min((each.entry.key for each in members), key=int)


@settings(deadline=None)
@given(crowds(most=10), crowds(most=4), st.integers(0, 1000))
def test_the_order_of_the_rows_decides_nothing(entries: list[Told], providers: list[Told], seed: int) -> None:
    given_first = match([each.entry for each in entries], [each.entry for each in providers])
    Random(seed).shuffle(entries)
    Random(seed).shuffle(providers)

    assert match([each.entry for each in entries], [each.entry for each in providers]) == given_first


@settings(deadline=None)
@given(crowds(most=10), crowds(most=4))
def test_every_entry_is_a_provider_or_a_referrer_and_no_alias_is_two_people(
    entries: list[Told], providers: list[Told]
) -> None:
    matching = match([each.entry for each in entries], [each.entry for each in providers])
    as_provider, as_referrer = matching.providers_by_entry(), matching.referrers_by_entry()

    assert as_provider.keys() | as_referrer.keys() == {each.entry.key for each in entries}
    assert as_provider.keys().isdisjoint(as_referrer)
    assert set(as_referrer.values()) == {person.source_id for person in matching.referrers}
    aliases = [alias for person in matching.people for alias in person.aliases]
    assert len(aliases) == len(set(aliases))


def test_a_person_known_over_a_chain_of_details_is_the_provider_whom_one_link_names() -> None:
    matching = match(
        [
            Entry("1", "Jane Smith", phone="2015550101"),
            Entry("2", "Dr. Jane Smith", phone="201-555-0101", practice="Bright Teeth"),
            Entry("3", "Smith, Jane", practice="Bright Teeth LLC", email="j@mail.example"),
        ],
        [Entry("9", "Jane Smith", email="J@mail.example")],
    )

    assert matching.providers_by_entry() == {"1": "9", "2": "9", "3": "9"}


def test_numbers_are_ordered_as_numbers() -> None:
    matching = match([Entry(key, "Jane Smith") for key in ("10", "9", "100", "A1")], [])

    assert [person.source_id for person in matching.people] == ["r9"]
    assert [entry.key for entry in matching.people[0].entries] == ["9", "10", "100", "A1"]


@pytest.mark.parametrize("practice", ["N/A", "none", "Unknown"])
def test_a_word_for_nothing_joins_nobody_to_a_provider(practice: str) -> None:
    matching = match(
        [Entry("1", "Jane Smith", phone="000-000-0000", practice=practice)],
        [Entry("9", "Jane Smith", phone="000-000-0000", practice=practice)],
    )

    assert matching.providers_by_entry() == {}
    assert matching.people[0].name_only
