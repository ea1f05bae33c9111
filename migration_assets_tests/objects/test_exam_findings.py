"""Exam findings: a tooth is read in its exam's own numbering system, and nothing of a finding is guessed."""

from __future__ import annotations

import pytest

from migration_assets.objects.base import Staged
from migration_assets_tests.objects.rows import Row, changes, exam, finding, reasons, stage_rows


def staged(*rows: Row, system: str | None = "Universal") -> Staged:
    exams = [exam(10, ToothNumberingSystem=system)]
    return stage_rows(exams=exams, findings=list(rows))["exam_findings"]


@pytest.mark.parametrize(
    ("system", "written", "universal"),
    [("Universal", "14", "14"), ("FDI", "14", "5"), ("Palmer", "UR4", "5"), ("FDI", "55", "A")],
)
def test_a_tooth_is_read_in_its_exams_system(system: str, written: str, universal: str) -> None:
    told = staged(finding(Tooth=written), system=system)

    assert told.rows.select("tooth", "tooth_as_charted").row(0) == (universal, written)
    assert changes(told) == []


@pytest.mark.parametrize(("system", "written"), [("Universal", "33"), (None, "3"), ("Haderup", "3")])
def test_a_tooth_that_cant_be_read_stays_as_charted_and_is_listed(system: str | None, written: str) -> None:
    told = staged(finding(Tooth=written), system=system)

    assert told.rows.select("tooth", "tooth_as_charted").row(0) == (None, written)
    assert changes(told) == [("300", "Tooth", "bad_tooth", written)]


def test_a_finding_of_the_whole_mouth_has_no_tooth_and_needs_none() -> None:
    told = staged(finding(Tooth=None, Site=None), system=None)

    assert told.rows["tooth"].item() is None
    assert changes(told) == []


def test_a_site_is_one_of_six_in_any_case_and_any_other_word_is_left_empty() -> None:
    told = staged(finding(1, Site="mb"), finding(2, Site="F"), finding(3, Site=" "))

    assert told.rows["site"].to_list() == ["MB", None, None]
    assert changes(told) == [("2", "Site", "unknown_site", "F")]


def test_a_finding_needs_a_name_and_an_exam_but_the_exam_may_be_unknown() -> None:
    told = staged(
        finding(1, FindingName=" "),
        finding(2, ExamID=None),
        finding(3, ExamID=99),
        finding(4, FindingValue=None),
    )

    assert reasons(told) == [
        ("1", "FindingName", "missing_finding_name"),
        ("2", "ExamID", "required_value_missing"),
    ]
    assert told.rows.select("exam_id", "tooth").rows() == [("99", None), ("10", "3")]
