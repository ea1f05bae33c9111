"""What the benchmarks stand on: pieces measured in processes of their own, and a page that tells of them."""

from __future__ import annotations

import datetime

import polars as pl
import pytest

from benchmarks import layout, loaders, loading, wide_exams
from benchmarks.measuring import Measured, Piece, Taken, Work, measure
from benchmarks.report import Aim, Figures, Section, as_markdown


def allocating(megabytes: int) -> Work:
    """What stood before the work isn't counted as its own."""
    prepared = bytearray(b"x" * (100 << 20))
    return lambda: {"bytes": len(prepared) + len(bytearray(b"x" * (megabytes << 20)))}


def failing() -> Work:
    raise ValueError("no such thing")


def test_the_memory_of_a_piece_is_its_own() -> None:
    (measured,) = measure([Piece("allocating", allocating, {"megabytes": 50})], rounds=1)
    (taken,) = measured.rounds
    assert taken.told == {"bytes": 150 << 20}
    assert 45 < taken.extra_mb < 130
    assert taken.peak_mb > taken.extra_mb + 90


def test_a_piece_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)failing failed:.*no such thing"):
        measure([Piece("failing", failing)], rounds=1)


def test_pieces_are_compared_round_by_round() -> None:
    def of(*seconds: float) -> Measured:
        return Measured("", tuple(Taken(each, each, 0, 0) for each in seconds))

    assert of(2, 20, 6).ratio(of(1, 10, 1), "seconds") == 2


def test_the_gather_and_the_pivot_that_it_is_compared_with_make_the_same_fields() -> None:
    parts = layout._parts()
    chart = layout.charted(3)
    gathered, pivoted = layout._gathered(chart, layout._exams(chart), parts), layout._pivoted(chart, parts)
    assert sum(part.width for part in gathered) == 1058
    assert all(ours.equals(theirs) for ours, theirs in zip(gathered, pivoted, strict=True))


def test_bad_exams_are_one_in_so_many_and_the_others_stay_as_they_are() -> None:
    rows = 80
    exams = pl.DataFrame(
        {
            "PANDA_Key__c": [f"bench:exam:{number}" for number in range(rows)],
            "Contact__c": ["bench:patient:1"] * rows,
            "Charting_Type__c": ["Full mouth"] * rows,
            "ToothNumberingSystem__c": ["Universal"] * rows,
            "Exam_Date__c": [datetime.date(2020, 1, 2)] * rows,
        }
    )
    bad, planted = wide_exams._spoilt(exams, 10)
    changed = exams.join(bad, on=exams.columns, how="anti")["PANDA_Key__c"]
    assert len(planted) == 8
    assert set(changed) == set(planted)
    assert {each.field for each in planted.values()} == set(exams.columns) - {"PANDA_Key__c"}


def test_what_a_loader_says_of_bad_rows_counts_by_key_code_field_and_repeated_value() -> None:
    failed = (
        '"sf__Id","sf__Error",PANDA_Key__c\n'
        '"","STRING_TOO_LONG:Type: data value too large: Full mouth (max length=5):Type__c --",k:1\n'
        '"","INVALID_FIELD:Foreign key external ID: k:9 not found for field PANDA_Key__c: --",k:2\n'
        '"","INVALID_DATE:not in the calendar:Date__c --",k:4\n'
    )
    planted = {
        "k:1": wide_exams.Planted("Type__c", "Full mouth"),
        "k:2": wide_exams.Planted("Contact__c", None),
        "k:3": wide_exams.Planted("Date__c", "0202-03-04"),
    }
    told = loading.attributed(loaders._refused(failed), planted)
    assert told == loading.Told(keys=2, codes=2, fields=1, repeating=1, others=1)


def test_a_page_says_which_aim_is_missed() -> None:
    section = Section(
        "Speed", "By a clock.", [Figures(("what", "s"), [("it", "1.0")])], [Aim("2 s", "3 s", False)]
    )
    page = as_markdown("# Figures", [section])
    assert page.startswith(
        "# Figures\n\n## Speed\n\nBy a clock.\n\n| what | s |\n| --- | ---: |\n| it | 1.0 |\n"
    )
    assert page.endswith("| 2 s | 3 s | missed |\n")
