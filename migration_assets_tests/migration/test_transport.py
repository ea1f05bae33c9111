"""What was sent against what came back: every difference is found, named and of the right kind."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_assets.destinations.base import FieldSchema, FieldType, ObjectSchema, payload_dtype
from migration_assets.migration.transport import DIFFERENCE_COLUMNS, Comparison, compare

KEY = "PANDA_Key__c"


def field(name: str, kind: FieldType, **more: Any) -> FieldSchema:
    return FieldSchema(name, name, kind, custom=True, **more)


SCHEMA = ObjectSchema(
    "Thing__c",
    "Thing",
    "Things",
    True,
    KEY,
    (
        field(KEY, FieldType.TEXT, length=120),
        field("Text__c", FieldType.TEXT, length=255),
        field("Long__c", FieldType.LONG_TEXT, length=1000),
        field("Whole__c", FieldType.NUMBER, precision=3, scale=0),
        field("Decimal__c", FieldType.NUMBER, precision=5, scale=2),
        field("Flag__c", FieldType.CHECKBOX),
        field("Day__c", FieldType.DATE),
        field("Moment__c", FieldType.DATETIME),
        field("Pick__c", FieldType.PICKLIST, values=("A", "B")),
        field("Parent__c", FieldType.LOOKUP, reference_to="Account"),
    ),
)
WHOLE: dict[str, Any] = {
    "Text__c": "text",
    "Long__c": "one\ntwo",
    "Whole__c": 4,
    "Decimal__c": Decimal("7.10"),
    "Flag__c": True,
    "Day__c": date(2024, 5, 6),
    "Moment__c": datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
    "Pick__c": "A",
    "Parent__c": "maple:practice:maple",
}
RETURNED_TYPES = {each.name: payload_dtype(each) for each in SCHEMA.fields}
SENT_TYPES = RETURNED_TYPES | {"Whole__c": pl.Int16(), "Decimal__c": pl.Decimal(5, 2)}
FIELDS = [name for name in SCHEMA.field_names if name != KEY]


def frame(types: dict[str, pl.DataType], *rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{KEY: "k1"} | WHOLE | row for row in rows], schema=types)


def compared(sent: list[dict[str, Any]], returned: list[dict[str, Any]], known: list[str]) -> Comparison:
    there = frame(RETURNED_TYPES, *returned).with_columns(_id=pl.lit("id"))
    return compare(SCHEMA, frame(SENT_TYPES, *sent), there, pl.Series(known, dtype=pl.String))


def changed(name: str, sent: object, returned: object) -> Comparison:
    return compared([{name: sent}], [{name: returned}], ["k1"])


def found(comparison: Comparison) -> list[tuple[str, str, str]]:
    return comparison.differences.select("key", "field", "code").rows()


def test_equal_records_differ_in_nothing_and_every_field_was_compared() -> None:
    comparison = compared([{}, {KEY: "k2"}], [{KEY: "k2"}, {}], ["k1", "k2"])

    assert found(comparison) == []
    assert comparison.compared == 2 * len(FIELDS)
    assert dict(comparison.differences.schema) == DIFFERENCE_COLUMNS


OTHER: dict[str, Any] = {
    "Text__c": "texT",
    "Long__c": "one\n two",
    "Whole__c": 5,
    "Decimal__c": Decimal("7.11"),
    "Flag__c": False,
    "Day__c": date(2024, 5, 7),
    "Moment__c": datetime(2024, 5, 6, 7, 8, 10, tzinfo=UTC),
    "Pick__c": "B",
    "Parent__c": "maple:practice:oak",
}


@pytest.mark.parametrize("name", FIELDS)
def test_one_changed_field_of_any_type_is_named(name: str) -> None:
    comparison = changed(name, WHOLE[name], OTHER[name])

    assert found(comparison) == [("k1", name, "value_changed")]
    assert comparison.different == 1
    values = comparison.differences.select("expected", "actual").row(0)
    assert None not in values
    assert values[0] != values[1]


@pytest.mark.parametrize("name", FIELDS)
def test_a_value_that_got_lost_or_appeared_is_named(name: str) -> None:
    assert found(changed(name, WHOLE[name], None)) == [("k1", name, "value_lost")]
    assert found(changed(name, None, WHOLE[name])) == [("k1", name, "value_added")]


@pytest.mark.parametrize("name", FIELDS)
def test_nothing_equals_nothing(name: str) -> None:
    assert found(changed(name, None, None)) == []


@pytest.mark.parametrize(
    ("name", "nought"), [("Text__c", ""), ("Whole__c", 0), ("Decimal__c", Decimal(0)), ("Flag__c", False)]
)
def test_nothing_isnt_nought(name: str, nought: object) -> None:
    assert found(changed(name, nought, None)) == [("k1", name, "value_lost")]
    assert found(changed(name, None, nought)) == [("k1", name, "value_added")]


def test_a_number_is_equal_however_many_noughts_it_is_written_with() -> None:
    assert found(changed("Decimal__c", Decimal("7.10"), Decimal("7.1"))) == []


def test_a_payloads_float_equals_the_decimal_that_came_back() -> None:
    sent = frame(RETURNED_TYPES, {}).with_columns(pl.lit(7.1).alias("Decimal__c"))

    assert found(compare(SCHEMA, sent, frame(RETURNED_TYPES, {}), pl.Series(["k1"]))) == []


def test_times_are_equal_whatever_unit_a_frame_holds_them_in() -> None:
    sent = frame(SENT_TYPES, {}).with_columns(pl.col("Moment__c").cast(pl.Datetime("us", "UTC")))

    assert found(compare(SCHEMA, sent, frame(RETURNED_TYPES, {}), pl.Series(["k1"]))) == []


@pytest.mark.parametrize("name", ["Text__c", "Long__c"])
def test_line_breaks_are_counted_apart(name: str) -> None:
    comparison = changed(name, "one\r\ntwo\r\n", "one\ntwo\n")

    assert found(comparison) == [("k1", name, "line_break")]
    assert (comparison.different, comparison.line_breaks) == (0, 1)


@pytest.mark.parametrize("returned", ["one\ntwo", "one two", "one\r\ntwo ", "one\r\n\r\ntwo"])
def test_what_is_more_than_a_line_break_isnt_excused_as_one(returned: str) -> None:
    comparison = changed("Long__c", "one\r\ntwo\r\n", returned)

    assert found(comparison) == [("k1", "Long__c", "value_changed")]
    assert (comparison.different, comparison.line_breaks) == (1, 0)


def test_a_record_that_was_loaded_and_isnt_there_is_missing() -> None:
    assert found(compared([{}, {KEY: "k2"}], [{}], ["k1", "k2"])) == [("k2", KEY, "record_missing")]


def test_a_record_that_nobody_sent_is_unexpected() -> None:
    assert found(compared([{}], [{}, {KEY: "k2"}], ["k1"])) == [("k2", KEY, "record_unexpected")]


def test_a_record_sent_earlier_and_not_now_is_neither() -> None:
    assert found(compared([{}], [{}, {KEY: "k2"}], ["k1", "k2"])) == []


def test_a_doubled_record_is_named_once_and_each_copy_is_compared() -> None:
    comparison = compared([{}], [{}, {"Whole__c": 5}], ["k1"])

    assert found(comparison) == [("k1", KEY, "record_doubled"), ("k1", "Whole__c", "value_changed")]


def test_nothing_sent_and_nothing_there_is_no_difference() -> None:
    comparison = compared([], [], [])

    assert (comparison.compared, found(comparison)) == (0, [])


_KEYS = st.sampled_from(["k1", "k2", "k3", "k4"])


@given(sent=st.sets(_KEYS), earlier=st.sets(_KEYS), there=st.lists(_KEYS, max_size=6))
def test_every_record_is_there_as_often_as_it_should_be_or_is_named(
    sent: set[str], earlier: set[str], there: list[str]
) -> None:
    comparison = compared(
        [{KEY: key} for key in sorted(sent)], [{KEY: key} for key in there], sorted(sent | earlier)
    )
    named = {
        code: {key for key, _, each in found(comparison) if each == code}
        for code in ("record_missing", "record_unexpected", "record_doubled")
    }

    assert named["record_missing"] == sent - set(there)
    assert named["record_unexpected"] == set(there) - sent - earlier
    assert named["record_doubled"] == {key for key in there if there.count(key) > 1}
