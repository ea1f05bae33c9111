"""What a record that is a file must show of it: its names, type, size and hash, from its raw row.

A part of the comparison of meaning: no code of objects/ and mapping/ is used. What the file is called is told
by ``raw_files``; letters and radiographs that a document holds are ``merged_meaning``'s.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from migration_assets.migration import raw_files, raw_papers
from migration_assets.migration.declared_meaning import FieldMeaning, FileMeaning
from migration_assets.migration.field_meaning import EXPECTED, RAW
from migration_assets.migration.raw_practice import RawPractice

_DOCUMENT = "Document"
_NAMELESS = "radiograph"


def expected_of_files(
    fields: Mapping[str, FieldMeaning], table: str, key: str, raw: RawPractice
) -> dict[str, pl.DataFrame]:
    """By field with a FileMeaning ``_raw`` and ``expected``, a row each raw row that has a file."""
    wanted = {field: declared.file for field, declared in fields.items() if isinstance(declared, FileMeaning)}
    if not wanted:
        return {}
    names = _documents(key, raw) if table == _DOCUMENT else _images(table, raw)
    told = pl.DataFrame(
        [
            raw.keys(table, key).alias(RAW),
            *raw_files.contents(table, raw).select("bytes", "md5"),
            *pl.DataFrame(names, schema=dict.fromkeys(("title", "name", "type"), pl.String), orient="row"),
        ]
    ).filter(pl.col("md5").is_not_null())
    return {field: told.select(RAW, pl.col(fact).alias(EXPECTED)) for field, fact in wanted.items()}


def files_of(table: str, raw: RawPractice) -> pl.Series:
    """Keys of all raw rows that have a file."""
    key = raw.profile.table(table).key
    return raw.keys(table, key).filter(raw_files.contents(table, raw)["md5"].is_not_null())


def _documents(key: str, raw: RawPractice) -> list[tuple[str, str, str | None]]:
    """Title, name and type of each document; one without a name is called by its number."""
    told = []
    types = raw.column(_DOCUMENT, "MimeType").cast(pl.String)
    names = raw.column(_DOCUMENT, "FileName").cast(pl.String)
    for number, written, mime_type in zip(raw.keys(_DOCUMENT, key), names, types, strict=True):
        name = raw_files.clean(written) or f"{_DOCUMENT} {number}"
        kept = (mime_type or "").strip() or None
        told.append((raw_files.parted(name)[0], raw_files.completed(name, mime_type), kept))
    return told


def _images(table: str, raw: RawPractice) -> list[tuple[str, str, str | None]]:
    """Of each file on the share; one whose path has no last part is titled by its row's line."""
    paths = raw.column(table, raw.profile.table(table).file_paths[0]).cast(pl.String)
    told = []
    for path, line in zip(paths, raw_papers.lines(table, raw), strict=True):
        name = raw_files.last_part(path)
        title = raw_files.parted(name)[0] if name else line
        told.append((title, name or _NAMELESS, raw_files.type_of(name)))
    return told
