"""What is kept of the platform's sentences."""

from __future__ import annotations

import pytest

from migration_assets.destinations.salesforce.failures import refusal, request_error, sentence


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --",
         "REQUIRED_FIELD_MISSING", "LastName"),
        ("INVALID_EMAIL_ADDRESS:Email: invalid email address: jane:doe@x:Email --",
         "INVALID_EMAIL_ADDRESS", "Email"),
        ("STRING_TOO_LONG:Notes: data value too large: Jane Doe (max length=3):LastName,Email --",
         "STRING_TOO_LONG", "LastName"),
        ("DUPLICATE_VALUE:duplicate value found: PANDA_Key__c duplicates value on record with id: 003x:--",
         "DUPLICATE_VALUE", None),
        ("Jane Doe was here", "UNKNOWN_ERROR", None),
        ("", "UNKNOWN_ERROR", None),
    ],
)  # fmt: skip
def test_code_and_field_are_kept_and_nothing_else(text: str, code: str, field: str | None) -> None:
    found = refusal(text, {"LastName", "Email"})
    assert (found.code, found.field, found.message) == (code, field, sentence(code))
    assert "Jane" not in found.message


def test_a_name_that_the_schema_does_not_know_is_dropped() -> None:
    assert refusal("STRING_TOO_LONG:too large:Doe --", {"LastName"}).field is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            [{"errorCode": "INVALID_FIELD", "message": "Jane", "fields": ["LastName"]}],
            ("INVALID_FIELD", ("LastName",)),
        ),
        ([{"errorCode": "Jane Doe", "message": "x"}], ("UNKNOWN_ERROR", ())),
        ({"error": "invalid_client", "error_description": "x"}, ("invalid_client", ())),
        ("<html>", ("UNKNOWN_ERROR", ())),
        (None, ("UNKNOWN_ERROR", ())),
    ],
)
def test_request_errors_give_code_and_fields(body: object, expected: tuple[str, tuple[str, ...]]) -> None:
    assert request_error(body) == expected
