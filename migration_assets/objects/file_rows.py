"""What letters and radiographs share: the document that a row names, its place beside the document's other
rows, its line; and a patient's chart number. No rule of either object.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from migration_assets.objects import source_rows
from migration_assets.objects.base import Staged, StagingContext, StagingInputs, by_key
from migration_assets.objects.corrections import Correction
from migration_assets.objects.source_rows import Kind

PLACES = ("first", "further", "none")
LINK_SENTENCES = {
    "document_missing": "the document isn't in the extracted documents; the row goes on without it",
    "document_rejected": "the document is among the rejects; the row goes on without it",
}


@dataclass(frozen=True)
class DocumentLinks:
    """By row: ``ids``, null where the document isn't staged; in ``missing`` and ``rejected`` rows it was
    written but isn't there, or was refused."""

    ids: pl.Series
    missing: pl.Series
    rejected: pl.Series

    def corrections(self, column: str) -> tuple[Correction, Correction]:
        """With the codes of LINK_SENTENCES."""
        return (
            Correction("document_missing", column, self.missing),
            Correction("document_rejected", column, self.rejected),
        )


def document_links(written: pl.Series, inputs: StagingInputs, context: StagingContext) -> DocumentLinks:
    """What became of the documents that rows name: reads Document, uses ``documents``."""
    known = source_rows.read(inputs, context, "Document", {"DocumentID": Kind.KEY}).frame["DocumentID"]
    staged = written.is_in(inputs.staged["documents"].rows["source_id"].implode()).fill_null(False)
    extracted = written.is_in(known.implode()).fill_null(False)
    return DocumentLinks(
        ids=written.set(~staged, None),
        missing=written.is_not_null() & ~extracted,
        rejected=extracted & ~staged,
    )


def places(rows: pl.DataFrame, at: str) -> pl.Series:
    """``place`` of staged rows: the first of a ``document_id``, a further one, or none without a document.

    The first is the one with the earliest time ``at``, rows without one last, then the lowest number.
    """
    first = (
        rows.filter(pl.col("document_id").is_not_null())
        .sort(at, *by_key(), nulls_last=True)
        .unique("document_id", keep="first", maintain_order=True)
    )
    place = (
        pl.when(pl.col("document_id").is_null())
        .then(pl.lit("none"))
        .when(pl.col("source_id").is_in(first["source_id"].implode()))
        .then(pl.lit("first"))
        .otherwise(pl.lit("further"))
    )
    return rows.select(place.alias("place")).to_series()


def line(day: pl.Expr, *texts: str, otherwise: str) -> pl.Expr:
    """``2024-05-06: to patient, Jane Smith``: what is known, on one line; ``otherwise`` where nothing is."""
    words = [pl.col(text).str.replace_all(r"\s+", " ") for text in texts]
    stated = pl.concat_str(*words, separator=", ", ignore_nulls=True).replace("", None)
    dated = pl.concat_str(day.dt.to_string("%Y-%m-%d"), stated, separator=": ", ignore_nulls=True)
    return dated.replace("", otherwise)


def chart_numbers(patient_ids: pl.Series, patients: Staged) -> pl.Series:
    """Of the staged patients; null for one that isn't there or has none."""
    known = patients.rows.select("source_id", "chart_number")
    return patient_ids.replace_strict(
        known["source_id"], known["chart_number"], default=None, return_dtype=pl.String
    ).alias("chart_number")
