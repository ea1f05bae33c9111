"""A practice with every planted defect, staged and mapped: nothing differs until something is changed."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from migration_assets.destinations.base import payload_dtype
from migration_assets.mapping.apply import apply
from migration_assets.mapping.spec import PRACTICE_TABLE
from migration_assets.migration.meaning import compare, missing
from migration_assets.migration.raw_practice import RawPractice
from migration_assets_tests.mapping.staged import practice as practice_table
from migration_assets_tests.migration.meaning_frames import DEFAULT, KEY, MEANINGS
from migration_assets_tests.migration.test_chart_meaning import MAPPING
from migration_assets_tests.objects.rows import context, stage_raw
from migration_sandbox.practice.generator import generate

OBJECTS = [spec.name for spec in MAPPING if spec.name in MEANINGS and spec.chart is None]


@cache
def migrated() -> tuple[RawPractice, dict[str, pl.DataFrame]]:
    """The raw rows, and the records of a faithful destination by object."""
    tables = dict(generate(11, 100, tables="all").tables)
    staged = stage_raw(tables, context())
    rows = {name: each.rows for name, each in staged.items()} | {PRACTICE_TABLE: practice_table()}
    raw = RawPractice(
        practice="maple",
        zone=ZoneInfo("America/New_York"),
        profile=DEFAULT,
        tables=tables,
        rejects=pl.concat([each.rejects for each in staged.values()]),
        corrections=pl.concat([each.corrections for each in staged.values()]),
    )
    returned = {}
    for spec in MAPPING:
        if spec.name in OBJECTS:
            payload = apply(spec, rows, "maple", None)
            types = {each.name: payload_dtype(each) for each in payload.schema.fields}
            returned[spec.name] = payload.frame.with_columns(
                pl.col(name).cast(dtype) for name, dtype in types.items()
            )
    return raw, returned


@pytest.mark.parametrize("name", OBJECTS)
def test_a_faithful_destination_differs_in_nothing_and_lacks_nothing(name: str) -> None:
    raw, returned = migrated()
    comparison = compare(MEANINGS[name], name, KEY, returned[name], raw)

    assert returned[name].height > 0
    assert comparison.differences.rows() == []
    assert missing(MEANINGS[name], name, KEY, returned[name][KEY], raw, ()).is_empty()


@pytest.mark.parametrize("name", OBJECTS)
def test_each_field_is_looked_at_in_every_record(name: str) -> None:
    """Of each field the records' values are turned by one place: whatever isn't its neighbour's is named."""
    raw, returned = migrated()
    blind = []
    for field in dict.fromkeys(field for meaning in MEANINGS[name] for field in meaning.field_names):
        true = returned[name].select(KEY, field)
        turned = true.with_columns(pl.col(field).shift(1, fill_value=pl.col(field).last()))
        changed = turned.filter(~turned[field].eq_missing(true[field]))[KEY]
        found = compare(MEANINGS[name], name, KEY, turned, raw).differences["key"]
        if changed.is_empty() or set(found) != set(changed):
            blind.append(field)
    assert blind == []


@pytest.mark.parametrize("name", OBJECTS)
def test_each_record_that_isnt_there_is_named(name: str) -> None:
    raw, returned = migrated()
    lost = missing(MEANINGS[name], name, KEY, returned[name][KEY].clear(), raw, ())

    assert set(lost["key"]) == set(returned[name][KEY])
