"""Features of an org that add objects and fields when they are switched on, and references that grow with it.

Switching on makes the records that follow from what is there already. What follows from later saves is
activities.py's and account_relations.py's.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from migration_sandbox.salesforce import users
from migration_sandbox.salesforce.rule_objects import (
    CURRENCIES,
    currency_objects,
    team_objects,
    territory_objects,
)
from migration_sandbox.salesforce.schema import Field, SObject
from migration_sandbox.salesforce.standard import standard_objects
from migration_sandbox.salesforce.standard_relations import account_contact_relation, shared_activity_fields
from migration_sandbox.salesforce.user_permissions import bring_in_line

if TYPE_CHECKING:
    from migration_sandbox.salesforce.org import Org

ONE_WAY = (
    "shared_activities",
    "contacts_to_multiple_accounts",
    "multi_currency",
    "territories",
    "account_teams",
)
"""Settings that can't be switched off again: Shared Activities and multiple currencies by the platform, the
others by this sandbox."""

RELATION, ACCOUNTS = "EventRelation", "AccountContactRelation"


def apply(org: "Org") -> None:
    """Make the org's schema what its settings say; objects of a newer version of this sandbox come too."""
    changed: dict[str, SObject] = {}
    for name, wanted in standard_objects().items():
        have = org.objects.get(name)
        known = {} if have is None else have.fields
        missing = [item for item in wanted.fields.values() if item.name not in known]
        missing += [
            replace(known[item.name], on_delete=item.on_delete)
            for item in wanted.fields.values()
            if item.name in known and known[item.name].on_delete != item.on_delete
        ]
        if missing:
            changed[name] = wanted if have is None else _with(have, missing)
    sharing = org.settings.shared_activities and "IsParent" not in org.objects.get(RELATION, _NONE).fields
    if sharing:
        base = changed.get(RELATION) or org.objects[RELATION]
        changed[RELATION] = _with(base, shared_activity_fields())
    related = org.settings.contacts_to_multiple_accounts and ACCOUNTS not in org.objects
    if related:
        changed[ACCOUNTS] = account_contact_relation()
    for name, wanted in _switched(org).items():
        if name not in org.objects:
            changed[name] = wanted
    for name in [*org.objects, *changed] if org.settings.multi_currency else ():
        sobject = changed.get(name) or org.objects[name]
        if sobject.createable and sobject.customizable and CURRENCY.name not in sobject.fields:
            changed[name] = _with(sobject, [CURRENCY])
    if changed:
        org.save_schema(changed.values(), {})
    users.bring_in_line(org)
    bring_in_line(org)
    refer(org)
    if sharing:
        _relate_events(org)
    if related:
        _relate_contacts(org)


CURRENCY = Field(
    "CurrencyIsoCode", "Currency ISO Code", "picklist", length=255, picklist=CURRENCIES, restricted=True,
    default=CURRENCIES[0],
)  # fmt: skip


def _switched(org: "Org") -> dict[str, SObject]:
    """Objects of features that are on and only show themselves."""
    made = [
        *(currency_objects() if org.settings.multi_currency else ()),
        *(territory_objects() if org.settings.territories else ()),
        *(team_objects() if org.settings.account_teams else ()),
    ]
    return {item.name: item for item in made}


_NONE = SObject("", "", "", "")


def _with(sobject: SObject, fields: list[Field]) -> SObject:
    made = sobject.copy()
    for item in fields:
        made.put(item)
    return made


def refer(org: "Org") -> None:
    """Point the references that may lead to any object at those that the org has now."""
    if "ContentVersion" not in org.objects:
        return
    custom = [item.name for item in org.objects.values() if item.custom and not item.virtual]
    anything = ("Account", "Contact", "Event", "Task", "Organization", "User", *custom)
    _aim(org, "ContentDocumentLink", "LinkedEntityId", anything)
    _aim(org, "ContentVersion", "FirstPublishLocationId", anything)
    shared = org.objects["Event"].fields["WhatId"].references if org.settings.shared_activities else ()
    _aim(org, RELATION, "RelationId", ("Contact", "User", *shared))


def _aim(org: "Org", name: str, field: str, targets: tuple[str, ...]) -> None:
    sobject = org.objects[name]
    if sobject.fields[field].references != targets:
        sobject.put(replace(sobject.fields[field], references=targets))


def _relate_events(org: "Org") -> None:
    from migration_sandbox.salesforce.event_relations import of_events

    events = org.tables["Event"].scan(["Id", "WhoId", "WhatId"])
    org.commit(of_events(org, events))


def _relate_contacts(org: "Org") -> None:
    from migration_sandbox.salesforce.account_relations import direct

    contacts = org.tables["Contact"].scan(["Id", "AccountId"]).filter(pl.col("AccountId").is_not_null())
    org.commit([(ACCOUNTS, direct(org, contacts))])
