"""Providers: credentials out of free text, the specialty that a text means, and what an NPI is.

A practice writes credentials as it likes ("D.M.D.; Board Certified"). What is understood becomes values of a
picklist; what isn't is handed back, never dropped. Names and addresses of people don't belong here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from migration_assets.perio.errors import InvalidNpi, UnknownSpecialty


class Credential(StrEnum):
    """Degrees and titles of dental offices, in the order in which they are listed behind a name.

    Degrees: Doctor of Dental Surgery, of Medicine in Dentistry, Bachelor of Dental Surgery, Doctor of
    Medicine, of Philosophy, Master of Science, of Science in Dentistry, of Public Health. Then Registered
    Dental Hygienist, Certified Dental Assistant, and certification by a specialty's American Board.
    """

    DDS = "DDS"
    DMD = "DMD"
    BDS = "BDS"
    MD = "MD"
    PHD = "PhD"
    MS = "MS"
    MSD = "MSD"
    MPH = "MPH"
    RDH = "RDH"
    CDA = "CDA"
    BOARD_CERTIFIED = "Board Certified"


class Specialty(StrEnum):
    """The values of the picklist Specialty__c."""

    PERIODONTICS = "Periodontics"
    ORAL_SURGERY = "Oral Surgery"
    PROSTHODONTICS = "Prosthodontics"
    GENERAL_DENTISTRY = "General Dentistry"


@dataclass(frozen=True)
class Credentials:
    """``known`` once each, in Credential's order; ``unparsed`` the other words as they were written."""

    known: tuple[Credential, ...]
    unparsed: tuple[str, ...]


_CREDENTIALS = MappingProxyType(
    {
        **{credential.value.upper().replace(" ", ""): credential for credential in Credential},
        # A diplomate of a specialty's board is who its certification is given to.
        "DIPLOMATE": Credential.BOARD_CERTIFIED,
        "BOARDCERT": Credential.BOARD_CERTIFIED,
    }
)
_MOST_WORDS = 4
_SPECIALTIES = MappingProxyType(
    {
        spelling: specialty
        for specialty, spellings in {
            Specialty.PERIODONTICS: (
                "PERIO",
                "PERIODONTICS",
                "PERIODONTIST",
                "PERIODONTOLOGY",
                "PERIODONTAL",
            ),
            Specialty.ORAL_SURGERY: (
                "ORAL SURGERY",
                "ORAL SURGEON",
                "ORAL AND MAXILLOFACIAL SURGERY",
                "ORAL AND MAXILLOFACIAL SURGEON",
                "ORAL MAXILLOFACIAL SURGERY",
                "OMS",
                "OMFS",
                "OS",
            ),
            Specialty.PROSTHODONTICS: ("PROSTHODONTICS", "PROSTHODONTIST", "PROSTHO", "PROSTH", "PROS"),
            Specialty.GENERAL_DENTISTRY: (
                "GENERAL DENTISTRY",
                "GENERAL DENTIST",
                "GENERAL PRACTICE",
                "GENERAL",
                "FAMILY DENTISTRY",
                "GP",
            ),
        }.items()
        for spelling in spellings
    }
)

_SEPARATOR = re.compile(r"[,;/|&()\[\]+\r\n]+")
_BETWEEN_WORDS = re.compile(r"[\s\-\u2010-\u2015]+")
_NPI = re.compile(r"[12][0-9]{9}")
# ISO/IEC 7812: 80 for health, 840 for the United States; CMS computes the check digit with it in front.
_NPI_PREFIX = "80840"


def parse_credentials(written: str) -> Credentials:
    """Credentials apart from each other by commas, semicolons, slashes or blanks; dots and case don't count.

    ``D. D. S.`` is one credential too: the longest run of words that is one is taken first. ``unparsed``
    holds each run of words between two known ones or separators.
    """
    known: set[Credential] = set()
    unparsed: list[str] = []
    for part in _SEPARATOR.split(written):
        for found in _read_part([word for word in _BETWEEN_WORDS.split(part) if word.strip(".")]):
            if isinstance(found, Credential):
                known.add(found)
            else:
                unparsed.append(found)
    return Credentials(tuple(each for each in Credential if each in known), tuple(unparsed))


def _read_part(words: list[str]) -> Iterator[Credential | str]:
    other: list[str] = []
    start = 0
    while start < len(words):
        length, found = _longest(words[start:])
        if found is None:
            other.append(words[start])
        else:
            if other:
                yield " ".join(other)
                other = []
            yield found
        start += length
    if other:
        yield " ".join(other)


def _longest(words: list[str]) -> tuple[int, Credential | None]:
    """How many of the first words are one credential, and which; one word that is none otherwise."""
    for length in range(min(_MOST_WORDS, len(words)), 0, -1):
        found = _CREDENTIALS.get("".join(words[:length]).replace(".", "").upper())
        if found is not None:
            return length, found
    return 1, None


def parse_specialty(written: str) -> Specialty:
    """``Perio``, ``oral & maxillofacial surgery``, ``GP``; raises UnknownSpecialty."""
    words = written.upper().replace("&", " AND ").replace(".", "").replace("/", " ").split()
    found = _SPECIALTIES.get(" ".join(words))
    if found is None:
        raise UnknownSpecialty("the specialty is none of the four that are migrated by name")
    return found


def parse_npi(written: str) -> str:
    """The ten digits of a National Provider Identifier; blanks around them don't matter.

    45 CFR 162.406 and CMS's check digit: the first digit is 1 or 2, and 80840 and the number together
    satisfy Luhn's formula (1234567893 does, 1234567890 doesn't). Raises InvalidNpi.
    """
    number = written.strip()
    if not _NPI.fullmatch(number) or not _satisfies_luhn(_NPI_PREFIX + number):
        raise InvalidNpi("an NPI is ten digits, begins with 1 or 2 and ends with its check digit")
    return number


def _satisfies_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
