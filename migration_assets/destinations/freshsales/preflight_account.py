"""Findings about the account itself: what a person has to confirm, its users, its plan, its file storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migration_assets.destinations.base import FieldType, Finding, ObjectSchema, Volumes
from migration_assets.destinations.freshsales import capacity, schema_plan, users
from migration_assets.destinations.freshsales.discovery import Discovery
from migration_assets.destinations.freshsales.settings import MIB, EnvironmentSettings
from migration_assets.practice import resolve


def confirmations(settings: EnvironmentSettings) -> Iterator[Finding]:
    """What no call can find out; an error each until the practice's file says it."""
    if not settings.baa_confirmed:
        message = (
            "nobody has confirmed a signed agreement on health data (BAA) with Freshworks, whose own pages "
            "disagree on whether there is one for Freshsales; get it in writing, then write baa_confirmed: "
            "true"
        )
        yield Finding("baa_not_confirmed", "error", message)
    if not settings.automations_off:
        message = (
            "nobody has confirmed that the account's workflows, sales sequences, journeys and campaigns are "
            "off, or leave migrated contacts alone: they would write to patients; switch them off, then "
            "write automations_off: true"
        )
        yield Finding("automations_not_confirmed", "error", message)


def people(settings: EnvironmentSettings, discovery: Discovery) -> Iterator[Finding]:
    """The first question, which also shows whether the key is good."""
    owners = discovery.owners()
    active = [each for each in owners if each.active]
    message = f"{len(active)} active users own records there, {len(owners) - len(active)} are deactivated"
    yield Finding("users", "note", message)
    for same in users.twice(discovery):
        ids = ", ".join(str(each.id) for each in same)
        message = (
            f"the users {ids} share one e-mail, so nobody knows who of them a provider is; deactivate or "
            "change all but one"
        )
        yield Finding("owner_twice", "warning", message)
    if settings.default_owner is not None:
        wanted = resolve(settings.default_owner).lower()
        if not any((each.email or "").lower() == wanted for each in active):
            message = "default_owner is no active user of the account; correct it, or leave it out"
            yield Finding("default_owner_unknown", "error", message)


def contradictions(
    settings: EnvironmentSettings,
    discovery: Discovery,
    schemas: Sequence[ObjectSchema],
    told_limit: int | None,
) -> Iterator[Finding]:
    """Signs that the account isn't on the plan that the settings name, which the API doesn't tell."""
    signs = []
    limit = capacity.calls_an_hour(settings)
    if told_limit is not None and told_limit != limit:
        signs.append(f"it says {told_limit:,} calls where {limit:,} an hour are expected")
    modules = discovery.modules() or ()
    if len(modules) > capacity.modules(settings):
        signs.append(f"it has {len(modules)} custom modules and {capacity.modules(settings)} are allowed")
    for each in schema_plan.plan(discovery, schemas):
        signs += [
            f"{each.entity} have {room.used} {kind} fields and {room.limit} are allowed"
            for kind, room in each.room(settings).items()
            if room.used > room.limit
        ]
    if signs:
        message = (
            f"the account doesn't look like plan {settings.plan}: {'; '.join(signs)}; correct plan, or the "
            "settings that replace its figures"
        )
        yield Finding("plan_contradicted", "warning", message)


def uniqueness(settings: EnvironmentSettings, schemas: Sequence[ObjectSchema]) -> Iterator[Finding]:
    """Relatives share addresses, and the account takes each once."""
    with_email = [
        schema.name
        for schema in schemas
        if any(field.type is FieldType.EMAIL and not field.custom for field in schema.sent_fields)
    ]
    if with_email and settings.unique_emails:
        message = (
            "the account keeps e-mails of contacts unique, as all do at first: of relatives with one address "
            "only one can hold it; have an administrator switch it off and write unique_emails: false, or "
            "choose in policies.shared_emails what becomes of the others'"
        )
        yield Finding("emails_unique", "warning", message, with_email[0])


def storage(settings: EnvironmentSettings, discovery: Discovery, volumes: Volumes) -> Iterator[Finding]:
    """What the files need against the plan's storage; what is used of it already the API doesn't tell."""
    active = sum(each.active for each in discovery.owners())
    room = capacity.file_storage(settings, active)
    message = (
        f"{volumes.files:,} files need {volumes.file_bytes / MIB:,.1f} MB; plan {settings.plan} has about "
        f"{room / MIB:,.0f} MB for {active} active users, used space not counted"
    )
    if volumes.file_bytes > room:
        mend = "buy storage, set files.storage_bytes where yours differs, or take files out of the mapping"
        yield Finding("file_storage_short", "error", f"{message}; {mend}")
    elif volumes.files:
        largest = settings.files.max_bytes / MIB
        note = f"{message}; files over {largest:,.0f} MB (files.max_bytes) are listed and not sent"
        yield Finding("file_storage", "note", note)
