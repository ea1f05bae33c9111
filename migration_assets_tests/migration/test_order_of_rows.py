"""Nothing hangs on the order in which rows came: a refreshed patient's stand behind all others.

Every time and every priority of the practice is one, so that whatever is ordered by them is a tie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from migration_assets.destinations.base import payload_dtype
from migration_assets.mapping.apply import Payload, apply
from migration_assets.mapping.loader import load_specs
from migration_assets.mapping.spec import PRACTICE_TABLE, MappingSet
from migration_assets.migration.meaning import compare
from migration_assets.migration.raw_practice import RawPractice
from migration_assets.objects.base import Staged
from migration_assets_tests.mapping.staged import STAGED_MODELS, complete
from migration_assets_tests.mapping.staged import practice as practice_table
from migration_assets_tests.migration.freshsales_practice import MEANINGS as FRESHSALES_MEANINGS
from migration_assets_tests.migration.freshsales_practice import returned
from migration_assets_tests.migration.meaning_frames import DEFAULT, MEANINGS
from migration_assets_tests.objects.rows import context, stage_raw
from migration_assets_tests.objects.rows_of_files import as_extracted
from migration_sandbox.practice.generator import generate

TIED = {
    "PeriodontalClassification": "StagedAt",
    "ClinicalExam": "ExamDate",
    "Letter": "SentAt",
    "Radiograph": "TakenAt",
    "Insurance": "Priority",
}
DESTINATIONS = ("salesforce", "freshsales")
Tables = dict[str, pl.DataFrame]


def mapping_of(destination: str) -> MappingSet:
    options = {"accounts": "practice"} if destination == "salesforce" else {}
    return load_specs(destination, STAGED_MODELS).resolved(options)


@cache
def tied() -> Tables:
    tables = as_extracted(generate(13, 60, exams_per_patient=2.5, tables="all"))
    for table, column in TIED.items():
        rows = tables[table]
        first = rows[column].drop_nulls()[0]
        tables[table] = rows.with_columns(pl.lit(first, rows.schema[column]).alias(column))
    # Two of each to a patient, and to a document, at least.
    patient, document = (
        tables[table][key][0] for table, key in (("Patient", "PatientID"), ("Letter", "DocumentID"))
    )
    for table, column, owner in (
        ("PeriodontalClassification", "PatientID", patient),
        ("Insurance", "PatientID", patient),
        ("Letter", "DocumentID", document),
    ):
        rows = tables[table]
        of_one = pl.when(pl.int_range(pl.len()) < 4).then(pl.lit(owner, rows.schema[column]))
        tables[table] = rows.with_columns(of_one.otherwise(column).alias(column))
    return tables


def mixed(tables: Tables, seed: int) -> Tables:
    return {name: rows.sample(fraction=1.0, shuffle=True, seed=seed) for name, rows in tables.items()}


@cache
def outcomes(seed: int | None) -> Mapping[str, Staged]:
    """Of the rows as they are, or of them in another order."""
    return stage_raw(tied() if seed is None else mixed(tied(), seed), context())


@cache
def staged(seed: int | None) -> Tables:
    """The rows of an outcome, in another order again."""
    rows = {name: each.rows for name, each in outcomes(seed).items()}
    return rows if seed is None else mixed(rows, seed + 1)


@cache
def payloads(destination: str, seed: int | None) -> dict[str, Payload]:
    rows = staged(seed) | {PRACTICE_TABLE: practice_table()}
    return {
        spec.name: apply(spec, complete(spec, rows), "maple", None)
        for spec in mapping_of(destination)
        if spec.chart is None
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_staged_rows_are_the_same(seed: int) -> None:
    rejects = 0
    for name, expected in outcomes(None).items():
        found = outcomes(seed)[name]
        assert_same_rows(found.rows, expected.rows)
        assert_same_rows(found.rejects, expected.rejects)
        assert_same_rows(found.corrections, expected.corrections)
        rejects += expected.rejects.height
    assert rejects > 10


def assert_same_rows(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    assert_frame_equal(found.sort(expected.columns), expected.sort(expected.columns))


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_records_are_the_same(destination: str) -> None:
    lines = 0
    for name, payload in payloads(destination, None).items():
        found, key = payloads(destination, 1)[name], payload.schema.key_field
        assert_frame_equal(found.frame.sort(key), payload.frame.sort(key))
        lines += sum(
            int(payload.frame[each].str.contains("\n").sum())
            for each, kind in payload.frame.schema.items()
            if kind == pl.String
        )
    assert lines > 0


def test_the_second_reader_expects_the_same() -> None:
    raw = RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=DEFAULT,
        tables=mixed(tied(), 3),
        rejects=pl.concat([each.rejects for each in outcomes(None).values()]),
        corrections=pl.concat([each.corrections for each in outcomes(None).values()]),
    )
    compared = 0
    for name, payload in payloads("salesforce", None).items():
        if name in MEANINGS and name != "Account":
            returned = payload.frame.select(
                pl.col(each.name).cast(payload_dtype(each)) for each in payload.schema.returned_fields
            )
            found = compare(MEANINGS[name], name, payload.schema.key_field, returned, raw)
            assert found.differences.rows() == []
            compared += returned.height
    assert compared > 500


def test_the_second_reader_of_freshsales_expects_the_same() -> None:
    made = returned(tied())
    mixed_up = replace(made, raw=replace(made.raw, tables=mixed(dict(made.raw.tables), 3)))
    for name in FRESHSALES_MEANINGS:
        assert made.records[name].height > 0
        assert mixed_up.different(name).rows() == []
