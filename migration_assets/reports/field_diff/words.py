"""What the classes, diagnoses and checks of the field-level diff are called: one bank for page and terminal.

A sentence speaks to the practice's manager; which difference gets which class is ``migration.field_diff``'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_WORD_BREAK = re.compile(r"(?<=[a-z])(?=[A-Z0-9])")


@dataclass(frozen=True, slots=True)
class Words:
    """``mark`` tells it without colour, ``name`` is a few words, ``sentence`` says what it means."""

    mark: str
    name: str
    sentence: str


CLASS_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "same": Words("=", "unchanged", "The field holds the very text that PANDA holds."),
        "expected": Words(
            "\N{CHECK MARK}",
            "converted as planned",
            "The mapping writes it another way on purpose (a date, a code, a link), and it arrived so.",
        ),
        "format": Words(
            "\N{ALMOST EQUAL TO}",
            "other form, same meaning",
            "Only line breaks, spaces at the ends, decimals or upper and lower case differ.",
        ),
        "changed": Words(
            "\N{NOT EQUAL TO}",
            "changed",
            "The field holds something else than it should. Read it before you approve.",
        ),
        "lost": Words(
            "\N{MINUS SIGN}",
            "lost",
            "PANDA holds a value, and the field or its record isn't there. Read it before you approve.",
        ),
        "added": Words(
            "+", "added", "The field holds a value that PANDA doesn't. Read it before you approve."
        ),
    }
)

DIAGNOSIS_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "mesial_distal_swapped": Words(
            "\N{LEFT RIGHT ARROW}",
            "mesial and distal swapped",
            "The values of mesial sites stand at distal ones and the other way round.",
        ),
        "numbering_system": Words(
            "#",
            "read in another numbering system",
            "The chart fits once its teeth are read in another system: they stand at wrong teeth now.",
        ),
        "time_shifted": Words(
            "\N{CLOCKWISE OPEN CIRCLE ARROW}",
            "time shifted",
            "All times are off by the same amount, as with a wrong time zone.",
        ),
        "truncated": Words("\N{HORIZONTAL ELLIPSIS}", "cut off", "The text ends early."),
        "line_break_lost": Words(
            "\N{PILCROW SIGN}", "line break lost", "The words are all there, but lines run together."
        ),
        "lines_differ": Words(
            "\N{PILCROW SIGN}", "lines differ", "Some lines of the text aren't what PANDA holds."
        ),
        "decimal_shifted": Words(
            "\N{MULTIPLICATION SIGN}10",
            "decimal point moved",
            "The number is ten, a hundred ... times off.",
        ),
        "sign_turned": Words("\N{PLUS-MINUS SIGN}", "sign turned", "Plus became minus or minus became plus."),
        "record_missing": Words(
            "\N{EMPTY SET}", "record missing", "The whole record isn't there, without a reject that says why."
        ),
        "lines_missing": Words(
            "\N{EMPTY SET}", "plan lines missing", "The treatment plan has fewer lines than in PANDA."
        ),
        "teeth_shifted": Words(
            "\N{RIGHTWARDS ARROW}",
            "teeth shifted",
            "Findings stand at neighbouring teeth, all moved the same way.",
        ),
        "provider_unresolved": Words(
            "?", "provider not found", "The record doesn't name the provider that PANDA names."
        ),
        "wrong_reference": Words("\N{RIGHTWARDS ARROW}", "wrong link", "It points to another record."),
    }
)

CHECK_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "numbering_systems": Words(
            "", "Numbering system", "Each exam keeps the numbering system it was charted in."
        ),
        "plan_lines": Words("", "Lines of treatment plans", "Each plan has as many lines as in PANDA."),
        "providers": Words("", "Providers", "Each exam, plan and appointment names PANDA's provider."),
        "charts": Words("", "Periodontal charts", "Each chart is the same, site by site."),
    }
)


WHY_WORDS: Mapping[str, str] = MappingProxyType(
    {"stratum": "stands for the kinds of records below", "random": "drawn by chance"}
)


def class_words(cls: str) -> Words:
    """Those of a class."""
    return CLASS_WORDS[cls]


def diagnosis_words(diagnosis: str) -> Words:
    """Those of a diagnosis; one that has none is named as it is."""
    return DIAGNOSIS_WORDS.get(diagnosis) or Words("!", diagnosis.replace("_", " "), "")


def why_words(why: str | None) -> str:
    """Why a patient is in the sample; a reason that is a sentence already stays as it is."""
    return WHY_WORDS.get(why or "", why or "")


def spoken(name: str) -> str:
    """An object's name for people: ``TreatmentPlanLine__c`` -> ``Treatment Plan Line``."""
    return _WORD_BREAK.sub(" ", name.removesuffix("__c").replace("_", " "))


def check_words(check: str) -> Words:
    """Those of a check; one that has none is named as it is."""
    return CHECK_WORDS.get(check) or Words("", check.replace("_", " "), "")
