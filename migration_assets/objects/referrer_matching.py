"""Which entries of a referral's free text are the same person, and which of them stands in Provider already.

The rule, nothing of which is a guess:

1. A name is compared folded: without titles and credentials, case, accents and signs, first name before last
   name (``perio.names``). A detail is an e-mail address, the digits of a telephone number, or the name of a
   practice without its legal form. What is no address, has fewer than seven digits or says "none" is none.
2. Two entries with details are the same person where their names are equal and at least one detail is. Two
   entries with a name and no detail are the same person where their names are equal; they are never joined to
   an entry with details.
3. The same person as the same person is the same person: whoever is joined over several entries is one.
4. A person who by 2 is exactly one provider is that provider. One who could be several providers is none of
   them (ambiguous), and neither is one who shares with a provider only the name (name only); both are listed.

As an identity string holds a name and one detail (or a name and nothing), two entries are joined by rule 2
exactly where they share one. The strings of a person are its aliases: by them it is known again later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from migration_assets.perio.names import PersonName, folded_practice, phone_digits, read_name


@dataclass(frozen=True)
class Entry:
    """Somebody as one row names them; ``key`` is the row's primary key as text.

    ``name`` isn't blank. ``email`` is an address or None, ``phone`` and ``practice`` are as written.
    """

    key: str
    name: str
    email: str | None = None
    phone: str | None = None
    practice: str | None = None

    @cached_property
    def read(self) -> PersonName:
        return read_name(self.name)

    @cached_property
    def details(self) -> frozenset[str]:
        """``<folded name>|<kind>:<detail>`` for each detail."""
        details = {
            "email": self.email and self.email.casefold(),
            "phone": self.phone and phone_digits(self.phone),
            "practice": self.practice and folded_practice(self.practice),
        }
        return frozenset(f"{self.read.folded}|{kind}:{detail}" for kind, detail in details.items() if detail)

    @property
    def identities(self) -> frozenset[str]:
        """The details, or ``<folded name>|`` where there are none."""
        return self.details or frozenset({f"{self.read.folded}|"})


@dataclass(frozen=True)
class Person:
    """One person: ``entries`` by number of key, all with one folded name; ``providers`` as rule 2 finds them.

    ``name_only``: a provider bears the name, but no detail agrees.
    """

    entries: tuple[Entry, ...]
    aliases: tuple[str, ...]
    providers: tuple[str, ...]
    name_only: bool

    @property
    def provider_id(self) -> str | None:
        """The provider that the person is, None where there is none or the choice between several."""
        return self.providers[0] if len(self.providers) == 1 else None

    @property
    def ambiguous(self) -> bool:
        return len(self.providers) > 1

    @property
    def source_id(self) -> str:
        """``r`` and the smallest key of the entries."""
        return f"r{self.entries[0].key}"


@dataclass(frozen=True)
class Matching:
    """``people`` by the smallest key of their entries."""

    people: tuple[Person, ...]

    @property
    def referrers(self) -> tuple[Person, ...]:
        """Those who are no provider."""
        return tuple(person for person in self.people if person.provider_id is None)

    def providers_by_entry(self) -> Mapping[str, str]:
        """Key of an entry -> the provider that it names."""
        return {
            entry.key: person.provider_id
            for person in self.people
            if person.provider_id is not None
            for entry in person.entries
        }

    def referrers_by_entry(self) -> Mapping[str, str]:
        """Key of an entry -> ``source_id`` of the referrer that it names; no provider's entry is there."""
        return {entry.key: person.source_id for person in self.referrers for entry in person.entries}


def match(entries: Iterable[Entry], providers: Iterable[Entry]) -> Matching:
    """The people whom ``entries`` (with unique keys) name, as the rule says; no order matters.

    Two entries of ``providers`` with one key are one provider.
    """
    known: defaultdict[str, set[str]] = defaultdict(set)
    names: set[str] = set()
    for provider in providers:
        names.add(provider.read.folded)
        for detail in provider.details:
            known[detail].add(provider.key)
    people = [_person(group, known, names) for group in _groups(sorted(entries, key=_by_number))]
    return Matching(tuple(people))


def _person(entries: Sequence[Entry], known: Mapping[str, set[str]], names: set[str]) -> Person:
    aliases = {identity for entry in entries for identity in entry.identities}
    found = {key for alias in aliases for key in known.get(alias, ())}
    providers = tuple(sorted(found, key=_number))
    return Person(
        entries=tuple(entries),
        aliases=tuple(sorted(aliases)),
        providers=providers,
        name_only=not providers and entries[0].read.folded in names,
    )


def _groups(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Entries joined by shared identities, however long the chain; each group in the order given."""
    leader = list(range(len(entries)))

    def find(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    first_with: dict[str, int] = {}
    for place, entry in enumerate(entries):
        for identity in entry.identities:
            one, other = find(first_with.setdefault(identity, place)), find(place)
            leader[max(one, other)] = min(one, other)
    groups: defaultdict[int, list[Entry]] = defaultdict(list)
    for place, entry in enumerate(entries):
        groups[find(place)].append(entry)
    yield from groups.values()


def _by_number(entry: Entry) -> tuple[int, int, str]:
    return _number(entry.key)


def _number(key: str) -> tuple[int, int, str]:
    """Keys that are numbers by their number, all others behind them by their text."""
    return (0, int(key), key) if key.isdecimal() else (1, 0, key)
