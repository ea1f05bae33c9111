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
from migration_assets_tests.mapping.staged import complete
from migration_assets_tests.mapping.staged import practice as practice_table
from migration_assets_tests.migration.meaning_frames import DEFAULT, MEANINGS
from migration_assets_tests.migration.test_chart_meaning import MAPPING
from migration_assets_tests.objects.rows import context, stage_raw
from migration_assets_tests.objects.rows_of_files import as_extracted
from migration_sandbox.practice.generator import generate

# This practice wants no households, and its own Account isn't told by its database.
OBJECTS = [
    spec.name for spec in MAPPING if spec.name in MEANINGS and spec.chart is None and spec.name != "Account"
]
KEYS = {spec.name: spec.schema.key_field for spec in MAPPING}


@cache
def migrated() -> tuple[RawPractice, dict[str, pl.DataFrame]]:
    """The raw rows, and the records of a faithful destination by object."""
    tables = as_extracted(generate(11, 100, tables="all"))
    images = tables["Radiograph"]
    # No document of the generator's holds two images.
    second = images.filter(pl.col("DocumentID").is_not_null())[:1].with_columns(
        pl.lit(9_999_999, pl.Int32).alias("RadiographID")
    )
    tables["Radiograph"] = pl.concat([images, second])
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
            payload = apply(spec, complete(spec, rows), "maple", None)
            returned[spec.name] = payload.frame.select(
                pl.col(each.name).cast(payload_dtype(each)) for each in payload.schema.returned_fields
            )
    return raw, returned


@pytest.mark.parametrize("name", OBJECTS)
def test_a_faithful_destination_differs_in_nothing_and_lacks_nothing(name: str) -> None:
    raw, returned = migrated()
    key = KEYS[name]
    comparison = compare(MEANINGS[name], name, key, returned[name], raw)

    assert returned[name].height > 0
    assert comparison.differences.rows() == []
    assert missing(MEANINGS[name], name, key, returned[name][key], raw, ()).is_empty()


@pytest.mark.parametrize("name", OBJECTS)
def test_each_field_is_looked_at_in_every_record(name: str) -> None:
    """Of each field the records' values are turned by one place: whatever isn't its neighbour's is named.

    Where all are one they are emptied.
    """
    raw, returned = migrated()
    key = KEYS[name]
    blind = []
    for field in dict.fromkeys(field for meaning in MEANINGS[name] for field in meaning.field_names):
        true = returned[name].select(key, field)
        turned = true.with_columns(pl.col(field).shift(1, fill_value=pl.col(field).last()))
        if turned.equals(true):
            turned = true.with_columns(pl.lit(None, true.schema[field]).alias(field))
        changed = turned.filter(~turned[field].eq_missing(true[field]))[key]
        found = compare(MEANINGS[name], name, key, turned, raw).differences["key"]
        if changed.is_empty() or set(found) != set(changed):
            blind.append(field)
    assert blind == []


@pytest.mark.parametrize("name", OBJECTS)
def test_each_record_that_isnt_there_is_named(name: str) -> None:
    raw, returned = migrated()
    key = KEYS[name]
    lost = missing(MEANINGS[name], name, key, returned[name][key].clear(), raw, ())

    assert set(lost["key"]) == set(returned[name][key])
