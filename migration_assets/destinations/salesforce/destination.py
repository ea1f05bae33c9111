"""Salesforce as a ``Destination``: the port's methods, each handed to the module that does it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

import polars as pl

from migration_assets.destinations.administration import ManualStep, PlanRoom
from migration_assets.destinations.base import (
    Batch,
    DestinationIdentity,
    DestinationUser,
    Finding,
    Identity,
    Journal,
    KeyChange,
    LoadResult,
    ObjectCapacity,
    ObjectSchema,
    OpenBatch,
    ReadRequest,
    SchemaDeployment,
    Volumes,
)
from migration_assets.destinations.removal import Removal, SchemaRemoval
from migration_assets.destinations.salesforce import (
    by_hand,
    changes,
    describe,
    preflight,
    schema,
    users,
)
from migration_assets.destinations.salesforce.adoption import Adoptions
from migration_assets.destinations.salesforce.audit import AuditFields, Described
from migration_assets.destinations.salesforce.dependents import Dependents
from migration_assets.destinations.salesforce.files import FileLoader
from migration_assets.destinations.salesforce.job_runs import JobRuns
from migration_assets.destinations.salesforce.joined_records import JoinedReader
from migration_assets.destinations.salesforce.joining import Joiner
from migration_assets.destinations.salesforce.loading import Loader
from migration_assets.destinations.salesforce.parents import Parents
from migration_assets.destinations.salesforce.queries import Queries
from migration_assets.destinations.salesforce.reading import Reader
from migration_assets.destinations.salesforce.removal import Remover
from migration_assets.destinations.salesforce.schema_removal import remove_schema
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import EnvironmentSettings
from migration_assets.practice import resolve


def connect(settings: EnvironmentSettings) -> SalesforceDestination:
    """A destination for one org; the first method that is called logs in."""
    return SalesforceDestination(settings)


class SalesforceDestination:
    """One org. Methods raise the errors of ``migration_assets.errors`` with what to do next."""

    def __init__(self, settings: EnvironmentSettings) -> None:
        self.settings = settings
        self._session = SalesforceSession(settings)
        queries, runs = Queries(self._session, settings.bulk), JobRuns(self._session, settings.bulk)
        parents, described = Parents(queries), Described(self._session)
        self._runs = runs
        self._described = described
        self._loader = Loader(runs, parents, AuditFields(described, settings.audit_fields))
        self._files = FileLoader(self._session, settings, runs, queries, parents, described)
        self._joined = JoinedReader(queries, parents)
        self._joiner = Joiner(runs, parents, self._joined)
        self._reader = Reader(queries, parents)
        self._adoptions = Adoptions(self._session, queries)
        self._dependents = Dependents(self._session, queries)
        self._remover = Remover(self._session, queries, runs, settings.bulk)

    @property
    def name(self) -> str:
        return "salesforce"

    @property
    def api_usage(self) -> tuple[int, int] | None:
        """API requests used and allowed in 24 hours, as the org's last answer said."""
        return self._session.http.api_usage

    def identity(self) -> DestinationIdentity:
        found = describe.organization(self._session)
        return DestinationIdentity(found.id, found.is_sandbox, found.name)

    def capacity(self, objects: Sequence[str]) -> dict[str, ObjectCapacity]:
        return describe.capacity(self._session, self.settings, objects)

    def plans(self, schemas: Sequence[ObjectSchema]) -> list[PlanRoom]:
        return by_hand.plan_rooms(self._session, self.settings, schemas)

    def checklist(self, schemas: Sequence[ObjectSchema]) -> list[ManualStep]:
        return by_hand.checklist(self._session, schemas)

    def preflight(
        self,
        schemas: Sequence[ObjectSchema],
        volumes: Volumes | None = None,
        time_zone: str | None = None,
    ) -> list[Finding]:
        return preflight.findings(self._session, self.settings, schemas, volumes, time_zone)

    def deploy_schema(self, schemas: Sequence[ObjectSchema]) -> SchemaDeployment:
        return schema.deploy_schema(self._session, self.settings, schemas)

    @property
    def batches_at_once(self) -> int:
        return self.settings.bulk.jobs_at_once

    def batches(self, schema: ObjectSchema, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        if schema.content_field is not None:
            return self._files.batches(rows)
        return self._runs.parts(rows, schema)

    def send(self, batch: Batch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        if batch.schema.content_field is not None:
            return self._files.send(batch)
        return self._by_records(batch.schema).send(batch, journal)

    def settle(self, batch: OpenBatch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        if batch.schema.content_field is not None:
            return self._files.settle(batch)
        return self._by_records(batch.schema).settle(batch, journal)

    def _by_records(self, schema: ObjectSchema) -> Loader | Joiner:
        """What sends records through jobs: by their external id, or by the records that they join.

        Raises ValueError where the key is neither kept unique by the org nor made of the parents'.
        """
        match schema.identity:
            case Identity.EXTERNAL_ID:
                return self._loader
            case Identity.PARENTS:
                return self._joiner
            case Identity.FIELD | Identity.MARKER:
                raise ValueError(
                    f"{schema.name} is found by a {schema.identity.value} and has no content: that isn't "
                    "supported"
                )

    def abandon_orphans(
        self, schema: ObjectSchema, *, since: datetime, known_jobs: Collection[str]
    ) -> tuple[str, ...]:
        if schema.content_field is not None:
            return ()
        return self._by_records(schema).abandon_orphans(schema, since=since, known_jobs=known_jobs)

    def read(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        if request.schema.identity is Identity.PARENTS:
            return self._joined.read(request)
        return self._reader.read(request)

    def unkeyed(self, schema: ObjectSchema, fields: Sequence[str]) -> Iterator[pl.DataFrame]:
        return self._adoptions.unkeyed(schema, fields)

    def write_keys(self, schema: ObjectSchema, changes: Sequence[KeyChange]) -> list[LoadResult]:
        return self._adoptions.write_keys(schema, changes)

    def last_changes(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        return changes.last_changes(self.read, self._described, self._session.user_id(), request)

    def dependents(self, schema: ObjectSchema, record_ids: Collection[str]) -> Iterator[pl.DataFrame]:
        return self._dependents.of(schema, record_ids)

    def delete(self, schema: ObjectSchema, records: Mapping[str, str]) -> Iterator[Sequence[Removal]]:
        return self._remover.delete(schema, records)

    def remove_schema(self, schemas: Sequence[ObjectSchema]) -> SchemaRemoval:
        return remove_schema(self._session, self.settings, schemas)

    def users(self) -> list[DestinationUser]:
        return users.users(self._session)

    @property
    def default_owner(self) -> str | None:
        wanted = self.settings.default_owner
        return None if wanted is None else resolve(wanted)

    def close(self) -> None:
        self._session.close()
