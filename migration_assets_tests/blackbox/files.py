"""Files: which rows become one, what its record says of the letters and images in it, and where it shows.

A file is a document, or an image on the practice's share that could be read. The first letter of a document
(by time, those without one last, then by number) fills its fields, all others are lines; so do radiographs.
A letter or radiograph that has no file is a line of its patient's. Hashes of contents are compared in
``contents``, links in ``relations``.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from migration_assets_tests.blackbox import words
from migration_assets_tests.blackbox.file_names import (
    document_name,
    last_part,
    letter_type,
    line,
    mime_type,
    time_of,
    title,
)
from migration_assets_tests.blackbox.kind import TEXT, Field, Kind, Reading, fields_of, word
from migration_assets_tests.blackbox.report import RENAMED, Announced, Row
from migration_assets_tests.blackbox.words import UNUSABLE, Unusable

VERSION, LINK = "ContentVersion", "ContentDocumentLink"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "Document": ("DocumentID", "PatientID", "FileName", "MimeType", "CreatedAt", "size of", "MD5 of"),
    "Letter": (
        *("LetterID", "PatientID", "ProviderID", "PlanID", "ReferralID", "TemplateID", "LetterType"),
        *("Recipient", "Subject", "DocumentID", "SentAt"),
    ),
    "LetterTemplate": ("TemplateID", "Name"),
    "Radiograph": (
        *("RadiographID", "PatientID", "ToothSite", "ImageType", "TakenAt", "FilePath", "DocumentID"),
    ),
}
COMPUTED = {"size of": "DATALENGTH([Content])", "MD5 of": "HASHBYTES('MD5', [Content])"}
"""What the server tells of a content, by the column that it is put in."""

Utc = Callable[[datetime | None], Any]
_Lines = tuple[str | Unusable, ...]


def kinds(local: Utc) -> tuple[Kind, Kind]:
    """Documents, and radiographs on the share; ``local`` reads the practice's times."""
    as_it_is = word(lambda value: value)
    moment = Reading(lambda at: at if at is UNUSABLE else local(at), words.as_moment)
    of_both = fields_of(
        ("Title", "Title", as_it_is),
        ("PathOnClient", "FileName", as_it_is),
        ("ContentSize", "Bytes", Reading(_some, words.number)),
        ("Checksum", "MD5", Reading(lambda md5: md5, _small)),
        ("ChartNumber__c", "ChartNumber", TEXT),
        ("Document_Type__c", "Kind", as_it_is),
        ("Mime_Type__c", "MimeType", TEXT),
        ("Radiograph_Date__c", "radiograph.TakenAt", moment),
        ("Tooth_Site__c", "radiograph.ToothSite", TEXT),
        ("Image_Type__c", "radiograph.ImageType", TEXT),
    )
    of_documents = fields_of(
        ("Original_Create_Date__c", "CreatedAt", moment),
        ("Letter_Type__c", "letter.LetterType", word(letter_type)),
        ("Letter_Recipient__c", "letter.Recipient", TEXT),
        ("Letter_Subject__c", "letter.Subject", TEXT),
        ("Letter_Sent__c", "letter.SentAt", moment),
        ("Letter_Template__c", "letter.Template", as_it_is),
        ("Source_Provider_ID__c", "letter.ProviderID", TEXT),
        ("Other_Letters__c", "letter.Others", _TOLD),
        ("Other_Radiographs__c", "radiograph.Others", _TOLD),
    )
    return (
        Kind("documents", VERSION, "document", "documents.", "DocumentID", of_both + of_documents, ()),
        Kind("radiographs on the share", VERSION, "radiograph", "images.", "RadiographID", of_both, ()),
    )


def without_file() -> tuple[Field, ...]:
    """What a patient has of letters and radiographs without a file."""
    return fields_of(
        ("Letters_Without_File__c", "patient.Letters", _TOLD),
        ("Radiographs_Without_File__c", "patient.Radiographs", _TOLD),
    )


@dataclass(frozen=True)
class Files:
    """Derived rows: ``documents`` and ``images`` are files, ``links`` pairs of a file's key and a record's.

    Keys (``One``, ``Other``) are without the practice. ``lines``: PatientID -> what is without a file.
    """

    documents: list[Row]
    images: list[Row]
    links: list[Row]
    lines: Callable[[Any], Row]


def files(source: Mapping[str, list[Row]], announced: Announced, utc: Utc) -> Files:
    """Of all rows but the rejected ones, corrected as announced."""
    return _Filing(source, announced, utc).files


class _Filing:
    def __init__(self, source: Mapping[str, list[Row]], announced: Announced, utc: Utc) -> None:
        self._source, self._announced, self._utc = source, announced, utc
        self._share = {row["Path"].strip(): row for row in source["share."]}
        self._staged = {row["DocumentID"] for row in self._rows("Document", "DocumentID")}
        self._charts = {
            row["PatientID"]: row["ChartNumber"]
            for row in self._rows("Patient", "PatientID")
            if not announced.absent("Patient", row["PatientID"])
        }
        names = {row["TemplateID"]: words.text(row["Name"]) for row in source["LetterTemplate"]}
        self._letters = [self._letter(row, names) for row in self._rows("Letter", "LetterID")]
        self._images = [self._image(row) for row in self._rows("Radiograph", "RadiographID")]

    @cached_property
    def files(self) -> Files:
        letters, images = self._by_document(self._letters), self._by_document(self._images)
        named = {
            kind: {row["DocumentID"] for row in self._source[table]}
            for kind, table in (("letter", "Letter"), ("radiograph", "Radiograph"))
        }
        documents = []
        for row in self._rows("Document", "DocumentID"):
            number = row["DocumentID"]
            if not self._announced.absent("Document", number):
                kind = next((each for each in named if number in named[each]), "document")
                documents.append(
                    self._document(row)
                    | {"Kind": kind}
                    | self._told("letter", letters.get(number, []))
                    | self._told("radiograph", images.get(number, []))
                )
        own = [row for row in self._images if row["Own"]]
        own = [row for row in own if not self._announced.absent("Radiograph", row["RadiographID"])]
        return Files(documents, own, self._links(documents, own), self._lines())

    def _rows(self, table: str, key: str) -> Iterable[Row]:
        for row in sorted(self._source[table], key=lambda each: int(each[key])):
            if not self._announced.rejected(table, row[key]):
                yield self._announced.corrected(table, row[key], row)

    def _document(self, row: Row) -> Row:
        number, written = row["DocumentID"], words.text(row["FileName"])
        name = document_name(number, written, row["MimeType"])
        silent = name != written and not self._announced.says("Document", number, "FileName", *RENAMED)
        return {
            **{column: row[column] for column in ("DocumentID", "PatientID", "MimeType")},
            "FileName": UNUSABLE if silent else name,
            "Title": title(name),
            "Bytes": row["size of"],
            "MD5": row["MD5 of"].hex() if row["MD5 of"] else UNUSABLE,
            "ChartNumber": self._charts.get(row["PatientID"]),
            "CreatedAt": time_of(row["CreatedAt"]),
        }

    def _letter(self, row: Row, names: Mapping[Any, str | None]) -> Row:
        at, template = time_of(row["SentAt"]), row["TemplateID"]
        texts = (letter_type(row["LetterType"]), row["Recipient"], row["Subject"])
        return row | {
            "Number": int(row["LetterID"]),
            "At": at,
            "SentAt": at,
            "Template": None if template is None else names.get(template) or UNUSABLE,
            "Line": self._line(row, line(at, *texts, otherwise="Letter")),
        }

    def _image(self, row: Row) -> Row:
        at = time_of(row["TakenAt"], date.today())
        found = self._share.get(words.text(row["FilePath"]) or "")
        name = last_part(row["FilePath"])
        told = line(at, row["ImageType"], row["ToothSite"], otherwise="Radiograph")
        return row | {
            "Number": int(row["RadiographID"]),
            "At": at,
            "TakenAt": at,
            "Line": self._line(row, told),
            "Own": found is not None,
            "Title": told if name is None else title(name),
            "FileName": name or "radiograph",
            "Bytes": None if found is None else found["Bytes"],
            "MD5": None if found is None else found["MD5"] or UNUSABLE,
            "ChartNumber": self._charts.get(row["PatientID"]),
            "Kind": "radiograph",
            "MimeType": mime_type(name),
            **{f"radiograph.{column}": row[column] for column in ("ToothSite", "ImageType")},
            "radiograph.TakenAt": at,
        }

    def _line(self, row: Row, told: str | Unusable) -> str | Unusable:
        """A row that names a document which isn't there must be announced."""
        document = row["DocumentID"]
        return told if document is None or document in self._staged else UNUSABLE

    def _by_document(self, rows: list[Row]) -> dict[Any, list[Row]]:
        """The first of each document, then all others from the earliest, those without a time before them."""
        grouped: dict[Any, list[Row]] = defaultdict(list)
        for row in rows:
            if row["DocumentID"] in self._staged:
                grouped[row["DocumentID"]].append(row)
        for document, together in grouped.items():
            first = min(together, key=lambda row: (self._time(row) is None, *self._order(row)))
            grouped[document] = [first, *self._in_time(row for row in together if row is not first)]
        return grouped

    def _told(self, of: str, rows: list[Row]) -> Row:
        columns = {
            "letter": ("LetterType", "Recipient", "Subject", "SentAt", "Template", "ProviderID"),
            "radiograph": ("TakenAt", "ToothSite", "ImageType"),
        }[of]
        first = rows[0] if rows else dict.fromkeys(columns)
        others = tuple(row["Line"] for row in rows[1:])
        return {f"{of}.{column}": first[column] for column in columns} | {f"{of}.Others": others}

    def _links(self, documents: list[Row], own: list[Row]) -> list[Row]:
        links = [(f"document:{row['DocumentID']}", _patient(row["PatientID"])) for row in documents]
        links += [(f"radiograph:{row['RadiographID']}", _patient(row["PatientID"])) for row in own]
        links += [
            (f"document:{row['DocumentID']}", f"{space}:{row[column]}")
            for row in self._letters
            for space, column in (("plan", "PlanID"), ("referral", "ReferralID"))
            if row["DocumentID"] in self._staged and row[column] is not None
        ]
        return [{"One": one, "Other": other} for one, other in dict.fromkeys(links)]

    def _lines(self) -> Callable[[Any], Row]:
        letters: dict[Any, list[Row]] = defaultdict(list)
        images: dict[Any, list[Row]] = defaultdict(list)
        for row in self._letters:
            if row["DocumentID"] not in self._staged:
                letters[row["PatientID"]].append(row)
        for row in self._images:
            if row["DocumentID"] not in self._staged and not row["Own"]:
                images[row["PatientID"]].append(row)

        def told(rows: list[Row]) -> _Lines:
            return tuple(row["Line"] for row in self._in_time(rows))

        return lambda patient: {
            "patient.Letters": told(letters.get(patient, [])),
            "patient.Radiographs": told(images.get(patient, [])),
        }

    def _in_time(self, rows: Iterable[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: (self._time(row) is not None, *self._order(row)))

    def _order(self, row: Row) -> tuple[Any, int]:
        return self._time(row) or 0, row["Number"]

    def _time(self, row: Row) -> Any:
        return None if row["At"] is UNUSABLE else self._utc(row["At"])


def _patient(number: Any) -> str | None:
    """A paper of nobody's shows on the practice."""
    return None if number is None else f"patient:{number}"


def _written(told: _Lines) -> str | Unusable | None:
    return UNUSABLE if UNUSABLE in told else "\n".join(map(str, told)) or None


_TOLD = Reading(_written, words.as_lines)


def _some(size: Any) -> Any:
    """A file of no bytes, or of none that could be read, is none."""
    return words.number(size) if size else UNUSABLE


def _small(checksum: Any) -> str | None:
    written = words.as_text(checksum)
    return None if written is None else written.lower()
