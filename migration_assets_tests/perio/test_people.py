"""Credentials, specialties and NPIs as practices write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.perio.errors import InvalidNpi, UnknownSpecialty
from migration_assets.perio.people import (
    Credential,
    Credentials,
    parse_credentials,
    parse_npi,
    parse_specialty,
)

CREDENTIALS = list(Credential)


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("DDS, MS", ["DDS", "MS"]),
        ("MS DDS", ["DDS", "MS"]),
        ("D.M.D.; Board Certified", ["DMD", "Board Certified"]),
        ("dds", ["DDS"]),
        ("D.D.S.", ["DDS"]),
        ("D. D. S. M. S.", ["DDS", "MS"]),
        ("DDS MS, board certified", ["DDS", "MS", "Board Certified"]),
        ("Ph.D., DMD/MPH", ["DMD", "PhD", "MPH"]),
        ("DDS (board-certified)", ["DDS", "Board Certified"]),
        ("rdh", ["RDH"]),
        ("Dds & MSD", ["DDS", "MSD"]),
        ("DDS, D.D.S.", ["DDS"]),
        ("Diplomate; DMD", ["DMD", "Board Certified"]),
        (" , ; ", []),
        ("", []),
    ],
)
def test_credentials_are_read_however_they_are_written(written: str, known: list[str]) -> None:
    assert parse_credentials(written) == Credentials(tuple(map(Credential, known)), ())


@pytest.mark.parametrize(
    ("written", "known", "unparsed"),
    [
        ("DDS, XYZ", ["DDS"], ["XYZ"]),
        ("Knight of Malta, DDS", ["DDS"], ["Knight of Malta"]),
        ("Fellow DDS of Somewhere", ["DDS"], ["Fellow", "of Somewhere"]),
        ("DDSMS", [], ["DDSMS"]),
        ("Board", [], ["Board"]),
    ],
)
def test_what_isnt_known_is_handed_back(written: str, known: list[str], unparsed: list[str]) -> None:
    assert parse_credentials(written) == Credentials(tuple(map(Credential, known)), tuple(unparsed))


@st.composite
def spelt(draw: st.DrawFn, credential: Credential) -> str:
    """A credential in some case, with dots where a degree may have them."""
    text = credential.value
    if " " not in text and draw(st.booleans()):
        text = ".".join(text) + draw(st.sampled_from(["", "."]))
    return draw(st.sampled_from([text, text.lower(), text.upper(), text.title()]))


@st.composite
def lists_of_credentials(draw: st.DrawFn) -> tuple[set[Credential], str]:
    held = draw(st.lists(st.sampled_from(CREDENTIALS), max_size=6))
    text = ""
    for credential in held:
        separator = draw(st.sampled_from([", ", ",", "; ", ";", "/", " ", " & ", "\n"])) if text else ""
        text += separator + draw(spelt(credential))
    return set(held), text


@given(lists_of_credentials())
def test_a_list_of_known_credentials_is_read_whole_in_any_spelling(
    written: tuple[set[Credential], str],
) -> None:
    held, text = written

    assert parse_credentials(text) == Credentials(tuple(each for each in CREDENTIALS if each in held), ())


@given(st.text(max_size=40))
def test_no_letter_of_any_text_gets_lost(text: str) -> None:
    """What is known and what isn't hold all the words between them: none is known, all are handed back."""
    parsed = parse_credentials(text)

    if not parsed.known:
        words = "".join(parsed.unparsed).replace(" ", "")
        assert all(letter in words for letter in text if letter.isalpha())
    assert list(parsed.known) == [each for each in CREDENTIALS if each in parsed.known]


@pytest.mark.parametrize(
    ("written", "specialty"),
    [
        ("Perio", "Periodontics"),
        ("PERIODONTIST", "Periodontics"),
        ("Oral Surgery", "Oral Surgery"),
        ("Oral & Maxillofacial Surgery", "Oral Surgery"),
        ("oral and maxillofacial  surgeon", "Oral Surgery"),
        ("OMFS", "Oral Surgery"),
        ("prosth.", "Prosthodontics"),
        ("general dentistry", "General Dentistry"),
        (" G.P. ", "General Dentistry"),
    ],
)
def test_specialties_are_four(written: str, specialty: str) -> None:
    assert parse_specialty(written) == specialty


@pytest.mark.parametrize("written", ["", "Orthodontics", "Periodontics and more", "surgery"])
def test_any_other_specialty_is_refused_without_quoting_it(written: str) -> None:
    with pytest.raises(UnknownSpecialty) as caught:
        parse_specialty(written)
    assert not written or written not in str(caught.value)


def test_the_facts_npi_is_one_and_its_neighbour_isnt() -> None:
    assert parse_npi(" 1234567893 ") == "1234567893"
    with pytest.raises(InvalidNpi):
        parse_npi("1234567890")


@pytest.mark.parametrize(
    "written", ["", "123456789", "12345678931", "3234567893", "123456789X", "１２３４５６７８９３"]
)
def test_what_isnt_ten_digits_from_1_or_2_is_no_npi(written: str) -> None:
    with pytest.raises(InvalidNpi):
        parse_npi(written)


def is_npi(number: str) -> bool:
    try:
        parse_npi(number)
    except InvalidNpi:
        return False
    return True


@given(st.integers(100_000_000, 299_999_999))
def test_nine_digits_have_exactly_one_check_digit(stem: int) -> None:
    assert sum(is_npi(f"{stem}{digit}") for digit in range(10)) == 1


@given(st.integers(100_000_000, 299_999_999), st.integers(1, 9), st.integers(1, 9))
def test_one_mistyped_digit_is_always_noticed(stem: int, place: int, change: int) -> None:
    number = next(f"{stem}{digit}" for digit in range(10) if is_npi(f"{stem}{digit}"))
    mistyped = number[:place] + str((int(number[place]) + change) % 10) + number[place + 1 :]

    assert not is_npi(mistyped)
