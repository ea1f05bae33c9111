"""Parting rows that may go on from rejects: Pandera judges every row, whatever was found before it.

A check of a model is called by the reject's code. Rules that need other rows, other tables or today's date
can't be a check of one row; an object's file states them as refusals, and here both become REJECT_COLUMNS.
Pandera's messages quote values, so nothing of its errors but check, column and position leaves this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaErrors
from pandera.polars import DataFrameModel

from migration_assets.errors import MigrationError
from migration_assets.objects.base import REJECT_COLUMNS
from migration_assets.objects.source_rows import SourceRows

BATCH_ROWS = 100_000

_NULL_CHECK = "not_nullable"
_UNIQUE_CHECK = "multiple_fields_uniqueness"
_COMMON_SENTENCES: Mapping[str, str] = {
    "duplicate_key": "the primary key stands in the table more than once; no row of it can be told apart",
    "missing_key": "the primary key is empty",
    "required_value_missing": "a value that every record must have is empty",
    "unreadable_value": "the value isn't of the kind that this column holds",
}


class StagedSchemaBroken(MigrationError):
    """Staging made a frame that isn't as its own model says: a fault of the code, not of the data."""

    code = "staged_schema_broken"


@dataclass(frozen=True)
class Refusal:
    """Rows that a rule over several rows or tables refuses, by position; ``column`` is the logical one.

    ``explains`` are staged columns whose own failures in these rows only repeat this one (a tooth that is
    none leaves the universal number empty); they make no reject of their own.
    """

    code: str
    column: str
    rows: pl.Series
    explains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidates:
    """All rows of an object before the verdict, one for each source row.

    ``rows``: the model's columns; ``source_columns``: staged -> logical source column; ``sentences``: code
    -> sentence; ``null_codes``: staged column -> code where it is null; ``unique_codes``: code where the
    model's unique columns repeat, and the staged column that it is said of.
    """

    name: str
    source_table: str
    key: str
    rows: pl.DataFrame
    source_columns: Mapping[str, str]
    sentences: Mapping[str, str]
    refusals: tuple[Refusal, ...] = ()
    null_codes: Mapping[str, str] | None = None
    unique_code: tuple[str, str] | None = None
    parent: str | None = None


@dataclass(frozen=True)
class Verdict:
    """``rows``: those that passed; ``kept``: Boolean by candidate; ``rejects``: REJECT_COLUMNS."""

    rows: pl.DataFrame
    kept: pl.Series
    rejects: pl.DataFrame


def unreadable(source: SourceRows, source_columns: Mapping[str, str]) -> tuple[Refusal, ...]:
    """A refusal for each column with values that can't be read as its kind."""
    return tuple(
        Refusal(
            "unreadable_value",
            column,
            rows,
            tuple(staged for staged, logical in source_columns.items() if logical == column),
        )
        for column, rows in source.unreadable.items()
        if rows.any()
    )


def judge(candidates: Candidates, model: type[DataFrameModel]) -> Verdict:
    """Part the candidates; a row is rejected once for each rule that it fails.

    Rows must be sorted by ``parent`` where there is one: batches hold whole parents. Where a primary key
    repeats or is empty, its rejects' ``source_key`` ends in ``#`` and a number, so that each row counts.
    Raises StagedSchemaBroken where the frame as such isn't the model's.
    """
    rows = candidates.rows
    keys = rows["source_id"]
    refusals = (*candidates.refusals, *_key_refusals(keys, candidates.key))
    failures = pl.concat([_stated(refusals), _unexplained(_judged(candidates, model), refusals)])
    bad = pl.Series([False]).new_from_index(0, rows.height)
    if failures.height:
        bad = bad.scatter(failures["row"].unique(), True)
    sentences = {**_COMMON_SENTENCES, **candidates.sentences}
    parent = pl.lit(None, pl.String) if candidates.parent is None else rows[candidates.parent]
    rejects = (
        failures.join(_reject_keys(keys, parent), on="row", how="left", maintain_order="left")
        .with_columns(
            object=pl.lit(candidates.name),
            source_table=pl.lit(candidates.source_table),
            message=pl.col("code").replace_strict(sentences, return_dtype=pl.String),
        )
        .sort("row", "column", "code")
        .select(*REJECT_COLUMNS)
    )
    return Verdict(rows.filter(~bad), ~bad, rejects)


def _key_refusals(keys: pl.Series, column: str) -> Iterator[Refusal]:
    missing = keys.is_null()
    if missing.any():
        yield Refusal("missing_key", column, missing, ("source_id",))
    duplicated = keys.is_duplicated() & ~missing
    if duplicated.any():
        yield Refusal("duplicate_key", column, duplicated, ("source_id",))


def told_apart(keys: pl.Series) -> pl.Series:
    """``source_key`` of each row: its primary key, with a number behind it where it isn't one alone."""
    if not (keys.is_duplicated() | keys.is_null()).any():
        return keys.alias("source_key")
    text = pl.col("key").fill_null("")
    number = pl.int_range(1, pl.len() + 1).over("key").cast(pl.String)
    alone = pl.col("key").is_not_null() & ~pl.col("key").is_duplicated()
    apart = pl.when(alone).then(text).otherwise(pl.concat_str(text, pl.lit("#"), number))
    return pl.DataFrame({"key": keys}).select(apart.alias("source_key")).to_series()


def _reject_keys(keys: pl.Series, parent: pl.Series | pl.Expr) -> pl.DataFrame:
    """row, source_key, parent_key."""
    return (
        pl.DataFrame({"source_key": told_apart(keys)}).with_row_index("row").with_columns(parent_key=parent)
    )


def _stated(refusals: tuple[Refusal, ...]) -> pl.DataFrame:
    """row, column, code of every refusal."""
    empty = pl.DataFrame(schema={"row": pl.UInt32, "column": pl.String, "code": pl.String})
    frames = [
        pl.DataFrame({"row": refusal.rows.fill_null(False).arg_true()}).select(
            pl.col("row").cast(pl.UInt32), column=pl.lit(refusal.column), code=pl.lit(refusal.code)
        )
        for refusal in refusals
    ]
    return pl.concat([empty, *frames]).unique(maintain_order=True)


def _unexplained(failures: pl.DataFrame, refusals: tuple[Refusal, ...]) -> pl.DataFrame:
    """Failures (row, staged, column, code) that no refusal of the row explains, as row, column, code."""
    for refusal in refusals:
        if refusal.explains and failures.height:
            explained = refusal.rows.fill_null(False).gather(failures["row"])
            failures = failures.filter(~(explained & failures["staged"].is_in(refusal.explains)))
    return failures.select("row", "column", "code").unique(maintain_order=True)


def _judged(candidates: Candidates, model: type[DataFrameModel]) -> pl.DataFrame:
    """row, staged, column, code of everything that the model refuses."""
    null_codes = candidates.null_codes or {}
    code = (
        pl.when(pl.col("check") == _NULL_CHECK)
        .then(pl.col("column").replace_strict(null_codes, default="required_value_missing"))
        .otherwise("check")
    )
    staged = pl.col("column")
    if candidates.unique_code is not None:
        unique_code, said_of = candidates.unique_code
        repeated = pl.col("check") == _UNIQUE_CHECK
        code = pl.when(repeated).then(pl.lit(unique_code)).otherwise(code)
        staged = pl.when(repeated).then(pl.lit(said_of)).otherwise(staged)
    frames = [
        _failures(batch, model).with_columns(pl.col("row") + start)
        for start, batch in batches(candidates.rows, candidates.parent)
    ]
    found = pl.concat(frames).select("row", staged.alias("staged"), code.alias("code"))
    return found.with_columns(
        column=pl.col("staged").replace_strict(candidates.source_columns, return_dtype=pl.String)
    )


def batches(rows: pl.DataFrame, parent: str | None) -> Iterator[tuple[int, pl.DataFrame]]:
    """Slices of at most BATCH_ROWS, cut between two parents only; an empty frame is a batch too."""
    if parent is None:
        ends = pl.int_range(1, rows.height + 1, eager=True)
    else:
        number = rows[parent].rle_id()
        ends = (number != number.shift(-1)).fill_null(True).arg_true() + 1
    start = 0
    while start < rows.height or start == 0:
        place = ends.search_sorted(start + BATCH_ROWS, side="right")
        # A parent with more rows than a batch is a batch of its own.
        first = ends.search_sorted(start, side="right")
        end = int(ends[max(place - 1, first)]) if rows.height else 0
        yield start, rows.slice(start, end - start)
        if end >= rows.height:
            return
        start = end


def _failures(batch: pl.DataFrame, model: type[DataFrameModel]) -> pl.DataFrame:
    """row, column, check of what the model refuses in a collected batch."""
    cases = _failure_cases(batch, model)
    if cases is None:
        return pl.DataFrame(schema={"row": pl.UInt32, "column": pl.String, "check": pl.String})
    of_the_frame = cases.filter(pl.col("index").is_null())
    if of_the_frame.height:
        told = of_the_frame.select("schema_context", "check").unique().sort("check").rows()
        what = "; ".join(f"{context}: {check}" for context, check in told)
        raise StagedSchemaBroken(
            f"staging made a frame that {model.__name__} refuses as a whole ({what}); report this fault"
        )
    return cases.select(pl.col("index").cast(pl.UInt32).alias("row"), "column", "check")


def _failure_cases(batch: pl.DataFrame, model: type[DataFrameModel]) -> pl.DataFrame | None:
    # The environment could switch Pandera off, or to the schema alone; here neither is ever meant.
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        try:
            model.validate(batch, lazy=True)
        except SchemaErrors as errors:
            cases: pl.DataFrame = errors.failure_cases
            return cases
    return None
