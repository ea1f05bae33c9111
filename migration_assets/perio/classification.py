"""The 2017 classification of periodontitis: stage, grade and extent, read as they were recorded.

Tonetti, Greenwell and Kornman, J Periodontol 2018;89 Suppl 1:S159: stage I-IV by severity and complexity,
grade A-C by rate of progression, extent localized, generalized or molar/incisor. Nothing is computed from a
chart: attachment level alone can't tell stage III from IV, and the periodontist has seen the patient.
"""

from __future__ import annotations

import re
from enum import StrEnum
from types import MappingProxyType

from migration_assets.perio.errors import UnknownClassification


class Stage(StrEnum):
    """Severity and complexity of management; the values are those of Periodontal_Stage__c."""

    I = "I"  # noqa: E741
    II = "II"
    III = "III"
    IV = "IV"


class Grade(StrEnum):
    """Rate of progression: slow, moderate, rapid; the values are those of Periodontal_Grade__c."""

    A = "A"
    B = "B"
    C = "C"


class Extent(StrEnum):
    """Where the disease is: under 30 % of teeth, 30 % and more, or the molar/incisor pattern."""

    LOCALIZED = "Localized"
    GENERALIZED = "Generalized"
    MOLAR_INCISOR = "Molar/incisor"


_STAGES = MappingProxyType(
    {spelling: stage for number, stage in enumerate(Stage, 1) for spelling in (stage.value, str(number))}
)
_EXTENTS = MappingProxyType(
    {
        "LOCALIZED": Extent.LOCALIZED,
        "LOCALISED": Extent.LOCALIZED,
        "LOCAL": Extent.LOCALIZED,
        "GENERALIZED": Extent.GENERALIZED,
        "GENERALISED": Extent.GENERALIZED,
        "GENERAL": Extent.GENERALIZED,
        "MOLAR INCISOR": Extent.MOLAR_INCISOR,
        "MOLAR INCISOR PATTERN": Extent.MOLAR_INCISOR,
    }
)
_NOT_WORD = re.compile(r"[\s/_\-\u2010-\u2015]+")


def parse_stage(written: str) -> Stage:
    """``III``, ``Stage 3`` and ``3`` are one stage, in any case; raises UnknownClassification."""
    found = _STAGES.get(_value_after("STAGE", written))
    if found is None:
        raise UnknownClassification("a stage is one of I to IV")
    return found


def parse_grade(written: str) -> Grade:
    """``B``, ``grade b``; raises UnknownClassification."""
    found = _value_after("GRADE", written)
    if found not in tuple(Grade):
        raise UnknownClassification("a grade is A, B or C")
    return Grade(found)


def parse_extent(written: str) -> Extent:
    """In American or British spelling; raises UnknownClassification."""
    found = _EXTENTS.get(_words(written))
    if found is None:
        raise UnknownClassification("an extent is localized, generalized or molar/incisor")
    return found


def _value_after(title: str, written: str) -> str:
    # A chart writes "Stage III", "Stage: III" or "III"; what follows the word is what counts.
    return _words(written).removeprefix(title).lstrip(": ")


def _words(written: str) -> str:
    return _NOT_WORD.sub(" ", written.upper()).strip(" .")
