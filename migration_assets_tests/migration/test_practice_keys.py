"""What is derived from a practice's secret: each key for its own use, and none of them readable back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.errors import ConfigurationError
from migration_assets.migration.practice_keys import PracticeKeys

KEYS = PracticeKeys("maple", "x" * 16)


@given(st.binary(), st.text())
def test_what_was_encrypted_comes_back(plain: bytes, bound_to: str) -> None:
    assert KEYS.decrypt(KEYS.encrypt(plain, bound_to), bound_to) == plain


def test_the_same_text_is_never_encrypted_to_the_same_bytes() -> None:
    assert KEYS.encrypt(b"text", "a") != KEYS.encrypt(b"text", "a")


@pytest.mark.parametrize(
    "reader", [PracticeKeys("maple", "y" * 16), PracticeKeys("oak", "x" * 16)], ids=["secret", "practice"]
)
def test_another_secret_or_practice_cant_decrypt(reader: PracticeKeys) -> None:
    with pytest.raises(ConfigurationError, match="encryption_key differs") as error:
        reader.decrypt(KEYS.encrypt(b"Quill", "a"), "a")
    assert error.value.__suppress_context__


@pytest.mark.parametrize("sealed", [b"", b"short", b"\x00" * 40])
def test_damaged_bytes_are_our_error(sealed: bytes) -> None:
    with pytest.raises(ConfigurationError):
        KEYS.decrypt(sealed, "a")


def test_a_short_secret_is_refused_and_not_quoted() -> None:
    with pytest.raises(ConfigurationError, match="shorter than 16") as error:
        PracticeKeys("maple", "hunter2")
    assert "hunter2" not in str(error.value)


def test_a_reference_is_stable_and_tells_nothing_of_its_key() -> None:
    reference = KEYS.reference("maple:patient:1")

    assert reference == PracticeKeys("maple", "x" * 16).reference("maple:patient:1")
    assert len(reference) == 16
    assert reference != PracticeKeys("oak", "x" * 16).reference("maple:patient:1")
    assert reference != KEYS.reference("maple:patient:2")


def test_a_link_depends_on_everything_that_it_covers() -> None:
    links = {
        KEYS.chain("0", b"entry"),
        KEYS.chain("1", b"entry"),
        KEYS.chain("0", b"other"),
        PracticeKeys("maple", "y" * 16).chain("0", b"entry"),
    }
    assert len(links) == 4
