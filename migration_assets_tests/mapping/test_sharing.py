"""Shared values and long texts: nothing lost, nothing twice, whatever they are."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.mapping.compositions import Distinct
from migration_assets.mapping.sharing import share, split_long

_TEXT = st.text(alphabet="ab\n é", max_size=400)
_EMAILS = st.lists(st.one_of(st.none(), st.sampled_from(["a@x.y", "A@x.y", "b@x.y", "c@x.y"])), max_size=12)


@given(st.lists(_TEXT, max_size=6), st.integers(40, 120))
def test_the_pieces_of_a_text_are_the_text_and_each_has_room(texts: list[str], length: int) -> None:
    records = pl.DataFrame(
        {"key": [f"maple:note:{n}" for n in range(len(texts))], "text": texts, "target": ["x"] * len(texts)},
        schema={"key": pl.String, "text": pl.String, "target": pl.String},
    )

    parted = split_long(records, "text", length, "key")

    assert parted["key"].is_unique().all()
    assert all(len(text) <= length for text in parted["text"])
    pieces = dict(parted.select("key", "text").rows())
    for key, text in records.select("key", "text").rows():
        own = [pieces[key], *(pieces[f"{key}-part{n}"] for n in range(2, 99) if f"{key}-part{n}" in pieces)]
        bare = own if len(own) == 1 else [each.split("\n", 1)[1] for each in own]
        assert "".join(bare) == text


@given(_EMAILS)
def test_a_moved_value_is_in_one_of_the_two_fields_and_nobody_shares_the_first(
    emails: list[str | None],
) -> None:
    frame = pl.DataFrame(
        {
            "key": [f"k{n}" for n in range(len(emails))],
            "id": [str(n) for n in range(len(emails))],
            "email": emails,
        },
        schema={"key": pl.String, "id": pl.String, "email": pl.String},
    )

    moved, listed = share(
        frame, [Distinct(field="email", then="move", to="other")], "key", "id", [len(emails)]
    )

    kept = moved["email"].drop_nulls().str.to_lowercase()
    assert kept.is_unique().all()
    assert moved.select(pl.coalesce("email", "other"))["email"].to_list() == emails
    assert (
        listed.height
        == len(moved["other"].drop_nulls())
        == len([each for each in emails if each]) - len({each.lower() for each in emails if each})
    )


def test_the_smaller_number_keeps_a_value_and_an_earlier_source_before_it() -> None:
    frame = pl.DataFrame({"key": ["a", "b", "c"], "id": ["90", "10", "9"], "email": ["x@y.z"] * 3})

    moved, listed = share(frame, [Distinct(field="email", then="leave_empty")], "key", "id", [1, 2])
    alone, _ = share(frame.slice(1), [Distinct(field="email", then="leave_empty")], "key", "id", [2])

    assert moved["email"].to_list() == ["x@y.z", None, None]
    assert sorted(listed.select("key", "first_key").rows()) == [("b", "a"), ("c", "a")]
    assert alone["email"].to_list() == [None, "x@y.z"]


def test_where_another_practice_may_have_a_name_the_practices_own_stands_behind_it() -> None:
    names = ["Elm Dental", "elm dental", "Maple Periodontics", None]
    frame = pl.DataFrame({"key": ["a", "b", "c", "d"], "id": ["1", "2", "3", "4"], "name": names})
    rules = [Distinct(field="name", then="add_practice"), Distinct(field="name", then="add_id")]

    named, listed = share(frame, rules, "key", "id", [4], "Maple Periodontics")

    assert named["name"].to_list() == [
        "Elm Dental (Maple Periodontics)",
        "elm dental (Maple Periodontics) (2)",
        "Maple Periodontics",
        None,
    ]
    assert listed.select("key", "then").rows() == [("b", "add_id")]
