"""Referring dentists whom only free text names: the schema of ``staged.referrers`` and how they are found.

The rows are derived from Referral; ``referrals`` account for its rows. Who is the same person, and who is a
provider already, is the rule of ``referrer_matching``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated

import pandera.polars as pa
import polars as pl

from migration_assets.objects import source_rows
from migration_assets.objects.base import (
    Staged,
    StagedObject,
    StagingContext,
    StagingInputs,
)
from migration_assets.objects.outcome import Rules, settle_derived
from migration_assets.objects.plausible import is_address
from migration_assets.objects.referrer_matching import Entry, Matching, Person, match
from migration_assets.objects.source_rows import Kind
from migration_assets.perio.names import folded_practice, names_nobody, phone_digits
from migration_assets.perio.people import parse_credentials

_TABLE = "Referral"
_KEY = "ReferralID"
_PROVIDERS = "Provider"

SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "last_name": "ReferrerName",
    "first_name": "ReferrerName",
    "credentials": "ReferrerName",
    "credentials_text": "ReferrerName",
    "email": "ReferrerEmail",
    "phone": "ReferrerPhone",
    "practice_name": "ReferrerPractice",
    "aliases": "ReferrerName",
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    **dict.fromkeys(
        ("ProviderID", "ReferrerName", "ReferrerPractice", "ReferrerPhone", "ReferrerEmail"), Kind.TEXT
    ),
}
_PROVIDER_KINDS: Mapping[str, Kind] = {
    "ProviderID": Kind.KEY,
    **dict.fromkeys(("FirstName", "LastName", "PracticeName", "Phone", "Email"), Kind.TEXT),
}


class Referrer(pa.DataFrameModel):
    """``staged.referrers``: one row a person whom only the free text of referrals names.

    ``source_id`` is ``r`` and the smallest ReferralID that names the person. ``last_name`` is the whole text
    where it can't be taken apart. ``credentials`` are as in ``providers``. E-mail, phone and practice are
    those of the latest referral (by ReferralID) that gives one; ``aliases`` are the identity strings of all
    of them, sorted.
    """

    source_id: pl.String = pa.Field(unique=True)
    last_name: pl.String
    first_name: pl.String = pa.Field(nullable=True)
    credentials: pl.String = pa.Field(nullable=True)
    credentials_text: pl.String = pa.Field(nullable=True)
    email: pl.String = pa.Field(nullable=True)
    phone: pl.String = pa.Field(nullable=True)
    practice_name: pl.String = pa.Field(nullable=True)
    aliases: Annotated[pl.List, pl.String()]

    class Config:
        strict = True
        ordered = True


_RULES = Rules("referrers", Referrer, SOURCE_COLUMNS, {})
_POLARS_SCHEMA: dict[str, pl.DataType] = {
    **{name: pl.String() for name in SOURCE_COLUMNS if name != "aliases"},
    "aliases": pl.List(pl.String()),
}


def match_referrers(inputs: StagingInputs, context: StagingContext) -> Matching:
    """Everybody whom a referral names by free text alone, by the rows of Referral and Provider.

    A referral is an entry where its ProviderID is empty and its ReferrerName names somebody. Rows without a
    key of their own are left out (they are rejected), and so are providers without a last name.
    """
    frame = source_rows.read(inputs, context, _TABLE, _KINDS).frame
    frame = frame.filter(
        pl.col("ProviderID").is_null(),
        pl.col("ReferrerName").is_not_null(),
        pl.col(_KEY).is_not_null() & ~pl.col(_KEY).is_duplicated(),
    )
    known = source_rows.read(inputs, context, _PROVIDERS, _PROVIDER_KINDS).frame
    known = known.filter(pl.col("ProviderID").is_not_null(), pl.col("LastName").is_not_null()).with_columns(
        name=pl.concat_str("FirstName", "LastName", separator=" ", ignore_nulls=True)
    )
    columns = ("ReferrerName", "ReferrerEmail", "ReferrerPhone", "ReferrerPractice")
    named = (entry for entry in _entries(frame, _KEY, *columns) if not names_nobody(entry.name))
    return match(named, _entries(known, "ProviderID", "name", "Email", "Phone", "PracticeName"))


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """The people of ``match_referrers`` who are no provider, as ``Referrer`` says.

    Findings count referrers: ``referrer_ambiguous`` could be several providers, ``referrer_name_only`` has a
    provider's name and nothing else of theirs, ``referrer_details_differ`` has two e-mails, phones or
    practices.
    """
    referrers = match_referrers(inputs, context).referrers
    return settle_derived(
        _RULES,
        _TABLE,
        pl.DataFrame([_row(person) for person in referrers], schema=_POLARS_SCHEMA),
        lambda _: {
            "referrer_ambiguous": sum(person.ambiguous for person in referrers),
            "referrer_name_only": sum(person.name_only for person in referrers),
            "referrer_details_differ": sum(_details_differ(person) for person in referrers),
        },
    )


def _entries(frame: pl.DataFrame, *columns: str) -> Iterator[Entry]:
    """``columns``: key, name, e-mail, phone, practice. What is no address is no e-mail."""
    key, name, email, phone, practice = columns
    emails = frame[email].set(~is_address(frame[email]), None)
    for row in zip(frame[key], frame[name], emails, frame[phone], frame[practice], strict=True):
        yield Entry(*row)


def _row(person: Person) -> dict[str, object]:
    latest_first = person.entries[::-1]
    # Of two spellings of one name, the one that could be taken apart says more.
    name = next((entry.read for entry in latest_first if entry.read.first_name), latest_first[0].read)
    texts = dict.fromkeys(entry.read.credentials for entry in person.entries if entry.read.credentials)
    credentials_text = "; ".join(texts)
    return {
        "source_id": person.source_id,
        "last_name": name.last_name,
        "first_name": name.first_name,
        "credentials": ";".join(parse_credentials(credentials_text).known) or None,
        "credentials_text": credentials_text or None,
        "email": _first(entry.email for entry in latest_first),
        "phone": _best((entry.phone for entry in latest_first), phone_digits),
        "practice_name": _best((entry.practice for entry in latest_first), folded_practice),
        "aliases": list(person.aliases),
    }


def _first(texts: Iterable[str | None]) -> str | None:
    return next((text for text in texts if text), None)


def _best(texts: Iterable[str | None], detail: Callable[[str], str | None]) -> str | None:
    """The first text that is a detail, else the first text."""
    given = [text for text in texts if text]
    return _first([text for text in given if detail(text)]) or _first(given)


def _details_differ(person: Person) -> bool:
    kinds = [alias.partition("|")[2].partition(":")[0] for alias in person.aliases]
    return len(set(kinds)) < len(kinds)


REFERRERS = StagedObject(
    name="referrers",
    source_table=_TABLE,
    reads=(_TABLE, _PROVIDERS),
    uses=(),
    model=Referrer,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
    derived=True,
    named_by={"referrals": "referrer_id", "office_ties": "referrer_id"},
    across_patients=True,
)
