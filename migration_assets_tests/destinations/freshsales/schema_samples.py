"""Schemas as the mapping of Freshsales makes them, small: a contact, a deal and a custom module."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from migration_assets.destinations.base import FieldSchema, FieldType, Identity, ObjectSchema


def standard(name: str, label: str, kind: FieldType = FieldType.TEXT, **more: Any) -> FieldSchema:
    return FieldSchema(name, label, kind, custom=False, **more)


def custom(name: str, label: str, kind: FieldType, **more: Any) -> FieldSchema:
    return FieldSchema(name, label, kind, custom=True, **more)


def key_field() -> FieldSchema:
    return custom("cf_panda_key", "PANDA Key", FieldType.TEXT, length=256)


CONTACT = ObjectSchema(
    name="contact",
    label="Contact",
    plural_label="Contacts",
    custom=False,
    key_field="external_id",
    fields=(
        standard("external_id", "External ID", external_id=True, unique=True),
        standard("last_name", "Last name"),
        standard("email", "Email", FieldType.EMAIL),
        standard("owner_id", "Sales owner", FieldType.USER),
        custom(
            "cf_periodontal_stage",
            "Periodontal_Stage__c",
            FieldType.PICKLIST,
            values=("I", "II", "III", "IV"),
        ),
        custom("cf_last_depth", "Last_Pocket_Depth_MM__c", FieldType.NUMBER, precision=4, scale=1),
        custom("cf_staging_date", "Staging_Date__c", FieldType.DATE),
        custom("cf_referring", "Referring_Dentist__c", FieldType.CHECKBOX),
    ),
)

DEAL = ObjectSchema(
    name="deal",
    label="Deal",
    plural_label="Deals",
    custom=False,
    key_field="cf_panda_key",
    identity=Identity.FIELD,
    fields=(
        key_field(),
        standard("name", "Name"),
        standard("deal_stage", "Stage", FieldType.PICKLIST, values=("New", "Lost")),
        standard("contact", "Contact", FieldType.LOOKUP, reference_to="contact"),
    ),
)

PLAN_LINE = ObjectSchema(
    name="cm_dental_treatment_plan",
    label="Dental Treatment Plan",
    plural_label="Dental Treatment Plans",
    custom=True,
    key_field="cf_panda_key",
    identity=Identity.FIELD,
    fields=(
        key_field(),
        standard("name", "Name"),
        custom("cf_deal", "Deal", FieldType.LOOKUP, reference_to="deal"),
        custom("cf_notes", "Line notes", FieldType.LONG_TEXT, length=10_000),
    ),
)

NOTE = ObjectSchema(
    name="note",
    label="Note",
    plural_label="Notes",
    custom=False,
    key_field="_key",
    identity=Identity.MARKER,
    marked_field="description",
    fields=(
        FieldSchema("_key", "Key", FieldType.TEXT, custom=False, virtual=True),
        standard("description", "Description", FieldType.LONG_TEXT),
        standard("target", "Target", FieldType.LOOKUP, reference_to="contact", also_to=("deal",)),
    ),
)

ALL = (CONTACT, DEAL, PLAN_LINE, NOTE)


def with_field(schema: ObjectSchema, field: FieldSchema) -> ObjectSchema:
    """The schema with the field added, or in the place of the one of its name."""
    others = tuple(each for each in schema.fields if each.name != field.name)
    return replace(schema, fields=(*others, field))
