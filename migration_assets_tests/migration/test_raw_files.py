"""The second reader of files against literal tables, and against the functions that it must not import."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.migration import raw_files
from migration_assets.objects import file_names

_PIECES = [
    "Consent",
    "Lucas",
    ".",
    "..",
    " ",
    "pdf",
    "JPG",
    "tiff",
    "12",
    "é",
    "\t",
    "\x85",
    "\\",
    "/",
    "docx",
]
_TYPES = [None, "", "application/pdf", " Image/JPEG ; q=1", "text/plain", "image/tiff", "application/x-foo"]
_names = st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=6).map("".join)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Consent.PDF", ("Consent", "PDF")),
        ("Consent .pdf", ("Consent", "pdf")),
        ("Report 12.5", ("Report 12.5", "")),
        ("a.b.mp4", ("a.b", "mp4")),
        (".pdf", (".pdf", "pdf")),
        ("Dear Dr. Vale", ("Dear Dr. Vale", "")),
        ("x.extension", ("x.extension", "")),
    ],
)
def test_a_name_is_parted_at_its_extension(name: str, parts: tuple[str, str]) -> None:
    assert raw_files.parted(name) == parts


@given(_names, st.sampled_from(_TYPES))
def test_names_are_read_as_staging_reads_them(written: str, mime_type: str | None) -> None:
    stripped = pl.Series([written]).str.strip_chars().replace("", None)
    name = file_names.without_controls(stripped).item()

    assert raw_files.clean(written) == (name or "")
    assert raw_files.last_part(written) == (file_names.last_components(stripped).item() or "")
    if name is not None:
        one = pl.Series([name])
        extension = file_names.extensions(one).item()
        added = file_names.extension_for(pl.Series([mime_type], dtype=pl.String)).item()
        assert raw_files.parted(name)[0] == file_names.titles(one).item()
        assert raw_files.parted(name)[1].lower() == (extension or "")
        assert raw_files.type_of(name) == file_names.mime_types(one).item()
        assert raw_files.completed(name, mime_type) == (name if extension else name + (added or ""))
