"""What a destination demands of names, labels and lengths before anything of a spec makes sense.

Limits of fields only; which fields there are stands in the specs and in
``<destination>_standard_fields.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from migration_assets.destinations.base import FieldType


@dataclass(frozen=True, slots=True)
class Conventions:
    """Names are matched whole; lengths are characters, ``lengths`` the shortest and longest by type."""

    custom_name: re.Pattern[str]
    custom_name_rule: str
    relationship_name: re.Pattern[str]
    label_length: int
    help_length: int
    number_digits: int
    lengths: Mapping[FieldType, tuple[int, int]]
    custom_reference_suffix: tuple[str, str]

    def relationship(self, reference: str) -> str:
        """The name by which a child's record reaches its parent through a custom reference."""
        suffix, replacement = self.custom_reference_suffix
        return reference.removesuffix(suffix) + replacement


# Salesforce: developer names hold at most 40 characters before __c; label 40 and help text 510 are from
# shared/facts/salesforce.md (unconfirmed there); Text 255, Long Text Area 131,072 and Number 18 digits are
# the limits of its custom field types.
SALESFORCE = Conventions(
    custom_name=re.compile(r"(?=.{1,43}$)[A-Za-z](?:_?[A-Za-z0-9])*__c"),
    custom_name_rule="begin with a letter, hold at most 40 letters, digits and single '_', and end with __c",
    relationship_name=re.compile(r"(?=.{1,40}$)[A-Za-z](?:_?[A-Za-z0-9])*"),
    label_length=40,
    help_length=510,
    number_digits=18,
    lengths=MappingProxyType(
        {FieldType.TEXT: (1, 255), FieldType.LONG_TEXT: (256, 131_072), FieldType.PICKLIST: (1, 255)}
    ),
    custom_reference_suffix=("__c", "__r"),
)

CONVENTIONS: Mapping[str, Conventions] = MappingProxyType({"salesforce": SALESFORCE})
"""By destination; a destination without an entry has no mapping."""
