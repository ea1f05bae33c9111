"""What Salesforce demands of names, labels and lengths.

Developer names hold at most 40 characters before __c; label 40 and help text 510 are unconfirmed; Text 255,
Long Text Area 131,072 and Number 18 digits are the limits of its custom field types.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from migration_assets.destinations.base import FieldType
from migration_assets.destinations.conventions import Conventions

_NAME = re.compile(r"(?=.{1,43}$)[A-Za-z](?:_?[A-Za-z0-9])*__c")
_RULE = "begin with a letter, hold at most 40 letters, digits and single '_', and end with __c"
CONVENTIONS = Conventions(
    custom_object=_NAME,
    custom_object_rule=_RULE,
    custom_name=_NAME,
    custom_name_rule=_RULE,
    relationship_name=re.compile(r"(?=.{1,40}$)[A-Za-z](?:_?[A-Za-z0-9])*"),
    label_length=40,
    help_length=510,
    number_digits=18,
    lengths=MappingProxyType(
        {FieldType.TEXT: (1, 255), FieldType.LONG_TEXT: (256, 131_072), FieldType.PICKLIST: (1, 255)}
    ),
    custom_reference_suffix=("__c", "__r"),
)
