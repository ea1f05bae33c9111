"""The blackbox check of an account: how it reads keys, parts, texts, figures, charts and drawings."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from migration_assets_tests.blackbox.freshsales import marks
from migration_assets_tests.blackbox.freshsales.drawings import compare_drawing
from migration_assets_tests.blackbox.freshsales.exams import compare_words, exams, figures, without_chart
from migration_assets_tests.blackbox.freshsales.texts import (
    ANYTHING,
    Block,
    block,
    compare_text,
    told_number,
    told_times,
)
from migration_assets_tests.blackbox.report import Announced, Report
from migration_assets_tests.sandbox.blackbox_world import ZONE, chart_row


def found(report: Report) -> set[tuple[str, str, str]]:
    return {(difference.kind, difference.field, difference.key) for difference in report.differences}


@pytest.mark.parametrize(
    ("written", "key", "text"),
    [
        ("Sore.\r\nRecall.\n[PANDA maple:note:7]", "maple:note:7", "Sore.\nRecall."),
        ("[PANDA maple:note:7]", "maple:note:7", ""),
        ("Ends with a break.\n\n[PANDA maple:note:7]\n", "maple:note:7", "Ends with a break.\n"),
        ("[PANDA maple:note:7] is quoted.", None, "[PANDA maple:note:7] is quoted."),
        (None, None, None),
    ],
)
def test_a_texts_key_is_its_last_line(written: str | None, key: str | None, text: str | None) -> None:
    assert marks.of_text(written) == (key, text)


def test_a_files_key_stands_before_its_extension() -> None:
    assert marks.of_name("Scan [PANDA maple.document.7].pdf") == ("maple:document:7", "Scan.pdf")
    assert marks.of_name("Report [PANDA m%2Eb.document.7]") == ("m.b:document:7", "Report")
    assert marks.of_name("Scan.pdf") == (None, "Scan.pdf")


def test_parts_of_a_text_are_joined_where_all_are_there() -> None:
    assert marks.part_of("maple:note:7-part2") == ("maple:note:7", 2)
    assert marks.joined({1: "(part 1 of 2)\nAll \n", 2: "(part 2 of 2)\nof it"}) == "All \nof it"
    assert marks.joined({1: "All of it"}) == "All of it"
    assert marks.joined({1: "(part 1 of 2)\nAll"}) is None
    assert marks.joined({1: "(part 1 of 3)\nAll", 3: "(part 3 of 3)\nit"}) is None
    assert marks.joined({1: "All", 2: "(part 2 of 2)\nof it"}) is None


BLOCKS = [
    Block(None, "Visit note"),
    Block("Provider", "Vale, Ida"),
    Block("Findings", "3, Fremitus\n4, Fremitus", lines=True),
    Block("No image", ANYTHING),
    Block("Note", ("Deep", "pockets")),
]
TEXT = (
    "Visit note\nProvider: Vale, Ida\nFindings:\n3, Fremitus\n4, Fremitus\n"
    "No image: lost\nNote: - Deep\npockets"
)


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ("", "", set()),
        ("Visit note", "Visit", {"heading"}),
        ("Vale, Ida", "Vale, Ida DMD", {"Provider"}),
        ("Provider: Vale, Ida\n", "", {"Provider"}),
        ("4, Fremitus", "4", {"Findings"}),
        ("No image: lost\n", "", {"No image"}),
        ("Deep", "Shallow", {"Note"}),
        ("\nNote: - Deep\npockets", "", {"Note"}),
    ],
)
def test_a_texts_differences_are_named_by_their_lines(old: str, new: str, fields: set[str]) -> None:
    report = Report()

    compare_text(report, "note", "k", BLOCKS, TEXT.replace(old, new, 1))

    assert {field for _, field, _ in found(report)} == {f"description.{each}" for each in fields}


def test_what_a_text_says_besides_is_a_difference() -> None:
    report = Report()

    compare_text(report, "note", "k", BLOCKS[:2], "Visit note\nProvider: Vale, Ida\nMore: of it")
    compare_text(report, "note", "l", BLOCKS[:2], None)

    assert ("differs", "description", "k") in found(report)
    assert ("differs", "description.Provider", "l") in found(report)


def test_values_are_told_as_people_write_them() -> None:
    told = told_times(ZoneInfo("America/New_York"))

    assert told(datetime(2024, 1, 6, 9, 30)) == "2024-01-06 09:30:00 -05:00"
    # The clocks skipped this time.
    assert told(datetime(2024, 3, 10, 2, 30)) == "2024-03-10 03:30:00 -04:00"
    assert [told_number(each) for each in (Decimal("12.50"), 40, Decimal("0.00"), None)] == [
        "12.5",
        "40",
        "0",
        None,
    ]
    assert block("Visit", None, "a", None, "b") == [Block("Visit", "a, b")]
    assert block("Visit", None) == []


def exam(number: int, day: int) -> dict[str, Any]:
    at = datetime(2024, 5, day)
    return {"ExamID": number, "PatientID": 1, "ExamDate": at, "ToothNumberingSystem": "FDI"}


def source(
    *charted: dict[str, Any], others: tuple[dict[str, Any], ...] = ()
) -> dict[str, list[dict[str, Any]]]:
    return {"ClinicalExam": [exam(9, 6), *others], "PeriodontalCharting": list(charted)}


CHARTED = (
    chart_row(1, 9, "16", PocketDepth=[7, 2, None, None, None, 3], BOP=[True, False, None, None, None, None])
    | {"Mobility": Decimal("1.5"), "Furcation_D": 2, "ToothStatus": "present"},
    chart_row(2, 9, "13", PocketDepth=[None, 7, 4, None, None, None], Recession=[-1] + 5 * [None]),
)
WORDS = (
    "tooth 3; charted as 16; present; depth 7 2 . . . 3; mobility 1.5; furcation . 2 . .; "
    "bleeding + - . . . .\n"
    "tooth 6; charted as 13; depth . 7 4 . . .; recession -1 . . . . ."
)


def test_figures_are_of_the_latest_exam_that_has_a_chart() -> None:
    later = exam(10, 20)
    made = exams(Report(), source(*CHARTED, others=(later, exam(8, 1))), Announced(), ZONE)

    told = figures({1: list(made.values())})(1)

    chart = {name.partition(".")[2]: value for name, value in told.items() if name.startswith("chart.")}
    assert chart == {
        "Deepest": 7, "Mean": Decimal("4.60"), "Site": "tooth 3 MB", "Probed": 5, "From4": 3, "From6": 2,
        "Recession": -1, "Bleeding": 50, "Furcation": 2, "Mobility": Decimal("1.5"), "Incomplete": False,
        "On": "2024-05-06", "Exam": 9,
    }  # fmt: skip
    assert (told["visits.First"], told["visits.Previous"], told["visits.Last"], told["visits.Count"]) == (
        "2024-05-01", "2024-05-06", "2024-05-20", 3,
    )  # fmt: skip
    assert set(figures({})(1).values()) == {None}


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("", "", None),
        ("depth 7 2", "depth 2 7", "Chart.PocketDepth_MB"),
        ("recession -1", "recession 1", "Chart.Recession_MB"),
        ("bleeding + -", "bleeding - -", "Chart.BOP_MB"),
        ("bleeding + -", "bleeding + .", "Chart.BOP_B"),
        ("depth 7 2 . . . 3", "depth 7 2 . . 3", "Chart.PocketDepth_DL"),
        ("charted as 13", "charted as 23", "Chart.charted as"),
        ("present", "missing", "Chart.ToothStatus"),
        ("; mobility 1.5", "", "Chart.Mobility"),
        ("tooth 6;", "tooth 11;", "Chart"),
    ],
)
def test_a_chart_in_words_is_compared_value_by_value(old: str, new: str, difference: str | None) -> None:
    report = Report()
    made = exams(report, source(*CHARTED), Announced(), ZONE)
    text = "Periodontal charting\nNotes: Chart (of old):\nnone\nChart (Universal numbers):\n" + WORDS

    before, chart = without_chart(text.replace(old, new, 1) if old else text)
    compare_words(report, "k", made[9], chart)

    assert before == "Periodontal charting\nNotes: Chart (of old):\nnone"
    assert (difference in {field for _, field, _ in found(report)}) if difference else not report.differences


def test_a_chart_that_is_missing_misses_every_tooth() -> None:
    report = Report()

    compare_words(report, "k", exams(report, source(*CHARTED), Announced(), ZONE)[9], None)

    assert found(report) == {("missing", "Chart", "k tooth 3"), ("missing", "Chart", "k tooth 6")}


DRAWN = """<svg xmlns="http://www.w3.org/2000/svg">
<text class="status" data-tooth="3">present</text><text class="mobility" data-tooth="3">1.5</text>
<g class="furcation" data-tooth="3" data-entrance="D" data-grade="2"/>
<text class="pocket_depth" data-tooth="3" data-site="MB">7</text>
<text class="pocket_depth" data-tooth="3" data-site="B">2</text>
<text class="pocket_depth" data-tooth="3" data-site="DL">3</text>
<circle class="bleeding" data-tooth="3" data-site="MB"/>
<text class="listed" data-tooth="6">13: pocket depth 4 7 \u2013 / \u2013 \u2013 \u2013;</text>
<text class="listed" data-tooth="6">recession \u2013 \u2013 -1 / \u2013 \u2013 \u2013</text></svg>"""


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ("", "", set()),
        (">7<", ">6<", {"drawing.PocketDepth_MB"}),
        ('<circle class="bleeding" data-tooth="3" data-site="MB"/>', "", {"drawing.BOP_MB"}),
        ('data-grade="2"', 'data-grade="1"', {"drawing.Furcation_D"}),
        ("present", "missing", {"drawing.ToothStatus"}),
        ("pocket depth 4 7", "pocket depth 7 4", {"drawing.PocketDepth_DB", "drawing.PocketDepth_B"}),
        ('class="listed" data-tooth="6"', "", {"drawing"}),
        ("</svg>", "", {"drawing"}),
    ],
)
def test_a_drawing_is_compared_mark_by_mark(old: str, new: str, fields: set[str]) -> None:
    report = Report()
    made = exams(report, source(*CHARTED), Announced(), ZONE)

    compare_drawing(report, "k", made[9], (DRAWN.replace(old, new) if old else DRAWN).encode())

    assert {field for _, field, _ in found(report)} == fields
