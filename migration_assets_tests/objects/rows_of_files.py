"""Raw rows of Document, Letter, LetterTemplate and Radiograph and of the share's files, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import md5
from typing import Any

import polars as pl

from migration_assets.objects.base import Staged, StagedObject, StagingInputs
from migration_assets.objects.documents import DOCUMENTS
from migration_assets.objects.patients import PATIENTS
from migration_assets.panda.profile import load_profile
from migration_assets_tests.objects.rows import PATIENT, Row, context, frame, patient
from migration_sandbox.practice.generator import Practice
from migration_sandbox.practice.radiographs import SHARE

_TEXT = pl.String()
_TIME = pl.Datetime("ms")
_MOMENT = datetime(2024, 5, 6, 9, 30)
_CONTENT = load_profile("default").table("Document").actual("Content")
BYTES, MD5 = f"{_CONTENT}__bytes", f"{_CONTENT}__md5"
HASH = "0123456789abcdef0123456789abcdef"

DOCUMENT: dict[str, pl.DataType] = {
    "DocumentID": pl.Int32(),
    "PatientID": pl.Int32(),
    "FileName": _TEXT,
    "MimeType": _TEXT,
    "CreatedAt": _TIME,
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
    BYTES: pl.Int64(),
    MD5: _TEXT,
}
LETTER: dict[str, pl.DataType] = {
    **dict.fromkeys(("LetterID", "PatientID", "ProviderID", "PlanID", "ReferralID"), pl.Int32()),
    "TemplateID": pl.Int32(),
    **dict.fromkeys(("LetterType", "Recipient", "Subject"), _TEXT),
    "DocumentID": pl.Int32(),
    "SentAt": _TIME,
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
TEMPLATE: dict[str, pl.DataType] = {
    "TemplateID": pl.Int32(),
    **dict.fromkeys(("Name", "Category", "Body"), _TEXT),
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
RADIOGRAPH: dict[str, pl.DataType] = {
    "RadiographID": pl.Int32(),
    "PatientID": pl.Int32(),
    **dict.fromkeys(("ToothSite", "ImageType"), _TEXT),
    "TakenAt": _TIME,
    "FilePath": _TEXT,
    "DocumentID": pl.Int32(),
    "ModifiedAt": _TIME,
    "RowVer": pl.Binary(),
}
SHARE_FILE: dict[str, pl.DataType] = {"path": _TEXT, "bytes": pl.Int64(), "md5": _TEXT, "problem": _TEXT}


def document(key: int = 90, **changed: Any) -> Row:
    sound = {"PatientID": 1, "FileName": "Consent.pdf", "MimeType": "application/pdf", BYTES: 7, MD5: HASH}
    return {"DocumentID": key, **sound, "CreatedAt": _MOMENT, "ModifiedAt": _MOMENT, **changed}


def letter(key: int = 95, **changed: Any) -> Row:
    """A letter that was sent and not filed."""
    sound = {"PatientID": 1, "LetterType": "to patient", "SentAt": _MOMENT}
    return {"LetterID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def template(key: int = 2, **changed: Any) -> Row:
    return {"TemplateID": key, "Name": "Recall", "ModifiedAt": _MOMENT, **changed}


def radiograph(key: int = 85, **changed: Any) -> Row:
    """A row without an image."""
    sound = {"PatientID": 1, "ToothSite": "14", "ImageType": "Periapical", "TakenAt": _MOMENT}
    return {"RadiographID": key, **sound, "ModifiedAt": _MOMENT, **changed}


def share_file(path: str, problem: str | None = None, size: int = 7) -> Row:
    read = {"bytes": None, "md5": None} if problem else {"bytes": size, "md5": HASH}
    return {"path": path, "problem": problem, **read}


def stage_files(
    staged_object: StagedObject,
    *,
    documents: list[Row] | None = None,
    letters: list[Row] | None = None,
    radiographs: list[Row] | None = None,
    templates: list[Row] | None = None,
    share: list[Row] | None = None,
    patients: list[Row] | None = None,
) -> Staged:
    """One object out of these rows and the objects that it uses; tables that aren't given are empty, but for
    one sound patient."""
    raw = {
        "Patient": frame(PATIENT, [patient()] if patients is None else patients),
        "Document": frame(DOCUMENT, documents or []),
        "Letter": frame(LETTER, letters or []),
        "LetterTemplate": frame(TEMPLATE, templates or []),
        "Radiograph": frame(RADIOGRAPH, radiographs or []),
        "share_files": frame(SHARE_FILE, share or []),
    }
    used: dict[str, Staged] = {}
    for each in (PATIENTS, DOCUMENTS, staged_object):
        used[each.name] = each.stage(
            StagingInputs({table: raw[table] for table in each.reads}, used), context()
        )
    return used[staged_object.name]


def measured(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Raw tables as the extraction leaves them where no share is mapped; those that it has left stay.

    The contents of documents, where the frame has any, are a size and a hash.
    """
    raw = {"share_files": frame(SHARE_FILE, []), **tables}
    documents = raw.get("Document")
    if documents is not None and BYTES not in documents.columns:
        contents = documents[_CONTENT].to_list()
        facts = [(None, None) if each is None else (len(each), _hash(each)) for each in contents]
        sizes = pl.DataFrame(facts, {BYTES: pl.Int64, MD5: pl.String}, orient="row")
        raw["Document"] = pl.concat([documents.drop(_CONTENT), sizes], how="horizontal")
    return raw


def as_extracted(practice: Practice) -> dict[str, pl.DataFrame]:
    """The tables of a generated practice as the extraction leaves them, its share being mapped."""
    paths = practice.tables["Radiograph"]["FilePath"].drop_nulls().unique(maintain_order=True)
    found = [_looked_at(path, practice.share) for path in paths]
    return measured({**practice.tables, "share_files": frame(SHARE_FILE, found)})


def _hash(content: bytes) -> str:
    return md5(content, usedforsecurity=False).hexdigest()


def _looked_at(path: str, share: Mapping[str, bytes]) -> Row:
    inside = path.removeprefix(SHARE + "\\").replace("\\", "/")
    if ".." in inside.split("/"):
        return share_file(path, "file_outside_share")
    if inside not in share:
        return share_file(path, "file_not_found")
    return {"path": path, "bytes": len(share[inside]), "md5": _hash(share[inside]), "problem": None}
