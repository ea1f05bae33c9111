"""The second reader's letters and radiographs: which belong to a file, which have none, and their lines.

Several may name one document: the earliest gives the file's fields, the others a line each. One without a
file gives its patient a line. Written without objects/; fields are read by ``field_meaning``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from migration_assets.migration import raw_files
from migration_assets.migration.declared_meaning import ColumnMeaning
from migration_assets.migration.field_meaning import EXPECTED, expected_cells, is_staged, staged_keys
from migration_assets.migration.raw_practice import RawPractice, numbered
from migration_assets.migration.raw_reader import ReadAs

PaperRows = Literal["first_of_file", "further_of_file", "without_file"]
_DOCUMENT = "Document"
# What the source's own texts take for white space; Python's takes four separators of records more.
_WHITE = re.compile(r"[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")


@dataclass(frozen=True)
class _Paper:
    """Logical columns: the key, the document, the time, what a line says in its order; ``nothing`` is the
    line of a row that says nothing."""

    key: str
    document: str
    at: str
    texts: Mapping[str, ReadAs]
    nothing: str


_PAPERS = {
    "Letter": _Paper(
        "LetterID",
        _DOCUMENT + "ID",
        "SentAt",
        {"LetterType": "letter_type", "Recipient": "text", "Subject": "text"},
        "Letter",
    ),
    "Radiograph": _Paper(
        "RadiographID",
        _DOCUMENT + "ID",
        "TakenAt",
        {"ImageType": "text", "ToothSite": "text"},
        "Radiograph",
    ),
}

_Row = dict[str, Any]


def lines(table: str, raw: RawPractice) -> list[str]:
    """Of each raw row ``2024-05-06: to patient, Jane Smith, Re: implant``, as far as it is stated."""
    paper = _PAPERS[table]
    days = _cells(table, paper.at, "day", raw)
    texts = [_cells(table, column, kind, raw) for column, kind in paper.texts.items()]
    told = []
    for day, *stated in zip(days, *texts, strict=True):
        words = ", ".join(_WHITE.sub(" ", text) for text in stated if text)
        parts = [day.isoformat() if day else "", words]
        told.append(": ".join(part for part in parts if part) or paper.nothing)
    return told


def papers_of(table: str, by: str, rows: PaperRows, raw: RawPractice) -> dict[str, list[int]]:
    """Of each record that the column ``by`` names the places of the raw rows that count, in their order."""
    of_record: dict[str, list[_Row]] = {}
    for row in _told(table, by, raw):
        if row["staged"] and row["record"] and row["filed"] is (rows != "without_file"):
            of_record.setdefault(row["record"], []).append(row)
    if rows == "without_file":
        return {record: _in_lines(own) for record, own in of_record.items()}
    first = {record: min(own, key=_earliest) for record, own in of_record.items()}
    if rows == "first_of_file":
        return {record: [row["place"]] for record, row in first.items()}
    return {
        record: _in_lines([row for row in own if row is not first[record]])
        for record, own in of_record.items()
        if len(own) > 1
    }


def _told(table: str, by: str, raw: RawPractice) -> list[_Row]:
    """Every raw row: ``place``, ``key``, ``record``, ``staged``, ``at``, and ``filed``: it is in a document,
    or has a file of its own where the record is none."""
    paper = _PAPERS[table]
    documents = raw.keys(table, paper.document)
    in_document = documents.is_in(staged_keys(_DOCUMENT, raw).implode()).fill_null(value=False)
    filed = in_document
    if by != paper.document and raw_files.has_files(table, raw):
        own = raw_files.contents(table, raw)
        filed = filed | own["md5"].is_not_null()
    return (
        pl.DataFrame(
            [
                raw.keys(table, paper.key).alias("key"),
                raw.keys(table, by).alias("record"),
                is_staged(table, raw).alias("staged"),
                filed.alias("filed"),
                _cells(table, paper.at, "moment", raw).alias("at"),
            ]
        )
        .with_row_index("place")
        .to_dicts()
    )


def _cells(table: str, column: str, kind: ReadAs, raw: RawPractice) -> pl.Series:
    declared = ColumnMeaning.model_validate({"column": column, "as": kind})
    return expected_cells(table, _PAPERS[table].key, declared, raw)[EXPECTED]


def _earliest(row: _Row) -> tuple[Any, ...]:
    """Rows without a time last, equal ones by number."""
    return row["at"] is None, row["at"] or 0, *numbered(row["key"])


def _in_lines(rows: list[_Row]) -> list[int]:
    """Rows without a time stand before the others, equal ones by number."""
    in_order = sorted(rows, key=lambda row: (row["at"] is not None, row["at"] or 0, *numbered(row["key"])))
    return [row["place"] for row in in_order]
