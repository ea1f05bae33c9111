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
