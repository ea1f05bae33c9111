"""The second reader's figures of charts, against ones that were counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from migration_assets.migration.raw_figures import Exam, chart_lines, figures

SITES = ("MB", "B", "DB", "ML", "L", "DL")
CELLS = (
    "ToothStatus",
    "Mobility",
    *(
        f"{measure}_{site}"
        for measure in ("PocketDepth", "Recession", "BOP", "Suppuration", "Plaque")
        for site in SITES
    ),
    *(f"Furcation_{entrance}" for entrance in "MDBL"),
)


def tooth(code: str, **charted: Any) -> dict[str, Any]:
    return {"tooth": code, "written": f"w{code}", **dict.fromkeys(CELLS), **charted}


def exam(number: str, day: date, patient: str = "7") -> Exam:
    return number, patient, datetime(day.year, day.month, day.day, 14, tzinfo=UTC), day


def test_the_figures_are_those_of_the_latest_exam_with_a_chart() -> None:
    exams = [
        exam("30", date(2024, 5, 6)),
        exam("8", date(2023, 3, 4)),
        exam("9", date(2023, 3, 4)),
        exam("1", date(2020, 1, 2)),
    ]
    teeth = {
        "9": [
            tooth("A", PocketDepth_B=6.0, BOP_B="Yes"),
            tooth("14", PocketDepth_MB=3.0, PocketDepth_DL=6.0, BOP_MB="Yes", BOP_DL="No", Mobility=1.5),
            tooth("3", PocketDepth_MB=0.0, Recession_L=-2.0, BOP_MB="No", Furcation_B=0.0),
        ],
        "8": [tooth("3", PocketDepth_MB=12.0)],
        "1": [tooth("3", PocketDepth_MB=15.0)],
    }
    told = figures(exams, teeth, {"9": 2, "30": 5})["7"]

    assert told == {
        "first_visit": date(2020, 1, 2),
        "visit_before": date(2023, 3, 4),
        "last_visit": date(2024, 5, 6),
        "visits": 4,
        "visit_days": "2020-01-02\n2023-03-04\n2023-03-04\n2024-05-06",
        "charted_exam": "9",
        "charted_on": date(2023, 3, 4),
        "incomplete": True,
        "recession": -2,
        "furcation": 0,
        "mobility": Decimal("1.5"),
        "bleeding": Decimal("50.00"),
        "probed": 4,
        "deepest": 6,
        "average": Decimal("3.75"),
        "deepest_site": "tooth 14 DL",
        "from_4mm": 2,
        "from_6mm": 2,
    }


def test_halves_are_rounded_up_and_what_isnt_charted_has_no_figure() -> None:
    eight = tooth("3", PocketDepth_MB=3.0, PocketDepth_B=2.0, PocketDepth_DB=2.0, PocketDepth_ML=2.0)
    more = tooth("4", PocketDepth_MB=2.0, PocketDepth_B=2.0, PocketDepth_DB=2.0, PocketDepth_ML=2.0)
    told = figures([exam("1", date(2020, 1, 2))], {"1": [eight, more]}, {})["7"]

    assert told["average"] == Decimal("2.13")
    assert (told["recession"], told["mobility"], told.get("bleeding"), told["visit_before"]) == (None,) * 4
    assert told["incomplete"] is False
    assert "deepest" not in figures([exam("1", date(2020, 1, 2))], {}, {})["7"]


def test_a_tooth_is_a_line_of_what_is_charted() -> None:
    odd = tooth(
        "3",
        ToothStatus="present",
        PocketDepth_MB=3.0,
        PocketDepth_DL=12.0,
        Mobility=0.5,
        BOP_B="No",
        BOP_L="Yes",
    )

    assert chart_lines([odd, tooth("AS")]) == (
        "tooth 3; charted as w3; present; depth 3 . . . . 12; mobility 0.5; bleeding . - . . + .\n"
        "tooth AS; charted as wAS"
    )
