"""Salesforce as a ``Destination``: the port's methods, each handed to the module that does it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

import polars as pl

from migration_assets.destinations.base import (
    Batch,
    DestinationIdentity,
    Finding,
    Journal,
    LoadResult,
    ObjectCapacity,
    ObjectSchema,
    OpenBatch,
    ReadRequest,
    SchemaDeployment,
    Volumes,
)
from migration_assets.destinations.salesforce import csv, describe, preflight, schema
from migration_assets.destinations.salesforce.loading import Loader
from migration_assets.destinations.salesforce.reading import Reader
from migration_assets.destinations.salesforce.session import SalesforceSession
from migration_assets.destinations.salesforce.settings import EnvironmentSettings


def connect(settings: EnvironmentSettings) -> SalesforceDestination:
    """A destination for one org; the first method that is called logs in."""
    return SalesforceDestination(settings)


class SalesforceDestination:
    """One org. Methods raise the errors of ``migration_assets.errors`` with what to do next."""

    def __init__(self, settings: EnvironmentSettings) -> None:
        self.settings = settings
        self._session = SalesforceSession(settings)
        self._loader = Loader(self._session, settings.bulk)
        self._reader = Reader(self._session, settings.bulk)

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
        bulk = self.settings.bulk
        return csv.split(rows, schema, bulk.max_job_bytes, bulk.max_job_rows)

    def send(self, batch: Batch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        return self._loader.send(batch, journal)

    def settle(self, batch: OpenBatch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        return self._loader.settle(batch, journal)

    def abandon_orphans(
        self, schema: ObjectSchema, *, since: datetime, known_jobs: Collection[str]
    ) -> tuple[str, ...]:
        return self._loader.abandon_orphans(schema, since=since, known_jobs=known_jobs)

    def read(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        return self._reader.read(request)

    def close(self) -> None:
        self._session.close()
