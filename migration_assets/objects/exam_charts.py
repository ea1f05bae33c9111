"""Each exam's whole chart as a picture file, for a destination that has no room for it in fields.

What the rows and files of ``exam_charts`` are; how a chart is drawn is ``perio_chart``'s, where the files are
kept ``migration.drawn_files``'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import pandera.polars as pa
import polars as pl

from migration_assets.objects.base import CONTENT, DrawnObject
from migration_assets.objects.clinical_exams import CLINICAL_EXAMS
from migration_assets.perio_chart.model import CHART_COLUMNS, from_rows
from migration_assets.perio_chart.svg import document

EXAMS_AT_ONCE = 200
"""A batch of full charts is some 30 MB of SVG."""

SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": "ExamID",
    "patient_id": "PatientID",
    "charted": "ExamID",
    "file_name": "ExamDate",
    "bytes": "ExamID",
    "md5": "ExamID",
}
COMPUTED: Mapping[str, str] = {
    "charted": "whether any tooth of the exam is charted",
    "file_name": "made of the exam's date and number",
    "bytes": "size of the picture drawn from the exam's chart",
    "md5": "hash of the picture drawn from the exam's chart",
}
_TYPICAL_BYTES = 120_000


class ExamChart(pa.DataFrameModel):
    """``exam_charts``: one row a staged exam, drawn for a payload and never staged.

    ``charted`` where at least one chart row of the exam is staged; without one there is no file, and
    ``bytes`` and ``md5`` (lower-case hex) are null. ``file_name`` has the practice's local day of the exam.
    The file is an SVG that shows all staged values of the exam's teeth, primary and supernumerary ones too,
    and nowhere who the patient is. The same staged rows give the same file.
    """

    source_id: pl.String = pa.Field(unique=True)
    patient_id: pl.String
    charted: pl.Boolean
    file_name: pl.String
    bytes: pl.Int64 = pa.Field(nullable=True)
    md5: pl.String = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True


def draw(staged: Mapping[str, pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """As ``DrawnObject.draw``, in the exams' order."""
    exams, chart = staged["clinical_exams"], staged["charting"]
    for some in exams.iter_slices(EXAMS_AT_ONCE):
        rows = chart.filter(pl.col("exam_id").is_in(some["source_id"].implode()))
        teeth = rows.select("exam_id", *CHART_COLUMNS).rows_by_key("exam_id", named=True)
        contents = [_file(exam, teeth.get(exam["source_id"])) for exam in some.iter_rows(named=True)]
        drawn = pl.Series(CONTENT, contents, dtype=pl.Binary)
        day = pl.col("examined_on").dt.strftime("%Y-%m-%d")
        name = pl.format("Periodontal chart {} (exam {}).svg", day, "source_id")
        yield some.with_columns(drawn).select(
            "source_id",
            "patient_id",
            charted=pl.col(CONTENT).is_not_null(),
            file_name=name,
            bytes=pl.col(CONTENT).bin.size().cast(pl.Int64),
            md5=pl.Series([_md5(each) for each in contents], dtype=pl.String),
            content=pl.col(CONTENT),
        )


def _file(exam: Mapping[str, object], teeth: list[dict[str, object]] | None) -> bytes | None:
    if teeth is None:
        return None
    system = exam["numbering_system"]
    caption = f"Charted on {exam['examined_on']:%Y-%m-%d}, exam {exam['source_id']}"
    if rejected := exam["rejected_teeth"]:
        caption += f", without {rejected} {'row' if rejected == 1 else 'rows'} of the source that "
        caption += "was rejected" if rejected == 1 else "were rejected"
    return document(from_rows(teeth, None if system is None else str(system)), caption)


def _md5(content: bytes | None) -> str | None:
    return None if content is None else hashlib.md5(content, usedforsecurity=False).hexdigest()


EXAM_CHARTS = DrawnObject(
    name="exam_charts",
    of=CLINICAL_EXAMS,
    uses=("clinical_exams", "charting"),
    model=ExamChart,
    draw=draw,
    named_in=("charting", "exam_id"),
    source_columns=SOURCE_COLUMNS,
    computed=COMPUTED,
    typical_bytes=_TYPICAL_BYTES,
)
