"""The records of a rollback on their way: the order they go in, what is done, what was refused. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import polars as pl

from migration_assets.destinations.base import ObjectSchema
from migration_assets.migration.parents import in_waves
from migration_assets.migration.rollback_plan import NEEDED, Record, RollbackPlan

REFUSED_COLUMNS: dict[str, pl.DataType] = {
    "object": pl.String(),
    "key": pl.String(),
    "record_id": pl.String(),
    "code": pl.String(),
    "message": pl.String(),
}
"""Records that the destination wouldn't delete or restore, and those that such a record refers to."""


class Tally:
    """What is done so far, what was refused, and what must stay since a refused record refers to it."""

    def __init__(self, planned: RollbackPlan) -> None:
        self._counts: Counter[str] = Counter()
        self._rows: list[dict[str, str | None]] = []
        self._hangs_on = planned.hangs_on
        self._needed: set[str] = set()
        self._waiting: list[tuple[Record, str | None, str | None]] = []
        self._gone_ids: set[str] = set()
        self.refused_keys: set[tuple[str, str]] = set()

    def count(self, name: str, outcome: str, number: int) -> None:
        self._counts[f"{name}.{outcome}"] += number

    def refuse(self, record: Record, code: str | None, message: str | None) -> None:
        if (record.object, record.key) in self.refused_keys:
            return
        self.refused_keys.add((record.object, record.key))
        self.count(record.object, "refused", 1)
        self._rows.append(
            {
                "object": record.object,
                "key": record.key,
                "record_id": record.record_id,
                "code": code or "refused",
                "message": message,
            }
        )
        for parent in self._hangs_on.get(str(record.record_id), ()):
            self._needed.add(parent)

    def gone(self, records: Collection[Record]) -> None:
        """They don't stand there any more."""
        self._gone_ids.update(str(each.record_id) for each in records)

    def wait(self, record: Record, code: str | None, message: str | None) -> None:
        """It goes with the record that it is on, or is refused with this code where that one stays."""
        self._waiting.append((record, code, message))

    def went_along(self) -> list[Record]:
        """Once all are done: those that went with the record that they were on; the others are refused."""
        went = []
        for record, code, message in self._waiting:
            if self._gone_ids.isdisjoint(record.parents.values()):
                self.refuse(record, code, message)
            else:
                went.append(record)
        return went

    def free(self, records: Sequence[Record]) -> list[Record]:
        """Those that no refused record refers to; the others are refused with it."""
        for each in records:
            if each.record_id in self._needed:
                self.refuse(each, NEEDED, "a record that the destination refused to change refers to it")
        return [each for each in records if (each.object, each.key) not in self.refused_keys]

    @property
    def refused(self) -> pl.DataFrame:
        return pl.DataFrame(self._rows, schema=REFUSED_COLUMNS)

    def told(self) -> dict[str, int]:
        return dict(sorted((+self._counts).items()))


def children_first(schema: ObjectSchema, records: Sequence[Record]) -> Iterator[list[Record]]:
    """Records of one object, each wave before those that it refers to."""
    by_id = {str(each.record_id): each for each in records}
    names = [each.name for each in schema.references]
    rows = pl.DataFrame(
        [
            {schema.key_field: record_id} | {name: each.parents.get(name) for name in names}
            for record_id, each in by_id.items()
        ],
        schema=dict.fromkeys((schema.key_field, *names), pl.String),
    )
    for wave in reversed(list(in_waves(schema, rows))):
        yield [by_id[record_id] for record_id in wave[schema.key_field]]
