"""The hashes stay in the ledger for months, so their values are pinned here."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from migration_assets.mapping.payload_hash import hash_rows

TIME = pl.Datetime("ms", "UTC")


def one(**values: pl.Series) -> str:
    return str(hash_rows(pl.DataFrame(values)).item())


def test_a_known_row_has_a_known_hash() -> None:
    frame = pl.DataFrame(
        {
            "PANDA_Key__c": ["maple:patient:1", "maple:patient:2"],
            "LastName": ["Øverby|x", None],
            "Inactive__c": [False, True],
            "Birthdate": [date(1960, 2, 29), None],
            "Original_Create_Date__c": pl.Series(
                [datetime(2020, 1, 2, 3, 4, 5, 678000, UTC), None], dtype=TIME
            ),
            "Plaque_Index__c": pl.Series([Decimal("12.50"), Decimal("0.00")], dtype=pl.Decimal(5, 2)),
            "PocketDepth_MB_UR6__c": pl.Series([0, None], dtype=pl.Int16),
            "Ratio__c": [0.1, -2.0],
        }
    )

    assert hash_rows(frame).to_list() == [
        "48c805150d72b0558a3fa1f15b42ddeb7d6810752dd6a3ba7bed351decd7018a",
        "637509084c0cae7b6c9075bdd8269cd49321e2ff41719bcf91cef788da65e553",
    ]


def test_the_text_that_is_hashed_is_the_documented_one() -> None:
    # sha256 of '1:a1:b\n' followed by '3|1:x|'
    assert (
        one(b=pl.Series(["x"]), a=pl.Series([3]))
        == "8650cee8cec236689353ef366edc41fc7f0c52927119b2833877e0b8232385f7"
    )


def test_order_of_columns_and_width_of_a_number_do_not_count() -> None:
    name = pl.Series(["x"])

    assert one(a=pl.Series([3], dtype=pl.Int8), b=name) == one(b=name, a=pl.Series([3], dtype=pl.Int64))
    assert one(a=pl.Series([Decimal("3.00")])) == one(a=pl.Series([3]))
    assert one(a=pl.Series([100.0])) == one(a=pl.Series([Decimal(100)])) == one(a=pl.Series([100]))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param({"a": [0]}, {"a": [None]}, id="zero-and-null"),
        pytest.param({"a": [""]}, {"a": [None]}, id="empty-and-null"),
        pytest.param({"a": ["3"]}, {"a": [3]}, id="text-and-number"),
        pytest.param({"a": ["~"]}, {"a": [None]}, id="null-sign-as-text"),
        pytest.param({"a": ["x|1:y"], "b": ["z"]}, {"a": ["x"], "b": ["y|1:z"]}, id="separator-in-text"),
        pytest.param({"a": ["x"], "b": [None]}, {"a": [None], "b": ["x"]}, id="another-field"),
        pytest.param({"a": ["x"]}, {"b": ["x"]}, id="another-name"),
        pytest.param({"a": ["x"]}, {"a": ["x"], "b": [None]}, id="one-field-more"),
        pytest.param({"a": [False]}, {"a": [None]}, id="no-and-null"),
    ],
)
def test_what_differs_for_the_destination_has_another_hash(
    left: dict[str, list[object]], right: dict[str, list[object]]
) -> None:
    assert hash_rows(pl.DataFrame(left)).to_list() != hash_rows(pl.DataFrame(right)).to_list()


def test_more_rows_than_fit_one_slice_keep_their_order() -> None:
    frame = pl.DataFrame({"a": pl.Series(range(45_000), dtype=pl.Int32)})

    hashes = hash_rows(frame)

    assert hashes.n_unique() == frame.height
    assert hashes[44_999] == hash_rows(frame[44_999:]).item()


def test_no_rows_have_no_hashes() -> None:
    assert hash_rows(pl.DataFrame(schema={"a": pl.String})).to_list() == []


def test_a_type_that_no_payload_has_is_refused() -> None:
    with pytest.raises(TypeError, match="column a"):
        hash_rows(pl.DataFrame({"a": [[1]]}))
