"""The second reader's files: what each is called, its type, size and hash, and what is wrong with it.

A file is a blob in its row or lies on the practice's share; the profile says which. Written without objects/
on purpose: an extension is parted off by the last dot, not by an expression.
"""

from __future__ import annotations

import re

import polars as pl

from migration_assets.migration.raw_practice import RawPractice

BY_FILE = ("content_missing", "content_empty", "file_outside_share", "file_not_found", "file_unreadable")
"""Reasons for a row's rejection that lie in its file and are judged a second time: were they believed, a
pipeline that loses a file would excuse itself by refusing its row."""

_SHARE_FILES = "share_files"
_NOT_MAPPED, _NO_IMAGE = "share_not_mapped", "no_image"
_LONGEST_EXTENSION = 8
_CONTROL_CHARACTERS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
_TYPES = {
    "application/pdf": ("pdf",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
    "text/plain": ("txt",),
    "image/gif": ("gif",),
    "image/bmp": ("bmp",),
    "image/tiff": ("tif", "tiff"),
    "application/dicom": ("dcm",),
}
_COMPLETED = ("application/pdf", "image/jpeg", "image/png", "text/plain")
"""Types whose extension a name without any is given."""


def clean(written: str | None) -> str:
    """Without control characters and outer blanks."""
    return (written or "").translate(_CONTROL_CHARACTERS).strip()


def parted(name: str) -> tuple[str, str]:
    """``Consent``, ``PDF`` of ``Consent.PDF``; ``Report 12.5`` has no extension, and ``.pdf`` is a title."""
    before, _, behind = name.rpartition(".")
    is_extension = (
        len(behind) <= _LONGEST_EXTENSION
        and behind.isascii()
        and behind.isalnum()
        and not behind.isdigit()
        and len(behind) < len(name)
    )
    return (before.rstrip() or name, behind) if is_extension else (name, "")


def completed(name: str, mime_type: str | None) -> str:
    """``Consent.pdf`` of ``Consent``, by its type."""
    plain = (mime_type or "").partition(";")[0].strip().lower()
    return name if parted(name)[1] or plain not in _COMPLETED else f"{name}.{_TYPES[plain][0]}"


def type_of(name: str) -> str | None:
    extension = parted(name)[1].lower()
    return next((mime for mime, extensions in _TYPES.items() if extension in extensions), None)


def last_part(path: str | None) -> str:
    return clean(re.split(r"[\\/]", path or "")[-1])


def contents(table: str, raw: RawPractice) -> pl.DataFrame:
    """``bytes`` and ``md5`` of the file of each raw row, and ``problem``, one of BY_FILE; all are null where
    the row has none, or on a share that isn't mapped."""
    declared = raw.profile.table(table)
    if declared.blobs:
        found = _blobs(next(iter(declared.blobs.values())), raw.tables[table])
    else:
        found = _on_share(raw.column(table, declared.file_paths[0]), raw)
    empty = pl.when(pl.col("bytes") == 0).then(pl.lit("content_empty"))
    return found.select("bytes", "md5", pl.coalesce("problem", empty).alias("problem"))


def no_image(paths: pl.Series, is_filed: pl.Series, raw: RawPractice) -> pl.Series:
    """``share_not_mapped`` where a row's path is on no share that is read, ``no_image`` where the row has no
    path and no document (``is_filed``); null where there is an image."""
    stripped = paths.cast(pl.String).str.strip_chars().replace("", None)
    seen = raw.tables[_SHARE_FILES].filter(pl.col("problem").ne_missing(pl.lit(_NOT_MAPPED)))
    known = stripped.is_in(seen["path"].str.strip_chars().implode()).fill_null(value=True)
    told = [
        _NOT_MAPPED if not is_known else _NO_IMAGE if path is None and not filed else None
        for path, is_known, filed in zip(stripped, known, is_filed, strict=True)
    ]
    return pl.Series(told, dtype=pl.String)


def has_files(table: str, raw: RawPractice) -> bool:
    declared = raw.profile.table(table)
    return bool(declared.blobs or declared.file_paths)


def _blobs(column: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Of a blob the extraction has left its size and hash, whatever case the column's name has there."""
    names = {name.casefold(): name for name in rows.columns}
    size, md5 = (pl.col(names[f"{column}__{what}".casefold()]) for what in ("bytes", "md5"))
    return rows.select(
        size.cast(pl.Int64).alias("bytes"),
        md5.cast(pl.String).alias("md5"),
        pl.when(size.is_null()).then(pl.lit("content_missing")).alias("problem"),
    )


def _on_share(paths: pl.Series, raw: RawPractice) -> pl.DataFrame:
    looked_at = raw.tables[_SHARE_FILES].with_columns(_stripped("path")).unique("path", keep="first")
    beside = pl.DataFrame({"path": paths.cast(pl.String)}).with_columns(_stripped("path"))
    return beside.join(looked_at, on="path", how="left", maintain_order="left").with_columns(
        pl.col("problem").replace(_NOT_MAPPED, None)
    )


def _stripped(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars()
