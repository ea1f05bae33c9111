"""Insurances: the schema of ``staged.insurances`` and how rows of Insurance become it.

Who pays for a patient, and which of them pays first; an insurance that has ended is kept as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects import local_time, source_rows
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs, by_key
from migration_assets.objects.corrections import Correction
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.source_rows import Kind

PRIMARY, SECONDARY, OTHER = "primary", "secondary", "other"

_TABLE = "Insurance"
_KEY = "InsuranceID"

_TEXTS = {"carrier": "Carrier", "policy_number": "PolicyNumber", "group_number": "GroupNumber"}
_COVERAGES = {
    "coverage_preventive": "CoveragePreventive",
    "coverage_basic": "CoverageBasic",
    "coverage_major": "CoverageMajor",
}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "patient_id": "PatientID",
    "priority": "Priority",
    **_TEXTS,
    **_COVERAGES,
    "active": "Active",
    "modified_at": "ModifiedAt",
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "PatientID": Kind.KEY,
    "Priority": Kind.WHOLE,
    **dict.fromkeys(_TEXTS.values(), Kind.TEXT),
    **dict.fromkeys(_COVERAGES.values(), Kind.DECIMAL),
    "Active": Kind.FLAG,
    "ModifiedAt": Kind.TIME,
}
_SENTENCES: Mapping[str, str] = {
    "coverage_out_of_range": "the share that is covered lies outside 0 to 100 percent; it is left empty",
}


class Insurance(pa.DataFrameModel):
    """``staged.insurances``: one row an insurance of a patient.

    ``place``: among the patient's active ones, by ``priority`` (those without one last) and then number, the
    first is ``primary`` and the second ``secondary``; all others are ``other``. Coverages are in percent.
    ``active`` is true where the source doesn't say. ``summary`` is the whole row in one line.
    """

    source_id: pl.String = pa.Field(unique=True)
    patient_id: pl.String
    place: pl.String
    priority: pl.Int64 = pa.Field(nullable=True)
    carrier: pl.String = pa.Field(nullable=True)
    policy_number: pl.String = pa.Field(nullable=True)
    group_number: pl.String = pa.Field(nullable=True)
    coverage_preventive: Annotated[pl.Decimal, 18, 4] = pa.Field(nullable=True)
    coverage_basic: Annotated[pl.Decimal, 18, 4] = pa.Field(nullable=True)
    coverage_major: Annotated[pl.Decimal, 18, 4] = pa.Field(nullable=True)
    active: pl.Boolean
    summary: pl.String
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("^coverage_", regex=True, name="coverage_out_of_range")
    @classmethod
    def _percentage(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).is_between(0, 100))


_RULES = Rules("insurances", Insurance, {**SOURCE_COLUMNS, "place": "Priority", "summary": _KEY}, _SENTENCES)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of Insurance as ``Insurance`` says; one of an unknown patient is staged too.

    Places are given among the rows that are staged.
    """
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    modified = local_time.to_utc(frame["ModifiedAt"], context.time_zone)
    impossible = {column: ~frame[column].is_between(0, 100).fill_null(True) for column in _COVERAGES.values()}
    rows = frame.select(
        pl.col(_KEY).alias("source_id"),
        pl.col("PatientID").alias("patient_id"),
        pl.lit(OTHER).alias("place"),
        pl.col("Priority").cast(pl.Int64).alias("priority"),
        *(pl.col(column).alias(staged) for staged, column in _TEXTS.items()),
        *(frame[column].set(impossible[column], None).alias(staged) for staged, column in _COVERAGES.items()),
        pl.col("Active").fill_null(True).alias("active"),
        pl.lit("").alias("summary"),
        modified.times.alias("modified_at"),
    )
    silent = frame["Active"].is_null()
    judged = settle(
        _RULES,
        source,
        rows,
        corrected=[
            Correction("coverage_out_of_range", column, where) for column, where in impossible.items()
        ],
        times={"modified_at": modified},
        counted=lambda verdict: {"active_not_stated": int((silent & verdict.kept).sum())},
    )
    placed = judged.rows.with_columns(_places(judged.rows)).with_columns(_summary())
    return replace(judged, rows=placed)


def _places(rows: pl.DataFrame) -> pl.Series:
    active = (
        rows.filter("active")
        .sort("priority", *by_key(), nulls_last=True)
        .select("source_id", turn=pl.int_range(pl.len()).over("patient_id"))
    )
    turns = rows.select("source_id").join(active, on="source_id", how="left", maintain_order="left")["turn"]
    return turns.replace_strict({0: PRIMARY, 1: SECONDARY}, default=OTHER, return_dtype=pl.String).alias(
        "place"
    )


def _summary() -> pl.Expr:
    """``Primary (priority 1): Delta, policy 12, group G3, preventive 100 %, basic 80 %``, in one line."""
    priority = pl.format(" (priority {})", "priority").fill_null("")
    stated = pl.concat_str(
        "carrier",
        pl.lit("policy ") + pl.col("policy_number"),
        pl.lit("group ") + pl.col("group_number"),
        *(
            pl.format("{} {} %", pl.lit(name.removeprefix("coverage_")), _plain(pl.col(name)))
            for name in _COVERAGES
        ),
        pl.when(~pl.col("active")).then(pl.lit("no longer active")),
        separator=", ",
        ignore_nulls=True,
    ).replace("", "nothing stated")
    line = pl.concat_str(pl.col("place").str.to_titlecase(), priority, pl.lit(": "), stated)
    return line.str.replace_all(r"\s+", " ").alias("summary")


def _plain(percentage: pl.Expr) -> pl.Expr:
    """A decimal without the zeros behind it: 80.0000 is 80."""
    return percentage.cast(pl.String).str.replace(r"\.?0+$", "", literal=False)


INSURANCES = StagedObject(
    name="insurances",
    source_table=_TABLE,
    reads=(_TABLE,),
    uses=(),
    model=Insurance,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
