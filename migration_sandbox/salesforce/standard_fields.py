"""Short ways to write a standard object's fields. Which objects there are is standard*.py's."""

from typing import TypedDict, Unpack

from migration_sandbox.salesforce.schema import Field, SObject, audit_fields, system_fields


class _Access(TypedDict):
    createable: bool
    updateable: bool


class _More(TypedDict, total=False):
    createable: bool
    updateable: bool
    required: bool
    name_field: bool
    on_delete: str
    child_relationship_name: str


READ_ONLY = _Access(createable=False, updateable=False)


def text(name: str, label: str, length: int, **more: Unpack[_More]) -> Field:
    return Field(name, label, "string", length=length, **more)


def address(prefix: str, label: str) -> list[Field]:
    return [
        Field(f"{prefix}Street", f"{label} Street", "textarea", length=255),
        text(f"{prefix}City", f"{label} City", 40),
        text(f"{prefix}State", f"{label} State/Province", 80),
        text(f"{prefix}PostalCode", f"{label} Zip/Postal Code", 20),
        text(f"{prefix}Country", f"{label} Country", 80),
    ]


def phone(name: str, label: str) -> Field:
    return Field(name, label, "phone", length=40)


def lookup(name: str, label: str, *targets: str, relationship: str, **more: Unpack[_More]) -> Field:
    return Field(
        name, label, "reference", length=18, references=targets, relationship_name=relationship, **more
    )


def make(
    name: str, label: str, plural: str, prefix: str, fields: list[Field], writable: bool = True
) -> SObject:
    made = SObject(
        name,
        label,
        plural,
        prefix,
        createable=writable,
        updateable=writable,
        deletable=writable,
        customizable=writable,
    )
    for item in [*system_fields(), *fields, *audit_fields()]:
        made.put(item)
    return made
