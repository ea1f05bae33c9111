"""How a value of the diff is classed, and what its difference is called, from the texts alone."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from migration_assets.migration.field_diff.cells import CELL_COLUMNS
from migration_assets.migration.field_diff.classes import classed
from migration_assets.migration.field_diff.diagnosis import diagnosed

LONG = "Depths are stable, recall in three months."


def cell(number: int = 1, **more: Any) -> dict[str, Any]:
    """A text that is the same everywhere, unless said otherwise; ``meant`` follows from the texts."""
    text = {"source": "one", "mapped": "one", "expected": "one", "returned": "one"} | more
    place = {"object": "Note", "key": f"maple:note:{number}", "field": "Body__c", "together": "Body__c"}
    judged = {"kind": "text", "meant": text["expected"] == text["returned"]}
    return {**dict.fromkeys(CELL_COLUMNS), **place, **judged, **text}


def frame(*cells: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(cells), schema=CELL_COLUMNS)


def told(*cells: dict[str, Any]) -> list[tuple[str | None, str | None]]:
    """Diagnosis and detail of each."""
    return diagnosed(classed(frame(*cells)), None).select("diagnosis", "detail").rows()


@pytest.mark.parametrize(
    ("cls", "values"),
    [
        ("same", {}),
        ("expected", {"source": "1"}),
        ("expected", {"source": None, "expected": None, "meant": None}),
        ("format", {"source": " one\r\n"}),
        ("format", {"returned": "one ", "meant": False}),
        (
            "format",
            {"source": "1.50", "kind": "number"} | dict.fromkeys(("mapped", "expected", "returned"), "1.5"),
        ),
        (
            "format",
            {"source": "A@B.ORG", "kind": "email"}
            | dict.fromkeys(("mapped", "expected", "returned"), "a@b.org"),
        ),
        ("changed", {"source": "A", "mapped": "a", "expected": "A", "returned": "a"}),
        ("changed", {"returned": "two"}),
        ("changed", {"mapped": "two", "returned": "two"}),
        ("changed", {"mapped": "two", "returned": "two", "expected": "one"}),
        ("changed", {"mapped": "two"}),
        ("lost", {"returned": None}),
        ("lost", {"mapped": None, "returned": None}),
        ("added", {"source": None, "mapped": None, "expected": None}),
        ("added", {"source": None, "expected": None}),
        ("expected", {"mapped": None, "expected": None, "meant": None, "returned": "005", "kind": "user"}),
    ],
)
def test_a_value_is_of_one_class(cls: str, values: dict[str, Any]) -> None:
    assert classed(frame(cell(**values)))["cls"].to_list() == [cls]


@pytest.mark.parametrize(
    ("should", "returned", "kind", "diagnosis", "detail"),
    [
        (LONG, LONG[:10], "text", "truncated", f"cut at 10 of {len(LONG)} characters"),
        ("one\r\ntwo\r\nthree", "one two\nthree", "text", "line_break_lost", "1 of 2 line breaks lost"),
        ("42.5", "4.25", "number", "decimal_shifted", "the decimal point stands 1 further left"),
        ("2", "-2", "number", "sign_turned", "the sign is the other one"),
        ("maple:provider:5", None, "reference", "provider_unresolved", "PANDA names one, the record doesn't"),
        ("maple:plan:5", "maple:plan:6", "reference", "wrong_reference", "names another record"),
        ("one", "two", "text", None, None),
        ("3", "4", "number", None, None),
    ],
)
def test_a_difference_is_named_where_its_texts_tell_it(
    should: str, returned: str | None, kind: str, diagnosis: str | None, detail: str | None
) -> None:
    broken = cell(mapped=should, expected=should, returned=returned, kind=kind)

    assert told(broken) == [(diagnosis, detail)]


def moments(*shifted: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        cell(number, source=should, mapped=should, expected=should, returned=returned, kind="moment")
        for number, (should, returned) in enumerate(shifted)
    ]


def test_times_are_shifted_where_most_of_an_object_are_by_one_offset_or_by_summer_and_winter_times() -> None:
    winter, summer = (
        ("2024-01-02 15:00:00", "2024-01-02 09:30:00"),
        ("2024-07-02 14:00:00", "2024-07-02 09:30:00"),
    )

    assert told(*moments(winter, summer)) == [
        ("time_shifted", "shifted by -5:30 h"),
        ("time_shifted", "shifted by -4:30 h"),
    ]


def test_times_that_differ_each_in_another_way_are_no_shift() -> None:
    rows = moments(
        ("2024-01-02 15:00:00", "2024-01-02 10:00:00"),
        ("2024-01-03 15:00:00", "2024-01-03 18:00:00"),
        ("2024-01-04 15:00:00", "2024-01-04 15:07:00"),
    )

    assert told(*rows) == [(None, None)] * 3


def test_one_number_of_a_chart_is_no_proof_of_a_turned_sign() -> None:
    site = {"mapped": "2", "expected": "2", "returned": "-2", "kind": "number", "cell": "Recession_MB"}

    assert told(cell(1, **site)) == [(None, None)]
    assert {name for name, _ in told(cell(1, **site), cell(2, **site))} == {"sign_turned"}
