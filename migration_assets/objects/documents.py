"""Documents: the schema of ``staged.documents`` and how rows of Document become it.

A row is a file in the database, be it a letter, a radiograph or a scanned paper. Its content stays there:
only its size and its hash, which the server computed, are staged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.errors import SourceColumnMissing
from migration_assets.objects import file_names, file_rows, local_time, source_rows
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.corrections import Correction
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.plausible import is_implausible
from migration_assets.objects.source_rows import Kind
from migration_assets.objects.validation import Refusal

_TABLE = "Document"
_KEY = "DocumentID"
_CONTENT = "Content"
_OF_CONTENT = ("bytes", "md5")
_OWNERS = {"letter": "Letter", "radiograph": "Radiograph"}
_KINDS_OF_FILES = (*_OWNERS, "document")

SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "patient_id": "PatientID",
    "title": "FileName",
    "file_name": "FileName",
    "mime_type": "MimeType",
    **dict.fromkeys(_OF_CONTENT, _CONTENT),
    "created_at": "CreatedAt",
    "modified_at": "ModifiedAt",
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    **dict.fromkeys(("PatientID", "FileName", "MimeType"), Kind.TEXT),
    **dict.fromkeys(("CreatedAt", "ModifiedAt"), Kind.TIME),
}
_SENTENCES: Mapping[str, str] = {
    "content_missing": "the document has no content (NULL), so there is no file",
    "content_empty": "the document's content is 0 bytes long, so there is no file",
    "control_characters_removed": "the file name held control characters; they are left out",
    "extension_added": "the file name had no extension; that of its MIME type is added",
    "file_name_missing": "the document has no file name; it is named after its number",
    "date_implausible": "the date lies before 1900 or after 2100; it is left empty",
}


class Document(pa.DataFrameModel):
    """``staged.documents``: one row a file.

    ``patient_id`` is null for a paper of nobody's, ``chart_number`` that of the staged patient. ``kind`` is
    letter, radiograph or document: whether a row of Letter, else one of Radiograph, names it. ``bytes`` is
    the content's size, ``md5`` its hash in lower-case hex.
    """

    source_id: pl.String = pa.Field(unique=True)
    patient_id: pl.String = pa.Field(nullable=True)
    title: pl.String
    file_name: pl.String
    mime_type: pl.String = pa.Field(nullable=True)
    kind: pl.String
    chart_number: pl.String = pa.Field(nullable=True)
    bytes: pl.Int64
    md5: pl.String
    created_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("bytes", name="content_empty")
    @classmethod
    def _some_content(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("bytes") > 0)

    @pa.check("md5", name="unreadable_value")
    @classmethod
    def _an_md5(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("md5").str.contains("^[0-9a-f]{32}$"))

    @pa.check("kind", name="unknown_kind")
    @classmethod
    def _known_kind(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("kind").is_in(_KINDS_OF_FILES))


_RULES = Rules(
    "documents", Document, {**SOURCE_COLUMNS, "kind": _KEY, "chart_number": "PatientID"}, _SENTENCES
)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of Document as ``Document`` says; one of an unknown patient is staged too.

    Findings: ``document_of_nobody`` counts those without a patient. Raises SourceColumnMissing where the
    extraction has neither size nor hash of the contents.
    """
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    content = _content(inputs, context)
    names, corrected = _names(frame)
    implausible = is_implausible(frame["CreatedAt"].dt.date())
    created = frame["CreatedAt"].set(implausible, None)
    times = {
        "created_at": local_time.to_utc(created, context.time_zone),
        "modified_at": local_time.to_utc(frame["ModifiedAt"], context.time_zone),
    }
    rows = frame.select(
        pl.col(_KEY).alias("source_id"),
        pl.col("PatientID").alias("patient_id"),
        file_names.titles(names).alias("title"),
        names.alias("file_name"),
        pl.col("MimeType").alias("mime_type"),
        _kind(frame[_KEY], inputs, context),
        file_rows.chart_numbers(frame["PatientID"], inputs.staged["patients"]),
        *content.get_columns(),
        *(utc.times.alias(staged) for staged, utc in times.items()),
    )
    missing, size = content["bytes"].is_null(), content["bytes"].fill_null(1)
    return settle(
        _RULES,
        source,
        rows,
        refusals=[
            Refusal("content_missing", _CONTENT, missing, _OF_CONTENT),
            Refusal("content_empty", _CONTENT, size == 0, _OF_CONTENT),
        ],
        corrected=[*corrected, Correction("date_implausible", "CreatedAt", implausible)],
        times=times,
        counted=lambda verdict: {"document_of_nobody": verdict.rows["patient_id"].null_count()},
    )


def _content(inputs: StagingInputs, context: StagingContext) -> pl.DataFrame:
    """bytes, md5 of each row's content, as the extraction has put them beside the blob."""
    raw = inputs.raw[_TABLE]
    present = {name.casefold(): name for name in raw.columns}
    actual = context.profile.table(_TABLE).actual(_CONTENT)
    found = {}
    for staged in _OF_CONTENT:
        name = f"{actual}__{staged}"
        if name.casefold() not in present:
            raise SourceColumnMissing(
                f"the extracted table {_TABLE} has no column '{name}', which the extraction computes of each "
                "content; extract the table again"
            )
        found[staged] = pl.col(present[name.casefold()])
    return raw.select(found["bytes"].cast(pl.Int64).alias("bytes"), found["md5"].cast(pl.String).alias("md5"))


def _names(frame: pl.DataFrame) -> tuple[pl.Series, list[Correction]]:
    """The name of each file, and what was changed in it."""
    written = frame["FileName"]
    clean = file_names.without_controls(written)
    unnamed = clean.is_null()
    number = frame.select(
        pl.concat_str(pl.lit("Document"), _KEY, separator=" ", ignore_nulls=True)
    ).to_series()
    named = clean.zip_with(~unnamed, number)
    extension = file_names.extension_for(frame["MimeType"])
    bare = file_names.extensions(named).is_null() & extension.is_not_null()
    return named + extension.set(~bare, None).fill_null(""), [
        Correction("control_characters_removed", "FileName", (written != clean).fill_null(False)),
        Correction("file_name_missing", "FileName", unnamed),
        Correction("extension_added", "FileName", bare & ~unnamed),
    ]


def _kind(keys: pl.Series, inputs: StagingInputs, context: StagingContext) -> pl.Series:
    kind = pl.Series("kind", ["document"]).new_from_index(0, keys.len())
    for name, table in reversed(_OWNERS.items()):
        named = source_rows.read(inputs, context, table, {_KEY: Kind.TEXT}).frame[_KEY]
        kind = kind.set(keys.is_in(named.implode()).fill_null(False), name)
    return kind


DOCUMENTS = StagedObject(
    name="documents",
    source_table=_TABLE,
    reads=(_TABLE, *_OWNERS.values()),
    uses=("patients",),
    model=Document,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
