"""Offices of dentists, for an org that keeps contacts of several accounts: the schema of ``staged.offices``.

Derived from staged providers and referrals, which account for their rows. What an office is, is the rule of
``office_matching``; who is named with it stands in ``office_ties``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import pandera.polars as pa
import polars as pl

from migration_assets.objects import office_matching
from migration_assets.objects.base import (
    Staged,
    StagedObject,
    StagingContext,
    StagingInputs,
)
from migration_assets.objects.office_matching import Dentist, Mention, Office
from migration_assets.objects.outcome import Rules, settle_derived

_TABLE = "Provider"
_KEY = "ProviderID"
READS = (_TABLE, "Referral")
NAMED_IN = ("providers", "referrers", "referrals")
"""Staged objects that name offices and the dentists with them."""

SOURCE_COLUMNS: Mapping[str, str] = {"source_id": _KEY, "name": "PracticeName", "aliases": "PracticeName"}


class NamedOffice(pa.DataFrameModel):
    """``staged.offices``: one row an office with whom at least one staged dentist is named.

    ``source_id`` is ``p`` and the smallest ProviderID that names it, else ``r`` and the smallest ReferralID;
    ``aliases`` is the name as it is compared.
    """

    source_id: pl.String = pa.Field(unique=True)
    name: pl.String
    aliases: Annotated[pl.List, pl.String()]

    class Config:
        strict = True
        ordered = True


_RULES = Rules("offices", NamedOffice, SOURCE_COLUMNS, {})
_POLARS_SCHEMA: dict[str, pl.DataType] = {
    "source_id": pl.String(),
    "name": pl.String(),
    "aliases": pl.List(pl.String()),
}


def named_offices(inputs: StagingInputs, context: StagingContext) -> tuple[Office, ...]:
    """The offices that staged providers and referrals (``NAMED_IN``) name with a staged dentist."""
    return office_matching.offices(_mentions(inputs), context.name)


def _mentions(inputs: StagingInputs) -> Iterator[Mention]:
    providers, referrers, referrals = (inputs.staged[name].rows for name in NAMED_IN)
    for key, written in providers.select("source_id", "practice_name").drop_nulls().iter_rows():
        yield Mention("Provider", key, Dentist(key, None), written)
    known = (set(providers["source_id"]), set(referrers["source_id"]))
    columns = ("source_id", "provider_id", "referrer_id", "referrer_practice")
    for key, provider, referrer, written in referrals.select(columns).iter_rows():
        if written is not None and (provider in known[0] or referrer in known[1]):
            yield Mention("Referral", key, Dentist(provider, referrer), written)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """As ``NamedOffice`` says; ``office_spellings_differ`` counts offices written in several ways."""
    found = named_offices(inputs, context)
    rows = [{"source_id": each.source_id, "name": each.name, "aliases": list(each.aliases)} for each in found]
    spelled = (len({mention.written for mention in each.mentions}) for each in found)
    return settle_derived(
        _RULES,
        _TABLE,
        pl.DataFrame(rows, schema=_POLARS_SCHEMA),
        lambda _: {"office_spellings_differ": sum(count > 1 for count in spelled)},
    )


OFFICES = StagedObject(
    name="offices",
    source_table=_TABLE,
    reads=READS,
    uses=NAMED_IN,
    model=NamedOffice,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
    derived=True,
    named_by={"office_ties": "office_id"},
    across_patients=True,
)
