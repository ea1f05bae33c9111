"""Classifications: spellings, what is no stage, and which one is the latest of a patient and of an exam."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from migration_assets.objects.base import Staged
from migration_assets_tests.objects.rows import TODAY, Row, changes, classification, reasons, stage_rows


def staged(*rows: Row) -> Staged:
    return stage_rows(classifications=list(rows))["classifications"]


def marked(told: Staged, column: str) -> set[str]:
    return set(told.rows.filter(column)["source_id"])


@pytest.mark.parametrize(
    ("written", "stage"), [("III", "III"), ("Stage 3", "III"), ("3", "III"), ("stage iv", "IV"), (" ", None)]
)
def test_a_stage_is_one_of_four_however_it_is_spelled(written: str, stage: str | None) -> None:
    told = staged(classification(Stage=written))

    assert told.rows["stage"].item() == stage
    assert changes(told) == []


@pytest.mark.parametrize(
    ("column", "written", "code"),
    [
        ("Stage", "V", "unknown_stage"),
        ("Grade", "D", "unknown_grade"),
        ("Extent", "left side", "unknown_extent"),
    ],
)
def test_a_word_that_the_classification_hasnt_is_left_empty_and_listed(
    column: str, written: str, code: str
) -> None:
    told = staged(classification() | {column: written})

    assert told.rows[column.lower()].item() is None
    assert changes(told) == [("60", column, code, written)]


def test_the_summary_says_what_is_known_and_leaves_out_what_isnt() -> None:
    day = datetime(2021, 3, 2, 9)
    nothing = {"Stage": None, "Grade": None}
    told = staged(
        classification(1, StagedAt=day, Stage="3", Grade="b", Extent="generalised"),
        classification(2, StagedAt=None, Grade=None, Extent="Localized"),
        classification(3, StagedAt=day, **nothing),
        classification(4, StagedAt=None, **nothing),
    )

    assert told.rows["summary"].to_list() == [
        "2021-03-02: Stage III, Grade B, Generalized",
        "Stage III, Localized",
        "2021-03-02",
        "Periodontal classification",
    ]


def test_the_day_is_the_practices_and_the_moment_is_utc() -> None:
    told = staged(classification(StagedAt=datetime(2024, 1, 31, 22, 0)))

    assert told.rows["staged_on"].item() == date(2024, 1, 31)
    assert told.rows["staged_at"].item() == datetime(2024, 2, 1, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize("wrong", [datetime(1899, 12, 30, 9), datetime(2026, 11, 23, 0)])
def test_a_time_before_1900_or_after_the_extraction_is_left_empty_and_makes_nothing_the_latest(
    wrong: datetime,
) -> None:
    assert date(2026, 11, 22) == TODAY
    told = staged(classification(1), classification(2, StagedAt=wrong))

    assert [change[:3] for change in changes(told)] == [("2", "StagedAt", "staged_at_implausible")]
    assert marked(told, "of_patient") == {"1"}


def test_the_latest_is_told_by_time_then_by_number_and_one_without_a_time_comes_first() -> None:
    day = datetime(2024, 1, 1)
    told = staged(
        classification(10, PatientID=1, ExamID=7, StagedAt=day),
        classification(9, PatientID=1, ExamID=7, StagedAt=day),
        classification(11, PatientID=1, ExamID=None, StagedAt=None),
        classification(12, PatientID=2, ExamID=8, StagedAt=None),
        classification(101, PatientID=2, ExamID=8, StagedAt=None),
        classification(13, PatientID=3, ExamID=None, StagedAt=day),
    )

    assert marked(told, "of_patient") == {"10", "101", "13"}
    assert marked(told, "of_exam") == {"10", "101"}


def test_a_rejected_classification_is_nobodys_latest() -> None:
    later = datetime(2025, 1, 1)
    told = staged(
        classification(1),
        classification(2, StagedAt=later),
        classification(2),
        classification(3, PatientID=None),
    )

    assert [code for _, _, code in reasons(told)] == [
        "duplicate_key",
        "duplicate_key",
        "required_value_missing",
    ]
    assert marked(told, "of_patient") == {"1"}
