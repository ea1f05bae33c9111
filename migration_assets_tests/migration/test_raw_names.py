"""The second reader's names against literal ones, and against the functions that it must not import."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.migration import raw_names
from migration_assets.migration.raw_names import Name, name_of
from migration_assets.perio import names

_WORDS = [
    *("Jane", "Smith", "O'Brien", "Jean-Luc", "Müller", "Sæther", "Дмитрий", "田中", "J.", "J", "Md", "Kim"),
    *("Dr.", "dr", "Prof.", "Ms", "med.", "dent.", "Jr.", "III", "van", "der", "de", "la", "St."),
    *("DDS", "D.D.S.", "D.", "S.", "MS", "Board", "Certified", "FAGD", "F.A.G.D.", "DDS/MS", "Dental", "and"),
    *("Group", "2nd", "&", "-", ".", "Dr.Jane", "NA", "n/a", "unknown", "(Jane)", "Smith_Jones"),
]
_SEPARATORS = [" ", " ", " ", ", ", ",", "; ", "  ", "_"]
_written = st.lists(
    st.tuples(st.sampled_from(_WORDS), st.sampled_from(_SEPARATORS)), min_size=1, max_size=7
).map(lambda pieces: "".join(word + separator for word, separator in pieces).strip(" "))


@pytest.mark.parametrize(
    ("written", "first", "last", "degrees"),
    [
        ("Dr. Jane Smith, DDS", "Jane", "Smith", "DDS"),
        ("Smith, Jane", "Jane", "Smith", None),
        ("Smith Jr., Jane D. D. S.", "Jane", "Smith Jr.", "D. D. S."),
        ("Jean-Luc van der Berg", "Jean-Luc", "van der Berg", None),
        ("Prof. Smith", None, "Smith", None),
        ("Dr. Smith and Dr. Kim", None, "Dr. Smith and Dr. Kim", None),
        ("Smile Dental Group", None, "Smile Dental Group", None),
        ("Garcia Lopez, Ana", None, "Garcia Lopez, Ana", None),
    ],
)
def test_a_name_is_taken_apart_where_it_has_one_reading(
    written: str, first: str | None, last: str, degrees: str | None
) -> None:
    found = name_of(written)

    assert (found.first, found.last, found.degrees) == (first, last, degrees)


def test_spellings_of_one_name_are_the_same_and_other_names_arent() -> None:
    same = {name_of(text).same for text in ("Dr. José O'Brien, DDS", "O’Brien, JOSE", "jose_obrien")}

    assert len(same) == 1
    assert name_of("Jose O'Brian").same not in same


@given(_written)
def test_both_readers_agree_on_every_name(written: str) -> None:
    read = names.read_name(written)

    assert name_of(written) == Name(read.first_name, read.last_name, read.credentials, read.folded)
    assert raw_names.names_nobody(written) is names.names_nobody(written)


@given(st.one_of(_written, st.text(max_size=12)))
def test_both_readers_fold_alike(written: str) -> None:
    assert raw_names.same_letters(written) == names.folded(written)
    assert raw_names.same_practice(written) == names.folded_practice(written)


@given(st.from_regex(r"\+?[01 ()\-.]{0,4}[0-9 .()\-]{5,14}( ?(x|ext\.?|#) ?[0-9]{1,4})?", fullmatch=True))
def test_both_readers_agree_on_telephone_numbers(written: str) -> None:
    assert raw_names.same_phone(written) == names.phone_digits(written)


def test_an_extension_and_the_country_code_are_no_part_of_a_number() -> None:
    numbers = ["+1 (518) 555-0101", "518.555.0101 x12", "5185550101 ext. 3"]

    assert {raw_names.same_phone(each) for each in numbers} == {"5185550101"}
    assert raw_names.same_phone("000-000-0000") is None
    assert raw_names.same_phone("555") is None
