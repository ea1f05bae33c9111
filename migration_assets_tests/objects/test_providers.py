"""Providers: what is read out of free text, what is kept as it was written, what is refused."""

from __future__ import annotations

import pytest

from migration_assets.objects.base import Staged
from migration_assets_tests.objects.rows import Row, changes, provider, reasons, stage_rows


def staged(*rows: Row) -> Staged:
    return stage_rows(providers=list(rows))["providers"]


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_provider_without_last_name_is_rejected(blank: str | None) -> None:
    told = staged(provider(1, LastName=blank), provider(2))

    assert reasons(told) == [("1", "LastName", "missing_last_name")]
    assert told.rows["source_id"].to_list() == ["2"]


def test_credentials_are_normalised_and_their_text_is_kept() -> None:
    row = staged(provider(Credentials=" M.S., d.d.s.; Board Certified ")).rows.row(0, named=True)

    assert row["credentials"] == "DDS;MS;Board Certified"
    assert row["credentials_text"] == "M.S., d.d.s.; Board Certified"
    assert row["credentials_unparsed"] is None


def test_an_unknown_credential_is_kept_and_counted() -> None:
    told = staged(
        provider(1, Credentials="DDS, Knight of Malta; XQ"), provider(2, Credentials="DMD"), provider(3)
    )

    assert told.rows["credentials"].to_list() == ["DDS", "DMD", None]
    assert told.rows["credentials_unparsed"].to_list() == ["Knight of Malta; XQ", None, None]
    assert told.findings["unknown_credential"] == 1
    assert changes(told) == []


def test_an_unknown_specialty_is_kept_as_text_and_counted() -> None:
    told = staged(provider(1, Specialty="perio"), provider(2, Specialty="Phrenology"), provider(3))

    assert told.rows["specialty"].to_list() == ["Periodontics", None, None]
    assert told.rows["specialty_text"].to_list() == ["perio", "Phrenology", None]
    assert told.findings["unknown_specialty"] == 1


def test_a_number_that_is_no_npi_is_left_empty_and_listed() -> None:
    told = staged(provider(1, NPI="1234567893"), provider(2, NPI="1234567890"), provider(3, NPI=" "))

    assert told.rows["npi"].to_list() == ["1234567893", None, None]
    assert changes(told) == [("2", "NPI", "invalid_npi", "1234567890")]


def test_an_email_that_is_none_is_left_empty_and_listed() -> None:
    assert changes(staged(provider(Email="front desk"))) == [("5", "Email", "invalid_email", "front desk")]


def test_who_isnt_active_is_inactive_and_a_missing_flag_stays_missing() -> None:
    told = staged(provider(1, Active=True), provider(2, Active=False), provider(3, Active=None))

    assert told.rows["inactive"].to_list() == [False, True, None]
