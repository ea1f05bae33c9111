"""Households, for a practice that wants an Account each: the schema of ``staged.households``.

Derived from ``staged.patients``, which hold the household of each patient and account for the rows. Who lives
together is the rule of ``household_matching``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Annotated

import pandera.polars as pa
import polars as pl

from migration_assets.objects import household_matching
from migration_assets.objects.base import (
    Staged,
    StagedObject,
    StagingContext,
    StagingInputs,
)
from migration_assets.objects.household_matching import Patient
from migration_assets.objects.outcome import Rules, settle_derived

_TABLE = "Patient"
_KEY = "PatientID"

SOURCE_COLUMNS: Mapping[str, str] = {"source_id": _KEY, "name": "LastName", "aliases": _KEY}

_MEMBER_COLUMNS = {
    "key": "source_id",
    "born": "date_of_birth",
    **{name: name for name in ("last_name", "street", "city", "state", "postal_code", "home_phone")},
}


class Household(pa.DataFrameModel):
    """``staged.households``: one row a household, those of one patient among them.

    ``source_id`` is ``h`` and the smallest PatientID in it, ``name`` that of its oldest member and the word
    Household; ``aliases`` are its members, by number.
    """

    source_id: pl.String = pa.Field(unique=True)
    name: pl.String
    aliases: Annotated[pl.List, pl.String()]

    class Config:
        strict = True
        ordered = True


_RULES = Rules("households", Household, SOURCE_COLUMNS, {})
_POLARS_SCHEMA: dict[str, pl.DataType] = {
    "source_id": pl.String(),
    "name": pl.String(),
    "aliases": pl.List(pl.String()),
}


def household_ids(patients: pl.DataFrame) -> pl.Series:
    """``household_id`` of each row of ``staged.patients``, in their order."""
    found = household_matching.households(_members(patients))
    of_patient = {member.key: household.source_id for household in found for member in household.members}
    ids = [of_patient[key] for key in patients["source_id"]]
    return pl.Series("household_id", ids, dtype=pl.String)


def stage(inputs: StagingInputs, _: StagingContext) -> Staged:
    """The households that ``staged.patients`` name; ``household_shared`` counts those of several patients."""
    patients = inputs.staged["patients"].rows
    of_household: defaultdict[str, list[Patient]] = defaultdict(list)
    for household, member in zip(patients["household_id"], _members(patients), strict=True):
        of_household[household].append(member)
    households = household_matching.in_order(of_household.values())
    rows = [
        {"source_id": each.source_id, "name": each.name, "aliases": list(each.aliases)} for each in households
    ]
    return settle_derived(
        _RULES,
        _TABLE,
        pl.DataFrame(rows, schema=_POLARS_SCHEMA),
        lambda _: {"household_shared": sum(len(each.members) > 1 for each in households)},
    )


def _members(patients: pl.DataFrame) -> Iterator[Patient]:
    columns = patients.select(**_MEMBER_COLUMNS)
    return (Patient(**row) for row in columns.iter_rows(named=True))


HOUSEHOLDS = StagedObject(
    name="households",
    source_table=_TABLE,
    reads=(_TABLE,),
    uses=("patients",),
    model=Household,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
    derived=True,
    named_by={"patients": "household_id"},
    across_patients=True,
)
