"""What an org has: its objects and fields as the login sees them, its edition, and the fields that it counts.

``describe`` shows only what field-level security lets the login see; the Tooling API shows every custom
field, visible or not. The difference is what a permission set still has to grant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from migration_assets.destinations.base import ObjectCapacity
from migration_assets.destinations.salesforce.queries import ACTIVITIES
from migration_assets.destinations.salesforce.session import RequestRefused, SalesforceSession
from migration_assets.destinations.salesforce.settings import EnvironmentSettings

CUSTOM_FIELD_LIMITS = {
    "Professional Edition": 100,
    "Enterprise Edition": 500,
    "Developer Edition": 500,
    "Unlimited Edition": 800,
    "Performance Edition": 800,
}
"""Custom fields an object, by Organization.OrganizationType (Salesforce, Feature Allocations by Edition)."""

_UNKNOWN_EDITION_LIMIT = 100
_ACTIVITY = "Activity"
_DELETED = re.compile(r"_del\d*__c$")


@dataclass(frozen=True, slots=True)
class PicklistValue:
    value: str
    label: str
    active: bool
    default: bool


@dataclass(frozen=True, slots=True)
class OrgField:
    """A field as describe answers it; ``type`` is describe's own word (string, double, reference, ...).

    ``defaulted``: a record that is made without a value gets one.
    """

    name: str
    label: str
    type: str
    custom: bool
    length: int
    precision: int
    scale: int
    required: bool
    unique: bool
    external_id: bool
    createable: bool
    updateable: bool
    restricted: bool
    help_text: str | None
    values: tuple[PicklistValue, ...]
    reference_to: tuple[str, ...]
    relationship: str | None
    defaulted: bool = False


@dataclass(frozen=True, slots=True)
class OrgObject:
    """An object that the login can see, with what it may do to its records."""

    name: str
    createable: bool
    updateable: bool
    deletable: bool
    fields: dict[str, OrgField]


@dataclass(frozen=True, slots=True)
class Organization:
    id: str
    name: str
    edition: str
    is_sandbox: bool


def organization(session: SalesforceSession) -> Organization:
    row = session.query("SELECT Id, Name, OrganizationType, IsSandbox FROM Organization")[0]
    return Organization(
        str(row["Id"]), str(row["Name"]), str(row["OrganizationType"]), bool(row["IsSandbox"])
    )


def describe(session: SalesforceSession, name: str) -> OrgObject | None:
    """None where the object isn't there, or isn't for this login to see."""
    try:
        body = session.get_json(f"sobjects/{name}/describe")
    except RequestRefused as error:
        if error.status == 404:
            return None
        raise
    return OrgObject(
        name=str(body["name"]),
        createable=bool(body["createable"]),
        updateable=bool(body["updateable"]),
        deletable=bool(body["deletable"]),
        fields={str(each["name"]): _field(each) for each in body["fields"]},
    )


def _field(body: dict[str, Any]) -> OrgField:
    return OrgField(
        name=str(body["name"]),
        label=str(body.get("label") or body["name"]),
        type=str(body["type"]),
        custom=bool(body.get("custom")),
        length=int(body.get("length") or 0),
        precision=int(body.get("precision") or 0),
        scale=int(body.get("scale") or 0),
        required=not body.get("nillable", True) and body["type"] != "boolean",
        unique=bool(body.get("unique")),
        external_id=bool(body.get("externalId")),
        createable=bool(body.get("createable")),
        updateable=bool(body.get("updateable")),
        restricted=bool(body.get("restrictedPicklist")),
        help_text=body.get("inlineHelpText"),
        values=tuple(
            PicklistValue(
                str(value["value"]),
                str(value.get("label") or value["value"]),
                bool(value.get("active", True)),
                bool(value.get("defaultValue")),
            )
            for value in body.get("picklistValues") or ()
        ),
        reference_to=tuple(map(str, body.get("referenceTo") or ())),
        relationship=body.get("relationshipName"),
        defaulted=bool(body.get("defaultedOnCreate")),
    )


def custom_fields(session: SalesforceSession, objects: Sequence[str]) -> dict[str, frozenset[str]]:
    """Names of the objects' custom fields, hidden ones included; an object that isn't there has no entry.

    Fields of managed packages have a namespace and don't count against the limit: they are left out.
    """
    owners = {name: _ACTIVITY if name in ACTIVITIES else name for name in objects if not _is_custom(name)}
    wanted = {name.removesuffix("__c"): name for name in objects if _is_custom(name)}
    if wanted:
        rows = session.tooling_query(
            f"SELECT Id, DeveloperName FROM CustomObject WHERE DeveloperName IN ({_quoted(wanted)}) "
            "AND NamespacePrefix = null"
        )
        owners |= {wanted[str(row["DeveloperName"])]: str(row["Id"]) for row in rows}
    if not owners:
        return {}
    rows = session.tooling_query(
        "SELECT DeveloperName, TableEnumOrId FROM CustomField "
        f"WHERE TableEnumOrId IN ({_quoted(sorted(set(owners.values())))}) AND NamespacePrefix = null"
    )
    names: dict[str, set[str]] = {}
    for row in rows:
        names.setdefault(str(row["TableEnumOrId"])[:15], set()).add(f"{row['DeveloperName']}__c")
    return {name: frozenset(names.get(owner[:15], ())) for name, owner in owners.items()}


def deleted_among(custom_fields: Collection[str]) -> list[str]:
    """Names of fields that are deleted and not erased: they end with ``_del__c`` and still count against the
    limit (Salesforce Help, Manage Deleted Custom Fields).

    None where the Tooling API doesn't list them: no official page says that it does.
    """
    return sorted(filter(_DELETED.search, custom_fields))


def capacity(
    session: SalesforceSession, settings: EnvironmentSettings, objects: Sequence[str]
) -> dict[str, ObjectCapacity]:
    """The room by the org's edition; an edition that isn't known counts as the smallest."""
    edition = CUSTOM_FIELD_LIMITS.get(organization(session).edition, _UNKNOWN_EDITION_LIMIT)
    limit = settings.custom_field_limit or edition
    existing = custom_fields(session, objects)
    return {
        name: ObjectCapacity(
            object=name,
            exists=name in existing,
            custom_field_limit=settings.activity_field_limit if name in ACTIVITIES else limit,
            custom_fields=existing.get(name, frozenset()),
        )
        for name in objects
    }


def _is_custom(name: str) -> bool:
    return name.endswith("__c")


def _quoted(names: Sequence[str] | dict[str, str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
