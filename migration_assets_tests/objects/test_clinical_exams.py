from datetime import date, datetime
from decimal import Decimal

import pytest

from migration_assets.objects.base import Staged
from migration_assets_tests.objects.rows import Row, changes, charted, exam, patient, reasons, stage_rows


def staged(*exams: Row, patients: list[Row] | None = None, chart: list[Row] | None = None) -> Staged:
    return stage_rows(patients=patients, exams=list(exams), chart=chart or [])["clinical_exams"]


@pytest.mark.parametrize("at", [datetime(2026, 11, 23, 0, 0), datetime(1899, 12, 30, 9, 0)])
def test_an_exam_outside_the_possible_dates_is_rejected_for_that_reason_alone(at: datetime) -> None:
    assert reasons(staged(exam(ExamDate=at))) == [("10", "ExamDate", "exam_date_implausible")]


def test_an_exam_of_the_day_of_the_extraction_is_staged() -> None:
    assert staged(exam(ExamDate=datetime(2026, 11, 22, 23, 59))).rows.height == 1


def test_an_exam_before_the_birth_is_rejected_and_one_on_that_day_is_not() -> None:
    told = staged(
        exam(10, ExamDate=datetime(1970, 2, 2, 23, 0)), exam(11, ExamDate=datetime(1970, 2, 3, 1, 0))
    )
    assert reasons(told) == [("10", "ExamDate", "exam_before_birth")]
    assert told.rows["source_id"].to_list() == ["11"]


def test_the_birth_date_counts_even_where_the_patient_is_rejected() -> None:
    told = staged(exam(ExamDate=datetime(1969, 1, 1)), patients=[patient(LastName=None)])
    assert reasons(told) == [("10", "ExamDate", "exam_before_birth")]


def test_a_birth_date_that_is_corrected_away_rejects_no_exam() -> None:
    assert staged(exam(), patients=[patient(DateOfBirth=date(2087, 1, 1))]).rows.height == 1


def test_the_exam_of_an_unknown_patient_is_staged() -> None:
    assert staged(exam(PatientID=999)).rows["patient_id"].item() == "999"


@pytest.mark.parametrize(
    ("written", "system"),
    [("fdi", "FDI"), (" Palmer ", "Palmer"), ("ISO 3950", "FDI"), (None, None), ("", None)],
)
def test_the_numbering_system_is_one_of_three_or_nothing(written: str | None, system: str | None) -> None:
    told = staged(exam(ToothNumberingSystem=written))
    assert told.rows["numbering_system"].item() == system
    assert changes(told) == []


def test_an_unknown_numbering_system_leaves_the_exam_with_none_and_is_listed() -> None:
    told = staged(exam(ToothNumberingSystem="Haderup"))
    assert told.rows["numbering_system"].item() is None
    assert changes(told) == [("10", "ToothNumberingSystem", "unknown_numbering_system", "Haderup")]


def test_an_index_outside_0_to_100_is_left_empty() -> None:
    told = staged(
        exam(10, PlaqueIndex=Decimal("100.01"), BleedingIndex=Decimal("100.00")),
        exam(11, PlaqueIndex=Decimal("0.00"), BleedingIndex=Decimal("-0.01")),
    )
    assert changes(told) == [
        ("10", "PlaqueIndex", "index_out_of_range", "100.01"),
        ("11", "BleedingIndex", "index_out_of_range", "-0.01"),
    ]
    assert told.rows["plaque_index"].to_list() == [None, Decimal("0.00")]
    assert told.rows["bleeding_index"].to_list() == [Decimal("100.00"), None]


def test_line_breaks_inside_notes_are_kept_exactly() -> None:
    note = "Bleeding.\r\n\r\nRecall\nin 3 months"
    assert staged(exam(Notes=f" {note} ")).rows["notes"].item() == note


def test_an_exam_tells_how_many_of_its_chart_rows_were_refused() -> None:
    told = staged(
        exam(10),
        exam(11),
        chart=[
            charted(100, Tooth="X9", PocketDepth_MB=55),
            charted(101, Tooth="4"),
            charted(102, Tooth="5", Mobility=Decimal("3.5")),
            charted(103, ExamID=11),
        ],
    )
    assert told.rows.select("source_id", "rejected_teeth", "chart_incomplete").rows() == [
        ("10", 2, True),
        ("11", 0, False),
    ]


def test_the_day_is_the_practices_and_the_moment_is_utc() -> None:
    told = staged(exam(ExamDate=datetime(2024, 7, 1, 21, 0)))
    assert told.rows["examined_on"].item() == date(2024, 7, 1)
    assert told.rows["examined_at"].dt.replace_time_zone(None).item() == datetime(2024, 7, 2, 1, 0)


def test_an_exam_in_the_hour_that_clocks_skip_or_repeat_is_kept_and_counted() -> None:
    told = staged(
        exam(10, ExamDate=datetime(2024, 3, 10, 2, 30)), exam(11, ExamDate=datetime(2024, 11, 3, 1, 30))
    )
    assert dict(told.findings) == {"time_gap": 1, "time_fold": 1}
    assert told.rows.height == 2
