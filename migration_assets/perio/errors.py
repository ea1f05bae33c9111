"""Errors of the clinical functions; this package imports nothing of ours, so it has a hierarchy of its own.

No message quotes what was given: a tooth out of a chart is part of a patient's record.
"""

from __future__ import annotations


class PerioError(Exception):
    """Base of the errors of ``migration_assets.perio``."""


class UnknownNumberingSystem(PerioError):
    """A numbering system's name is none that is known."""


class NumberingSystemMissing(PerioError):
    """A tooth without its numbering system; many codes mean different teeth in two systems."""


class InvalidTooth(PerioError):
    """The code is no tooth of that numbering system."""


class NoSuchNotation(PerioError):
    """The tooth has no code in the numbering system asked for (a supernumerary outside Universal)."""


class UnknownChartField(PerioError):
    """No field of a chart has that name, or that combination of measure, site and tooth."""


class InvalidProcedureCode(PerioError):
    """The code isn't one of CDT: D and four digits."""


class UnknownClassification(PerioError):
    """A stage, grade or extent is none of the AAP's 2017 classification."""


class UnknownSpecialty(PerioError):
    """A provider's specialty is none of the four that are migrated by name."""


class InvalidNpi(PerioError):
    """The number is no National Provider Identifier."""


class UnreadableToothSite(PerioError):
    """What a plan says of where it works is no tooth, range, list, quadrant or arch."""
