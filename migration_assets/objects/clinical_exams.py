"""Clinical exams: the schema of ``staged.clinical_exams`` and how rows of ClinicalExam become it.

The chart of an exam is an object of its own (``charting``); here stands only how much of it was refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects import local_time, source_rows
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.corrections import Correction
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.patients import birth_dates
from migration_assets.objects.plausible import EARLIEST_DATE
from migration_assets.objects.source_rows import Kind, SourceRows
from migration_assets.objects.validation import Refusal
from migration_assets.perio.teeth import NumberingSystem, normalised_numbering_system

_TABLE = "ClinicalExam"
_KEY = "ExamID"

_TIMES = {"examined_at": "ExamDate", "created_at": "CreatedAt", "modified_at": "ModifiedAt"}
_INDICES = {"plaque_index": "PlaqueIndex", "bleeding_index": "BleedingIndex"}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "patient_id": "PatientID",
    "provider_id": "ProviderID",
    "examined_on": "ExamDate",
    "charting_type": "ChartingType",
    "numbering_system": "ToothNumberingSystem",
    "notes": "Notes",
    **_INDICES,
    **_TIMES,
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "PatientID": Kind.KEY,
    "ProviderID": Kind.TEXT,
    "ChartingType": Kind.TEXT,
    "ToothNumberingSystem": Kind.TEXT,
    "Notes": Kind.TEXT,
    **dict.fromkeys(_INDICES.values(), Kind.DECIMAL),
    **dict.fromkeys(_TIMES.values(), Kind.TIME),
}
_SENTENCES: Mapping[str, str] = {
    "exam_date_implausible": "the exam lies after the day of the extraction or before 1900",
    "exam_before_birth": "the exam lies before the patient's birth date",
    "unknown_numbering_system": "the tooth numbering system is none of Universal, Palmer and FDI; it is left "
    "empty",
    "index_out_of_range": "a percentage lies outside 0 to 100; it is left empty",
}


class ClinicalExam(pa.DataFrameModel):
    """``staged.clinical_exams``: one row a charting session.

    ``examined_on`` is the practice's local day, the indices are percentages of charted sites, and
    ``rejected_teeth`` counts the exam's chart rows that were refused.
    """

    source_id: pl.String = pa.Field(unique=True)
    patient_id: pl.String
    provider_id: pl.String = pa.Field(nullable=True)
    examined_on: pl.Date
    examined_at: Annotated[pl.Datetime, "ms", "UTC"]
    charting_type: pl.String = pa.Field(nullable=True)
    numbering_system: pl.String = pa.Field(nullable=True)
    plaque_index: Annotated[pl.Decimal, 5, 2] = pa.Field(nullable=True)
    bleeding_index: Annotated[pl.Decimal, 5, 2] = pa.Field(nullable=True)
    notes: pl.String = pa.Field(nullable=True)
    rejected_teeth: pl.Int32
    chart_incomplete: pl.Boolean
    created_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("examined_on", name="exam_date_implausible")
    @classmethod
    def _plausible_date(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("examined_on") >= EARLIEST_DATE)

    @pa.check("numbering_system", name="unknown_numbering_system")
    @classmethod
    def _known_system(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(
            pl.col("numbering_system").is_in([str(each) for each in NumberingSystem])
        )

    @pa.check("_index$", regex=True, name="index_out_of_range")
    @classmethod
    def _percentage(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).is_between(0, 100))


_RULES = Rules(
    "clinical_exams",
    ClinicalExam,
    {**SOURCE_COLUMNS, "rejected_teeth": _KEY, "chart_incomplete": _KEY},
    _SENTENCES,
)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of ClinicalExam as ``ClinicalExam`` says; an exam of an unknown patient is staged all the same."""
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    day = frame["ExamDate"].dt.date()
    implausible = ((day > context.today) | (day < EARLIEST_DATE)).fill_null(False)
    born = _born(frame["PatientID"], inputs, context)
    # A date that is wrong by itself says nothing about the patient's birth.
    before_birth = (day < born).fill_null(False) & ~implausible
    system = frame.select(normalised_numbering_system(pl.col("ToothNumberingSystem"))).to_series()
    indices, out_of_range = _indices(frame)
    times = {staged: local_time.to_utc(frame[column], context.time_zone) for staged, column in _TIMES.items()}
    corrected = [
        Correction(
            "unknown_numbering_system",
            "ToothNumberingSystem",
            frame["ToothNumberingSystem"].is_not_null() & system.is_null(),
        ),
        *out_of_range,
    ]
    rows = frame.select(
        source_id=_KEY,
        patient_id="PatientID",
        provider_id="ProviderID",
        charting_type="ChartingType",
        notes="Notes",
        examined_on=day,
        numbering_system=system,
        rejected_teeth=_rejected_teeth(frame[_KEY], inputs),
        **{staged: utc.times for staged, utc in times.items()},
        **indices,
    ).with_columns(chart_incomplete=pl.col("rejected_teeth") > 0)
    return settle(
        _RULES,
        source,
        rows,
        refusals=(
            Refusal("exam_date_implausible", "ExamDate", implausible, ("examined_on", "examined_at")),
            Refusal("exam_before_birth", "ExamDate", before_birth),
        ),
        corrected=corrected,
        times=times,
    )


def _born(patient_ids: pl.Series, inputs: StagingInputs, context: StagingContext) -> pl.Series:
    """Each exam's patient's usable birth date, of a patient that was rejected too."""
    people: SourceRows = source_rows.read(
        inputs, context, "Patient", {"PatientID": Kind.KEY, "DateOfBirth": Kind.DATE}
    )
    born = birth_dates(people.frame["DateOfBirth"], context.today).usable
    by_id = people.frame.select("PatientID", born=born).unique("PatientID", keep="first")
    exams = pl.DataFrame({"PatientID": patient_ids})
    return exams.join(by_id, on="PatientID", how="left", maintain_order="left")["born"]


def _indices(frame: pl.DataFrame) -> tuple[dict[str, pl.Series], list[Correction]]:
    """Staged index -> Decimal(5, 2), and the corrections of those that are no percentage."""
    indices, out_of_range = {}, []
    for staged, column in _INDICES.items():
        wrong = ~frame[column].is_between(0, 100).fill_null(True)
        out_of_range.append(Correction("index_out_of_range", column, wrong))
        indices[staged] = frame[column].set(wrong, None).round(2).cast(pl.Decimal(5, 2))
    return indices, out_of_range


def _rejected_teeth(exam_ids: pl.Series, inputs: StagingInputs) -> pl.Series:
    """How many charted teeth of each exam were rejected, Int32; a tooth may have several source rows."""
    charting = inputs.staged["charting"]
    rejects = charting.rejects.select("parent_key", tooth="source_key")
    if charting.merged is not None:
        teeth = charting.merged.select(pl.col("source_key").alias("tooth"), "source_id")
        rejects = rejects.join(teeth, on="tooth", how="left").with_columns(tooth="source_id")
    refused = rejects.group_by("parent_key").agg(pl.col("tooth").n_unique().cast(pl.Int32).alias("rows"))
    exams = pl.DataFrame({"parent_key": exam_ids})
    return exams.join(refused, on="parent_key", how="left", maintain_order="left")["rows"].fill_null(0)


CLINICAL_EXAMS = StagedObject(
    name="clinical_exams",
    source_table=_TABLE,
    reads=(_TABLE, "Patient"),
    uses=("charting",),
    model=ClinicalExam,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
