"""The defects of documents, letters and radiographs; see ``defects``.

Like those of ``record_defects`` each is a row more that copies an ordinary one but for what is wrong.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from migration_sandbox.practice.field import Field
from migration_sandbox.practice.manifest import Outcome
from migration_sandbox.practice.radiographs import SHARE

_DOCUMENT, _LETTER, _RADIOGRAPH = "Document", "Letter", "Radiograph"
_NOBODY = _NO_DOCUMENT = 9_000_000
_OLE_ZERO = datetime(1899, 12, 30, 9, 0)
_LAST_LETTER = datetime(2026, 5, 28, 16, 0)
_GONE = SHARE + "\\2020\\IMG_deleted.png"
_OUTSIDE = SHARE + "\\..\\..\\secret.png"


def _has(*columns: str) -> Callable[[dict[str, Any]], bool]:
    return lambda row: all(row[column] is not None for column in columns)


def _add(
    field: Field,
    outcome: Outcome,
    table: str,
    column: str,
    code: str,
    value: object,
    needed: tuple[str, ...] = ("PatientID",),
    **others: Any,
) -> int:
    """A copy of a row that has a value in every ``needed`` column, with ``value`` in its ``column``."""
    key = field.draft.add(table, field.spare(table, _has(*needed)), **others, **{column: value})
    field.expect(outcome, table, key, column, code)
    return key


def documents(field: Field) -> None:
    """Contents that are none, one of them a letter's, and a scan without an extension."""
    unread = _add(field, "rejected", _DOCUMENT, "Content", "content_missing", None)
    _add(field, "rejected", _DOCUMENT, "Content", "content_empty", b"")
    _add(field, "corrected", _LETTER, "DocumentID", "document_rejected", unread)
    _add(
        field,
        "corrected",
        _DOCUMENT,
        "FileName",
        "extension_added",
        "Medical history",
        MimeType="application/pdf",
    )


def letters(field: Field) -> None:
    _add(field, "kept", _LETTER, "DocumentID", "letter_without_file", None)
    _add(field, "corrected", _LETTER, "DocumentID", "document_missing", _NO_DOCUMENT)
    _add(
        field, "kept", _LETTER, "LetterType", "letter_type_spelling", "TO REFERRING DENTIST", DocumentID=None
    )
    _add(
        field,
        "kept",
        _LETTER,
        "SentAt",
        "letter_shares_document",
        _LAST_LETTER,
        needed=("DocumentID", "SentAt"),
    )


def radiographs(field: Field) -> None:
    for path, code in ((_GONE, "file_not_found"), (_OUTSIDE, "file_outside_share")):
        _add(field, "rejected", _RADIOGRAPH, "FilePath", code, path, DocumentID=None)
    _add(field, "kept", _RADIOGRAPH, "FilePath", "no_image", None, DocumentID=None)
    _add(
        field,
        "corrected",
        _RADIOGRAPH,
        "TakenAt",
        "taken_at_implausible",
        _OLE_ZERO,
        needed=("FilePath",),
    )


def orphans(field: Field) -> None:
    """Each with a file of its own, or none: whose other rows may share one would be a second question."""
    for table, needed, others in (
        (_DOCUMENT, ("PatientID",), {}),
        (_LETTER, ("PatientID",), {"DocumentID": None}),
        (_RADIOGRAPH, ("FilePath",), {}),
    ):
        like = field.spare(table, _has(*needed))
        key = field.draft.add(table, like, **others, PatientID=_NOBODY + like["PatientID"])
        field.expect("held_back", table, key, "", "parent_missing")


KINDS: tuple[Callable[[Field], None], ...] = (documents, letters, radiographs, orphans)
