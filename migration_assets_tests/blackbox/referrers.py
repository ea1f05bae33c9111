"""Dentists whom only a referral's free text names: who is the same person, and who is a provider already.

The rule: a name is compared without titles, credentials, case and accents, a detail is an e-mail address, a
telephone number or a practice. Entries of one name are one person where they share a detail, over however
many entries; entries of one name and no detail at all are one person, and never one with a detail. A person
who shares name and a detail with exactly one provider is that provider; with several, nobody can tell.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from migration_assets_tests.blackbox import names, words
from migration_assets_tests.blackbox.report import Row

REFERRAL_COLUMNS = (
    "ReferralID",
    "ProviderID",
    "ReferrerName",
    "ReferrerEmail",
    "ReferrerPhone",
    "ReferrerPractice",
)
PROVIDER_COLUMNS = ("ProviderID", "FirstName", "LastName", "Email", "Phone", "PracticeName")


@dataclass(frozen=True)
class _Entry:
    id: Any
    name: str
    email: str | None
    phone: str | None
    practice: str | None

    @cached_property
    def read(self) -> names.Name:
        return names.person(self.name)

    @cached_property
    def details(self) -> frozenset[tuple[str, str]]:
        found = (
            ("email", names.email(self.email)),
            ("phone", names.phone(self.phone)),
            ("practice", names.practice(self.practice)),
        )
        return frozenset((kind, detail) for kind, detail in found if detail)


@dataclass(frozen=True)
class Referrers:
    """``people``: a row each, by ``ReferrerID``.

    ``of_entry``: ReferralID -> (ProviderID, ReferrerID), of which one is None."""

    people: list[Row]
    of_entry: dict[Any, tuple[Any, str | None]]


def referrers(referrals: Iterable[Row], providers: Iterable[Row]) -> Referrers:
    """Everybody whom the referrals name without a provider's number."""
    known: dict[str, list[_Entry]] = defaultdict(list)
    for row in providers:
        if words.text(row["LastName"]) is not None:
            whole = " ".join(filter(None, (words.text(row["FirstName"]), words.text(row["LastName"]))))
            entry = _entry(row, "ProviderID", whole, "Email", "Phone", "PracticeName")
            known[entry.read.folded].append(entry)
    named: dict[str, list[_Entry]] = defaultdict(list)
    for row in sorted(referrals, key=lambda each: int(each["ReferralID"])):
        name = words.text(row["ReferrerName"])
        if row["ProviderID"] is None and name is not None and not names.names_nobody(name):
            entry = _entry(row, "ReferralID", name, "ReferrerEmail", "ReferrerPhone", "ReferrerPractice")
            named[entry.read.folded].append(entry)
    found = Referrers([], {})
    for folded, entries in named.items():
        for group in _people(entries):
            details = frozenset().union(*(entry.details for entry in group))
            same = {entry.id for entry in known[folded] if entry.details & details}
            provider = next(iter(same)) if len(same) == 1 else None
            referrer = None if provider is not None else f"r{group[0].id}"
            found.of_entry.update({entry.id: (provider, referrer) for entry in group})
            if referrer is not None:
                found.people.append({"ReferrerID": referrer, **_described(group)})
    return found


def _entry(row: Row, key: str, name: str, email: str, phone: str, practice: str) -> _Entry:
    details = (words.text(row[column]) for column in (email, phone, practice))
    return _Entry(row[key], name, *details)


def _people(entries: list[_Entry]) -> Iterator[list[_Entry]]:
    """Entries of one name by person, each in the order given."""
    without = [entry for entry in entries if not entry.details]
    if without:
        yield without
    left = [entry for entry in entries if entry.details]
    while left:
        details: frozenset[tuple[str, str]] = left[0].details
        # Each round may bring a detail by which another entry belongs to the person.
        while (
            not (more := details.union(*(each.details for each in left if each.details & details))) <= details
        ):
            details = more
        yield [entry for entry in left if entry.details & details]
        left = [entry for entry in left if not entry.details & details]


def _described(group: list[_Entry]) -> Row:
    """The latest word on everything, and all credentials."""
    latest = group[::-1]
    name = next((entry.read for entry in latest if entry.read.first), latest[0].read)
    credentials = [entry.read.credentials for entry in group if entry.read.credentials]
    return {
        "LastName": name.last,
        "FirstName": name.first,
        "Credentials": "; ".join(dict.fromkeys(credentials)) or None,
        "Email": next((entry.email for entry in latest if names.email(entry.email)), None),
        "Phone": _best([(entry.phone, names.phone(entry.phone)) for entry in latest]),
        "PracticeName": _best([(entry.practice, names.practice(entry.practice)) for entry in latest]),
    }


def _best(given: list[tuple[str | None, str | None]]) -> str | None:
    """The first text that is a detail, else the first text at all."""
    told = [text for text, detail in given if text and detail]
    return next(iter(told + [text for text, _ in given if text]), None)
