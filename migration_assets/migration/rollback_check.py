"""After a rollback: is the destination as it was before the migration? Read back and compared.

Findings name object, key, record and field; no value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from migration_assets.destinations.base import Destination, ObjectSchema, ReadRequest
from migration_assets.migration.rollback_judging import unlike
from migration_assets.migration.rollback_plan import LEAVE, RESTORE, Record, RollbackPlan

STILL_THERE, NOT_RESTORED, RESTORED_MISSING = "still_there", "not_restored", "restored_missing"
FINDING_COLUMNS: dict[str, pl.DataType] = {
    "code": pl.String(),
    "object": pl.String(),
    "key": pl.String(),
    "record_id": pl.String(),
    "field": pl.String(),
}
"""``still_there``: a record of the practice that should be gone; ``not_restored``: a field that should have
its former value; ``restored_missing``: a record that was restored and isn't there."""


@dataclass(frozen=True)
class Check:
    """Compares one target with what the plan promised; ``refused`` are records (object, key) that the
    destination wouldn't delete or restore, which are listed on their own."""

    destination: Destination
    schemas: Mapping[str, ObjectSchema]
    prefix: str
    plan: RollbackPlan
    refused: frozenset[tuple[str, str]]

    def findings(self) -> pl.DataFrame:
        """FINDING_COLUMNS."""
        rows = [
            row for name in dict.fromkeys(each.object for each in self.plan.records) for row in self._of(name)
        ]
        return pl.DataFrame(rows, schema=FINDING_COLUMNS, orient="row")

    def _of(self, name: str) -> Iterator[tuple[str, str, str, str | None, str | None]]:
        schema = self.schemas[name]
        records = [each for each in self.plan.records if each.object == name]
        restored = [
            each for each in records if each.action == RESTORE and (name, each.key) not in self.refused
        ]
        kept_keys = {each.key for each in restored if _keeps_key(each)}
        may_stay = {each.key for each in records if each.action == LEAVE} | kept_keys
        may_stay |= {key for of, key in self.refused if of == name}
        key = schema.key_field
        for page in self.destination.read(ReadRequest(schema, self.prefix, (key,))):
            for record_key, record_id in page.select(key, "_id").iter_rows():
                if record_key not in may_stay:
                    yield STILL_THERE, name, record_key, record_id, None
        given_back = [each for each in restored if not _keeps_key(each)]
        keyed = [each for each in restored if _keeps_key(each)]
        if given_back:
            yield from self._compare(schema, given_back, self._unkeyed(schema, given_back))
        if keyed:
            pages = self.destination.read(ReadRequest(schema, self.prefix))
            yield from self._compare(schema, keyed, _only(pages, keyed))

    def _unkeyed(self, schema: ObjectSchema, records: list[Record]) -> pl.DataFrame:
        names = [each.name for each in schema.stored_fields if each.name != schema.key_field]
        return _only(self.destination.unkeyed(schema, names), records)

    def _compare(
        self, schema: ObjectSchema, records: list[Record], found: pl.DataFrame
    ) -> Iterator[tuple[str, str, str, str | None, str | None]]:
        """References are compared by the destination's ids, so only of records that were adopted."""
        there = {row["_id"]: row for row in found.iter_rows(named=True)}
        for each in records:
            row = there.get(str(each.record_id))
            if row is None:
                yield RESTORED_MISSING, schema.name, each.key, each.record_id, None
                continue
            for name in self._unlike(schema, each, row):
                yield NOT_RESTORED, schema.name, each.key, each.record_id, name

    def _unlike(self, schema: ObjectSchema, record: Record, row: Mapping[str, Any]) -> list[str]:
        wanted = record.change.fields if record.change is not None else {}
        fields = [
            each
            for each in schema.sent_fields
            if each.name in wanted and not (each.type.is_reference and _keeps_key(record))
        ]
        return unlike(fields, wanted, row)


def _keeps_key(record: Record) -> bool:
    return record.change is not None and record.change.after is not None


def _only(pages: Iterator[pl.DataFrame], records: list[Record]) -> pl.DataFrame:
    wanted = [each.record_id for each in records]
    return pl.concat([page.filter(pl.col("_id").is_in(wanted)) for page in pages])
