"""Values that can't be true whatever record they stand in: dates out of all bounds, e-mails nobody has."""

from __future__ import annotations

from datetime import date

import polars as pl
from email_validator import EmailNotValidError, validate_email

EARLIEST_DATE = date(1900, 1, 1)
"""Dates before it are what software writes for "none" (1753, 1899-12-30), not days of a living patient."""

LATEST_DATE = date(2100, 12, 31)
"""Dates after it are a century mistyped or what software writes for "never" (9999-12-31)."""


def is_implausible(dates: pl.Series) -> pl.Series:
    """True for a date outside EARLIEST_DATE to LATEST_DATE; a null isn't."""
    return ~dates.is_between(EARLIEST_DATE, LATEST_DATE).fill_null(True)


def is_address(emails: pl.Series) -> pl.Series:
    """True for an address (no look-up is made) and for null."""
    refused = [email for email in emails.drop_nulls().unique() if not _is_valid(email)]
    return ~emails.is_in(refused).fill_null(False)


def _is_valid(email: str) -> bool:
    try:
        validate_email(email, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True
