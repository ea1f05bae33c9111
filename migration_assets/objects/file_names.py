"""What a file is called: its name, its title, its MIME type by extension; nothing of tables or contents."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

# What a system's own names have as an extension: with a letter in it, or "Report 12.5" would have one.
_EXTENSION = r"\.([A-Za-z0-9]{0,7}[A-Za-z][A-Za-z0-9]{0,7})$"
_LONGEST_EXTENSION = 8
_CONTROL_CHARACTERS = r"[\x00-\x1f\x7f-\x9f]"
_EXTENSION_OF: Mapping[str, str] = {
    "application/pdf": ".pdf",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "text/plain": ".txt",
}
_MIME_TYPE_OF: Mapping[str, str] = {
    "bmp": "image/bmp",
    "dcm": "application/dicom",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "txt": "text/plain",
}


def without_controls(names: pl.Series) -> pl.Series:
    """Names without control characters (C0, C1, DEL) and the white space then at their ends; none is null."""
    clean = names.str.replace_all(_CONTROL_CHARACTERS, "").str.strip_chars()
    return clean.set((clean == "").fill_null(False), None)


def extensions(names: pl.Series) -> pl.Series:
    """``pdf`` of ``Consent.PDF``, lower case; null where a name has none."""
    found = names.str.extract(_EXTENSION).str.to_lowercase()
    return found.set((found.str.len_chars() > _LONGEST_EXTENSION).fill_null(False), None)


def titles(names: pl.Series) -> pl.Series:
    """Names without their extension; a name that is nothing else (``.pdf``) stays whole."""
    length = extensions(names).str.len_chars().cast(pl.Int64) + 1
    both = pl.DataFrame({"name": names, "length": length.fill_null(0)})
    shorter = pl.col("name").str.head(pl.col("name").str.len_chars() - pl.col("length")).str.strip_chars_end()
    return both.select(pl.when(shorter == "").then("name").otherwise(shorter)).to_series()


def extension_for(mime_types: pl.Series) -> pl.Series:
    """``.pdf`` for ``application/pdf``, whatever its case and parameters; null for types of no stated one."""
    plain = mime_types.str.split(";").list.first().str.strip_chars().str.to_lowercase()
    return plain.replace_strict(_EXTENSION_OF, default=None, return_dtype=pl.String)


def mime_types(names: pl.Series) -> pl.Series:
    """By extension, null where that says nothing."""
    return extensions(names).replace_strict(_MIME_TYPE_OF, default=None, return_dtype=pl.String)


def last_components(paths: pl.Series) -> pl.Series:
    r"""``IMG_1.png`` of ``\\SERVER\Images\2020\IMG_1.png``, ``/`` separating too; null where none is left."""
    return without_controls(paths.str.extract(r"([^\\/]*)$"))
