"""Pieces of a long text, against the text that they must be together."""

from __future__ import annotations

import polars as pl
import pytest

from migration_assets.migration.field_meaning import EXPECTED, RAW
from migration_assets.migration.parted_meaning import beside_whole, with_parts
from migration_assets.migration.text_meaning import TOLD

WHOLE = "one\ntwo\nthree\n"


def wrong(
    pieces: dict[str, str | None], text: str | None = WHOLE, exact: int | None = None
) -> dict[str, str]:
    """What the pieces should be that are wrong, by what their key ends in."""
    there = with_parts(
        pl.DataFrame(
            {RAW: list(pieces), "key": list(pieces), "actual": list(pieces.values())},
            schema_overrides={"actual": pl.String},
        )
    )
    told = pl.DataFrame([("7", text, exact)], schema=TOLD, orient="row")
    cells = beside_whole(there, told, "actual")
    return dict(cells.filter(~pl.col("actual").eq_missing(pl.col(EXPECTED))).select("key", EXPECTED).rows())


def test_pieces_that_are_the_whole_text_are_right_wherever_it_is_cut() -> None:
    assert wrong({"7": WHOLE}) == {}
    assert wrong({"7": "(part 1 of 2)\none\ntw", "7-part2": "(part 2 of 2)\no\nthree\n"}) == {}
    assert wrong({"7-part2": "(part 2 of 2)\ntwo\nthree\n", "7": "(part 1 of 2)\none\n"}) == {}


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ({"7": "one\ntwo\n"}, {"7": WHOLE}),
        (
            {"7": "one\ntwo\n", "7-part2": "three\n"},
            {"7": "(part 1 of 2)\n" + WHOLE, "7-part2": "(part 2 of 2)\nthree\n"},
        ),
        ({"7": "(part 1 of 2)\none\n"}, {"7": "(part 1 of 2)\n" + WHOLE}),
        (
            {"7": "(part 1 of 2)\none\n", "7-part2": "(part 2 of 2)\ntwo\n"},
            {"7-part2": "(part 2 of 2)\ntwo\nthree\n"},
        ),
        (
            {"7": "(part 1 of 3)\none\n", "7-part3": "(part 3 of 3)\nthree\n"},
            {"7-part3": "(part 3 of 3)\ntwo\nthree\n"},
        ),
        ({"7": None}, {"7": WHOLE}),
    ],
)
def test_the_first_piece_that_is_wrong_is_named_with_what_is_left(
    pieces: dict[str, str | None], told: dict[str, str]
) -> None:
    assert wrong(pieces) == told


def test_what_was_markup_is_compared_by_its_words_behind_the_labels() -> None:
    text = "Note: one two three"

    assert wrong({"7": "Note: one\n two\t three "}, text, 6) == {}
    assert wrong({"7": "(part 1 of 2)\nNote: one tw", "7-part2": "(part 2 of 2)\no\nthree"}, text, 6) == {}
    assert set(wrong({"7": "Note: one twothree"}, text, 6)) == {"7"}
    assert set(wrong({"7": "Nota: one two three"}, text, 6)) == {"7"}


def test_of_nothing_to_say_nothing_is_expected() -> None:
    assert wrong({"7": None}, None) == {}
    assert wrong({"8": "one"}) == {"8": None}
