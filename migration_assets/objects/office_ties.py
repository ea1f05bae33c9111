"""Who is named with which office: the schema of ``staged.office_ties``, a row a dentist and office.

Derived as ``offices`` are. What hangs patients on accounts stands in ``patients``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects.base import (
    Staged,
    StagedObject,
    StagingContext,
    StagingInputs,
)
from migration_assets.objects.office_matching import Dentist, Office
from migration_assets.objects.offices import NAMED_IN, READS, named_offices
from migration_assets.objects.outcome import Rules, settle_derived
from migration_assets.perio.names import folded_practice

_TABLE = "Provider"
_KEY = "ProviderID"
_PLACES = ("first", "further")

SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "provider_id": _KEY,
    "referrer_id": _KEY,
    "office_id": "PracticeName",
    "office_name": "PracticeName",
    "place": "PracticeName",
}


class OfficeTie(pa.DataFrameModel):
    """``staged.office_ties``: the dentist is ``provider_id`` or else ``referrer_id``.

    ``place`` is ``first`` for the office that the dentist's own row names (``practice_name``), ``further``
    for all others.
    """

    source_id: pl.String = pa.Field(unique=True)
    provider_id: pl.String = pa.Field(nullable=True)
    referrer_id: pl.String = pa.Field(nullable=True)
    office_id: pl.String
    office_name: pl.String
    place: pl.String

    class Config:
        strict = True
        ordered = True

    @pa.check("place", name="unknown_place")
    @classmethod
    def _known_place(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("place").is_in(_PLACES))


_RULES = Rules("office_ties", OfficeTie, SOURCE_COLUMNS, {})
_POLARS_SCHEMA: dict[str, pl.DataType] = dict.fromkeys(SOURCE_COLUMNS, pl.String())


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """As ``OfficeTie`` says; ``dentist_of_several_offices`` counts dentists."""
    offices = named_offices(inputs, context)
    own = _own_offices(inputs)
    rows = pl.DataFrame(list(_ties(offices, own)), schema=_POLARS_SCHEMA)
    return settle_derived(
        _RULES, _TABLE, rows, lambda verdict: {"dentist_of_several_offices": _of_several(verdict.rows)}
    )


def _of_several(ties: pl.DataFrame) -> int:
    counts = ties.group_by("provider_id", "referrer_id").len()
    return int((counts["len"] > 1).sum())


def _own_offices(inputs: StagingInputs) -> dict[Dentist, str | None]:
    """The office of each dentist's own row, as offices are compared."""
    providers, referrers, _ = (inputs.staged[name].rows for name in NAMED_IN)
    columns = ("source_id", "practice_name")
    return {
        **{
            Dentist(key, None): folded_practice(name)
            for key, name in providers.select(columns).drop_nulls().iter_rows()
        },
        **{
            Dentist(None, key): folded_practice(name)
            for key, name in referrers.select(columns).drop_nulls().iter_rows()
        },
    }


def _ties(offices: tuple[Office, ...], own: Mapping[Dentist, str | None]) -> Iterator[dict[str, str | None]]:
    for office in offices:
        for dentist in office.dentists:
            kind = f"provider:{dentist.provider}" if dentist.provider else f"referrer:{dentist.referrer}"
            yield {
                "source_id": f"{office.source_id}+{kind}",
                "provider_id": dentist.provider,
                "referrer_id": dentist.referrer,
                "office_id": office.source_id,
                "office_name": office.name,
                "place": "first" if own.get(dentist) == office.folded else "further",
            }


OFFICE_TIES = StagedObject(
    name="office_ties",
    source_table=_TABLE,
    reads=READS,
    uses=NAMED_IN,
    model=OfficeTie,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
    derived=True,
    across_patients=True,
)
