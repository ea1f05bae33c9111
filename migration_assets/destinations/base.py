"""The port: what the engine asks of a destination and what a destination asks of the world.

Types and protocols only. ``mapping`` makes the schemas, ``migration`` implements ``Journal``, each folder
beside this file implements ``Destination``. Nothing here knows a platform.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol

import polars as pl

from migration_assets.destinations.administration import ManualStep, PlanRoom
from migration_assets.destinations.removal import Removal, SchemaRemoval


class FieldType(StrEnum):
    """The closed list of types that a mapped field can have; equality in reconciliation is by type."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    CURRENCY = "currency"
    PERCENT = "percent"
    CHECKBOX = "checkbox"
    DATE = "date"
    DATETIME = "datetime"
    PICKLIST = "picklist"
    MULTI_PICKLIST = "multi_picklist"
    PHONE = "phone"
    EMAIL = "email"
    URL = "url"
    LOOKUP = "lookup"
    MASTER_DETAIL = "master_detail"
    USER = "user"

    @property
    def is_reference(self) -> bool:
        return self in (FieldType.LOOKUP, FieldType.MASTER_DETAIL)


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field of a destination object.

    ``length`` is characters (text kinds); ``precision`` and ``scale`` are digits in all and after the
    point (number kinds). A reference names the object it points to in ``reference_to`` and, in
    ``relationship``, the name by which a child's record reaches it (``Contact__r``, ``Account``); a
    payload holds the parent's key in its column. ``child_relationship`` names the way back; ``also_to`` are
    further objects of the mapping that the same field may point to. A USER field holds the destination's own
    id of one of its users; null leaves the owner to the destination.

    A ``read_only`` field is the destination's own (a file's checksum): expected and compared, never sent. A
    ``virtual`` field is none of the destination's: the key of a record that can't carry one, or a parent
    without which a record waits.
    """

    name: str
    label: str
    type: FieldType
    custom: bool
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    required: bool = False
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = True
    reference_to: str | None = None
    relationship: str | None = None
    child_relationship: str | None = None
    help_text: str | None = None
    also_to: tuple[str, ...] = ()
    read_only: bool = False
    virtual: bool = False

    @property
    def targets(self) -> tuple[str, ...]:
        """Every object of the mapping that the reference may point to."""
        return () if self.reference_to is None else (self.reference_to, *self.also_to)


class Identity(StrEnum):
    """How a destination finds a record again.

    EXTERNAL_ID: by the key field, which the destination keeps unique and upserts by. FIELD: by the key field,
    which nothing there keeps unique, so that one looks before one creates. PARENTS: by the records that it
    joins; the key is virtual, made of theirs (``joined_key``). MARKER: by a marker of the key in a text of
    the record; the key is virtual, and the destination adds the marker as it writes and takes it out as it
    reads.
    """

    EXTERNAL_ID = "external_id"
    FIELD = "field"
    PARENTS = "parents"
    MARKER = "marker"


def joined_key(practice: str, key_space: str, parents: Sequence[str]) -> str:
    """``maple:attendee:appointment:7+provider:3`` of ``maple:appointment:7`` and ``maple:provider:3``."""
    return f"{practice}:{key_space}:" + "+".join(parent.removeprefix(f"{practice}:") for parent in parents)


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """One object of a destination with every field that the migration maps, the key field among them.

    Of an object whose records are files, ``content_field`` is the destination's field of their bytes: no
    column of a payload, streamed from a BlobSource. Of one with the identity PARENTS, ``joins`` are the
    references that the key is made of, in its order, and ``key_space`` is the key's. Of one with the identity
    MARKER, ``marked_field`` is the text that bears the marker.
    """

    name: str
    label: str
    plural_label: str
    custom: bool
    key_field: str
    fields: tuple[FieldSchema, ...]
    identity: Identity = Identity.EXTERNAL_ID
    content_field: str | None = None
    joins: tuple[str, ...] = ()
    key_space: str | None = None
    marked_field: str | None = None

    @property
    def stored_fields(self) -> tuple[FieldSchema, ...]:
        """Fields that the destination has."""
        return tuple(each for each in self.fields if not each.virtual)

    @property
    def sent_fields(self) -> tuple[FieldSchema, ...]:
        """Fields that a record is written with."""
        return tuple(each for each in self.fields if not each.virtual and not each.read_only)

    def field(self, name: str) -> FieldSchema:
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        raise KeyError(name)

    @property
    def field_names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.fields)

    @property
    def returned_fields(self) -> tuple[FieldSchema, ...]:
        """Fields of a record as it is read back: those that the destination has, and the key."""
        return tuple(each for each in self.fields if not each.virtual or each.name == self.key_field)

    @property
    def returned_names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.returned_fields)

    @property
    def references(self) -> tuple[FieldSchema, ...]:
        return tuple(each for each in self.fields if each.type.is_reference)


def joined_keys(schema: ObjectSchema, practice: str) -> pl.Expr:
    """``joined_key`` over the columns of the references; null where one of them is."""
    parents = [pl.col(name).str.strip_prefix(f"{practice}:") for name in schema.joins]
    return pl.lit(f"{practice}:{schema.key_space}:") + pl.concat_str(parents, separator="+")


@dataclass(frozen=True, slots=True)
class DestinationIdentity:
    """Who answers: the id of the org or account, whether it says that it is a sandbox, and its name."""

    organization_id: str
    is_sandbox: bool
    name: str


@dataclass(frozen=True, slots=True)
class DestinationUser:
    """Somebody who logs in there; ``id`` is what a USER field holds.

    ``email`` is the address that people know, without what a test copy of an organisation adds to it. Only a
    user who is ``active`` and whose kind ``may_own`` records can be made their owner.
    """

    id: str
    email: str | None
    username: str
    active: bool
    may_own: bool


@dataclass(frozen=True, slots=True)
class ObjectCapacity:
    """Room for custom fields on one object: the limit, and the names of those that are there already.

    An object that doesn't exist yet has ``exists`` false and no names.
    """

    object: str
    exists: bool
    custom_field_limit: int
    custom_fields: frozenset[str]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a preflight or a comparison found; ``message`` holds no value of a record.

    ``mended_by_deploying``: it is gone once the schema is deployed.
    """

    code: str
    severity: Literal["error", "warning", "note"]
    message: str
    object: str | None = None
    field: str | None = None
    mended_by_deploying: bool = False


@dataclass(frozen=True, slots=True)
class Volumes:
    """How much a load would bring, at most: ``records`` by object, and files in number and bytes.

    ``alternatives`` are other ways to keep the same data (``per_tooth``), each with its records by object.
    """

    records: Mapping[str, int]
    files: int = 0
    file_bytes: int = 0
    alternatives: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SchemaDeployment:
    """What a deployment did; names are ``Object``, ``Object.Field``, or ``Kind Name`` of what shows them."""

    created: tuple[str, ...]
    updated: tuple[str, ...]
    unchanged: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


def payload_dtype(field: FieldSchema) -> pl.DataType:
    """The type that a field's column is read back in; a payload's numbers may be narrower.

    A number with decimals has more of them than any field keeps: 7.10 sent and 7.1 returned are equal,
    and a destination that returns 7.100000001 is found out instead of rounded.
    """
    match field.type:
        case FieldType.CHECKBOX:
            return pl.Boolean()
        case FieldType.DATE:
            return pl.Date()
        case FieldType.DATETIME:
            return pl.Datetime("ms", "UTC")
        case FieldType.NUMBER | FieldType.CURRENCY | FieldType.PERCENT:
            return pl.Int64() if field.scale == 0 else pl.Decimal(38, 18)
        case _:
            return pl.String()


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What became of one record that was sent.

    ``outcome`` is ``loaded`` (it is there as sent), ``failed`` (refused, with the destination's ``code``)
    or ``not_sent`` (never processed: it may be sent again). ``message`` is the destination's sentence
    with every value of the record taken out.
    """

    key: str
    outcome: Literal["loaded", "failed", "not_sent"]
    destination_id: str | None = None
    created: bool = False
    code: str | None = None
    field: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one object on their way: ``rows`` has one column per field of ``schema`` (all of them).

    Column types: text kinds and references String (a reference holds the parent's key), numbers Int*,
    Float64 or Decimal, CHECKBOX Boolean, DATE Date, DATETIME Datetime("ms", "UTC"). Null means "make it
    null there". ``id`` is the ledger's id of the batch. ``absent`` are keys that the ledger takes to be
    missing in the destination; ``blobs`` gives the content of an object that has some.
    """

    id: str
    schema: ObjectSchema
    rows: pl.DataFrame
    absent: frozenset[str] = frozenset()
    blobs: BlobSource | None = None


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch whose end the ledger doesn't know: what was intended, and the job's id if it got that far."""

    id: str
    schema: ObjectSchema
    keys: tuple[str, ...]
    intended_at: datetime
    job_id: str | None


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Which records to read back: those whose key starts with ``key_prefix``, these ``fields`` of them.

    ``keys``: only these of them, in any order, at a cost that grows with their number; one that isn't there
    is left out. Every one begins with the prefix. Of several records with one of these keys it may be that
    only one is told: who looks for doubles reads by the prefix.

    ``thought``: where the caller thinks that these records are, a hint for destinations that can't find one
    by its key. Columns: the key field, ``_id`` (the destination's id as the ledger has it; null where it has
    none) and the schema's references, as sent last and as about to be sent: a key may have several rows. A
    record found by a marker is then looked for at these places only, unless a row's reference is null: it
    isn't known then, and the record may be anywhere. What is read is what is there.
    """

    schema: ObjectSchema
    key_prefix: str
    fields: tuple[str, ...] = field(default=())
    keys: tuple[str, ...] | None = None
    thought: pl.DataFrame | None = None


KEY_CHANGED, RECORD_GONE = "KEY_CHANGED", "RECORD_GONE"
"""Codes of a KeyChange that wasn't made: the record holds another key, or isn't there."""


@dataclass(frozen=True, slots=True)
class KeyChange:
    """The key that one record is given or rid of: ``after`` is written where ``before`` stands.

    ``fields`` are written with it, typed as in ``Batch``, but a reference holds the destination's own id.
    """

    record_id: str
    before: str | None
    after: str | None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The key that it is about."""
        return self.after or self.before or ""


class Journal(Protocol):
    """Where a destination writes down, durably before it returns, what it is about to rely on."""

    def job_created(self, batch_id: str, job_id: str) -> None:
        """The destination has made a job; called before any content is uploaded to it."""

    def job_submitted(self, batch_id: str) -> None:
        """All content is uploaded and the job is about to be closed."""

    def job_ended(self, batch_id: str, state: str) -> None:
        """The job has reached a final state of the destination's own."""


class BlobSource(Protocol):
    """Contents of files by the record's key, in pieces: from the source itself, or drawn for the payload."""

    def pieces(self, key: str) -> Iterator[bytes]:
        """From the first byte each time it is called, from several threads at once.

        Raises SourceError and its kin where the content can't be read, ContentChanged where it is gone.
        """


class Destination(Protocol):
    """One environment of one destination. Building it makes no request; every method may."""

    @property
    def name(self) -> str: ...

    def identity(self) -> DestinationIdentity: ...

    def capacity(self, objects: Sequence[str]) -> dict[str, ObjectCapacity]: ...

    def plans(self, schemas: Sequence[ObjectSchema]) -> list[PlanRoom]:
        """Room under each of the plans that it is sold by, the account's own among them, by kind and object;
        what nobody can buy differently is of one plan."""

    def checklist(self, schemas: Sequence[ObjectSchema]) -> list[ManualStep]:
        """What an administrator has to make by hand before these schemas fit, as the account is now, in the
        order in which it is best made; empty where deploying does it all."""

    def preflight(
        self,
        schemas: Sequence[ObjectSchema],
        volumes: Volumes | None = None,
        time_zone: str | None = None,
    ) -> list[Finding]:
        """Everything that would stop or spoil a load of these schemas, without changing anything.

        ``volumes`` is compared with the room and the quotas that are left, ``time_zone`` (IANA) of the
        practice with the destination's; what isn't given isn't compared.
        """

    def deploy_schema(self, schemas: Sequence[ObjectSchema]) -> SchemaDeployment:
        """Create or update the custom objects and fields and make them visible to the login.

        Raises SchemaDeploymentFailed or DestinationWithoutRoom, and then has changed nothing.
        """

    @property
    def batches_at_once(self) -> int:
        """How many batches may be on their way at the same time, each in a thread of its own; 1 or more."""

    def batches(self, schema: ObjectSchema, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """``rows`` in parts that ``send`` takes at once, in the order in which they are best sent.

        Columns that the schema doesn't know are kept; no request is made.
        """

    def send(self, batch: Batch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        """Bring the records of the batch to the state of its rows; every key gets exactly one result."""

    def settle(self, batch: OpenBatch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        """Find out what became of a batch after a crash, ending what is unfinished.

        Every key gets exactly one result. Raises JobLost where the destination can't tell any more.
        """

    def abandon_orphans(
        self, schema: ObjectSchema, *, since: datetime, known_jobs: Collection[str]
    ) -> tuple[str, ...]:
        """End jobs that this login opened for the object since then and nobody's ledger knows; their ids."""

    def read(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        """Records as they are there, in frames of bounded size.

        Columns: ``_id`` String, ``_modified_at`` Datetime("ms", "UTC"), the key field, then
        ``request.fields`` (all of the schema's where empty), typed as in ``Batch``; a reference holds
        the parent's key (null where the parent has none).
        """

    def unkeyed(self, schema: ObjectSchema, fields: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Records of the object whose key field is null, in frames of bounded size.

        Columns: ``_id``, ``_modified_at``, then ``fields`` as in ``read``; but a reference holds the
        destination's own id, since its parent needn't have a key either.
        """

    def write_keys(self, schema: ObjectSchema, changes: Sequence[KeyChange]) -> list[LoadResult]:
        """One result a change, in their order, with the key that it is about.

        ``loaded`` where ``after`` stands there now, also where it stood there before; ``failed`` where the
        record holds another key than ``before`` (KEY_CHANGED), isn't there (RECORD_GONE), or was refused (the
        destination's code). A record that failed is as it was. Where ``before`` and ``after`` are the same
        the fields are written all the same.
        """

    def last_changes(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        """LAST_CHANGE_COLUMNS of the records that ``read`` would return, in frames of bounded size."""

    def dependents(self, schema: ObjectSchema, record_ids: Collection[str]) -> Iterator[pl.DataFrame]:
        """DEPENDENT_COLUMNS: every record, whoever made it, that refers to these and would be deleted with
        them or lose its reference; of a file also its further versions and the places where it shows."""

    def delete(self, schema: ObjectSchema, records: Mapping[str, str]) -> Iterator[Sequence[Removal]]:
        """Delete records (key -> the destination's id), a file with its document; one result a key.

        A record that isn't there any more is ``gone``; one that the destination refuses stays and is
        ``failed``. Deleting twice is deleting once.
        """

    def remove_schema(self, schemas: Sequence[ObjectSchema]) -> SchemaRemoval:
        """Remove the custom objects and fields that hold no value of anybody's, and what shows them.

        Raises SchemaDeploymentFailed, and then has changed nothing.
        """

    def users(self) -> list[DestinationUser]:
        """Everybody who is known there, inactive ones and machines among them."""

    @property
    def default_owner(self) -> str | None:
        """Username or e-mail of the user who owns what nobody else does, as the settings have it."""

    def close(self) -> None: ...
