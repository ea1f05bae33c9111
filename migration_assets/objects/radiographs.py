"""Radiographs: the schema of ``staged.radiographs`` and how rows of Radiograph become it.

An image is a document, or a file on the practice's share that the row's path leads to; what the extraction
found at each path stands in ``share_files``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from migration_assets.objects import file_names, file_rows, local_time, source_rows, tooth_site_checks
from migration_assets.objects.base import Staged, StagedObject, StagingContext, StagingInputs
from migration_assets.objects.corrections import Correction
from migration_assets.objects.file_rows import DocumentLinks
from migration_assets.objects.outcome import Rules, settle
from migration_assets.objects.plausible import EARLIEST_DATE
from migration_assets.objects.source_rows import Kind, SourceRows
from migration_assets.objects.validation import Refusal

_TABLE = "Radiograph"
_KEY = "RadiographID"
_SHARE = "share_files"
_NOTHING_STATED = "Radiograph"

_NOT_MAPPED, _NO_IMAGE = "share_not_mapped", "no_image"
_LOST = ("file_outside_share", "file_not_found", "file_unreadable")
_OF_FILE = ("bytes", "md5", "own_file", "problem")

_TEXTS = {"tooth_site": "ToothSite", "image_type": "ImageType"}
SOURCE_COLUMNS: Mapping[str, str] = {
    "source_id": _KEY,
    "patient_id": "PatientID",
    **_TEXTS,
    "taken_at": "TakenAt",
    "document_id": "DocumentID",
    **dict.fromkeys(("title", "file_name", "mime_type", *_OF_FILE), "FilePath"),
    "modified_at": "ModifiedAt",
}
_KINDS: Mapping[str, Kind] = {
    _KEY: Kind.KEY,
    "PatientID": Kind.KEY,
    **dict.fromkeys((*_TEXTS.values(), "FilePath", "DocumentID"), Kind.TEXT),
    **dict.fromkeys(("TakenAt", "ModifiedAt"), Kind.TIME),
}
_SENTENCES: Mapping[str, str] = {
    **file_rows.LINK_SENTENCES,
    "file_outside_share": "the path leads out of the practice's file share, where nothing is read",
    "file_not_found": "there is no file at the path on the practice's file share",
    "file_unreadable": "the file on the practice's file share can't be read",
    "content_empty": "the file on the practice's file share is 0 bytes long",
    "taken_at_implausible": "the image was taken after the day of the extraction or before 1900; its time is "
    "left empty",
}


class Radiograph(pa.DataFrameModel):
    """``staged.radiographs``: one row an image.

    ``own_file``: its content is a file on the share, which was read; ``bytes`` and ``md5`` (lower-case hex)
    are that file's and null otherwise. ``document_id`` is a ``source_id`` of ``staged.documents``; ``place``
    as in ``staged.letters``, by ``taken_at``. ``problem``: the path is on no share that the practice's file
    knows (``share_not_mapped``), or the row leads to no image at all (``no_image``); the row has no file
    then. ``file_name`` is the path's last part, ``mime_type`` by its extension, ``title`` the name without
    it, or ``summary`` where there is no path. ``tooth_site`` is what the practice wrote: nothing says in
    which numbering system.
    """

    source_id: pl.String = pa.Field(unique=True)
    patient_id: pl.String
    chart_number: pl.String = pa.Field(nullable=True)
    tooth_site: pl.String = pa.Field(nullable=True)
    image_type: pl.String = pa.Field(nullable=True)
    taken_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)
    document_id: pl.String = pa.Field(nullable=True)
    own_file: pl.Boolean
    place: pl.String
    title: pl.String
    file_name: pl.String = pa.Field(nullable=True)
    mime_type: pl.String = pa.Field(nullable=True)
    bytes: pl.Int64 = pa.Field(nullable=True)
    md5: pl.String = pa.Field(nullable=True)
    problem: pl.String = pa.Field(nullable=True)
    summary: pl.String
    modified_at: Annotated[pl.Datetime, "ms", "UTC"] = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("place", name="unknown_place")
    @classmethod
    def _known_place(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("place").is_in(file_rows.PLACES))

    @pa.check("problem", name="file_unreadable")
    @classmethod
    def _goes_on_without_a_file(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("problem").is_in((_NOT_MAPPED, _NO_IMAGE)))

    @pa.check("md5", name="unreadable_value")
    @classmethod
    def _an_md5(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("md5").str.contains("^[0-9a-f]{32}$"))


_RULES = Rules(
    "radiographs",
    Radiograph,
    {**SOURCE_COLUMNS, "chart_number": "PatientID", "place": _KEY, "summary": _KEY},
    _SENTENCES,
)


def stage(inputs: StagingInputs, context: StagingContext) -> Staged:
    """Rows of Radiograph as ``Radiograph`` says; one of an unknown patient is staged too.

    A path of a mapped share whose file can't be read is a reject, also where the row names a document.
    Findings: ``share_not_mapped``, ``no_image``, ``radiograph_shares_document`` (a further one of its
    document) and ``unreadable_tooth_site`` count radiographs.
    """
    source = source_rows.read(inputs, context, _TABLE, _KINDS)
    frame = source.frame
    links = file_rows.document_links(frame["DocumentID"], inputs, context)
    files = _files(source, links, inputs.raw[_SHARE])
    names = file_names.last_components(frame["FilePath"])
    implausible = _implausible(frame["TakenAt"].dt.date(), context.today)
    taken = frame["TakenAt"].set(implausible, None)
    times = {
        "taken_at": local_time.to_utc(taken, context.time_zone),
        "modified_at": local_time.to_utc(frame["ModifiedAt"], context.time_zone),
    }
    rows = (
        frame.select(
            pl.col(_KEY).alias("source_id"),
            pl.col("PatientID").alias("patient_id"),
            *(pl.col(column).alias(staged) for staged, column in _TEXTS.items()),
            file_rows.chart_numbers(frame["PatientID"], inputs.staged["patients"]),
            links.ids.alias("document_id"),
            names.alias("file_name"),
            file_names.mime_types(names).alias("mime_type"),
            *files.get_columns(),
            *(utc.times.alias(staged) for staged, utc in times.items()),
            taken.dt.date().alias("day"),
            place=pl.lit("none"),
        )
        .with_columns(
            file_rows.line(pl.col("day"), "image_type", "tooth_site", otherwise=_NOTHING_STATED).alias(
                "summary"
            )
        )
        .with_columns(pl.coalesce(file_names.titles(names), "summary").alias("title"))
    )
    judged = settle(
        _RULES,
        source,
        rows,
        refusals=[
            *(
                Refusal(code, "FilePath", (files["problem"] == code).fill_null(False), _OF_FILE)
                for code in _LOST
            ),
            Refusal("content_empty", "FilePath", (files["bytes"] == 0).fill_null(False), _OF_FILE),
        ],
        corrected=[
            *links.corrections("DocumentID"),
            Correction("taken_at_implausible", "TakenAt", implausible),
        ],
        times=times,
    )
    placed = judged.rows.with_columns(file_rows.places(judged.rows, "taken_at"))
    return replace(judged, rows=placed, findings={**_findings(placed), **judged.findings})


def _files(source: SourceRows, links: DocumentLinks, share: pl.DataFrame) -> pl.DataFrame:
    """own_file, bytes, md5, problem of each row: what was found at its path.

    A path at which nobody has looked is on no share that the practice's file maps.
    """
    # Windows, too, takes a path without the blanks at its ends.
    looked_at = share.select(
        path=pl.col("path").str.strip_chars(),
        looked_at=pl.lit(True),
        bytes="bytes",
        md5="md5",
        problem="problem",
    ).unique("path", keep="first", maintain_order=True)
    problem = (
        pl.when(pl.col("path").is_null() & pl.col("document").is_null())
        .then(pl.lit(_NO_IMAGE))
        .when(pl.col("path").is_not_null() & pl.col("looked_at").is_null())
        .then(pl.lit(_NOT_MAPPED))
        .otherwise("problem")
    )
    return (
        pl.DataFrame({"path": source.frame["FilePath"], "document": links.ids})
        .join(looked_at, on="path", how="left", maintain_order="left")
        .with_columns(problem=problem)
        .with_columns(own_file=pl.col("looked_at").fill_null(False) & pl.col("problem").is_null())
        .select(
            "own_file",
            pl.when("own_file").then("bytes").alias("bytes"),
            pl.when("own_file").then("md5").alias("md5"),
            "problem",
        )
    )


def _implausible(days: pl.Series, today: date) -> pl.Series:
    return ((days > today) | (days < EARLIEST_DATE)).fill_null(False)


def _findings(rows: pl.DataFrame) -> dict[str, int]:
    return {
        **{problem: int((rows["problem"] == problem).sum()) for problem in (_NOT_MAPPED, _NO_IMAGE)},
        "radiograph_shares_document": int((rows["place"] == "further").sum()),
        "unreadable_tooth_site": tooth_site_checks.unreadable(rows["tooth_site"]),
    }


RADIOGRAPHS = StagedObject(
    name="radiographs",
    source_table=_TABLE,
    reads=(_TABLE, _SHARE, "Document"),
    uses=("patients", "documents"),
    model=Radiograph,
    stage=stage,
    source_columns=SOURCE_COLUMNS,
)
