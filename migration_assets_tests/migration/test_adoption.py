"""Who in a destination is one of ours already: what is a match, what is left to a person, what is nobody."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.destinations.base import FieldSchema, FieldType
from migration_assets.migration.adoption import (
    AMBIGUOUS,
    APART,
    MATCHED,
    NO,
    candidates,
    folded,
    list_hash,
    match,
    side_by_side,
    with_apart,
)
from migration_assets.migration.plan import load_mapping

CONTACT = load_mapping("salesforce").of_object("Contact")
SCHEMA = CONTACT.schema
RULE = CONTACT.adopt
assert RULE is not None
TYPES = {name: pl.Date() if name == "Birthdate" else pl.String() for name in RULE.fields}
BORN = date(1970, 2, 28)
ANN = {"LastName": "Quill", "FirstName": "Ann", "Birthdate": BORN}


def ours(*rows: dict[str, Any]) -> pl.DataFrame:
    """Keys p0, p1 ... in this order."""
    keyed = [dict.fromkeys(TYPES) | row | {"PANDA_Key__c": f"p{number}"} for number, row in enumerate(rows)]
    return pl.DataFrame(keyed, schema={"PANDA_Key__c": pl.String(), **TYPES})


def theirs(*rows: dict[str, Any]) -> pl.DataFrame:
    """Ids r0, r1 ... in this order."""
    known = [dict.fromkeys(TYPES) | row | {"_id": f"r{number}"} for number, row in enumerate(rows)]
    return pl.DataFrame(known, schema={"_id": pl.String(), **TYPES})


def found(mine: pl.DataFrame, other: pl.DataFrame) -> list[tuple[Any, ...]]:
    assert RULE is not None
    table = match(RULE, SCHEMA, mine, other)
    return table.select("key", "destination_id", "state", "reason").rows()


@pytest.mark.parametrize(
    ("field", "written", "also", "other"),
    [
        ("LastName", "O'Brien-Müller", " o’brien  muller", "Brien"),
        ("LastName", "Strauß", "STRAUSS", "Straus"),
        ("Email", "Ann@Example.COM ", "ann@example.com", "an@example.com"),
        ("MobilePhone", "(212) 555-0143", "+1 212 555 0143 x7", "212 555 0144"),
    ],
)
def test_values_are_compared_as_people_read_them(field: str, written: str, also: str, other: str) -> None:
    values = pl.DataFrame({field: [written, also, other]}).select(folded(SCHEMA.field(field)))[field]

    assert values[0] == values[1]
    assert values[0] != values[2]


@pytest.mark.parametrize("nothing", ["", "-", "000-000-0000", "5551", "n/a"])
def test_a_phone_that_says_nothing_is_none(nothing: str) -> None:
    phone = FieldSchema("P", "P", FieldType.PHONE, False)

    assert pl.DataFrame({"P": [nothing]}).select(folded(phone))["P"].to_list() == [None]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (ANN, {**ANN, "FirstName": "ANN "}),
        ({**ANN, "Birthdate": None, "Email": "a@b.example"}, {**ANN, "Email": "A@b.example"}),
        (
            {"LastName": "Quill", "MobilePhone": "+12125550143"},
            {"LastName": "Quill", "MobilePhone": "(212) 555-0143", "FirstName": "Ann"},
        ),
    ],
)
def test_one_and_one_that_a_line_finds_are_matched(here: dict[str, Any], there: dict[str, Any]) -> None:
    stranger = {"LastName": "Other", "FirstName": "Ann", "Birthdate": BORN, "Email": "x@y.example"}

    assert found(ours(here), theirs(stranger, there)) == [("p0", "r1", MATCHED, None)]


def test_relatives_who_share_an_email_and_a_phone_are_two_people() -> None:
    shared = {"LastName": "Quill", "Email": "quills@b.example", "MobilePhone": "2125550143"}
    father = {**shared, "FirstName": "Tom", "Birthdate": BORN}
    daughter = {**shared, "FirstName": "Ann", "Birthdate": date(2001, 5, 6)}

    assert found(ours(daughter), theirs(father)) == [("p0", None, NO, None)]
    # Each of a family that is there already is found, whoever else shares the address.
    assert found(ours(daughter, father), theirs(father, daughter)) == [
        ("p0", "r1", MATCHED, None),
        ("p1", "r0", MATCHED, None),
    ]


@pytest.mark.parametrize(
    ("here", "there", "reason"),
    [
        ([ANN], [ANN, ANN], "several_of_theirs"),
        ([ANN, ANN], [ANN], "several_of_ours"),
        (
            [{**ANN, "Email": "a@b.example"}],
            [ANN, {"LastName": "Quill", "Email": "a@b.example"}],
            "lines_disagree",
        ),
        (
            [{**ANN, "Email": "a@b.example"}],
            [{**ANN, "FirstName": "Annie", "Email": "a@b.example"}],
            "differs",
        ),
    ],
)
def test_what_isnt_certain_is_left_to_a_person(
    here: list[dict[str, Any]], there: list[dict[str, Any]], reason: str
) -> None:
    pairs = found(ours(*here), theirs(*there))

    assert {(state, why) for *_, state, why in pairs} == {(AMBIGUOUS, reason)}
    assert len(pairs) == max(len(here), len(there))


def test_an_uncertain_pair_doesnt_spoil_a_certain_one() -> None:
    ann = {**ANN, "Email": "quills@b.example"}
    wife_without_date = {"LastName": "Quill", "FirstName": "Eve", "Email": "quills@b.example"}

    assert found(ours(ann), theirs(ann, wife_without_date)) == [("p0", "r0", MATCHED, None)]


_FEW = st.fixed_dictionaries(
    {
        "LastName": st.sampled_from(["Quill", "Vale"]),
        "FirstName": st.sampled_from(["Ann", "Tom", None]),
        "Birthdate": st.sampled_from([BORN, date(2001, 5, 6), None]),
        "Email": st.sampled_from(["a@b.example", "c@d.example", None]),
        "MobilePhone": st.sampled_from(["2125550143", None]),
    }
)


@settings(max_examples=25, deadline=None)
@given(st.lists(_FEW, max_size=6), st.lists(_FEW, max_size=6), st.randoms(use_true_random=False))
def test_everybody_is_judged_once_and_the_order_of_rows_doesnt_matter(
    here: list[dict[str, Any]], there: list[dict[str, Any]], chance: Any
) -> None:
    assert RULE is not None
    mine, other = ours(*here), theirs(*there)
    table = match(RULE, SCHEMA, mine, other)
    shuffled = [frame.sample(fraction=1, shuffle=True, seed=chance.randint(0, 99)) for frame in (mine, other)]

    assert set(table["key"]) == set(mine["PANDA_Key__c"])
    assert table.group_by("key").agg(pl.col("state").n_unique())["state"].max() in (None, 1)
    matched = table.filter(state=MATCHED)
    assert matched["key"].is_unique().all()
    assert matched["destination_id"].is_unique().all()
    assert not set(matched["destination_id"]) & set(table.filter(state=AMBIGUOUS)["destination_id"])
    assert match(RULE, SCHEMA, *shuffled).equals(table)


def test_a_list_is_known_by_its_pairs_and_shows_both_sides() -> None:
    assert RULE is not None
    mine, other = ours(ANN, {**ANN, "LastName": "Vale"}), theirs({**ANN, "LastName": "QUILL"})
    table = match(RULE, SCHEMA, mine, other)

    shown = side_by_side(table, RULE, SCHEMA, mine, other)

    assert shown.select("key", "LastName", "LastName there", "rule").rows() == [
        ("p0", "Quill", "QUILL", "LastName + FirstName + Birthdate")
    ]
    nobody = match(RULE, SCHEMA, mine.tail(1), other)
    assert list_hash(table) == list_hash(table.reverse()) != list_hash(nobody)


def test_somebody_set_apart_stays_so_until_another_record_is_like_them() -> None:
    assert RULE is not None
    table = match(RULE, SCHEMA, ours(ANN), theirs(ANN, ANN))
    apart = candidates(table)

    assert set(with_apart(table, apart)["state"]) == {APART}
    more = match(RULE, SCHEMA, ours(ANN), theirs(ANN, ANN, ANN))
    assert set(with_apart(more, apart)["state"]) == {AMBIGUOUS}
