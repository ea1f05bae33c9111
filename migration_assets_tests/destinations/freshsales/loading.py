"""What the tests of records share: schemas of all seven objects, batches, a journal, a source of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from migration_assets.destinations.base import (
    Batch,
    FieldSchema,
    FieldType,
    Identity,
    LoadResult,
    ObjectSchema,
    OpenBatch,
    ReadRequest,
    payload_dtype,
)
from migration_assets.destinations.freshsales.destination import FreshsalesDestination
from migration_assets_tests.destinations.freshsales import schema_samples as samples

standard, custom = samples.standard, samples.custom
_VIRTUAL_KEY = FieldSchema("_key", "Key", FieldType.TEXT, custom=False, virtual=True)

ACCOUNT = ObjectSchema(
    "sales_account",
    "Practice",
    "Practices",
    False,
    "cf_panda_key",
    (samples.key_field(), standard("name", "Name"), standard("city", "City")),
    Identity.FIELD,
)
CONTACT = samples.with_field(
    samples.CONTACT,
    standard("sales_account", "Accounts", FieldType.LOOKUP, reference_to="sales_account"),
)
DEAL = samples.with_field(
    samples.with_field(samples.DEAL, standard("amount", "Value", FieldType.CURRENCY, precision=11, scale=2)),
    standard("sales_account", "Account name", FieldType.LOOKUP, reference_to="sales_account"),
)
LINE = samples.with_field(
    samples.PLAN_LINE, custom("cf_contact", "Contact", FieldType.LOOKUP, reference_to="contact")
)
NOTE = samples.NOTE
APPOINTMENT = ObjectSchema(
    "appointment",
    "Appointment",
    "Appointments",
    False,
    "_key",
    (
        _VIRTUAL_KEY,
        standard("title", "Title"),
        standard("description", "Description", FieldType.LONG_TEXT),
        standard("from_date", "From", FieldType.DATETIME),
        standard("end_date", "To", FieldType.DATETIME),
        standard("patient", "Patient", FieldType.LOOKUP, reference_to="contact"),
        standard("provider", "Provider", FieldType.LOOKUP, reference_to="contact"),
    ),
    Identity.MARKER,
    marked_field="description",
)
DOCUMENT = ObjectSchema(
    "document",
    "Document",
    "Documents",
    False,
    "_key",
    (
        _VIRTUAL_KEY,
        standard("file_name", "File name"),
        standard("target", "Target", FieldType.LOOKUP, reference_to="contact", also_to=("deal",)),
        standard("content_file_size", "Size", FieldType.NUMBER, precision=11, scale=0, read_only=True),
        standard("checksum", "Checksum", read_only=True),
    ),
    Identity.MARKER,
    content_field="file",
    marked_field="file_name",
)
ALL = (ACCOUNT, CONTACT, DEAL, LINE, APPOINTMENT, NOTE, DOCUMENT)


class Journal:
    """What a destination wrote down."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.ended: list[str] = []

    def job_created(self, batch_id: str, job_id: str) -> None:  # noqa: ARG002
        self.jobs.append(job_id)

    def job_submitted(self, batch_id: str) -> None: ...

    def job_ended(self, batch_id: str, state: str) -> None:  # noqa: ARG002
        self.ended.append(state)


class Files:
    """Contents by key."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self.contents = contents

    def pieces(self, key: str) -> Iterator[bytes]:
        content = self.contents[key]
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]


def batch(
    schema: ObjectSchema, rows: Sequence[Mapping[str, Any]], files: Mapping[str, bytes] | None = None
) -> Batch:
    """Rows with null in every field that isn't given."""
    frame = pl.DataFrame(
        [{name: row.get(name) for name in schema.field_names} for row in rows],
        schema={each.name: payload_dtype(each) for each in schema.fields},
    )
    return Batch("b1", schema, frame, blobs=None if files is None else Files(files))


def sent(
    destination: FreshsalesDestination, of: Batch, journal: Journal | None = None
) -> dict[str, LoadResult]:
    """Results by key, one for each row."""
    results = by_key(destination.send(of, journal or Journal()))
    assert results.keys() == set(of.rows[of.schema.key_field])
    return results


def by_key(parts: Iterable[Sequence[LoadResult]]) -> dict[str, LoadResult]:
    listed = [each for part in parts for each in part]
    found = {each.key: each for each in listed}
    assert len(found) == len(listed)
    return found


def read(destination: FreshsalesDestination, schema: ObjectSchema, *fields: str) -> pl.DataFrame:
    frames = list(destination.read(ReadRequest(schema, "maple:", fields)))
    return pl.concat(frames).sort(schema.key_field)


def rows(destination: FreshsalesDestination, schema: ObjectSchema) -> list[dict[str, Any]]:
    """What is there, without the destination's own ids and times."""
    return read(destination, schema).drop("_id", "_modified_at").to_dicts()


def patients(*numbers: int, **fields: Any) -> Batch:
    return batch(
        CONTACT,
        [
            {"external_id": f"maple:patient:{number}", "last_name": f"Sampleton {number}", **fields}
            for number in numbers
        ],
    )


def document_row(number: int, content: bytes, target: str = "maple:patient:1") -> dict[str, Any]:
    return {
        "_key": f"maple:document:{number}",
        "file_name": "letter.pdf",
        "target": target,
        "content_file_size": len(content),
        "checksum": hashlib.md5(content).hexdigest(),
    }


def open_batch(of: Batch, job_id: str | None = None) -> OpenBatch:
    return OpenBatch("b1", of.schema, tuple(of.rows[of.schema.key_field]), datetime.now(UTC), job_id)
