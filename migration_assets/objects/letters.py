"""Letters: the schema of ``staged.letters`` and how rows of Letter become it.

What was sent to whom about what. The file of a letter is a document; a letter whose document isn't there
keeps all that its own row says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects import file_rows, local_time, source_rows
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.corrections import Correction
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.plausible import is_implausible
from migration_assets.objects.source_rows import Kind

LETTER_TYPES = ("to patient", "to specialist", "to referring dentist")
"""In these spellings; a practice's further types stay as it writes them."""

_TABLE = "Letter"
_KEY = "LetterID"
_TEMPLATE = "LetterTemplate"
_NOTHING_STATED = "Letter"

_TEXTS = {
    "provider_id": "ProviderID",
    "plan_id": "PlanID",
    "referral_id": "ReferralID",
    "recipient": "Recipient",
    "subject": "Subject",
}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "patient_id": "PatientID",
    **_TEXTS,
    "template": "TemplateID",
    "letter_type": "LetterType",
    "sent_at": "SentAt",
    "document_id": "DocumentID",
    "has_file": "DocumentID",
    "modified_at": "ModifiedAt",
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "PatientID": Kind.KEY,
    **dict.fromkeys(_TEXTS.values(), Kind.TEXT),
    **dict.fromkeys(("TemplateID", "LetterType", "DocumentID"), Kind.TEXT),
    **dict.fromkeys(("SentAt", "ModifiedAt"), Kind.TIME),
}
_SENTENCES: Mapping[str, str] = {
    **file_rows.LINK_SENTENCES,
    "template_missing": "the letter's template isn't there or has no name; it is left empty",
    "date_implausible": "the date lies before 1900 or after 2100; it is left empty",
}


class Letter(pa.DataFrameModel):
    """``staged.letters``: one row a letter.

    ``template`` is the template's name; ``letter_type`` one of LETTER_TYPES in its one spelling, or what the
    practice wrote. ``document_id`` is a ``source_id`` of ``staged.documents``, and ``has_file`` says whether
    there is one. ``place``: ``first`` or ``further`` of its document's letters by ``sent_at`` (those without
    one last), then by number; ``none`` without a document. ``summary`` is one line of all that is known.
    """

    source_id: pl.String = pa.Field(unique=True)
    patient_id: pl.String
    provider_id: pl.String = pa.Field(nullable=True)
    plan_id: pl.String = pa.Field(nullable=True)
    referral_id: pl.String = pa.Field(nullable=True)
    template: pl.String = pa.Field(nullable=True)
    letter_type: pl.String = pa.Field(nullable=True)
    recipient: pl.String = pa.Field(nullable=True)
    subject: pl.String = pa.Field(nullable=True)
    sent_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)
    document_id: pl.String = pa.Field(nullable=True)
    has_file: pl.Boolean
    place: pl.String
    summary: pl.String
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("place", name="unknown_place")
    @classmethod
    def _known_place(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("place").is_in(file_rows.PLACES))


_RULES = Rules("letters", Letter, {**SOURCE_COLUMNS, "place": _KEY, "summary": _KEY}, _SENTENCES)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of Letter as ``Letter`` says; one of an unknown patient, plan or referral is staged too.

    Which letter of a document is the first is told among those that are staged. Findings:
    ``letter_without_file`` and ``letter_shares_document`` (a further one of its document) count letters.
    """
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    links = file_rows.document_links(frame["DocumentID"], inputs, context)
    template = _templates(frame["TemplateID"], inputs, context)
    implausible = is_implausible(frame["SentAt"].dt.date())
    sent = frame["SentAt"].set(implausible, None)
    times = {
        "sent_at": local_time.to_utc(sent, context.time_zone),
        "modified_at": local_time.to_utc(frame["ModifiedAt"], context.time_zone),
    }
    rows = frame.select(
        pl.col(_KEY).alias("source_id"),
        pl.col("PatientID").alias("patient_id"),
        *(pl.col(column).alias(staged) for staged, column in _TEXTS.items()),
        template.alias("template"),
        _letter_type(frame["LetterType"]).alias("letter_type"),
        links.ids.alias("document_id"),
        links.ids.is_not_null().alias("has_file"),
        *(utc.times.alias(staged) for staged, utc in times.items()),
        sent.dt.date().alias("day"),
        place=pl.lit("none"),
    ).with_columns(
        file_rows.line(pl.col("day"), "letter_type", "recipient", "subject", otherwise=_NOTHING_STATED).alias(
            "summary"
        )
    )
    judged = settle(
        _RULES,
        source,
        rows,
        corrected=[
            *links.corrections("DocumentID"),
            Correction(
                "template_missing", "TemplateID", frame["TemplateID"].is_not_null() & template.is_null()
            ),
            Correction("date_implausible", "SentAt", implausible),
        ],
        times=times,
    )
    placed = judged.rows.with_columns(file_rows.places(judged.rows, "sent_at"))
    counted = {
        "letter_without_file": int((~placed["has_file"]).sum()),
        "letter_shares_document": int((placed["place"] == "further").sum()),
    }
    return replace(judged, rows=placed, findings={**counted, **judged.findings})


def _templates(numbers: pl.Series, inputs: StagingInputs, context: StagingContext) -> pl.Series:
    """The names of the templates with these numbers."""
    kinds = {"TemplateID": Kind.KEY, "Name": Kind.TEXT}
    known = source_rows.read(inputs, context, _TEMPLATE, kinds).frame
    known = known.drop_nulls("TemplateID").unique("TemplateID", keep="first", maintain_order=True)
    return numbers.replace_strict(known["TemplateID"], known["Name"], default=None, return_dtype=pl.String)


def _letter_type(written: pl.Series) -> pl.Series:
    """One spelling of each of LETTER_TYPES ("To-Patient", "to  patient"); any other as it is."""
    plain = written.str.to_lowercase().str.replace_all(r"[\s_-]+", " ")
    return plain.zip_with(plain.is_in(LETTER_TYPES).fill_null(False), written)


LETTERS = StagedObject(
    name="letters",
    source_table=_TABLE,
    reads=(_TABLE, _TEMPLATE, "Document"),
    uses=("documents",),
    model=Letter,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
