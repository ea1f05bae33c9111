"""Charts in a few figures: of which exam they are, what counts, and what isn't there."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from migration_assets_tests.objects.rows import SITES, Row, StagedPractice, charted, exam, stage_rows


def staged(exams: list[Row], chart: list[Row]) -> StagedPractice:
    return stage_rows(exams=exams, chart=chart)


def summary(exams: list[Row], chart: list[Row]) -> dict[str, Any]:
    return staged(exams, chart)["chart_summaries"].rows.row(0, named=True)


def tooth(key: int, number: str, depths: str, exam_id: int = 10, **more: Any) -> Row:
    """``depths``: a digit a site in the order of SITES, a dot for one that isn't charted."""
    probed = {
        f"PocketDepth_{site}": None if digit == "." else int(digit)
        for site, digit in zip(SITES, depths, strict=True)
    }
    return charted(key, **{"ExamID": exam_id, "Tooth": number, "Mobility": None, **probed, **more})


def test_the_figures_are_those_that_a_hand_adds_up() -> None:
    told = summary(
        [exam(10)],
        [
            # 3+2+5+4+2+6 = 22 over six sites; two of three charted sites bleed.
            tooth(1, "14", "325426", BOP_MB=True, BOP_B=True, BOP_DB=False, Recession_B=2, Furcation_M=1),
            # 6+3+3 = 12 over three sites; one more site that doesn't bleed.
            tooth(2, "3", "6.3.3.", BOP_MB=False, Recession_B=-1, Mobility=Decimal("1.5"), Furcation_D=2),
        ],
    )

    assert told["exam_id"] == "10"
    assert (told["sites_probed"], told["sites_4mm"], told["sites_6mm"]) == (9, 4, 2)
    # 34 mm over nine sites are 3.777...
    assert (told["last_pocket_depth"], told["pocket_depth_avg"]) == (6, Decimal("3.78"))
    # Both have one of 6 mm, and tooth 3 stands before tooth 14.
    assert told["deepest_site"] == "tooth 3 MB"
    assert told["bleeding_share"] == Decimal("50.00")
    assert (told["recession_max"], told["furcation_max"]) == (2, 2)
    assert told["mobility_max"] == Decimal("1.5")


def test_they_are_of_the_latest_exam_that_has_a_chart_and_the_dates_of_all() -> None:
    exams = [
        exam(12, ExamDate=datetime(2024, 3, 1, 9)),
        exam(10, ExamDate=datetime(2022, 3, 1, 9)),
        exam(13, ExamDate=datetime(2025, 3, 1, 9)),
        exam(11, ExamDate=datetime(2023, 3, 1, 9)),
    ]
    chart = [tooth(1, "3", "888888", exam_id=10), tooth(2, "3", "333333", exam_id=12)]

    told = staged(exams, chart)["chart_summaries"]

    row = told.rows.row(0, named=True)
    assert (row["exam_id"], row["charted_on"], row["last_pocket_depth"]) == ("12", date(2024, 3, 1), 3)
    assert (row["first_exam_date"], row["previous_exam_date"], row["last_exam_date"]) == (
        date(2022, 3, 1),
        date(2024, 3, 1),
        date(2025, 3, 1),
    )
    assert (row["exam_dates"], row["exam_count"]) == ("2022-03-01\n2023-03-01\n2024-03-01\n2025-03-01", 4)
    assert told.findings == {"exams_without_chart": 0, "later_exam_without_chart": 1}


def test_of_two_exams_at_one_time_the_higher_number_is_the_later() -> None:
    chart = [tooth(1, "3", "222222", exam_id=9), tooth(2, "3", "555555", exam_id=10)]

    assert summary([exam(10), exam(9)], chart)["exam_id"] == "10"


def test_what_wasnt_charted_is_nothing_and_not_zero() -> None:
    bare = summary([exam(10)], [])
    silent = summary([exam(10)], [tooth(1, "3", "......")])
    none = summary([exam(10)], [tooth(1, "3", "222222", BOP_MB=False, Recession_B=0)])

    figures = ("last_pocket_depth", "pocket_depth_avg", "sites_4mm", "bleeding_share", "recession_max")
    assert [bare[name] for name in ("exam_id", *figures)] == [None] * 6
    assert (silent["exam_id"], [silent[name] for name in figures]) == ("10", [None] * 5)
    assert (none["sites_4mm"], none["bleeding_share"], none["recession_max"]) == (0, Decimal("0.00"), 0)
    assert bare["previous_exam_date"] is None


def test_a_refused_tooth_is_in_no_figure_and_says_that_the_chart_is_incomplete() -> None:
    told = summary([exam(10)], [tooth(1, "3", "333333"), tooth(2, "99", "999999")])

    assert (told["last_pocket_depth"], told["chart_incomplete"]) == (3, True)


_DEPTH = st.one_of(st.none(), st.integers(0, 12))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(_DEPTH, min_size=6, max_size=6), min_size=1, max_size=6))
def test_any_chart_is_told_as_plain_counting_tells_it(teeth: list[list[int | None]]) -> None:
    chart = [
        charted(
            number,
            Tooth=str(number),
            Mobility=None,
            **{f"PocketDepth_{site}": depth for site, depth in zip(SITES, depths, strict=True)},
        )
        for number, depths in enumerate(teeth, 1)
    ]
    found = [depth for depths in teeth for depth in depths if depth is not None]

    told = summary([exam(10)], chart)

    assert told["last_pocket_depth"] == max(found, default=None)
    if found:
        assert told["sites_probed"] == len(found)
        assert told["sites_4mm"] == sum(depth >= 4 for depth in found)
        assert told["sites_6mm"] == sum(depth >= 6 for depth in found)
        assert abs(told["pocket_depth_avg"] - Decimal(sum(found)) / len(found)) <= Decimal("0.005")
        _, number, site = told["deepest_site"].split()
        assert teeth[int(number) - 1][SITES.index(site)] == max(found)
