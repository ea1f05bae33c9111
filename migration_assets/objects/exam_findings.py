"""Exam findings: the schema of ``staged.exam_findings`` and how rows of ExamFinding become it.

What a practice charts beyond the measures of a tooth record, under names of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects import charted_teeth, local_time, source_rows
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.corrections import Correction
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.source_rows import Kind
from migration_assets.perio.charting import POCKET_DEPTH
from migration_assets.perio.teeth import tooth_lookup

_TABLE = "ExamFinding"
_KEY = "FindingID"

_TEXTS = {"tooth_as_charted": "Tooth", "finding_name": "FindingName", "finding_value": "FindingValue"}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "exam_id": "ExamID",
    "tooth": "Tooth",
    **_TEXTS,
    "site": "Site",
    "modified_at": "ModifiedAt",
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "ExamID": Kind.KEY,
    **dict.fromkeys(_TEXTS.values(), Kind.TEXT),
    "Site": Kind.TEXT,
    "ModifiedAt": Kind.TIME,
}
_SENTENCES: Mapping[str, str] = {
    "bad_tooth": "the tooth can't be read in its exam's numbering system; its number is left empty",
    "unknown_site": "the site is none of MB, B, DB, ML, L and DL; it is left empty",
    "missing_finding_name": "a finding without a name says nothing",
}


class ExamFinding(pa.DataFrameModel):
    """``staged.exam_findings``: one row a finding of an exam.

    ``tooth`` is the Universal code, as in ``staged.charting``, null for a finding of the whole mouth and
    where the code can't be read; ``tooth_as_charted`` is what the practice wrote.
    """

    source_id: pl.String = pa.Field(unique=True)
    exam_id: pl.String
    tooth: pl.String = pa.Field(nullable=True)
    tooth_as_charted: pl.String = pa.Field(nullable=True)
    site: pl.String = pa.Field(nullable=True)
    finding_name: pl.String
    finding_value: pl.String = pa.Field(nullable=True)
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("tooth", name="bad_tooth")
    @classmethod
    def _a_tooth(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("tooth").is_in(tooth_lookup()["universal"].unique().implode()))

    @pa.check("site", name="unknown_site")
    @classmethod
    def _known_site(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("site").is_in(POCKET_DEPTH.places))


_RULES = Rules(
    "exam_findings",
    ExamFinding,
    SOURCE_COLUMNS,
    _SENTENCES,
    null_codes={"finding_name": "missing_finding_name"},
)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of ExamFinding as ``ExamFinding`` says; one of an unknown exam is staged, its tooth unread."""
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    tooth = charted_teeth.teeth(frame, inputs, context)["universal"]
    site = frame["Site"].str.to_uppercase()
    unknown = ~site.is_in(POCKET_DEPTH.places).fill_null(True)
    modified = local_time.to_utc(frame["ModifiedAt"], context.time_zone)
    rows = frame.select(
        pl.col(_KEY).alias("source_id"),
        pl.col("ExamID").alias("exam_id"),
        tooth.alias("tooth"),
        *(pl.col(column).alias(staged) for staged, column in _TEXTS.items()),
        site.set(unknown, None).alias("site"),
        modified.times.alias("modified_at"),
    )
    return settle(
        _RULES,
        source,
        rows,
        corrected=[
            Correction("bad_tooth", "Tooth", frame["Tooth"].is_not_null() & tooth.is_null()),
            Correction("unknown_site", "Site", unknown),
        ],
        times={"modified_at": modified},
    )


EXAM_FINDINGS = StagedObject(
    name="exam_findings",
    source_table=_TABLE,
    reads=(_TABLE, "ClinicalExam"),
    uses=(),
    model=ExamFinding,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
