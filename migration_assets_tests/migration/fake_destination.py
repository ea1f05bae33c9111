"""A destination in memory that keeps the port's promises, refuses rows and dies on request.

It behaves like a bulk API: a batch becomes a job, which is created, filled, closed, processed and asked for
its results; what a dead run left behind is still there for the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from migration_assets.destinations.administration import ManualStep, PlanRoom
from migration_assets.destinations.base import (
    Batch,
    DestinationIdentity,
    DestinationUser,
    Finding,
    Journal,
    KeyChange,
    LoadResult,
    ObjectCapacity,
    ObjectSchema,
    OpenBatch,
    ReadRequest,
    SchemaDeployment,
    payload_dtype,
)
from migration_assets.destinations.removal import (
    DEPENDENT_COLUMNS,
    LAST_CHANGE_COLUMNS,
    Removal,
    SchemaRemoval,
)
from migration_assets.errors import JobLost

MODIFIED = datetime(2024, 1, 1, tzinfo=UTC)


class Killed(BaseException):
    """The process ends here: nothing of the engine may catch this."""


@dataclass
class Job:
    """``known`` is false for a job that was created while the process died: nobody wrote down its id."""

    schema: ObjectSchema
    rows: pl.DataFrame | None = None
    state: str = "open"
    results: list[LoadResult] = field(default_factory=list)


@dataclass
class FakeDestination:
    """``refused`` are keys that fail, ``skipped`` keys that a job leaves unprocessed, ``die_at`` the number
    of the step at which the process dies (the steps of one run are counted in ``steps``). ``touched`` are
    keys whose record another login changed last, ``hanging`` the records of others by the id that they refer
    to: object, id, and whether they go with it."""

    batch_rows: int = 3
    chunk_rows: int = 2
    batches_at_once: int = 1
    refused: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    die_at: int | None = None
    forgets_jobs: bool = False
    room: int = 800
    identified: DestinationIdentity = field(
        default_factory=lambda: DestinationIdentity("00D000000000001", True, "Fake")
    )
    name: str = "salesforce"
    steps: list[str] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    records: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    writes: Counter[str] = field(default_factory=Counter)
    sent: list[list[str]] = field(default_factory=list)
    orphans_sought: list[frozenset[str]] = field(default_factory=list)
    closed: bool = False
    known_users: list[DestinationUser] = field(default_factory=list)
    default_owner: str | None = None
    unkeyed_records: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    hanging: dict[str, list[tuple[str, str, bool]]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    removed_schemas: list[str] = field(default_factory=list)
    read_keys: list[tuple[str, ...] | None] = field(default_factory=list)

    def identity(self) -> DestinationIdentity:
        return self.identified

    def capacity(self, objects: Sequence[str]) -> dict[str, ObjectCapacity]:
        return {name: ObjectCapacity(name, True, self.room, frozenset()) for name in objects}

    def plans(self, schemas: Sequence[ObjectSchema]) -> list[PlanRoom]:
        return [
            PlanRoom("Fake", True, each.name, "field", each.field_names, 0, 0, self.room) for each in schemas
        ]

    def checklist(self, schemas: Sequence[ObjectSchema]) -> list[ManualStep]:  # noqa: ARG002
        return []

    def preflight(self, *_: object, **__: object) -> list[Finding]:
        return []

    def deploy_schema(self, schemas: Sequence[ObjectSchema]) -> SchemaDeployment:
        return SchemaDeployment(tuple(each.name for each in schemas), (), ())

    def batches(self, schema: ObjectSchema, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:  # noqa: ARG002
        yield from rows.iter_slices(self.batch_rows)

    def send(self, batch: Batch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        assert set(batch.rows.columns) == set(batch.schema.field_names)
        self.sent.append(batch.rows[batch.schema.key_field].to_list())
        self._step("about to create the job")
        job_id = f"job{len(self.jobs) + 1}"
        job = self.jobs[job_id] = Job(batch.schema)
        self._step("job created")
        journal.job_created(batch.id, job_id)
        self._step("job known")
        job.rows = batch.rows
        journal.job_submitted(batch.id)
        self._step("content uploaded")
        job.state = "closed"
        self._step("job closed")
        self._process(job)
        self._step("job processed")
        journal.job_ended(batch.id, job.state)
        yield from self._results(job, batch.rows[batch.schema.key_field].to_list())

    def settle(self, batch: OpenBatch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        self._step("about to settle")
        if batch.job_id is None:
            yield [LoadResult(key, "not_sent", code="NOT_SUBMITTED") for key in batch.keys]
            return
        if self.forgets_jobs:
            raise JobLost("the destination knows the job no more; run again")
        job = self.jobs[batch.job_id]
        if job.state == "open":
            job.state = "aborted"
        self._process(job)
        self._step("job ended")
        journal.job_ended(batch.id, job.state)
        yield from self._results(job, batch.keys)

    def abandon_orphans(
        self, schema: ObjectSchema, *, since: datetime, known_jobs: Collection[str]
    ) -> tuple[str, ...]:
        assert since.tzinfo is not None
        self.orphans_sought.append(frozenset(known_jobs))
        self._step("about to abandon")
        orphans = [
            name
            for name, job in self.jobs.items()
            if job.schema.name == schema.name and job.state == "open" and name not in known_jobs
        ]
        for name in orphans:
            self.jobs[name].state = "aborted"
        return tuple(orphans)

    def read(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        self._step("about to read")
        schema = request.schema
        names = list(request.fields or schema.returned_names)
        types = {"_id": pl.String(), "_modified_at": pl.Datetime("ms", "UTC")}
        types |= {name: payload_dtype(schema.field(name)) for name in names}
        found = [
            {"_id": self._id(key), "_modified_at": MODIFIED} | {name: record.get(name) for name in names}
            for key, record in self.records.get(schema.name, {}).items()
            if key.startswith(request.key_prefix) and (request.keys is None or key in request.keys)
        ]
        self.read_keys.append(request.keys)
        for start in range(0, len(found), self.chunk_rows):
            yield pl.DataFrame(found[start : start + self.chunk_rows], schema=types)
            self._step("page read")

    def unkeyed(self, schema: ObjectSchema, fields: Sequence[str]) -> Iterator[pl.DataFrame]:
        self._step("about to look who is there")
        types = {"_id": pl.String(), "_modified_at": pl.Datetime("ms", "UTC")}
        types |= {name: payload_dtype(schema.field(name)) for name in fields}
        rows = [
            {"_id": record_id, "_modified_at": MODIFIED} | {name: record.get(name) for name in fields}
            for record_id, record in self.unkeyed_records.get(schema.name, {}).items()
        ]
        yield pl.DataFrame(rows, schema=types)

    def write_keys(self, schema: ObjectSchema, changes: Sequence[KeyChange]) -> list[LoadResult]:
        """One record a step, so that a process can die between two of them."""
        return [self._write_key(schema, change) for change in changes]

    def _write_key(self, schema: ObjectSchema, change: KeyChange) -> LoadResult:
        self._step("about to write a key")
        unkeyed = self.unkeyed_records.setdefault(schema.name, {})
        keyed = self.records.setdefault(schema.name, {})
        holder = next((key for key in keyed if self._id(key) == change.record_id), None)
        if holder is None and change.record_id not in unkeyed:
            return LoadResult(change.key, "failed", code="RECORD_GONE")
        if holder not in (change.before, change.after):
            return LoadResult(change.key, "failed", code="KEY_CHANGED")
        if change.key in self.refused:
            return LoadResult(change.key, "failed", code="REFUSED")
        if holder != change.after:
            record = unkeyed.pop(change.record_id) if holder is None else keyed.pop(holder)
            record = {**record, **change.fields, schema.key_field: change.after}
            if change.after is None:
                unkeyed[change.record_id] = record
            else:
                keyed[change.after] = record
                self.ids[change.after] = change.record_id
        elif change.after is not None:
            keyed[change.after] = {**keyed[change.after], **change.fields}
        return LoadResult(change.key, "loaded", destination_id=change.record_id)

    def _id(self, key: str) -> str:
        return self.ids.get(key, f"id-{key}")

    def last_changes(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        rows = [
            {
                "_id": self._id(key),
                "key": key,
                "_changed_at": MODIFIED,
                "_changed_by_us": key not in self.touched,
            }
            for key in self.records.get(request.schema.name, {})
            if key.startswith(request.key_prefix)
        ]
        yield pl.DataFrame(rows, schema=LAST_CHANGE_COLUMNS)

    def dependents(self, schema: ObjectSchema, record_ids: Collection[str]) -> Iterator[pl.DataFrame]:
        """Those that are ``hanging``, and every record of ours that names one of these by its key."""
        keys = {key: self._id(key) for key in self.records.get(schema.name, {})}
        ours = [
            (keys[value], name, self._id(key), False)
            for name, there in self.records.items()
            for key, record in there.items()
            for field_name, value in record.items()
            if value in keys and key != value and not field_name.startswith(("PANDA_Key", "_key"))
        ]
        theirs = [(on, *each) for on, several in self.hanging.items() for each in several]
        rows = [row for row in (*ours, *theirs) if row[0] in set(record_ids)]
        yield pl.DataFrame(rows, schema=DEPENDENT_COLUMNS, orient="row")

    def delete(self, schema: ObjectSchema, records: Mapping[str, str]) -> Iterator[Sequence[Removal]]:
        """One record a step; a record that another one names can't be deleted."""
        there = self.records.setdefault(schema.name, {})
        by_id = {self._id(key): key for key in there}
        for key, record_id in records.items():
            self._step("about to delete")
            if record_id not in by_id:
                yield [Removal(key, "gone")]
            elif key in self.refused:
                yield [Removal(key, "failed", "REFUSED", "the record was refused")]
            else:
                for page in self.dependents(schema, [record_id]):
                    assert page["dependent_id"].is_in(list(records.values())).all(), (
                        "a child would be orphaned"
                    )
                del there[by_id[record_id]]
                self.deleted.append(key)
                self._step("deleted")
                yield [Removal(key, "deleted")]

    def remove_schema(self, schemas: Sequence[ObjectSchema]) -> SchemaRemoval:
        removed = [each.name for each in schemas if each.custom and not self.records.get(each.name)]
        kept = [(each.name, "it holds records") for each in schemas if self.records.get(each.name)]
        self.removed_schemas += removed
        return SchemaRemoval(tuple(removed), tuple(kept))

    def users(self) -> list[DestinationUser]:
        return list(self.known_users)

    def close(self) -> None:
        self.closed = True

    def put(self, schema: ObjectSchema, record: Mapping[str, Any]) -> None:
        """A record that is there without our doing."""
        self.records.setdefault(schema.name, {})[record[schema.key_field]] = dict(record)

    def keys(self, schema: ObjectSchema) -> set[str]:
        return set(self.records.get(schema.name, {}))

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if len(self.steps) == self.die_at:
            raise Killed

    def _process(self, job: Job) -> None:
        """Each row once, however often it is asked for."""
        if job.state != "closed" or job.rows is None:
            return
        there = self.records.setdefault(job.schema.name, {})
        for row in job.rows.iter_rows(named=True):
            key = row[job.schema.key_field]
            if key in self.skipped:
                job.results.append(LoadResult(key, "not_sent", code="UNPROCESSED"))
            elif key in self.refused or self._absent_parent(job.schema, row):
                job.results.append(
                    LoadResult(key, "failed", code="REFUSED", message="the record was refused")
                )
            else:
                self.writes[key] += 1
                created = key not in there
                there[key] = {**there.get(key, {}), **row}
                job.results.append(LoadResult(key, "loaded", destination_id=self._id(key), created=created))
        job.state = "ended"

    def _absent_parent(self, schema: ObjectSchema, row: Mapping[str, Any]) -> bool:
        return any(
            row[each.name] is not None and row[each.name] not in self.records.get(str(each.reference_to), {})
            for each in schema.references
        )

    def _results(self, job: Job, keys: Sequence[str]) -> Iterator[Sequence[LoadResult]]:
        by_key = {result.key: result for result in job.results}
        answers = [by_key.get(key, LoadResult(key, "not_sent", code="JOB_ABORTED")) for key in keys]
        for start in range(0, len(answers), self.chunk_rows):
            yield answers[start : start + self.chunk_rows]
            self._step("results handed over")
