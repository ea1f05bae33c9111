"""What a letter's subject says of its plan's procedures, as far as it says anything."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from migration_assets.migration.letter_naming import (
    LETTER_COLUMNS,
    LINE_COLUMNS,
    PLAN_COLUMNS,
    LetterNaming,
    letter_naming,
)

PLANS = [("1", "Implant, upper left"), ("2", None)]
LINES = [
    ("1", "D6010", "Implant body, surgical placement"),
    ("1", "D7953", "Ridge graft"),
    ("2", "D4260", "Osseous surgery"),
    ("2", "D4260", "Bone"),
]


def frame(columns: tuple[str, ...], rows: Sequence[tuple[str | None, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def named(*letters: tuple[str | None, str | None]) -> LetterNaming:
    """Of letters 1, 2, ... with plan and subject."""
    written = [(str(number), *letter) for number, letter in enumerate(letters, 1)]
    return letter_naming(
        frame(LETTER_COLUMNS, written), frame(PLAN_COLUMNS, PLANS), frame(LINE_COLUMNS, LINES)
    )


@pytest.mark.parametrize(
    "subject",
    [
        "Your ridge graft",
        "RIDGE  GRAFT and implant body (surgical placement)",
        "Your plan: Implant upper left",
        "Re: d6010",
        "D7953, ridge graft",
    ],
)
def test_a_letter_that_says_what_its_plan_says_agrees(subject: str) -> None:
    assert named(("1", subject)) == LetterNaming(compared=1)


@pytest.mark.parametrize(
    "subject", ["Your osseous surgery", "D6010 and D4260", "Ridge graft, osseous surgery"]
)
def test_a_letter_with_a_procedure_that_its_plan_lacks_is_listed(subject: str) -> None:
    assert named(("1", subject), ("2", "Osseous surgery")) == LetterNaming(compared=2, differing=("1",))


@pytest.mark.parametrize("subject", [None, "", "Time for your visit", "Bridge graft", "Bone", "XD60101"])
def test_what_names_no_procedure_of_the_practice_is_not_compared(subject: str | None) -> None:
    assert named(("1", subject)) == LetterNaming(not_comparable=1)


def test_letters_of_no_plan_do_not_count_and_those_of_a_missing_one_are_not_compared() -> None:
    assert named((None, "Osseous surgery"), ("9", "Osseous surgery")) == LetterNaming(not_comparable=1)


def test_a_practice_without_texts_compares_by_code_alone() -> None:
    letters = frame(LETTER_COLUMNS, [("1", "1", "D6010"), ("2", "1", "D4260"), ("3", "1", "Implant")])
    lines = frame(LINE_COLUMNS, [("1", "D6010", None)])

    found = letter_naming(letters, frame(PLAN_COLUMNS, [("1", None)]), lines)
    assert found == LetterNaming(compared=2, differing=("2",), not_comparable=1)
