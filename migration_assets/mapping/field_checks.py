"""A spec's fields: read one by one, completed from the catalogue, held against the conventions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from migration_assets.destinations.base import FieldSchema, FieldType
from migration_assets.destinations.base import Identity as IdentityKind
from migration_assets.destinations.conventions import Conventions
from migration_assets.documents import Document, KeyPath
from migration_assets.errors import SpecError
from migration_assets.mapping.declarations import Identity
from migration_assets.mapping.field_declarations import FieldDeclaration, StandardField
from migration_assets.mapping.names import complaint, unknown_name

_DELETED_FLAG = FieldDeclaration(
    type=FieldType.CHECKBOX,
    label="PANDA Deleted",
    help_text="The record's row is gone from PANDA Perio. Set by the migration; don't edit.",
)

Catalogue = Mapping[str, Mapping[str, FieldDeclaration]]
"""Standard fields by object and name."""


@dataclass(frozen=True, slots=True)
class DeclaredFields:
    """Fields in the payload's order (the key first), and the mission's names by field."""

    schemas: Mapping[str, FieldSchema]
    mission_names: Mapping[str, str]


def read_catalogue(document: Document) -> Catalogue:
    """Raises SpecError where an entry of the catalogue isn't a whole field."""
    return {
        name: {
            field: document.parse(FieldDeclaration, (name, field), SpecError) for field in document.data[name]
        }
        for name in document.data
    }


def read_fields(
    document: Document,
    declared: Mapping[str, dict[str, Any]],
    identity: Identity,
    standard: Mapping[str, FieldDeclaration],
    conventions: Conventions,
) -> DeclaredFields:
    """Raises SpecError naming file and line for a field that the destination couldn't have.

    ``standard`` is the catalogue's part for this object, empty for a custom one.
    """
    schemas: dict[str, FieldSchema] = {}
    mission_names: dict[str, str] = {}
    for name, data in declared.items():
        at: KeyPath = ("fields", name)
        if "standard" in data:
            schema, mission_name = _standard_field(document, at, name, standard)
        else:
            declaration = document.parse(FieldDeclaration, at, SpecError)
            schema, mission_name = _custom_field(document, at, name, declaration, conventions)
        schemas[name] = schema
        if mission_name is not None:
            mission_names[name] = mission_name
    if identity.kind is IdentityKind.PARENTS:
        schemas[identity.field] = _joined(document, identity, schemas)
    elif identity.kind is IdentityKind.MARKER:
        schemas[identity.field] = _marked(document, identity, schemas)
    else:
        _check_key(document, identity, schemas)
    for name, declaration in standard.items():
        if declaration.required and name not in schemas:
            raise complaint(
                document,
                ("fields",),
                f"the standard field {name} is required",
                "declare it with {standard: true} and map it",
            )
    ordered = {identity.field: schemas[identity.field]} | schemas
    return DeclaredFields(ordered, mission_names)


def read_deleted_flag(
    document: Document, identity: Identity, declared: DeclaredFields, conventions: Conventions
) -> FieldSchema | None:
    """The box that the file's ``deleted_flag`` names; raises SpecError where the object can't have it."""
    at: KeyPath = ("deleted_flag",)
    name = document.data.get("deleted_flag")
    if name is None:
        return None
    if declared.schemas[identity.field].virtual or document.data.get("content") is not None:
        raise complaint(
            document, at, "needs a record with a key field that isn't a file", "leave it out; it is reported"
        )
    if name in declared.schemas:
        raise complaint(document, at, f"{name} is a field of its own", "take it out of the fields")
    return _custom_field(document, at, name, _DELETED_FLAG, conventions)[0]


def _standard_field(
    document: Document, at: KeyPath, name: str, standard: Mapping[str, FieldDeclaration]
) -> tuple[FieldSchema, str | None]:
    use = document.parse(StandardField, at, SpecError)
    if name not in standard:
        raise unknown_name(document, at, "standard field of the object in the catalogue", name, standard)
    schema = _schema(name, standard[name], custom=False)
    if use.required is not None:
        schema = replace(schema, required=schema.required or use.required)
    return schema, use.mission_name


def _custom_field(
    document: Document, at: KeyPath, name: str, declaration: FieldDeclaration, conventions: Conventions
) -> tuple[FieldSchema, str | None]:
    if not conventions.custom_name.fullmatch(name):
        raise complaint(
            document,
            at,
            "is no API name of a custom field",
            f"it must {conventions.custom_name_rule}; a standard field needs {{standard: true}}",
        )
    _at_most(document, (*at, "label"), declaration.label, conventions.label_length)
    _at_most(document, (*at, "help_text"), declaration.help_text or "", conventions.help_length)
    shortest, longest = conventions.lengths.get(declaration.type, (0, 0))
    if declaration.length is not None and not shortest <= declaration.length <= longest:
        if declaration.type not in conventions.lengths:
            raise complaint(document, (*at, "length"), f"a {declaration.type} has no length", "leave it out")
        raise complaint(
            document,
            (*at, "length"),
            f"a {declaration.type} holds {shortest} to {longest} characters",
            "choose a length in that range, or another type",
        )
    if (declaration.precision or 0) > conventions.number_digits:
        raise complaint(
            document,
            (*at, "precision"),
            f"a number has at most {conventions.number_digits} digits",
            "lower it",
        )
    if conventions.decimals is not None and (declaration.scale or 0) > conventions.decimals:
        raise complaint(
            document, (*at, "scale"), f"a number has at most {conventions.decimals} decimals", "lower it"
        )
    before_point = conventions.number_digits - (conventions.decimals or 0)
    if (declaration.precision or 0) - (declaration.scale or 0) > before_point:
        raise complaint(
            document,
            (*at, "precision"),
            f"a number has at most {before_point} digits before the point",
            "lower it",
        )
    if conventions.choices is not None and len(declaration.values) > conventions.choices:
        raise complaint(
            document, (*at, "values"), f"a picklist holds at most {conventions.choices}", "take some out"
        )
    if any(len(value) > conventions.lengths[FieldType.PICKLIST][1] for value in declaration.values):
        raise complaint(document, (*at, "values"), "a picklist's value is too long", "shorten it")
    schema = _schema(name, declaration, custom=True)
    if schema.type.is_reference and conventions.relationship_name is not None:
        schema = _reference(document, at, schema, conventions)
    return schema, declaration.mission_name


def _reference(document: Document, at: KeyPath, schema: FieldSchema, conventions: Conventions) -> FieldSchema:
    way_back, pattern = schema.child_relationship, conventions.relationship_name
    if way_back is None or pattern is None or not pattern.fullmatch(way_back):
        raise complaint(
            document,
            (*at, "child_relationship"),
            "a reference needs a name for the way back",
            "give child_relationship: letters and digits, plural, without __r",
        )
    relationship = conventions.relationship(schema.name)
    if schema.relationship not in (None, relationship):
        raise complaint(document, (*at, "relationship"), f"is always {relationship}", "leave it out")
    return replace(schema, relationship=relationship)


def _joined(document: Document, identity: Identity, schemas: Mapping[str, FieldSchema]) -> FieldSchema:
    """The key that no field of the destination holds."""
    for place, name in enumerate(identity.joins):
        if name not in schemas or not schemas[name].type.is_reference:
            raise complaint(
                document, ("identity", "joins", place), f"{name} is no reference", "declare it as one"
            )
    return _virtual_key(identity)


def _marked(document: Document, identity: Identity, schemas: Mapping[str, FieldSchema]) -> FieldSchema:
    """The key that stands as a marker in a text."""
    at: KeyPath = ("identity", "marker")
    name = str(identity.marker)
    if name not in schemas:
        raise unknown_name(document, at, "declared field", name, schemas)
    if schemas[name].type not in (FieldType.TEXT, FieldType.LONG_TEXT):
        raise complaint(document, at, f"{name} is a {schemas[name].type}", "name a text")
    return _virtual_key(identity)


def _virtual_key(identity: Identity) -> FieldSchema:
    return FieldSchema(identity.field, "Identity", FieldType.TEXT, custom=False, virtual=True)


def _check_key(document: Document, identity: Identity, schemas: Mapping[str, FieldSchema]) -> None:
    at: KeyPath = ("identity", "field")
    if identity.field not in schemas:
        raise unknown_name(document, at, "declared field", identity.field, schemas)
    key = schemas[identity.field]
    unique = key.unique or identity.kind is IdentityKind.FIELD
    if key.type is not FieldType.TEXT or not (key.external_id and unique):
        raise complaint(
            document, at, "the key must be a unique external id", "declare it text, unique and external_id"
        )


def _at_most(document: Document, at: KeyPath, text: str, limit: int) -> None:
    if len(text) > limit:
        raise complaint(document, at, f"has {len(text)} characters, {limit} are allowed", "shorten it")


def _schema(name: str, declared: FieldDeclaration, *, custom: bool) -> FieldSchema:
    settings = {key: getattr(declared, key) for key in type(declared).model_fields if key != "mission_name"}
    return FieldSchema(name=name, custom=custom, **settings)
