"""Freshsales as a ``Destination``: the port's methods, each handed to the module that does it."""

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
from migration_assets.destinations.freshsales import answers, preflight, schema, schema_plan, users
from migration_assets.destinations.freshsales.adoption import Adoptions
from migration_assets.destinations.freshsales.appointments import Appointments
from migration_assets.destinations.freshsales.client import FreshsalesClient
from migration_assets.destinations.freshsales.contacts import Contacts
from migration_assets.destinations.freshsales.discovery import Discovery
from migration_assets.destinations.freshsales.documents import Documents
from migration_assets.destinations.freshsales.known import Known
from migration_assets.destinations.freshsales.lists import Lists
from migration_assets.destinations.freshsales.marked import MarkedRecords
from migration_assets.destinations.freshsales.notes import Notes
from migration_assets.destinations.freshsales.reading import Reader
from migration_assets.destinations.freshsales.records import Records
from migration_assets.destinations.freshsales.removal import Remover
from migration_assets.destinations.freshsales.settings import EnvironmentSettings
from migration_assets.destinations.freshsales.shapes import APPOINTMENT, CONTACT, DOCUMENT, NOTE
from migration_assets.destinations.freshsales.vocabulary import Vocabulary
from migration_assets.destinations.removal import Removal, SchemaRemoval
from migration_assets.practice import resolve

ROWS_A_BATCH = 100
"""Of what is sent a record a call: what a crash leaves open, and the next run looks for."""


def connect(settings: EnvironmentSettings) -> FreshsalesDestination:
    """A destination for one account; no request is made yet."""
    return FreshsalesDestination(settings)


class FreshsalesDestination:
    """One account. Methods raise the errors of ``migration_assets.errors`` with what to do next."""

    def __init__(self, settings: EnvironmentSettings) -> None:
        self.settings = settings
        self.client = client = FreshsalesClient(settings)
        self._discovery = Discovery(client, settings.pipeline)
        vocabulary = Vocabulary(self._discovery)
        lists = Lists(client, children_in_views=settings.notes_in_views)
        known = Known(lists, vocabulary)
        self._marked: dict[str, MarkedRecords] = {
            APPOINTMENT: Appointments(client, settings, lists, known),
            NOTE: Notes(client, settings, lists, known),
            DOCUMENT: Documents(client, settings, lists, known),
        }
        self._vocabulary = vocabulary
        self._records = Records(client, settings, lists, known, vocabulary)
        self._contacts = Contacts(client, settings, lists, known, vocabulary, self._records)
        self._reader = Reader(lists, known, vocabulary, self._marked)
        self._adoptions = Adoptions(client, lists, known, vocabulary)
        self._remover = Remover(client, lists, known, self._marked)

    @property
    def name(self) -> str:
        return "freshsales"

    def identity(self) -> DestinationIdentity:
        """The account's address: the API tells no id of it, and not whether it is for tests."""
        return DestinationIdentity(self.client.account, self.settings.sandbox, self.client.account)

    def capacity(self, objects: Sequence[str]) -> dict[str, ObjectCapacity]:
        return schema_plan.capacities(self._discovery, self.settings, objects)

    def plans(self, schemas: Sequence[ObjectSchema]) -> list[PlanRoom]:
        return schema.plan_rooms(self._discovery, self.settings, schemas)

    def checklist(self, schemas: Sequence[ObjectSchema]) -> list[ManualStep]:
        """What of it the API would make isn't known before it has been tried, so before the schema is
        deployed everything that is missing is listed."""
        return schema.checklist(self._discovery, schemas)

    def preflight(
        self,
        schemas: Sequence[ObjectSchema],
        volumes: Volumes | None = None,
        time_zone: str | None = None,  # noqa: ARG002
    ) -> list[Finding]:
        return preflight.findings(self.settings, schemas, volumes)

    def deploy_schema(self, schemas: Sequence[ObjectSchema]) -> SchemaDeployment:
        deployed = schema.deploy_schema(self.client, self._discovery, self.settings, schemas)
        self._vocabulary.forget()
        return deployed

    @property
    def batches_at_once(self) -> int:
        return self.settings.calls_at_once

    def batches(self, schema: ObjectSchema, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        size = self.settings.bulk.rows if schema.name == CONTACT else ROWS_A_BATCH
        yield from rows.iter_slices(size)

    def send(self, batch: Batch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        """Calls: four for a hundred contacts, one for any other record, and once a connection the listing of
        what is there."""
        name = batch.schema.name
        if name == CONTACT:
            return self._contacts.send(batch, journal)
        if name in self._marked:
            return self._marked[name].send(batch)
        return self._records.send(batch)

    def settle(self, batch: OpenBatch, journal: Journal) -> Iterator[Sequence[LoadResult]]:
        """Records that are sent singly come back ``not_sent``, without a request: what was intended can't be
        told from a key alone, and sending looks what is there first."""
        if batch.schema.name == CONTACT:
            return self._contacts.settle(batch, journal)
        return iter([answers.not_sent(batch.keys)])

    def abandon_orphans(
        self,
        schema: ObjectSchema,  # noqa: ARG002
        *,
        since: datetime,  # noqa: ARG002
        known_jobs: Collection[str],  # noqa: ARG002
    ) -> tuple[str, ...]:
        """None: the API lists no jobs and ends none, and one that nobody wrote down upserts what is sent
        again anyhow."""
        return ()

    def read(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        return self._reader.read(request)

    def unkeyed(self, schema: ObjectSchema, fields: Sequence[str]) -> Iterator[pl.DataFrame]:
        return self._reader.unkeyed(schema, fields)

    def write_keys(self, schema: ObjectSchema, changes: Sequence[KeyChange]) -> list[LoadResult]:
        if schema.name in self._marked:
            return self._marked[schema.name].write_keys(schema, changes)
        return self._adoptions.write_keys(schema, changes)

    def last_changes(self, request: ReadRequest) -> Iterator[pl.DataFrame]:
        return self._reader.last_changes(request, self._own_user())

    def _own_user(self) -> int | None:
        """The key's user, whom the API doesn't tell: known where nobody else is active."""
        active = [owner.id for owner in self._discovery.owners() if owner.active]
        return active[0] if len(active) == 1 else None

    def dependents(self, schema: ObjectSchema, record_ids: Collection[str]) -> Iterator[pl.DataFrame]:
        lookups = {
            module.entity: [
                field.name for field in self._discovery.fields(module.entity) if field.type == "lookup"
            ]
            for module in self._discovery.modules() or ()
        }
        return self._remover.dependents(schema, record_ids, lookups)

    def delete(self, schema: ObjectSchema, records: Mapping[str, str]) -> Iterator[Sequence[Removal]]:
        return self._remover.delete(schema, records)

    def remove_schema(self, schemas: Sequence[ObjectSchema]) -> SchemaRemoval:
        return schema.remove_schema(self._discovery, schemas)

    def users(self) -> list[DestinationUser]:
        return users.users(self._discovery)

    @property
    def default_owner(self) -> str | None:
        wanted = self.settings.default_owner
        return None if wanted is None else resolve(wanted)

    def close(self) -> None:
        self.client.close()
