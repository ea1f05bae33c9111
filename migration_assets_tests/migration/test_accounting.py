"""A row that went into no payload has its reason, and one that went into one needs none."""

from __future__ import annotations

import polars as pl

from migration_assets.mapping.apply import LINEAGE_COLUMNS
from migration_assets.migration.accounting import unaccounted
from migration_assets.migration.upload_file import EXCUSED_COLUMNS, STAGED_ROW_COLUMNS


def excuses(answered: list[tuple[str, str, int, list[str]]], *excused: tuple[str, str, str, str]) -> set[str]:
    """The reasons that are left where exam 1 became a note and is the chart row's exam."""
    lineage = pl.DataFrame(
        [("note", "maple:exam_note:1", "Exam", "1", "record")], schema=LINEAGE_COLUMNS, orient="row"
    )
    left = unaccounted(
        pl.DataFrame(excused, schema=EXCUSED_COLUMNS, orient="row"),
        lineage,
        pl.DataFrame(answered, schema=STAGED_ROW_COLUMNS, orient="row"),
    )
    assert left.columns == list(EXCUSED_COLUMNS)
    return set(left["reason"])


def test_an_object_that_answers_for_its_rows_says_why_it_left_one_out_though_another_has_it() -> None:
    answered = [("note", "Exam", 2, ["note"]), ("file", "Exam", 2, ["file"])]
    assert excuses(answered, ("file", "Exam", "1", "nothing_charted")) == {"nothing_charted"}


def test_where_two_objects_answer_together_the_row_of_one_needs_no_excuse() -> None:
    answered = [("file", "Exam", 2, ["file", "note"])]
    assert excuses(answered, ("file", "Exam", "1", "here"), ("file", "Exam", "2", "nowhere")) == {"nowhere"}


def test_an_object_that_does_not_answer_excuses_only_rows_that_are_in_no_payload() -> None:
    answered = [("note", "Exam", 2, ["note"])]
    assert excuses(answered, ("file", "Exam", "1", "here"), ("file", "Exam", "2", "nowhere")) == {"nowhere"}
