"""The ledger: what was sent to a destination, what became of it, and what was there before.

Append-only; the current state of a record is derived from its events. An intent is durable before
anything is sent, a job's id before its content is uploaded, results before the next batch. It can't be
rebuilt, so it lives in a database of its own (data/ledger/<practice>.sqlite, or Postgres by URL).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, exists, func, insert, select

from migration_assets.destinations.base import DestinationIdentity, LoadResult, ObjectSchema, OpenBatch
from migration_assets.errors import LedgerMismatch
from migration_assets.migration.ledger_database import translated
from migration_assets.migration.ledger_queries import aware, in_parts, is_target, of_records
from migration_assets.migration.ledger_tables import (
    BATCH_EVENTS,
    BATCHES,
    BEFORE_IMAGES,
    BINDINGS,
    RECORD_EVENTS,
)
from migration_assets.migration.practice_keys import PracticeKeys


class Outcome(StrEnum):
    """How the last sending of a record ended."""

    LOADED = "loaded"
    FAILED = "failed"
    NOT_SENT = "not_sent"
    HELD_BACK = "held_back"


class Presence(StrEnum):
    """What is known of a record but from its sending: a read-back found it, or didn't, where the ledger
    believed otherwise; a record of theirs was given the key (``adoption_events``); a record was taken back,
    given back as it was or deleted, and is none of ours from then on (``rollback``)."""

    FOUND = "found"
    ABSENT = "absent"
    ADOPTED = "adopted"
    TAKEN_BACK = "taken_back"


STATE_COLUMNS: dict[str, pl.DataType] = {
    "key": pl.String(),
    "outcome": pl.String(),
    "payload_hash": pl.String(),
    "present": pl.Boolean(),
    "destination_id": pl.String(),
    "code": pl.String(),
    "field": pl.String(),
    "message": pl.String(),
    "run_id": pl.String(),
}
"""Current state of each record: ``outcome`` and ``payload_hash`` of its last sending, whether it is
``present`` in the destination, and the last sending's failure or reason, if any. A record that was adopted
and never sent is present and has no outcome; one that was taken back has no row until it is sent again."""

_IS_THERE = pl.col("kind").is_in([str(Outcome.LOADED), str(Presence.FOUND), str(Presence.ADOPTED)])


@dataclass(frozen=True, slots=True)
class Target:
    """Whose records these are and where they went."""

    practice: str
    destination: str
    environment: str

    def columns(self) -> dict[str, str]:
        return {"practice": self.practice, "destination": self.destination, "environment": self.environment}

    def __str__(self) -> str:
        return f"{self.practice}: {self.destination}/{self.environment}"


@dataclass(frozen=True, slots=True)
class Hold:
    """A record that isn't sent, and why: a code, a sentence that names the parent, the field that does."""

    key: str
    code: str
    message: str
    field: str | None = None


class Ledger:
    """The ledger of one target. Every method is one transaction; nothing is cached."""

    def __init__(self, engine: Engine, target: Target, keys: PracticeKeys) -> None:
        self._engine = engine
        self._keys = keys
        self.target = target

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def keys(self) -> PracticeKeys:
        return self._keys

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with translated(str(self.target)), self._engine.begin() as connection:
            yield connection

    def bind(self, identity: DestinationIdentity) -> None:
        """Tie the target to the organisation that answered; raises LedgerMismatch on another one."""
        with self._transaction() as connection:
            bound = connection.execute(
                select(BINDINGS.c.organization_id, BINDINGS.c.is_sandbox).where(
                    is_target(BINDINGS, self.target)
                )
            ).one_or_none()
            if bound is None:
                row = {"organization_id": identity.organization_id, "is_sandbox": identity.is_sandbox}
                connection.execute(insert(BINDINGS).values(**self.target.columns(), **row, bound_at=_now()))
            elif (bound.organization_id, bound.is_sandbox) != (identity.organization_id, identity.is_sandbox):
                raise LedgerMismatch(
                    f"{self.target}: the ledger belongs to organisation {bound.organization_id} "
                    f"(sandbox: {bound.is_sandbox}), but {identity.organization_id} (sandbox: "
                    f"{identity.is_sandbox}) answered; mend the address or the login in the practice's file"
                )

    def intend(self, schema: ObjectSchema, payload: Iterable[tuple[str, str]], run_id: str) -> str:
        """Write down that (key, payload hash) pairs are about to be sent; returns the batch's id."""
        batch_id, now = str(uuid.uuid4()), _now()
        base = {
            **self.target.columns(),
            "object": schema.name,
            "run_id": run_id,
            "batch_id": batch_id,
            "kind": "intended",
            "at": now,
        }
        rows = [{**base, "key": key, "payload_hash": payload_hash} for key, payload_hash in payload]
        with self._transaction() as connection:
            connection.execute(
                insert(BATCHES).values(
                    **self.target.columns(),
                    batch_id=batch_id,
                    object=schema.name,
                    run_id=run_id,
                    row_count=len(rows),
                    intended_at=now,
                )
            )
            connection.execute(insert(RECORD_EVENTS), rows)
        return batch_id

    def job_created(self, batch_id: str, job_id: str) -> None:
        self._batch_event(batch_id, "job_created", job_id=job_id)

    def job_submitted(self, batch_id: str) -> None:
        self._batch_event(batch_id, "job_submitted")

    def job_ended(self, batch_id: str, state: str) -> None:
        self._batch_event(batch_id, "job_ended", state=state)

    def settled(self, batch_id: str) -> None:
        """Every key of the batch has its outcome."""
        self._batch_event(batch_id, "settled")

    def _batch_event(
        self, batch_id: str, kind: str, job_id: str | None = None, state: str | None = None
    ) -> None:
        with self._transaction() as connection:
            connection.execute(
                insert(BATCH_EVENTS).values(
                    batch_id=batch_id, kind=kind, job_id=job_id, state=state, at=_now()
                )
            )

    def record(
        self, schema: ObjectSchema, results: Sequence[LoadResult], run_id: str, batch_id: str | None = None
    ) -> None:
        """Outcomes as the destination told them; the hash is the one that was intended for the key."""
        if not results:
            return
        with self._transaction() as connection:
            hashes = self._intended_hashes(connection, batch_id, [result.key for result in results])
            connection.execute(
                insert(RECORD_EVENTS),
                [
                    {
                        **self._event(schema, result.key, result.outcome, run_id),
                        "batch_id": batch_id,
                        "payload_hash": hashes.get(result.key),
                        "destination_id": result.destination_id,
                        "created": result.created,
                        "code": result.code,
                        "field": result.field,
                        "message": result.message,
                    }
                    for result in results
                ],
            )

    def hold_back(self, schema: ObjectSchema, holds: Sequence[Hold], run_id: str) -> None:
        if not holds:
            return
        rows = [
            self._event(schema, hold.key, Outcome.HELD_BACK, run_id)
            | {"code": hold.code, "message": hold.message, "field": hold.field}
            for hold in holds
        ]
        with self._transaction() as connection:
            connection.execute(insert(RECORD_EVENTS), rows)

    def observe(self, schema: ObjectSchema, presence: Mapping[str, Presence], run_id: str) -> None:
        """What a read-back found, for keys whose presence the ledger had wrong."""
        if not presence:
            return
        with self._transaction() as connection:
            connection.execute(
                insert(RECORD_EVENTS),
                [self._event(schema, key, found, run_id) for key, found in presence.items()],
            )

    def open_batches(self, schema: ObjectSchema) -> list[OpenBatch]:
        """Batches without an end, oldest first, with the keys that have no outcome yet."""
        is_settled = exists().where(
            BATCH_EVENTS.c.batch_id == BATCHES.c.batch_id, BATCH_EVENTS.c.kind == "settled"
        )
        query = (
            select(BATCHES.c.batch_id, BATCHES.c.intended_at)
            .where(is_target(BATCHES, self.target), BATCHES.c.object == schema.name, ~is_settled)
            .order_by(BATCHES.c.intended_at)
        )
        with self._transaction() as connection:
            return [
                OpenBatch(
                    id=row.batch_id,
                    schema=schema,
                    keys=self._unanswered_keys(connection, row.batch_id),
                    intended_at=aware(row.intended_at),
                    job_id=self._latest_job(connection, row.batch_id),
                )
                for row in connection.execute(query).all()
            ]

    def earliest_without_job(self, schema: ObjectSchema, since: datetime) -> datetime | None:
        """When the first batch since then was intended that never wrote down a job, settled or not: a crash
        may have left a job there that nobody knows."""
        has_job = exists().where(
            BATCH_EVENTS.c.batch_id == BATCHES.c.batch_id, BATCH_EVENTS.c.kind == "job_created"
        )
        query = select(func.min(BATCHES.c.intended_at)).where(
            is_target(BATCHES, self.target),
            BATCHES.c.object == schema.name,
            BATCHES.c.intended_at >= since,
            ~has_job,
        )
        with self._transaction() as connection:
            earliest = connection.execute(query).scalar_one()
        return None if earliest is None else aware(earliest)

    def _unanswered_keys(self, connection: Connection, batch_id: str) -> tuple[str, ...]:
        answered = select(RECORD_EVENTS.c.key).where(
            RECORD_EVENTS.c.batch_id == batch_id, RECORD_EVENTS.c.kind != "intended"
        )
        keys = select(RECORD_EVENTS.c.key).where(
            RECORD_EVENTS.c.batch_id == batch_id,
            RECORD_EVENTS.c.kind == "intended",
            RECORD_EVENTS.c.key.not_in(answered),
        )
        return tuple(connection.execute(keys.order_by(RECORD_EVENTS.c.sequence)).scalars())

    def _latest_job(self, connection: Connection, batch_id: str) -> str | None:
        query = (
            select(BATCH_EVENTS.c.job_id)
            .where(BATCH_EVENTS.c.batch_id == batch_id, BATCH_EVENTS.c.kind == "job_created")
            .order_by(BATCH_EVENTS.c.sequence.desc())
            .limit(1)
        )
        return connection.execute(query).scalar_one_or_none()

    def state(self, schema: ObjectSchema, keys: Collection[str] | None = None) -> pl.DataFrame:
        """Current state of every record of the object: STATE_COLUMNS, a row a key.

        With ``keys`` of these alone, at a cost that doesn't grow with the other records.
        """
        with self._transaction() as connection:
            outcomes = self._latest(
                connection,
                schema,
                keys,
                tuple(Outcome),
                ("kind", "payload_hash", "code", "field", "message", "run_id"),
                since=Presence.TAKEN_BACK,
            )
            presences = self._latest(connection, schema, keys, (Outcome.LOADED, *Presence), ("kind",))
            # A read-back that found a record doesn't know its id; the answer to its last sending does.
            loaded = self._latest(
                connection, schema, keys, (Outcome.LOADED, Presence.ADOPTED), ("destination_id",)
            )
        return (
            outcomes.rename({"kind": "outcome"})
            .join(presences.select("key", present=_IS_THERE), on="key", how="full", coalesce=True)
            .join(loaded, on="key", how="left")
            .select(*STATE_COLUMNS)
            .with_columns(pl.col("present").fill_null(value=False))
            .filter(pl.col("present") | pl.col("outcome").is_not_null())
            .sort("key")
        )

    def present(self, schema: ObjectSchema, keys: Collection[str] | None = None) -> pl.Series:
        """Keys of the records that are in the destination, by ``state``; of ``keys`` alone if given."""
        with self._transaction() as connection:
            presences = self._latest(connection, schema, keys, (Outcome.LOADED, *Presence), ("kind",))
        return presences.filter(_IS_THERE)["key"].sort()

    def created_in_run(
        self, schema: ObjectSchema, run_id: str, keys: Collection[str] | None = None
    ) -> frozenset[str]:
        """Keys, of ``keys`` if given, whose record the destination says that this run created."""
        events = RECORD_EVENTS.c
        with self._transaction() as connection:
            return frozenset(
                key
                for of_keys in of_records(RECORD_EVENTS, self.target, schema.name, keys)
                for key in connection.execute(
                    select(events.key.distinct()).where(
                        of_keys, events.run_id == run_id, events.created.is_(True)
                    )
                ).scalars()
            )

    def keep_before_images(
        self, schema: ObjectSchema, images: Iterable[tuple[str, Mapping[str, Any]]], run_id: str
    ) -> int:
        """Store what stood in the destination before we wrote; a key's earliest image is the one kept."""
        with self._transaction() as connection:
            given = dict(images)
            known = {
                key
                for some in in_parts(given)
                for key in connection.execute(
                    select(BEFORE_IMAGES.c.key).where(
                        is_target(BEFORE_IMAGES, self.target),
                        BEFORE_IMAGES.c.object == schema.name,
                        BEFORE_IMAGES.c.key.in_(some),
                    )
                ).scalars()
            }
            rows = [
                {
                    **self.target.columns(),
                    "object": schema.name,
                    "key": key,
                    "run_id": run_id,
                    "sealed": self._keys.encrypt(json.dumps(image, default=str).encode(), key),
                    "at": _now(),
                }
                for key, image in given.items()
                if key not in known
            ]
            if rows:
                connection.execute(insert(BEFORE_IMAGES), rows)
        return len(rows)

    def _intended_hashes(
        self, connection: Connection, batch_id: str | None, keys: Sequence[str]
    ) -> dict[str, str | None]:
        """Only of these keys: a batch of 100,000 rows is answered in many chunks."""
        if batch_id is None:
            return {}
        found: dict[str, str | None] = {}
        for some in in_parts(keys):
            query = select(RECORD_EVENTS.c.key, RECORD_EVENTS.c.payload_hash).where(
                RECORD_EVENTS.c.batch_id == batch_id,
                RECORD_EVENTS.c.key.in_(some),
                RECORD_EVENTS.c.kind == "intended",
            )
            found.update((row.key, row.payload_hash) for row in connection.execute(query))
        return found

    def _latest(
        self,
        connection: Connection,
        schema: ObjectSchema,
        keys: Collection[str] | None,
        kinds: tuple[str, ...],
        columns: tuple[str, ...],
        since: str | None = None,
    ) -> pl.DataFrame:
        """As ``_latest_of``, of the object's records or of those with ``keys``."""
        parts = [
            _latest_of(connection, of_keys, kinds, columns, since)
            for of_keys in of_records(RECORD_EVENTS, self.target, schema.name, keys)
        ]
        return pl.concat(parts)

    def _event(self, schema: ObjectSchema, key: str, kind: str, run_id: str) -> dict[str, Any]:
        return {
            **self.target.columns(),
            "object": schema.name,
            "key": key,
            "kind": str(kind),
            "run_id": run_id,
            "at": _now(),
        }


def _latest_of(
    connection: Connection,
    where: Any,
    kinds: tuple[str, ...],
    columns: tuple[str, ...],
    since: str | None = None,
) -> pl.DataFrame:
    """``key`` and ``columns`` of the last event of these kinds for each key, if it came after ``since``.

    States are joined here and not in the database: SQLite joins such subqueries row by row, in a time that
    grows with the square of their rows.
    """
    wanted = kinds if since is None else (*kinds, since)
    last = (
        select(func.max(RECORD_EVENTS.c.sequence).label("sequence"))
        .where(where, RECORD_EVENTS.c.kind.in_([str(kind) for kind in wanted]))
        .group_by(RECORD_EVENTS.c.key)
        .subquery()
    )
    query = select(RECORD_EVENTS.c.key, *(RECORD_EVENTS.c[column] for column in columns)).join(
        last, RECORD_EVENTS.c.sequence == last.c.sequence
    )
    if since is not None:
        query = query.where(RECORD_EVENTS.c.kind != str(since))
    rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(rows, schema=dict.fromkeys(("key", *columns), pl.String), orient="row", strict=False)


def _now() -> datetime:
    return datetime.now(UTC)
