"""Documents: what their files are called, whose they are, and which have no content to migrate."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.errors import SourceColumnMissing
from migration_assets.objects.base import Staged, StagingInputs
from migration_assets.objects.documents import DOCUMENTS
from migration_assets_tests.objects.rows import Row, changes, context, frame, patient, reasons
from migration_assets_tests.objects.rows_of_files import (
    BYTES,
    DOCUMENT,
    HASH,
    LETTER,
    MD5,
    RADIOGRAPH,
    document,
    letter,
    radiograph,
    stage_files,
)


def staged(*documents: Row, **others: list[Row]) -> Staged:
    return stage_files(DOCUMENTS, documents=list(documents), **others)


def test_a_document_without_content_is_rejected_for_that_alone() -> None:
    told = staged(document(1, **{BYTES: None, MD5: None}), document(2, **{BYTES: 0}), document(3))

    assert reasons(told) == [("1", "Content", "content_missing"), ("2", "Content", "content_empty")]
    assert told.rows.select("source_id", "bytes", "md5").rows() == [("3", 7, HASH)]


def test_a_hash_that_is_none_is_rejected() -> None:
    assert reasons(staged(document(90, **{MD5: "no hash"}))) == [("90", "Content", "unreadable_value")]


def test_an_extraction_that_did_not_measure_the_contents_stops_staging() -> None:
    tables = {"Document": DOCUMENT, "Letter": LETTER, "Radiograph": RADIOGRAPH}
    raw = {table: frame(schema, []) for table, schema in tables.items()}
    raw["Document"] = raw["Document"].drop(MD5)

    with pytest.raises(SourceColumnMissing, match=MD5):
        DOCUMENTS.stage(StagingInputs(raw, {}), context())


@pytest.mark.parametrize(
    ("written", "mime_type", "file_name", "title", "code"),
    [
        ("Consent & history.PDF", "application/pdf", "Consent & history.PDF", "Consent & history", None),
        ("scan0001", None, "scan0001", "scan0001", None),
        ("scan0001", "Image/JPEG", "scan0001.jpg", "scan0001", "extension_added"),
        ("Report 12.5", "text/plain; charset=utf-8", "Report 12.5.txt", "Report 12.5", "extension_added"),
        ("Brief v. Müller", "image/png", "Brief v. Müller.png", "Brief v. Müller", "extension_added"),
        ("model.stl", "application/pdf", "model.stl", "model", None),
        ("model", "model/stl", "model", "model", None),
        (".pdf", "application/pdf", ".pdf", ".pdf", None),
        ("a\x00b\r\n.pdf", None, "ab.pdf", "ab", "control_characters_removed"),
        (" ", "application/pdf", "Document 90.pdf", "Document 90", "file_name_missing"),
        (None, None, "Document 90", "Document 90", "file_name_missing"),
    ],
)
def test_a_file_is_called_as_in_the_practice(
    written: str | None, mime_type: str | None, file_name: str, title: str, code: str | None
) -> None:
    told = staged(document(FileName=written, MimeType=mime_type))

    assert told.rows.select("file_name", "title", "mime_type").row(0) == (file_name, title, mime_type)
    assert changes(told) == ([] if code is None else [("90", "FileName", code, written)])


_names = st.none() | st.text(
    st.characters(codec="utf-8") | st.sampled_from(".\x00\x9f pdfDOC/\\"), max_size=30
)
_mime_types = st.none() | st.sampled_from(["application/pdf", "image/png", "image/tiff", " "])


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(_names, _mime_types), min_size=1, max_size=40))
def test_a_name_is_never_empty_and_keeps_every_printable_character(
    written: list[tuple[str | None, str | None]],
) -> None:
    given_rows = [document(key, FileName=name, MimeType=kind) for key, (name, kind) in enumerate(written)]
    rows = staged(*given_rows).rows
    for key, (name, _) in enumerate(written):
        file_name, title = rows.select("file_name", "title").row(key)
        kept = "".join(each for each in name or "" if not (each < " " or "\x7f" <= each <= "\x9f")).strip()
        assert file_name.startswith(kept or f"Document {key}")
        assert file_name.removeprefix(kept or f"Document {key}") in ("", ".pdf", ".png")
        assert title and file_name.startswith(title)
    names = rows["file_name"].to_list()
    again = [row | {"FileName": name} for row, name in zip(given_rows, names, strict=True)]
    assert staged(*again).corrections.is_empty()


def test_a_document_is_of_the_kind_of_the_row_that_names_it() -> None:
    told = staged(
        *(document(key) for key in (1, 2, 3, 4)),
        letters=[letter(1, DocumentID=2), letter(2, DocumentID=4), letter(3)],
        radiographs=[radiograph(1, DocumentID=3), radiograph(2, DocumentID=4)],
    )

    assert told.rows["kind"].to_list() == ["document", "letter", "radiograph", "letter"]


def test_papers_of_nobody_and_of_unknown_or_refused_patients_stay() -> None:
    told = staged(
        document(1, PatientID=None),
        document(2, PatientID=1),
        document(3, PatientID=2),
        document(4, PatientID=99),
        patients=[patient(1, ChartNumber="A-7"), patient(2, ChartNumber="A-8", LastName=None)],
    )

    assert told.rows.select("patient_id", "chart_number").rows() == [
        (None, None),
        ("1", "A-7"),
        ("2", None),
        ("99", None),
    ]
    assert told.findings["document_of_nobody"] == 1


def test_times_are_in_utc_and_impossible_ones_are_left_empty() -> None:
    told = staged(
        document(1, CreatedAt=datetime(2024, 7, 1, 23, 30)),
        document(2, CreatedAt=datetime(1899, 12, 30)),
        document(3, CreatedAt=datetime(2024, 3, 10, 2, 30)),
    )

    assert told.rows["created_at"][:2].to_list() == [datetime(2024, 7, 2, 3, 30, tzinfo=UTC), None]
    assert [each[:3] for each in changes(told)] == [("2", "CreatedAt", "date_implausible")]
    assert (told.findings["time_gap"], told.findings["time_fold"]) == (1, 0)
