"""Names in free text: taken apart where there is one reading, left whole where there are several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.perio.names import (
    folded,
    folded_practice,
    names_nobody,
    phone_digits,
    read_name,
)
from migration_assets.perio.vocabulary import NAME_TITLES


@pytest.mark.parametrize(
    ("written", "first", "last", "credentials"),
    [
        ("Jane Smith", "Jane", "Smith", None),
        ("Dr. Jane Smith, DDS", "Jane", "Smith", "DDS"),
        ("dr.Jane Smith", "Jane", "Smith", None),
        ("Prof. Dr. Jane Smith D.D.S., M.S.", "Jane", "Smith", "D.D.S., M.S."),
        ("Jane Smith DMD, FAGD", "Jane", "Smith", "DMD, FAGD"),
        ("Smith, Jane DDS", "Jane", "Smith", "DDS"),
        ("Smith DDS; Ms. Jane", "Jane", "Smith", "DDS"),
        ("Smith, Dr.", None, "Smith", None),
        ("Dr. Smith", None, "Smith", None),
        ("Smith Jr., John", "John", "Smith Jr.", None),
        ("John Smith, Jr., DDS", "John", "Smith Jr.", "DDS"),
        ("Jane M. Smith", "Jane M.", "Smith", None),
        ("M.S. Patel", "M.S.", "Patel", None),
        ("D.R. Patel MD", "D.R.", "Patel", "MD"),
        ("Jean-Luc van der Berg", "Jean-Luc", "van der Berg", None),
        ("Dr. Van der Berg", None, "Van der Berg", None),
        ("De la Fuente, María José", "María José", "De la Fuente", None),
        ("Thi Hoa Le", "Thi Hoa", "Le", None),
        ("Md Rahman", "Md", "Rahman", None),
        ("Prof. Dr. med. dent. Anna Müller", "Anna", "Müller", None),
        ("Arthur Dent", "Arthur", "Dent", None),
        ("Dr._Mary-Beth_O'Brien", "Mary-Beth", "O'Brien", None),
        ("美咲 山田", "美咲", "山田", None),
    ],
)
def test_a_name_with_one_reading_is_taken_apart(
    written: str, first: str | None, last: str, credentials: str | None
) -> None:
    name = read_name(written)

    assert (name.first_name, name.last_name, name.credentials) == (first, last, credentials)


@pytest.mark.parametrize(
    "written",
    [
        "Garcia Lopez, Ana",
        "Jane Smith, Boston",
        "Smith J.",
        "Dr. Smith / Dr. Jones",
        "Jane and John Smith",
        "Drs. Smith Jones",
        "Harbor Family Dentistry",
        "Jane Smith DDS PC",
        "Jane Smith P.C.",
        "Smith 2",
        "DDS",
        "Dr.",
        "she was sent by her sister Jane",
        "山田美咲",
    ],
)
def test_a_name_with_none_or_several_readings_stands_whole(written: str) -> None:
    name = read_name(written)

    assert (name.first_name, name.last_name, name.credentials) == (None, written, None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dr. JOSÉ Núñez, DDS", "nunez, jose"),
        ("Mary-Beth O’Brien", "Mary Beth OBRIEN"),
        ("Søs Weiß", "Sos WEISS"),
        ("Jane St. James", "Jane St James"),
        ("Jūratė Yılmaz", "JURATE YILMAZ"),
    ],
)
def test_two_spellings_of_one_name_are_folded_alike(one: str, other: str) -> None:
    assert read_name(one).folded == read_name(other).folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("John Smith Jr.", "John Smith"),
        ("Jane M. Smith", "Jane Smith"),
        ("Jane Smith", "Smith Jane"),
        ("はなこ 山田", "ばなこ 山田"),
    ],
)
def test_two_names_are_not_folded_into_one(one: str, other: str) -> None:
    assert read_name(one).folded != read_name(other).folded


_tokens = st.sampled_from(
    ["Dr.", "Jane", "Smith", "van", "Jr.", "DDS", "M.S.", "FAGD", "MD", "J.", "M.R", "and", "O'Brien", "山田"]
)
_separators = st.sampled_from([" ", ", ", "; ", " / ", "_", " (", "."])
_written = st.one_of(
    st.text(min_size=1, max_size=30),
    st.lists(st.tuples(_tokens, _separators).map("".join), min_size=1, max_size=7).map("".join),
).filter(str.strip)


def words(text: str) -> list[str]:
    return sorted(word for word in folded(text).split() if word not in NAME_TITLES)


@given(_written)
def test_any_text_has_a_last_name_and_only_titles_are_left_out(text: str) -> None:
    name = read_name(text)
    told = " ".join(filter(None, (name.first_name, name.last_name, name.credentials)))

    assert name.last_name
    assert words(told) == words(text)
    assert folded(name.folded) == name.folded


@pytest.mark.parametrize("written", ["-", "???", "4711", "N/A", "n/a", "NA", "None", " unknown "])
def test_some_texts_name_nobody(written: str) -> None:
    assert names_nobody(written)


@pytest.mark.parametrize("written", ["Na", "Dr. Na", "Null", "山", "No"])
def test_short_names_are_names(written: str) -> None:
    assert not names_nobody(written)


@pytest.mark.parametrize(
    "written",
    ["(201) 555-0134", "201.555.0134", "+1 201 555 0134", "12015550134", "201-555-0134 x12", "２０１5550134"],
)
def test_a_number_is_its_digits_however_it_is_written(written: str) -> None:
    assert phone_digits(written) == "2015550134"


@pytest.mark.parametrize("written", ["", "call the office", "ext. 12", "555-013", "000-000-0000"])
def test_what_is_no_number_has_no_digits(written: str) -> None:
    assert phone_digits(written) is None


def test_a_practice_is_the_same_without_its_legal_form() -> None:
    assert folded_practice("O'Hara & Associates, P.C.") == folded_practice("OHara and associates")
    assert folded_practice("Bright Teeth LLC") == "bright teeth"
    assert folded_practice("Müller & Söhne") != folded_practice("Müller")


@pytest.mark.parametrize("written", ["", "-", "N/A", "none", "Unknown"])
def test_a_practice_that_says_nothing_is_none(written: str) -> None:
    assert folded_practice(written) is None
