"""Lines of treatment plans: the schema of ``staged.treatment_plan_lines`` and how rows of TreatmentPlanLine
become it.

A line is a procedure or a phase (extraction, graft, healing, implant, restoration) in the plan's order. Where
it works is carried as the practice wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects import local_time, source_rows, tooth_site_checks
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.corrections import Correction
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.plausible import is_implausible
from migration_assets.objects.source_rows import Kind
from migration_assets.perio.procedures import normalised_procedure_code

MOST_HEALING_WEEKS = 260
"""Five years: longer than any healing between two phases; what lies above is a mistyped number."""

_TABLE = "TreatmentPlanLine"
_KEY = "LineID"

_TEXTS = {
    "phase": "Phase",
    "description": "Description",
    "tooth_site": "ToothSite",
    "status": "Status",
}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "plan_id": "PlanID",
    "sequence": "Sequence",
    "procedure_code": "ProcedureCode",
    **_TEXTS,
    "estimated_cost": "EstimatedCost",
    "healing_weeks": "HealingWeeks",
    "scheduled_on": "ScheduledDate",
    "modified_at": "ModifiedAt",
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "PlanID": Kind.KEY,
    "Sequence": Kind.WHOLE,
    "ProcedureCode": Kind.TEXT,
    **dict.fromkeys(_TEXTS.values(), Kind.TEXT),
    "EstimatedCost": Kind.DECIMAL,
    "HealingWeeks": Kind.WHOLE,
    "ScheduledDate": Kind.DATE,
    "ModifiedAt": Kind.TIME,
}
_SENTENCES: Mapping[str, str] = {
    "cost_out_of_range": "the estimated cost is below zero",
    "invalid_procedure_code": "the procedure code isn't one of CDT (a D and four digits); it is left empty",
    "date_implausible": "the date lies before 1900 or after 2100; it is left empty",
    "healing_weeks_out_of_range": "the healing time lies outside 0 to 260 weeks; it is left empty",
}


class TreatmentPlanLine(pa.DataFrameModel):
    """``staged.treatment_plan_lines``: one row a procedure or phase.

    ``procedure_code`` is CDT, ``estimated_cost`` in the practice's currency, ``healing_weeks`` the time to
    wait after the line.
    """

    source_id: pl.String = pa.Field(unique=True)
    plan_id: pl.String
    sequence: pl.Int64 = pa.Field(nullable=True)
    phase: pl.String = pa.Field(nullable=True)
    procedure_code: pl.String = pa.Field(nullable=True)
    description: pl.String = pa.Field(nullable=True)
    tooth_site: pl.String = pa.Field(nullable=True)
    estimated_cost: Annotated[pl.Decimal, 18, 4] = pa.Field(nullable=True)
    healing_weeks: pl.Int64 = pa.Field(nullable=True)
    scheduled_on: pl.Date = pa.Field(nullable=True)
    status: pl.String = pa.Field(nullable=True)
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("procedure_code", name="invalid_procedure_code")
    @classmethod
    def _cdt(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("procedure_code").str.contains(r"^D[0-9]{4}$"))

    @pa.check("estimated_cost", name="cost_out_of_range")
    @classmethod
    def _not_negative(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("estimated_cost") >= 0)

    @pa.check("healing_weeks", name="healing_weeks_out_of_range")
    @classmethod
    def _possible_weeks(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("healing_weeks").is_between(0, MOST_HEALING_WEEKS))


_RULES = Rules("treatment_plan_lines", TreatmentPlanLine, SOURCE_COLUMNS, _SENTENCES)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of TreatmentPlanLine as ``TreatmentPlanLine`` says; a line of an unknown plan is staged too.

    A sequence number that two lines of a plan share is kept and counted: which comes first is the
    practice's to say.
    """
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    code = frame.select(normalised_procedure_code(pl.col("ProcedureCode"))).to_series()
    implausible = is_implausible(frame["ScheduledDate"])
    too_long = ~frame["HealingWeeks"].is_between(0, MOST_HEALING_WEEKS).fill_null(True)
    modified = local_time.to_utc(frame["ModifiedAt"], context.time_zone)
    corrected = [
        Correction(
            "invalid_procedure_code", "ProcedureCode", frame["ProcedureCode"].is_not_null() & code.is_null()
        ),
        Correction("date_implausible", "ScheduledDate", implausible),
        Correction("healing_weeks_out_of_range", "HealingWeeks", too_long),
    ]
    rows = frame.select(
        pl.col(_KEY).alias("source_id"),
        pl.col("PlanID").alias("plan_id"),
        pl.col("Sequence").cast(pl.Int64).alias("sequence"),
        *(pl.col(column).alias(staged) for staged, column in _TEXTS.items()),
        code.alias("procedure_code"),
        pl.col("EstimatedCost").alias("estimated_cost"),
        frame["HealingWeeks"].set(too_long, None).cast(pl.Int64).alias("healing_weeks"),
        frame["ScheduledDate"].set(implausible, None).alias("scheduled_on"),
        modified.times.alias("modified_at"),
    )
    return settle(
        _RULES,
        source,
        rows,
        corrected=corrected,
        times={"modified_at": modified},
        counted=lambda verdict: {
            "duplicate_sequence": _shared_sequences(verdict.rows),
            "unreadable_tooth_site": tooth_site_checks.unreadable(verdict.rows["tooth_site"]),
        },
    )


def _shared_sequences(rows: pl.DataFrame) -> int:
    """Lines that have a plan's sequence number together with another line of it."""
    numbered = rows.filter(pl.col("sequence").is_not_null())
    return int(numbered.select(pl.struct("plan_id", "sequence").is_duplicated().sum()).item())


TREATMENT_PLAN_LINES = StagedObject(
    name="treatment_plan_lines",
    source_table=_TABLE,
    reads=(_TABLE,),
    uses=(),
    model=TreatmentPlanLine,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
