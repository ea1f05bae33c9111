"""Summaries of charts, for a destination without room for one: the schema of ``staged.chart_summaries``.

Derived from staged exams and chart rows, which account for their rows. The figures are those of ONE exam,
the patient's latest that has a chart, and say so (``exam_id``, ``charted_on``); nothing is averaged over
exams. What a chart means clinically doesn't belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs, by_key
from migration_assets.objects.outcome import Rules, settle_derived
from migration_assets.perio import charting as perio

_TABLE = "ClinicalExam"
_OF_LATEST = "of the patient's latest exam that has a chart"

_DEPTHS = {perio.column(perio.POCKET_DEPTH, place): str(place) for place in perio.POCKET_DEPTH.places}
_RECESSIONS = [perio.column(perio.RECESSION, place) for place in perio.RECESSION.places]
_BLEEDINGS = [perio.column(perio.BLEEDING, place) for place in perio.BLEEDING.places]
_FURCATIONS = [perio.column(perio.FURCATION, place) for place in perio.FURCATION.places]

SHALLOW, DEEP = 4, 6
"""Millimetres from which a site counts as a pocket, and as a deep one: the two thresholds of the 2017
classification's case definitions (Tonetti, Greenwell and Kornman 2018) and of periodontal maintenance."""

SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": "PatientID",
    "patient_id": "PatientID",
    "exam_id": "ExamID",
    "charted_on": "ExamDate",
    "first_exam_date": "ExamDate",
    "previous_exam_date": "ExamDate",
    "last_exam_date": "ExamDate",
    "exam_dates": "ExamDate",
    "exam_count": "ExamID",
    "chart_incomplete": "ExamID",
    **dict.fromkeys(("last_pocket_depth", "pocket_depth_avg", "deepest_site"), "ExamID"),
    **dict.fromkeys(("sites_probed", "sites_4mm", "sites_6mm", "bleeding_share"), "ExamID"),
    **dict.fromkeys(("recession_max", "furcation_max", "mobility_max"), "ExamID"),
}
COMPUTED: Mapping[str, str] = {
    "exam_id": f"number {_OF_LATEST}",
    "charted_on": f"date {_OF_LATEST}",
    "last_pocket_depth": f"deepest pocket depth, in mm, {_OF_LATEST}",
    "pocket_depth_avg": f"mean of all pocket depths, in mm, {_OF_LATEST}",
    "deepest_site": f"tooth (Universal) and site of the deepest pocket {_OF_LATEST}; of several the first",
    "sites_probed": f"number of sites with a pocket depth {_OF_LATEST}",
    "sites_4mm": f"number of sites with a pocket depth of {SHALLOW} mm or more {_OF_LATEST}",
    "sites_6mm": f"number of sites with a pocket depth of {DEEP} mm or more {_OF_LATEST}",
    "bleeding_share": f"bleeding sites in percent of those charted for bleeding {_OF_LATEST}",
    "recession_max": f"largest recession, in mm, {_OF_LATEST}",
    "furcation_max": f"highest furcation grade, in the practice's own scale, {_OF_LATEST}",
    "mobility_max": f"highest mobility grade (Miller) {_OF_LATEST}",
    "chart_incomplete": f"whether rows of the chart were refused, {_OF_LATEST}",
    "first_exam_date": "date of the patient's first exam",
    "previous_exam_date": "date of the patient's last exam but one",
    "last_exam_date": "date of the patient's latest exam, with a chart or without",
    "exam_dates": "dates of all exams of the patient, one a line",
    "exam_count": "number of the patient's exams",
}
"""What each column is and of which exam, for the field inventory."""

_SENTENCES: Mapping[str, str] = {"share_out_of_range": "a share in percent lies outside 0 to 100"}


class ChartSummary(pa.DataFrameModel):
    """``staged.chart_summaries``: one row a patient with at least one staged exam, staged or not.

    ``source_id`` is the patient's. The latest exam is the one with the latest time, of several the one with
    the highest number; an exam has a chart where at least one chart row of it is staged. Without any chart
    ``exam_id`` and all figures are null; a figure is null, never 0, where its measure wasn't charted. Every
    charted row counts, whatever its tooth's status. Depths and recessions in mm (a recession below 0 is
    overgrowth), ``bleeding_share`` in percent, furcation in the profile's scale, mobility in Miller's grades.
    ``last_pocket_depth`` is the DEEPEST pocket of that exam: "last" is the exam, since one number that stands
    for a mouth is its worst; ``pocket_depth_avg`` stands beside it. ``deepest_site`` (``tooth 14 DB``) is its
    place, of equally deep ones the first by Universal number, then MB, B, DB, ML, L, DL.
    """

    source_id: pl.String = pa.Field(unique=True)
    patient_id: pl.String
    exam_id: pl.String = pa.Field(nullable=True)
    charted_on: pl.Date = pa.Field(nullable=True)
    last_pocket_depth: pl.Int64 = pa.Field(nullable=True)
    pocket_depth_avg: Annotated[pl.Decimal, 5, 2] = pa.Field(nullable=True)
    deepest_site: pl.String = pa.Field(nullable=True)
    sites_probed: pl.Int64 = pa.Field(nullable=True)
    sites_4mm: pl.Int64 = pa.Field(nullable=True)
    sites_6mm: pl.Int64 = pa.Field(nullable=True)
    bleeding_share: Annotated[pl.Decimal, 5, 2] = pa.Field(nullable=True)
    recession_max: pl.Int64 = pa.Field(nullable=True)
    furcation_max: pl.Int64 = pa.Field(nullable=True)
    mobility_max: Annotated[pl.Decimal, 2, 1] = pa.Field(nullable=True)
    chart_incomplete: pl.Boolean
    first_exam_date: pl.Date
    previous_exam_date: pl.Date = pa.Field(nullable=True)
    last_exam_date: pl.Date
    exam_dates: pl.String
    exam_count: pl.Int64

    class Config:
        strict = True
        ordered = True

    @pa.check("bleeding_share", name="share_out_of_range")
    @classmethod
    def _percentage(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("bleeding_share").is_between(0, 100))


_RULES = Rules("chart_summaries", ChartSummary, SOURCE_COLUMNS, _SENTENCES)


def stage(inputs: StagingInputs, _: StagingContext) -> Staged:
    """As ``ChartSummary`` says. Findings count patients: ``exams_without_chart`` those of whom no exam has a
    chart, ``later_exam_without_chart`` those whose figures are an earlier exam's than the latest."""
    exams, chart = inputs.staged["clinical_exams"].rows, inputs.staged["charting"].rows
    visits = _visits(exams)
    summaries = visits.join(_figures(_latest_charted(exams, chart), chart), on="patient_id", how="left")
    rows = (
        summaries.with_columns(
            pl.col("patient_id").alias("source_id"), pl.col("chart_incomplete").fill_null(False)
        )
        .select(*ChartSummary.to_schema().columns)
        .sort(*by_key(), nulls_last=True)
    )
    return settle_derived(
        _RULES,
        _TABLE,
        rows,
        lambda verdict: {
            "exams_without_chart": verdict.rows["exam_id"].null_count(),
            "later_exam_without_chart": int(
                verdict.rows.select((pl.col("charted_on") < pl.col("last_exam_date")).sum()).item()
            ),
        },
    )


def _in_order(exams: pl.DataFrame) -> pl.DataFrame:
    return exams.sort("examined_at", *by_key())


def _visits(exams: pl.DataFrame) -> pl.DataFrame:
    """patient_id and the dates of all exams."""
    day = pl.col("examined_on")
    return (
        _in_order(exams)
        .group_by("patient_id", maintain_order=True)
        .agg(
            first_exam_date=day.first(),
            previous_exam_date=pl.when(pl.len() > 1).then(day.get(-2, null_on_oob=True)),
            last_exam_date=day.last(),
            exam_dates=day.dt.strftime("%Y-%m-%d").str.join("\n"),
            exam_count=pl.len().cast(pl.Int64),
        )
    )


def _latest_charted(exams: pl.DataFrame, chart: pl.DataFrame) -> pl.DataFrame:
    """patient_id, exam_id, charted_on, chart_incomplete of each patient's latest exam with a chart."""
    charted = exams.filter(pl.col("source_id").is_in(chart["exam_id"].unique().implode()))
    return (
        _in_order(charted)
        .unique("patient_id", keep="last", maintain_order=True)
        .select(
            "patient_id",
            pl.col("source_id").alias("exam_id"),
            pl.col("examined_on").alias("charted_on"),
            "chart_incomplete",
        )
    )


def _figures(latest: pl.DataFrame, chart: pl.DataFrame) -> pl.DataFrame:
    """``latest`` with the figures of its exams' charts."""
    rows = chart.join(latest.select("exam_id"), on="exam_id", how="semi")
    of_teeth = rows.group_by("exam_id").agg(
        bled=pl.sum_horizontal(pl.col(name).sum() for name in _BLEEDINGS).cast(pl.Int64),
        judged=pl.sum_horizontal(pl.col(name).count() for name in _BLEEDINGS).cast(pl.Int64),
        recession_max=pl.max_horizontal(pl.col(name).max() for name in _RECESSIONS).cast(pl.Int64),
        furcation_max=pl.max_horizontal(pl.col(name).max() for name in _FURCATIONS).cast(pl.Int64),
        mobility_max=pl.col("mobility").max(),
    )
    share = (pl.col("bled") * 100 / pl.col("judged")).round(2, mode="half_away_from_zero")
    return (
        latest.join(of_teeth, on="exam_id", how="left")
        .join(_pockets(rows), on="exam_id", how="left")
        .with_columns(
            pl.when(pl.col("judged") > 0).then(share).cast(pl.Decimal(5, 2)).alias("bleeding_share")
        )
    )


def _pockets(rows: pl.DataFrame) -> pl.DataFrame:
    """exam_id and what its pocket depths say; no row where none was charted."""
    sites = (
        rows.select("exam_id", "universal", "slot", *_DEPTHS)
        .unpivot(
            list(_DEPTHS), index=("exam_id", "universal", "slot"), variable_name="column", value_name="depth"
        )
        .filter(pl.col("depth").is_not_null())
        .with_columns(
            pl.col("depth").cast(pl.Int64),
            place=pl.col("column").replace_strict(
                list(_DEPTHS), list(range(len(_DEPTHS))), return_dtype=pl.Int8
            ),
            site=pl.col("column").replace_strict(_DEPTHS, return_dtype=pl.String),
        )
        .sort("exam_id", "slot", "universal", "place", nulls_last=True)
    )
    depth = pl.col("depth")
    # Hundredths are counted in whole numbers, so that 2.675 is rounded as people do it.
    mean = (depth.sum() * 200 + pl.len()) // (pl.len() * 2)
    deepest = pl.format("tooth {} {}", "universal", "site").get(depth.arg_max())
    return sites.group_by("exam_id", maintain_order=True).agg(
        last_pocket_depth=depth.max(),
        pocket_depth_avg=(mean.cast(pl.Decimal(18, 2)) / 100).cast(pl.Decimal(5, 2)),
        deepest_site=deepest,
        sites_probed=pl.len().cast(pl.Int64),
        sites_4mm=(depth >= SHALLOW).sum().cast(pl.Int64),
        sites_6mm=(depth >= DEEP).sum().cast(pl.Int64),
    )


CHART_SUMMARIES = StagedObject(
    name="chart_summaries",
    source_table=_TABLE,
    reads=(_TABLE,),
    uses=("clinical_exams", "charting"),
    model=ChartSummary,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
    derived=True,
    computed=COMPUTED,
    belongs_by=("source_id", "Patient"),
)
