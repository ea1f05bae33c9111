"""What a mapping spec's file says of one field; what it becomes is ``destinations.base.FieldSchema``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from migration_assets.destinations.base import FieldType
from migration_assets.practice import Settings


class StandardField(Settings):
    """``{standard: true}``: the rest stands in the destination's catalogue of standard fields."""

    standard: Literal[True]
    required: bool | None = None
    mission_name: str | None = None


class FieldDeclaration(Settings):
    """A field as ``FieldSchema`` describes it; also the form of the catalogue's entries.

    ``mission_name`` is the name that the mission's own list gives the field.
    """

    type: FieldType
    label: Annotated[str, Field(min_length=1)]
    length: Annotated[int, Field(ge=1)] | None = None
    precision: Annotated[int, Field(ge=1)] | None = None
    scale: Annotated[int, Field(ge=0)] | None = None
    required: bool = False
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = True
    reference_to: str | None = None
    relationship: str | None = None
    child_relationship: str | None = None
    help_text: str | None = None
    also_to: tuple[str, ...] = ()
    read_only: bool = False
    virtual: bool = False
    mission_name: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> FieldDeclaration:
        numeric = self.type in (FieldType.NUMBER, FieldType.CURRENCY, FieldType.PERCENT)
        picklist = self.type in (FieldType.PICKLIST, FieldType.MULTI_PICKLIST)
        self._only_with(numeric, "a number", precision=self.precision, scale=self.scale)
        self._only_with(picklist, "a picklist", values=self.values or None)
        self._only_with(self.type.is_reference, "a reference", reference_to=self.reference_to)
        if self.type in (FieldType.TEXT, FieldType.LONG_TEXT) and self.length is None:
            raise ValueError("a text needs 'length'")
        if numeric and (self.scale or 0) > (self.precision or 0):
            raise ValueError("'scale' is larger than 'precision', which counts all digits")
        if len(set(self.values)) != len(self.values):
            raise ValueError("'values' holds a value twice")
        if self.type is FieldType.CHECKBOX and self.required:
            raise ValueError("a checkbox always has a value; leave out 'required'")
        if self.external_id and self.type not in (FieldType.TEXT, FieldType.NUMBER, FieldType.EMAIL):
            raise ValueError("an external id is a text, a number or an email")
        return self

    def _only_with(self, is_one: bool, what: str, **settings: object) -> None:
        for name, value in settings.items():
            if is_one and value is None:
                raise ValueError(f"{what} needs '{name}'")
            if not is_one and value is not None:
                raise ValueError(f"'{name}' belongs to {what} only")
