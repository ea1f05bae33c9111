"""Charted teeth: the schema of ``staged.charting`` and how rows of PeriodontalCharting become it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Annotated, ClassVar

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects import charted_teeth, local_time, measure_rows, source_rows
from migration_assets.objects.base import REJECT_COLUMNS, Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.corrections import Correction
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.source_rows import Kind, SourceRows, canonical_recession
from migration_assets.objects.validation import Refusal
from migration_assets.perio import charting as perio
from migration_assets.perio.teeth import tooth_lookup
from migration_assets.perio.vocabulary import TOOTH_STATUSES

_TABLE = "PeriodontalCharting"
_KEY = "ChartingID"

_PREFIXES = {
    perio.POCKET_DEPTH: "PocketDepth",
    perio.RECESSION: "Recession",
    perio.BLEEDING: "BOP",
    perio.SUPPURATION: "Suppuration",
    perio.PLAQUE: "Plaque",
    perio.MOBILITY: "Mobility",
    perio.FURCATION: "Furcation",
}


def _measured(*measures: perio.Measure) -> dict[str, str]:
    """Staged column -> logical source column of each measure's places."""
    return {
        perio.column(measure, place): _PREFIXES[measure] + (f"_{place}" if place else "")
        for measure in measures
        for place in (measure.places or (None,))
    }


_NUMBERS = _measured(perio.POCKET_DEPTH, perio.RECESSION, perio.FURCATION)
_FLAGS = _measured(perio.BLEEDING, perio.SUPPURATION, perio.PLAQUE)
_RECESSIONS = _measured(perio.RECESSION)
_FURCATIONS = _measured(perio.FURCATION)
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "exam_id": "ExamID",
    "tooth": "Tooth",
    "universal": "Tooth",
    "slot": "Tooth",
    "status": "ToothStatus",
    "mobility": "Mobility",
    **_NUMBERS,
    **_FLAGS,
    "modified_at": "ModifiedAt",
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "ExamID": Kind.KEY,
    "Tooth": Kind.TEXT,
    "ToothStatus": Kind.TEXT,
    "Mobility": Kind.DECIMAL,
    **dict.fromkeys(_NUMBERS.values(), Kind.WHOLE),
    **dict.fromkeys(_FLAGS.values(), Kind.FLAG),
    "ModifiedAt": Kind.TIME,
}
_SENTENCES: Mapping[str, str] = {
    **charted_teeth.SENTENCES,
    **measure_rows.SENTENCES,
    "pocket_depth_out_of_range": "a pocket depth lies outside 0 to 19 mm",
    "recession_out_of_range": "a recession lies outside -9 (overgrowth) to 20 mm",
    "mobility_out_of_range": "a mobility is none of 0 to 3 in half grades",
    "furcation_out_of_range": "a furcation is no grade of the profile's scale",
    "unknown_tooth_status": "the tooth's status is none of the known words; it is left empty",
}
# What Decimal(2, 1) can hold and the model refuses: stands for every grade that isn't a half step.
_NO_GRADE = Decimal("9.9")
_INT16 = 2**15 - 1


class Chart(pa.DataFrameModel):
    """``staged.charting``: one row a charted tooth of an exam, sorted by exam.

    ``tooth`` is as written, ``universal`` its Universal code, ``slot`` 1-32 (null for primary and
    supernumerary teeth). Depths in mm; recession in mm, positive where the margin lies apical of the CEJ;
    mobility in Miller's grades; furcation in the grades of the profile's scale, by entrance. Null is not
    charted, 0 and false are charted.
    """

    source_id: pl.String = pa.Field(unique=True)
    exam_id: pl.String
    tooth: pl.String
    universal: pl.String
    slot: pl.Int8 = pa.Field(nullable=True)
    status: pl.String = pa.Field(nullable=True)
    pocket_depth_mb: pl.Int16 = pa.Field(nullable=True)
    pocket_depth_b: pl.Int16 = pa.Field(nullable=True)
    pocket_depth_db: pl.Int16 = pa.Field(nullable=True)
    pocket_depth_ml: pl.Int16 = pa.Field(nullable=True)
    pocket_depth_l: pl.Int16 = pa.Field(nullable=True)
    pocket_depth_dl: pl.Int16 = pa.Field(nullable=True)
    recession_mb: pl.Int16 = pa.Field(nullable=True)
    recession_b: pl.Int16 = pa.Field(nullable=True)
    recession_db: pl.Int16 = pa.Field(nullable=True)
    recession_ml: pl.Int16 = pa.Field(nullable=True)
    recession_l: pl.Int16 = pa.Field(nullable=True)
    recession_dl: pl.Int16 = pa.Field(nullable=True)
    bleeding_mb: pl.Boolean = pa.Field(nullable=True)
    bleeding_b: pl.Boolean = pa.Field(nullable=True)
    bleeding_db: pl.Boolean = pa.Field(nullable=True)
    bleeding_ml: pl.Boolean = pa.Field(nullable=True)
    bleeding_l: pl.Boolean = pa.Field(nullable=True)
    bleeding_dl: pl.Boolean = pa.Field(nullable=True)
    suppuration_mb: pl.Boolean = pa.Field(nullable=True)
    suppuration_b: pl.Boolean = pa.Field(nullable=True)
    suppuration_db: pl.Boolean = pa.Field(nullable=True)
    suppuration_ml: pl.Boolean = pa.Field(nullable=True)
    suppuration_l: pl.Boolean = pa.Field(nullable=True)
    suppuration_dl: pl.Boolean = pa.Field(nullable=True)
    plaque_mb: pl.Boolean = pa.Field(nullable=True)
    plaque_b: pl.Boolean = pa.Field(nullable=True)
    plaque_db: pl.Boolean = pa.Field(nullable=True)
    plaque_ml: pl.Boolean = pa.Field(nullable=True)
    plaque_l: pl.Boolean = pa.Field(nullable=True)
    plaque_dl: pl.Boolean = pa.Field(nullable=True)
    mobility: Annotated[pl.Decimal, 2, 1] = pa.Field(nullable=True)
    furcation_m: pl.Int16 = pa.Field(nullable=True)
    furcation_d: pl.Int16 = pa.Field(nullable=True)
    furcation_b: pl.Int16 = pa.Field(nullable=True)
    furcation_l: pl.Int16 = pa.Field(nullable=True)
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True
        unique: ClassVar[list[str]] = ["exam_id", "universal"]

    @pa.check("universal", name="invalid_tooth")
    @classmethod
    def _a_tooth(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(
            pl.col("universal").is_in(tooth_lookup()["universal"].unique().implode())
        )

    @pa.check("status", name="unknown_tooth_status")
    @classmethod
    def _known_status(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("status").is_in(TOOTH_STATUSES))

    @pa.check("^pocket_depth_", regex=True, name="pocket_depth_out_of_range")
    @classmethod
    def _depth(cls, data: PolarsData) -> pl.LazyFrame:
        return _within(data, perio.POCKET_DEPTH)

    @pa.check("^recession_", regex=True, name="recession_out_of_range")
    @classmethod
    def _recession(cls, data: PolarsData) -> pl.LazyFrame:
        return _within(data, perio.RECESSION)

    @pa.check("mobility", name="mobility_out_of_range")
    @classmethod
    def _mobility(cls, data: PolarsData) -> pl.LazyFrame:
        return _within(data, perio.MOBILITY)

    @pa.check("^furcation_", regex=True, name="furcation_out_of_range")
    @classmethod
    def _furcation(cls, data: PolarsData) -> pl.LazyFrame:
        return _within(data, perio.FURCATION)


def _within(data: PolarsData, measure: perio.Measure) -> pl.LazyFrame:
    value = pl.col(data.key or "*")
    good = value.is_between(measure.low, measure.high)
    if measure.step != 1:
        good &= value.cast(pl.Float64) % float(measure.step) == 0
    return data.lazyframe.select(good)


@dataclass(frozen=True)
class _Read:
    """The chart's teeth as read, whatever the table's shape: ``columns`` are staged -> logical source ones,
    the others ``measure_rows.MergedRows``'s where a tooth has several rows."""

    source: SourceRows
    columns: Mapping[str, str]
    refusals: tuple[Refusal, ...] = ()
    parts: pl.DataFrame | None = None
    rejects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECT_COLUMNS))
    findings: Mapping[str, int] = field(default_factory=dict)


def _read(inputs: StagingInputs, context: StagingContext) -> _Read:
    if context.profile.chart.shape == "tooth_row":
        rows = source_rows.read(inputs, context, _TABLE, _KINDS, order_by="ExamID")
        return _Read(rows, SOURCE_COLUMNS)
    merged = measure_rows.read(inputs, context, _KINDS)
    columns = {**SOURCE_COLUMNS, **measure_rows.source_columns(measure_rows.conventions(context))}
    return _Read(merged.source, columns, merged.refusals, merged.parts, merged.rejects, merged.findings)


def _rules(columns: Mapping[str, str]) -> Rules:
    unique = ("duplicate_tooth", "universal")
    return Rules("charting", Chart, columns, _SENTENCES, unique_code=unique, parent="exam_id")


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of PeriodontalCharting as ``Chart`` says, each tooth read in its exam's numbering system.

    Rows of an exam that is itself rejected are staged: their exam holds them back. Where the table has a
    row for each measure, ``source_id`` is ``<exam>-<Universal code>`` and rejects name the source's rows.
    """
    chart = _read(inputs, context)
    source = chart.source
    teeth = charted_teeth.teeth(source.frame, inputs, context)
    status = source.frame["ToothStatus"].str.to_lowercase()
    unknown = (~status.is_in(TOOTH_STATUSES)).fill_null(False)
    modified = local_time.to_utc(source.frame["ModifiedAt"], context.time_zone)
    rows = source.frame.select(
        pl.col(_KEY).alias("source_id"),
        pl.col("ExamID").alias("exam_id"),
        pl.col("Tooth").alias("tooth"),
        teeth["universal"],
        teeth["slot"],
        status.set(unknown, None).alias("status"),
        *_numbers(context),
        *(pl.col(logical).alias(staged) for staged, logical in _FLAGS.items()),
        _mobility(),
        modified.times.alias("modified_at"),
    ).select(*Chart.to_schema().columns)
    staged = settle(
        _rules(chart.columns),
        source,
        rows,
        refusals=(
            *charted_teeth.refusals(rows, teeth),
            *_above_scale(rows, context, chart.columns),
            *chart.refusals,
        ),
        corrected=[Correction("unknown_tooth_status", chart.columns["status"], unknown)],
        times={"modified_at": modified},
        counted=lambda verdict: {
            **_findings(verdict.rows, teeth["entrances"].filter(verdict.kept)),
            **chart.findings,
        },
    )
    return staged if chart.parts is None else _by_source_row(staged, chart.parts, chart.rejects)


def _by_source_row(staged: Staged, parts: pl.DataFrame, rejects: pl.DataFrame) -> Staged:
    """Rejects and corrections of teeth, named by the source's own rows: all of a tooth, a status' own.

    Rows of a tooth that is charted a second time are parts of a second tooth, which is refused with the
    first: so many charted teeth count as rejected as where each has a row.
    """
    again = pl.concat_str("source_id", pl.lit("#"), "time")
    charted = pl.when(pl.col("time") > 1).then(again).otherwise("source_id")
    of_tooth = parts.select(
        pl.col("source_id").alias("source_key"), pl.col("source_key").alias("_row"), "kind"
    )
    refused = staged.rejects.join(of_tooth, on="source_key", how="left", maintain_order="left")
    of_status = of_tooth.filter(pl.col("kind") == "status").unique("source_key", keep="first")
    changed = staged.corrections.join(of_status, on="source_key", how="left", maintain_order="left")
    return replace(
        staged,
        rejects=pl.concat([refused.with_columns(source_key="_row").select(*REJECT_COLUMNS), rejects]),
        corrections=changed.with_columns(source_key="_row").select(staged.corrections.columns),
        merged=parts.select(
            pl.lit("charting").alias("object"), "source_key", charted.alias("source_id"), "excused"
        ),
    )


def _above_scale(
    rows: pl.DataFrame, context: StagingContext, columns: Mapping[str, str]
) -> Iterator[Refusal]:
    """Grades that Glickman's scale has and the profile's doesn't; the model knows only the widest scale."""
    scale = perio.FurcationScale(context.profile.chart.furcation_scale)
    high = perio.furcation_high(scale)
    for staged in _FURCATIONS:
        yield Refusal("furcation_out_of_range", columns[staged], rows[staged] > high, (staged,))


def _numbers(context: StagingContext) -> Iterator[pl.Expr]:
    for staged, logical in _NUMBERS.items():
        value = pl.col(logical)
        if staged in _RECESSIONS:
            value = canonical_recession(value, context.profile.chart)
        # What Int16 can't hold is out of every range; the nearest that it holds is refused just as well.
        yield value.clip(-_INT16, _INT16).cast(pl.Int16).alias(staged)


def _mobility() -> pl.Expr:
    grade = pl.col("Mobility")
    held = grade.is_between(0, 9) & (grade * 10 == (grade * 10).floor())
    return (
        pl.when(held | grade.is_null())
        .then(grade)
        .otherwise(_NO_GRADE)
        .cast(pl.Decimal(2, 1))
        .alias("mobility")
    )


def _findings(rows: pl.DataFrame, entrances: pl.Series) -> dict[str, int]:
    counted = rows.with_columns(entrances.alias("entrances")).select(
        half_grade_mobility=pl.col("mobility").cast(pl.Float64) % 1 != 0,
        furcation_without_entrance=pl.any_horizontal(
            pl.col(staged).is_not_null() & ~pl.col("entrances").str.contains(logical[-1], literal=True)
            for staged, logical in _FURCATIONS.items()
        ),
        measures_on_missing_tooth=(pl.col("status") == "missing")
        & pl.any_horizontal(pl.col(*_NUMBERS, "mobility").is_not_null(), pl.col(*_FLAGS).fill_null(False)),
    )
    return {name: int(counted[name].sum()) for name in counted.columns}


CHARTING = StagedObject(
    name="charting",
    source_table=_TABLE,
    reads=(_TABLE, "ClinicalExam"),
    uses=(),
    model=Chart,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
    belongs_by=("exam_id", "ClinicalExam"),
)
