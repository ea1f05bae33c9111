"""Clinical notes: the schema of ``staged.clinical_notes`` and how rows of ClinicalNote become it.

A note is split into its SOAP parts or has one body, which may be rich text; how that is read stands in
``readable_text``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import pandera.polars as pa
import polars as pl

from migration_assets.objects import local_time, readable_text, source_rows
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.readable_text import TextFormat, UnreadableRtf
from migration_assets.objects.source_rows import Kind, SourceRows
from migration_assets.objects.treatment_plans import TITLE_LENGTH
from migration_assets.objects.validation import Verdict

_TABLE = "ClinicalNote"
_KEY = "NoteID"
_UNTITLED = "Clinical note"

_PARTS = {"subjective": "Subjective", "objective": "Objective", "assessment": "Assessment", "plan": "Plan"}
_TEXTS = {
    "appointment_id": "AppointmentID",
    "provider_id": "ProviderID",
    "note_type": "NoteType",
    **_PARTS,
}
_TIMES = {"created_at": "CreatedAt", "modified_at": "ModifiedAt"}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "patient_id": "PatientID",
    **_TEXTS,
    "title": "NoteType",
    "body": "Body",
    "body_format": "Body",
    "body_original": "Body",
    "noted_at": "CreatedAt",
    **_TIMES,
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "PatientID": Kind.KEY,
    **dict.fromkeys(_TEXTS.values(), Kind.TEXT),
    "Body": Kind.TEXT,
    **dict.fromkeys(_TIMES.values(), Kind.TIME),
}


class ClinicalNote(pa.DataFrameModel):
    """``staged.clinical_notes``: one row a note.

    ``title`` names the record: the note's type and local day, at most TITLE_LENGTH characters. ``body`` is
    plain text with its lines, whatever ``body_format`` says of the source; ``body_original`` is the markup
    as it stands in the source, null for plain text. ``noted_at`` is when the note was written.
    """

    source_id: pl.String = pa.Field(unique=True)
    patient_id: pl.String
    appointment_id: pl.String = pa.Field(nullable=True)
    provider_id: pl.String = pa.Field(nullable=True)
    note_type: pl.String = pa.Field(nullable=True)
    title: pl.String
    subjective: pl.String = pa.Field(nullable=True)
    objective: pl.String = pa.Field(nullable=True)
    assessment: pl.String = pa.Field(nullable=True)
    plan: pl.String = pa.Field(nullable=True)
    body: pl.String = pa.Field(nullable=True)
    body_format: pl.String = pa.Field(nullable=True)
    body_original: pl.String = pa.Field(nullable=True)
    noted_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)
    created_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True


_RULES = Rules("clinical_notes", ClinicalNote, SOURCE_COLUMNS, {})


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of ClinicalNote as ``ClinicalNote`` says; one of an unknown patient or visit is staged too.

    Findings count the bodies whose RTF can't be read (they stay as they are), those with words struck out
    or with more than text, and the notes of which a SOAP part is markup (it stays as it is).
    """
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    bodies = _bodies(source)
    times = {staged: local_time.to_utc(frame[column], context.time_zone) for staged, column in _TIMES.items()}
    rows = frame.select(
        pl.col(_KEY).alias("source_id"),
        pl.col("PatientID").alias("patient_id"),
        *(pl.col(column).alias(staged) for staged, column in _TEXTS.items()),
        _title(),
        *bodies.select("body", "body_format", "body_original"),
        *(utc.times.alias(staged) for staged, utc in times.items()),
        times["created_at"].times.alias("noted_at"),
    )
    return settle(
        _RULES,
        source,
        rows,
        times=times,
        counted=lambda verdict: _findings(verdict, bodies.filter(verdict.kept)),
    )


def _title() -> pl.Expr:
    """``Progress note 2024-05-06``."""
    written = pl.col("NoteType").str.replace_all(r"\s+", " ")
    named = pl.when(written.str.contains(r"(?i)\bnotes?$")).then(written).otherwise(written + " note")
    day = pl.col("CreatedAt").dt.to_string("%Y-%m-%d")
    kind = named.fill_null(_UNTITLED)
    room = TITLE_LENGTH - len(" 2024-05-06")
    short = pl.when(kind.str.len_chars() > room).then(kind.str.slice(0, room - 1) + "…").otherwise(kind)
    return pl.concat_str(short, day, separator=" ", ignore_nulls=True).alias("title")


@dataclass(frozen=True)
class _Body:
    """One body as staged, and what deserves a look."""

    body: str | None
    body_format: str
    body_original: str | None
    rtf_unreadable: bool = False
    struck_out_text: bool = False
    more_than_text: bool = False


_LOOKS = ("rtf_unreadable", "struck_out_text", "more_than_text")


def _bodies(source: SourceRows) -> pl.DataFrame:
    """body, body_format, body_original and a Boolean for each of ``_LOOKS``; a row for each of the source."""
    schema = {
        **dict.fromkeys(("body", "body_format", "body_original"), pl.String),
        **dict.fromkeys(_LOOKS, pl.Boolean),
    }
    written = pl.DataFrame({"text": source.frame["Body"], "verbatim": source.original("Body")})
    read = {verbatim: vars(_body(text, verbatim)) for text, verbatim in written.drop_nulls().unique().rows()}
    nothing = dict.fromkeys(schema)
    found = [nothing if text is None else read[verbatim] for text, verbatim in written.rows()]
    return pl.DataFrame(found, schema=schema).with_columns(pl.col(_LOOKS).fill_null(False))


def _body(text: str, verbatim: str) -> _Body:
    written = readable_text.format_of(text)
    if written is TextFormat.PLAIN:
        return _Body(text, str(written), None)
    unreadable = False
    if written is TextFormat.HTML:
        plain = readable_text.text_of_html(text)
    else:
        try:
            plain = readable_text.text_of_rtf(text)
        except UnreadableRtf:
            plain, unreadable = text, True
    return _Body(
        plain or None,
        str(written),
        verbatim,
        rtf_unreadable=unreadable,
        struck_out_text=readable_text.has_struck_text(text, written),
        more_than_text=readable_text.has_more_than_text(text, written),
    )


def _findings(verdict: Verdict, bodies: pl.DataFrame) -> dict[str, int]:
    return {
        **{name: int(bodies[name].sum()) for name in _LOOKS},
        "markup_in_part": _with_markup_in_part(verdict.rows),
    }


def _with_markup_in_part(rows: pl.DataFrame) -> int:
    """Notes of which a SOAP part is RTF or HTML."""
    marked = [
        any(part is not None and readable_text.format_of(part) is not TextFormat.PLAIN for part in parts)
        for parts in rows.select(*_PARTS).iter_rows()
    ]
    return sum(marked)


CLINICAL_NOTES = StagedObject(
    name="clinical_notes",
    source_table=_TABLE,
    reads=(_TABLE,),
    uses=(),
    model=ClinicalNote,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
