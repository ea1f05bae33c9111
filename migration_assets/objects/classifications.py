"""Periodontal classifications: the schema of ``staged.classifications`` and how rows of
PeriodontalClassification become it.

What the periodontist recorded, in the words of the 2017 classification; nothing is computed from a chart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects import local_time, source_rows
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs, by_key
from migration_assets.objects.corrections import Correction
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.plausible import EARLIEST_DATE
from migration_assets.objects.source_rows import Kind
from migration_assets.perio.classification import Extent, Grade, Stage, parse_extent, parse_grade, parse_stage
from migration_assets.perio.errors import UnknownClassification

_TABLE = "PeriodontalClassification"
_KEY = "ClassificationID"
_NOTHING_STATED = "Periodontal classification"

_WORDS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "stage": ("Stage", parse_stage),
    "grade": ("Grade", parse_grade),
    "extent": ("Extent", parse_extent),
}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "patient_id": "PatientID",
    "exam_id": "ExamID",
    **{staged: column for staged, (column, _) in _WORDS.items()},
    "staged_at": "StagedAt",
    "staged_on": "StagedAt",
    "modified_at": "ModifiedAt",
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "PatientID": Kind.KEY,
    "ExamID": Kind.TEXT,
    **{column: Kind.TEXT for column, _ in _WORDS.values()},
    "StagedAt": Kind.TIME,
    "ModifiedAt": Kind.TIME,
}
_SENTENCES: Mapping[str, str] = {
    "unknown_stage": "the stage is none of I to IV; it is left empty",
    "unknown_grade": "the grade is none of A, B and C; it is left empty",
    "unknown_extent": "the extent is none of localized, generalized and molar/incisor; it is left empty",
    "staged_at_implausible": "the classification lies after the day of the extraction or before 1900; its "
    "time is left empty",
}


class Classification(pa.DataFrameModel):
    """``staged.classifications``: one row a classification.

    ``staged_on`` is the practice's local day. ``summary`` is one line of all that is known. ``of_patient``
    marks the patient's latest classification and ``of_exam`` the latest of its exam: by ``staged_at``, those
    without one first, then by number.
    """

    source_id: pl.String = pa.Field(unique=True)
    patient_id: pl.String
    exam_id: pl.String = pa.Field(nullable=True)
    stage: pl.String = pa.Field(nullable=True)
    grade: pl.String = pa.Field(nullable=True)
    extent: pl.String = pa.Field(nullable=True)
    staged_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)
    staged_on: pl.Date = pa.Field(nullable=True)
    summary: pl.String
    of_patient: pl.Boolean
    of_exam: pl.Boolean
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("stage", name="unknown_stage")
    @classmethod
    def _known_stage(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("stage").is_in([str(each) for each in Stage]))

    @pa.check("grade", name="unknown_grade")
    @classmethod
    def _known_grade(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("grade").is_in([str(each) for each in Grade]))

    @pa.check("extent", name="unknown_extent")
    @classmethod
    def _known_extent(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("extent").is_in([str(each) for each in Extent]))

    @pa.check("staged_on", name="staged_at_implausible")
    @classmethod
    def _plausible_date(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("staged_on") >= EARLIEST_DATE)


_RULES = Rules(
    "classifications",
    Classification,
    {**SOURCE_COLUMNS, "summary": _KEY, "of_patient": _KEY, "of_exam": _KEY},
    _SENTENCES,
)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of PeriodontalClassification as ``Classification`` says.

    One of an unknown patient or exam is staged too. Which is the latest is told among those that are staged.
    """
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    words = {staged: _read(frame[column], parse) for staged, (column, parse) in _WORDS.items()}
    implausible = _implausible(frame["StagedAt"].dt.date(), context.today)
    staged_at = frame["StagedAt"].set(implausible, None)
    times = {
        "staged_at": local_time.to_utc(staged_at, context.time_zone),
        "modified_at": local_time.to_utc(frame["ModifiedAt"], context.time_zone),
    }
    corrected = [
        *(
            Correction(f"unknown_{staged}", column, frame[column].is_not_null() & words[staged].is_null())
            for staged, (column, _) in _WORDS.items()
        ),
        Correction("staged_at_implausible", "StagedAt", implausible),
    ]
    rows = frame.select(
        pl.col(_KEY).alias("source_id"),
        pl.col("PatientID").alias("patient_id"),
        pl.col("ExamID").alias("exam_id"),
        *(series.alias(staged) for staged, series in words.items()),
        *(utc.times.alias(staged) for staged, utc in times.items()),
        staged_at.dt.date().alias("staged_on"),
        of_patient=pl.lit(False),
        of_exam=pl.lit(False),
    ).with_columns(_summary())
    judged = settle(_RULES, source, rows, corrected=corrected, times=times)
    latest = judged.rows.with_columns(
        _latest(judged.rows, "patient_id").alias("of_patient"),
        _latest(judged.rows, "exam_id").alias("of_exam"),
    )
    return replace(judged, rows=latest)


def _read(written: pl.Series, parse: Callable[[str], str]) -> pl.Series:
    """``parse`` of every text, null where it knows none; null stays null."""
    meant: dict[str, str | None] = {}
    for text in written.drop_nulls().unique():
        try:
            meant[text] = str(parse(text))
        except UnknownClassification:
            meant[text] = None
    return written.replace_strict(meant, default=None, return_dtype=pl.String)


def _implausible(days: pl.Series, today: date) -> pl.Series:
    return ((days > today) | (days < EARLIEST_DATE)).fill_null(False)


def _summary() -> pl.Expr:
    """``2021-03-02: Stage III, Grade B, Generalized``; what is missing is left out."""
    stated = pl.concat_str(
        pl.lit("Stage ") + pl.col("stage"),
        pl.lit("Grade ") + pl.col("grade"),
        "extent",
        separator=", ",
        ignore_nulls=True,
    ).replace("", None)
    day = pl.col("staged_on").dt.to_string("%Y-%m-%d")
    line = pl.concat_str(day, stated, separator=": ", ignore_nulls=True)
    return line.replace("", _NOTHING_STATED).alias("summary")


def _latest(rows: pl.DataFrame, of: str) -> pl.Series:
    """Whether a row is the latest of all with its value of the column ``of``; false where it has none."""
    last = (
        rows.filter(pl.col(of).is_not_null())
        .sort("staged_at", *by_key(), nulls_last=[False, True, True])
        .unique(of, keep="last", maintain_order=True)
    )
    return rows["source_id"].is_in(last["source_id"].implode())


CLASSIFICATIONS = StagedObject(
    name="classifications",
    source_table=_TABLE,
    reads=(_TABLE,),
    uses=(),
    model=Classification,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
