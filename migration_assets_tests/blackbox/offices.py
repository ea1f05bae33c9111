"""Which offices of dentists the practice's rows name, and who is tied to more accounts than their own.

The rule: a dentist is named with the office of their own row, and with each that a referral gives beside
them. Texts are one office where they are equal without case, accents, signs and legal form; the practice's
own name is none. It is called as it is written most often, of spellings as frequent by the first: providers
before referrals, by number. Where patients hang on households, the practice is another account of theirs.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migration_assets_tests.blackbox import names, words
from migration_assets_tests.blackbox.report import Row


@dataclass(frozen=True)
class Known:
    """What no row says of an office: the practice's own name, and the ids of those in the org by their names.

    An id is minted once, by the row that named the office first then, so only the name tells which it is.
    """

    own_name: str | None
    ids: Mapping[str, str]

    @classmethod
    def of(cls, practice: str, own_name: str | None, accounts: Iterable[Row]) -> "Known":
        ids: dict[str, str] = {}
        for record in accounts:
            before, is_office, office = str(record["PANDA_Key__c"]).partition(":office:")
            if is_office and before == practice:
                ids.setdefault(str(words.as_text(record.get("Name"))), office)
        return cls(own_name, ids)


@dataclass(frozen=True)
class Offices:
    """``named``: a row each, by ``OfficeID``; ``ties``: a dentist (``One``) and their office (``Other``)."""

    named: list[Row]
    ties: list[Row]


def offices(
    providers: Iterable[Row], referrals: Iterable[Row], people: Iterable[Row], known: Known
) -> Offices:
    """``people`` are those whom referrals name without a provider's number; referrals have their dentist in
    ``found.ProviderID`` or ``found.ReferrerID``."""
    own = names.practice(known.own_name)
    written: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for row, dentist, text in _mentions(list(providers), referrals, people):
        folded = names.practice(text)
        if folded is not None and folded != own:
            written[folded].append((row, dentist, str(text)))
    called = {_name(mentions): mentions for mentions in written.values()}
    taken = {known.ids[name] for name in called if name in known.ids}
    found = Offices([], [])
    for name, mentions in called.items():
        first = mentions[0][0]
        # One that is missing isn't the other that an earlier row named once.
        office = known.ids.get(name, f"{first}?" if first in taken else first)
        found.named.append({"OfficeID": office, "Name": name})
        dentists = dict.fromkeys(dentist for _, dentist, _ in mentions)
        found.ties.extend({"One": dentist, "Other": f"office:{office}"} for dentist in dentists)
    return found


def _name(mentions: list[tuple[str, str, str]]) -> str:
    spellings = [text for _, _, text in mentions]
    return max(spellings, key=spellings.count)


def _mentions(
    providers: list[Row], referrals: Iterable[Row], people: Iterable[Row]
) -> Iterator[tuple[str, str, str | None]]:
    """The row, the dentist and the text, in the order that decides."""
    there = {f"provider:{row['ProviderID']}" for row in providers}
    there |= {f"referrer:{row['ReferrerID']}" for row in people}
    for row in sorted(providers, key=lambda each: int(each["ProviderID"])):
        yield f"p{row['ProviderID']}", f"provider:{row['ProviderID']}", words.text(row["PracticeName"])
    for row in sorted(referrals, key=lambda each: int(each["ReferralID"])):
        dentist = _dentist(row)
        if dentist in there:
            yield f"r{row['ReferralID']}", dentist, words.text(row["ReferrerPractice"])


def _dentist(row: Mapping[str, Any]) -> str:
    provider = row["found.ProviderID"]
    return f"referrer:{row['found.ReferrerID']}" if provider is None else f"provider:{provider}"
