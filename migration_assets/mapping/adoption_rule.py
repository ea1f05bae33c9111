"""The rule by which records that are in a destination already are recognised as ours: ``adopt`` of a spec.

Only what the file says, checked. How values are compared and what becomes of a match stands in
``migration.adoption``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from migration_assets.destinations.base import FieldSchema, FieldType
from migration_assets.documents import Document, KeyPath
from migration_assets.errors import SpecError
from migration_assets.mapping.names import complaint, unknown_name
from migration_assets.practice import Settings

COMPARABLE = frozenset({FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.DATE})

_Names = Annotated[tuple[str, ...], Field(min_length=1)]


class AdoptDeclaration(Settings):
    """``{by: [[field, ...], ...], unless_differs: [field, ...]}``, see AdoptionRule."""

    by: Annotated[tuple[_Names, ...], Field(min_length=1)]
    unless_differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdoptionRule:
    """A line of ``by`` finds a record of theirs whose fields all have a value and equal ours; the first line
    that does is the one that is named. A field of ``unless_differs`` that has a value on both sides and
    differs speaks against it."""

    by: tuple[tuple[str, ...], ...]
    unless_differs: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that is compared, once."""
        lines = (name for line in self.by for name in line)
        return tuple(dict.fromkeys([*lines, *self.unless_differs]))


def read_adoption(document: Document, fields: Mapping[str, FieldSchema], key_field: str) -> AdoptionRule:
    """The file's ``adopt``; raises SpecError where it names what can't be compared."""
    declared = document.parse(AdoptDeclaration, ("adopt",), SpecError)
    places: list[tuple[KeyPath, str]] = [
        (("adopt", "by", line, position), name)
        for line, names in enumerate(declared.by)
        for position, name in enumerate(names)
    ]
    places += [
        (("adopt", "unless_differs", position), name) for position, name in enumerate(declared.unless_differs)
    ]
    for at, name in places:
        if name not in fields:
            raise unknown_name(document, at, "field of this object", name, fields)
        if name == key_field or fields[name].type not in COMPARABLE:
            known = ", ".join(sorted(COMPARABLE))
            raise complaint(document, at, f"'{name}' can't tell who somebody is", f"name a field of: {known}")
    return AdoptionRule(declared.by, declared.unless_differs)
