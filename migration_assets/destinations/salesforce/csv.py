"""Payload frames as the CSV that Bulk API 2.0 reads, and its CSV as typed frames.

The platform's terms (Bulk API 2.0 guide, "Prepare CSV Files"): UTF-8, LF line ends declared with the job,
``#N/A`` makes a field null, an empty value leaves it alone, values are not trimmed. A text that is itself
``#N/A`` can't be written: such rows are told apart before anything is sent. Nothing here makes a request.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from migration_assets.destinations.base import FieldSchema, FieldType, LoadResult, ObjectSchema, payload_dtype
from migration_assets.destinations.salesforce.failures import UNREPRESENTABLE, sentence
from migration_assets.errors import DestinationError

NULL = "#N/A"
PARENT_KEY = "PANDA_Key__c"
"""The external id that every migrated object carries; parents are addressed by it."""

MAX_HEADER_CHARACTERS = 32_000
"""Bulk API 2.0 guide, limits: characters of the header line."""

_POLYMORPHIC = frozenset({"Who", "What", "Owner", "Relation", "LinkedEntity"})
_PIECE_ROWS = 1_000
_ID, _MODIFIED = "_id", "_modified_at"


@dataclass(frozen=True, slots=True)
class Payload:
    """Content of one job in pieces; it has a length and can be sent again, as requests wants it."""

    pieces: tuple[bytes, ...]

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)


def is_polymorphic(field: FieldSchema) -> bool:
    """Whether the reference may point to several objects (those named do on every org)."""
    return field.relationship in _POLYMORPHIC


def is_by_id(field: FieldSchema) -> bool:
    """Whether a job has to name the parent by its record id: a column can name one object only."""
    return len(field.targets) > 1


def column(field: FieldSchema) -> str:
    """The header of a field in a job: references by the parent's external id.

    A polymorphic reference names its target (``Contact:Who.PANDA_Key__c``), any other must not. One that may
    point to several objects of the mapping comes with record ids, see ``is_by_id``.
    """
    if not field.type.is_reference or is_by_id(field):
        return field.name
    target = f"{field.reference_to}:" if is_polymorphic(field) else ""
    return f"{target}{_relationship(field)}.{PARENT_KEY}"


def _relationship(field: FieldSchema) -> str:
    if field.relationship is None:
        raise DestinationError(
            f"field {field.name} points to {field.reference_to} and names no relationship; add it to its spec"
        )
    return field.relationship


def header(schema: ObjectSchema) -> str:
    return ",".join(column(field) for field in schema.sent_fields)


def unrepresentable(rows: pl.DataFrame, schema: ObjectSchema) -> tuple[pl.DataFrame, list[LoadResult]]:
    """The rows that can be written, and a failed result for each of the others."""
    wrong: dict[str, pl.Expr] = {}
    dtypes = rows.schema
    for field in schema.sent_fields:
        dtype = dtypes[field.name]
        if dtype == pl.String:
            wrong[field.name] = pl.col(field.name) == NULL
        elif dtype.is_float():
            wrong[field.name] = ~pl.col(field.name).is_finite()
    if not wrong:
        return rows, []
    flags = rows.select(each.fill_null(False).alias(name) for name, each in wrong.items())
    bad = flags.select(pl.any_horizontal(pl.all()).alias("bad"))["bad"]
    if not bad.any():
        return rows, []
    results = [
        LoadResult(
            str(key),
            "failed",
            code=UNREPRESENTABLE,
            field=next(name for name, is_wrong in entry.items() if is_wrong),
            message=sentence(UNREPRESENTABLE),
        )
        for key, entry in zip(
            rows[schema.key_field].filter(bad), flags.filter(bad).iter_rows(named=True), strict=True
        )
    ]
    return rows.filter(~bad), results


def in_parent_order(rows: pl.DataFrame, schema: ObjectSchema) -> pl.DataFrame:
    """Sorted by parents, then key: rows of one parent in one batch don't fight for its lock."""
    return rows.sort([*(field.name for field in schema.references), schema.key_field], nulls_last=True)


def encode(rows: pl.DataFrame, schema: ObjectSchema) -> Payload:
    """The rows, in their order, as a job's content; empty text counts as null."""
    pieces = [header(schema).encode() + b"\n"]
    pieces += [_body(part, schema) for part in rows.iter_slices(_PIECE_ROWS)]
    return Payload(tuple(pieces))


def split(rows: pl.DataFrame, schema: ObjectSchema, max_bytes: int, max_rows: int) -> Iterator[pl.DataFrame]:
    """Parts that each fit one job, ordered by parent and key; raises where a single row doesn't fit."""
    ordered = in_parent_order(rows, schema)
    room = max_bytes - len(header(schema).encode()) - 1
    parts: list[pl.DataFrame] = []
    size = height = 0
    for piece in ordered.iter_slices(min(_PIECE_ROWS, max_rows)):
        for part, length in _fitting(piece, schema, room):
            if parts and (size + length > room or height + part.height > max_rows):
                yield pl.concat(parts)
                parts, size, height = [], 0, 0
            parts.append(part)
            size, height = size + length, height + part.height
    if parts:
        yield pl.concat(parts)


def _fitting(piece: pl.DataFrame, schema: ObjectSchema, room: int) -> Iterator[tuple[pl.DataFrame, int]]:
    length = len(_body(piece, schema))
    if length <= room:
        yield piece, length
    elif piece.height == 1:
        raise DestinationError(
            f"a record of {schema.name} takes {length:,} bytes and a job holds {room:,}; "
            "raise bulk.max_job_bytes or shorten its long texts in the mapping"
        )
    else:
        half = piece.height // 2
        yield from _fitting(piece[:half], schema, room)
        yield from _fitting(piece[half:], schema, room)


def _body(rows: pl.DataFrame, schema: ObjectSchema) -> bytes:
    # DataFrame.schema is built anew at each access.
    dtypes = rows.schema
    columns = [_outgoing(field, dtypes[field.name]) for field in schema.sent_fields]
    text = rows.select(columns).write_csv(
        include_header=False,
        null_value=NULL,
        datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ",
        date_format="%Y-%m-%d",
        float_scientific=False,
        quote_style="necessary",
    )
    return text.encode()


def _outgoing(field: FieldSchema, dtype: pl.DataType) -> pl.Expr:
    values = pl.col(field.name)
    if field.type is FieldType.USER:
        # A record is never nobody's: an empty value leaves the owner that it has or is given there.
        return values.fill_null("")
    if dtype == pl.String:
        return values.replace("", None)
    if dtype == pl.Boolean:
        # A checkbox knows no null: the platform keeps false.
        return values.fill_null(False)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return values


def read_text(content: bytes, columns: Sequence[str]) -> pl.DataFrame:
    """A CSV of the platform as String columns under ``columns``, taken by their place.

    CR LF inside values stays; nothing and the empty text are both null. An empty body has no rows.
    """
    empty = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    if not content.strip():
        return empty
    try:
        found = pl.read_csv(io.BytesIO(content), infer_schema=False)
    except pl.exceptions.PolarsError:
        raise DestinationError(
            "Salesforce's CSV can't be read; run again, and report it if it stays"
        ) from None
    if found.width != len(columns):
        raise DestinationError(
            f"Salesforce's CSV has {found.width} columns where {len(columns)} were asked for; run again"
        )
    found.columns = list(columns)
    return found.with_columns(pl.all().replace("", None))


def typed(texts: pl.DataFrame, schema: ObjectSchema, fields: Sequence[str]) -> pl.DataFrame:
    """String columns ``_id``, ``_modified_at`` and ``fields`` with the types of ``base.Batch``."""
    casts = [pl.col(_ID), _timestamp(pl.col(_MODIFIED))]
    casts += [_incoming(schema.field(name)) for name in fields]
    try:
        return texts.select(casts)
    except pl.exceptions.PolarsError:
        raise DestinationError(
            f"Salesforce returned values of {schema.name} that don't have their field's type; "
            "run the preflight, which compares the org's fields with the mapping"
        ) from None


def _timestamp(values: pl.Expr) -> pl.Expr:
    bare = values.str.strip_suffix("Z").str.strip_suffix("+0000")
    return bare.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="ms").dt.replace_time_zone("UTC")


def _incoming(field: FieldSchema) -> pl.Expr:
    values, dtype = pl.col(field.name), payload_dtype(field)
    if dtype == pl.Boolean:
        return pl.when(values.is_not_null()).then(values.str.to_lowercase() == "true").alias(field.name)
    if dtype == pl.Date:
        return values.str.to_date("%Y-%m-%d")
    if isinstance(dtype, pl.Datetime):
        return _timestamp(values)
    if dtype == pl.Int64:
        # The platform writes whole numbers as "12.0" or "1.2E1"; by way of text, a 12.7 is an error, not 12.
        return values.cast(pl.Decimal(38, 6)).cast(pl.String).str.replace(r"\.0+$", "").cast(pl.Int64)
    return values if dtype == pl.String else values.cast(dtype)
