"""What an org's schema lacks of what the mapping needs: compared field by field, changing nothing.

Findings about it are ``preflight_schema``'s, deploying it is ``schema``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from migration_assets.destinations.base import FieldSchema, FieldType, Finding, ObjectSchema
from migration_assets.destinations.salesforce.describe import OrgField, OrgObject, custom_fields, describe
from migration_assets.destinations.salesforce.parents import pointed_to
from migration_assets.destinations.salesforce.session import SalesforceSession

_CUSTOM_TYPES = {
    FieldType.TEXT: {"string"},
    FieldType.LONG_TEXT: {"textarea"},
    FieldType.NUMBER: {"double"},
    FieldType.CURRENCY: {"currency"},
    FieldType.PERCENT: {"percent"},
    FieldType.CHECKBOX: {"boolean"},
    FieldType.DATE: {"date"},
    FieldType.DATETIME: {"datetime"},
    FieldType.PICKLIST: {"picklist"},
    FieldType.MULTI_PICKLIST: {"multipicklist"},
    FieldType.PHONE: {"phone"},
    FieldType.EMAIL: {"email"},
    FieldType.URL: {"url"},
    FieldType.LOOKUP: {"reference"},
    FieldType.MASTER_DETAIL: {"reference"},
    FieldType.USER: {"reference"},
}
_TEXTS = {"string", "textarea", "phone", "email", "url", "picklist", "combobox"}
_NUMBERS = {"double", "int", "currency", "percent"}
_TEXT_KINDS = {
    FieldType.TEXT,
    FieldType.LONG_TEXT,
    FieldType.PHONE,
    FieldType.EMAIL,
    FieldType.URL,
    FieldType.PICKLIST,
}
_NUMBER_KINDS = {FieldType.NUMBER, FieldType.CURRENCY, FieldType.PERCENT}
_MOST_DIGITS = 18
FURTHER_ACCOUNTS = "AccountContactRelation"
"""There only where the org has Contacts to Multiple Accounts switched on."""
_VALUES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """What one object lacks. ``hidden`` fields are there and not visible to the login."""

    schema: ObjectSchema
    org: OrgObject | None
    exists: bool
    created: tuple[FieldSchema, ...] = ()
    updated: tuple[tuple[FieldSchema, OrgField], ...] = ()
    hidden: tuple[FieldSchema, ...] = ()
    problems: tuple[Finding, ...] = ()


def plan(session: SalesforceSession, schemas: Sequence[ObjectSchema]) -> list[ObjectPlan]:
    existing = custom_fields(session, [schema.name for schema in schemas])
    plans = []
    for schema in schemas:
        there = schema.name in existing
        org = describe(session, schema.name) if there or not schema.custom else None
        plans.append(compare(schema, org, existing.get(schema.name) if there else None))
    return plans


def compare(schema: ObjectSchema, org: OrgObject | None, existing: frozenset[str] | None) -> ObjectPlan:
    """``existing`` holds all custom fields of the object, visible or not; None where it isn't there."""
    if org is None and schema.custom and existing is None:
        return ObjectPlan(
            schema, None, False, created=tuple(field for field in schema.stored_fields if field.custom)
        )
    if org is None and not schema.custom:
        return ObjectPlan(schema, None, False, problems=(_no_object(schema),))
    created: list[FieldSchema] = []
    updated: list[tuple[FieldSchema, OrgField]] = []
    hidden: list[FieldSchema] = []
    problems: list[Finding] = []
    for field in schema.stored_fields:
        found = org.fields.get(field.name) if org is not None else None
        if found is not None:
            difference = _difference(schema, field, found)
            if difference is not None:
                problems.append(difference)
            elif field.custom and (wider := _widened(field, found)) is not None:
                updated.append((wider, found))
        elif not field.custom:
            problems.append(not_visible(schema, field))
        elif existing is not None and field.name in existing:
            hidden.append(field)
        else:
            created.append(field)
    return ObjectPlan(schema, org, True, tuple(created), tuple(updated), tuple(hidden), tuple(problems))


def _difference(schema: ObjectSchema, field: FieldSchema, found: OrgField) -> Finding | None:
    allowed = _CUSTOM_TYPES[field.type]
    if not field.custom and field.type in _TEXT_KINDS:
        allowed = _TEXTS
    elif not field.custom and field.type in _NUMBER_KINDS:
        allowed = _NUMBERS
    code, problem = "field_differs", None
    if found.type not in allowed:
        problem = f"is of type {found.type} there and {field.type.value} in the mapping"
    elif elsewhere := _not_pointed_to(field, found):
        problem = (
            f"points to {', '.join(found.reference_to)} there and to {', '.join(elsewhere)} in the mapping"
        )
    elif not field.custom and field.length and 0 < found.length < field.length:
        problem = f"holds {found.length} characters there and {field.length} in the mapping"
    elif not field.custom and found.restricted and (lacking := lacking_values(field, found)):
        code = "picklist_value_missing"
        problem = f"is a restricted picklist there and lacks {_listed(lacking)}"
    elif field.custom and field.type in _NUMBER_KINDS and sum(_digits(field, found)) > _MOST_DIGITS:
        problem = f"would need {sum(_digits(field, found))} digits to hold its own values and the mapping's"
    if problem is None:
        return None
    remedy = "rename or delete the field there" if field.custom else "change the mapping"
    if code == "picklist_value_missing":
        remedy = "rows with them would be refused: add them there, or translate them in the mapping"
    message = f"{schema.name}.{field.name} {problem}; {remedy}"
    return Finding(code, "error", message, schema.name, field.name)


def _not_pointed_to(field: FieldSchema, found: OrgField) -> list[str]:
    """Targets that the field there doesn't have. One that may point to many objects comes to point to our own
    once they are deployed."""
    wanted = ("User",) if field.type is FieldType.USER else pointed_to(field)
    grows = not field.custom and len(found.reference_to) > 1
    return [
        target
        for target in wanted
        if target not in found.reference_to and not (grows and target.endswith("__c"))
    ]


def _listed(values: Sequence[str]) -> str:
    shown = ", ".join(values[:_VALUES_SHOWN])
    more = len(values) - _VALUES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _widened(field: FieldSchema, found: OrgField) -> FieldSchema | None:
    """The field as it should become, never smaller than it is; None where it is fine."""
    wider = field
    changed = bool(lacking_values(field, found))
    if field.length and field.type in (FieldType.TEXT, FieldType.LONG_TEXT):
        changed |= found.length < field.length
        wider = replace(wider, length=max(found.length, field.length))
    if field.type in _NUMBER_KINDS and field.precision is not None:
        whole, scale = _digits(field, found)
        changed |= scale > found.scale or whole + scale > found.precision
        wider = replace(wider, precision=whole + scale, scale=scale)
    changed |= (field.unique and not found.unique) or (field.external_id and not found.external_id)
    return wider if changed else None


def _digits(field: FieldSchema, found: OrgField) -> tuple[int, int]:
    """Digits before and after the point that hold both what is there and what the mapping sends."""
    scale = field.scale or 0
    return max((field.precision or scale) - scale, found.precision - found.scale), max(scale, found.scale)


def lacking_values(field: FieldSchema, found: OrgField) -> list[str]:
    active = {each.value for each in found.values if each.active}
    return [value for value in field.values if value not in active]


def _no_object(schema: ObjectSchema) -> Finding:
    if schema.name == FURTHER_ACCOUNTS:
        message = (
            "account_relations is set and the org keeps a contact in one account; switch on Contacts to "
            "Multiple Accounts in Setup, Account Settings, or take account_relations out"
        )
        return Finding("account_relations_off", "error", message, schema.name)
    message = f"{schema.name} is a standard object that the login doesn't see; give it read access"
    return Finding("object_missing", "error", message, schema.name)


def not_visible(schema: ObjectSchema, field: FieldSchema) -> Finding:
    remedy = "deploy the schema, which grants it" if field.custom else "grant it in the login's profile"
    message = f"the login doesn't see {schema.name}.{field.name} (field-level security); {remedy}"
    return Finding(
        "field_not_visible", "error", message, schema.name, field.name, mended_by_deploying=field.custom
    )
