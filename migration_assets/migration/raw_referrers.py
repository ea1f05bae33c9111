"""The second reader's referring dentists: whom the free text of referrals names, told a second time.

The rule is staging's, by another way: entries of one name are compared pair by pair, and groups that share a
detail are joined until none do. The same person, a person with details: equal name and an equal e-mail,
telephone number or practice; with none, equal name. A person with the name and a detail of exactly one
provider is that provider. Nothing of objects/, mapping/ or perio/ is used; what an e-mail address is says the
library that knows the standards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import polars as pl
from email_validator import EmailNotValidError, validate_email

from migration_assets.migration import raw_words
from migration_assets.migration.raw_names import Name, name_of, names_nobody, same_phone, same_practice
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.raw_reader import read

PersonField = Literal[
    "last_name", "first_name", "credentials", "credentials_text", "email", "phone", "practice_name"
]
_STAGED = "referrers"
_REFERRALS, _REFERRAL = "Referral", "ReferralID"
_PROVIDERS, _PROVIDER = "Provider", "ProviderID"
_WRITTEN = ("ReferrerName", "ReferrerEmail", "ReferrerPhone", "ReferrerPractice")


@dataclass(frozen=True)
class _Entry:
    key: str
    name: Name
    email: str | None
    phone: str | None
    practice: str | None
    details: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class _Person:
    """``entries`` by number of their key; ``provider`` where the person is one."""

    entries: tuple[_Entry, ...]
    provider: str | None


def other_dentists(raw: RawPractice) -> pl.DataFrame:
    """Of each referral without a provider that names somebody: ``referral``, and either ``provider`` or
    ``referrer``, what the key of the person's record ends in."""
    rows = [
        (entry.key, person.provider, None if person.provider else _record_id(person, raw))
        for person in _people(raw)
        for entry in person.entries
    ]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(("referral", "provider", "referrer"), pl.String), orient="row"
    )


def people(raw: RawPractice) -> pl.DataFrame:
    """A row each person who is no provider: ``record``, what the key ends in, and every PersonField."""
    columns = ("record", *get_args(PersonField))
    rows = [
        {"record": _record_id(person, raw), **_fields(person.entries)}
        for person in _people(raw)
        if person.provider is None
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def _record_id(person: _Person, raw: RawPractice) -> str:
    by_text = f"r{person.entries[0].key}"
    return raw.minted.get(_STAGED, {}).get(by_text, by_text)


def _fields(entries: Sequence[_Entry]) -> dict[PersonField, str | None]:
    """The latest of the values that say something, by the referral's number."""
    latest = entries[::-1]
    told = next((entry.name for entry in latest if entry.name.first), latest[0].name)
    degrees = "; ".join(dict.fromkeys(entry.name.degrees for entry in entries if entry.name.degrees))
    return {
        "last_name": told.last,
        "first_name": told.first,
        "credentials": raw_words.credentials(degrees),
        "credentials_text": degrees or None,
        "email": next((entry.email for entry in latest if entry.email), None),
        "phone": _telling([(entry.phone, "phone" in dict(entry.details)) for entry in latest]),
        "practice_name": _telling([(entry.practice, "practice" in dict(entry.details)) for entry in latest]),
    }


def _telling(texts: Sequence[tuple[str | None, bool]]) -> str | None:
    """The first that is a detail, else the first."""
    given = sorted((not is_detail, at, text) for at, (text, is_detail) in enumerate(texts) if text)
    return given[0][2] if given else None


def _people(raw: RawPractice) -> Iterator[_Person]:
    by_name: dict[str, list[_Entry]] = {}
    for entry in sorted(_entries(raw), key=lambda entry: _number(entry.key)):
        by_name.setdefault(entry.name.same, []).append(entry)
    known: dict[str, list[_Entry]] = {}
    for provider in _providers(raw):
        known.setdefault(provider.name.same, []).append(provider)
    for name, entries in by_name.items():
        for details, together in _joined(entries):
            found = {provider.key for provider in known.get(name, []) if provider.details & details}
            yield _Person(tuple(together), found.pop() if len(found) == 1 else None)


def _joined(entries: Sequence[_Entry]) -> Iterator[tuple[set[tuple[str, str]], list[_Entry]]]:
    """Entries of one name that are one person, with all that is known of them."""
    alike: dict[frozenset[tuple[str, str]], list[_Entry]] = {}
    for entry in entries:
        alike.setdefault(entry.details, []).append(entry)
    groups: list[tuple[set[tuple[str, str]], list[_Entry]]] = []
    for details, same in alike.items():
        touching = [group for group in groups if group[0] & details]
        groups = [group for group in groups if not group[0] & details]
        groups.append(
            (
                {*details, *(detail for group in touching for detail in group[0])},
                same + [entry for group in touching for entry in group[1]],
            )
        )
    for known, together in groups:
        yield known, sorted(together, key=lambda entry: _number(entry.key))


def _entries(raw: RawPractice) -> Iterator[_Entry]:
    key = raw.keys(_REFERRALS, _REFERRAL)
    unnumbered = _text(raw, _REFERRALS, _PROVIDER).is_null()
    rows = pl.DataFrame([key.alias("key"), *(_text(raw, _REFERRALS, each).alias(each) for each in _WRITTEN)])
    named = rows.filter(
        unnumbered & rows["ReferrerName"].is_not_null() & key.is_not_null() & ~key.is_duplicated()
    )
    return (entry for written, entry in _read(named) if not names_nobody(written))


def _providers(raw: RawPractice) -> Iterator[_Entry]:
    first, last = _text(raw, _PROVIDERS, "FirstName"), _text(raw, _PROVIDERS, "LastName")
    both = pl.select(pl.concat_str(pl.lit(first), pl.lit(last), separator=" ", ignore_nulls=True)).to_series()
    rows = pl.DataFrame(
        [
            raw.keys(_PROVIDERS, _PROVIDER).alias("key"),
            both.alias("name"),
            *(_text(raw, _PROVIDERS, each).alias(each) for each in ("Email", "Phone", "PracticeName")),
        ]
    )
    return (entry for _, entry in _read(rows.filter(last.is_not_null() & rows["key"].is_not_null())))


def _text(raw: RawPractice, table: str, column: str) -> pl.Series:
    return read(raw.column(table, column), "text", raw.zone)


def _read(rows: pl.DataFrame) -> Iterator[tuple[str, _Entry]]:
    """Rows of key, name, e-mail, telephone, practice, each with the name as written; texts are read once."""
    names: dict[str, Name] = {}
    addresses: dict[str, bool] = {}
    for key, written, email, phone, practice in rows.iter_rows():
        if written not in names:
            names[written] = name_of(written)
        if email is not None and email not in addresses:
            addresses[email] = _is_address(email)
        address = email if email is not None and addresses[email] else None
        details = {
            "email": address and address.casefold(),
            "phone": phone and same_phone(phone),
            "practice": practice and same_practice(practice),
        }
        told = frozenset((kind, detail) for kind, detail in details.items() if detail)
        yield written, _Entry(key, names[written], address, phone, practice, told)


def _is_address(email: str) -> bool:
    try:
        validate_email(email, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def _number(key: str) -> tuple[bool, int, str]:
    return (not key.isdecimal(), int(key) if key.isdecimal() else 0, key)
