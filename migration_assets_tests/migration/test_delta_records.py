"""What became of each record that a delta reached, as the board reads it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
from sqlalchemy import Engine

from migration_assets.migration.delta_records import READ_COLUMNS, DeltaRecords
from migration_assets_tests.migration.conftest import TARGET

NOON = datetime(2026, 12, 1, 12, 0, 0, 123456, tzinfo=UTC)
ROWS = pl.DataFrame(
    {
        "object": ["Contact", "Contact"],
        "key": ["maple:patient:1", "maple:patient:2"],
        "changed_at": [NOON, None],
        "basis": ["modified_at", None],
        "seen_at": [NOON + timedelta(seconds=7), NOON],
        "outcome": ["loaded", "held_back"],
        "found_at": [NOON + timedelta(seconds=30), None],
    }
)


def test_rows_come_back_as_they_were_written_with_their_run(engine: Engine) -> None:
    records = DeltaRecords(engine, TARGET)
    records.add(ROWS, "delta-1")

    read = records.read()

    assert read.schema == pl.Schema(READ_COLUMNS)
    assert read.select(ROWS.columns).equals(ROWS)
    assert read["run_id"].to_list() == ["delta-1", "delta-1"]


def test_what_isn_t_given_is_null_and_nothing_is_no_row(engine: Engine) -> None:
    records = DeltaRecords(engine, TARGET)
    records.add(ROWS.clear(), "delta-1")
    records.add(ROWS.select("object", "key", "outcome").head(1), "delta-2")

    (row,) = records.read().iter_rows(named=True)
    assert (row["changed_at"], row["basis"], row["seen_at"], row["found_at"]) == (None, None, None, None)


def test_another_targets_rows_and_older_ones_are_left_out(engine: Engine) -> None:
    ours, others = DeltaRecords(engine, TARGET), DeltaRecords(engine, replace(TARGET, environment="live"))
    ours.add(ROWS, "delta-1")
    others.add(ROWS, "delta-9")

    written = ours.read()["at"].max()
    assert isinstance(written, datetime)
    assert set(ours.read(written)["run_id"]) == {"delta-1"}
    assert ours.read(written + timedelta(microseconds=1)).is_empty()
