"""Which tooth a chart's row means: its code read in the numbering system of its own exam, never guessed."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from migration_assets.objects import source_rows
from migration_assets.objects.base import StagingContext, StagingInputs
from migration_assets.objects.source_rows import Kind
from migration_assets.objects.validation import Refusal
from migration_assets.perio.teeth import normalised_numbering_system, normalised_tooth, tooth_lookup

SENTENCES = {
    "no_numbering_system": "the exam doesn't state a tooth numbering system; a code alone is ambiguous",
    "unknown_numbering_system": "the exam's tooth numbering system is none of Universal, Palmer and FDI",
    "invalid_tooth": "the tooth is none in the exam's numbering system",
    "duplicate_tooth": "the exam charts this tooth more than once; none of the rows can be preferred",
    "orphan_chart_row": "the exam of this row isn't in the extracted exams",
}


def teeth(rows: pl.DataFrame, inputs: StagingInputs, context: StagingContext) -> pl.DataFrame:
    """For each of ``rows`` (logical ExamID and Tooth), in their order.

    Columns: ``written`` (the code's one spelling), ``exam`` (whether it exists), ``stated`` and ``system``
    (its numbering as written and as known), ``universal``, ``slot``, ``entrances``.
    """
    kinds = {"ExamID": Kind.KEY, "ToothNumberingSystem": Kind.TEXT}
    exams = (
        source_rows.read(inputs, context, "ClinicalExam", kinds)
        .frame.unique("ExamID", keep="first")
        .select(
            "ExamID",
            exam=pl.lit(True),
            stated="ToothNumberingSystem",
            system=normalised_numbering_system(pl.col("ToothNumberingSystem")),
        )
    )
    return (
        rows.select("ExamID", written=normalised_tooth(pl.col("Tooth")))
        .join(exams, on="ExamID", how="left", maintain_order="left")
        .join(
            tooth_lookup(),
            left_on=["system", "written"],
            right_on=["numbering_system", "tooth"],
            how="left",
            maintain_order="left",
        )
        .with_columns(pl.col("exam").fill_null(False))
    )


def refusals(rows: pl.DataFrame, found: pl.DataFrame) -> Iterator[Refusal]:
    """Why a row's tooth can't be told, or isn't the only one; the first reason of a row is the only one.

    ``rows`` are staged chart rows, ``found`` what ``teeth`` says of them.
    """
    exists, stated, known = found["exam"], found["stated"].is_not_null(), found["system"].is_not_null()
    a_tooth = found["universal"].is_not_null()
    read_as = ("tooth", "universal", "slot")
    yield Refusal("orphan_chart_row", "ExamID", ~exists, ("exam_id", *read_as))
    yield Refusal("no_numbering_system", "Tooth", exists & ~stated, read_as)
    yield Refusal("unknown_numbering_system", "Tooth", stated & ~known, read_as)
    yield Refusal("invalid_tooth", "Tooth", known & ~a_tooth, read_as)
    repeated = rows.select("exam_id", "universal").is_duplicated() & a_tooth
    yield Refusal("duplicate_tooth", "Tooth", repeated, read_as)
