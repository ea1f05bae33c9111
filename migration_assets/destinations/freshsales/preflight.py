"""Everything that would stop or spoil a load into Freshsales, found without changing anything.

Findings hold names and numbers only. Each subject has a module of its own, ``preflight_*``; this one puts
them together, in the order in which people mend them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from migration_assets.destinations.base import Finding, ObjectSchema, Volumes
from migration_assets.destinations.freshsales import preflight_account, preflight_calls, preflight_schema
from migration_assets.destinations.freshsales.client import FreshsalesClient
from migration_assets.destinations.freshsales.discovery import Discovery
from migration_assets.destinations.freshsales.errors_of_api import ApiRefused
from migration_assets.destinations.freshsales.settings import EnvironmentSettings
from migration_assets.errors import DestinationLimitReached, DestinationLoginFailed

PATIENCE_SECONDS = 90.0
"""How long the preflight waits for a call: a minute's limit passes, an hour's is told instead."""


def findings(
    settings: EnvironmentSettings, schemas: Sequence[ObjectSchema], volumes: Volumes | None = None
) -> list[Finding]:
    """As ``Destination.preflight``, in a dozen calls. The practice's time zone isn't compared: appointments
    are sent with theirs. A refused key ends it, and so does an hour without a call left."""
    # One at a time: what was found before the last question counts.
    found = list(preflight_account.confirmations(settings))
    with closing(FreshsalesClient(settings, patience=PATIENCE_SECONDS)) as client:
        try:
            for each in _questions(client, settings, schemas, volumes):
                found.append(each)
        except DestinationLoginFailed as error:
            found.append(Finding("key_refused", "error", str(error)))
        except DestinationLimitReached as error:
            found.append(Finding("no_calls_left", "error", str(error)))
        except ApiRefused as error:
            if error.status != 403:
                raise
            found.append(Finding("key_lacks_access", "error", str(error)))
    return found


def _questions(
    client: FreshsalesClient,
    settings: EnvironmentSettings,
    schemas: Sequence[ObjectSchema],
    volumes: Volumes | None,
) -> Iterator[Finding]:
    discovery = Discovery(client, settings.pipeline)
    yield from preflight_account.people(settings, discovery)
    yield from preflight_schema.schema(settings, discovery, schemas)
    yield from preflight_schema.stages(discovery, schemas)
    yield from preflight_account.contradictions(settings, discovery, schemas, client.told_limit)
    yield from preflight_account.uniqueness(settings, schemas)
    if volumes is not None:
        yield from preflight_account.storage(settings, discovery, volumes)
        yield from preflight_calls.calls_and_time(client, discovery, schemas, volumes)
