"""Kinds of values that this issue's specs don't map yet, and numbers with a point."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema
from migration_assets.mapping.problems import MESSAGES, find_problems

KEY = FieldSchema("Key__c", "Key", FieldType.TEXT, custom=True, length=120)


def codes(field: FieldSchema, values: pl.Series) -> list[str]:
    schema = ObjectSchema("Thing__c", "Thing", "Things", True, "Key__c", (KEY, field))
    keys = pl.Series([f"k{number}" for number in range(values.len())], dtype=pl.String)
    return find_problems(pl.DataFrame({"Key__c": keys, field.name: values}), schema)["code"].to_list()


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (Decimal("999.99"), True),
        (Decimal("-999.99"), True),
        (Decimal("1000.00"), False),
        (Decimal("0.001"), False),
        (None, True),
    ],
)
def test_a_decimal_must_fit_precision_and_scale(value: Decimal | None, fits: bool) -> None:
    number = FieldSchema("N__c", "N", FieldType.NUMBER, custom=True, precision=5, scale=2)

    found = codes(number, pl.Series([value], dtype=pl.Decimal(12, 3)))

    assert found == ([] if fits else ["number_out_of_range"])


@pytest.mark.parametrize(
    ("value", "fits"),
    [(0.1 + 0.2, True), (999.99, True), (0.125, False), (float("nan"), False), (float("inf"), False)],
)
def test_a_float_may_differ_from_its_decimal_by_no_more_than_its_own_error(value: float, fits: bool) -> None:
    number = FieldSchema("N__c", "N", FieldType.NUMBER, custom=True, precision=5, scale=2)

    assert codes(number, pl.Series([value])) == ([] if fits else ["number_out_of_range"])


def test_every_value_of_a_multi_picklist_must_be_known() -> None:
    field = FieldSchema("M__c", "M", FieldType.MULTI_PICKLIST, custom=True, values=("DDS", "MS"))

    assert codes(field, pl.Series(["DDS;MS", "DDS", None])) == []
    assert codes(field, pl.Series(["DDS;RDH"])) == ["value_not_in_picklist"]


def test_an_unrestricted_picklist_takes_any_value() -> None:
    field = FieldSchema("P__c", "P", FieldType.PICKLIST, custom=True, values=("a",), restricted=False)

    assert codes(field, pl.Series(["b"])) == []


def test_every_code_has_a_sentence() -> None:
    assert set(MESSAGES) == {
        "text_too_long",
        "unrepresentable_character",
        "value_not_in_picklist",
        "number_out_of_range",
        "required_missing",
    }
