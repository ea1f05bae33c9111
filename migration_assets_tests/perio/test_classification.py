"""The 2017 classification as charts record it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.perio.classification import Extent, Grade, Stage, parse_extent, parse_grade, parse_stage
from migration_assets.perio.errors import UnknownClassification

ROMAN = ["I", "II", "III", "IV"]
forms = st.sampled_from(["{}", "Stage {}", "stage {}", "STAGE: {}", "Stage-{}", " {} ", "stage{}"])


@given(st.integers(1, 4), forms, st.booleans())
def test_a_stage_is_one_in_roman_and_in_arabic(number: int, form: str, roman: bool) -> None:
    written = form.format(ROMAN[number - 1] if roman else number)

    assert parse_stage(written) is list(Stage)[number - 1]
    assert parse_stage(written.lower()) is list(Stage)[number - 1]


@pytest.mark.parametrize("written", ["", "V", "0", "5", "IIII", "Stage", "III or IV", "3-4", "Grade B", "²"])
def test_what_is_no_stage_is_never_guessed(written: str) -> None:
    with pytest.raises(UnknownClassification):
        parse_stage(written)


@pytest.mark.parametrize(
    ("written", "grade"), [("B", "B"), ("grade b", "B"), ("Grade: C", "C"), (" a ", "A")]
)
def test_a_grade_is_a_letter(written: str, grade: str) -> None:
    assert parse_grade(written) is Grade(grade)


@pytest.mark.parametrize("written", ["", "D", "AB", "Stage III", "1"])
def test_what_is_no_grade_is_refused(written: str) -> None:
    with pytest.raises(UnknownClassification):
        parse_grade(written)


@pytest.mark.parametrize(
    ("written", "extent"),
    [
        ("localized", Extent.LOCALIZED),
        ("Localised", Extent.LOCALIZED),
        ("GENERALIZED", Extent.GENERALIZED),
        ("molar/incisor", Extent.MOLAR_INCISOR),
        ("Molar-Incisor pattern", Extent.MOLAR_INCISOR),
        ("molar / incisor", Extent.MOLAR_INCISOR),
    ],
)
def test_an_extent_is_one_of_three(written: str, extent: Extent) -> None:
    assert parse_extent(written) is extent


def test_any_other_extent_is_refused() -> None:
    with pytest.raises(UnknownClassification):
        parse_extent("upper right")
