"""Staging against a generated practice whose defects, and what must come of each, are known."""

from collections import Counter
from typing import get_args

import pytest

from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets_tests.objects.rows import stage_raw
from migration_assets_tests.objects.rows_of_files import as_extracted
from migration_sandbox.practice.generator import generate
from migration_sandbox.practice.manifest import Expectation, Outcome
from migration_sandbox.practice.teeth import Numbering


@pytest.mark.parametrize("numbering", get_args(Numbering))
def test_exactly_the_planted_defects_are_found(numbering: Numbering) -> None:
    practice = generate(11, 120, numbering=numbering, planted=1, tables="all")
    told = stage_raw(as_extracted(practice))
    columns = ("source_table", "source_key", "column", "code")
    rejected = {row for each in told.values() for row in each.rejects.select(columns).rows()}
    corrected = {row for each in told.values() for row in each.corrections.select(columns).rows()}
    tables = {table for each in STAGED_OBJECTS for table in each.reads}

    def expected(outcome: Outcome) -> list[Expectation]:
        return [each for each in practice.manifest.expected(outcome) if each.table in tables]

    assert rejected == {
        (each.table, each.source_key, each.column, each.code) for each in expected("rejected")
    }
    assert corrected == {
        (each.table, each.source_key, each.column, each.code) for each in expected("corrected")
    }
    incomplete = told["clinical_exams"].rows.filter("chart_incomplete")["source_id"]
    assert set(incomplete) == {each.source_key for each in expected("flagged")}
    found = sum((Counter(each.findings) for each in told.values()), Counter[str]())
    kept = Counter(each.code for each in expected("kept"))
    exactly = ("half_grade_mobility", "furcation_without_entrance", "measures_on_missing_tooth")
    for code in (*exactly, "rtf_unreadable", "letter_shares_document", "no_image"):
        assert found[code] == kept[code]
    for code in ("time_gap", "time_fold", "duplicate_chart_number"):
        assert found[code] >= kept[code]
