"""Schemas of files and of records that join others, and batches of them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from migration_assets.destinations.base import Batch, FieldSchema, FieldType, Identity, ObjectSchema
from migration_assets_tests.destinations.salesforce.batches import frame
from migration_assets_tests.destinations.salesforce.schemas import ACCOUNT, CONTACT, EVENT, EXAM

ORIGINAL = FieldSchema("Original_Create_Date__c", "Original Create Date", FieldType.DATETIME, True)
_JOIN_KEY = FieldSchema("_key", "Key", FieldType.TEXT, False, virtual=True)

FILE = ObjectSchema(
    "ContentVersion",
    "File",
    "Files",
    False,
    "PANDA_Key__c",
    (
        FieldSchema("PANDA_Key__c", "PANDA Key", FieldType.TEXT, True, length=120, external_id=True),
        FieldSchema("Title", "Title", FieldType.TEXT, False, length=255),
        FieldSchema("PathOnClient", "Path", FieldType.TEXT, False, length=500),
        FieldSchema("ChartNumber__c", "Chart Number", FieldType.TEXT, True, length=20),
        FieldSchema("OwnerId", "Owner", FieldType.USER, False),
        ORIGINAL,
        FieldSchema("Checksum", "Checksum", FieldType.TEXT, False, length=50, read_only=True),
        FieldSchema("ContentSize", "Size", FieldType.NUMBER, False, scale=0, read_only=True),
    ),
    identity=Identity.FIELD,
    content_field="VersionData",
)


def _reference(name: str, relationship: str, target: str, *more: str) -> FieldSchema:
    return FieldSchema(
        name, name, FieldType.LOOKUP, False, reference_to=target, relationship=relationship, also_to=more
    )


LINK = ObjectSchema(
    "ContentDocumentLink",
    "File Link",
    "File Links",
    False,
    "_key",
    (
        _JOIN_KEY,
        _reference("ContentDocumentId", "ContentDocument", "ContentVersion"),
        _reference("LinkedEntityId", "LinkedEntity", "Contact", "ClinicalExam__c"),
        FieldSchema("ShareType", "Share Type", FieldType.PICKLIST, False, values=("V", "I")),
        FieldSchema(
            "Visibility", "Visibility", FieldType.PICKLIST, False, values=("AllUsers", "InternalUsers")
        ),
    ),
    identity=Identity.PARENTS,
    joins=("ContentDocumentId", "LinkedEntityId"),
    key_space="file_link",
)

ATTENDEE = ObjectSchema(
    "EventRelation",
    "Attendee",
    "Attendees",
    False,
    "_key",
    (
        _JOIN_KEY,
        _reference("EventId", "Event", "Event"),
        _reference("RelationId", "Relation", "Contact"),
        FieldSchema("IsInvitee", "Is Invitee", FieldType.CHECKBOX, False),
        FieldSchema("Response", "Response", FieldType.TEXT, False, length=255),
    ),
    identity=Identity.PARENTS,
    joins=("EventId", "RelationId"),
    key_space="attendee",
)

DATED_EXAM = ObjectSchema(
    EXAM.name, EXAM.label, EXAM.plural_label, True, EXAM.key_field, (*EXAM.fields, ORIGINAL)
)
ALL = (ACCOUNT, CONTACT, EVENT, DATED_EXAM, FILE, LINK, ATTENDEE)


@dataclass
class Contents:
    """A source of contents in memory, which counts how often each was asked for."""

    by_key: dict[str, bytes] = field(default_factory=dict)
    broken: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    piece: int = 1 << 18
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def pieces(self, key: str) -> Iterator[bytes]:
        with self._lock:
            self.asked.append(key)
        content = self.by_key[key]
        for start in range(0, len(content), self.piece):
            if start and key in self.broken:
                raise self.broken[key]
            yield content[start : start + self.piece]


def row_of(key: str, content: bytes, **more: Any) -> dict[str, Any]:
    return {
        "PANDA_Key__c": key,
        "Title": key.rpartition(":")[2],
        "PathOnClient": "letter.pdf",
        "Checksum": hashlib.md5(content).hexdigest(),
        "ContentSize": len(content),
        **more,
    }


def files(contents: Contents, *rows: Mapping[str, Any]) -> Batch:
    return Batch("f1", FILE, frame(FILE, [dict(row) for row in rows]), blobs=contents)


def one_file_each(contents: Contents, **more: Any) -> Batch:
    return files(contents, *(row_of(key, content, **more) for key, content in contents.by_key.items()))


def joining(schema: ObjectSchema, *rows: tuple[str, ...], **more: Any) -> Batch:
    """Rows of a key and the parents' keys, with the same values in the other fields."""
    made = [dict(zip(("_key", *schema.joins), row, strict=True)) | more for row in rows]
    return Batch("j1", schema, frame(schema, made))


def listed(found: pl.DataFrame, *names: str) -> list[tuple[Any, ...]]:
    return sorted(found.select(names).rows())
