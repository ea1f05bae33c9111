"""Objects and fields of an org as plain data: what is stored, and how each type is kept in a column.

Only the shape lives here. Which standard objects exist is standard.py, what a deployment may change is
deploy.py, and what a caller sees of it is describe.py.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypedDict

import polars as pl

NUMERIC = frozenset({"int", "double", "currency", "percent"})
TEXTUAL = frozenset({"string", "textarea", "email", "phone", "url", "picklist", "multipicklist", "combobox"})


@dataclass(frozen=True)
class Field:
    """One field. `type` is describe's name of the type (string, double, reference, ...); `metadata_type` the
    Metadata API's (Text, Number, Lookup, ...), empty for standard fields. `on_delete` says what becomes of a
    record whose reference goes: clear, keep, or cascade. `any_owner`: on a real org groups or calendars own
    such records too."""

    name: str
    label: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    references: tuple[str, ...] = ()
    relationship_name: str | None = None
    child_relationship_name: str | None = None
    picklist: tuple[str, ...] = ()
    restricted: bool = False
    default: str | None = None
    help_text: str | None = None
    description: str | None = None
    createable: bool = True
    updateable: bool = True
    calculated: bool = False
    name_field: bool = False
    custom: bool = False
    metadata_type: str = ""
    master_detail: bool = False
    visible_lines: int = 0
    audit: bool = False
    on_delete: str = "clear"
    any_owner: bool = False

    @property
    def numeric(self) -> bool:
        return self.type in NUMERIC

    @property
    def textual(self) -> bool:
        return self.type in TEXTUAL

    @property
    def binary(self) -> bool:
        """Content that a record only points at; queries show its address."""
        return self.type == "base64"

    @property
    def long_text(self) -> bool:
        """Long text and binary content take part in no filter, sort or group."""
        return self.binary or (self.type == "textarea" and self.length > 255)

    @property
    def polymorphic(self) -> bool:
        """A reference that may point at several objects: a query sees only what all of them share."""
        return len(self.references) > 1 or self.name in ("WhoId", "WhatId") or self.any_owner

    @property
    def cascades(self) -> bool:
        """Whether the record goes with the one it refers to."""
        return self.master_detail or self.on_delete == "cascade"

    @property
    def lookup_key(self) -> bool:
        """Whether records can be addressed by this field."""
        return self.external_id or self.type == "id"

    @property
    def indexed(self) -> bool:
        return self.unique or self.external_id

    @property
    def always_visible(self) -> bool:
        """Field-level security never hides standard, required and master-detail fields."""
        return not self.custom or self.required or self.master_detail

    @property
    def dtype(self) -> pl.DataType:  # noqa: PLR0911 - a case a type
        """How the column is stored: whole numbers as integers, so that a wide chart stays small."""
        if self.type == "boolean":
            return pl.Boolean()
        if self.type == "date":
            return pl.Date()
        if self.type == "datetime":
            return pl.Datetime("ms")
        if self.type == "int":
            return pl.Int64()
        if self.numeric:
            if self.scale:
                return pl.Float64()
            return pl.Int32() if self.precision <= 9 else pl.Int64()
        return pl.String()


@dataclass
class SObject:
    """One object and its fields, in the order in which they were made; `customizable` ones take custom
    fields."""

    name: str
    label: str
    label_plural: str
    key_prefix: str
    fields: dict[str, Field] = field(default_factory=dict)
    custom: bool = False
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    customizable: bool = True
    virtual: bool = False
    tooling: bool = False
    name_format: str | None = None
    sharing_model: str = "ReadWrite"
    enable_activities: bool = False
    description: str | None = None

    def __post_init__(self) -> None:
        self._by_lower = {name.lower(): item for name, item in self.fields.items()}

    def find(self, name: str) -> Field | None:
        """A field by its name in any case."""
        return self._by_lower.get(name.lower())

    def put(self, item: Field) -> None:
        self.fields[item.name] = item
        self._by_lower[item.name.lower()] = item

    def drop(self, name: str) -> None:
        del self.fields[name]
        del self._by_lower[name.lower()]

    def refer(self, name: str, targets: tuple[str, ...]) -> None:
        """Let a reference lead to these objects and no others."""
        self.put(replace(self.fields[name], references=targets))

    def by_relationship(self, name: str) -> Field | None:
        wanted = name.lower()
        for item in self.fields.values():
            if item.relationship_name and item.relationship_name.lower() == wanted:
                return item
        return None

    @property
    def holds_data(self) -> bool:
        """Whether it holds business records, and not the org's own set-up."""
        return self.createable or self.deletable

    def permits(self, operation: str) -> bool:
        """Whether clients may insert, upsert, update, delete or hardDelete its records."""
        if operation in ("delete", "hardDelete"):
            return self.deletable
        return self.updateable if operation == "update" else self.createable

    @property
    def custom_fields(self) -> int:
        return sum(item.custom for item in self.fields.values())

    @property
    def name_field(self) -> Field | None:
        return next((item for item in self.fields.values() if item.name_field), None)

    def copy(self) -> "SObject":
        return replace(self, fields=dict(self.fields))


def to_json(item: SObject) -> dict[str, Any]:
    return asdict(item)


def from_json(data: dict[str, Any]) -> SObject:
    fields = {}
    for name, raw in data.pop("fields").items():
        raw["references"] = tuple(raw["references"])
        raw["picklist"] = tuple(raw["picklist"])
        fields[name] = Field(**raw)
    return SObject(fields=fields, **data)


class _Stamp(TypedDict):
    createable: bool
    updateable: bool
    audit: bool


def audit_fields() -> Iterable[Field]:
    """The fields that every record carries and the system sets."""
    stamp = _Stamp(createable=False, updateable=False, audit=True)
    yield Field("CreatedDate", "Created Date", "datetime", **stamp)
    yield Field(
        "CreatedById",
        "Created By ID",
        "reference",
        length=18,
        references=("User",),
        relationship_name="CreatedBy",
        **stamp,
    )
    yield Field("LastModifiedDate", "Last Modified Date", "datetime", **stamp)
    yield Field(
        "LastModifiedById",
        "Last Modified By ID",
        "reference",
        length=18,
        references=("User",),
        relationship_name="LastModifiedBy",
        **stamp,
    )
    yield Field("SystemModstamp", "System Modstamp", "datetime", createable=False, updateable=False)


def system_fields() -> Iterable[Field]:
    yield Field("Id", "Record ID", "id", length=18, createable=False, updateable=False)
    yield Field("IsDeleted", "Deleted", "boolean", createable=False, updateable=False)


def owner_field(any_owner: bool = False) -> Field:
    return Field(
        "OwnerId",
        "Owner ID",
        "reference",
        length=18,
        references=("User",),
        relationship_name="Owner",
        any_owner=any_owner,
    )


def custom_object(
    name: str, label: str, label_plural: str, key_prefix: str, name_field: Field, owned: bool
) -> SObject:
    """A custom object with its system fields and no field of its own but its name."""
    made = SObject(name, label, label_plural, key_prefix, custom=True)
    for item in system_fields():
        made.put(item)
    if owned:
        made.put(owner_field(any_owner=True))
    made.put(name_field)
    for item in audit_fields():
        made.put(item)
    return made
