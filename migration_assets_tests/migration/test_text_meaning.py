"""Composed texts out of raw rows: which lines there are, how values read, what leaves no trace."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from migration_assets.migration.declared_meaning import TextMeaning
from migration_assets.migration.field_meaning import EXPECTED, RAW
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.migration.text_meaning import EXACT, expected_texts
from migration_assets.objects.base import CORRECTION_COLUMNS, REJECT_COLUMNS
from migration_assets.panda.profile import load_profile
from migration_assets_tests.migration.meaning_frames import correction, listed

PROVIDERS = pl.DataFrame(
    {"ProviderID": [3, 4], "LastName": [" Vale ", "Ames"], "FirstName": ["Vera", None]},
    schema_overrides={"ProviderID": pl.Int32},
)
PROVIDER = {
    "label": "Provider",
    "in": "Provider",
    "by": "ProviderID",
    "show": [{"column": "LastName", "as": "text"}, {"column": "FirstName", "as": "text"}],
}


def told(
    table: str,
    key: str,
    parts: list[dict[str, Any]],
    rows: pl.DataFrame,
    *,
    rejects: pl.DataFrame | None = None,
    corrections: pl.DataFrame | None = None,
    **others: pl.DataFrame,
) -> dict[str, tuple[str | None, int | None]]:
    raw = RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=load_profile("default"),
        tables={table: rows, "Provider": PROVIDERS, **others},
        rejects=pl.DataFrame(schema=REJECT_COLUMNS) if rejects is None else rejects,
        corrections=pl.DataFrame(schema=CORRECTION_COLUMNS) if corrections is None else corrections,
    )
    made = expected_texts(table, key, TextMeaning.model_validate({"text": parts}), raw)
    return {row[0]: (row[1], row[2]) for row in made.select(RAW, EXPECTED, EXACT).iter_rows()}


def show(label: str, column: str, kind: str) -> dict[str, Any]:
    return {"label": label, "show": [{"column": column, "as": kind}]}


def test_values_read_as_people_write_them() -> None:
    rows = pl.DataFrame(
        {
            "LineID": [1, 2],
            "Sequence": [3, None],
            "EstimatedCost": [Decimal("1250.5000"), Decimal("100.0000")],
            "ScheduledDate": [date(2024, 5, 6), None],
            "CreatedAt": [datetime(2024, 11, 3, 1, 30), datetime(2024, 3, 10, 2, 30)],
            "Phase": ["  graft ", " "],
        }
    )
    parts = [
        {"say": "Line"},
        show("Sequence", "Sequence", "number"),
        show("Cost", "EstimatedCost", "money"),
        show("On", "ScheduledDate", "date"),
        show("Phase", "Phase", "text"),
    ]

    assert told("TreatmentPlanLine", "LineID", parts, rows) == {
        "1": ("Line\nSequence: 3\nCost: 1250.5\nOn: 2024-05-06\nPhase: graft", None),
        "2": ("Line\nCost: 100", None),
    }


def test_a_time_has_the_practices_offset_the_first_of_an_hour_that_is_there_twice() -> None:
    times = [datetime(2024, 11, 3, 1, 30), datetime(2024, 3, 10, 2, 30), datetime(2024, 1, 1), None]
    rows = pl.DataFrame({"AppointmentID": [1, 2, 3, 4], "StartsAt": times, "Status": ["x", "x", "x", None]})
    parts = [{"say": "Visit"}, show("At", "StartsAt", "moment"), show("Is", "Status", "text")]

    assert [text for text, _ in told("Appointment", "AppointmentID", parts, rows).values()] == [
        "Visit\nAt: 2024-11-03 01:30:00 -04:00\nIs: x",
        "Visit\nAt: 2024-03-10 03:30:00 -04:00\nIs: x",
        "Visit\nAt: 2024-01-01 00:00:00 -05:00\nIs: x",
        None,
    ]


def test_a_row_of_another_table_is_shown_as_far_as_it_was_staged() -> None:
    rows = pl.DataFrame(
        {"PlanID": [1, 2, 3, 4], "ProviderID": [3, 4, 5, None], "PlanName": ["a", "b", "c", "d"]}
    )
    refused = listed(REJECT_COLUMNS, {"source_table": "Provider", "source_key": "4", "code": "missing_value"})
    unreadable = listed(CORRECTION_COLUMNS, correction("FirstName", "bridge_na", "Provider", "3"))
    parts = [show("Plan", "PlanName", "text"), PROVIDER]

    texts = told("TreatmentPlan", "PlanID", parts, rows)
    assert [text for text, _ in texts.values()] == [
        "Plan: a\nProvider: Vale, Vera",
        "Plan: b\nProvider: Ames",
        "Plan: c",
        "Plan: d",
    ]
    texts = told("TreatmentPlan", "PlanID", parts, rows, rejects=refused, corrections=unreadable)
    assert [text for text, _ in texts.values()][:2] == ["Plan: a\nProvider: Vale", "Plan: b"]


def test_rows_of_another_table_are_a_line_each_by_number() -> None:
    exams = pl.DataFrame({"ExamID": [1, 2], "Notes": ["a", "b"]})
    findings = pl.DataFrame(
        {
            "FindingID": [10, 9, 8],
            "ExamID": [1, 1, 2],
            "FindingName": ["Calculus", "Caries", None],
            "FindingValue": ["2", None, None],
        }
    )
    cells = [{"column": "FindingName", "as": "text"}, {"column": "FindingValue", "as": "text"}]
    parts = [
        show("Notes", "Notes", "text"),
        {"label": "Findings", "rows_of": "ExamFinding", "by": "ExamID", "show": cells},
    ]

    texts = told("ClinicalExam", "ExamID", parts, exams, ExamFinding=findings)
    assert [text for text, _ in texts.values()] == ["Notes: a\nFindings:\nCaries\nCalculus, 2", "Notes: b"]


def test_of_markup_the_words_are_expected_and_of_plain_text_every_character() -> None:
    rows = pl.DataFrame(
        {"NoteID": [1, 2, 3], "Body": ["<p>one<br>two</p>", "one\n  two", None], "NoteType": ["a"] * 3}
    )
    parts = [show("Type", "NoteType", "text"), show("Note", "Body", "words")]

    assert told("ClinicalNote", "NoteID", parts, rows) == {
        "1": ("Type: a\nNote: one two", len("Type: a\nNote: ")),
        "2": ("Type: a\nNote: one\n  two", None),
        "3": ("Type: a", None),
    }
