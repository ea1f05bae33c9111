"""The defects of providers; see ``defects`` for how a kind works."""

from collections.abc import Callable

import polars as pl

from migration_sandbox.practice.field import Field
from migration_sandbox.practice.referrals import SILENT

_PROVIDER = "Provider"


def _outside(field: Field, silent: bool) -> int:
    """A dentist outside that has no expectation yet; a silent one is in nobody's referral."""
    dentists = field.draft.table(_PROVIDER).filter("IsReferring", pl.col("NPI").is_not_null())
    dentists = dentists.tail(SILENT) if silent else dentists.head(dentists.height - SILENT)
    taken = {defect.source_key for defect in field.expectations if defect.table == _PROVIDER}
    for provider in reversed(dentists["ProviderID"].to_list()):
        if str(provider) not in taken:
            return int(provider)
    raise ValueError("too few providers for the defects asked for: lower defects")


def invalid_npi(field: Field) -> None:
    # A wrong check digit, and too short.
    for npi in ("1234567890", "12345"):
        provider = _outside(field, silent=False)
        field.draft.set(_PROVIDER, provider, NPI=npi)
        field.expect("corrected", _PROVIDER, provider, "NPI", "invalid_npi")


def missing_last_name(field: Field) -> None:
    provider = _outside(field, silent=True)
    field.draft.set(_PROVIDER, provider, LastName="  ")
    field.expect("rejected", _PROVIDER, provider, "LastName", "missing_last_name")


def unknown_credential(field: Field) -> None:
    for credentials in ("DDS, FXQD", "Tooth artist"):
        provider = _outside(field, silent=False)
        field.draft.set(_PROVIDER, provider, Credentials=credentials)
        field.expect("kept", _PROVIDER, provider, "Credentials", "unknown_credential")


KINDS: tuple[Callable[[Field], None], ...] = (invalid_npi, missing_last_name, unknown_credential)
