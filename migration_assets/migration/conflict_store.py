"""Conflicts as the ledger keeps them: found, decided about by a person, settled once both sides agree.

Append-only; what stands is the last event of each field of a record. Values are sealed with the practice's
key, as before-images are, and read only for the page on which a person decides. What a conflict is stands in
``conflicts``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast

import polars as pl
from sqlalchemy import Connection, Engine, func, insert, select

from migration_assets.migration.conflicts import (
    BY_POLICY,
    CRM,
    OPEN,
    SOURCE,
    WHOLE_RECORD,
    Conflict,
    Resolution,
    as_json,
)
from migration_assets.migration.ledger import Ledger, Target
from migration_assets.migration.ledger_database import translated
from migration_assets.migration.ledger_queries import in_parts, is_target
from migration_assets.migration.ledger_tables import CONFLICTS
from migration_assets.migration.practice_keys import PracticeKeys
from migration_assets.practice import Conflicts

FOUND: Final = "found"
DECIDED: Final = "decided"
SETTLED: Final = "settled"
"""The destination holds the source's value, sent or not: there is no conflict any more."""

KEPT_COLUMNS: dict[str, pl.DataType] = {"object": pl.String(), "key": pl.String(), "field": pl.String()}
"""Fields of records that hold what somebody entered there, and not what the payload has."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A conflict that isn't settled; ``record`` is the whole record as it stood there, where it was kept."""

    sequence: int
    object: str
    conflict: Conflict
    event: Literal["found", "decided"]
    resolution: Resolution
    policy: Conflicts
    decided_by: str | None
    at: datetime
    record: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """As a person names it on the command line: ``Contact:maple:patient:7:Phone``."""
        parts = (self.object, self.conflict.key, self.conflict.field)
        return ":".join(part for part in parts if part != WHOLE_RECORD)


@dataclass(frozen=True)
class ConflictStore:
    """The conflicts of one target; each method is one transaction."""

    engine: Engine
    target: Target
    keys: PracticeKeys

    @classmethod
    def of(cls, ledger: Ledger) -> ConflictStore:
        return cls(ledger.engine, ledger.target, ledger.keys)

    def found(
        self,
        object_name: str,
        conflicts: Iterable[Conflict],
        records: Mapping[str, Mapping[str, Any]],
        policy: Conflicts,
        run_id: str,
    ) -> None:
        """Write down conflicts; ``records``: key -> its record as it stands there, kept once a record."""
        with_record: set[str] = set()
        rows = []
        for each in conflicts:
            values = {"former": each.former, "source": each.source, "crm": each.crm}
            if each.key in records and each.key not in with_record:
                values["record"] = {name: as_json(value) for name, value in records[each.key].items()}
                with_record.add(each.key)
            sealed = self._seal(each.key, values)
            rows.append(
                self._row(object_name, each.key, each.field, run_id)
                | {"sealed": sealed, "policy": policy, "event": FOUND, "resolution": BY_POLICY[policy]}
            )
        self._insert(rows)

    def decide(self, standing: Iterable[Standing], take: Resolution, decided_by: str, run_id: str) -> None:
        """Write down a person's choice about each, with the values that it is about."""
        self._insert(
            [
                self._row(each.object, each.conflict.key, each.conflict.field, run_id)
                | {
                    "sealed": self._seal(each.conflict.key, _values(each)),
                    "policy": each.policy,
                    "event": DECIDED,
                    "resolution": take,
                    "decided_by": decided_by,
                }
                for each in standing
            ]
        )

    def settle(self, standing: Iterable[Standing], run_id: str) -> None:
        """Both sides agree on these now."""
        self._insert(
            [
                self._row(each.object, each.conflict.key, each.conflict.field, run_id)
                | {
                    "sealed": self._seal(each.conflict.key, _values(each)),
                    "policy": each.policy,
                    "event": SETTLED,
                    "resolution": SOURCE,
                }
                for each in standing
            ]
        )

    def standing(self, object_name: str | None = None, keys: Collection[str] | None = None) -> list[Standing]:
        """Conflicts that aren't settled, by object, key and field; of these records alone if given."""
        parts = [None] if keys is None else in_parts(keys)
        with self._transaction() as connection:
            rows = [row for part in parts for row in self._last(connection, object_name, part)]
        return [self._standing(row) for row in sorted(rows, key=lambda row: (row.object, row.key, row.field))]

    def found_in_run(self, run_id: str) -> dict[str, int]:
        """Object -> conflicts that this run has found."""
        query = (
            select(CONFLICTS.c.object, func.count())
            .where(
                is_target(CONFLICTS, self.target), CONFLICTS.c.run_id == run_id, CONFLICTS.c.event == FOUND
            )
            .group_by(CONFLICTS.c.object)
            .order_by(CONFLICTS.c.object)
        )
        with self._transaction() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def _last(
        self, connection: Connection, object_name: str | None, keys: Sequence[str] | None
    ) -> Iterator[Any]:
        columns = CONFLICTS.c
        where = [is_target(CONFLICTS, self.target)]
        if object_name is not None:
            where.append(columns.object == object_name)
        if keys is not None:
            where.append(columns.key.in_(keys))
        last = (
            select(func.max(columns.sequence).label("sequence"))
            .where(*where)
            .group_by(columns.object, columns.key, columns.field)
            .subquery()
        )
        query = select(CONFLICTS).join(last, columns.sequence == last.c.sequence)
        yield from connection.execute(query.where(columns.event != SETTLED))

    def _standing(self, row: Any) -> Standing:
        values = json.loads(self.keys.decrypt(row.sealed, row.key))
        return Standing(
            sequence=row.sequence,
            object=row.object,
            conflict=Conflict(row.key, row.field, values["former"], values["source"], values["crm"]),
            event=row.event,
            resolution=cast(Resolution, row.resolution),
            policy=cast(Conflicts, row.policy),
            decided_by=row.decided_by,
            at=row.at if row.at.tzinfo else row.at.replace(tzinfo=UTC),
            record=values.get("record"),
        )

    def _seal(self, key: str, values: Mapping[str, Any]) -> bytes:
        return self.keys.encrypt(json.dumps(values).encode(), key)

    def _row(self, object_name: str, key: str, field_name: str, run_id: str) -> dict[str, Any]:
        return {
            **self.target.columns(),
            "object": object_name,
            "key": key,
            "field": field_name,
            "run_id": run_id,
            "decided_by": None,
            "at": datetime.now(UTC),
        }

    def _insert(self, rows: list[dict[str, Any]]) -> None:
        if rows:
            with self._transaction() as connection:
                connection.execute(insert(CONFLICTS), rows)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with translated(str(self.target)), self.engine.begin() as connection:
            yield connection


def stays(each: Standing) -> bool:
    """Whether the destination's own value stands there by it."""
    return each.resolution in (CRM, OPEN)


def kept_fields(standing: Iterable[Standing]) -> pl.DataFrame:
    """KEPT_COLUMNS: what a reconciliation finds otherwise than the payload has it, and rightly so."""
    rows = [
        (each.object, each.conflict.key, each.conflict.field)
        for each in standing
        if stays(each) and each.conflict.field != WHOLE_RECORD
    ]
    return pl.DataFrame(rows, schema=KEPT_COLUMNS, orient="row")


def open_conflicts(standing: Iterable[Standing]) -> dict[str, int]:
    """Object -> conflicts that wait for a person's decision."""
    counts: dict[str, int] = {}
    for each in standing:
        if each.resolution == OPEN:
            counts[each.object] = counts.get(each.object, 0) + 1
    return counts


def decided_for_source(standing: Iterable[Standing]) -> dict[str, frozenset[str]]:
    """Object -> keys of records in which a person has decided for the source's value, not sent yet."""
    found: dict[str, set[str]] = {}
    for each in standing:
        if each.event == DECIDED and each.resolution == SOURCE:
            found.setdefault(each.object, set()).add(each.conflict.key)
    return {name: frozenset(keys) for name, keys in found.items()}


def _values(each: Standing) -> dict[str, Any]:
    conflict = each.conflict
    values = {"former": conflict.former, "source": conflict.source, "crm": conflict.crm}
    return values if each.record is None else {**values, "record": dict(each.record)}
