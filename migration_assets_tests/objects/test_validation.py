from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from pandera.config import ValidationDepth, config_context
from pandera.polars import PolarsData

from migration_assets.objects import validation
from migration_assets.objects.base import REJECT_COLUMNS
from migration_assets.objects.registry import STAGED_OBJECTS
from migration_assets.objects.validation import Candidates, Refusal, StagedSchemaBroken, judge
from migration_assets_tests.objects.rows import charted, stage_rows


class Sample(pa.DataFrameModel):
    source_id: pl.String = pa.Field(unique=True)
    owner: pl.String
    size: pl.Int16 = pa.Field(nullable=True)

    class Config:
        strict = True
        ordered = True

    @pa.check("size", name="size_out_of_range")
    @classmethod
    def _size(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("size") < 10)


class Raising(pa.DataFrameModel):
    source_id: pl.String
    owner: pl.String
    size: pl.Int16 = pa.Field(nullable=True)

    @pa.check("size", name="size_out_of_range")
    @classmethod
    def _size(cls, data: PolarsData) -> pl.LazyFrame:
        raise ValueError(f"Zqxvalue of {data.key}")


def candidates(rows: pl.DataFrame, *refusals: Refusal, parent: str | None = "owner") -> Candidates:
    return Candidates(
        name="samples",
        source_table="Sample",
        key="SampleID",
        rows=rows,
        source_columns={"source_id": "SampleID", "owner": "OwnerID", "size": "Size"},
        sentences={"size_out_of_range": "the size is 10 or more", "not_wanted": "nobody wants it"},
        refusals=refusals,
        parent=parent,
    )


def samples(*sizes: int | None) -> pl.DataFrame:
    number = pl.int_range(len(sizes), eager=True)
    return pl.DataFrame(
        {
            "source_id": number.cast(pl.String),
            "owner": (number // 3).cast(pl.String),
            "size": pl.Series(sizes, dtype=pl.Int16),
        }
    )


def test_a_check_gives_its_name_as_code_and_the_source_column_and_parent() -> None:
    verdict = judge(candidates(samples(1, 2, 3, 40)), Sample)
    assert verdict.rejects.rows() == [
        ("samples", "Sample", "3", "1", "Size", "size_out_of_range", "the size is 10 or more")
    ]
    assert dict(verdict.rejects.schema) == REJECT_COLUMNS
    assert verdict.rows["source_id"].to_list() == ["0", "1", "2"]
    assert verdict.kept.to_list() == [True, True, True, False]


def test_no_rows_give_typed_empty_frames() -> None:
    verdict = judge(candidates(samples()), Sample)
    assert verdict.rows.schema == samples().schema
    assert dict(verdict.rejects.schema) == REJECT_COLUMNS


def test_a_null_where_there_must_be_a_value_is_a_reject() -> None:
    rows = samples(1, 2).with_columns(owner=pl.lit(None, pl.String))
    verdict = judge(candidates(rows), Sample)
    assert verdict.rejects["code"].to_list() == ["required_value_missing"] * 2


def test_a_refusal_silences_only_the_failures_that_it_explains_in_its_rows() -> None:
    rows = samples(40, 40, 1)
    refused = pl.Series([True, False, True])
    told = judge(candidates(rows, Refusal("not_wanted", "Size", refused, ("size",))), Sample).rejects
    assert told.select("source_key", "code").rows() == [
        ("0", "not_wanted"),
        ("1", "size_out_of_range"),
        ("2", "not_wanted"),
    ]


@pytest.mark.parametrize("limit", [1, 2, 4, 7, 100])
def test_batches_hold_whole_parents_and_every_row_once(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "BATCH_ROWS", limit)
    rows = samples(*[40 if number % 5 == 0 else 1 for number in range(20)])
    cut = list(validation.batches(rows, "owner"))
    assert pl.concat([batch for _, batch in cut]).equals(rows)
    assert [start for start, _ in cut] == [
        rows["source_id"].to_list().index(b["source_id"][0]) for _, b in cut
    ]
    owners = [set(batch["owner"]) for _, batch in cut]
    assert sum(map(len, owners)) == len(set[str]().union(*owners))
    assert all(batch.height <= max(limit, 3) for _, batch in cut)
    verdict = judge(candidates(rows), Sample)
    assert verdict.rejects["source_key"].to_list() == ["0", "5", "10", "15"]


def test_duplicate_and_missing_keys_are_told_apart_so_that_each_row_counts() -> None:
    rows = samples(1, 2, 3, 4).with_columns(source_id=pl.Series(["a", None, "a", None]))
    told = judge(candidates(rows), Sample).rejects
    assert told.select("source_key", "code").rows() == [
        ("a#1", "duplicate_key"),
        ("#1", "missing_key"),
        ("a#2", "duplicate_key"),
        ("#2", "missing_key"),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        samples(1).with_columns(size=pl.lit(1, pl.Int32)),
        samples(1).drop("size"),
        samples(1).with_columns(more=1),
        samples(1).select("owner", "source_id", "size"),
    ],
    ids=["another type", "a column less", "a column more", "another order"],
)
def test_a_frame_that_is_not_as_the_schema_says_never_passes(broken: pl.DataFrame) -> None:
    with pytest.raises(StagedSchemaBroken):
        judge(candidates(broken), Sample)


@pytest.mark.parametrize(
    "off", [{"validation_enabled": False}, {"validation_depth": ValidationDepth.SCHEMA_ONLY}], ids=str
)
def test_nobody_outside_can_switch_the_checks_off(off: dict[str, Any]) -> None:
    with config_context(**off):
        assert judge(candidates(samples(40)), Sample).rejects.height == 1


def test_a_check_that_breaks_stops_staging_without_quoting_a_value() -> None:
    with pytest.raises(StagedSchemaBroken) as caught:
        judge(candidates(samples(1)), Raising)
    assert "Zqx" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("staged", STAGED_OBJECTS, ids=lambda each: each.name)
def test_every_model_is_strict_about_columns_and_their_order(staged) -> None:  # type: ignore[no-untyped-def]
    schema = staged.model.to_schema()
    assert schema.strict is True
    assert schema.ordered is True


@pytest.mark.parametrize("staged", STAGED_OBJECTS, ids=lambda each: each.name)
def test_what_is_staged_passes_its_own_model_again(staged) -> None:  # type: ignore[no-untyped-def]
    told = stage_rows(chart=[charted(100), charted(101, Tooth="X9"), charted(102, Tooth="4")])[staged.name]
    assert staged.model.validate(told.rows, lazy=True).equals(told.rows)
