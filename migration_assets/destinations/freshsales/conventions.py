"""What Freshsales demands of names, labels and lengths.

Text 256 and text area 10,000 characters, number 11 digits and 4 decimals, and 300 choices are official. The
lengths of names and labels are unconfirmed and kept short.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from migration_assets.destinations.base import FieldType
from migration_assets.destinations.conventions import Conventions

CONVENTIONS = Conventions(
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
