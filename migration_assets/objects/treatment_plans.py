"""Treatment plans: the schema of ``staged.treatment_plans`` and how rows of TreatmentPlan become it.

The plan as a whole, with its narrative; its phases and procedures are an object of their own
(``treatment_plan_lines``).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects import local_time, source_rows
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.corrections import Correction
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.plausible import is_implausible
from migration_assets.objects.source_rows import Kind
from migration_assets.perio.vocabulary import PLAN_STATUSES

TITLE_LENGTH = 80
"""Characters of a record's name in the destinations; the plan's whole name stands beside it."""

_TABLE = "TreatmentPlan"
_KEY = "PlanID"
_UNTITLED = "Treatment plan"

_TEXTS = {
    "provider_id": "ProviderID",
    "plan_name": "PlanName",
    "treatment_type": "TreatmentType",
    "notes": "TreatmentNotes",
}
_DATES = {"proposed_on": "ProposedAt", "accepted_on": "AcceptedAt", "completed_on": "CompletedAt"}
_TIMES = {"created_at": "CreatedAt", "modified_at": "ModifiedAt"}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "patient_id": "PatientID",
    **_TEXTS,
    "title": "PlanName",
    "status": "Status",
    "estimated_cost": "EstimatedCost",
    **_DATES,
    **_TIMES,
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "PatientID": Kind.KEY,
    **dict.fromkeys(_TEXTS.values(), Kind.TEXT),
    "Status": Kind.TEXT,
    "EstimatedCost": Kind.DECIMAL,
    **dict.fromkeys(_DATES.values(), Kind.DATE),
    **dict.fromkeys(_TIMES.values(), Kind.TIME),
}
_SENTENCES: Mapping[str, str] = {
    "cost_out_of_range": "the estimated cost is below zero",
    "unknown_plan_status": "the status is none of proposed, accepted, in-progress, completed and declined; "
    "it is left empty",
    "date_implausible": "the date lies before 1900 or after 2100; it is left empty",
}


class TreatmentPlan(pa.DataFrameModel):
    """``staged.treatment_plans``: one row a plan.

    ``title`` names the record: the plan's name, cut at TITLE_LENGTH characters, or a word for it where the
    plan has none. ``estimated_cost`` is in the practice's currency.
    """

    source_id: pl.String = pa.Field(unique=True)
    patient_id: pl.String
    provider_id: pl.String = pa.Field(nullable=True)
    title: pl.String
    plan_name: pl.String = pa.Field(nullable=True)
    treatment_type: pl.String = pa.Field(nullable=True)
    status: pl.String = pa.Field(nullable=True)
    estimated_cost: Annotated[pl.Decimal, 18, 4] = pa.Field(nullable=True)
    notes: pl.String = pa.Field(nullable=True)
    proposed_on: pl.Date = pa.Field(nullable=True)
    accepted_on: pl.Date = pa.Field(nullable=True)
    completed_on: pl.Date = pa.Field(nullable=True)
    created_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("status", name="unknown_plan_status")
    @classmethod
    def _known_status(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("status").is_in(sorted(set(PLAN_STATUSES.values()))))

    @pa.check("estimated_cost", name="cost_out_of_range")
    @classmethod
    def _not_negative(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("estimated_cost") >= 0)


_RULES = Rules("treatment_plans", TreatmentPlan, SOURCE_COLUMNS, _SENTENCES)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of TreatmentPlan as ``TreatmentPlan`` says; a plan of an unknown patient is staged too."""
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    status = _status(frame["Status"])
    implausible = {column: is_implausible(frame[column]) for column in _DATES.values()}
    times = {staged: local_time.to_utc(frame[column], context.time_zone) for staged, column in _TIMES.items()}
    corrected = [
        Correction("unknown_plan_status", "Status", frame["Status"].is_not_null() & status.is_null()),
        *(Correction("date_implausible", column, rows) for column, rows in implausible.items()),
    ]
    rows = frame.select(
        pl.col(_KEY).alias("source_id"),
        pl.col("PatientID").alias("patient_id"),
        *(pl.col(column).alias(staged) for staged, column in _TEXTS.items()),
        _title().alias("title"),
        status.alias("status"),
        pl.col("EstimatedCost").alias("estimated_cost"),
        *(frame[column].set(implausible[column], None).alias(staged) for staged, column in _DATES.items()),
        *(utc.times.alias(staged) for staged, utc in times.items()),
    )
    return settle(
        _RULES,
        source,
        rows,
        corrected=corrected,
        times=times,
        counted=lambda verdict: {"dates_out_of_order": _out_of_order(verdict.rows)},
    )


def _status(written: pl.Series) -> pl.Series:
    """One of the mission's five words, null for any other; "In Progress" and "in-progress" are one."""
    plain = written.str.to_uppercase().str.replace_all(r"[\s_-]+", " ")
    return plain.replace_strict(PLAN_STATUSES, default=None, return_dtype=pl.String)


def _title() -> pl.Expr:
    name = pl.col("PlanName")
    cut = name.str.slice(0, TITLE_LENGTH - 1) + "…"
    return pl.when(name.str.len_chars() > TITLE_LENGTH).then(cut).otherwise(name).fill_null(_UNTITLED)


def _out_of_order(rows: pl.DataFrame) -> int:
    """Plans of which a later step bears an earlier date than one before it."""
    wrong = [pl.col(later) < pl.col(earlier) for earlier, later in combinations(_DATES, 2)]
    return int(rows.select(pl.any_horizontal(each.fill_null(False) for each in wrong).sum()).item())


TREATMENT_PLANS = StagedObject(
    name="treatment_plans",
    source_table=_TABLE,
    reads=(_TABLE,),
    uses=(),
    model=TreatmentPlan,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
