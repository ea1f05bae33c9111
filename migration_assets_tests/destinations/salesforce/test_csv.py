"""Frames as Bulk API 2.0 CSV and back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets.destinations.salesforce import csv
from migration_assets.errors import DestinationError
from migration_assets_tests.destinations.salesforce.schemas import CONTACT, EVENT, EXAM, sent_dtype, wide_exam


def exam_rows(**columns: list[Any]) -> pl.DataFrame:
    """Exams with null in every column that isn't given."""
    height = len(next(iter(columns.values())))
    return pl.DataFrame(
        {field.name: columns.get(field.name, [None] * height) for field in EXAM.fields},
        schema={field.name: sent_dtype(field) for field in EXAM.fields},
    )


def lines(rows: pl.DataFrame) -> list[str]:
    return b"".join(csv.encode(rows, EXAM)).decode().splitlines()


def cell(name: str, value: Any) -> str:
    row = exam_rows(PANDA_Key__c=["k"], **{name: [value]})
    return lines(row)[1].split(",")[EXAM.field_names.index(name)]


def test_the_header_addresses_parents_by_their_external_id() -> None:
    assert csv.header(EXAM).split(",")[:3] == ["PANDA_Key__c", "Contact__r.PANDA_Key__c", "Notes__c"]
    assert "Account.PANDA_Key__c" in csv.header(CONTACT).split(",")


def test_a_polymorphic_parent_names_its_target_in_the_header() -> None:
    assert "Contact:Who.PANDA_Key__c" in csv.header(EVENT).split(",")
    assert "Account:What.PANDA_Key__c" in csv.header(EVENT).split(",")


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("Short__c", None, "#N/A"),
        ("Short__c", "", "#N/A"),
        ("Contact__c", None, "#N/A"),
        ("Depth__c", None, "#N/A"),
        ("Depth__c", 7, "7"),
        ("Bleeding__c", True, "true"),
        ("Bleeding__c", None, "false"),
        ("Exam_Date__c", date(987, 1, 2), "0987-01-02"),
        ("Charted_At__c", datetime(2026, 3, 8, 7, 5, 1, 9000, tzinfo=UTC), "2026-03-08T07:05:01.009Z"),
        ("Cost__c", Decimal("1234567890123.50"), "1234567890123.50"),
    ],
)
def test_values_are_written_in_the_platforms_terms(name: str, value: Any, written: str) -> None:
    assert cell(name, value) == written


def test_floats_are_never_written_with_an_exponent() -> None:
    rows = exam_rows(PANDA_Key__c=["k"]).with_columns(pl.Series("Ratio__c", [1e-7]))
    assert "0.0000001" in lines(rows)[1]


def test_a_text_that_means_null_there_fails_here_and_the_others_go_on() -> None:
    rows = exam_rows(
        PANDA_Key__c=["a", "b", "c"], Short__c=["fine", "#N/A", None], Notes__c=[None, "#N/A", None]
    )
    good, failed = csv.unrepresentable(rows, EXAM)
    assert good["PANDA_Key__c"].to_list() == ["a", "c"]
    assert [(each.key, each.outcome, each.code, each.field) for each in failed] == [
        ("b", "failed", "UNREPRESENTABLE_VALUE", "Notes__c")
    ]


def test_numbers_without_end_fail_here() -> None:
    rows = exam_rows(PANDA_Key__c=["a", "b"]).with_columns(
        pl.Series("Ratio__c", [float("inf"), float("nan")])
    )
    good, failed = csv.unrepresentable(rows, EXAM)
    assert good.is_empty()
    assert {each.key for each in failed} == {"a", "b"}


def test_rows_are_sorted_by_parent_and_then_by_key() -> None:
    rows = exam_rows(PANDA_Key__c=["d", "c", "b", "a"], Contact__c=["y", None, "x", "y"])
    assert csv.in_parent_order(rows, EXAM)["PANDA_Key__c"].to_list() == ["b", "a", "d", "c"]


def test_parts_keep_every_row_once_and_stay_below_both_limits() -> None:
    keys = [f"k{number:05}" for number in range(3_000)]
    rows = exam_rows(PANDA_Key__c=keys, Notes__c=["x" * (number % 700) for number in range(3_000)])
    parts = list(csv.split(rows, EXAM, max_bytes=100_000, max_rows=700))
    assert [key for part in parts for key in part["PANDA_Key__c"]] == keys
    assert all(len(csv.encode(part, EXAM)) <= 100_000 and part.height <= 700 for part in parts)
    assert len(parts) > 3


def test_a_record_larger_than_a_job_is_refused_without_its_text() -> None:
    rows = exam_rows(PANDA_Key__c=["k"], Notes__c=["secret" * 3_000])
    with pytest.raises(DestinationError, match="max_job_bytes") as refused:
        list(csv.split(rows, EXAM, max_bytes=10_000, max_rows=10))
    assert "secret" not in str(refused.value)


def test_the_header_of_a_full_chart_is_measured() -> None:
    assert len(csv.header(wide_exam(2_000))) > csv.MAX_HEADER_CHARACTERS


def answer(rows: list[list[str]]) -> bytes:
    """A CSV as the platform writes it: every value quoted."""
    return b"".join(
        (",".join('"' + value.replace('"', '""') + '"' for value in row) + "\n").encode() for row in rows
    )


@given(
    values=st.lists(
        st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=200, deadline=None)
def test_every_text_comes_back_from_a_csv_as_it_is(values: list[str]) -> None:
    content = answer([["Id", "Text"], *(["1", value] for value in values)])
    found = csv.read_text(content, ["Id", "Text"])["Text"].to_list()
    assert found == [value or None for value in values]


@given(
    values=st.lists(
        st.text(
            alphabet=st.one_of(st.sampled_from('\r\n",#N/A ;'), st.characters(exclude_categories=["Cs"]))
        ),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=200, deadline=None)
def test_every_text_survives_writing_and_reading(values: list[str]) -> None:
    values = [value for value in values if value != csv.NULL and "\x00" not in value] or ["x"]
    rows = exam_rows(PANDA_Key__c=[str(number) for number in range(len(values))], Notes__c=values)
    found = csv.read_text(b"".join(csv.encode(rows, EXAM)), EXAM.field_names)
    assert found["Notes__c"].replace(csv.NULL, None).to_list() == [value or None for value in values]


def test_nothing_and_the_empty_text_are_both_null() -> None:
    assert csv.read_text(b'a,b\n"",\n', ["a", "b"]).row(0) == (None, None)


@pytest.mark.parametrize("content", [b"", b"\n", b'"Id","Text"\n'])
def test_an_answer_without_rows_is_an_empty_frame(content: bytes) -> None:
    assert csv.read_text(content, ["Id", "Text"]).shape == (0, 2)


def test_answers_of_another_width_are_an_error() -> None:
    with pytest.raises(DestinationError, match="3 columns"):
        csv.read_text(b"a,b,c\n1,2,3\n", ["a", "b"])


def typed_exam(name: str, text: str | None) -> Any:
    texts = pl.DataFrame(
        {"_id": ["1"], "_modified_at": ["2026-01-02T03:04:05.000Z"], name: [text]},
        schema_overrides={name: pl.String},
    )
    return csv.typed(texts, EXAM, [name])[name][0]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("Depth__c", "7.0", 7),
        ("Depth__c", "1.2E1", 12),
        ("Depth__c", None, None),
        ("Cost__c", "12345678.9", Decimal("12345678.90")),
        ("Cost__c", "1.23456789E7", Decimal("12345678.90")),
        ("Bleeding__c", "true", True),
        ("Bleeding__c", "false", False),
        ("Exam_Date__c", "2026-02-03", date(2026, 2, 3)),
        ("Charted_At__c", "2026-02-03T04:05:06.007Z", datetime(2026, 2, 3, 4, 5, 6, 7000, tzinfo=UTC)),
        ("Charted_At__c", "2026-02-03T04:05:06.000+0000", datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)),
        ("Notes__c", "a\r\nb", "a\r\nb"),
    ],
)
def test_texts_become_the_types_of_their_fields(name: str, text: str | None, value: Any) -> None:
    assert typed_exam(name, text) == value


def test_a_value_of_another_type_is_an_error_that_does_not_quote_it() -> None:
    with pytest.raises(DestinationError) as refused:
        typed_exam("Depth__c", "12.7")
    assert "12.7" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
