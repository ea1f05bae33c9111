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
    """Names are matched whole; lengths are characters, ``lengths`` the shortest and longest by type.

    A platform whose references have no names of their own has no ``relationship_name``. ``choices`` is how
    many values a picklist holds, ``decimals`` how many of a number's digits may stand after the point; None
    where nothing is known of such a limit.
    """

    custom_object: re.Pattern[str]
    custom_object_rule: str
    custom_name: re.Pattern[str]
    custom_name_rule: str
    relationship_name: re.Pattern[str] | None
    label_length: int
    help_length: int
    number_digits: int
    lengths: Mapping[FieldType, tuple[int, int]]
    custom_reference_suffix: tuple[str, str]
    choices: int | None = None
    decimals: int | None = None

    def relationship(self, reference: str) -> str:
        """The name by which a child's record reaches its parent through a custom reference."""
        suffix, replacement = self.custom_reference_suffix
        return reference.removesuffix(suffix) + replacement


# Salesforce: developer names hold at most 40 characters before __c; label 40 and help text 510 are from
# shared/facts/salesforce.md (unconfirmed there); Text 255, Long Text Area 131,072 and Number 18 digits are
# the limits of its custom field types.
_SALESFORCE_NAME = re.compile(r"(?=.{1,43}$)[A-Za-z](?:_?[A-Za-z0-9])*__c")
_SALESFORCE_RULE = "begin with a letter, hold at most 40 letters, digits and single '_', and end with __c"
SALESFORCE = Conventions(
    custom_object=_SALESFORCE_NAME,
    custom_object_rule=_SALESFORCE_RULE,
    custom_name=_SALESFORCE_NAME,
    custom_name_rule=_SALESFORCE_RULE,
    relationship_name=re.compile(r"(?=.{1,40}$)[A-Za-z](?:_?[A-Za-z0-9])*"),
    label_length=40,
    help_length=510,
    number_digits=18,
    lengths=MappingProxyType(
        {FieldType.TEXT: (1, 255), FieldType.LONG_TEXT: (256, 131_072), FieldType.PICKLIST: (1, 255)}
    ),
    custom_reference_suffix=("__c", "__r"),
)

# Freshsales: text 256 and text area 10,000 characters, number 11 digits and 4 decimals, 300 choices are from
# shared/facts/freshsales.md. The lengths of names and labels are unconfirmed and kept short.
FRESHSALES = Conventions(
    custom_object=re.compile(r"(?=.{1,60}$)cm_[a-z](?:_?[a-z0-9])*"),
    custom_object_rule="begin with cm_ and hold at most 60 small letters, digits and single '_'",
    custom_name=re.compile(r"(?=.{1,60}$)cf_[a-z](?:_?[a-z0-9])*"),
    custom_name_rule="begin with cf_ and hold at most 60 small letters, digits and single '_'",
    relationship_name=None,
    label_length=100,
    help_length=510,
    number_digits=15,
    lengths=MappingProxyType(
        {FieldType.TEXT: (1, 256), FieldType.LONG_TEXT: (257, 10_000), FieldType.PICKLIST: (1, 256)}
    ),
    custom_reference_suffix=("", ""),
    choices=300,
    decimals=4,
)

CONVENTIONS: Mapping[str, Conventions] = MappingProxyType(
    {"salesforce": SALESFORCE, "freshsales": FRESHSALES}
)
"""By destination; a destination without an entry has no mapping."""
