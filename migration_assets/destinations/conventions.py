"""What a destination demands of names, labels and lengths before anything of a spec makes sense.

Types only: each destination's own stand in its folder. Which fields there are stands in the specs and in
``<destination>_standard_fields.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

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
