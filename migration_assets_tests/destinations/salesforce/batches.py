"""Building batches for the tests of the Salesforce destination, and looking at what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from migration_assets.destinations.base import (
    Batch,
    LoadResult,
    ObjectSchema,
    OpenBatch,
    ReadRequest,
)
from migration_assets.destinations.salesforce.destination import SalesforceDestination
from migration_assets_tests.destinations.salesforce.schemas import EXAM, sent_dtype


def frame(schema: ObjectSchema, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows with null in every field that isn't given."""
    return pl.DataFrame(
        [{name: row.get(name) for name in schema.field_names} for row in rows],
        schema={each.name: sent_dtype(each) for each in schema.fields},
    )


def exams(*rows: dict[str, Any]) -> Batch:
    return Batch("b1", EXAM, frame(EXAM, rows))


def numbered(count: int) -> Batch:
    return exams(
        *({"PANDA_Key__c": f"maple:exam:{number:04}", "Depth__c": number % 10} for number in range(count))
    )


def collected(results: Iterable[Sequence[LoadResult]]) -> dict[str, LoadResult]:
    """Results by key; every key has exactly one."""
    listed = [each for part in results for each in part]
    by_key = {each.key: each for each in listed}
    assert len(by_key) == len(listed)
    return by_key


def outcomes(results: Iterable[Sequence[LoadResult]]) -> list[tuple[str, str, str | None, str | None]]:
    return sorted((each.key, each.outcome, each.code, each.field) for each in collected(results).values())


def read(org: SalesforceDestination, schema: ObjectSchema, prefix: str, *fields: str) -> pl.DataFrame:
    return pl.concat(org.read(ReadRequest(schema, prefix, fields)))


def open_batch(batch: Batch, job_id: str | None) -> OpenBatch:
    keys = tuple(batch.rows[batch.schema.key_field])
    return OpenBatch(batch.id, batch.schema, keys, datetime.now(UTC), job_id)
