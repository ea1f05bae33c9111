"""Findings about what else acts on our objects: duplicate rules, validation rules, flows, Apex triggers.

Each is named, none is changed: loading with automation on is a choice that somebody makes. A query that the
org doesn't know (an edition without the feature) finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from migration_assets.destinations.base import Finding, ObjectSchema
from migration_assets.destinations.salesforce.preflight_queries import ask, ask_tooling
from migration_assets.destinations.salesforce.session import SalesforceSession

_PROCESS = "Workflow"
"""What FlowDefinitionView calls a process of the Process Builder, which tells no object."""


def automation(session: SalesforceSession, schemas: Sequence[ObjectSchema]) -> Iterator[Finding]:
    ours = frozenset(schema.name for schema in schemas)
    yield from _duplicate_rules(session, ours)
    yield from _validation_rules(session, ours)
    yield from _flows(session, ours)
    yield from _triggers(session, ours)


def _duplicate_rules(session: SalesforceSession, ours: frozenset[str]) -> Iterator[Finding]:
    soql = "SELECT DeveloperName, SobjectType FROM DuplicateRule WHERE IsActive = true"
    for row in ask(session, soql):
        if row["SobjectType"] in ours:
            message = (
                f"duplicate rule {row['DeveloperName']} is active on {row['SobjectType']}: it may refuse "
                "relatives who share a name or an e-mail (DUPLICATES_DETECTED); switch it off for the load, "
                "or let it allow the login's records"
            )
            yield Finding("duplicate_rule_active", "warning", message, str(row["SobjectType"]))


def _validation_rules(session: SalesforceSession, ours: frozenset[str]) -> Iterator[Finding]:
    soql = "SELECT ValidationName, EntityDefinition.QualifiedApiName FROM ValidationRule WHERE Active = true"
    for row in ask_tooling(session, soql):
        owner = _related(row, "EntityDefinition")
        if owner in ours:
            message = (
                f"validation rule {row['ValidationName']} is active on {owner}: rows that break it are "
                "refused (FIELD_CUSTOM_VALIDATION_EXCEPTION); switch it off for the load, or see in the "
                "rehearsal that all rows pass"
            )
            yield Finding("validation_rule_active", "warning", message, owner)


def _flows(session: SalesforceSession, ours: frozenset[str]) -> Iterator[Finding]:
    soql = (
        "SELECT ApiName, ProcessType, TriggerObjectOrEvent.QualifiedApiName FROM FlowDefinitionView "
        "WHERE IsActive = true"
    )
    for row in ask(session, soql):
        owner = _related(row, "TriggerObjectOrEvent")
        if owner in ours:
            message = (
                f"flow {row['ApiName']} is active on {owner} and runs for every record that is loaded: it "
                "may change records, send e-mail or slow the load; switch it off or decide to load with it"
            )
            yield Finding("flow_active", "warning", message, owner)
        elif owner is None and row["ProcessType"] == _PROCESS:
            message = (
                f"process {row['ApiName']} is active and the org doesn't say on which object; look at it in "
                "Setup, Process Builder, and switch it off if it acts on objects of the migration"
            )
            yield Finding("process_active", "note", message)


def _triggers(session: SalesforceSession, ours: frozenset[str]) -> Iterator[Finding]:
    rows = ask_tooling(session, "SELECT Name, TableEnumOrId FROM ApexTrigger WHERE Status = 'Active'")
    names = _object_names(session, ours) if rows else {}
    for row in rows:
        owner = str(row["TableEnumOrId"])
        owner = names.get(owner[:15], owner)
        if owner in ours:
            message = (
                f"Apex trigger {row['Name']} is active on {owner} and runs for every record that is loaded: "
                "it may change or refuse records; ask who owns it, and switch it off or load with it"
            )
            yield Finding("trigger_active", "warning", message, owner)


def _object_names(session: SalesforceSession, ours: frozenset[str]) -> dict[str, str]:
    """Ids (15 characters) of our custom objects -> their names: a trigger may name its object either way."""
    custom = sorted(name.removesuffix("__c") for name in ours if name.endswith("__c"))
    if not custom:
        return {}
    listed = ", ".join(f"'{name}'" for name in custom)
    soql = f"SELECT Id, DeveloperName FROM CustomObject WHERE DeveloperName IN ({listed})"
    return {
        str(row["Id"])[:15]: f"{row['DeveloperName']}__c"
        for row in ask_tooling(session, f"{soql} AND NamespacePrefix = null")
    }


def _related(row: Mapping[str, Any], relationship: str) -> str | None:
    parent = row.get(relationship)
    return str(parent["QualifiedApiName"]) if parent and parent.get("QualifiedApiName") else None
